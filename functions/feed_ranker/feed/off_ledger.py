"""Pages while Postgres is gone: what the cached queue still holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from functions.feed_ranker.feed.request import NoPageReason, Served
from functions.feed_ranker.feed.work import RankedQueue
from shared.errors import UnavailableError

if TYPE_CHECKING:
    from functions.feed_ranker.feed.drafting import Drafter
    from functions.feed_ranker.feed.request import FeedRequest
    from functions.feed_ranker.feed.work import Work
    from functions.feed_ranker.pages.page import Page
    from functions.feed_ranker.sessions.cache import Cache, CacheEntry
    from functions.feed_ranker.sessions.stored_queue import CachedQueue

_GRACE_S = 600  # how long an expired queue may still stand in for a lost Postgres


@dataclass(frozen=True, slots=True)
class OffLedger:
    """Serves pages that no ledger confirms.

    Attributes:
        cache: Holds pages and queues.
        drafter: Takes a page from a queue.
    """

    cache: Cache
    drafter: Drafter

    def page(self, request: FeedRequest, entry: CacheEntry, work: Work) -> Served:
        """Serve the page as it was written, or what is left of the queue.

        Raises:
            UnavailableError: The cache holds no page that may be shown; its reason says why.
            CacheUnavailableError: The cache does not answer either.
        """
        cached = self._usable_queue(request, entry)
        content = cached.content
        page = entry.stored.page if entry.stored else self._write(request, entry, cached, work)
        posts = tuple(p for p in page.posts if p.post_id in content)
        if not posts:
            raise UnavailableError(reason=NoPageReason.PAGE_CONTENT_UNKNOWN)
        return Served(
            replace(page, posts=posts),
            content,
            from_cache=True,
            queue_expired=False,
            degraded="database",
        )

    def _usable_queue(self, request: FeedRequest, entry: CacheEntry) -> CachedQueue:
        """Return the cached queue, where it may still be shown."""
        now = request.moment.now
        if entry.queue is None:
            raise UnavailableError(reason=NoPageReason.NOTHING_CACHED)
        if now.timestamp() > entry.queue.fresh_until + _GRACE_S:
            raise UnavailableError(reason=NoPageReason.QUEUE_TOO_OLD)
        if not self.cache.knows_feedback(request.viewer, entry.queue, now):
            raise UnavailableError(reason=NoPageReason.FEEDBACK_NOT_IN_QUEUE)
        return entry.queue

    def _write(
        self, request: FeedRequest, entry: CacheEntry, cached: CachedQueue, work: Work
    ) -> Page:
        """Take the page from the queue, and write it to the cache alone.

        The ledger may hold the page already, though nobody can ask it. Then the page follows from
        the queue at the size that the queue was arranged for, or else it is stored in the cache.
        So it is taken at that size, and a request for less is answered with its first posts.
        """
        ranked = RankedQueue(cached.ranked, is_own=entry.own_queue is not None)
        arranged = replace(request, page_size=cached.ranked.page_size)
        page = self.drafter.assemble(arranged, ranked, work)
        posts = tuple(p for p in page.posts if p.post_id in cached.content)[: request.page_size]
        if not posts:
            raise UnavailableError(reason=NoPageReason.QUEUE_USED_UP)
        after = replace(page.after, cache_only_pages=True)
        page = replace(
            page,
            posts=posts,
            page_size=request.page_size,
            degraded="database",
            after=after,
        )
        now = request.moment.now
        return self.cache.write_alone(request.viewer, page, entry.own_queue, now) or page
