"""The light client beside boto3's, on an endpoint that answers both alike."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.dynamodb import DynamoDB, connect
from shared.dynamodb.connection import LostConnectionError
from tests.unit.shared.dynamodb.endpoint import CUT, answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.unit.shared.dynamodb.endpoint import Endpoint

NAMES = st.text(min_size=1, max_size=8)
VALUES = st.recursive(
    st.one_of(
        st.fixed_dictionaries({"S": st.text(max_size=40)}),
        st.integers().map(lambda number: {"N": str(number)}),
        st.fixed_dictionaries({"B": st.binary(max_size=40)}),
        st.fixed_dictionaries({"BOOL": st.booleans()}),
        st.just({"NULL": True}),
        st.fixed_dictionaries({"SS": st.lists(st.text(), min_size=1, max_size=3)}),
        st.fixed_dictionaries({"BS": st.lists(st.binary(), min_size=1, max_size=3)}),
    ),
    lambda inner: (
        st.fixed_dictionaries({"L": st.lists(inner, max_size=3)})
        | st.fixed_dictionaries({"M": st.dictionaries(NAMES, inner, max_size=3)})
    ),
    max_leaves=6,
)
ITEMS = st.dictionaries(NAMES, VALUES, max_size=4)
REQUESTS = st.one_of(
    st.tuples(st.just("get_item"), st.fixed_dictionaries({"Key": ITEMS})),
    st.tuples(
        st.just("put_item"),
        st.fixed_dictionaries(
            {
                "Item": ITEMS,
                "ConditionExpression": st.text(max_size=20),
                "ExpressionAttributeValues": ITEMS,
            }
        ),
    ),
    st.tuples(
        st.just("query"),
        st.fixed_dictionaries(
            {
                "KeyConditionExpression": st.text(max_size=20),
                "ExpressionAttributeValues": ITEMS,
                "ConsistentRead": st.booleans(),
            },
            optional={"ExclusiveStartKey": ITEMS, "Limit": st.integers(1, 50)},
        ),
    ),
    st.tuples(
        st.just("update_item"),
        st.fixed_dictionaries({"Key": ITEMS, "ExpressionAttributeValues": ITEMS}),
    ),
    st.tuples(st.just("delete_item"), st.fixed_dictionaries({"Key": ITEMS})),
    st.tuples(
        st.just("batch_get_item"),
        st.fixed_dictionaries(
            {
                "RequestItems": st.dictionaries(
                    st.sampled_from(["a-table", "another"]),
                    st.fixed_dictionaries(
                        {
                            "Keys": st.lists(ITEMS, min_size=1, max_size=3),
                            "ConsistentRead": st.booleans(),
                        }
                    ),
                    min_size=1,
                )
            }
        ),
    ),
)
CODES = st.sampled_from(
    [
        "ConditionalCheckFailedException",
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "ResourceNotFoundException",
        "ValidationException",
        "AccessDeniedException",
        "UnrecognizedClientException",
        "ItemCollectionSizeLimitExceededException",
        "InternalServerError",
        "SomethingNew",
    ]
)
PREFIXES = st.sampled_from(["", "com.amazonaws.dynamodb.v20120810#", "com.amazon.coral.service#"])

many = settings(
    max_examples=60,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def wire(item: Any) -> Any:  # noqa: ANN401  # any JSON
    """Values as DynamoDB sends them."""
    if isinstance(item, bytes):
        return base64.b64encode(item).decode()
    if isinstance(item, dict):
        return {name: wire(value) for name, value in item.items()}
    if isinstance(item, list):
        return [wire(value) for value in item]
    return item


def outcome(call: Callable[[], Any]) -> tuple[object, ...]:
    """What a caller gets: the answer without the transport's part, or the error."""
    try:
        got = call()
    except ClientError as error:
        response: Any = dict(error.response)
        status = response.pop("ResponseMetadata")["HTTPStatusCode"]
        # boto3 also repeats the message beside the error; nobody reads it there.
        response.pop("message", None)
        response.pop("Message", None)
        names = [kind.__name__ for kind in type(error).__mro__[:2]]
        text = str(error).replace(" (reached max retries: 0)", "")  # neither has any
        return (names, response, status, error.operation_name, text)
    return (got.pop("ResponseMetadata")["HTTPStatusCode"], got)


@many
@given(REQUESTS)
def test_what_is_sent_is_what_boto3_sends(
    there: Endpoint,
    light: DynamoDB,
    boto3_client: DynamoDBClient,
    request_: tuple[str, dict[str, Any]],
) -> None:
    method, parameters = request_
    if method != "batch_get_item":
        parameters = {"TableName": "a-table", **parameters}
    for client in (boto3_client, light):
        getattr(client, method)(**parameters)
    theirs, ours = there.requests[-2:]
    assert ours.body == theirs.body
    for name in ("host", "content-type", "x-amz-target"):
        assert ours.headers[name] == theirs.headers[name]


@many
@given(ITEMS, st.lists(ITEMS, max_size=3))
def test_what_comes_back_is_what_boto3_gives(
    there: Endpoint,
    light: DynamoDB,
    boto3_client: DynamoDBClient,
    item: dict[str, Any],
    items: list[dict[str, Any]],
) -> None:
    table, one = "a-table", {"TableName": "a-table", "Key": {"pk": {"S": "x"}}}
    cases: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("get_item", one, {"Item": item}),
        ("get_item", one, {}),
        ("delete_item", one, {"Attributes": item}),
        (
            "query",
            {"TableName": table},
            {"Items": items, "Count": len(items), "LastEvaluatedKey": item},
        ),
        (
            "batch_get_item",
            {"RequestItems": {table: {"Keys": [one["Key"]]}}},
            {
                "Responses": {table: items},
                "UnprocessedKeys": {table: {"Keys": [item], "ConsistentRead": True}},
            },
        ),
    ]
    for method, parameters, content in cases:
        got = []
        for client in (boto3_client, light):
            there.json(200, wire(content))
            got.append(outcome(lambda: getattr(client, method)(**parameters)))  # noqa: B023
        assert got[0] == got[1] == (200, content)


@many
@given(
    CODES, PREFIXES, st.tuples(st.sampled_from(["message", "Message"]), st.text(max_size=30)), ITEMS
)
def test_errors_are_those_of_boto3(
    there: Endpoint,
    light: DynamoDB,
    boto3_client: DynamoDBClient,
    code: str,
    prefix: str,
    message: tuple[str, str],
    item: dict[str, Any],
) -> None:
    content = {"__type": prefix + code, message[0]: message[1]}
    if code == "ConditionalCheckFailedException" and item:
        content["Item"] = wire(item)
    status = 500 if code == "InternalServerError" else 400
    got = []
    for client in (boto3_client, light):
        there.json(status, content)
        got.append(outcome(lambda: client.put_item(TableName="t", Item={})))  # noqa: B023
    assert got[0] == got[1]


@pytest.mark.parametrize(
    "body", [b"", b"<html>bad gateway</html>", b"[]", b"{", b'{"message": "x"}']
)
@pytest.mark.parametrize("status", [400, 403, 413, 500, 502, 503])
def test_an_error_that_is_none_of_dynamodb_s_is_an_error_of_its_status(
    there: Endpoint, light: DynamoDB, status: int, body: bytes
) -> None:
    there.answers.append(answer(status, body))
    with pytest.raises(ClientError) as refused:
        light.get_item(TableName="t", Key={})
    assert refused.value.response["Error"]["Code"] == str(status)


def signature_by_botocore(light: DynamoDB, sent: Any, url: str) -> str:  # noqa: ANN401
    credentials = light._credentials
    assert credentials is not None
    request = AWSRequest("POST", url, data=sent.raw)
    signed = re.search("SignedHeaders=([^,]+)", sent.headers["authorization"])
    assert signed
    for name in signed[1].split(";"):
        request.headers[name] = sent.headers[name]
    signer = SigV4Auth(credentials, "dynamodb", light._region)
    request.context["timestamp"] = sent.headers["x-amz-date"]
    canonical = signer.canonical_request(request)
    return str(signer.signature(signer.string_to_sign(request, canonical), request))


@pytest.mark.parametrize("token", [None, "a-session-token=="])
def test_the_signature_is_botocore_s(
    there: Endpoint, light: DynamoDB, token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert light._credentials is not None
    monkeypatch.setattr(light._credentials, "token", token)
    light.put_item(TableName="t", Item={"pk": {"S": "é\n"}})
    (sent,) = there.requests
    assert sent.headers.get("x-amz-security-token") == token
    assert sent.headers["host"] == urlsplit(there.url).netloc
    expected = signature_by_botocore(light, sent, there.url)
    assert sent.headers["authorization"].endswith(f"Signature={expected}")


def test_one_connection_serves_call_after_call(there: Endpoint, light: DynamoDB) -> None:
    for _ in range(5):
        light.get_item(TableName="t", Key={})
    assert len({sent.connection for sent in there.requests}) == 1


def test_a_kept_connection_that_was_cut_is_replaced_and_the_call_sent_once_more(
    there: Endpoint, light: DynamoDB
) -> None:
    light.get_item(TableName="t", Key={})
    there.answers.append(CUT)
    there.json(200, {"Item": {"pk": {"S": "x"}}})
    assert light.get_item(TableName="t", Key={})["Item"] == {"pk": {"S": "x"}}
    first, lost, second = there.requests
    assert first.connection == lost.connection != second.connection
    assert lost.body == second.body


def test_an_answer_that_breaks_off_is_no_reason_to_send_again(
    there: Endpoint, light: DynamoDB
) -> None:
    light.get_item(TableName="t", Key={})
    there.answers.append(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{" + CUT)
    with pytest.raises(ConnectionClosedError):
        light.get_item(TableName="t", Key={})
    assert len(there.requests) == 2


def _parts(light: DynamoDB) -> dict[str, Any]:
    return {
        "connections": light._connections,
        "host": light._host,
        "region": light._region,
        "credentials": light._credentials,
        "error_class": light._error_class,
        "budget_s": light._budget_s,
    }


def test_a_connection_that_is_cut_twice_is_an_error(there: Endpoint, light: DynamoDB) -> None:
    light.get_item(TableName="t", Key={})
    there.answers.extend([CUT, CUT, CUT])
    with pytest.raises(ConnectionClosedError) as lost:
        light.get_item(TableName="t", Key={})
    assert not isinstance(lost.value, LostConnectionError)
    assert len(there.requests) == 3, "the first, and both tries of the second"


ITEM = {"pk": {"S": "x"}, "page": {"B": b"\x00\xff"}}
REFUSED = {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}


def test_a_conditional_write_that_was_carried_out_before_its_answer_was_lost_is_done(
    there: Endpoint, light: DynamoDB
) -> None:
    light.get_item(TableName="t", Key={})
    there.answers.append(CUT)
    there.json(400, {**REFUSED, "message": "refused", "Item": wire(ITEM)})
    written = light.put_item(
        TableName="t", Item=ITEM, ConditionExpression="attribute_not_exists(pk)"
    )
    assert "ResponseMetadata" in written
    assert there.requests[-1].body["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"


@pytest.mark.parametrize("other", [{"pk": {"S": "x"}, "page": {"B": b"other"}}, None])
def test_a_conditional_write_that_another_has_forestalled_is_refused(
    there: Endpoint, light: DynamoDB, other: dict[str, Any] | None
) -> None:
    light.get_item(TableName="t", Key={})
    there.answers.append(CUT)
    there.json(400, {**REFUSED, "message": "no"} | ({"Item": wire(other)} if other else {}))
    with pytest.raises(ClientError) as refused:
        light.put_item(TableName="t", Item=ITEM, ConditionExpression="attribute_not_exists(pk)")
    assert refused.value.response.get("Item") == other


def test_a_refusal_without_a_lost_answer_is_a_refusal(there: Endpoint, light: DynamoDB) -> None:
    there.json(400, {**REFUSED, "message": "no", "Item": wire(ITEM)})
    with pytest.raises(ClientError):
        light.put_item(TableName="t", Item=ITEM, ConditionExpression="attribute_not_exists(pk)")


@pytest.mark.parametrize("off", [timedelta(hours=3), timedelta(minutes=-7)])
def test_a_wrong_clock_is_corrected_by_the_answer_s_date(
    there: Endpoint, light: DynamoDB, off: timedelta
) -> None:
    theirs = datetime(2026, 5, 1, 12, tzinfo=UTC)
    client = DynamoDB(**_parts(light), clock=lambda: theirs + off)
    there.json(
        400,
        {"__type": "com.amazon.coral.service#InvalidSignatureException", "message": "expired"},
        date="Fri, 01 May 2026 12:00:00 GMT",
    )
    there.json(200, {"Item": {"pk": {"S": "x"}}})
    assert client.get_item(TableName="t", Key={})["Item"]
    client.get_item(TableName="t", Key={})
    times = [sent.headers["x-amz-date"] for sent in there.requests]
    assert times[0] == (theirs + off).strftime("%Y%m%dT%H%M%SZ")
    assert times[1:] == ["20260501T120000Z"] * 2


def test_a_wrong_secret_is_not_taken_for_a_wrong_clock(there: Endpoint, light: DynamoDB) -> None:
    now = datetime(2026, 5, 1, 12, tzinfo=UTC)
    client = DynamoDB(**_parts(light), clock=lambda: now)
    there.json(
        400,
        {"__type": "x#InvalidSignatureException", "message": "does not match"},
        date="Fri, 01 May 2026 12:00:01 GMT",
    )
    with pytest.raises(ClientError):
        client.get_item(TableName="t", Key={})
    assert len(there.requests) == 1


def test_a_body_that_its_checksum_denies_is_no_answer(there: Endpoint, light: DynamoDB) -> None:
    there.answers.append(answer(200, b"{}", x_amz_crc32="1"))
    with pytest.raises(ChecksumError):
        light.get_item(TableName="t", Key={})


def test_an_answer_in_chunks_is_whole(there: Endpoint, light: DynamoDB) -> None:
    body = json.dumps({"Item": {"pk": {"S": "x" * 100}}}).encode()
    parts = b"".join(
        b"%x\r\n%s\r\n" % (len(body[i : i + 17]), body[i : i + 17]) for i in range(0, len(body), 17)
    )
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for trailer in (b"", b"x-trailer: 1\r\n"):
        there.answers.append(head + parts + b"0\r\n" + trailer + b"\r\n")
        assert light.get_item(TableName="t", Key={})["Item"] == {"pk": {"S": "x" * 100}}
    assert len({sent.connection for sent in there.requests}) == 1


@pytest.mark.parametrize(
    "bytes_", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n{}", b"HTTP/1.1 2x0 OK\r\n\r\n"]
)
def test_what_is_no_http_is_no_answer(there: Endpoint, light: DynamoDB, bytes_: bytes) -> None:
    there.answers.append(bytes_)
    with pytest.raises(ConnectionClosedError):
        light.get_item(TableName="t", Key={})


def test_an_endpoint_that_is_not_there_is_told_as_boto3_tells_it(light: DynamoDB) -> None:
    nobody = connect("http://127.0.0.1:9", 1.0)
    with pytest.raises(EndpointConnectionError):
        nobody.get_item(TableName="t", Key={})
    without = DynamoDB(**{**_parts(light), "credentials": None})
    with pytest.raises(NoCredentialsError):
        without.get_item(TableName="t", Key={})


def test_an_endpoint_that_drips_is_given_up_at_the_deadline(
    there: Endpoint, light: DynamoDB
) -> None:
    """A limit on each read alone would let it go on for ever."""
    there.answers.append(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
    client = DynamoDB(**{**_parts(light), "budget_s": 0.2})
    with pytest.raises(ReadTimeoutError):
        client.get_item(TableName="t", Key={})
    assert issubclass(ReadTimeoutError, BotoCoreError)
