"""Drafts of pages: from a queue that is found or ranked anew, or from the page that stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from functions.feed_ranker.feed.work import Draft, RankedQueue
from functions.feed_ranker.pages.page import Page, assemble, degradation
from functions.feed_ranker.pages.refill import refill
from functions.feed_ranker.ranking.exploration import Explorer
from functions.feed_ranker.sessions.ledger import AlreadyWritten
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

    def draft(
        self, request: FeedRequest, work: Work, cache: CacheForRequest
    ) -> Draft | AlreadyWritten:
        """Draft the page that `request` asks for, as far as `work` has come.

        Returns:
            The draft. Where a queue would have to be ranked, and the page stands already, the page.

        Raises:
            DatabaseUnavailableError: Retrieval did not answer within its budget.
        """
        if work.stored is not None:
            return self._refilled(request, work, work.stored, cache)
        ranked = self._find_queue(request, work)
        page = self.assemble(request, ranked, work) if ranked else None
        if ranked is None or page is None or page.variety_exhausted:
            early = ranked is None and _used_up_early(request, work)
            found = self.builder.build(request, cache, used_up_early=early)
            if isinstance(found, AlreadyWritten):
                return found
            ranked = found
            page = self.assemble(request, ranked, work)
        return Draft(
            page,
            ranked,
            stored=None,
            claimed_unseen=frozenset(page.unseen_ids),
            follows_from_queue=_follows(page, ranked, work),
        )

    def assemble(self, request: FeedRequest, ranked: RankedQueue, work: Work) -> Page:
        """Take the page from a queue."""
        at, queue = request.at, ranked.queue
        if ranked.is_new or ranked.is_own:
            at = replace(at, queue_page_no=at.page_no, used=0)
        explorer = Explorer(at.session, at.page_no, queue.policy.exploration_rate)
        with span("page"):
            return assemble(
                queue, at, request.page_size, explorer, self.cooldown, ranked.without(work)
            )

    def _find_queue(self, request: FeedRequest, work: Work) -> RankedQueue | None:
        """Return the cached queue, where its ranked posts fill the page."""
        ranked = work.queue
        if ranked is None:
            return None
        without = {post_id.int for post_id in ranked.without(work)}
        count = ranked.queue.ranked_count
        left = ranked.queue.left(0 if ranked.is_own else request.at.used).items()
        fitting = [i for i, e in left if i < count and e.post_id.int not in without]
        return ranked if len(fitting) >= request.page_size else None

    def _refilled(
        self, request: FeedRequest, work: Work, stored: StoredPage, cache: CacheForRequest
    ) -> Draft:
        """Return the page that stands, refilled where posts were withdrawn or are lacking."""
        page = stored.page
        if work.withdrawn.isdisjoint(page.ids) and len(page.posts) >= page.page_size:
            # What it lacked when Postgres was gone is made up for by now.
            whole = replace(page, degraded=degradation(page.posts, page.page_size))
            return Draft(whole, None, stored, claimed_unseen=frozenset())
        ranked = self.builder.rank(
            replace(request, page_size=page.page_size), cache, refilling=True
        )
        refilled = refill(page, work.withdrawn, ranked.queue, self.cooldown)
        return Draft(
            refilled,
            ranked,
            stored,
            claimed_unseen=frozenset(refilled.unseen_ids) - frozenset(page.ids),
        )


def _used_up_early(request: FeedRequest, work: Work) -> bool:
    """Return whether the viewer has used up a queue that still lived and once held such a page.

    A queue that was prepared holds one page, which says nothing about how fast the viewer is.
    """
    if work.queue is None or work.queue.is_prepared:
        return False
    queue = work.queue.queue
    return queue.ranked_count >= request.page_size and not queue.complete


def _follows(page: Page, ranked: RankedQueue, work: Work) -> bool:
    """Return whether the page is what anybody would take from the queue at this place.

    A queue is stored without the posts that repeat, and nobody else knows what this request has
    found out about its posts.
    """
    return (
        page.page_size == ranked.queue.page_size
        and not ranked.without(work)
        and not any(post.is_repeat for post in page.posts)
    )
