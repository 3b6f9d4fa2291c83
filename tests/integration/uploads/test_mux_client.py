"""The client against a server that answers, refuses, hangs, or hangs up."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from shared.mux import (
    AssetSettings,
    MuxBusyError,
    MuxError,
    MuxNotSentError,
    MuxRefusedError,
    MuxUnknownOutcomeError,
)
from shared.mux_client import MuxClient

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = AssetSettings(uuid4(), uuid4(), "1080p", "basic")


@dataclass
class Server:
    """Answers every request alike and keeps what it was asked."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    cut: bool = False
    asked: list[tuple[str, str, Any, str]] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def client(self) -> MuxClient:
        return MuxClient(self.url, "id", "secret")


@contextmanager
def running(server: Server) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            auth = self.headers["Authorization"]
            server.asked.append((self.command, self.path, body, auth))
            server.arrived.set()
            if server.hang:
                server.released.wait(30)
            if server.hang or server.cut:
                self.close_connection = True
                return
            content = json.dumps(server.body).encode() if server.body is not None else b""
            self.send_response(server.status)
            for name, value in {"Content-Type": "application/json", **server.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  # the library's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_port}/"
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            http.shutdown()
            thread.join()


def test_an_upload_is_asked_for_with_all_that_its_asset_needs() -> None:
    body = {"data": {"id": "u", "url": "http://x", "status": "waiting", "timeout": 60}}
    with running(Server(201, body)) as server:
        made = server.client().create_upload(
            SETTINGS, cors_origin="https://app", timeout_s=60, budget_s=5
        )
    assert (made["id"], made["url"]) == ("u", "http://x")
    ((verb, path, sent, auth),) = server.asked
    assert (verb, path) == ("POST", "/video/v1/uploads")
    assert auth == "Basic " + base64.b64encode(b"id:secret").decode()
    assert sent == {
        "timeout": 60,
        "cors_origin": "https://app",
        "new_asset_settings": SETTINGS.fields(),
    }
    assert sent["new_asset_settings"]["passthrough"] == str(SETTINGS.post_id)


def test_a_clip_is_asked_for_as_an_input_of_its_source() -> None:
    body = {"data": {"id": "c", "status": "preparing", "source_asset_id": "s"}}
    with running(Server(201, body)) as server:
        made = server.client().create_clip(SETTINGS, "s", 180.0, budget_s=5)
    assert made["id"] == "c"
    sent = server.asked[0][2]
    assert sent["inputs"] == [{"url": "mux://assets/s", "start_time": 0.0, "end_time": 180.0}]


def test_values_that_mux_adds_to_its_enumerations_are_let_through() -> None:
    data = {"id": "a", "status": "daydreaming", "ingest_type": "telepathy", "new": {"x": 1}}
    with running(Server(200, {"data": data})) as server:
        found = server.client().get_asset("a", budget_s=5)
    assert found is not None
    assert found["status"] == "daydreaming"


def test_lists_are_asked_for_page_by_page() -> None:
    with running(Server(200, {"data": [{"id": "a"}, {"id": "b"}]})) as server:
        assert [a["id"] for a in server.client().list_assets(3, 50, budget_s=5)] == ["a", "b"]
    assert server.asked[0][1] == "/video/v1/assets?page=3&limit=50" or (
        server.asked[0][1] == "/video/v1/assets?limit=50&page=3"
    )


def test_what_is_not_there_is_none_and_deleted_all_the_same() -> None:
    with running(Server(404, {"error": {"type": "not_found"}})) as server:
        client = server.client()
        assert client.get_asset("a", budget_s=5) is None
        assert client.get_upload("u", budget_s=5) is None
        assert client.delete_asset("a", budget_s=5)
        assert not client.cancel_upload("u", budget_s=5)


def test_an_asset_that_is_preparing_is_not_deleted() -> None:
    with running(Server(400, {"error": {"type": "invalid_parameters"}})) as server:
        assert not server.client().delete_asset("a", budget_s=5)
    with running(Server(204)) as server:
        assert server.client().delete_asset("a", budget_s=5)


def test_an_upload_that_waits_no_longer_is_not_cancelled() -> None:
    with running(Server(403, {"error": {"type": "invalid_parameters"}})) as server:
        assert not server.client().cancel_upload("u", budget_s=5)


@pytest.mark.parametrize(
    ("server", "error"),
    [
        (Server(429), MuxBusyError),
        (Server(429, headers={"Retry-After": "600"}), MuxBusyError),
        (Server(422, {"error": {"messages": ["no"]}}), MuxRefusedError),
        (Server(401), MuxRefusedError),
        (Server(500), MuxUnknownOutcomeError),
        (Server(503, headers={"Retry-After": "600"}), MuxUnknownOutcomeError),
        (Server(cut=True), MuxUnknownOutcomeError),
        (Server(hang=True), MuxUnknownOutcomeError),
        (Server(202, {"data": {"id": "c"}}), MuxUnknownOutcomeError),
        (Server(201, {}), MuxUnknownOutcomeError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_a_failed_request_is_sent_once_and_said_to_be_done_or_not(
    server: Server, error: type[MuxError]
) -> None:
    # Only a server that hangs uses the time up. A busy machine is no answer that does not come.
    budget_s = 0.3 if server.hang else 30.0
    with running(server):
        with pytest.raises(error):
            server.client().create_clip(SETTINGS, "s", 180.0, budget_s=budget_s)
        assert server.arrived.wait(60)  # the client may give up before the server has read it
    assert len(server.asked) == 1


def test_a_mux_that_cannot_be_reached_has_done_nothing() -> None:
    with running(Server()) as server:
        client = server.client()
    with pytest.raises(MuxNotSentError):
        client.create_clip(SETTINGS, "s", 180.0, budget_s=1)
