"""DynamoDB: a client whose calls are bounded in time, and what their errors mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError

from shared.errors import CacheUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")

_CONDITION_FAILED = "ConditionalCheckFailedException"


def connect(endpoint_url: str | None, budget_s: float) -> DynamoDBClient:
    """A client whose calls end within the budget, without retries: the feed can do without it."""
    config = Config(
        connect_timeout=budget_s,
        read_timeout=budget_s,
        retries={"total_max_attempts": 1},
        tcp_keepalive=True,
        parameter_validation=False,
        user_agent="vroom-feed",  # botocore's own is put together anew for every call
    )
    return boto3.client("dynamodb", endpoint_url=endpoint_url or None, config=config)


class ConditionFailed(Exception):  # noqa: N818  # no error: another write was first
    """A conditional write met an item that it may not replace.

    Attributes:
        item: That item, where the write asked for it.
    """

    def __init__(self, item: dict[str, Any]) -> None:
        super().__init__()
        self.item = item


def call(send: Callable[[], T]) -> T:
    """Call DynamoDB.

    Raises:
        ConditionFailed: A conditional write was refused.
        CacheUnavailableError: No answer within the budget.
    """
    try:
        try:
            return send()
        except ConnectionClosedError:
            return send()  # an idle connection that the other side had closed
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == _CONDITION_FAILED:
            item: Any = error.response.get("Item") or {}
            raise ConditionFailed(item) from None
        raise CacheUnavailableError from error
    except BotoCoreError as error:
        raise CacheUnavailableError from error
