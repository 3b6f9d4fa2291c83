"""A pool of AWS's emulators instead of workers of our own. Both behave alike."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import psutil
import pytest

from local.gateway.emulator import EmulatedWorker
from local.gateway.template import Function
from local.gateway.workers import FunctionTimeoutError, HandlerError, WorkerDiedError, WorkerPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HANDLER = """
import os, sys, time

calls = 0

def handler(event, context):
    global calls
    calls += 1
    match event.get("do"):
        case "raise":
            raise ValueError("told to")
        case "exit":
            os._exit(3)
        case "hang":
            open(event["file"], "w").close()
            time.sleep(600)
    return {
        "pid": os.getpid(), "calls": calls, "greeting": os.environ["GREETING"], "path": sys.path,
        "left": context.get_remaining_time_in_millis(), "name": context.function_name,
    }
"""


def function(handler: str = "app.handler") -> Function:
    return Function("Echo", handler, timeout_s=3, memory_mb=256, environment={})


@asynccontextmanager
async def pool(folder: Path, handler: str = "app.handler") -> AsyncIterator[WorkerPool]:
    artifact = folder / "artifact"
    artifact.mkdir()
    (artifact / "app.py").write_text(HANDLER)
    (artifact / "broken.py").write_text("raise RuntimeError('no good')")
    (folder / "logs").mkdir()
    made = WorkerPool(
        function(handler),
        {"GREETING": "hello"},
        maximum=1,
        log=folder / "logs" / "echo.log",
        start=partial(EmulatedWorker.start, artifact=artifact),
    )
    try:
        yield made
    finally:
        await made.close()


def test_one_emulator_serves_one_event_after_the_other_and_sees_its_artifact_alone(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        async with pool(tmp_path) as echo:
            first, second = await echo.invoke({}), await echo.invoke({})
        assert first["pid"] == second["pid"]
        assert (first["calls"], second["calls"]) == (1, 2)
        assert first["greeting"] == "hello"
        assert first["name"] == "Echo"
        assert 0 < first["left"] <= 3000
        outside = [path for path in first["path"] if "site-packages" in path]
        assert outside == []
        log = (tmp_path / "logs" / "echo.log").read_text()
        assert log.count("\nREPORT RequestId: ") == 2

    asyncio.run(run())


def test_a_handler_that_raises_fails_its_event_and_keeps_its_container(tmp_path: Path) -> None:
    async def run() -> None:
        async with pool(tmp_path) as echo:
            before = await echo.invoke({})
            with pytest.raises(HandlerError, match="ValueError: told to"):
                await echo.invoke({"do": "raise"})
            assert (await echo.invoke({}))["pid"] == before["pid"]

    asyncio.run(run())


def test_a_runtime_that_ends_fails_its_event_and_is_replaced(tmp_path: Path) -> None:
    async def run() -> None:
        async with pool(tmp_path) as echo:
            before = await echo.invoke({})
            with pytest.raises(WorkerDiedError, match="exit status 3"):
                await echo.invoke({"do": "exit"})
            assert (await echo.invoke({}))["pid"] != before["pid"]

    asyncio.run(run())


def test_a_function_past_its_timeout_is_cut_off_and_nothing_of_it_is_left(tmp_path: Path) -> None:
    async def run() -> None:
        async with pool(tmp_path) as echo:
            hung = (await echo.invoke({}))["pid"]
            with pytest.raises(FunctionTimeoutError, match=r"after 3\.00 seconds"):
                await echo.invoke({"do": "hang", "file": str(tmp_path / "hangs")})
            with suppress(psutil.NoSuchProcess):  # it has ended already
                psutil.wait_procs([psutil.Process(hung)], 30)
            assert (await echo.invoke({}))["pid"] != hung

    asyncio.run(run())


def test_a_handler_that_cannot_be_imported_is_told_when_it_is_warmed(tmp_path: Path) -> None:
    async def run() -> None:
        async with pool(tmp_path, "broken.handler") as broken:
            with pytest.raises(HandlerError, match="RuntimeError: no good"):
                await broken.warm()

    asyncio.run(run())


def test_closing_the_pool_ends_emulators_and_runtimes_busy_ones_too(tmp_path: Path) -> None:
    async def run() -> list[psutil.Process]:
        before = psutil.Process().children(recursive=True)
        async with pool(tmp_path) as echo:
            hangs = tmp_path / "hangs"
            hung = asyncio.create_task(echo.invoke({"do": "hang", "file": str(hangs)}))
            async with asyncio.timeout(60):
                while not hangs.exists():  # noqa: ASYNC110  # another process makes it
                    await asyncio.sleep(0.01)
            now = psutil.Process().children(recursive=True)
        await asyncio.gather(hung, return_exceptions=True)
        return [process for process in now if process not in before]

    started = asyncio.run(run())
    assert len(started) >= 3
    assert psutil.wait_procs(started, 30)[1] == []
