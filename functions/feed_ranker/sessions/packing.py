"""Pages and queues as bytes: DynamoDB charges by the kilobyte.

A version byte, the ids as they are (no compressor finds anything in them), then a compressed text;
behind a queue's, a second one with what clients are shown, which is read only when Postgres is
gone. Columns compress better than rows, and whole millionths better than decimal fractions.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from functions.feed_ranker.pages.cursor import Position
from functions.feed_ranker.pages.page import Page, Placed
from functions.feed_ranker.ranking.ladder import Entry
from functions.feed_ranker.ranking.queue import Queue
from functions.feed_ranker.sessions.packed_content import RAW, PackedContent, deflated
from shared.models import Source
from shared.ranking import Parts
from shared.ranking_config import Weights
from shared.variants import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


_VERSION: Final = 3
_HEAD: Final = struct.Struct(">BH")  # version, how many posts
_ID: Final = 16
_MILLIONTHS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class CachedQueue:
    """A queue as the cache holds it.

    Attributes:
        queue: The ranked posts; its `seen` is empty.
        content: What clients are shown, for when Postgres is gone: of the queue's entries in their
            order, then of others on the page that the queue was ranked for.
        fresh_until: Unix seconds after which the queue is ranked anew.
    """

    queue: Queue
    content: PackedContent
    fresh_until: int

    @classmethod
    def of(cls, queue: Queue, page: Page, columns: str, fresh_until: int) -> CachedQueue:
        """A queue and the page it was ranked for, with what Postgres gave for their `owners`."""
        return cls(queue, PackedContent.of(owners(queue, page), columns), fresh_until)


def owners(queue: Queue, page: Page) -> list[tuple[UUID, UUID]]:
    """The posts whose content is cached with a queue, each with its creator."""
    return [(entry.post_id, entry.creator_id) for entry in queue.entries] + [
        (post.post_id, post.creator_id) for post in page.posts if post.is_repeat
    ]


def pack_page(page: Page, *, stale: bool) -> bytes:
    """A page as bytes; `stale`: it came of an expired queue."""
    after, posts = page.after, page.posts
    head = [
        page.page_size,
        page.degraded,
        stale,
        _packed_policy(page.policy),
        page.ranked_by,
        [after.built, f"{after.used:x}", after.last_creator.hex(), after.gap],
    ]
    columns = [_figures(p.propensity for p in posts), *_columns(posts, page.policy.weights)]
    return _join([(post.post_id, post.creator_id) for post in posts], [head, columns])


def unpack_page(data: bytes, session: UUID, page_no: int) -> tuple[Page, bool] | None:
    """The page that `pack_page` made bytes of, and whether it is stale; None: not of this form."""
    split = _split(data)
    if split is None:
        return None
    held, (head, (propensities, *columns)), _ = split
    page_size, degraded, stale, packed, ranked_by, (built, used, last_creator, gap) = head
    policy = _read_policy(packed)
    posts = tuple(
        Placed(post, creator, source, parts, score, followed, propensity, because)
        for (post, creator, source, parts, score, followed, because), propensity in zip(
            _rows(held, columns, policy.weights), _read_figures(propensities), strict=True
        )
    )
    after = Position(
        session=session,
        page_no=page_no + 1,
        built=built,
        used=int(used, 16),
        last_creator=bytes.fromhex(last_creator),
        gap=gap,
    )
    page = Page(
        posts=posts,
        page_size=page_size,
        after=after,
        degraded=degraded,
        policy=policy,
        ranked_by=ranked_by,
    )
    return page, stale


def pack_queue(cached: CachedQueue) -> bytes:
    """A queue as bytes, with what clients are shown of its posts; the posts that repeat aside."""
    queue = cached.queue
    head = [
        queue.page_size,
        queue.complete,
        queue.ranked,
        queue.revision,
        _packed_policy(queue.policy),
        queue.ranked_by,
        cached.fresh_until,
    ]
    columns = [
        _figures(e.weight for e in queue.entries),
        *_columns(queue.entries, queue.policy.weights),
    ]
    return _join(cached.content.owners, [head, columns]) + cached.content.data


def unpack_queue(data: bytes) -> CachedQueue | None:
    """The queue that `pack_queue` made bytes of; None: not of this form."""
    split = _split(data)
    if split is None:
        return None
    held, (head, (weights, *columns)), rest = split
    page_size, complete, ranked, revision, packed, ranked_by, fresh_until = head
    policy = _read_policy(packed)
    entries = tuple(
        Entry(post, creator, source, parts, score, followed, weight, because)
        for (post, creator, source, parts, score, followed, because), weight in zip(
            _rows(held[: len(weights)], columns, policy.weights),
            _read_figures(weights),
            strict=True,
        )
    )
    queue = Queue(
        entries=entries,
        ranked=ranked,
        seen=(),
        complete=complete,
        page_size=page_size,
        revision=revision,
        policy=policy,
        ranked_by=ranked_by,
    )
    return CachedQueue(queue, PackedContent(held, rest), fresh_until)


def _packed_policy(policy: Policy) -> list[Any]:
    """What pages need of a policy: its tuning has done its work by then."""
    weights = list(astuple(policy.weights))
    return [policy.variant, weights, policy.exploration_rate, int(policy.chronological)]


def _read_policy(packed: list[Any]) -> Policy:
    variant, weights, rate, chronological = packed
    return Policy(variant, Weights(*weights), rate, bool(chronological))


def _columns(posts: Sequence[Entry | Placed], weights: Weights) -> list[Any]:
    """Sources, reasons, who is followed, scores, then the parts.

    A score in whole millionths stands as its distance from what its parts give: hardly a bit.
    """
    parts = [_figures(post.parts[i] for post in posts) for i in range(len(Parts._fields))]
    return [
        [post.source for post in posts],
        [post.because for post in posts],
        [int(post.followed) for post in posts],
        [
            score - _expected(post.parts, weights) if isinstance(score, int) else score
            for post, score in zip(posts, _figures(post.score for post in posts), strict=True)
        ],
        *parts,
    ]


def _rows(
    held: Sequence[tuple[UUID, UUID]], columns: Sequence[Any], weights: Weights
) -> Iterator[tuple[UUID, UUID, Source, Parts, float, bool, str]]:
    sources, because, followed, scores, *parts = columns
    shares = [_read_figures(part) for part in parts]
    for (post, creator), source, code, follows, packed, *own in zip(
        held, sources, because, followed, scores, *shares, strict=True
    ):
        given = Parts(*own)
        whole = isinstance(packed, int)
        score = (_expected(given, weights) + packed) / _MILLIONTHS if whole else packed
        yield post, creator, Source(source), given, score, bool(follows), code


def _expected(parts: Parts, weights: Weights) -> int:
    """The score that parts give, in millionths."""
    total = parts.total(weights)
    return round(total * _MILLIONTHS) if math.isfinite(total) else 0


def _figures(values: Iterable[float | None]) -> list[Any]:
    """Figures of six decimals as whole millionths; any other as it is."""
    found: list[Any] = []
    for value in values:
        if value is None or not 0.0 <= value < _MILLIONTHS:
            found.append(value)
            continue
        whole = round(value * _MILLIONTHS)
        found.append(whole if whole / _MILLIONTHS == value else value)
    return found


def _read_figures(values: Iterable[Any]) -> list[Any]:
    return [value / _MILLIONTHS if type(value) is int else value for value in values]


def _join(held: Sequence[tuple[UUID, UUID]], document: list[Any]) -> bytes:
    raw = b"".join(post.bytes + creator.bytes for post, creator in held)
    text = json.dumps(document, separators=(",", ":"))
    return _HEAD.pack(_VERSION, len(held)) + raw + deflated(text)


def _split(data: bytes) -> tuple[list[tuple[UUID, UUID]], Any, bytes] | None:
    """Posts with their creators, document and what follows it."""
    if len(data) < _HEAD.size:
        return None
    version, count = _HEAD.unpack_from(data)
    if version != _VERSION:
        return None
    end = _HEAD.size + 2 * count * _ID
    ids = [UUID(bytes=data[at : at + _ID]) for at in range(_HEAD.size, end, _ID)]
    stream = zlib.decompressobj(RAW)
    document = json.loads(stream.decompress(data[end:]))
    return list(zip(ids[::2], ids[1::2], strict=True)), document, stream.unused_data
