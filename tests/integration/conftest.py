"""IAM for all integration tests: no function may call what its role in template.yaml forbids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from samtranslator.yaml_helper import yaml_parse

from deploy.checks.policies import calls
from local.gateway.template import load_template
from local.paths import TEMPLATE
from tests.aws_calls import AwsCalls

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def allowed_actions() -> dict[str, set[str]]:
    """Function (its folder) to the actions that its role allows its code."""
    document = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
    functions = load_template(TEMPLATE, {}).functions
    return {
        function.name: {permission.action for permission in calls(document, logical_id)}
        for logical_id, function in functions.items()
    }


@pytest.fixture(scope="session")
def aws_calls() -> Iterator[AwsCalls]:
    """Every AWS call that the functions make in this process."""
    recorder = AwsCalls()
    with pytest.MonkeyPatch.context() as patch:
        recorder.install(patch)
        yield recorder


@pytest.fixture(autouse=True)
def _within_their_roles(
    aws_calls: AwsCalls, allowed_actions: dict[str, set[str]]
) -> Iterator[None]:
    before = set(aws_calls.made)
    yield
    made = aws_calls.made - before
    refused = {call for call in made if call.action not in allowed_actions[call.function]}
    assert not refused, "IAM would refuse it: add it to the policy Calls of the function's role"
