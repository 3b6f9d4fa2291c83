"""Builds queues: retrieval, then ranking, for one request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from functions.feed_ranker.feed import trace
from functions.feed_ranker.pages.page import Page, mend
from functions.feed_ranker.ranking import queue
from functions.feed_ranker.ranking.exploration import NEW_VIEWER_SAMPLES, Discovery
from shared.errors import CacheUnavailableError
from shared.observability import span
from shared.ranking import Ranker

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from uuid import UUID

    from functions.feed_ranker.feed.exchange import FeedRequest, Progress
    from functions.feed_ranker.ranking.queue import Queue
    from functions.feed_ranker.retrieval.candidates import Sources
    from functions.feed_ranker.retrieval.flag_reader import Steering
    from functions.feed_ranker.sessions.cache import Cache
    from shared.cooldown import CooldownRules
    from shared.flags import Decision
    from shared.models import Retrieval, Signals


@dataclass(frozen=True, slots=True)
class Builder:
    """Retrieves and ranks.

    Attributes:
        sources: Retrieval.
        cache: Knows pages that Postgres may not know of.
        steering: How candidates are scored, viewer by viewer.
        cooldown: Limits on repeats.
        new_post_quota: Impressions up to which exploration favours a post.
    """

    sources: Sources
    cache: Cache
    steering: Steering
    cooldown: CooldownRules
    new_post_quota: int = 100

    def build(self, request: FeedRequest, progress: Progress) -> Queue:
        """A queue ranked anew, without what the session was already served.

        Raises:
            DatabaseUnavailableError: Retrieval did not answer within its budget.
        """
        at, moment = request.at, request.moment
        served: dict[UUID, int] = {}
        if at.gap and not progress.cache_gone:
            try:
                served = self.cache.served(request.viewer, at.session, moment.now)
            except CacheUnavailableError:
                progress.cache_gone = True
        length = queue.ranked_length(request.page_size, outrun=progress.outrun)
        with span("sources"):
            decision, retrieval, signals = self._retrieve(request, served, queue.wanted(length))
        ranker = Ranker(decision.policy.ranking(self.steering.ranking), signals, moment)
        discovery = Discovery(
            at.session,
            at.page_no,
            moment.now,
            quota=self.new_post_quota,
            new_viewer=signals.samples < NEW_VIEWER_SAMPLES,
            config=ranker.config,
        )
        with span("ranking"):
            made = queue.build(
                retrieval,
                ranker,
                request.page_size,
                at.last_creator,
                discovery,
                decision.policy,
                length=length,
            )
        progress.trace = trace.of_queue(retrieval, made, decision)
        return replace(made, ranked_by=request.request_id)

    def _retrieve(
        self, request: FeedRequest, served: Mapping[UUID, int], want: int
    ) -> tuple[Decision, Retrieval, Signals]:
        """What is retrieved as the policy demands, and the decision on that."""
        at, moment = request.at, request.moment
        decision = self.steering.decide(request.viewer)
        while True:
            newest = decision.policy.chronological
            retrieval, signals = self.sources.retrieve(
                request.viewer,
                at.session,
                want=want,
                page_size=request.page_size,
                now=moment.now,
                served=served,
                context=f"{moment.device}/{moment.daypart}",
                newest=newest,
            )
            decision = self.steering.decide(request.viewer)  # flags may have come along
            if decision.policy.chronological == newest:
                return decision, retrieval, signals

    def mend(
        self, request: FeedRequest, progress: Progress, page: Page, lost: Collection[UUID]
    ) -> Page:
        """A stored page without the posts in `lost`, refilled.

        Raises:
            DatabaseUnavailableError: Retrieval did not answer within its budget.
        """
        current = self.build(replace(request, page_size=page.page_size), progress)
        entries = tuple(e for e in current.entries if e.post_id not in progress.dropped)
        mended = mend(page, lost, replace(current, entries=entries), self.cooldown)
        progress.short = len(mended.posts) < len(page.posts) and not current.complete
        return mended
