"""DynamoDB for local use: moto's server in a process of its own, and the session table."""

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
# What CreateTable takes of an AWS::DynamoDB::Table resource; the rest is set up by other calls.
CREATE_TABLE = (
    "AttributeDefinitions",
    "KeySchema",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
    "ProvisionedThroughput",
)


class DynamoDbServer:
    """moto's DynamoDB on 127.0.0.1; the items live as long as this object's process.

    Args:
        log: the server's log.
    """

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.running = True
        self._part = Part(
            "dynamodb", [sys.executable, "-m", "local.services.dynamodb", str(self.port)], log=log
        )

    @property
    def url(self) -> str:
        """The endpoint URL."""
        return f"http://{HOST}:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether the process runs, be it that it listens or not."""
        return self._part.alive

    def wait_ready(self) -> None:
        """Waits until the server listens.

        Raises:
            StackError: it ended instead.
        """
        self._part.wait_ready()

    def stop(self) -> None:
        """Closes the port, as in an outage: the items stay for `start`."""
        if self.running:
            self._part.tell("stop")
            self._part.wait_ready()
            self.running = False

    def start(self) -> None:
        """Listens again, on the same port and with the same items."""
        if not self.running:
            self._part.tell("start")
            self._part.wait_ready()
            self.running = True

    def close(self) -> None:
        """Ends the process."""
        self._part.stop()
        self.running = False


def dynamodb_client(endpoint_url: str, environment: Mapping[str, str]) -> DynamoDBClient:
    """A client for an endpoint, with the credentials of `local.services.aws.aws_environment`."""
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint_url,
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=environment.get("AWS_SESSION_TOKEN"),
    )


def ensure_table(client: DynamoDBClient, name: str, definition: Mapping[str, Any]) -> None:
    """Makes a table as the template defines it, unless there is one of that name.

    Args:
        client: where to make it.
        name: the table's name.
        definition: the properties of the template's AWS::DynamoDB::Table.

    Raises:
        botocore.exceptions.ClientError: the endpoint refused it.
    """
    properties: Any = {key: definition[key] for key in CREATE_TABLE if key in definition}
    try:
        client.create_table(TableName=name, **properties)
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

    moto itself checks a condition and then writes, so that of two conditional writes at the same
    moment both could succeed. DynamoDB lets one.
    """

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Answers one request, after those before it."""
        with self._lock:
            return list(self._application(environ, start_response))


class Listener:
    """The open port; the items are moto's and outlive it."""

    def __init__(self, port: int, application: WSGIApplication) -> None:
        self._server = make_server(
            HOST, port, application, threaded=True, request_handler=MotoRequestHandler
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        """Closes the port and waits until it is closed."""
        self._server.shutdown()
        self._thread.join()


def serve(port: int) -> None:
    """Serves until standard input closes; its lines `stop` and `start` close and open the port."""
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
    # Requests that are still open must not keep the process.
    os._exit(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
