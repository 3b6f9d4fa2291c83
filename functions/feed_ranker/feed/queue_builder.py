"""Builds queues: retrieval, then ranking, for one request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from functions.feed_ranker.feed import trace
from functions.feed_ranker.feed.work import RankedQueue
from functions.feed_ranker.ranking import queue
from functions.feed_ranker.ranking.exploration import NEW_VIEWER_SAMPLES, Discovery
from functions.feed_ranker.ranking.interview import is_interviewed
from functions.feed_ranker.sessions.ledger import AlreadyWritten
from shared.observability import span
from shared.ranking import Ranker

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from functions.feed_ranker.feed.request import FeedRequest
    from functions.feed_ranker.ranking.queue import Queue
    from functions.feed_ranker.retrieval.candidates import Found, Retrieval
    from functions.feed_ranker.retrieval.flag_reader import FlagReader
    from functions.feed_ranker.sessions.cache import CacheForRequest
    from functions.feed_ranker.sessions.ledger import Ledger, PageThatStands
    from shared.flags import Decision
    from shared.models import Retrieved, Signals


@dataclass(frozen=True, slots=True)
class QueueBuilder:
    """Retrieves and ranks.

    Attributes:
        retrieval: Where candidates come from.
        ledger: Knows whether a page stands.
        flags: How candidates are scored, viewer by viewer.
        new_post_quota: Impressions up to which exploration favours a post.
    """

    retrieval: Retrieval
    ledger: Ledger
    flags: FlagReader
    new_post_quota: int = 100

    def build(
        self, request: FeedRequest, cache: CacheForRequest, *, used_up_early: bool = False
    ) -> RankedQueue | AlreadyWritten:
        """Rank a queue anew for a page, unless the page stands.

        Args:
            request: For whom and when.
            cache: Knows pages that Postgres may not know of.
            used_up_early: Whether the last queue was used up while it lived.

        Raises:
            DatabaseUnavailableError: Retrieval did not answer within its budget.
        """
        unless = None
        if request.resumed:  # else no page of the session can stand
            unless = self.ledger.page_that_stands(
                request.viewer, request.at, trace.of_replay(request, cache_gone=cache.gone)
            )
        return self._build(request, cache, used_up_early=used_up_early, unless=unless)

    def rank(
        self,
        request: FeedRequest,
        cache: CacheForRequest,
        *,
        refilling: bool = False,
        unwritten: bool = False,
    ) -> RankedQueue:
        """Rank a queue anew, without what the session was already served.

        Args:
            request: For whom and when.
            cache: Knows pages that Postgres may not know of.
            refilling: Whether the page stands already. Its cursor is then older than the session
                may be, and does not tell whether later pages are known to the cache alone.
            unwritten: Whether nothing is to be found where the page is written already.

        Raises:
            DatabaseUnavailableError: Retrieval did not answer within its budget.
        """
        found = self._build(request, cache, refilling=refilling, unwritten=unwritten)
        assert not isinstance(found, AlreadyWritten)  # noqa: S101  # that was not asked
        return found

    def _build(
        self,
        request: FeedRequest,
        cache: CacheForRequest,
        *,
        used_up_early: bool = False,
        refilling: bool = False,
        unwritten: bool = False,
        unless: PageThatStands | None = None,
    ) -> RankedQueue | AlreadyWritten:
        ask_cache = request.at.cache_only_pages or refilling
        served = cache.served(request.at.session) if ask_cache else {}
        length = queue.ranked_length(request.page_size, used_up_early=used_up_early)
        want = queue.wanted(length)
        if unwritten:  # fewer are ranked, among as many
            length = min(length, queue.prepared_length(request.page_size))
        with span("sources"):
            decision, found = self._retrieve(request, served, want, unless, unwritten=unwritten)
        if unless is not None and found.instead:
            return unless.read(found.instead[0])
        with span("ranking"):
            made = self._rank(request, found.retrieved, found.signals, decision, length)
        made = replace(made, ranked_by=request.request_id)
        return RankedQueue(made, is_new=True, trace=trace.of_queue(found.retrieved, made, decision))

    def _retrieve(
        self,
        request: FeedRequest,
        served: Mapping[UUID, int],
        want: int,
        unless: PageThatStands | None,
        *,
        unwritten: bool,
    ) -> tuple[Decision, Found]:
        """Retrieve as the viewer's policy demands, and return the decision on that policy."""
        at, moment = request.at, request.moment
        decision = self.flags.decide(request.viewer)
        while True:
            newest = decision.policy.chronological
            found = self.retrieval.retrieve(
                request.viewer,
                at.session,
                want=want,
                page_size=request.page_size,
                now=moment.now,
                served=served,
                context=f"{moment.device}/{moment.daypart}",
                newest=newest,
                unless=unless.statement if unless else None,
                unless_page=at.page_no if unless or unwritten else None,
            )
            decision = self.flags.decide(request.viewer)  # new flags may have come along
            if decision.policy.chronological == newest or found.instead:
                return decision, found

    def _rank(
        self,
        request: FeedRequest,
        retrieved: Retrieved,
        signals: Signals,
        decision: Decision,
        length: int,
    ) -> Queue:
        at, moment = request.at, request.moment
        ranker = Ranker(
            decision.policy.ranking(self.flags.ranking), signals, moment, retrieved.unseen
        )
        discovery = Discovery(
            at.session,
            at.page_no,
            moment.now,
            quota=self.new_post_quota,
            new_viewer=signals.samples < NEW_VIEWER_SAMPLES,
            config=ranker.config,
        )
        return queue.build(
            retrieved,
            ranker,
            request.page_size,
            at.last_creator,
            discovery,
            decision.policy,
            length=length,
            answers=signals.samples if is_interviewed(signals) else None,
        )
