"""Schemathesis drives every operation of a running stack with what it should and should not take.

No answer may be a server error, and none may be outside what docs/openapi.json says.
"""

from __future__ import annotations

import json
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

from deploy.openapi.document import build
from deploy.openapi.operations import OPERATIONS, Operation
from functions.feed_ranker import timezones
from functions.mux_webhook.signature import sign
from local.settings import StackSettings
from local.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemathesis import Case

EACH: Final = 275  # cases of an operation; eight take some input, so that over 2,000 are sent
# The wording of these checks is not the API's:
# - rows of a batch are judged one by one: a bad one is reported in a 200
# - a cursor or an upload that was never given out is no valid input, however well it is formed
# - API Gateway answers a method that no route has with 404, not 405
_NOT_MEANT = [negative_data_rejection, positive_data_acceptance, unsupported_method]

schemathesis.openapi.format("iana-time-zone", st.sampled_from(sorted(timezones.known())))
schemathesis.openapi.format("cursor", st.text(min_size=1, max_size=400))
schema = schemathesis.openapi.from_dict(build())


@pytest.fixture(scope="module")
def stack(scratch: Path) -> Iterator[Stack]:
    """A stack with a small catalogue, whose Mux counts no requests."""
    chosen = StackSettings(
        state_dir=scratch / "fuzzed",
        durable=False,
        seed_posts=40,
        # A busy machine is no lost dependency.
        environment={
            "MAX_OPEN_UPLOADS": "1000",
            "DATABASE_BUDGET_MS": "10000",
            "CACHE_BUDGET_MS": "10000",
        },
    )
    with Stack(chosen) as running:
        httpx.patch(
            f"{running.info['mux_url']}/control/settings", json={"post_rate": 0, "other_rate": 0}
        ).raise_for_status()
        yield running


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    """A viewer's."""
    user = {"user_id": str(uuid4())}
    made = httpx.post(f"{stack.info['base_url']}/dev/token", json=user, timeout=60)
    return str(made.json()["token"])


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_no_input_leads_out_of_the_schema(operation: Operation, stack: Stack, token: str) -> None:
    described = schema[operation.path][operation.method.upper()]
    takes_input = bool(operation.query or operation.body or operation.signed)
    takes_input |= "{" in operation.path
    wanted = EACH if takes_input else 1
    named = {name.lower() for name in operation.headers}
    cases = described.as_strategy()
    if takes_input:
        cases |= described.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    sent = 0

    @settings(max_examples=wanted, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=cases)
    def send(case: Case[Any]) -> None:
        nonlocal sent
        sent += 1
        # Others would be about HTTP itself, which API Gateway speaks, and a local server here.
        for other in [name for name in case.headers if name.lower() not in named]:
            del case.headers[other]
        answer_to(case, stack, token)

    send()
    assert sent >= wanted


def answer_to(case: Case[Any], stack: Stack, token: str) -> None:
    """Send one case, and hold the answer against the schema."""
    headers = {"Authorization": f"Bearer {token}"}
    more: dict[str, Any] = {}
    if case.path == "/v1/webhooks/mux":
        body = json.dumps(case.body if isinstance(case.body, dict) else {}).encode()
        secret = stack.info["mux_webhook_secret"]
        headers = {
            "Mux-Signature": sign(secret, body, int(time.time())),
            "Content-Type": "application/json",
        }
        more = {"data": body}
    response = case.call(base_url=stack.info["base_url"], headers=headers, **more)
    assert response.status_code != HTTPStatus.SERVICE_UNAVAILABLE, response.text
    case.validate_response(response, excluded_checks=_NOT_MEANT)
