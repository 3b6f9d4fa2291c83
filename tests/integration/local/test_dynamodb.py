from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError

from local.gateway.template import load_template
from local.paths import TEMPLATE
from local.services.aws import aws_environment
from local.services.dynamodb import DynamoDbServer, ensure_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DynamoDbServer]:
    server = DynamoDbServer(tmp_path / "dynamodb.log")
    try:
        server.wait_ready()
        yield server
    finally:
        server.close()


@pytest.fixture
def client(server: DynamoDbServer) -> Iterator[DynamoDBClient]:
    # Without retries, which would make an outage a long one.
    config = Config(retries={"total_max_attempts": 1})
    client = boto3.client(
        "dynamodb",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=config,
    )
    yield client
    client.close()


def test_the_table_is_the_templates(dynamodb: DynamoDBClient, session_table: str) -> None:
    table = dynamodb.describe_table(TableName=session_table)["Table"]
    keys = {key["AttributeName"]: key["KeyType"] for key in table["KeySchema"]}
    assert keys == {"pk": "HASH", "sk": "RANGE"}
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    ttl = dynamodb.describe_time_to_live(TableName=session_table)["TimeToLiveDescription"]
    assert (ttl["AttributeName"], ttl["TimeToLiveStatus"]) == ("expires_at", "ENABLED")


def test_a_table_that_is_there_stays_as_it_is(dynamodb: DynamoDBClient, session_table: str) -> None:
    dynamodb.put_item(TableName=session_table, Item={"pk": {"S": "a"}, "sk": {"S": "b"}})
    (definition,) = load_template(TEMPLATE, {}).tables.values()
    ensure_table(dynamodb, session_table, definition)
    assert dynamodb.scan(TableName=session_table)["Count"] == 1


def test_of_many_conditional_writes_at_once_one_succeeds(
    dynamodb: DynamoDBClient, session_table: str
) -> None:
    def write(key: str) -> bool:
        try:
            dynamodb.put_item(
                TableName=session_table,
                Item={"pk": {"S": key}, "sk": {"S": "page"}},
                ConditionExpression="attribute_not_exists(pk)",
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        for key in "abcdefghij":
            assert sum(threads.map(write, [key] * 8)) == 1


def test_an_outage_keeps_the_items_and_the_port(
    server: DynamoDbServer, client: DynamoDBClient
) -> None:
    (definition,) = load_template(TEMPLATE, {}).tables.values()
    ensure_table(client, "t", definition)
    client.put_item(TableName="t", Item={"pk": {"S": "a"}, "sk": {"S": "b"}})
    url = server.url
    server.stop()
    server.stop()
    with pytest.raises(EndpointConnectionError):
        client.scan(TableName="t")
    server.start()
    server.start()
    assert server.url == url
    assert client.scan(TableName="t")["Count"] == 1


def test_the_process_ends_with_its_owner(server: DynamoDbServer) -> None:
    assert server.alive
    server.close()
    assert not server.alive


def test_given_credentials_are_used_for_a_given_endpoint_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "given")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    given = aws_environment(own_endpoint=False)
    assert (given["AWS_ACCESS_KEY_ID"], given["AWS_DEFAULT_REGION"]) == ("given", "eu-west-1")
    assert aws_environment(own_endpoint=True)["AWS_ACCESS_KEY_ID"] == "local"
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert aws_environment(own_endpoint=False)["AWS_ACCESS_KEY_ID"] == "local"
