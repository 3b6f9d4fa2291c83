"""How a queue is stored in DynamoDB, with what clients are shown of its posts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from functions.feed_ranker.ranking.queue import Queue
from functions.feed_ranker.ranking.stream import Entry
from functions.feed_ranker.sessions.columns import (
    columns_of,
    joined,
    packed_policy,
    read_figures,
    read_policy,
    rows_of,
    split,
    whole_figures,
)
from functions.feed_ranker.sessions.packed_content import PackedContent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from functions.feed_ranker.pages.page import Page


@dataclass(frozen=True, slots=True)
class CachedQueue:
    """A queue as the cache holds it.

    Attributes:
        ranked: The ranked posts; its `seen` is empty.
        content: What clients are shown, for when Postgres is gone: of the queue's entries in their
            order, then of the repeats on the page that the queue was ranked for.
        fresh_until: Unix seconds after which the queue is ranked anew.
        prepared: Whether it was ranked ahead of the request for its first page.
        trace: How it came about, where it was prepared: no request for a page has logged it.
    """

    ranked: Queue
    content: PackedContent
    fresh_until: int
    prepared: bool = False
    trace: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, queue: Queue, page: Page, columns: str, fresh_until: int) -> CachedQueue:
        """Join a queue with what Postgres gave of its `posts_with_creators`."""
        content = PackedContent.of(posts_with_creators(queue, page), columns)
        return cls(queue, content, fresh_until)


def posts_with_creators(queue: Queue, page: Page) -> list[tuple[UUID, UUID]]:
    """Return the posts whose content is cached with a queue, each with its creator."""
    return [(entry.post_id, entry.creator_id) for entry in queue.entries] + [
        (post.post_id, post.creator_id) for post in page.posts if post.is_repeat
    ]


def pack_queue(cached: CachedQueue) -> bytes:
    """Pack a queue into bytes, with the content of its posts and without those that repeat."""
    queue = cached.ranked
    head = [
        queue.page_size,
        queue.complete,
        queue.ranked_count,
        queue.revision,
        packed_policy(queue.policy),
        queue.ranked_by,
        cached.fresh_until,
        int(cached.prepared),
        queue.answers,
        dict(cached.trace),
    ]
    columns = [
        whole_figures(e.weight for e in queue.entries),
        *columns_of(queue.entries, queue.policy.weights),
    ]
    return joined(cached.content.posts_with_creators, [head, columns]) + cached.content.data


def unpack_queue(data: bytes) -> CachedQueue | None:
    """Read what `pack_queue` has packed; None where another release has, in a form of its own."""
    found = split(data)
    if found is None:
        return None
    held, (head, (weights, *columns)), rest = found
    page_size, complete, ranked_count, revision, packed, ranked_by, fresh_until, *made = head
    prepared, answers, trace = made
    policy = read_policy(packed)
    entries = tuple(
        Entry(post, creator, rung, parts, score, followed, weight, reason, evidence)
        for (post, creator, rung, parts, score, followed, reason, evidence), weight in zip(
            rows_of(held[: len(weights)], columns, policy.weights),
            read_figures(weights),
            strict=True,
        )
    )
    queue = Queue(
        entries=entries,
        ranked_count=ranked_count,
        seen=(),
        complete=complete,
        page_size=page_size,
        revision=revision,
        policy=policy,
        ranked_by=ranked_by,
        answers=answers,
    )
    return CachedQueue(queue, PackedContent(held, rest), fresh_until, bool(prepared), trace)
