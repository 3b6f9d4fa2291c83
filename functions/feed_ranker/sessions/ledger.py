"""The ledger of pages in Postgres: page n of a session is written once, or read as it was."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from functions.feed_ranker.sessions.page_document import (
    Content,
    content_by_id,
    page_document,
    read_page,
)
from shared import sql
from shared.postgres import Database, Json, Statement

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime
    from uuid import UUID

    from functions.feed_ranker.pages.page import Page


class Status(StrEnum):
    """How a commit ended."""

    COMMITTED = "committed"  # the page stands as given
    EXISTING = "existing"  # another version stands
    REJECTED = "rejected"  # some posts may not be shown
    OUTDATED = "outdated"  # ranked before the viewer's latest feedback


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must hold for a page to be written.

    Attributes:
        expected: The version that stands; 0 where none does.
        unserved: Posts that pass as unseen: no other page of the session may hold them, and no
            impression after `cutoff`.
        cutoff: When the cooldown began.
        revision: Of the viewer's feedback, as the ranking knew it, where nothing is written yet;
            None: it may have changed.
    """

    expected: int
    unserved: Collection[UUID]
    cutoff: datetime
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """The ledger's word on a page.

    Attributes:
        status: How it ended.
        version: Of the page that stands.
        page: The page that stands; as given unless status is EXISTING.
        stale: Whether the page that stands came of an expired queue.
        bad: Posts of that page (or of the one given) that may not be shown.
        content: What clients are shown of the page's posts.
        cached: What they are shown of the posts asked for, in columns, as text; None: of none.
    """

    status: Status
    version: int
    page: Page
    stale: bool
    bad: frozenset[UUID]
    content: Content
    cached: str | None = None


def commit(  # a page, a condition, what to read along
    database: Database,
    viewer: UUID,
    page: Page,
    conditions: Conditions,
    *,
    hydrate: Collection[UUID],
    stale: bool,
    request: Mapping[str, Any],
    budget_s: float,
) -> Commit:
    """Write `page` where the conditions hold, in one round trip.

    Args:
        database: Postgres.
        viewer: Whose page.
        page: With `after.page_no - 1` as its number.
        conditions: What must hold.
        hydrate: Posts whose content the cache is to hold.
        stale: Whether the page came of an expired queue.
        request: The feed_requests row.
        budget_s: Seconds for the round trip.

    Raises:
        DatabaseUnavailableError: No answer within the budget.
    """
    session, page_no = page.after.session, page.after.page_no - 1
    statement = Statement(
        sql.FEED["commit_page"],
        {
            "viewer": viewer,
            "session": session,
            "page_no": page_no,
            "expected": conditions.expected,
            "shown": page.ids,
            "described": Json(page_document(page, stale=stale, lasting=True)),
            "unserved": list(conditions.unserved),
            "hydrate": list(hydrate),
            "request": Json(request),
            "cutoff": conditions.cutoff,
            "revision": conditions.revision,
        },
    )
    ((status, version, document, bad, posts, cached),) = database.run(
        statement, viewer=viewer, budget_s=budget_s
    )[0]
    existing = status == Status.EXISTING
    content = content_by_id(posts)
    return Commit(
        status=Status(status),
        version=version,
        page=read_page(document, session, page_no, content) if existing else page,
        stale=document["stale"] if existing else stale,
        bad=frozenset(bad),
        content=content,
        cached=cached,
    )
