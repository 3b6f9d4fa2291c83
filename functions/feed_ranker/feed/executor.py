"""The feed: sources → cooldown → scoring → diversity → page → session.

A page is taken from the session's cached queue where that still serves, else from one ranked anew.
The ledger in Postgres decides which page n stands; the cache makes it quick. Either may be gone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from functions.feed_ranker.feed import answer, trace
from functions.feed_ranker.feed.exchange import FeedRequest, Progress, Served
from functions.feed_ranker.pages.page import Page, assemble
from functions.feed_ranker.ranking.exploration import Explorer
from functions.feed_ranker.sessions import ledger
from functions.feed_ranker.sessions.ledger import Conditions, Status
from functions.feed_ranker.sessions.packing import CachedQueue, owners
from shared.errors import CacheUnavailableError, DatabaseUnavailableError, UnavailableError
from shared.observability import span

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from functions.feed_ranker.feed.queue_builder import Builder
    from functions.feed_ranker.pages.cursor import Position
    from functions.feed_ranker.ranking.queue import Queue
    from functions.feed_ranker.sessions.cache import Cache
    from functions.feed_ranker.sessions.ledger import Commit
    from shared.postgres import Database

_GRACE_S = 600  # how long an expired queue may still stand in for a lost Postgres
_ATTEMPTS = 8  # late losses of posts that one request outlives


@dataclass(frozen=True, slots=True)
class Feed:
    """Serves pages.

    Attributes:
        database: Postgres.
        cache: Session pages and queues.
        builder: Retrieval and ranking.
        budget_s: Seconds per round trip to Postgres.
    """

    database: Database
    cache: Cache
    builder: Builder
    budget_s: float

    def page(self, request: FeedRequest) -> Served:
        """The page that `request` asks for: written now, or as it was written.

        Raises:
            UnavailableError: Neither Postgres nor the cache can give one.
        """
        progress = Progress()
        if request.resumed:
            try:
                with span("cache"):
                    progress.cached = self.cache.read(
                        request.viewer, request.at, request.moment.now
                    )
            except CacheUnavailableError:
                progress.cache_gone = True
        try:
            cached = progress.cached
            if cached is not None and cached.page is not None:
                return self._replay(request, progress, cached.page, cached.version, cached.stale)
            return self._write(request, progress)
        except DatabaseUnavailableError:
            return self._without_database(request, progress)

    def _write(self, request: FeedRequest, progress: Progress) -> Served:
        """Page n from the cached queue, or from one ranked anew."""
        at, now = request.at, request.moment.now
        cached = progress.cached.queue if progress.cached else None
        current = cached.queue if cached and now.timestamp() < cached.fresh_until else None
        stale = at.page_no > 0 and current is None and not progress.cache_gone
        built = False
        for attempt in range(_ATTEMPTS):
            if current and not built and not _serves(current, at, request, progress):
                progress.outrun = current.page_size == request.page_size and not current.complete
                current = None
            if current is None:
                current = self.builder.build(request, progress)
                at = replace(at, built=at.page_no, used=0)
                built = True
            page = self._assemble(request, current, at, progress)
            if page.uniform and not built:
                current = None  # others remain, but not in this queue
                continue
            done = self._commit(
                request,
                progress,
                page,
                expected=0,
                unserved=page.unseen_ids,
                stale=stale,
                built=current if built else None,
                revision=None if built else current.revision,
            )
            if done.status is Status.COMMITTED:
                queue = None
                if done.cached is not None:
                    until = self.cache.fresh_until(now)
                    queue = CachedQueue.of(current, page, done.cached, until)
                self._store(request, progress, done, queue, expected=0)
                return _served(progress, done, hit=not built)
            if done.status is Status.EXISTING:
                if not done.bad:
                    return _served(progress, done, hit=True)
                return self._replay(
                    request, progress, done.page, done.version, done.stale, done.bad
                )
            progress.dropped |= done.bad
            if built or attempt > 0 or done.status is Status.OUTDATED:
                current, built = None, False  # much has changed: what is retrieved now may be shown
        raise UnavailableError

    def _replay(  # a stored page and what is known of it
        self,
        request: FeedRequest,
        progress: Progress,
        page: Page,
        version: int,
        stale: bool,  # noqa: FBT001  # part of the page
        lost: frozenset[UUID] = frozenset(),
    ) -> Served:
        """The page as it was written, less posts that are no longer eligible, refilled."""
        added: set[UUID] = set()
        for _ in range(_ATTEMPTS):
            if lost:
                progress.dropped |= lost
                before = set(page.ids)
                page = self.builder.mend(request, progress, page, lost)
                added = (added | set(page.unseen_ids)) - before
            done = self._commit(
                request, progress, page, expected=version, unserved=added, stale=stale, built=None
            )
            if done.status is Status.COMMITTED:
                if done.version != version or progress.cached is None:
                    self._store(request, progress, done, None, expected=version)
                return _served(progress, done, hit=True)
            if done.status is Status.EXISTING:
                if not done.bad:
                    return _served(progress, done, hit=True)
                page, version, stale, added = done.page, done.version, done.stale, set()
            lost = done.bad
        raise UnavailableError

    def _without_database(self, request: FeedRequest, progress: Progress) -> Served:
        """What the cache still holds: the page as it was written, or what is left of the queue."""
        cached = progress.cached
        if cached is None or cached.queue is None:
            raise UnavailableError
        if request.moment.now.timestamp() > cached.queue.fresh_until + _GRACE_S:
            raise UnavailableError  # too old: it would show what was taken down since
        if not self.cache.knows_feedback(request.viewer, cached.queue, request.moment.now):
            raise UnavailableError  # it would show what the viewer wants no more of
        content = cached.queue.content
        page = cached.page
        if page is None:
            page = self._assemble(request, cached.queue.queue, request.at, progress)
            posts = tuple(p for p in page.posts if p.post_id in content)
            if not posts:
                raise UnavailableError
            page = replace(
                page, posts=posts, degraded="database", after=replace(page.after, gap=True)
            )
            page = self.cache.write_alone(request.viewer, page, request.moment.now) or page
        shown = tuple(p for p in page.posts if p.post_id in content)
        if not shown:
            raise UnavailableError
        page = replace(page, posts=shown)
        return Served(page, content, hit=True, stale=False, degraded="database")

    def _assemble(
        self, request: FeedRequest, queue: Queue, at: Position, progress: Progress
    ) -> Page:
        explorer = Explorer(at.session, at.page_no, queue.policy.exploration_rate)
        rules, dropped = self.builder.cooldown, progress.dropped
        with span("page"):
            page = assemble(queue, at, request.page_size, explorer, rules, dropped)
        progress.short = len(page.posts) < page.page_size and not queue.complete
        return page

    def _commit(
        self,
        request: FeedRequest,
        progress: Progress,
        page: Page,
        *,
        expected: int,
        unserved: Collection[UUID],
        stale: bool,
        built: Queue | None,
        revision: int | None = None,
    ) -> Commit:
        described = {
            "request_id": request.request_id,
            "page_size": request.page_size,
            "elapsed_ms": round(request.elapsed_ms(), 3),
            "cache_hit": built is None,
            "stale_cursor": stale,
            "degraded": progress.degraded or page.degraded,
            "variant": page.policy.variant,
            "sources": answer.sources(page),
            "device": request.moment.device,
            "daypart": request.moment.daypart,
            "trace": progress.trace | trace.of_page(page, request.request_id, progress.dropped),
        }
        cutoff = request.moment.now - self.builder.sources.cooldown
        with span("commit"):
            return ledger.commit(
                self.database,
                request.viewer,
                page,
                Conditions(expected, unserved, cutoff, revision),
                hydrate=[post_id for post_id, _ in owners(built, page)] if built else [],
                stale=stale,
                request=described,
                budget_s=self.budget_s,
            )

    def _store(
        self,
        request: FeedRequest,
        progress: Progress,
        done: Commit,
        queue: CachedQueue | None,
        *,
        expected: int,
    ) -> None:
        if progress.cache_gone:
            return
        try:
            with span("cache"):
                self.cache.write(
                    request.viewer, done, queue, expected=expected, now=request.moment.now
                )
        except CacheUnavailableError:
            progress.cache_gone = True


def _serves(queue: Queue, at: Position, request: FeedRequest, progress: Progress) -> bool:
    """Whether a cached queue, arranged for this page size, fills the page with unseen posts."""
    left = queue.left(at.used).items()
    ranked = sum(1 for i, e in left if i < queue.ranked and e.post_id not in progress.dropped)
    return ranked >= request.page_size == queue.page_size


def _served(progress: Progress, done: Commit, *, hit: bool) -> Served:
    degraded = progress.degraded or done.page.degraded
    return Served(
        done.page,
        done.content,
        hit=hit,
        stale=done.stale,
        degraded=degraded,
        rejected=len(progress.dropped),
        short=progress.short,
    )
