"""What `sam build` makes: self-contained, minimal, the same every time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.artifacts import zips
from deploy.artifacts.functions import FUNCTIONS, Function, own_modules
from deploy.artifacts.host import build_anew
from deploy.artifacts.init_times import SETTINGS, bare_imports
from tests.e2e.secrets_manager import ARN, secrets_manager

EXERCISES = Path(__file__).with_name("exercises.py")


@pytest.fixture(scope="module", params=FUNCTIONS, ids=lambda function: function.name)
def function(request: pytest.FixtureRequest) -> Function:
    found: Function = request.param
    return found


@pytest.fixture(scope="module")
def loaded(function: Function, built: Path) -> dict[str, list[str]]:
    """What a function has loaded from its own folder once all its ways were gone."""
    artifact = built / function.logical_id
    settings = {k: v for k, v in SETTINGS.items() if not k.endswith("SECRET")}
    kept = {"cursor": "0123456789abcdef", "token": "t", "webhook": "w"}
    with secrets_manager(kept) as endpoint:
        done = subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "-I", "-S", "-B", str(EXERCISES), str(artifact), function.name],
            cwd=artifact,
            env={
                **settings,
                "CURSOR_SECRET_ARN": f"{ARN}cursor",
                "MUX_TOKEN_SECRET_ARN": f"{ARN}token",
                "MUX_WEBHOOK_SECRET_ARN": f"{ARN}webhook",
                "AWS_ENDPOINT_URL_SECRETS_MANAGER": endpoint,
                "DYNAMODB_ENDPOINT_URL": "http://127.0.0.1:1",
                "MUX_BASE_URL": "http://127.0.0.1:1",
                "LAMBDA_TASK_ROOT": str(artifact),
                "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:1",
                "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_two_builds_are_byte_for_byte_the_same(built: Path, tmp_path: Path) -> None:
    build_anew(tmp_path / "again")
    for function in FUNCTIONS:
        first, second = (b / function.logical_id for b in (built, tmp_path / "again"))
        assert zips.tree(first) == zips.tree(second)


def test_the_zips_are_far_below_lambdas_limits(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = zips.sizes(built)
    with capsys.disabled():
        print(f"\n{zips.table(found)}")  # noqa: T201  # sizes belong in the run's output
    for size in found:
        # The feed's holds cryptography, for teams with signed playback.
        assert size.zipped < zips.MAX_ZIP_BYTES / 3
        assert size.unpacked < zips.MAX_UNPACKED_BYTES / 4


def test_a_zip_holds_the_modules_that_its_handler_imports_and_no_others_of_ours(
    function: Function, built: Path
) -> None:
    artifact = built / function.logical_id
    held = {
        ".".join(file.relative_to(artifact).with_suffix("").parts).removesuffix(".__init__")
        for package in ("functions", "shared")
        for file in (artifact / package).rglob("*.py")
    }
    assert held == own_modules(function)
    others = {f"functions.{other.name}" for other in FUNCTIONS if other is not function}
    assert not others & held


def test_every_module_of_ours_in_a_zip_is_imported(
    function: Function, loaded: dict[str, list[str]]
) -> None:
    assert own_modules(function) - set(loaded["modules"]) == set()


def test_every_top_level_package_in_a_zip_is_imported(
    function: Function, built: Path, loaded: dict[str, list[str]]
) -> None:
    held = {
        entry.name.partition(".")[0]
        for entry in (built / function.logical_id).iterdir()
        if not entry.name.endswith((".dist-info", ".libs"))
    }
    assert held - {module.partition(".")[0] for module in loaded["modules"]} == set()


def test_every_shared_library_in_a_zip_is_loaded(
    function: Function, built: Path, loaded: dict[str, list[str]]
) -> None:
    artifact = built / function.logical_id
    held = {str(file.relative_to(artifact)) for file in artifact.rglob("*.so*")}
    assert held - set(loaded["libraries"]) == set()


def test_a_function_imports_nothing_from_outside_its_zip_but_the_standard_library(
    loaded: dict[str, list[str]],
) -> None:
    assert loaded["foreign"] == []


def test_no_zip_holds_bytecode_tests_or_programs(function: Function, built: Path) -> None:
    unwanted = {"__pycache__", "tests", "test", "bin", "requirements.txt", "requirements.in"}
    for path in (built / function.logical_id).rglob("*"):
        assert path.name not in unwanted
        assert path.suffix not in {".pyc", ".pyi"}


def test_the_models_of_the_aws_services_that_are_called_are_the_only_ones_kept(
    function: Function, built: Path
) -> None:
    data = built / function.logical_id / "botocore" / "data"
    assert {entry.name for entry in data.iterdir() if entry.is_dir()} == set(function.aws_clients)


def test_the_bare_functions_imports_are_third_party_alone(function: Function, built: Path) -> None:
    found = bare_imports(built / function.logical_id)
    imported = {statement.split()[1].partition(".")[0] for statement in found}
    assert {"pydantic", "psycopg", "aws_lambda_powertools"} <= imported
    assert not {"functions", "shared", "os", "json", "__future__"} & imported
