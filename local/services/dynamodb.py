"""The local DynamoDB, which is moto's server in a process of its own, and the session table."""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from local.services.processes import HOST, Part, free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from mypy_boto3_dynamodb import DynamoDBClient

TTL = "TimeToLiveSpecification"
# CreateTable takes these properties of an AWS::DynamoDB::Table. Other calls set up the rest. How
# the table is paid for is left out: it depends on parameters of a deployment, and nobody pays here.
CREATE_TABLE = (
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
)


class DynamoDbServer:
    """moto's DynamoDB on 127.0.0.1. The items live as long as its process.

    Args:
        log: The log file of the server.
    """

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.running = True
        self._part = Part(
            "dynamodb", [sys.executable, "-m", "local.services.dynamodb", str(self.port)], log=log
        )

    @property
    def url(self) -> str:
        """Return the URL of the endpoint."""
        return f"http://{HOST}:{self.port}"

    @property
    def alive(self) -> bool:
        """Tell whether the process runs, even if it does not listen."""
        return self._part.alive

    def wait_ready(self) -> None:
        """Wait until the server listens.

        Raises:
            StackError: The server ended before it listened.
        """
        self._part.wait_ready()

    def stop(self) -> None:
        """Close the port, as in an outage. The items are kept for `start`."""
        if self.running:
            self._part.tell("stop")
            self._part.wait_ready()
            self.running = False

    def start(self) -> None:
        """Listen again on the same port and with the same items."""
        if not self.running:
            self._part.tell("start")
            self._part.wait_ready()
            self.running = True

    def close(self) -> None:
        """End the process."""
        self._part.stop()
        self.running = False


def dynamodb_client(endpoint_url: str, environment: Mapping[str, str]) -> DynamoDBClient:
    """Return a client for an endpoint, with credentials as `aws_environment` returns them."""
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint_url,
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=environment.get("AWS_SESSION_TOKEN"),
    )


def ensure_table(client: DynamoDBClient, name: str, definition: Mapping[str, Any]) -> None:
    """Make a table as the template defines it, unless there is one of that name.

    Args:
        client: The client of the endpoint where the table is made.
        name: The name of the table.
        definition: The properties of the template's AWS::DynamoDB::Table.

    Raises:
        botocore.exceptions.ClientError: The endpoint refused the table.
    """
    properties: Any = {key: definition[key] for key in CREATE_TABLE if key in definition}
    try:
        client.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **properties)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceInUseException":
            raise
        return
    client.get_waiter("table_exists").wait(
        TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    if TTL in definition:
        client.update_time_to_live(TableName=name, TimeToLiveSpecification=definition[TTL])


class OneAtATime:
    """A WSGI application that handles one request at a time.

    moto itself checks a condition and then writes, so that two conditional writes at the same
    moment could both succeed. DynamoDB lets only one of them succeed.
    """

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Answer one request after all earlier ones are answered."""
        with self._lock:
            return list(self._application(environ, start_response))


class Listener:
    """The open port. The items belong to moto and outlive it."""

    def __init__(self, port: int, application: WSGIApplication) -> None:
        self._server = make_server(
            HOST, port, application, threaded=True, request_handler=MotoRequestHandler
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        """Close the port and wait until it is closed."""
        self._server.shutdown()
        self._thread.join()


def serve(port: int) -> None:
    """Serve until standard input closes. The lines `stop` and `start` close and open the port."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    application = OneAtATime(DomainDispatcherApplication(create_backend_app))
    listener = Listener(port, application)
    print(f"ready http://{HOST}:{port}", flush=True)
    for line in sys.stdin:
        if line.strip() == "stop":
            listener.close()
        else:
            listener = Listener(port, application)
        print(f"ready {line.strip()}", flush=True)
    # Requests that are still open must not keep the process alive.
    os._exit(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
