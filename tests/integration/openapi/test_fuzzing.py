"""Schemathesis drives every operation of a running stack with what it should and should not take.

No answer may be a server error, and none may be outside what docs/openapi.json says.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4
from zoneinfo import available_timezones

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

from functions.mux_webhook.signature import sign
from local.settings import StackSettings
from local.stack import Stack
from openapi.document import build
from openapi.operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemathesis import Case

CASES: Final = 2_000
_EACH: Final = CASES // 7  # eight operations take some input
_SENT: Counter[str] = Counter()
# The wording of these checks is not the API's:
# - rows of a batch are judged one by one: a bad one is reported in a 200
# - a cursor or an upload that was never given out is no valid input, however well it is formed
# - API Gateway answers a method that no route has with 404, not 405
_NOT_MEANT = [negative_data_rejection, positive_data_acceptance, unsupported_method]

schemathesis.openapi.format("iana-time-zone", st.sampled_from(sorted(available_timezones())))
schemathesis.openapi.format("cursor", st.text(min_size=1, max_size=400))
schema = schemathesis.openapi.from_dict(build())


@pytest.fixture(scope="module")
def stack(scratch: Path) -> Iterator[Stack]:
    """A stack with a small catalogue, whose Mux counts no requests."""
    chosen = StackSettings(
        state_dir=scratch / "fuzzed",
        durable=False,
        seed_posts=40,
        environment={"MAX_OPEN_UPLOADS": "1000"},
    )
    with Stack(chosen) as running:
        httpx.patch(
            f"{running.info['mux_url']}/control/settings", json={"post_rate": 0, "other_rate": 0}
        ).raise_for_status()
        yield running


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    """A viewer's."""
    made = httpx.post(f"{stack.info['base_url']}/dev/token", json={"user_id": str(uuid4())})
    return str(made.json()["token"])


@schema.parametrize()
@settings(
    max_examples=_EACH,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_input_leads_out_of_the_schema(case: Case[Any], stack: Stack, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    sent: dict[str, Any] = {}
    if case.path == "/v1/webhooks/mux":
        body = json.dumps(case.body if isinstance(case.body, dict) else {}).encode()
        secret = stack.info["mux_webhook_secret"]
        headers = {
            "Mux-Signature": sign(secret, body, int(time.time())),
            "Content-Type": "application/json",
        }
        sent = {"data": body}
    _SENT[f"{case.method} {case.path}"] += 1
    response = case.call(base_url=stack.info["base_url"], headers=headers, **sent)
    assert response.status_code != 503, response.text
    case.validate_response(response, excluded_checks=_NOT_MEANT)


def test_enough_was_sent_to_every_operation() -> None:
    sent = {name: _SENT[name] for name in (f"{o.method.upper()} {o.path}" for o in OPERATIONS)}
    assert min(sent.values()) >= 1, sent  # some take no input at all
    assert sum(sent.values()) >= CASES, sent
