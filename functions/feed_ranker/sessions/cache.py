"""The session cache: pages and queues in DynamoDB, read and written as the feed needs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.feed_ranker.sessions.packing import (
    CachedQueue,
    pack_page,
    pack_queue,
    unpack_page,
    unpack_queue,
)
from functions.feed_ranker.sessions.session_store import Item
from shared.errors import CacheUnavailableError

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from functions.feed_ranker.pages.cursor import Position
    from functions.feed_ranker.pages.page import Page
    from functions.feed_ranker.sessions.ledger import Commit
    from functions.feed_ranker.sessions.session_store import SessionStore

_SESSION_S = 86_400  # how long a page can be replayed from the cache
_PLACES_PER_PAGE = 64  # as feed_candidates orders what was served


@dataclass(frozen=True, slots=True)
class Cached:
    """What the cache holds for one request.

    Attributes:
        page: The page, if it was written before.
        version: Its version; 0 without one.
        stale: Whether it came of an expired queue.
        queue: The queue that the page is, or was, taken from.
    """

    page: Page | None
    version: int
    stale: bool
    queue: CachedQueue | None


@dataclass(frozen=True, slots=True)
class Cache:
    """Session pages and queues.

    Attributes:
        store: DynamoDB.
        ttl_s: Seconds for which a queue is taken as it was ranked.
    """

    store: SessionStore
    ttl_s: int

    def read(self, viewer: UUID, at: Position, now: datetime) -> Cached:
        """Page `at`, where it was written, and the queue that it is taken from; one call.

        Raises:
            CacheUnavailableError: No answer within the budget.
        """
        items = self.store.read(viewer, at.session, {at.page_no, at.built}, _seconds(now))
        own = items.get(at.page_no)
        holder = own if own is not None and own.queue is not None else items.get(at.built)
        # Another release may have written either in a form of its own: then it is not there.
        found = unpack_page(own.page, at.session, at.page_no) if own else None
        page, stale = found or (None, False)
        return Cached(
            page=page,
            version=own.version if own and page else 0,
            stale=stale,
            queue=unpack_queue(holder.queue) if holder and holder.queue else None,
        )

    def served(self, viewer: UUID, session: UUID, now: datetime) -> dict[UUID, int]:
        """Every post that the cached pages of a session hold, with its last place in the session.

        Raises:
            CacheUnavailableError: No answer within the budget.
        """
        places: dict[UUID, int] = {}
        items = self.store.read_all(viewer, session, _seconds(now))
        for page_no, item in sorted(items.items()):
            found = unpack_page(item.page, session, page_no)
            for position, post_id in enumerate(found[0].ids if found else (), start=1):
                places[post_id] = page_no * _PLACES_PER_PAGE + position
        return places

    def write(
        self, viewer: UUID, done: Commit, built: CachedQueue | None, *, expected: int, now: datetime
    ) -> None:
        """Write the page that the ledger has committed, with the queue that was built for it.

        A page that another request wrote meanwhile is left alone: the ledger gave both the same.

        Raises:
            CacheUnavailableError: No answer within the budget.
        """
        self._put(viewer, done.page, done.stale, built, done.version, expected, now)

    def write_alone(self, viewer: UUID, page: Page, now: datetime) -> Page | None:
        """Write a page that no ledger knows, since Postgres is gone.

        Returns:
            None where it was written; else the page that another request wrote first.

        Raises:
            CacheUnavailableError: No answer within the budget.
        """
        other = self._put(viewer, page, False, None, 1, 0, now)
        if other is None:
            return None
        found = unpack_page(other.page, page.after.session, page.after.page_no - 1)
        if found is None:
            raise CacheUnavailableError  # a page stands that this release cannot read
        return found[0]

    def note_feedback(self, viewer: UUID, revision: int, now: datetime) -> None:
        """Note the revision that the viewer's feedback has reached.

        Raises:
            CacheUnavailableError: No answer within the budget.
        """
        expires_at = _seconds(now) + _SESSION_S
        self.store.feedback.note(viewer, revision, expires_at=expires_at, now=_seconds(now))

    def knows_feedback(self, viewer: UUID, cached: CachedQueue, now: datetime) -> bool:
        """Whether a queue was ranked with all the feedback that was noted.

        Raises:
            CacheUnavailableError: No answer within the budget.
        """
        return cached.queue.revision >= self.store.feedback.noted(viewer, _seconds(now))

    def fresh_until(self, now: datetime) -> int:
        """When a queue that is ranked now has to be ranked anew, in Unix seconds."""
        return _seconds(now) + self.ttl_s

    def _put(  # an item and its condition
        self,
        viewer: UUID,
        page: Page,
        stale: bool,  # noqa: FBT001  # part of the page
        built: CachedQueue | None,
        version: int,
        expected: int,
        now: datetime,
    ) -> Item | None:
        return self.store.write(
            viewer,
            page.after.session,
            page.after.page_no - 1,
            Item(version, pack_page(page, stale=stale), pack_queue(built) if built else None),
            expected=expected,
            expires_at=_seconds(now) + _SESSION_S,
            now=_seconds(now),
        )


def _seconds(now: datetime) -> int:
    return int(now.timestamp())
