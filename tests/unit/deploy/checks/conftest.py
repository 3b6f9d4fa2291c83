"""The template as CloudFormation gets it, for every stage."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.checks.translation import STAGES, parameters_of, read_template, translate


@pytest.fixture(scope="module", params=STAGES)
def resources(request: pytest.FixtureRequest) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        # SAM's transform asks botocore for the region.
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        document = translate(read_template(), parameters_of(request.param))
    found: dict[str, Any] = document["Resources"]
    return found
