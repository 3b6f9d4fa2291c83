"""The change set's template, linted: `sam validate` does not look into what SAM makes of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.checks.translation import TEMPLATE, main

if TYPE_CHECKING:
    import pytest


def test_cloudformation_would_take_what_sam_makes_of_the_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    main(TEMPLATE, tmp_path)
    # W2001: SAM has put the value of DeploymentType where it was used.
    lint = [str(Path(sys.executable).with_name("cfn-lint")), "--ignore-checks", "W2001"]
    done = subprocess.run(  # noqa: S603  # of this environment
        [*lint, "--", str(tmp_path / "prod.json")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
