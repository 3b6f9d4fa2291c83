"""The trace of a request: what `make why` needs besides the page itself, small enough for each row.

The page's own row holds posts, score parts, weights and propensities. A request that ranked anew
adds how that went; one that took its page from an earlier queue names the request that ranked it.
The exploration's draws depend on session, page number and position alone: these are its seed.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from shared.models import Rung

if TYPE_CHECKING:
    from collections.abc import Iterable

    from functions.feed_ranker.feed.request import FeedRequest
    from functions.feed_ranker.feed.work import Draft
    from functions.feed_ranker.pages.page import Page
    from functions.feed_ranker.ranking.queue import Queue
    from shared.flags import Decision
    from shared.models import Retrieved


def _of_any(request: FeedRequest) -> dict[str, Any]:
    """Describe what every request has, whatever it is answered with."""
    return {
        "request_id": request.request_id,
        "page_size": request.page_size,
        "elapsed_ms": round(request.elapsed_ms(), 3),
        "device": request.moment.device,
        "daypart": request.moment.daypart,
    }


def of_request(
    request: FeedRequest,
    draft: Draft,
    *,
    withdrawn: int,
    queue_expired: bool,
    degraded: str | None,
) -> dict[str, Any]:
    """Describe a request as its row of feed_requests."""
    page = draft.page
    of_queue = draft.ranked.trace if draft.ranked else {}
    return {
        **_of_any(request),
        "cache_hit": draft.new_queue is None,
        "prepared": draft.prepared,
        "stale_cursor": queue_expired,
        "degraded": degraded,
        "variant": page.policy.variant,
        "sources": by_rung(page),
        "trace": {**of_queue, **of_page(page, request.request_id, withdrawn)},
    }


def of_replay(request: FeedRequest, *, cache_gone: bool) -> dict[str, Any]:
    """Describe a request that is answered with the page that stands; the ledger adds the rest."""
    return {
        **_of_any(request),
        "cache_hit": True,
        "degraded": "cache" if cache_gone else None,
    }


def by_rung(page: Page) -> dict[str, int]:
    """Count the posts of a page by their rung."""
    return _counted(str(post.rung) for post in page.posts)


def _counted(names: Iterable[str]) -> dict[str, int]:
    """Count names, in an order that does not depend on the plan by which Postgres found them.

    A queue is stored with these counts, compressed, so that another order has another size.
    """
    return dict(sorted(Counter(names).items()))


def of_queue(retrieved: Retrieved, queue: Queue, decision: Decision) -> dict[str, Any]:
    """Describe how a queue came about.

    `found` counts candidates by rung, and `found_by` by the walk that found them first; `filtered`
    counts what the walks met and left out, by filter. `complete` says whether no other unseen post
    exists. `ranked` counts the posts that ranking would show, `for_discovery` the others.
    `decided` holds the share of each part of the score in what set the candidates apart. In the
    interview of a new viewer `answers` says how many of their watches the ranking knew.
    """
    candidates = [*retrieved.unseen, *retrieved.seen]
    return {
        "found": _counted(c.rung for c in candidates),
        "found_by": _counted(c.source for c in retrieved.unseen if c.source),
        "filtered": dict(retrieved.filtered),
        "complete": retrieved.complete,
        "ranked": queue.ranked_count,
        "for_discovery": len(queue.entries) - queue.ranked_count,
        "flags": dict(decision.flags),
        "decided": [round(share, 3) for share in queue.decided or ()],
        **({} if queue.answers is None else {"answers": queue.answers}),
    }


def of_page(page: Page, request_id: str, withdrawn: int) -> dict[str, Any]:
    """Describe how a page came about.

    `ranked_by` names the request that ranked its queue, where it is another one. `draws` holds
    position and propensity of each post drawn for discovery. `withdrawn` counts the posts that
    turned out not to be shown.
    """
    draws = [
        [position, post.propensity]
        for position, post in enumerate(page.posts)
        if post.rung is Rung.EXPLORE
    ]
    made: dict[str, Any] = {"draws": draws} if draws else {}
    if page.ranked_by != request_id:
        made["ranked_by"] = page.ranked_by
    if withdrawn:
        made["withdrawn"] = withdrawn
    return made
