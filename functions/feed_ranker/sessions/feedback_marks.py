"""Feedback marks: the revision of each viewer's feedback, for when Postgres cannot tell it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from shared.dynamodb import ConditionFailed, DynamoDB, call, unheard

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, PutItemInputTypeDef


class FeedbackMarks:
    """One item a viewer in the session table (pk = viewer)."""

    def __init__(
        self, client: DynamoDB, table: str, on_failure: Callable[[str], None] = unheard
    ) -> None:
        self._client = client
        self._table = table
        self._on_failure = on_failure

    def note(self, viewer: UUID, revision: int, *, expires_at: int, now: int) -> None:
        """Note what the viewer's feedback has come to, unless more is noted already.

        Raises:
            CacheUnavailableError: DynamoDB did not answer within the budget.
        """
        request: PutItemInputTypeDef = {
            "TableName": self._table,
            "Item": {
                **_key(viewer),
                "revision": {"N": str(revision)},
                "expires_at": {"N": str(expires_at)},
            },
            "ConditionExpression": (
                "attribute_not_exists(pk) OR expires_at <= :now OR revision <= :revision"
            ),
            "ExpressionAttributeValues": {
                ":now": {"N": str(now)},
                ":revision": {"N": str(revision)},
            },
        }
        with suppress(ConditionFailed):
            call(lambda: self._client.put_item(**request), self._on_failure)

    def noted(self, viewer: UUID, now: int) -> int:
        """Return the revision that was noted; 0 without any.

        Raises:
            CacheUnavailableError: DynamoDB did not answer within the budget.
        """
        key = _key(viewer)
        found = call(
            lambda: self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True),
            self._on_failure,
        ).get("Item")
        if found is None or int(found["expires_at"]["N"]) <= now:
            return 0
        return int(found["revision"]["N"])

    def forget(self, viewer: UUID) -> None:
        """Delete what was noted of the viewer's feedback.

        Raises:
            CacheUnavailableError: DynamoDB did not answer within the budget.
        """
        key = _key(viewer)
        call(lambda: self._client.delete_item(TableName=self._table, Key=key), self._on_failure)


def _key(viewer: UUID) -> dict[str, AttributeValueTypeDef]:
    return {"pk": {"S": f"feed#{viewer}"}, "sk": {"S": "feedback"}}
