"""Drafts of pages: from a queue that is found or ranked anew, or from the page that stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from functions.feed_ranker.feed.work import Draft, RankedQueue
from functions.feed_ranker.pages.page import Page, assemble
from functions.feed_ranker.pages.refill import refill
from functions.feed_ranker.ranking.exploration import Explorer
from shared.observability import span

if TYPE_CHECKING:
    from functions.feed_ranker.feed.queue_builder import QueueBuilder
    from functions.feed_ranker.feed.request import FeedRequest
    from functions.feed_ranker.feed.work import Work
    from functions.feed_ranker.sessions.cache import CacheForRequest
    from functions.feed_ranker.sessions.stored_page import StoredPage
    from shared.cooldown import CooldownRules


@dataclass(frozen=True, slots=True)
class Drafter:
    """Makes drafts.

    Attributes:
        builder: Retrieves and ranks.
        cooldown: The limits on repeats.
    """

    builder: QueueBuilder
    cooldown: CooldownRules

    def draft(self, request: FeedRequest, work: Work, cache: CacheForRequest) -> Draft:
        """Draft the page that `request` asks for, as far as `work` has come.

        Raises:
            DatabaseUnavailableError: Retrieval did not answer within its budget.
        """
        if work.stored is not None:
            return self._refilled(request, work, work.stored, cache)
        ranked = self._find_queue(request, work)
        page = self.assemble(request, ranked, work) if ranked else None
        if ranked is None or page is None or page.variety_exhausted:
            early = ranked is None and _used_up_early(request, work)
            ranked = self.builder.build(request, cache, used_up_early=early)
            page = self.assemble(request, ranked, work)
        return Draft(
            page,
            ranked,
            stored=None,
            claimed_unseen=frozenset(page.unseen_ids),
            underfilled=len(page.posts) < page.page_size and not ranked.queue.complete,
        )

    def assemble(self, request: FeedRequest, ranked: RankedQueue, work: Work) -> Page:
        """Take the page from a queue."""
        at, queue = request.at, ranked.queue
        if ranked.is_new:
            at = replace(at, queue_page_no=at.page_no, used=0)
        explorer = Explorer(at.session, at.page_no, queue.policy.exploration_rate)
        with span("page"):
            return assemble(queue, at, request.page_size, explorer, self.cooldown, work.withdrawn)

    def _find_queue(self, request: FeedRequest, work: Work) -> RankedQueue | None:
        """Return the cached queue, where it is arranged for this page size and fills the page."""
        queue = work.queue
        if queue is None or queue.page_size != request.page_size:
            return None
        left = queue.left(request.at.used).items()
        ranked = [i for i, e in left if i < queue.ranked_count and e.post_id not in work.withdrawn]
        return RankedQueue(queue) if len(ranked) >= request.page_size else None

    def _refilled(
        self, request: FeedRequest, work: Work, stored: StoredPage, cache: CacheForRequest
    ) -> Draft:
        """Return the page that stands, refilled where posts of it were withdrawn."""
        page = stored.page
        if work.withdrawn.isdisjoint(page.ids):
            return Draft(page, None, stored, claimed_unseen=frozenset(), underfilled=False)
        ranked = self.builder.build(replace(request, page_size=page.page_size), cache)
        refilled = refill(page, work.withdrawn, ranked.queue, self.cooldown)
        return Draft(
            refilled,
            ranked,
            stored,
            claimed_unseen=frozenset(refilled.unseen_ids) - frozenset(page.ids),
            underfilled=len(refilled.posts) < len(page.posts) and not ranked.queue.complete,
        )


def _used_up_early(request: FeedRequest, work: Work) -> bool:
    """Return whether the viewer has used up a queue that still lived."""
    queue = work.queue
    return queue is not None and queue.page_size == request.page_size and not queue.complete
