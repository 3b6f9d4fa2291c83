"""Lambda's concurrency: per function a pool of worker processes, one event at a time in each."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from local.gateway import frames
from local.services.aws import ACCOUNT, REGION
from local.services.processes import part_environment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from local.gateway.template import Function

INIT_TIMEOUT_S = 60.0  # Lambda gives 10 s; a laptop that starts several at once may need longer


class InvocationError(Exception):
    """An invocation without a result."""


class HandlerError(InvocationError):
    """The handler, or the import of its module, raised."""


class WorkerDiedError(InvocationError):
    """The worker's process ended in the middle of the event."""


class FunctionTimeoutError(InvocationError):
    """The function's time was over; its worker was killed."""


class Container(Protocol):
    """One container of a function: one event at a time."""

    @property
    def alive(self) -> bool:
        """Whether it can take another event."""

    async def warm(self) -> None:
        """Has the handler imported. Raises InvocationError where that fails."""

    async def exchange(self, document: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Sends an invocation and waits for its `result` or `error`."""

    async def end(self) -> None:
        """Ends it with all that it started."""


@dataclass(eq=False)
class Worker:
    """One process that has imported the handler."""

    process: asyncio.subprocess.Process

    @classmethod
    async def start(cls, function: Function, environment: Mapping[str, str], log: Path) -> Worker:
        """Starts a process and waits until it has imported the handler.

        Raises:
            HandlerError: the import raised.
            WorkerDiedError: the process ended instead.
            FunctionTimeoutError: the import took too long.
        """
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "local.gateway.worker", function.handler),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
                env=dict(environment),
                start_new_session=True,
            )
        worker = cls(process)
        try:
            answer = await worker.exchange(None, INIT_TIMEOUT_S)
        except BaseException:
            await worker.end()
            raise
        if "error" in answer:
            await worker.end()
            raise HandlerError(_message(answer["error"]))
        return worker

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.returncode is None

    async def warm(self) -> None:
        """The handler was imported at the start."""

    async def exchange(self, document: dict[str, Any] | None, seconds: float) -> dict[str, Any]:
        """Sends a document, where there is one, and waits for the answer.

        Raises:
            WorkerDiedError: the process ended.
            FunctionTimeoutError: no answer in time.
        """
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None  # noqa: S101  (opened as pipes)
        assert stdout is not None  # noqa: S101
        try:
            async with asyncio.timeout(seconds):
                if document is not None:
                    stdin.write(frames.encode(json.dumps(document).encode()))
                    await stdin.drain()
                answer: dict[str, Any] = await frames.read_async(stdout)
        except TimeoutError:
            raise FunctionTimeoutError(f"Task timed out after {seconds:.2f} seconds") from None
        except (EOFError, ConnectionError):
            raise WorkerDiedError("Runtime exited before it answered") from None
        return answer

    async def end(self) -> None:
        """Kills the process with all that it started, and waits until it is gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()


class WorkerPool:
    """The workers of one function.

    Args:
        function: the function as the template defines it.
        environment: its own variables; the worker gets Lambda's and the machine's besides.
        maximum: how many events may be worked on at once; further ones wait.
        log: the file that gets what the handler prints.
        start: starts a container, with the function, its environment and its log.
    """

    def __init__(
        self,
        function: Function,
        environment: Mapping[str, str],
        *,
        maximum: int,
        log: Path,
        start: Callable[[Function, Mapping[str, str], Path], Awaitable[Container]] = Worker.start,
    ) -> None:
        self.function = function
        self._arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.logical_id}"
        self._environment = environment
        self._log = log
        self._start = start
        self._slots = asyncio.Semaphore(maximum)
        self._idle: list[Container] = []
        self._workers: list[Container] = []

    async def warm(self) -> None:
        """Has one worker ready, so that the first event need not wait for the import.

        Raises:
            InvocationError: it could not be started.
        """
        async with self._slots:
            worker = await self._take()
            try:
                await worker.warm()
            except BaseException:
                await self._discard(worker)
                raise
            self._idle.append(worker)

    async def invoke(self, event: Any, request_id: str | None = None) -> Any:  # noqa: ANN401  (JSON)
        """Runs the handler on an event.

        Args:
            event: any JSON value.
            request_id: the invocation's id; drawn where None.

        Returns:
            What the handler returned, as JSON has it.

        Raises:
            HandlerError: it raised, or returned what is no JSON.
            WorkerDiedError: its process ended.
            FunctionTimeoutError: the template's timeout was over.
        """
        async with self._slots:
            worker = await self._take()
            seconds = self.function.timeout_s
            invocation = {
                "event": event,
                "request_id": request_id or str(uuid.uuid4()),
                "deadline_ms": int((time.time() + seconds) * 1000),
                "function_arn": self._arn,
                "trace_id": f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Sampled=0",
            }
            try:
                answer = await worker.exchange(invocation, seconds)
            except BaseException:
                await self._discard(worker)
                raise
            self._idle.append(worker)
        if "error" in answer:
            raise HandlerError(_message(answer["error"]))
        return answer["result"]

    async def close(self) -> None:
        """Ends all workers, busy ones too."""
        await asyncio.gather(*(self._discard(worker) for worker in list(self._workers)))

    async def _take(self) -> Container:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            await self._discard(worker)
        worker = await self._start(self.function, self._worker_environment(), self._log)
        self._workers.append(worker)
        return worker

    async def _discard(self, worker: Container) -> None:
        if worker in self._workers:
            self._workers.remove(worker)
        await worker.end()

    def _worker_environment(self) -> dict[str, str]:
        stream = f"{time.strftime('%Y/%m/%d')}/[$LATEST]{secrets.token_hex(16)}"
        return part_environment(
            {
                "AWS_LAMBDA_FUNCTION_NAME": self.function.logical_id,
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.function.memory_mb),
                "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.function.logical_id}",
                "AWS_LAMBDA_LOG_STREAM_NAME": stream,
                "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
                "TZ": "UTC",
                **self._environment,
            }
        )


def _message(error: Mapping[str, str]) -> str:
    return f"{error['errorType']}: {error['errorMessage']}"
