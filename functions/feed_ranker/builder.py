"""Builds queues: retrieval, then ranking, for one request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from functions.feed_ranker import queue
from functions.feed_ranker.page import Page, mend
from shared.errors import CacheUnavailableError
from shared.ranking import Ranker

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from functions.feed_ranker.cache import Cache
    from functions.feed_ranker.exchange import FeedRequest, Progress
    from functions.feed_ranker.queue import Queue
    from functions.feed_ranker.sources import Sources
    from shared.cooldown import CooldownRules
    from shared.ranking import RankingConfig


@dataclass(frozen=True, slots=True)
class Builder:
    """Retrieves and ranks.

    Attributes:
        sources: Retrieval.
        cache: Knows pages that Postgres may not know of.
        ranking: How candidates are scored.
        cooldown: Limits on repeats.
    """

    sources: Sources
    cache: Cache
    ranking: RankingConfig
    cooldown: CooldownRules

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
        retrieval, signals = self.sources.retrieve(
            request.viewer,
            at.session,
            want=queue.wanted(request.page_size),
            page_size=request.page_size,
            now=moment.now,
            served=served,
        )
        ranker = Ranker(self.ranking, signals, moment)
        return queue.build(retrieval, ranker, request.page_size, at.last_creator, moment.now)

    def mend(
        self, request: FeedRequest, progress: Progress, page: Page, lost: Collection[UUID]
    ) -> Page:
        """A stored page without the posts in `lost`, refilled.

        Raises:
            DatabaseUnavailableError: Retrieval did not answer within its budget.
        """
        current = self.build(replace(request, page_size=page.page_size), progress)
        entries = tuple(e for e in current.entries if e.post_id not in progress.dropped)
        return mend(page, lost, replace(current, entries=entries), self.cooldown)
