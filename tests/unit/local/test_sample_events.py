from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from local.gateway.template import load_template
from local.paths import ROOT, TEMPLATE

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES = sorted((ROOT / "tests" / "events").glob("*.json"))


def test_there_are_samples() -> None:
    assert SAMPLES


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_an_event_of_a_route_of_the_template(path: Path) -> None:
    event = json.loads(path.read_text())
    http = event["requestContext"]["http"]
    found = load_template(TEMPLATE, {}).match(http["method"], event["rawPath"])
    assert found is not None
    route, parameters = found
    assert event["routeKey"] == event["requestContext"]["routeKey"] == route.key
    assert event.get("pathParameters", {}) == parameters
    assert ("authorizer" in event["requestContext"]) == route.authorized
