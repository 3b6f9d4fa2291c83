"""The executor: one request for a page, stage by stage.

A page is taken from the session's cached queue where that still serves, else from one ranked anew.
The ledger in Postgres decides which page n stands; the cache makes it quick. Either may be gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.feed_ranker.feed import trace
from functions.feed_ranker.feed.off_ledger import OffLedger
from functions.feed_ranker.feed.request import FeedRequest, NoPageReason, Served
from functions.feed_ranker.feed.work import Draft, RankedQueue, Work
from functions.feed_ranker.pages.pace import Asked
from functions.feed_ranker.sessions.cache import Cache, CacheEntry, CacheForRequest
from functions.feed_ranker.sessions.ledger import (
    AlreadyWritten,
    Committed,
    FeedbackChanged,
    Refused,
    Submission,
)
from functions.feed_ranker.sessions.stored_page import StoredPage
from functions.feed_ranker.sessions.stored_queue import CachedQueue, pack_queue, posts_with_creators
from shared.errors import DatabaseUnavailableError, UnavailableError
from shared.observability import span

if TYPE_CHECKING:
    from datetime import timedelta

    from functions.feed_ranker.feed.drafting import Drafter
    from functions.feed_ranker.sessions.ledger import Ledger, Outcome

_MOST_ATTEMPTS = 32  # of one request: while posts are taken down in bulk, each commit may meet some


@dataclass(frozen=True, slots=True)
class Feed:
    """Serves pages.

    Attributes:
        ledger: The record of pages, in Postgres.
        cache: Session pages and queues, in DynamoDB.
        drafter: Makes pages.
        cooldown: How long an impression keeps its post from being unseen.
    """

    ledger: Ledger
    cache: Cache
    drafter: Drafter
    cooldown: timedelta

    def page(self, request: FeedRequest) -> Served:
        """Serve the page that `request` asks for: written now, or as it was written.

        Raises:
            UnavailableError: Neither Postgres nor the cache can give one; its reason says why.
        """
        cache = CacheForRequest(self.cache, request.viewer, request.moment.now)
        entry = _locate(request, cache) if request.at.page_no > 0 else None
        work = _begin(request, entry, cache)
        for _ in range(_MOST_ATTEMPTS):
            try:
                outcome = self._attempt(request, work, cache)
            except DatabaseUnavailableError:
                entry = entry or _locate(request, cache)
                return OffLedger(self.cache, self.drafter).page(request, entry, work)
            if isinstance(outcome, tuple):
                draft, committed = outcome
                self._remember(request, entry or CacheEntry(), draft, committed, work, cache)
                return _answer(draft, committed, work, cache)
            if isinstance(outcome, AlreadyWritten):
                if outcome.holds:
                    return _already_written(outcome, work, cache)
                # It is refilled, and the cache may hold a queue beside it.
                entry = entry or _locate(request, cache)
            work = work.after(outcome)
        raise UnavailableError(reason=NoPageReason.POSTS_KEEP_CHANGING)

    def _attempt(
        self, request: FeedRequest, work: Work, cache: CacheForRequest
    ) -> tuple[Draft, Committed] | AlreadyWritten | Refused | FeedbackChanged:
        """Draft the page and commit it; return the draft with the commit that took it."""
        draft = self.drafter.draft(request, work, cache)
        if isinstance(draft, AlreadyWritten):
            return draft
        outcome = self._commit(request, draft, work, cache)
        return (draft, outcome) if isinstance(outcome, Committed) else outcome

    def _commit(
        self, request: FeedRequest, draft: Draft, work: Work, cache: CacheForRequest
    ) -> Outcome:
        """Write the page into the ledger, or check that it may still be shown."""
        page, stored, queue = draft.page, draft.stored, draft.new_queue
        cached_queue = draft.ranked is not None and not draft.ranked.is_new
        submission = Submission(
            viewer=request.viewer,
            page=page,
            expected=stored.version if stored else 0,
            claimed_unseen=draft.claimed_unseen,
            cutoff=request.moment.now - self.cooldown,
            revision=draft.ranked.queue.revision if draft.ranked and cached_queue else None,
            answers=draft.ranked.queue.answers if draft.ranked and cached_queue else None,
            queue_expired=_queue_expired(draft, work),
            hydrate=[post_id for post_id, _ in posts_with_creators(queue, page)] if queue else [],
            request=trace.of_request(
                request,
                draft,
                withdrawn=len(work.withdrawn),
                queue_expired=_queue_expired(draft, work),
                degraded="cache" if cache.gone else page.degraded,
            ),
            asked=_asked(
                request,
                self.cache.fresh_until(request.moment.now) if queue else work.queue_fresh_until,
                draft.ranked.queue.answers if draft.ranked else None,
            ),
        )
        with span("commit"):
            return self.ledger.commit(submission)

    def _remember(
        self,
        request: FeedRequest,
        entry: CacheEntry,
        draft: Draft,
        outcome: Committed,
        work: Work,
        cache: CacheForRequest,
    ) -> None:
        """Put what was committed into the cache, where nothing else tells it.

        A queue that was ranked for the page is stored. The page itself is stored only where it does
        not follow from its queue: without Postgres nobody could tell it then. A page that was
        refilled keeps the queue beside it. Most pages write nothing.
        """
        queue = entry.own_queue
        if draft.stored is not None:
            if outcome.version == draft.stored.version or draft.is_unchanged:
                return
        elif draft.new_queue is not None:
            fresh_until = self.cache.fresh_until(request.moment.now)
            columns = outcome.content_columns or "{}"
            queue = pack_queue(CachedQueue.of(draft.new_queue, draft.page, columns, fresh_until))
        elif draft.follows_from_queue:
            return
        follows = draft.follows_from_queue and draft.stored is None
        stored = StoredPage(draft.page, outcome.version, _queue_expired(draft, work))
        with span("cache"):
            cache.remember(draft.page, None if follows else stored, queue, expected=entry.version)


def _locate(request: FeedRequest, cache: CacheForRequest) -> CacheEntry:
    """Read what the cache holds of the page and of the queue that it is taken from."""
    if not request.resumed:
        return CacheEntry()
    with span("cache"):
        return cache.read(request.at)


def _begin(request: FeedRequest, entry: CacheEntry | None, cache: CacheForRequest) -> Work:
    """Begin with the page that is stored, or with the queue if it has not expired.

    The cache is not asked about a session's first page: if that page stands, the ledger gives it
    in the round trip that would otherwise bring candidates.
    """
    if entry is None:
        return Work(stored=None, queue=None, queue_expired=False)
    held = entry.queue
    if held is None or request.moment.now.timestamp() >= held.fresh_until:
        return Work(stored=entry.stored, queue=None, queue_expired=not cache.gone)
    queue = RankedQueue(
        held.ranked,
        is_own=entry.own_queue is not None,
        is_prepared=held.prepared,
        trace=held.trace,
    )
    return Work(entry.stored, queue, queue_expired=False, queue_fresh_until=held.fresh_until)


def _asked(request: FeedRequest, fresh_until: int, answers: int | None) -> Asked:
    """Describe the request as the page keeps it, for those that prepare the next queue."""
    moment = request.moment
    return Asked(
        moment.now.timestamp(),
        moment.device,
        moment.connection,
        request.timezone,
        fresh_until,
        answers,
    )


def _queue_expired(draft: Draft, work: Work) -> bool:
    """Return whether the page came of an expired queue: a stored page keeps what it said."""
    return draft.stored.queue_expired if draft.stored else work.queue_expired


def _answer(draft: Draft, outcome: Committed, work: Work, cache: CacheForRequest) -> Served:
    """Say what the request is answered, and how it came about."""
    page = draft.page
    return Served(
        page,
        outcome.content,
        from_cache=not draft.new_queue,
        prepared=draft.prepared,
        queue_expired=_queue_expired(draft, work),
        degraded="cache" if cache.gone else page.degraded,
        withdrawn=len(work.withdrawn),
        underfilled=(outcome.eligible or 0) > len(page.posts),
        decided=draft.ranked.queue.decided if draft.ranked else None,
    )


def _already_written(outcome: AlreadyWritten, work: Work, cache: CacheForRequest) -> Served:
    """Answer with the page that stands."""
    page = outcome.stored.page
    return Served(
        page,
        outcome.content,
        from_cache=True,
        queue_expired=outcome.stored.queue_expired,
        degraded="cache" if cache.gone else page.degraded,
        withdrawn=len(work.withdrawn),
        underfilled=(outcome.eligible or 0) > len(page.posts),
    )
