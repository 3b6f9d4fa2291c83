"""Prepares queues: what viewers report while they watch ranks what they are shown next.

This happens after a batch was committed, and at no price for its answer: whatever goes wrong here
costs a miss, and nothing else. A session's next queue is ranked once, whoever races: Postgres gives
the right to rank it once, before anything is ranked.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from functions.feed_ranker.feed.request import FeedRequest
from functions.feed_ranker.pages.page import assemble
from functions.feed_ranker.ranking.exploration import Explorer
from functions.feed_ranker.sessions.cache import CacheForRequest
from shared.errors import CacheUnavailableError, DatabaseUnavailableError
from shared.observability import span

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from functions.feed_ranker.feed.queue_builder import QueueBuilder
    from functions.feed_ranker.feed.work import RankedQueue
    from functions.feed_ranker.pages.pace import Pace
    from functions.feed_ranker.ranking.queue import Queue
    from functions.feed_ranker.sessions.cache import Cache
    from functions.feed_ranker.sessions.prepared import PreparedQueues
    from shared.cooldown import CooldownRules
    from shared.models import Moment
    from shared.ranking import Parts

_SPARE: Final = 4  # ranked posts beyond the next page, for those that are withdrawn by then
_DISCOVERY: Final = 4  # posts that only exploration would show
_REMEMBERED: Final = 2_000  # pages for which this container has tried


class Preparation(StrEnum):
    """What came of a preparation."""

    PREPARED = "prepared"
    ELSEWHERE = "elsewhere"  # another request prepares it, or the page is written already
    NOTHING = "nothing"  # no unseen post was found
    FAILED = "failed"  # a part did not answer, or not in time


@dataclass(frozen=True, slots=True)
class Preparer:
    """Prepares queues.

    Attributes:
        builder: Retrieves and ranks, on a database whose lateness counts for nobody else.
        queues: Where queues are put, in calls of a budget of their own.
        cache: Knows pages that Postgres may not know of.
        cooldown: The limits on repeats.
        budget_s: Seconds after which nothing more is begun. A call of Postgres may take as long, a
            call of the cache a part of it.
        on_ranked: Told how much each part of the score decided in a ranking.
    """

    builder: QueueBuilder
    queues: PreparedQueues
    cache: Cache
    cooldown: CooldownRules
    budget_s: float
    on_ranked: Callable[[Parts | None], None] = lambda _: None
    _tried: dict[tuple[UUID, int], None] = field(default_factory=dict)

    def prepare(
        self, viewer: UUID, pace: Pace, moment: Moment, request_id: str
    ) -> Preparation | None:
        """Rank the session's next queue where its time has come.

        Args:
            viewer: Who watches.
            pace: How far the viewer is.
            moment: When, and on what as far as one can tell.
            request_id: The id of the request that reported it.

        Returns:
            What came of it; None where nothing was to be done.
        """
        at = pace.following
        if (at.session, at.page_no) in self._tried or not pace.needs_queue(moment.now.timestamp()):
            return None
        if len(self._tried) >= _REMEMBERED:
            self._tried.clear()
        self._tried[at.session, at.page_no] = None
        started = time.monotonic()
        request = FeedRequest(
            viewer=viewer,
            at=at,
            resumed=True,
            page_size=pace.page_size,
            moment=moment,
            request_id=request_id,
            elapsed_ms=lambda: (time.monotonic() - started) * 1000,
        )
        try:
            with span("prepare"):
                return self._prepare(request, started + self.budget_s)
        except (CacheUnavailableError, DatabaseUnavailableError):
            return Preparation.FAILED

    def _prepare(self, request: FeedRequest, deadline: float) -> Preparation:
        viewer, at = request.viewer, request.at
        if not self.queues.claim(viewer, at):
            return Preparation.ELSEWHERE
        ranked = self._rank(request, deadline)
        if ranked is None:
            return Preparation.FAILED
        self.on_ranked(ranked.queue.decided)
        if not ranked.queue.entries:
            return Preparation.NOTHING
        queue = self._shortened(request, ranked)
        content = self.queues.content(viewer, at, queue)
        if content is None:
            return Preparation.ELSEWHERE
        if time.monotonic() > deadline:
            return Preparation.FAILED
        kept = self.queues.keep(viewer, at, queue, content, ranked.trace, request.moment.now)
        return Preparation.PREPARED if kept else Preparation.ELSEWHERE

    def _rank(self, request: FeedRequest, deadline: float) -> RankedQueue | None:
        """Rank a queue; None where it came too late, or without what the cache should have said."""
        if time.monotonic() > deadline:
            return None
        cache = CacheForRequest(self.cache, request.viewer, request.moment.now)
        ranked = self.builder.rank(request, cache, unwritten=True)
        return None if cache.gone or time.monotonic() > deadline else ranked

    def _shortened(self, request: FeedRequest, ranked: RankedQueue) -> Queue:
        """Return what the next page needs of a queue.

        It is ranked ahead because people take longer for a page than a queue lives. So the pages
        behind the next one would only be written to expire, and DynamoDB charges by the kilobyte.
        """
        queue, size = ranked.queue, request.page_size
        begun = replace(request.at, queue_page_no=request.at.page_no, used=0)
        nothing_drawn = Explorer(begun.session, begun.page_no, 0.0)
        page = set(assemble(queue, begun, size, nothing_drawn, self.cooldown).ids)
        ranked_posts = queue.entries[: queue.ranked_count]
        others = [entry for entry in ranked_posts if entry.post_id not in page][:_SPARE]
        kept = page | {entry.post_id for entry in others}
        first = [entry for entry in ranked_posts if entry.post_id in kept]
        rest = queue.entries[queue.ranked_count :]
        last = [e for i, e in enumerate(rest) if e.post_id in page or i < _DISCOVERY]
        entries = (*first, *last)
        return replace(
            queue,
            entries=entries,
            ranked_count=len(first),
            complete=queue.complete and len(entries) == len(queue.entries),
            seen=(),
        )
