"""Pages and queues as they are stored, in Postgres (the record) and DynamoDB (the cache)."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from functions.feed_ranker.cursor import Position
from functions.feed_ranker.page import Page, Placed
from functions.feed_ranker.queue import Entry, Queue
from shared.models import Source
from shared.ranking import Parts

if TYPE_CHECKING:
    from collections.abc import Mapping

Content = dict[UUID, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class CachedQueue:
    """A queue as the cache holds it.

    Attributes:
        queue: The ranked posts; its `seen` is empty.
        content: What clients are shown of each, for when Postgres is gone.
        fresh_until: Unix seconds after which the queue is ranked anew.
    """

    queue: Queue
    content: Content
    fresh_until: int


def page_document(page: Page, *, stale: bool) -> dict[str, Any]:
    """A page as JSON. `posts` rows: post, creator, source, parts, score, followed, propensity."""
    after = page.after
    return {
        "page_size": page.page_size,
        "degraded": page.degraded,
        "stale": stale,
        "posts": [
            [
                str(p.post_id),
                str(p.creator_id),
                p.source,
                list(p.parts),
                p.score,
                p.followed,
                p.propensity,
            ]
            for p in page.posts
        ],
        "next": {
            "built": after.built,
            "used": f"{after.used:x}",
            "last_creator": after.last_creator.hex(),
            "gap": after.gap,
        },
    }


def read_page(document: Mapping[str, Any], session: UUID, page_no: int) -> Page:
    """The page that `page_document` described."""
    after = document["next"]
    return Page(
        posts=tuple(
            Placed(
                UUID(post),
                UUID(creator),
                Source(source),
                Parts(*parts),
                score,
                followed,
                propensity,
            )
            for post, creator, source, parts, score, followed, propensity in document["posts"]
        ),
        page_size=document["page_size"],
        after=Position(
            session=session,
            page_no=page_no + 1,
            built=after["built"],
            used=int(after["used"], 16),
            last_creator=bytes.fromhex(after["last_creator"]),
            gap=after["gap"],
        ),
        degraded=document["degraded"],
    )


def queue_document(cached: CachedQueue) -> dict[str, Any]:
    """A queue as JSON. `entries` rows: post, creator, source, parts, score, followed, weight."""
    queue = cached.queue
    return {
        "page_size": queue.page_size,
        "complete": queue.complete,
        "ranked": queue.ranked,
        "fresh_until": cached.fresh_until,
        "entries": [
            [
                e.post_id.hex,
                e.creator_id.hex,
                e.source,
                list(e.parts),
                e.score,
                e.followed,
                e.weight,
            ]
            for e in queue.entries
        ],
        "content": list(cached.content.values()),
    }


def read_queue(document: Mapping[str, Any]) -> CachedQueue:
    """The queue that `queue_document` described."""
    queue = Queue(
        entries=tuple(
            Entry(UUID(post), UUID(creator), Source(source), Parts(*parts), score, followed, weight)
            for post, creator, source, parts, score, followed, weight in document["entries"]
        ),
        ranked=document["ranked"],
        seen=(),
        complete=document["complete"],
        page_size=document["page_size"],
    )
    return CachedQueue(queue, content_by_id(document["content"]), document["fresh_until"])


def content_by_id(posts: list[dict[str, Any]]) -> Content:
    """What clients are shown of posts, by id."""
    return {UUID(post["post_id"]): post for post in posts}


def pack(document: Mapping[str, Any]) -> bytes:
    """A document, compressed: DynamoDB charges by the kilobyte."""
    return zlib.compress(json.dumps(document, separators=(",", ":")).encode(), level=1)


def unpack(data: bytes) -> dict[str, Any]:
    """The document that `pack` made."""
    document: dict[str, Any] = json.loads(zlib.decompress(data))
    return document
