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
from functions.feed_ranker.feed.work import Draft, Work
from functions.feed_ranker.sessions.cache import Cache, CacheEntry, CacheForRequest
from functions.feed_ranker.sessions.ledger import AlreadyWritten, Committed, Submission
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
        entry = _locate(request, cache)
        work = _begin(request, entry, cache)
        for _ in range(_MOST_ATTEMPTS):
            try:
                draft = self.drafter.draft(request, work, cache)
                outcome = self._commit(request, draft, work, cache)
            except DatabaseUnavailableError:
                return OffLedger(self.cache, self.drafter).page(request, entry, work)
            if isinstance(outcome, Committed):
                self._remember(request, entry, draft, outcome, work, cache)
                return _answer(draft, outcome, work, cache)
            if isinstance(outcome, AlreadyWritten) and outcome.holds:
                return _answer(draft, outcome, work, cache)
            work = work.after(outcome)
        raise UnavailableError(reason=NoPageReason.POSTS_KEEP_CHANGING)

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
            queue_expired=_queue_expired(draft, work),
            hydrate=[post_id for post_id, _ in posts_with_creators(queue, page)] if queue else [],
            request=trace.of_request(
                request,
                draft,
                withdrawn=len(work.withdrawn),
                queue_expired=_queue_expired(draft, work),
                degraded="cache" if cache.gone else page.degraded,
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
        """Put what was committed into the cache, where the cache does not hold it already.

        A refilled page keeps the queue that is stored with it. Where the cache was not read, or did
        not hold the version that was refilled, nobody knows that queue, and the item is left alone.
        """
        expected = draft.stored.version if draft.stored else 0
        queue = None
        if draft.stored is not None:
            known = entry.stored is not None and entry.stored.version == expected
            if outcome.version == expected or not known:
                return
            queue = entry.own_queue
        elif draft.new_queue is not None:
            fresh_until = self.cache.fresh_until(request.moment.now)
            columns = outcome.content_columns or "{}"
            queue = pack_queue(CachedQueue.of(draft.new_queue, draft.page, columns, fresh_until))
        stored = StoredPage(draft.page, outcome.version, _queue_expired(draft, work))
        with span("cache"):
            cache.remember(stored, queue, expected=expected)


def _locate(request: FeedRequest, cache: CacheForRequest) -> CacheEntry:
    """Read what the cache holds of the page and of the queue that it is taken from."""
    if not request.resumed:
        return CacheEntry()
    with span("cache"):
        return cache.read(request.at)


def _begin(request: FeedRequest, entry: CacheEntry, cache: CacheForRequest) -> Work:
    """Begin with the page that stands, or with the queue if it has not expired."""
    held, now = entry.queue, request.moment.now.timestamp()
    queue = held.ranked if held is not None and now < held.fresh_until else None
    expired = request.at.page_no > 0 and queue is None and not cache.gone
    return Work(stored=entry.stored, queue=queue, queue_expired=expired)


def _queue_expired(draft: Draft, work: Work) -> bool:
    """Return whether the page came of an expired queue: a stored page keeps what it said."""
    return draft.stored.queue_expired if draft.stored else work.queue_expired


def _answer(
    draft: Draft, outcome: Committed | AlreadyWritten, work: Work, cache: CacheForRequest
) -> Served:
    """Say what the request is answered, and how it came about."""
    if isinstance(outcome, AlreadyWritten):
        page, expired, from_cache = outcome.stored.page, outcome.stored.queue_expired, True
    else:
        page, expired, from_cache = draft.page, _queue_expired(draft, work), not draft.new_queue
    return Served(
        page,
        outcome.content,
        from_cache=from_cache,
        queue_expired=expired,
        degraded="cache" if cache.gone else page.degraded,
        withdrawn=len(work.withdrawn),
        underfilled=(outcome.eligible or 0) > len(page.posts),
        decided=draft.ranked.queue.decided if draft.ranked else None,
    )
