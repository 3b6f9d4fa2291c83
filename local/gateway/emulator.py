"""One container of a function in AWS's own runtime emulator, instead of a worker of ours.

The emulator (aws-lambda-rie, from the SAM CLI's wheel) starts AWS's Python runtime client in the
folder that `sam build` made, hands it one event at a time, enforces the timeout and starts the
runtime anew after a crash. Its log has AWS's START, END and REPORT lines.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
import psutil

from deploy.artifacts import runtime
from local.gateway.workers import FunctionTimeoutError, HandlerError, WorkerDiedError
from local.services.processes import HOST, free_port, part_environment, supervised

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from local.gateway.template import Function

LISTEN_TIMEOUT_S = 30.0
_INVOKE = "/2015-03-31/functions/function/invocations"
_TIMED_OUT = "Task timed out after "
# The emulator's own word comes first; this ends what it fails to end.
_SPARE_S = 5.0
_INIT_S = 60.0
# What awslambdaric answers for a handler that raised; no function of ours answers so itself.
_FAULT = {"errorMessage", "errorType", "stackTrace"}
# A request that no route takes: it shows that the handler was imported, and changes nothing.
_NO_ROUTE = {
    "version": "2.0",
    "routeKey": "GET /",
    "rawPath": "/",
    "rawQueryString": "",
    "headers": {},
    "requestContext": {"http": {"method": "GET", "path": "/"}, "stage": "$default"},
    "isBase64Encoded": False,
}


class EmulatedWorker:
    """One emulator with one runtime process below it; it behaves as `workers.Worker`."""

    def __init__(self, process: asyncio.subprocess.Process, client: httpx.AsyncClient) -> None:
        self._process = process
        self._client = client
        self._initialised = False

    @classmethod
    async def start(
        cls, function: Function, environment: Mapping[str, str], log: Path, artifact: Path
    ) -> EmulatedWorker:
        """Starts an emulator and waits until it listens; the handler is imported by `warm`.

        Args:
            function: the function as the template defines it.
            environment: the whole environment, the function's variables included.
            log: the file that gets the emulator's lines and what the handler prints.
            artifact: the folder that `sam build` made for the function.

        Raises:
            WorkerDiedError: the emulator ended instead.
            FunctionTimeoutError: it does not listen in time.
        """
        ports = (free_port(), free_port())
        client_folder = await asyncio.to_thread(
            runtime.client_folder, log.parent.parent / "runtime-client"
        )
        command = [
            str(runtime.emulator()),
            *("--runtime-interface-emulator-address", f"{HOST}:{ports[0]}"),
            *("--runtime-api-address", f"{HOST}:{ports[1]}"),
            *runtime.command(function.handler),
        ]
        of_runtime = runtime.environment(artifact, client_folder)
        # The supervisor needs our modules, the function must not see them.
        wrapped = ["env", *(f"{name}={value}" for name, value in of_runtime.items()), *command]
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *supervised(wrapped),
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=artifact,
                env={
                    **environment,
                    "PYTHONPATH": part_environment()["PYTHONPATH"],
                    "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout_s),
                },
                start_new_session=True,
            )
        client = httpx.AsyncClient(base_url=f"http://{HOST}:{ports[0]}", trust_env=False)
        worker = cls(process, client)
        try:
            await worker._wait_until_it_listens(ports[0])
        except BaseException:
            await worker.end()
            raise
        return worker

    @property
    def alive(self) -> bool:
        """Whether the emulator still runs; it starts a runtime that ended anew by itself."""
        return self._process.returncode is None

    async def warm(self) -> None:
        """Has the handler imported, by a request that no route takes.

        Raises:
            InvocationError: it could not be.
        """
        await self.exchange({"event": _NO_ROUTE}, _INIT_S)

    async def exchange(self, document: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Hands the document's `event` to the handler and waits for the answer.

        Returns:
            `result`, what the handler returned; or `error`, of which kind and with what text.

        Raises:
            HandlerError: the handler's module could not be imported.
            WorkerDiedError: the runtime ended in the middle of the event, or the emulator did.
            FunctionTimeoutError: the function's time was over.
        """
        allowed = seconds + _SPARE_S + (0.0 if self._initialised else _INIT_S)
        body = json.dumps(document["event"]).encode()
        try:
            answer = await self._client.post(_INVOKE, content=body, timeout=allowed)
        except httpx.TimeoutException:
            raise FunctionTimeoutError(f"Task timed out after {seconds:.2f} seconds") from None
        except httpx.TransportError:
            raise WorkerDiedError("The emulator ended before it answered") from None
        if answer.text.startswith(_TIMED_OUT):
            raise FunctionTimeoutError(answer.text)
        if answer.status_code != httpx.codes.OK:
            raise _failure(answer.text)
        self._initialised = True
        result = answer.json()
        if isinstance(result, dict) and result.keys() >= _FAULT:
            return {"error": result}
        return {"result": result}

    async def end(self) -> None:
        """Ends the emulator with all that it started, and waits until it is gone."""
        await self._client.aclose()
        with suppress(psutil.NoSuchProcess):
            started = psutil.Process(self._process.pid)
            for process in [*started.children(recursive=True), started]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        await self._process.wait()

    async def _wait_until_it_listens(self, port: int) -> None:
        try:
            async with asyncio.timeout(LISTEN_TIMEOUT_S):
                while self.alive:
                    with suppress(OSError):
                        _, writer = await asyncio.open_connection(HOST, port)
                        writer.close()
                        return
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise FunctionTimeoutError("The emulator does not listen") from None
        raise WorkerDiedError("The emulator ended before it listened")


def _failure(text: str) -> HandlerError | WorkerDiedError:
    """What a 502 of the emulator means: the import raised, or the runtime's process ended."""
    with suppress(ValueError):
        fault = json.loads(text)
        if fault.keys() >= _FAULT:
            return HandlerError(f"{fault['errorType']}: {fault['errorMessage']}")
        return WorkerDiedError(str(fault.get("errorMessage")))
    return WorkerDiedError("Runtime exited before it answered")
