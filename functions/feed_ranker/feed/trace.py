"""The trace of a request: what `make why` needs besides the page itself, small enough for each row.

The page's own row holds posts, score parts, weights and propensities. A request that ranked anew
adds how that went; one that took its page from an earlier queue names the request that ranked it.
The exploration's draws depend on session, page number and position alone: these are its seed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from shared.models import Source

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from functions.feed_ranker.pages.page import Page
    from functions.feed_ranker.ranking.queue import Queue
    from shared.flags import Decision
    from shared.models import Retrieval


def of_queue(retrieval: Retrieval, queue: Queue, decision: Decision) -> dict[str, Any]:
    """How a queue came about.

    `found`: candidates by rung, `origins`: by the walk that found them first, `drops`: what the
    walks met and left, by filter, `complete`: whether no other unseen post exists, `ranked` and
    `spare`: posts that ranking would show, and those kept for discovery.
    """
    candidates = [*retrieval.unseen, *retrieval.seen]
    return {
        "found": dict(Counter(c.rung for c in candidates)),
        "origins": dict(Counter(c.origin for c in retrieval.unseen if c.origin)),
        "drops": dict(retrieval.drops),
        "complete": retrieval.complete,
        "ranked": queue.ranked,
        "spare": len(queue.entries) - queue.ranked,
        "flags": dict(decision.flags),
    }


def of_page(page: Page, request_id: str, lost: Collection[UUID]) -> dict[str, Any]:
    """How a page came about.

    `by`: the request that ranked its queue, where it is another one, `draws`: position and
    propensity of each post drawn for discovery, `lost`: posts that turned out not to be shown.
    """
    draws = [
        [position, post.propensity]
        for position, post in enumerate(page.posts)
        if post.source is Source.EXPLORE
    ]
    made: dict[str, Any] = {"draws": draws} if draws else {}
    if page.ranked_by != request_id:
        made["by"] = page.ranked_by
    if lost:
        made["lost"] = len(lost)
    return made
