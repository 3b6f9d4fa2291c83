"""The session cache: pages and queues in DynamoDB, read and written as the feed needs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.feed_ranker.sessions.session_store import Item
from functions.feed_ranker.sessions.stored_page import StoredPage, pack_page, unpack_page
from functions.feed_ranker.sessions.stored_queue import CachedQueue, unpack_queue
from shared.errors import CacheUnavailableError

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from functions.feed_ranker.pages.cursor import Position
    from functions.feed_ranker.pages.page import Page
    from functions.feed_ranker.sessions.session_store import SessionStore

SESSION_S = 86_400  # how long a page can be replayed from the cache
PLACES_PER_PAGE = 64  # as feed_candidates orders what was served


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """What the cache holds for one request.

    Attributes:
        stored: The page, where it is stored.
        queue: The queue that the page is, or was, taken from.
        own_queue: The bytes of the queue that was ranked for this very page, if one was.
    """

    stored: StoredPage | None = None
    queue: CachedQueue | None = None
    own_queue: bytes | None = None

    @property
    def version(self) -> int:
        """The version that a write of the page may replace."""
        return self.stored.version if self.stored else 0


@dataclass(frozen=True, slots=True)
class Cache:
    """Session pages and queues.

    Attributes:
        store: DynamoDB.
        ttl_s: Seconds for which a queue is taken as it was ranked.
    """

    store: SessionStore
    ttl_s: int

    def read(self, viewer: UUID, at: Position, now: datetime) -> CacheEntry:
        """Read page `at`, where it is stored, and the queue that it is taken from, in one call.

        Raises:
            CacheUnavailableError: DynamoDB did not answer within the budget.
        """
        items = self.store.read(viewer, at.session, {at.page_no, at.queue_page_no}, _seconds(now))
        own = items.get(at.page_no)
        holder = own if own is not None and own.queue is not None else items.get(at.queue_page_no)
        # Another release may have written either in a form of its own: then it is not there.
        return CacheEntry(
            stored=_unpacked(own, at.session, at.page_no) if own else None,
            queue=unpack_queue(holder.queue) if holder and holder.queue else None,
            own_queue=own.queue if own else None,
        )

    def served(self, viewer: UUID, session: UUID, now: datetime) -> dict[UUID, int]:
        """Return every post on a stored page of a session, with its last place in the session.

        Raises:
            CacheUnavailableError: DynamoDB did not answer within the budget.
        """
        places: dict[UUID, int] = {}
        items = self.store.read_all(viewer, session, _seconds(now))
        for page_no, item in sorted(items.items()):
            found = _unpacked(item, session, page_no)
            for position, post_id in enumerate(found.page.ids if found else (), start=1):
                places[post_id] = page_no * PLACES_PER_PAGE + position
        return places

    def write(
        self,
        viewer: UUID,
        page: Page,
        stored: StoredPage | None,
        queue: bytes | None,
        *,
        expected: int,
        now: datetime,
    ) -> None:
        """Write what is to be stored of a page that the ledger has committed.

        A page that another request wrote meanwhile is left alone: the ledger gave both the same.

        Args:
            viewer: Whose page it is.
            page: The page.
            stored: The same page, where it does not follow from its queue.
            queue: The queue that was ranked for it, if one was.
            expected: The version that this one replaces; 0 where the ledger knew none.
            now: When.

        Raises:
            CacheUnavailableError: DynamoDB did not answer within the budget.
        """
        self._put(viewer, page, stored, queue, expected, now)

    def write_alone(
        self, viewer: UUID, page: Page, queue: bytes | None, now: datetime
    ) -> Page | None:
        """Write a page that no ledger knows, since Postgres is gone.

        Returns:
            None where it was written; else the page that another request wrote first.

        Raises:
            CacheUnavailableError: DynamoDB did not answer within the budget, or a page stands that
                this release cannot read.
        """
        stored = StoredPage(page, 0, queue_expired=False)
        other = self._put(viewer, page, stored, queue, None, now)
        if other is None:
            return None
        found = _unpacked(other, page.after.session, page.page_no)
        if found is None:
            raise CacheUnavailableError
        return found.page

    def note_feedback(self, viewer: UUID, revision: int, now: datetime) -> None:
        """Note the revision that the viewer's feedback has reached.

        Raises:
            CacheUnavailableError: DynamoDB did not answer within the budget.
        """
        expires_at = _seconds(now) + SESSION_S
        self.store.feedback.note(viewer, revision, expires_at=expires_at, now=_seconds(now))

    def knows_feedback(self, viewer: UUID, cached: CachedQueue, now: datetime) -> bool:
        """Return whether a queue was ranked with all the feedback that was noted.

        Raises:
            CacheUnavailableError: DynamoDB did not answer within the budget.
        """
        return cached.ranked.revision >= self.store.feedback.noted(viewer, _seconds(now))

    def fresh_until(self, now: datetime) -> int:
        """Return when a queue that is ranked now has to be ranked anew, in Unix seconds."""
        return _seconds(now) + self.ttl_s

    def _put(
        self,
        viewer: UUID,
        page: Page,
        stored: StoredPage | None,
        queue: bytes | None,
        expected: int | None,
        now: datetime,
    ) -> Item | None:
        packed = pack_page(stored.page, queue_expired=stored.queue_expired) if stored else None
        return self.store.write(
            viewer,
            page.after.session,
            page.page_no,
            Item(stored.version if stored else None, packed, queue),
            expected=expected,
            expires_at=_seconds(now) + SESSION_S,
            now=_seconds(now),
        )


class CacheForRequest:
    """The session cache as one request uses it: once it has not answered, it is not asked again.

    Attributes:
        gone: Whether it has not answered.
    """

    def __init__(self, cache: Cache, viewer: UUID, now: datetime) -> None:
        self.gone = False
        self._cache = cache
        self._viewer = viewer
        self._now = now

    def read(self, at: Position) -> CacheEntry:
        """Return what is held of page `at`; nothing where the cache is gone."""
        try:
            return self._cache.read(self._viewer, at, self._now)
        except CacheUnavailableError:
            self.gone = True
            return CacheEntry()

    def served(self, session: UUID) -> dict[UUID, int]:
        """Return the posts of the session's pages, each with its place, as far as one can tell."""
        if not self.gone:
            try:
                return self._cache.served(self._viewer, session, self._now)
            except CacheUnavailableError:
                self.gone = True
        return {}

    def remember(
        self, page: Page, stored: StoredPage | None, queue: bytes | None, *, expected: int
    ) -> None:
        """Write what is to be stored of a committed page, if the cache answers."""
        if not self.gone:
            try:
                self._cache.write(
                    self._viewer, page, stored, queue, expected=expected, now=self._now
                )
            except CacheUnavailableError:
                self.gone = True


def _unpacked(item: Item, session: UUID, page_no: int) -> StoredPage | None:
    """Return the page that an item holds; None where it holds none that this release can read."""
    if item.page is None or item.version is None:
        return None
    return unpack_page(item.page, session, page_no, item.version)


def _seconds(now: datetime) -> int:
    return int(now.timestamp())
