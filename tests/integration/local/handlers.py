"""Handlers for tests of the gateway, some of which misbehave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from awslambdaric.lambda_context import LambdaContext

calls = 0


def echo(event: dict[str, Any], context: LambdaContext) -> Any:  # noqa: ANN401  (any JSON)
    """Does what the query says, or answers with event, context and what the process has counted."""
    global calls  # noqa: PLW0603  (that a container keeps its globals is what is tested)
    calls += 1
    query = event.get("queryStringParameters", {})
    _behave(query)
    match query.get("do"):
        case "answer":
            return {"statusCode": 201, "cookies": ["a=1", "b=2"], "body": "made"}
        case "large":
            return "x" * 7_000_000
        case "unserialisable":
            return {"statusCode": 200, "body": object()}
        case "malformed":
            return {"statusCode": 200, "body": {"a": 1}}
    return {
        "event": event,
        "pid": os.getpid(),
        "calls": calls,
        "environment": dict(os.environ),
        "context": {
            "aws_request_id": context.aws_request_id,
            "function_name": context.function_name,
            "memory_limit_in_mb": context.memory_limit_in_mb,
            "invoked_function_arn": context.invoked_function_arn,
            "log_group_name": context.log_group_name,
            "log_stream_name": context.log_stream_name,
            "remaining_ms": context.get_remaining_time_in_millis(),
        },
    }


def _behave(query: dict[str, str]) -> None:
    match query.get("do"):
        case "raise":
            raise ValueError("secret of the handler")
        case "exit":
            sys.exit(3)
        case "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            child = subprocess.Popen(["sleep", "600"])  # noqa: S607
            Path(query["file"]).write_text(f"{os.getpid()} {child.pid}")
            time.sleep(600)
        case "meet":
            _meet(Path(query["folder"]), int(query["of"]))
        case "print":
            print(f"printed {query['text']}")  # noqa: T201


def _meet(folder: Path, others: int) -> None:
    """Returns once as many workers are in here at the same time."""
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < others:
        time.sleep(0.01)
