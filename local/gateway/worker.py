"""One container of a function: `python -m local.gateway.worker module.function`.

Imports the handler once and then runs one event at a time, as Lambda does. Events come by
standard input, answers leave by what was standard output; whatever the handler prints goes to
standard error, which is its log. When standard input closes, the process ends at once.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

from awslambdaric.lambda_context import LambdaContext
from awslambdaric.lambda_runtime_exception import FaultException
from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller

from local.gateway import frames

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_RESPONSE_BYTES = 6 * 1024 * 1024


def main(handler_name: str) -> None:
    """Serves events until standard input closes."""
    events = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def receive() -> None:
        while True:
            try:
                waiting.put(frames.read(events))
            except EOFError:
                # The handler in the main thread may hang, and may have started processes.
                if os.getpgrp() == os.getpid():
                    os.killpg(0, signal.SIGKILL)
                os._exit(0)

    threading.Thread(target=receive, daemon=True).start()

    def send(document: str) -> None:
        answers.write(frames.encode(document.encode("utf-8", errors="replace")))

    try:
        module, _, function = handler_name.rpartition(".")
        handler = getattr(importlib.import_module(module), function)
    except Exception as error:  # noqa: BLE001  (whatever a module may raise on import)
        traceback.print_exc()
        send(_error(type(error).__name__, str(error)))
        sys.exit(1)
    send(json.dumps({"ready": True}))
    while True:
        sys.stdout.flush()
        send(_run(handler, waiting.get()))


def _run(handler: Callable[[Any, Any], Any], invocation: dict[str, Any]) -> str:
    os.environ["_X_AMZN_TRACE_ID"] = invocation["trace_id"]
    context = LambdaContext(
        invocation["request_id"],
        None,
        None,
        invocation["deadline_ms"],
        invocation["function_arn"],
    )
    try:
        result, _ = LambdaMarshaller().marshal_response(handler(invocation["event"], context))
    except FaultException as error:
        print(f"[ERROR] {error.msg}", file=sys.stderr)
        return _error(error.exception_type, error.msg)
    except Exception as error:  # noqa: BLE001  (the handler's edge: Lambda reports it and goes on)
        print(f"[ERROR] {type(error).__name__}: {error}", file=sys.stderr)
        traceback.print_exc()
        return _error(type(error).__name__, str(error))
    if len(result) > MAX_RESPONSE_BYTES:
        return _error("Function.ResponseSizeTooLarge", "the answer is larger than 6 MB")
    return f'{{"result": {result}}}'


def _error(kind: str, message: str) -> str:
    return json.dumps({"error": {"errorType": kind, "errorMessage": message}})


if __name__ == "__main__":
    main(sys.argv[1])
