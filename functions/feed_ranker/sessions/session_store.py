"""Session store: what a session will be shown, and was shown where nothing else tells it.

A page may have an item. `queue` is the queue that was ranked for this page, from which the page
and those after it are taken. `page` is the page itself. It is stored only where it does not follow
from its queue, or where the ledger does not know it; only such an item has a `version`. DynamoDB
deletes expired items late, so expiry is checked on every read.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.feed_ranker.sessions.feedback_marks import FeedbackMarks
from shared.dynamodb import ConditionFailed, DynamoDB, call, unheard
from shared.errors import CacheUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from uuid import UUID

    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        PutItemInputTypeDef,
        QueryInputTypeDef,
    )


@dataclass(frozen=True, slots=True)
class Item:
    """What is stored of a page.

    Attributes:
        version: The page's version in the ledger. It is 0 for a page that the ledger does not
            know, and None where no page is stored.
        page: The page, encoded; None where it follows from its queue.
        queue: The queue that was ranked for it, encoded; None where it came from an earlier one.
    """

    version: int | None
    page: bytes | None
    queue: bytes | None


class SessionStore:
    """Pages of sessions in one table (pk = viewer and session, sk = page).

    Attributes:
        feedback: Beside them one item a viewer: how far their feedback has come.
    """

    def __init__(
        self, client: DynamoDB, table: str, on_failure: Callable[[str], None] = unheard
    ) -> None:
        """Keep the parts.

        Args:
            client: DynamoDB.
            table: The session table.
            on_failure: Told why a call failed, once each: the feed goes on without an error.
        """
        self.feedback = FeedbackMarks(client, table, on_failure)
        self._client = client
        self._table = table
        self._on_failure = on_failure

    def read(
        self, viewer: UUID, session: UUID, pages: Collection[int], now: int
    ) -> dict[int, Item]:
        """Read those of `pages` that are stored and have not expired, in one call.

        Raises:
            CacheUnavailableError: DynamoDB did not answer within the budget.
        """
        keys = [key(viewer, session, page) for page in sorted(set(pages))]
        if len(keys) == 1:
            one = call(
                lambda: self._client.get_item(
                    TableName=self._table, Key=keys[0], ConsistentRead=True
                ),
                self._on_failure,
            )
            found = [one["Item"]] if "Item" in one else []
        else:
            many = call(
                lambda: self._client.batch_get_item(
                    RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}}
                ),
                self._on_failure,
            )
            if many.get("UnprocessedKeys"):
                self._on_failure("UnprocessedKeys")
                raise CacheUnavailableError
            found = many["Responses"].get(self._table, [])
        return _alive(found, now)

    def read_all(self, viewer: UUID, session: UUID, now: int) -> dict[int, Item]:
        """Read every page of a session that is stored and has not expired.

        Raises:
            CacheUnavailableError: DynamoDB did not answer within the budget.
        """
        return _alive(self._items(viewer, session), now)

    def delete_all(self, viewer: UUID, session: UUID) -> int:
        """Delete every item of a session, expired ones too; how many.

        Raises:
            CacheUnavailableError: DynamoDB did not answer within the budget; calling again
                deletes the rest.
        """
        count = 0
        for found in self._items(viewer, session, keys_only=True):
            delete = functools.partial(self._client.delete_item, TableName=self._table, Key=found)
            call(delete, self._on_failure)
            count += 1
        return count

    def _items(
        self, viewer: UUID, session: UUID, *, keys_only: bool = False
    ) -> list[dict[str, AttributeValueTypeDef]]:
        found: list[dict[str, AttributeValueTypeDef]] = []
        request: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": key(viewer, session, 0)["pk"]},
            "ConsistentRead": True,
        }
        if keys_only:
            request["ProjectionExpression"] = "pk, sk"
        while True:
            answer = call(lambda: self._client.query(**request), self._on_failure)
            found += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return found
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def write(  # a key, an item, a condition
        self,
        viewer: UUID,
        session: UUID,
        page: int,
        item: Item,
        *,
        expected: int | None,
        expires_at: int,
        now: int,
    ) -> Item | None:
        """Write what is to be stored of a page, unless another version of it is stored.

        Args:
            viewer: Whose.
            session: Of which session.
            page: Its number.
            item: What to store.
            expected: The version of a page that it may replace; None where it may replace none.
            expires_at: Unix seconds after which it is no longer read.
            now: Unix seconds.

        Returns:
            None where it was written; else the page that was there.

        Raises:
            CacheUnavailableError: DynamoDB did not answer within the budget.
        """
        condition = "attribute_not_exists(version) OR expires_at <= :now"
        values: dict[str, AttributeValueTypeDef] = {":now": {"N": str(now)}}
        if expected is not None:
            condition += " OR version = :expected"
            values[":expected"] = {"N": str(expected)}
        request: PutItemInputTypeDef = {
            "TableName": self._table,
            "Item": attributes(viewer, session, page, item, expires_at),
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            call(lambda: self._client.put_item(**request), self._on_failure)
        except ConditionFailed as failed:
            return _read_item(failed.item)
        return None


def attributes(
    viewer: UUID, session: UUID, page: int, item: Item, expires_at: int
) -> dict[str, AttributeValueTypeDef]:
    """Write an item's attributes, its key among them."""
    written: dict[str, AttributeValueTypeDef] = {
        **key(viewer, session, page),
        "expires_at": {"N": str(expires_at)},
    }
    if item.version is not None:
        written["version"] = {"N": str(item.version)}
    if item.page is not None:
        written["page"] = {"B": item.page}
    if item.queue is not None:
        written["queue"] = {"B": item.queue}
    return written


def key(viewer: UUID, session: UUID, page: int) -> dict[str, AttributeValueTypeDef]:
    """Return the key of a page: pk = viewer and session, sk = page."""
    return {"pk": {"S": f"feed#{viewer}#{session}"}, "sk": {"S": f"page#{page:010}"}}


def _alive(found: list[dict[str, Any]], now: int) -> dict[int, Item]:
    """Return those of the items that were found which have not expired, by page."""
    return {
        int(item["sk"]["S"].rpartition("#")[2]): _read_item(item)
        for item in found
        if int(item["expires_at"]["N"]) > now
    }


def _read_item(found: dict[str, Any]) -> Item:
    """Read an item's attributes."""
    return Item(
        version=int(found["version"]["N"]) if "version" in found else None,
        page=bytes(found["page"]["B"]) if "page" in found else None,
        queue=bytes(found["queue"]["B"]) if "queue" in found else None,
    )
