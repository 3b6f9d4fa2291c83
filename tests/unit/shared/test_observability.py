from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from aws_lambda_powertools.metrics.provider import cold_start
from pydantic import ValidationError

from shared.errors import SettingsError
from shared.observability import LogSettings, Telemetry, span
from shared.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable

VIEWER = UUID("11111111-1111-4111-8111-111111111111")
CONTEXT: Any = SimpleNamespace(aws_request_id="request", function_name="function")


@pytest.fixture
def telemetry(
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Telemetry:
    monkeypatch.setattr(cold_start, "is_cold_start", False)
    return Telemetry(request.node.name, {"GET /v1/thing": "Thing", "aws.events": "Work"})


def event(route: str = "GET /v1/thing", sub: object = str(VIEWER)) -> dict[str, Any]:
    claims = {"jwt": {"claims": {"sub": sub}}}
    return {"routeKey": route, "requestContext": {"authorizer": claims}}


def call(
    telemetry: Telemetry,
    handle: Callable[[], dict[str, Any]],
    given: dict[str, Any] | None = None,
) -> None:
    handler = telemetry.logger.logger_handler
    assert isinstance(handler, logging.StreamHandler)
    handler.stream = sys.stdout  # the test's, which came after the logger's
    telemetry.handler(lambda _event, _context: handle())(given or event(), CONTEXT)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def emitted(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (found,) = [line for line in lines(capsys) if "_aws" in line]
    return found


def test_lines_name_the_viewer_by_the_claim_that_the_settings_name(
    telemetry: Telemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry.configure(LogSettings(log_viewer_ids="plain", viewer_id_claim="vroom_id"))
    given = event(sub="auth0|507f1f77bcf86cd799439011")
    given["requestContext"]["authorizer"]["jwt"]["claims"]["vroom_id"] = str(VIEWER)

    def handle() -> dict[str, Any]:
        telemetry.logger.info("done")
        return {"statusCode": 200}

    call(telemetry, handle, given)
    (line,) = [line for line in lines(capsys) if line.get("message") == "done"]
    assert line["viewer"] == str(VIEWER)


def test_metrics_are_flushed_once_an_invocation_with_namespace_and_service(
    telemetry: Telemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    def handle() -> dict[str, Any]:
        telemetry.count("Things", 2)
        telemetry.count("Things", 3)
        telemetry.milliseconds("Wait", 1.5)
        return {"statusCode": 200}

    call(telemetry, handle)
    found = emitted(capsys)
    (described,) = found["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == "VroomFeed"
    assert described["Dimensions"] == [["service"]]
    assert found["service"] == telemetry.logger.service
    assert (found["Things"], found["Wait"]) == ([2, 3], [1.5])
    assert (found["ServerErrors"], found["ClientErrors"]) == ([0], [0])
    units = {metric["Name"]: metric["Unit"] for metric in described["Metrics"]}
    assert (units["Things"], units["ThingLatency"]) == ("Count", "Milliseconds")
    assert found["ThingLatency"][0] >= 0


@pytest.mark.parametrize(
    ("status", "errors"),
    [
        (200, {"ServerErrors": [0], "ClientErrors": [0]}),
        (404, {"ServerErrors": [0], "ClientErrors": [1]}),
        (500, {"ServerErrors": [1], "ClientErrors": [0]}),
        (503, {"ServerErrors": [1], "ClientErrors": [0], "Unavailable": [1]}),
    ],
)
def test_an_answers_status_is_counted(
    telemetry: Telemetry,
    capsys: pytest.CaptureFixture[str],
    status: int,
    errors: dict[str, list[int]],
) -> None:
    call(telemetry, lambda: {"statusCode": status})
    found = emitted(capsys)
    known = {"ServerErrors", "ClientErrors", "Unavailable"}
    assert {name: found[name] for name in known & found.keys()} == errors


def test_an_invocation_that_fails_is_flushed_too(
    telemetry: Telemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    def handle() -> dict[str, Any]:
        telemetry.count("Begun")
        raise LookupError

    with pytest.raises(LookupError):
        call(telemetry, handle)
    found = emitted(capsys)
    assert found["Begun"] == [1]
    assert "ServerErrors" not in found, "it is among Lambda's own Errors"
    call(telemetry, lambda: {"statusCode": 200})
    assert "Begun" not in emitted(capsys)


def test_the_first_invocation_says_that_it_was_cold(
    telemetry: Telemetry, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cold_start, "is_cold_start", True)
    call(telemetry, lambda: {"statusCode": 200})
    assert [line["ColdStart"] for line in lines(capsys) if "ColdStart" in line] == [[1]]
    call(telemetry, lambda: {"statusCode": 200})
    assert not any("ColdStart" in line for line in lines(capsys))


def test_a_schedules_work_is_timed_by_its_source(
    telemetry: Telemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    call(telemetry, lambda: {"done": 1}, {"source": "aws.events"})
    assert "WorkLatency" in emitted(capsys)


def test_outside_of_an_invocation_nothing_is_counted(
    telemetry: Telemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(200):
        telemetry.count("Stray")
    call(telemetry, lambda: {"statusCode": 200})
    assert "Stray" not in emitted(capsys)


def test_every_line_carries_the_requests_ids_and_no_line_those_of_another(
    telemetry: Telemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    def handle() -> dict[str, Any]:
        telemetry.identify(session_id="session")
        telemetry.logger.info("first")
        return {"statusCode": 200}

    def other() -> dict[str, Any]:
        telemetry.logger.info("second")
        return {"statusCode": 401}

    call(telemetry, handle)
    call(telemetry, other, event(sub="nobody"))
    first, second = (line for line in lines(capsys) if "message" in line)
    assert (first["request_id"], first["session_id"]) == ("request", "session")
    assert first["viewer"] == LogSettings().log_id(VIEWER)
    assert not {"viewer", "session_id"} & second.keys()


def test_a_viewers_name_follows_the_settings_from_the_moment_they_are_known(
    telemetry: Telemetry, capsys: pytest.CaptureFixture[str]
) -> None:
    def handle() -> dict[str, Any]:
        telemetry.logger.info("before")
        telemetry.configure(LogSettings(log_viewer_ids="plain"))
        telemetry.logger.info("after")
        return {"statusCode": 200}

    call(telemetry, handle)
    before, after = (line["viewer"] for line in lines(capsys) if "viewer" in line)
    assert before != str(VIEWER)
    assert after == str(VIEWER)


def test_a_hashed_id_names_one_viewer_under_one_salt() -> None:
    def named(viewer: UUID = VIEWER, **settings: Any) -> str:  # noqa: ANN401  # any setting
        return LogSettings.model_validate(settings).log_id(viewer)

    names = [
        named(),
        named(UUID(int=1)),
        named(log_id_salt="salt"),
        named(log_id_salt="other salt, longer than a key of blake2b may be" * 5),
    ]
    assert len(set(names)) == 4
    assert all(len(name) == 16 and str(VIEWER)[:8] not in name for name in names)
    assert named(log_id_salt="salt") == named(log_id_salt="salt")


def test_viewers_are_named_hashed_or_plain_and_no_other_way() -> None:
    with pytest.raises(ValidationError):
        LogSettings.model_validate({"log_viewer_ids": "none"})


@pytest.mark.parametrize(
    "changes",
    [
        {"AWS_XRAY_DAEMON_ADDRESS": None},
        {"_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"},
        {"_X_AMZN_TRACE_ID": None},
        {"POWERTOOLS_TRACE_DISABLED": "true"},
    ],
)
def test_a_span_costs_nothing_where_nobody_traces(
    changes: dict[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    trace(monkeypatch.setenv)
    for name, value in changes.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    monkeypatch.setattr("shared.observability._recorder", lambda: pytest.fail("was recorded"))
    with span("stage"):
        pass


def trace(put: Callable[[str, str], object]) -> None:
    put("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000")
    put("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=5;Sampled=1")


TRACED = """
import os, socket, json, sys
daemon = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
daemon.bind(("127.0.0.1", 0))
daemon.settimeout(30)
os.environ["AWS_XRAY_DAEMON_ADDRESS"] = f"127.0.0.1:{daemon.getsockname()[1]}"
os.environ["LAMBDA_TASK_ROOT"] = "/var/task"
os.environ["_X_AMZN_TRACE_ID"] = (
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
)
from shared.observability import span
assert "aws_xray_sdk" not in sys.modules, "imported before anybody traces"
with span("sources"):
    pass
try:
    with span("ranking"):
        raise LookupError
except LookupError:
    pass
for _ in range(2):
    print(daemon.recv(65536).decode().partition("\\n")[2])
"""


def test_a_sampled_invocation_sends_its_stages_to_the_daemon() -> None:
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", TRACED], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    good, bad = (json.loads(line) for line in done.stdout.splitlines())
    assert (good["name"], bad["name"]) == ("sources", "ranking")
    assert good["trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"
    assert good["end_time"] >= good["start_time"]
    assert "fault" not in good
    assert bad["fault"] is True


def test_an_unknown_log_level_does_not_keep_settings_from_naming_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "zzz")
    assert Telemetry("unknown_level").logger.log_level == logging.INFO
    with pytest.raises(SettingsError, match="POWERTOOLS_LOG_LEVEL: Value error, is not a log"):
        load(LogSettings, os.environ)


def test_a_known_log_level_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "warning")
    assert Telemetry("known_level").logger.log_level == logging.WARNING
    load(LogSettings, os.environ)
