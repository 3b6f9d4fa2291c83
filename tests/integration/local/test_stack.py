from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import psutil
import psycopg
import pytest

from local.catalogue import seed
from local.errors import StackError
from local.services import pgbouncer
from local.services.postgres import embedded_postgres, end_leftover_server
from local.settings import StackSettings
from local.stack import Stack

from .conftest import TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


KEYS = {
    "base_url",
    "database_url",
    "admin_database_url",
    "dynamodb_endpoint_url",
    "session_table",
    "mux_url",
    "mux_webhook_secret",
}
USER = "6f1f8e9c-6f43-4a4c-9c7a-6a4c8a4d1c11"
# Of the stacks here, which are to have parts of their own.
OUTSIDE = {"DATABASE_URL", "DYNAMODB_ENDPOINT_URL", "MUX_BASE_URL", "SESSION_TABLE", "SEED_POSTS"}
PATIENCE_S = 120  # for a machine that hangs; a busy one takes some seconds


def small_stack(state_dir: Path, **choices: Any) -> Stack:  # noqa: ANN401
    environment = {"MUX_BASE_URL": "http://127.0.0.1:9"} | choices.pop("environment", {})
    choices = {"tolerant": True, "durable": False, "environment": environment} | choices
    settings = StackSettings(state_dir, template=TEMPLATE, **choices)
    return Stack(settings)


@contextmanager
def dev(state_dir: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    kept = {name: value for name, value in os.environ.items() if name not in OUTSIDE}
    with subprocess.Popen(
        [sys.executable, "-m", "local.dev"],
        env={**kept, "STATE_DIR": str(state_dir), "PORT": "0", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready "):
            return line.split()[1]
    assert process.stderr is not None
    raise AssertionError(process.stderr.read())


def test_the_parts_work_together(state_dir: Path) -> None:
    with small_stack(state_dir) as stack:
        assert set(stack.info) == KEYS
        headers = {"authorization": f"Bearer {stack.token(USER)}"}
        answer = httpx.get(f"{stack.base_url}/guarded/1", headers=headers).json()
        claims = answer["event"]["requestContext"]["authorizer"]["jwt"]["claims"]
        assert claims["sub"] == USER
        environment = answer["environment"]
        assert environment["DATABASE_URL"] == stack.info["database_url"]
        assert environment["SESSION_TABLE"] == stack.info["session_table"]
        assert environment["DYNAMODB_ENDPOINT_URL"] == stack.info["dynamodb_endpoint_url"]
        assert environment["AWS_ACCESS_KEY_ID"] == "local"
        assert environment["GREETING"] == "hello"
        with psycopg.connect(stack.info["database_url"]) as connection:
            row = connection.execute("SELECT current_user").fetchone()
        assert row == ("vroom_app",)
        assert stack.invoke("Echo", {"source": "aws.scheduler"})["event"]["source"]
        with pytest.raises(StackError, match="secret of the handler"):
            stack.invoke("Echo", {"queryStringParameters": {"do": "raise"}})
        assert stack.failure() is None


def test_postgres_and_dynamodb_can_fail_and_return_on_their_ports(state_dir: Path) -> None:
    with small_stack(state_dir) as stack:
        info = dict(stack.info)
        stack.stop_postgres()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(info["admin_database_url"])
        stack.stop_dynamodb()
        with pytest.raises(httpx.ConnectError):
            httpx.get(info["dynamodb_endpoint_url"])
        assert httpx.get(f"{stack.base_url}/open").status_code == 200
        stack.start_postgres()
        stack.start_dynamodb()
        psycopg.connect(info["admin_database_url"]).close()
        assert httpx.get(info["dynamodb_endpoint_url"]).status_code < 500
        assert stack.info == info


def test_given_servers_are_used_instead_of_own_ones(
    state_dir: Path, tmp_path_factory: pytest.TempPathFactory, dynamodb_endpoint: str
) -> None:
    environment = {"SESSION_TABLE": "vroom-test-given", "MUX_WEBHOOK_SECRET": "new, old"}
    # A server of the test's own: a stack sets the roles' passwords, which belong to the server.
    elsewhere = tmp_path_factory.mktemp("given") / "postgres"
    with (
        embedded_postgres(elsewhere, durable=False) as given,
        small_stack(
            state_dir,
            environment=environment,
            database_url=given.admin_url,
            dynamodb_endpoint_url=dynamodb_endpoint,
        ) as stack,
    ):
        assert stack.info["admin_database_url"] == given.admin_url
        assert stack.info["dynamodb_endpoint_url"] == dynamodb_endpoint
        assert stack.info["session_table"] == "vroom-test-given"
        assert stack.info["mux_webhook_secret"] == "new"
        assert stack.info["mux_url"] == "http://127.0.0.1:9"
        assert not (state_dir / "postgres").exists()
        for stop in (stack.stop_postgres, stack.stop_dynamodb):
            with pytest.raises(StackError, match="not the stack's own"):
                stop()


def test_two_stacks_on_a_given_server_do_not_lock_each_other_out(
    state_dir: Path, dynamodb_endpoint: str
) -> None:
    with embedded_postgres(state_dir / "given" / "postgres", durable=False) as given:
        chosen = {"database_url": given.admin_url, "dynamodb_endpoint_url": dynamodb_endpoint}
        with (
            small_stack(state_dir / "one", **chosen) as one,
            psycopg.connect(given.admin_url, autocommit=True) as admin,
        ):
            query = "SELECT rolpassword FROM pg_authid WHERE rolname LIKE 'vroom%' ORDER BY rolname"
            before = admin.execute(query).fetchall()
            with small_stack(state_dir / "two", **chosen) as two:
                for stack in (one, two):
                    psycopg.connect(stack.info["database_url"]).close()
            assert admin.execute(query).fetchall() == before


def test_two_stacks_need_two_folders(state_dir: Path) -> None:
    with (
        small_stack(state_dir),
        pytest.raises(StackError, match="choose another STATE_DIR"),
        small_stack(state_dir),
    ):
        pass


def test_a_part_that_ends_by_itself_is_reported(state_dir: Path) -> None:
    with small_stack(state_dir) as stack:
        (gateway,) = [
            process
            for process in psutil.Process().children()
            if "local.gateway" in process.cmdline()
            and str(state_dir / "gateway.json") in process.cmdline()
        ]
        gateway.kill()
        gateway.wait()
        assert str(stack.failure()).startswith("gateway has ended.")


def part_of(process: psutil.Process, *words: str) -> psutil.Process:
    """The one process below it whose command line has these words."""
    found = []
    for below in process.children(recursive=True):
        # Servers that other tests share end processes of theirs meanwhile.
        with suppress(psutil.NoSuchProcess):
            if set(words) <= set(below.cmdline()):
                found.append(below)
    (part,) = found
    return part


def test_a_lost_part_that_is_no_gateway_is_told_once_and_the_stack_goes_on(
    state_dir: Path,
) -> None:
    with small_stack(state_dir) as stack:
        assert stack.losses() == []
        port = stack.info["dynamodb_endpoint_url"].rpartition(":")[2]
        listener = part_of(psutil.Process(), "local.services.dynamodb", port)
        listener.kill()
        listener.wait()
        assert stack.failure() is None
        (told,) = stack.losses()
        assert told.startswith("dynamodb has ended: the feed comes from Postgres")
        assert stack.losses() == []
        stack.stop_postgres()
        assert stack.losses() == [], "it was stopped, and may start again"


def test_make_dev_outlives_its_dynamodb_and_says_so_once(state_dir: Path) -> None:
    with dev(state_dir, SEED_POSTS="40") as process:
        url = wait_ready(process)
        assert process.stderr is not None
        token = httpx.post(f"{url}/dev/token", json={"user_id": USER}).json()["token"]
        port = json.loads((state_dir / "stack.json").read_text())["dynamodb_endpoint_url"][-5:]
        part_of(psutil.Process(process.pid), "local.services.dynamodb", port).kill()
        assert process.stderr.readline().startswith("dynamodb has ended: ")
        headers = {"authorization": f"Bearer {token}"}
        answer = httpx.get(f"{url}/v1/feed", headers=headers, timeout=30)
        assert (answer.status_code, answer.json()["degraded"]) == (200, "cache")
        assert len(answer.json()["posts"]) == 12
        end_leftover_server(state_dir / "postgres")
        assert process.stderr.readline().startswith("postgres has ended: ")
        assert httpx.get(f"{url}/v1/feed", headers=headers, timeout=30).status_code == 503
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr.read() == ""


def test_an_impossible_start_leaves_nothing_running(state_dir: Path) -> None:
    # Not the children of children: a server that other tests share begins processes at any moment.
    before = set(psutil.Process().children())
    broken = state_dir / "migrations"
    broken.mkdir()
    (broken / "1_bad.sql").write_text("SELECT 1 / 0")
    with pytest.raises(StackError, match="division by zero"):
        small_stack(state_dir, migrations=broken).__enter__()
    assert set(psutil.Process().children()) <= before


def test_make_dev_says_ready_keeps_its_books_and_ends_on_ctrl_c(state_dir: Path) -> None:
    with dev(state_dir, MUX_TOKEN_ID="mine") as process:
        url = wait_ready(process)
        stack_info = state_dir / "stack.json"
        info = json.loads(stack_info.read_text())
        assert (set(info), info["base_url"]) == (KEYS, url)
        assert stat.S_IMODE(stack_info.stat().st_mode) == 0o600
        if info["mux_url"]:
            secret = json.loads((state_dir / "secrets.json").read_text())["MUX_TOKEN_SECRET"]
            assets = f"{info['mux_url']}/video/v1/assets"
            assert httpx.get(assets, auth=("mine", secret)).status_code == 200
        token = httpx.post(f"{url}/dev/token", json={"user_id": USER}).json()["token"]
        assert token.count(".") == 2
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= 4
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
        _, alive = psutil.wait_procs(family, PATIENCE_S)
        assert alive == []
        assert not stack_info.exists()


def test_a_killed_stack_leaves_no_process_and_starts_again_with_its_data(state_dir: Path) -> None:
    secrets = state_dir / "secrets.json"
    with dev(state_dir) as process:
        wait_ready(process)
        kept = secrets.read_text()
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        _, alive = psutil.wait_procs(family, PATIENCE_S)
        assert alive == []
    with dev(state_dir) as process:
        wait_ready(process)
        assert secrets.read_text() == kept
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0


def test_a_busy_port_is_a_clear_message(state_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with dev(state_dir, PORT=port) as process:
            _, errors = process.communicate(timeout=PATIENCE_S)
            assert process.returncode == 1
            assert errors == f"The stack does not run: Port {port} is busy: choose another PORT\n"


def test_ctrl_c_in_the_middle_of_the_start_ends_everything(state_dir: Path) -> None:
    with dev(state_dir) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("starting")
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
        _, alive = psutil.wait_procs(family, PATIENCE_S)
        assert alive == []
        assert not (state_dir / "stack.json").exists()


def test_a_function_that_does_not_start_ends_the_stack_by_name(state_dir: Path) -> None:
    with pytest.raises(StackError, match="Broken does not start: RuntimeError: SETTING"):
        small_stack(state_dir, tolerant=False).__enter__()


def test_a_wrong_setting_ends_the_stack_by_name(state_dir: Path) -> None:
    wrong = {"REPEAT_COOLDOWN_DAYS": "soon", "INVENTORY_WATERLINE": "-1"}
    settings = StackSettings(state_dir, durable=False, environment=wrong)
    with pytest.raises(StackError, match=r"REPEAT_COOLDOWN_DAYS.*INVENTORY_WATERLINE"):
        Stack(settings).__enter__()


def test_make_dev_names_the_wrong_settings_of_all_functions_and_no_line_of_code(
    state_dir: Path,
) -> None:
    wrong = {"MAX_REPEATS_PER_PAGE": "-1", "MAX_UPLOAD_MB": "x", "MUX_VIDEO_QUALITY": "u"}
    with dev(state_dir, **wrong) as process:
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    for name in wrong:
        assert f"{name}: " in errors
    for function in ("FeedRanker", "CreateUpload", "MuxWebhook"):
        assert errors.count(f"{function}Function does not start: SettingsError: ") == 1
    assert "Traceback" not in errors


@pytest.mark.skipif(pgbouncer.installed() is None, reason="Debian's package is pgbouncer")
def test_functions_behind_a_pooler_and_viewers_by_a_claim_of_their_own(state_dir: Path) -> None:
    settings = StackSettings(
        state_dir,
        durable=False,
        pooler=True,
        viewer_id_claim="vroom_id",
        environment={"MUX_BASE_URL": "http://127.0.0.1:9"},
    )
    viewer = str(uuid4())
    with Stack(settings) as stack:
        seed(stack.info["admin_database_url"], posts=60)
        headers = {"Authorization": f"Bearer {stack.token(viewer)}"}
        with httpx.Client(base_url=stack.base_url, headers=headers, timeout=30) as http:
            pages = [http.get("/v1/feed").json() for _ in range(3)]
        assert [len(page["posts"]) for page in pages] == [12] * 3
        with psycopg.connect(stack.info["admin_database_url"]) as admin:
            served = admin.execute("SELECT DISTINCT user_id::text FROM feed_pages").fetchall()
    assert served == [(viewer,)]
