"""DynamoDB with the calls that the functions make, at a fraction of boto3's work.

botocore says where the endpoint is, who asks and what a certificate must be, and its classes say
what went wrong. What it derives anew from the service's model for each call is done here by hand:
parameters to JSON, the signature, the answer back.
"""

from __future__ import annotations

import copy
import json
import time
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ChecksumError, NoCredentialsError

from shared.dynamodb.connection import LostConnectionError
from shared.dynamodb.signing import authorization
from shared.dynamodb.values import decode_answer, encode_request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.credentials import Credentials
    from botocore.exceptions import ClientError

    from shared.dynamodb.connection import Connections, HttpAnswer

_TARGET: Final = "DynamoDB_20120810."
_OK: Final = 200
_CONDITION_FAILED: Final = "ConditionalCheckFailedException"
# What DynamoDB says of a request whose time is not its own.
_SKEWED: Final = frozenset(
    {"RequestTimeTooSkewed", "RequestExpired", "InvalidSignatureException", "RequestInTheFuture"}
)
_SKEW_FROM: Final = timedelta(minutes=4)  # it accepts five


class DynamoDB:
    """A client; its methods take and return what boto3's of the same names do.

    A call is sent once, and once more in two cases: a kept connection turned out to be cut, as
    they are while a container sleeps; or the container's clock is wrong, which the answer shows.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        host: str,
        region: str,
        credentials: Credentials | None,
        error_class: Callable[[str], type[ClientError]],
        budget_s: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Keep the parts.

        Args:
            connections: To the endpoint.
            host: The endpoint's host, with the port where it is not the scheme's own.
            region: For the signature.
            credentials: botocore's, which renew themselves; None where there are none.
            error_class: The class of an error's code.
            budget_s: Seconds within which a call ends, its second try included.
            clock: The time, with its zone.
        """
        self._connections = connections
        self._host = host
        self._region = region
        self._credentials = credentials
        self._error_class = error_class
        self._budget_s = budget_s
        self._clock = clock
        self._skew = timedelta(0)

    def with_budget(self, budget_s: float) -> DynamoDB:
        """Return a client on the same connections whose calls end within another budget."""
        other = copy.copy(self)
        other._budget_s = budget_s  # noqa: SLF001  # its own class
        return other

    def get_item(self, **request: object) -> dict[str, Any]:
        """Read an item."""
        return self.call("GetItem", request)

    def batch_get_item(self, **request: object) -> dict[str, Any]:
        """Read several items."""
        return self.call("BatchGetItem", request)

    def query(self, **request: object) -> dict[str, Any]:
        """Read the items of a partition."""
        return self.call("Query", request)

    def put_item(self, **request: object) -> dict[str, Any]:
        """Write an item."""
        return self.call("PutItem", request)

    def update_item(self, **request: object) -> dict[str, Any]:
        """Change an item."""
        return self.call("UpdateItem", request)

    def delete_item(self, **request: object) -> dict[str, Any]:
        """Delete an item."""
        return self.call("DeleteItem", request)

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Make a call.

        Args:
            operation: As DynamoDB names it.
            request: Its parameters, as boto3 takes them.

        Raises:
            ClientError: DynamoDB refused it; of the class that boto3 raises.
            BotoCoreError: There was no answer within the budget.
        """
        deadline = time.monotonic() + self._budget_s
        body = json.dumps(encode_request(request), separators=(",", ":")).encode()
        try:
            answer = self._send(operation, body, deadline, fresh=False)
        except LostConnectionError:
            return self._again(operation, request, deadline)
        if answer.status != _OK and self._corrects_clock(answer):
            answer = self._send(operation, body, deadline, fresh=False)
        return self._read(operation, answer)

    def _again(self, operation: str, request: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """Send a call whose answer was lost once more; it may have been carried out.

        Reads, and writes without a condition, come out the same the second time. Where a condition
        refuses the second because the first was carried out, the item there is the one sent.
        """
        conditional = operation == "PutItem" and "ConditionExpression" in request
        if conditional:
            request = {**request, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        sent = encode_request(request)
        body = json.dumps(sent, separators=(",", ":")).encode()
        answer = self._send(operation, body, deadline, fresh=True)
        if conditional and answer.status != _OK:
            there = _parsed(answer.body)
            if (
                _code(there, answer.status) == _CONDITION_FAILED
                and there.get("Item") == sent["Item"]
            ):
                return {"ResponseMetadata": _metadata(answer)}
        return self._read(operation, answer)

    def _send(self, operation: str, body: bytes, deadline: float, *, fresh: bool) -> HttpAnswer:
        if self._credentials is None:
            raise NoCredentialsError
        credentials = self._credentials.get_frozen_credentials()
        timestamp = (self._clock() + self._skew).strftime("%Y%m%dT%H%M%SZ")
        signed = {
            "content-type": "application/x-amz-json-1.0",
            "host": self._host,
            "x-amz-date": timestamp,
            "x-amz-target": _TARGET + operation,
        }
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        headers = signed | {
            "authorization": authorization(
                signed,
                body,
                access_key=credentials.access_key or "",
                secret_key=credentials.secret_key or "",
                region=self._region,
                timestamp=timestamp,
            ),
            "accept-encoding": "identity",
            "user-agent": "vroom-feed",
        }
        answer = self._connections.post(headers, body, deadline, fresh=fresh)
        checksum = answer.headers.get("x-amz-crc32")
        if checksum is not None and checksum != str(zlib.crc32(answer.body)):
            raise ChecksumError(
                checksum_type="crc32",
                expected_checksum=checksum,
                actual_checksum=str(zlib.crc32(answer.body)),
            )
        return answer

    def _corrects_clock(self, answer: HttpAnswer) -> bool:
        """Take over the server's time where the answer says that ours is wrong."""
        if _code(_parsed(answer.body), answer.status) not in _SKEWED:
            return False
        try:
            theirs = parsedate_to_datetime(answer.headers["date"])
        except (KeyError, ValueError):
            return False
        off = theirs - (self._clock() + self._skew)
        if abs(off) < _SKEW_FROM:
            return False
        self._skew += off
        return True

    def _read(self, operation: str, answer: HttpAnswer) -> dict[str, Any]:
        parsed = _parsed(answer.body)
        if answer.status == _OK:
            return decode_answer(parsed) | {"ResponseMetadata": _metadata(answer)}
        code = _code(parsed, answer.status)
        message = parsed.pop("message", None) or parsed.pop("Message", "")
        parsed.pop("__type", None)
        response: Any = {
            **decode_answer(parsed),
            "Error": {"Message": message, "Code": code},
            "ResponseMetadata": _metadata(answer),
        }
        raise self._error_class(code)(response, operation)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {"message": body.decode(errors="replace")}


def _code(parsed: Mapping[str, Any], status: int) -> str:
    """The error's code: of `com.amazonaws.dynamodb.v20120810#Code` the end, else the status."""
    return str(parsed.get("__type") or status).partition(":")[0].rpartition("#")[2]


def _metadata(answer: HttpAnswer) -> dict[str, Any]:
    return {
        "RequestId": answer.headers.get("x-amzn-requestid", ""),
        "HTTPStatusCode": answer.status,
        "HTTPHeaders": answer.headers,
        "RetryAttempts": 0,
    }
