"""How far one request has come, and how a commit's outcome changes that. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from functions.feed_ranker.sessions.ledger import AlreadyWritten, FeedbackChanged, Withdrawn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from functions.feed_ranker.pages.page import Page
    from functions.feed_ranker.ranking.queue import Queue
    from functions.feed_ranker.sessions.stored_page import StoredPage


@dataclass(frozen=True, slots=True)
class RankedQueue:
    """A queue that a page is taken from.

    Attributes:
        queue: The queue.
        is_new: Whether it was ranked for this request.
        trace: How it came about, where it is new.
    """

    queue: Queue
    is_new: bool = False
    trace: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """A page that may be committed.

    Attributes:
        page: The page.
        ranked: The queue that the page, or what refills it, was taken from; None where a stored
            page is checked as it stands.
        stored: The page that stands and that this one replaces; None where none does.
        claimed_unseen: Posts that must not have been seen or served meanwhile.
        underfilled: Whether it is shorter than promised, though more posts may be there.
    """

    page: Page
    ranked: RankedQueue | None
    stored: StoredPage | None
    claimed_unseen: frozenset[UUID]
    underfilled: bool

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
        withdrawn: Posts that turned out not to be shown.
        refusals: How many commits were refused for withdrawn posts.
    """

    stored: StoredPage | None
    queue: Queue | None
    queue_expired: bool
    withdrawn: frozenset[UUID] = frozenset()
    refusals: int = 0

    def after(self, outcome: AlreadyWritten | Withdrawn | FeedbackChanged, draft: Draft) -> Work:
        """Return what a refused draft teaches."""
        match outcome:
            case AlreadyWritten():
                withdrawn = self.withdrawn | outcome.withdrawn
                return replace(self, stored=outcome.stored, withdrawn=withdrawn)
            case FeedbackChanged():
                return replace(self, queue=None)
            case Withdrawn():
                # After a second refusal, or one of a new queue, only a new retrieval helps.
                ranked_now = draft.ranked is not None and draft.ranked.is_new
                spent = ranked_now or self.refusals > 0
                return replace(
                    self,
                    queue=None if spent else self.queue,
                    withdrawn=self.withdrawn | outcome.posts,
                    refusals=self.refusals + 1,
                )
