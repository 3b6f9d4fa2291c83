from __future__ import annotations

from typing import Never

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from shared.dynamodb import ConditionFailed, call
from shared.errors import CacheUnavailableError

URL = "http://127.0.0.1:9/secret-key"


class ThrottlingException(ClientError):  # noqa: N818
    """As botocore makes one for each error of a service's model."""


def answered(code: str, kind: type[ClientError] = ClientError) -> ClientError:
    return kind({"Error": {"Code": code, "Message": "secret-key"}}, "GetItem")


def told(error: Exception) -> list[str]:
    heard: list[str] = []

    def fail() -> Never:
        raise error

    with pytest.raises(CacheUnavailableError) as lost:
        call(fail, heard.append)
    assert lost.value.__cause__ is error
    return heard


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (answered("ValidationException"), "ClientError: ValidationException"),
        (answered("ThrottlingException", ThrottlingException), "ThrottlingException"),
        (ReadTimeoutError(endpoint_url=URL), "ReadTimeoutError"),
        (ConnectionClosedError(endpoint_url=URL), "ConnectionClosedError"),
    ],
)
def test_a_failed_call_is_told_once_by_class_and_code_alone(error: Exception, reason: str) -> None:
    assert told(error) == [reason]


def test_a_refused_condition_is_no_failure() -> None:
    def refuse() -> Never:
        raise answered("ConditionalCheckFailedException")

    heard: list[str] = []
    with pytest.raises(ConditionFailed):
        call(refuse, heard.append)
    assert heard == []
