"""The ledger of pages in Postgres: page n of a session is written once, or read as it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from functions.feed_ranker.sessions.packed_content import Content, content_by_id
from functions.feed_ranker.sessions.stored_page import StoredPage, page_document, read_document
from shared import sql
from shared.postgres import Database, Json, Statement

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime
    from uuid import UUID

    from functions.feed_ranker.pages.cursor import Position
    from functions.feed_ranker.pages.pace import Asked
    from functions.feed_ranker.pages.page import Page


class CommitRow(NamedTuple):
    """The row that commit_page answers, in its order."""

    status: str
    version: int
    document: Mapping[str, Any]
    withdrawn: Collection[UUID]
    no_longer_unseen: Collection[UUID]
    posts: list[dict[str, Any]]
    content_columns: str | None
    eligible: int | None


@dataclass(frozen=True, slots=True)
class Submission:
    """A page that is to be written, and what must hold for that.

    Attributes:
        viewer: Whose page it is.
        page: The page.
        expected: The version that stands; 0 where none does.
        claimed_unseen: Posts that pass as unseen: no other page of the session may hold them, and
            the viewer may have no impression of them after `cutoff`.
        cutoff: When the cooldown began.
        revision: The revision of the viewer's feedback that the ranking knew; None where the
            feedback may have changed since.
        answers: In an interview, how many watches of the viewer a cached queue knew; else None.
        queue_expired: Whether the cursor's queue had expired.
        hydrate: Posts whose content the cache is to hold.
        request: The row of feed_requests.
        asked: What the request for a page that is written now said of itself.
    """

    viewer: UUID
    page: Page
    expected: int
    claimed_unseen: Collection[UUID]
    cutoff: datetime
    revision: int | None
    answers: int | None
    queue_expired: bool
    hydrate: Collection[UUID]
    request: Mapping[str, Any]
    asked: Asked


@dataclass(frozen=True, slots=True)
class Committed:
    """The page stands as it was given.

    Attributes:
        version: The version that it has.
        content: What clients are shown of its posts.
        content_columns: The same of the posts to hydrate, in columns, as text; None without any.
        eligible: How many posts the viewer may be shown at all, counted up to the page's size,
            where the page is shorter; None for a full page.
    """

    version: int
    content: Content
    content_columns: str | None
    eligible: int | None


@dataclass(frozen=True, slots=True)
class AlreadyWritten:
    """Another version of the page stands.

    Attributes:
        stored: That version.
        withdrawn: Posts of it that may no longer be shown.
        content: What clients are shown of the others.
        eligible: As for a committed page.
    """

    stored: StoredPage
    withdrawn: frozenset[UUID]
    content: Content
    eligible: int | None

    @property
    def holds(self) -> bool:
        """Whether it may be shown as it stands, since no post is withdrawn and none is lacking."""
        return not self.withdrawn and (self.eligible or 0) <= len(self.stored.page.posts)


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was written, since some of the posts may not stand on the page as they do.

    Attributes:
        withdrawn: Posts that may not be shown any more.
        no_longer_unseen: Posts that may be shown, but only as repeats: another page of the session
            holds them, or the viewer has seen them meanwhile.
    """

    withdrawn: frozenset[UUID]
    no_longer_unseen: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class FeedbackChanged:
    """Nothing was written, since the ranking did not know the viewer's latest feedback."""


Outcome = Committed | AlreadyWritten | Refused | FeedbackChanged


@dataclass(frozen=True, slots=True)
class PageThatStands:
    """The question whether a page stands, to be asked along with others.

    Attributes:
        statement: Its rows are none where the page does not stand.
        at: Which page of which session.
    """

    statement: Statement
    at: Position

    def read(self, row: CommitRow) -> AlreadyWritten:
        """Read the row that it was answered."""
        return _already_written(self.at.session, self.at.page_no, row)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Writes pages.

    Attributes:
        database: Postgres.
        budget_s: Seconds for one commit.
    """

    database: Database
    budget_s: float

    def commit(self, submission: Submission) -> Outcome:
        """Write a page where its conditions hold, in one round trip.

        Raises:
            DatabaseUnavailableError: Postgres did not answer within the budget.
        """
        ((row,),) = self.database.run(
            _statement(submission), viewer=submission.viewer, budget_s=self.budget_s
        )
        return _outcome(submission, row)

    def page_that_stands(
        self, viewer: UUID, at: Position, request: Mapping[str, Any]
    ) -> PageThatStands:
        """Return the question whether page `at` stands.

        Args:
            viewer: Whose page it is.
            at: Which page of which session.
            request: The row of feed_requests, which is written where the page is answered.
        """
        statement = Statement(
            sql.FEED["standing_page"],
            {
                "viewer": viewer,
                "session": at.session,
                "page_no": at.page_no,
                "request": Json(request),
            },
            CommitRow,
        )
        return PageThatStands(statement, at)


def _statement(submission: Submission) -> Statement:
    page = submission.page
    document = page_document(page, queue_expired=submission.queue_expired, lasting=True)
    document["pace"] = submission.asked.document()
    return Statement(
        sql.FEED["commit_page"],
        {
            "viewer": submission.viewer,
            "session": page.after.session,
            "page_no": page.page_no,
            "expected": submission.expected,
            "shown": page.ids,
            "described": Json(document),
            "claimed_unseen": list(submission.claimed_unseen),
            "hydrate": list(submission.hydrate),
            "request": Json(submission.request),
            "cutoff": submission.cutoff,
            "revision": submission.revision,
            "answers": submission.answers,
        },
        CommitRow,
    )


def _already_written(session: UUID, page_no: int, row: CommitRow) -> AlreadyWritten:
    content = content_by_id(row.posts)
    stored = read_document(row.document, session, page_no, row.version, content)
    return AlreadyWritten(stored, frozenset(row.withdrawn), content, row.eligible)


def _outcome(submission: Submission, row: CommitRow) -> Outcome:
    match row.status:
        case "committed":
            content = content_by_id(row.posts)
            return Committed(row.version, content, row.content_columns, row.eligible)
        case "existing":
            page = submission.page
            return _already_written(page.after.session, page.page_no, row)
        case "rejected":
            return Refused(frozenset(row.withdrawn), frozenset(row.no_longer_unseen))
        case "outdated":
            return FeedbackChanged()
        case _:
            raise ValueError(f"commit_page answered {row.status!r}")
