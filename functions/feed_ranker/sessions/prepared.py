"""Prepared queues: when one is to be ranked, who ranks it, and where it is put."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.feed_ranker.pages.pace import Asked, Pace
from functions.feed_ranker.ranking.interview import ANSWERS, TELLING
from functions.feed_ranker.sessions.cache import SESSION_S
from functions.feed_ranker.sessions.packed_content import PackedContent
from functions.feed_ranker.sessions.session_store import Item, attributes, key
from functions.feed_ranker.sessions.stored_page import read_place
from functions.feed_ranker.sessions.stored_queue import CachedQueue, pack_queue
from shared import sql
from shared.dynamodb import ConditionFailed, call, unheard
from shared.postgres import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from uuid import UUID

    from mypy_boto3_dynamodb.type_defs import PutItemInputTypeDef

    from functions.feed_ranker.pages.cursor import Position
    from functions.feed_ranker.ranking.queue import Queue
    from shared.dynamodb import DynamoDB
    from shared.postgres import Database


@dataclass(frozen=True, slots=True)
class PreparedQueues:
    """Queues that are ranked ahead, each in the item of the page that will begin it.

    Attributes:
        client: DynamoDB.
        table: The session table.
        database: Postgres.
        budget_s: Seconds for a round trip to Postgres.
        ttl_s: Seconds for which a queue is taken as it was ranked.
        on_failure: Told why a call of DynamoDB failed.
    """

    client: DynamoDB
    table: str
    database: Database
    budget_s: float
    ttl_s: int
    on_failure: Callable[[str], None] = unheard

    def claim(self, viewer: UUID, at: Position) -> bool:
        """Claim the queue of a page; return whether nobody has, and the page is not written.

        DynamoDB is asked first: nothing is ranked that could not be put there. A session does not
        come back to a page whose item has expired, so an item that is still there counts, expired
        or not.

        Raises:
            CacheUnavailableError: DynamoDB did not answer within the budget.
            DatabaseUnavailableError: Postgres did not answer within the budget.
        """
        place = key(viewer, at.session, at.page_no)
        there = call(lambda: self.client.get_item(TableName=self.table, Key=place), self.on_failure)
        if "Item" in there:
            return False
        statement = Statement(
            sql.FEED["claim_queue"],
            {"viewer": viewer, "session": at.session, "page_no": at.page_no},
            bool,
        )
        ((free,),) = self.database.run(statement, viewer=viewer, budget_s=self.budget_s)
        return bool(free)

    def content(self, viewer: UUID, at: Position, queue: Queue) -> PackedContent | None:
        """Return what clients are shown of a queue's posts.

        Returns:
            None where page `at`, for which the queue is prepared, is written already.

        Raises:
            DatabaseUnavailableError: Postgres did not answer within the budget.
        """
        posts = [(entry.post_id, entry.creator_id) for entry in queue.entries]
        statement = Statement(
            sql.FEED["prepared_content"],
            {
                "viewer": viewer,
                "session": at.session,
                "page_no": at.page_no,
                "ids": [post_id for post_id, _ in posts],
            },
            str,
        )
        (found,) = self.database.run(statement, viewer=viewer, budget_s=self.budget_s)
        return PackedContent.of(posts, found[0]) if found else None

    def keep(  # where, what, when
        self,
        viewer: UUID,
        at: Position,
        queue: Queue,
        content: PackedContent,
        trace: Mapping[str, Any],
        now: datetime,
    ) -> bool:
        """Put a queue where its page will look for it; return whether nothing was there.

        Something is where the page was served from a queue that was ranked for it meanwhile.

        Raises:
            CacheUnavailableError: DynamoDB did not answer within the budget.
        """
        seconds = int(now.timestamp())
        cached = CachedQueue(queue, content, seconds + self.ttl_s, prepared=True, trace=trace)
        item = Item(None, None, pack_queue(cached))
        request: PutItemInputTypeDef = {
            "TableName": self.table,
            "Item": attributes(viewer, at.session, at.page_no, item, seconds + SESSION_S),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        try:
            call(lambda: self.client.put_item(**request), self.on_failure)
        except ConditionFailed:
            return False
        return True


class WithPace:
    """Hands statements on to Postgres, and asks for the pace of a session in the same round trip.

    Attributes:
        pace: The pace, where it was answered; None too where the viewer is not far enough.
    """

    def __init__(
        self, database: Database, viewer: UUID, *, session: UUID | None, post: UUID | None
    ) -> None:
        """Ask about `session`, or about the session in which the viewer has last seen `post`."""
        self.pace: Pace | None = None
        self._database = database
        self._ask = Statement(
            sql.FEED["session_pace"],
            {"viewer": viewer, "session": session, "post": post},
            _pace,
        )

    def run(self, *statements: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        """Run statements, as the database does.

        Raises:
            DatabaseUnavailableError: No answer within the budget, or no connection.
        """
        *rows, paces = self._database.run(*statements, self._ask, viewer=viewer, budget_s=budget_s)
        self.pace = paces[0] if paces else None
        return rows


def _pace(
    session: UUID, page_no: int, posts: int, seen: int, described: Mapping[str, Any]
) -> Pace | None:
    """Make a pace of a row; None for a page of a release that did not keep what is needed."""
    if not described["pace"] or not described["next"]:
        return None
    asked, watches = Asked.read(described["pace"]), described["watches"]
    return Pace(
        following=read_place(described["next"], session, page_no),
        page_size=described["page_size"],
        posts=posts,
        seen=seen,
        asked=asked,
        interviewed=watches < ANSWERS,
        outdated=asked.answers is not None and watches >= asked.answers + TELLING,
    )
