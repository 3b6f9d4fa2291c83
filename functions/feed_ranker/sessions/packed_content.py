"""What clients are shown of posts, and how a queue keeps it as bytes for when Postgres is gone."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Content = Mapping[UUID, dict[str, Any]]  # what clients are shown of posts, by id

_MOST_BYTES: Final = 16_000  # of a queue with its content
_BYTES_OF_AN_ENTRY: Final = 60  # what a queue takes of that for each post, its ids included
_SHORT_CAPTION: Final = 80  # characters
_SHORT_TAGS: Final = 60  # characters of all tags together
_RAW: Final = -15  # deflate without a frame of its own
_LEVEL: Final = 6
_MEMORY: Final = 8
# What such texts hold again and again, the commonest last: a compressor that knows it beforehand
# needs fewer bytes for a text that is short. Another dictionary is another form of what is stored.
_KNOWN: Final = (
    b'"null,null,null,null,null,null,null,null,"signed":[true,true,true,'
    b'"duration_ms":[180000,60000,45000,30000,15000,000,000,000,'
    b'"aspect_ratio":["16:9","1:1","4:5","9:16","9:16","9:16","9:16","9:16","9:16"],"created_at":[17'
    b'"]],"playback_id":["","","signed":[false,false,false,false,false,false,false],'
    b'{"caption":["","tags":[["],["],[],[],['
    b'{"found":{"fresh":,"following":,"trending":,"seen":},"found_by":{"hot":1,"new":1,"heat":1,'
    b'"covisit":1,"creator":1,"tag":1,"cohort":1,"unproven":1,"following":},'
    b'"filtered":{"seen":1,"served":12,"walked":2},"complete":false,'
    b'"ranked":24,"for_discovery":16,"flags":{},"decided":[0.'
    b'[[12,false,16,0,["control",[0.4,0.3,0.2,0.1],0.1,0],"'
    b'"trending","trending","following","following","fresh","fresh","fresh","fresh","fresh"],'
    b'["","","","","","","","","","","","","","","",""],["gggggggggggg","AAAAAAAAAAAA","",'
    b'"ffffffffffffffff"],[0,0,0,0,0,0,0,0,0,0,0],[0,0,0,0,1,0,-1,0,0],'
    b"[1000000,1000000,1000000,1000000]]]"
)
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


def _shortened(columns: dict[str, list[Any]], most_bytes: int) -> bytes:
    """Compress columns with short captions and tags, of as many posts as fit."""
    columns = {
        **columns,
        "caption": [_short_caption(caption) for caption in columns["caption"]],
        "tags": [_short_tags(tags) for tags in columns["tags"]],
    }
    count = len(columns["caption"])
    while len(data := deflated(_text(columns, count))) > most_bytes and count > 0:
        count = min(count - 1, count * most_bytes // len(data))
    return data


def _text(columns: dict[str, list[Any]], count: int) -> str:
    """Write columns with the first `count` posts; those behind look as if they were gone."""
    left_out = [None] * (len(columns["caption"]) - count)
    kept = {name: [*column[:count], *left_out] for name, column in columns.items()}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


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
    def of(cls, posts_with_creators: Sequence[tuple[UUID, UUID]], columns: str) -> PackedContent:
        """Pack what Postgres gave of these posts, in this order, into 16 kB with the queue.

        DynamoDB takes items of 400 kB and charges by the kilobyte, for text that is read only when
        Postgres is gone. So where it is too much, captions and tags are shortened, and where that
        is not enough, posts from the end are left out.
        """
        data = deflated(columns)
        most_bytes = _MOST_BYTES - _BYTES_OF_AN_ENTRY * len(posts_with_creators)
        if len(data) > most_bytes:
            data = _shortened(json.loads(columns), most_bytes)
        return cls(posts_with_creators, data)

    @cached_property
    def _posts(self) -> dict[UUID, dict[str, Any]]:
        columns = json.loads(inflated(self.data)[0])
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
