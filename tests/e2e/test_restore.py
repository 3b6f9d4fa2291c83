"""Containers that Lambda restores from one snapshot have nothing in common that they must not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deploy.artifacts import runtime
from deploy.artifacts.functions import FUNCTIONS, Function
from deploy.artifacts.init_times import SETTINGS
from tests.e2e.exercises import http
from tests.e2e.secrets_manager import ARN, secrets_manager

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database

PROGRAM = Path(__file__).with_name("restoring.py")
CLONES = 3
EVENTS = {
    "feed_ranker": http("GET", "/v1/feed"),
    "create_upload": http("GET", "/v1/uploads/6f1c4c5e-0000-4000-8000-000000000003"),
    "mux_webhook": {"source": "aws.scheduler"},
}


class Snapshot:
    """A function whose init is over, and which is restored as often as asked."""

    def __init__(self, process: subprocess.Popen[str], reports: Any) -> None:  # noqa: ANN401  (a pipe)
        self._process = process
        self._reports = reports
        self.taken: dict[str, list[str]] = self._next()

    def restore(self) -> list[dict[str, Any]]:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        clones = [self._next() for _ in range(CLONES)]
        assert self._process.wait(60) == 0
        return clones

    def _next(self) -> Any:  # noqa: ANN401  (any JSON)
        line = self._reports.readline()
        if not line:
            self._process.wait(60)
            assert self._process.stderr is not None
            pytest.fail(self._process.stderr.read())
        return json.loads(line)


@contextmanager
def snapshot(
    function: Function, built: Path, folder: Path, variables: dict[str, str]
) -> Iterator[Snapshot]:
    artifact = built / function.logical_id
    reading, writing = os.pipe()
    environment = runtime.environment(artifact, runtime.client_folder(folder / "client"))
    with (
        os.fdopen(reading) as reports,
        subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-S", str(PROGRAM), function.name, json.dumps(EVENTS[function.name])],
            cwd=artifact,
            env={
                **SETTINGS,
                **environment,
                "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
                "DYNAMODB_ENDPOINT_URL": "http://127.0.0.1:1",
                "REPORT_TO": str(writing),
                **variables,
            },
            pass_fds=[writing],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        os.close(writing)
        try:
            yield Snapshot(process, reports)
        finally:
            process.kill()


@pytest.fixture(params=FUNCTIONS, ids=lambda function: function.name)
def function(request: pytest.FixtureRequest) -> Function:
    found: Function = request.param
    return found


def secret_settings(endpoint: str) -> dict[str, str]:
    return {
        "DATABASE_URL": "",
        "DATABASE_URL_SECRET_ARN": f"{ARN}database",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": endpoint,
    }


def test_restored_containers_share_no_connection_and_no_randomness(
    function: Function, built: Path, tmp_path: Path, module_database: Database
) -> None:
    url = module_database.webhook_url if function.name == "mux_webhook" else module_database.app_url
    with (
        secrets_manager({"database": url}) as endpoint,
        snapshot(function, built, tmp_path, secret_settings(endpoint)) as taken,
    ):
        assert taken.taken["at_init"], "the secret was read without a connection"
        assert taken.taken["in_snapshot"] == []
        clones = taken.restore()
    assert len({clone["drawn"] for clone in clones}) == CLONES
    opened = [set(clone["sockets"]) for clone in clones]
    assert all(opened)
    assert not set.intersection(*opened)
    if function.name == "feed_ranker":
        sessions = {json.loads(clone["answer"]["body"])["session_id"] for clone in clones}
        assert len(sessions) == CLONES


def test_a_secret_that_was_rotated_after_the_snapshot_is_read_at_the_restore(
    function: Function, built: Path, tmp_path: Path, module_database: Database
) -> None:
    url = module_database.webhook_url if function.name == "mux_webhook" else module_database.app_url
    kept = {"database": "postgresql://nobody@127.0.0.1:1/rotated-away"}
    with (
        secrets_manager(kept) as endpoint,
        snapshot(function, built, tmp_path, secret_settings(endpoint)) as taken,
    ):
        kept["database"] = url
        answers = [clone["answer"] for clone in taken.restore()]
    expected = {"feed_ranker": 200, "create_upload": 404}
    if function.name in expected:
        assert {answer["statusCode"] for answer in answers} == {expected[function.name]}
    else:
        assert all("statusCode" not in answer for answer in answers)


def test_an_init_opens_connections_for_its_secrets_alone(
    function: Function, built: Path, tmp_path: Path
) -> None:
    with snapshot(function, built, tmp_path, {}) as taken:
        assert taken.taken == {"at_init": [], "in_snapshot": []}
