from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.services.aws import DUMMY_CREDENTIALS
from shared.dynamodb import DynamoDB, connect, connect_boto3
from tests.unit.shared.dynamodb.endpoint import Endpoint, endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture(scope="module")
def served() -> Iterator[Endpoint]:
    with pytest.MonkeyPatch.context() as patch, endpoint() as running:
        for name, value in DUMMY_CREDENTIALS.items():
            patch.setenv(name, value)
        patch.setattr("boto3.DEFAULT_SESSION", None)
        yield running


@pytest.fixture
def there(served: Endpoint) -> Endpoint:
    served.answers.clear()
    served.requests.clear()
    return served


@pytest.fixture(scope="module")
def light(served: Endpoint) -> Iterator[DynamoDB]:
    client = connect(served.url, 2.0)
    assert isinstance(client, DynamoDB)
    yield client
    client.close()


@pytest.fixture(scope="module")
def boto3_client(served: Endpoint) -> Iterator[DynamoDBClient]:
    client = connect_boto3(served.url, 2.0)
    yield client
    client.close()
