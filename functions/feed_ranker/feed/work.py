"""How far one request has come, and how a commit's outcome changes that. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from functions.feed_ranker.sessions.ledger import AlreadyWritten, FeedbackChanged, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from functions.feed_ranker.pages.page import Page
    from functions.feed_ranker.ranking.queue import Queue
    from functions.feed_ranker.sessions.stored_page import StoredPage

_MOST_REFUSALS: Final = 8  # of drafts from one cached queue


@dataclass(frozen=True, slots=True)
class RankedQueue:
    """A queue that a page is taken from.

    Attributes:
        queue: The queue.
        is_new: Whether it was ranked for this request.
        is_own: Whether it was ranked for this very page, so that the page begins it.
        is_prepared: Whether it was ranked ahead of the request for its first page.
        trace: How it came about, where no earlier request for a page has logged it.
    """

    queue: Queue
    is_new: bool = False
    is_own: bool = False
    is_prepared: bool = False
    trace: Mapping[str, Any] = field(default_factory=dict)

    def without(self, work: Work) -> frozenset[UUID]:
        """Return the posts that must not be taken from it; a new queue knows what was seen."""
        return work.withdrawn if self.is_new else work.withdrawn | work.no_longer_unseen


@dataclass(frozen=True, slots=True)
class Draft:
    """A page that may be committed.

    Attributes:
        page: The page.
        ranked: The queue that the page, or what refills it, was taken from; None where a stored
            page is checked as it stands.
        stored: The page that stands and that this one replaces; None where none does.
        claimed_unseen: Posts that must not have been seen or served meanwhile.
        follows_from_queue: Whether anybody who has the queue and the cursor gets the same page.
    """

    page: Page
    ranked: RankedQueue | None
    stored: StoredPage | None
    claimed_unseen: frozenset[UUID]
    follows_from_queue: bool = False

    @property
    def is_unchanged(self) -> bool:
        """Whether it holds the posts of the page that stands."""
        return self.stored is not None and self.stored.page.posts == self.page.posts

    @property
    def prepared(self) -> bool:
        """Whether it is the first page of a queue that was ranked ahead."""
        found = self.ranked if self.stored is None else None
        return found is not None and found.is_own and found.is_prepared

    @property
    def new_queue(self) -> Queue | None:
        """The queue that is to be cached with the page."""
        new = self.ranked is not None and self.ranked.is_new and self.stored is None
        return self.ranked.queue if new and self.ranked else None


@dataclass(frozen=True, slots=True)
class Work:
    """What a request has found out so far.

    Attributes:
        stored: The page that stands, if one does.
        queue: The cached queue that the page can be taken from; None where it has to be ranked.
        queue_expired: Whether the cursor's queue had expired.
        queue_fresh_until: Unix seconds until which the cached queue serves.
        withdrawn: Posts that turned out not to be shown.
        no_longer_unseen: Posts that the cached queue still takes for unseen. They may be shown as
            repeats, which only a new retrieval can say.
        refusals: How many drafts were refused because of such posts.
    """

    stored: StoredPage | None
    queue: RankedQueue | None
    queue_expired: bool
    queue_fresh_until: int = 0
    withdrawn: frozenset[UUID] = frozenset()
    no_longer_unseen: frozenset[UUID] = frozenset()
    refusals: int = 0

    def after(self, outcome: AlreadyWritten | Refused | FeedbackChanged) -> Work:
        """Return what a draft that was not committed teaches.

        A refusal tells only of the posts of one page, and a page may hold one post. So after some
        refusals the cached queue is given up: a new retrieval knows of all posts.
        """
        match outcome:
            case AlreadyWritten():
                withdrawn = self.withdrawn | outcome.withdrawn
                return replace(self, stored=outcome.stored, withdrawn=withdrawn)
            case FeedbackChanged():
                return replace(self, queue=None)
            case Refused():
                return replace(
                    self,
                    refusals=self.refusals + 1,
                    queue=self.queue if self.refusals + 1 < _MOST_REFUSALS else None,
                    withdrawn=self.withdrawn | outcome.withdrawn,
                    no_longer_unseen=self.no_longer_unseen | outcome.no_longer_unseen,
                )
