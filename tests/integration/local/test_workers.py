from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from local.errors import StackError
from local.services.processes import Part

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import RunningGateway


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Whether the condition comes true in time; the deadline is for a hung machine only."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_one_container_serves_one_event_after_the_other_and_keeps_its_globals(
    own_gateway: RunningGateway,
) -> None:
    first, second = own_gateway.get("/open").json(), own_gateway.get("/open").json()
    assert first["pid"] == second["pid"]
    assert (first["calls"], second["calls"]) == (1, 2)


def test_the_handler_runs_outside_the_gateways_process(gateway: RunningGateway) -> None:
    assert gateway.get("/open").json()["pid"] not in (gateway.part.process.pid, os.getpid())


def test_the_pool_grows_with_the_demand(gateway: RunningGateway, tmp_path: Path) -> None:
    def meet(_: int) -> int:
        answer = gateway.get("/open", do="meet", folder=str(tmp_path), of="2")
        pid: int = answer.json()["pid"]
        return pid

    with ThreadPoolExecutor(2) as threads:
        # Neither returns before the other has come in, so both run at the same time.
        assert len(set(threads.map(meet, range(2)))) == 2


def test_the_pool_stays_below_its_maximum_and_events_wait(gateway: RunningGateway) -> None:
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: gateway.get("/open"), range(60)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["pid"] for answer in answers}) <= 2


def test_the_context_is_lambdas(gateway: RunningGateway) -> None:
    first, second = (gateway.get("/open").json()["context"] for _ in range(2))
    assert first["function_name"] == "Echo"
    assert first["memory_limit_in_mb"] == "256"
    arn = "arn:aws:lambda:us-east-1:123456789012:function:Echo"
    assert first["invoked_function_arn"] == arn
    assert first["log_group_name"] == "/aws/lambda/Echo"
    assert "[$LATEST]" in first["log_stream_name"]
    assert first["aws_request_id"] != second["aws_request_id"]
    assert 0 < first["remaining_ms"] <= 20_000


def test_the_environment_is_the_functions_own(gateway: RunningGateway) -> None:
    environment = gateway.get("/open").json()["environment"]
    assert (environment["GREETING"], environment["TZ"]) == ("hello", "UTC")
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "Echo"
    assert environment["_X_AMZN_TRACE_ID"].startswith("Root=1-")


def test_what_a_handler_prints_is_in_its_log(gateway: RunningGateway) -> None:
    assert gateway.get("/open", do="print", text="42-42").status_code == 200
    log = gateway.logs / "Echo.log"
    assert eventually(lambda: "printed 42-42" in log.read_text())


@pytest.mark.parametrize("do", ["exit", "crash"])
def test_a_worker_that_dies_fails_its_request_alone(gateway: RunningGateway, do: str) -> None:
    answer = gateway.get("/open", do=do)
    assert answer.status_code == 502
    assert answer.json()["message"] == "Bad Gateway"
    assert [gateway.get("/open").status_code for _ in range(3)] == [200, 200, 200]


def test_a_worker_that_died_while_idle_is_replaced(own_gateway: RunningGateway) -> None:
    before = own_gateway.get("/open").json()["pid"]
    psutil.Process(before).kill()
    assert eventually(lambda: gone(before))
    answer = own_gateway.get("/open")
    # The gateway may learn of the death only by the request that it costs.
    assert answer.status_code in (200, 502)
    assert own_gateway.get("/open").json()["pid"] != before


def test_a_function_past_its_timeout_is_killed_with_what_it_started(
    gateway: RunningGateway, tmp_path: Path
) -> None:
    file = tmp_path / "pids"
    answer = gateway.get("/hasty", do="hang", file=str(file))
    assert (answer.status_code, answer.json()["message"]) == (503, "Service Unavailable")
    pids = [int(pid) for pid in file.read_text().split()]
    assert len(pids) == 2
    assert eventually(lambda: all(map(gone, pids)))
    assert gateway.get("/hasty").status_code == 200


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_no_worker_outlives_the_gateway_not_even_a_hung_one(
    own_gateway: RunningGateway, tmp_path: Path, how: str
) -> None:
    file = tmp_path / "pids"
    idle = own_gateway.get("/hasty").json()["pid"]
    with ThreadPoolExecutor(1) as threads:
        hung = threads.submit(own_gateway.get, "/open", do="hang", file=str(file))
        assert eventually(lambda: file.exists() and len(file.read_text().split()) == 2)
        worker = int(file.read_text().split()[0])
        if how == "kill":
            own_gateway.part.process.kill()
        else:
            own_gateway.part.stop()
        assert eventually(lambda: gone(idle) and gone(worker))
        # With stop the request gets an answer, with kill its connection breaks.
        with suppress(httpx.TransportError):
            assert hung.result().status_code >= 500
    assert eventually(lambda: all(gone(int(pid)) for pid in file.read_text().split()))


def test_a_part_that_ends_before_it_is_ready_shows_the_end_of_its_log(tmp_path: Path) -> None:
    part = Part("part", [sys.executable, "-c", "1/0"], log=tmp_path / "part.log")
    with pytest.raises(StackError, match=r"part ended before it was ready(.|\n)*ZeroDivisionError"):
        part.wait_ready()
    part.stop()
