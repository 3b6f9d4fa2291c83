"""What clients are shown of posts, and how a queue keeps it as bytes for when Postgres is gone."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from shared import dense

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

Content = Mapping[UUID, dict[str, Any]]  # what clients are shown of posts, by id

_MOST_BYTES: Final = 16_000  # of a queue with its content
_BYTES_OF_AN_ENTRY: Final = 60  # what a queue takes of that for each post, its ids included
_KILOBYTE: Final = 1_024  # DynamoDB charges for each that is begun
_BYTES_OF_TEXTS: Final = 24  # what a caption and tags usually take, compressed
_MOST_BYTES_OF_TEXTS: Final = 48  # from which on it is not worth a try
_WITHOUT_TEXT: Final[dict[str, Any]] = {"caption": "", "tags": []}
_SHORT_CAPTION: Final = 80  # characters
_SHORT_TAGS: Final = 60  # characters of all tags together
_RAW: Final = -15  # deflate without a frame of its own
_LEVEL: Final = 6
_MEMORY: Final = 8
# What such texts hold again and again, the commonest last: a compressor that knows it beforehand
# needs fewer bytes for a text that is short. Another dictionary is another form of what is stored.
_KNOWN: Final = (
    b'"null,null,null,null,null,null,null,null,true,true,true,null,'
    b'"16:9","1:1","4:5","9:16","9:16","9:16","9:16","9:16"],"created_at":null},[["",0'
    b'"duration_ms":null,"aspect_ratio":["9:16"]],"playback_id":null,"signed":[false,false,false,'
    b'[{"caption":["","","","tags":[["],["],[],[],['
    b'"following":,"seen":"heat":1,"covisit":1,"tag":1,"cohort":1,"unproven":1,"following":,'
    b'{"found":{"fresh":,"trending":2},"found_by":{"creator":1,"hot":,"new":2},"filtered":{"seen":,'
    b'"served":1,"walked":2},"complete":false,"ranked":28,"for_discovery":16,"flags":{},'
    b'"decided":[0.,null,{}]],1,1000,10],,1,22],[0,1,20],[0,1,20],[0,1,20],[0,1,19],[1000000,1,0]]]'
    b'[[12,false,48,0,["control",[0.4,0.3,0.2,0.1],0.1,0],",0,1,null,{'
    b'[null,["trending","trending","following","following","fresh","fresh","fresh","fresh","fresh"],'
    b'["liked_tags","similar_to_watched","","","","","","","","","",""],["gggggggggggg",'
    b'"AAAAAAAAAAAA","","ffffffffffffffff"],null,null,null,null,null,null],[[0,1,21],[0,1,0],[0,1,1],[-1,1,2],'
)
_SIZE: Final = struct.Struct(">H")  # bytes of the columns that are bytes
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def deflated(text: str) -> bytes:
    """Compress a text."""
    made = zlib.compressobj(
        _LEVEL, zlib.DEFLATED, _RAW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, zdict=_KNOWN
    )
    return made.compress(text.encode()) + made.flush()


def inflated(data: bytes) -> tuple[bytes, bytes]:
    """Return the text that `data` begins with, uncompressed, and the bytes behind it."""
    stream = zlib.decompressobj(_RAW, zdict=_KNOWN)
    return stream.decompress(data), stream.unused_data


def content_by_id(posts: list[dict[str, Any]]) -> dict[UUID, dict[str, Any]]:
    """Return what clients are shown of posts, by id."""
    return {UUID(post["post_id"]): post for post in posts}


def _packed(columns: dict[str, list[Any]]) -> bytes:
    """Pack columns of equal length. Of a post without a caption nothing else is kept."""
    captions = columns.get("caption", [])
    gone = {i for i, caption in enumerate(captions) if caption is None}
    if gone:
        columns = {
            name: column if name == "caption" else _without(gone, column)
            for name, column in columns.items()
        }
    kept, forms, data = dense.written(columns.values(), len(captions))
    text = json.dumps(
        [dict(zip(columns, kept, strict=True)), forms], ensure_ascii=False, separators=(",", ":")
    )
    return _SIZE.pack(len(data)) + data + deflated(text)


def _without(gone: set[int], column: list[Any]) -> list[Any]:
    """Give those that are gone the value that takes the least beside the others."""
    usual = next((value for i, value in enumerate(column) if i not in gone), None)
    nothing = type(usual)() if isinstance(usual, str | list) else usual
    return [nothing if i in gone else value for i, value in enumerate(column)]


def _unpacked(data: bytes, count: int) -> dict[str, list[Any]]:
    """Read the columns of `count` posts that `_packed` has packed."""
    (size,) = _SIZE.unpack_from(data)
    end = _SIZE.size + size
    columns, forms = json.loads(inflated(data[end:])[0])
    found = dense.read(columns.values(), forms, count, data[_SIZE.size : end])
    return dict(zip(columns, found, strict=True))


def _shortened(columns: dict[str, list[Any]], most_bytes: int) -> bytes:
    """Pack columns with short captions and tags, of as many posts as fit."""
    columns = {
        **columns,
        "caption": [_short_caption(caption) for caption in columns["caption"]],
        "tags": [_short_tags(tags) for tags in columns["tags"]],
    }
    count = len(columns["caption"])
    while len(data := _packed(_first(columns, count))) > most_bytes and count > 0:
        count = min(count - 1, count * most_bytes // len(data))
    return data


def _in_fewer_kilobytes(
    columns: dict[str, list[Any]], data: bytes, beside: int, spare: Sequence[int]
) -> bytes:
    """Pack columns without the texts of spare posts, where the item takes a kilobyte less so."""
    excess = (beside + len(data)) % _KILOBYTE
    likely = excess // _BYTES_OF_TEXTS + 1
    for count in (likely, len(spare)):
        if not 0 < count <= len(spare) or excess > _MOST_BYTES_OF_TEXTS * count:
            continue
        mute = {*spare[-count:]}
        shorter = _packed(
            {
                name: [
                    _WITHOUT_TEXT.get(name, value) if i in mute and value is not None else value
                    for i, value in enumerate(column)
                ]
                for name, column in columns.items()
            }
        )
        if len(data) - len(shorter) >= excess:
            return shorter
    return data


def _first(columns: dict[str, list[Any]], count: int) -> dict[str, list[Any]]:
    """Return columns with the first `count` posts; those behind look as if they were gone."""
    left_out = [None] * (len(columns["caption"]) - count)
    return {name: [*column[:count], *left_out] for name, column in columns.items()}


def _short_caption(caption: str | None) -> str | None:
    if caption is None or len(caption) <= _SHORT_CAPTION:
        return caption
    return f"{caption[: _SHORT_CAPTION - 1]}…"


def _short_tags(tags: list[str] | None) -> list[str] | None:
    """Return the first tags that together stay short."""
    if tags is None:
        return None
    lengths = accumulate(len(tag) for tag in tags)
    return [tag for tag, length in zip(tags, lengths, strict=True) if length <= _SHORT_TAGS]


class PackedContent(Mapping[UUID, dict[str, Any]]):
    """What clients are shown of posts, unpacked when it is asked for.

    Attributes:
        posts_with_creators: Each post with its creator.
        data: The columns that `posts_as_cached` gave for these posts, compressed.
    """

    def __init__(self, posts_with_creators: Sequence[tuple[UUID, UUID]], data: bytes) -> None:
        """Hold `data` as it was stored."""
        self.posts_with_creators = posts_with_creators
        self.data = data

    @classmethod
    def of(
        cls,
        posts_with_creators: Sequence[tuple[UUID, UUID]],
        columns: str,
        *,
        beside: int = 0,
        spare: Collection[UUID] = (),
    ) -> PackedContent:
        """Pack what Postgres gave of these posts, in this order, into 16 kB with the queue.

        DynamoDB takes items of 400 kB and charges by the kilobyte, for text that is read only when
        Postgres is gone. So where it is too much, captions and tags are shortened, and where that
        is not enough, posts from the end are left out.

        Args:
            posts_with_creators: Each post with its creator.
            columns: What `posts_as_cached` gave for these posts.
            beside: The bytes of the item without them.
            spare: Posts that are hardly ever shown while Postgres is gone. They are kept without
                captions and tags where the item takes a kilobyte less so: those from the end, and
                about as few as that takes.
        """
        read = json.loads(columns)
        data = _packed(read)
        most_bytes = _MOST_BYTES - _BYTES_OF_AN_ENTRY * len(posts_with_creators)
        if len(data) > most_bytes:
            data = _shortened(read, most_bytes)
        else:
            last = [i for i, (post, _) in enumerate(posts_with_creators) if post in spare]
            data = _in_fewer_kilobytes(read, data, beside, last)
        return cls(posts_with_creators, data)

    @cached_property
    def _posts(self) -> dict[UUID, dict[str, Any]]:
        columns = _unpacked(self.data, len(self.posts_with_creators))
        posts: dict[UUID, dict[str, Any]] = {}
        for (post_id, creator_id), *values in zip(
            self.posts_with_creators, *columns.values(), strict=True
        ):
            post = dict(zip(columns, values, strict=True))
            if post["caption"] is None:
                continue
            created = _EPOCH + timedelta(microseconds=post["created_at"])
            post["created_at"] = created.isoformat(timespec="microseconds").replace("+00:00", "Z")
            posts[post_id] = {"post_id": str(post_id), "creator_id": str(creator_id), **post}
        return posts

    def __getitem__(self, post_id: UUID) -> dict[str, Any]:
        return self._posts[post_id]

    def __iter__(self) -> Iterator[UUID]:
        return iter(self._posts)

    def __len__(self) -> int:
        return len(self._posts)
