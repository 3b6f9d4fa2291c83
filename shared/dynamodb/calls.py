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


def unheard(_: str) -> None:
    """Where nobody wants to know why a call failed, since its error is logged as it is."""


def call(send: Callable[[], T], on_failure: Callable[[str], None] = unheard) -> T:
    """Call DynamoDB.

    Args:
        send: The call.
        on_failure: Told why it failed: the error's class and, of an answer, its code. Neither
            holds a key nor what is stored, as messages may.

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
        code = error.response.get("Error", {}).get("Code")
        if code == _CONDITION_FAILED:
            item: Any = error.response.get("Item") or {}
            raise ConditionFailed(item) from None
        kind = type(error).__name__
        on_failure(kind if kind == code else f"{kind}: {code}")  # some have a class of their own
        raise CacheUnavailableError from error
    except BotoCoreError as error:
        on_failure(type(error).__name__)
        raise CacheUnavailableError from error
