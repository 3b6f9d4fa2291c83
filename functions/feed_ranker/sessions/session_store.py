"""Session store: what a session was shown and will be shown, until it expires.

Each page has an item of its own. `page` is the page as it was served. Where the page was ranked
anew, `queue` stands beside it: the next pages are taken from that. DynamoDB deletes expired items
late, so expiry is checked on every read.
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
    """A stored page.

    Attributes:
        version: Grows when the page is refilled.
        page: The page, encoded.
        queue: The queue that was built for it, encoded; None where it came from an earlier one.
    """

    version: int
    page: bytes
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
        keys = [_key(viewer, session, page) for page in sorted(set(pages))]
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
        for key in self._items(viewer, session, keys_only=True):
            delete = functools.partial(self._client.delete_item, TableName=self._table, Key=key)
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
            "ExpressionAttributeValues": {":pk": _key(viewer, session, 0)["pk"]},
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
        expected: int,
        expires_at: int,
        now: int,
    ) -> Item | None:
        """Write a page, once.

        Args:
            viewer: Whose.
            session: Of which session.
            page: Its number.
            item: What to store.
            expected: The version that it replaces; 0 where none may be there.
            expires_at: Unix seconds after which it is no longer read.
            now: Unix seconds.

        Returns:
            None where it was written; else the page that was there.

        Raises:
            CacheUnavailableError: DynamoDB did not answer within the budget.
        """
        values: dict[str, AttributeValueTypeDef] = {
            ":now": {"N": str(now)},
            ":expected": {"N": str(expected)},
        }
        attributes: dict[str, AttributeValueTypeDef] = {
            **_key(viewer, session, page),
            "version": {"N": str(item.version)},
            "page": {"B": item.page},
            "expires_at": {"N": str(expires_at)},
        }
        if item.queue is not None:
            attributes["queue"] = {"B": item.queue}
        request: PutItemInputTypeDef = {
            "TableName": self._table,
            "Item": attributes,
            "ConditionExpression": (
                "attribute_not_exists(pk) OR expires_at <= :now OR version = :expected"
            ),
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            call(lambda: self._client.put_item(**request), self._on_failure)
        except ConditionFailed as failed:
            return _item(failed.item)
        return None


def _key(viewer: UUID, session: UUID, page: int) -> dict[str, AttributeValueTypeDef]:
    return {"pk": {"S": f"feed#{viewer}#{session}"}, "sk": {"S": f"page#{page:010}"}}


def _alive(found: list[dict[str, Any]], now: int) -> dict[int, Item]:
    return {
        int(item["sk"]["S"].rpartition("#")[2]): _item(item)
        for item in found
        if int(item["expires_at"]["N"]) > now
    }


def _item(found: dict[str, Any]) -> Item:
    return Item(
        version=int(found["version"]["N"]),
        page=bytes(found["page"]["B"]),
        queue=bytes(found["queue"]["B"]) if "queue" in found else None,
    )
