"""A stand-in in a process of its own, and a receiver for its webhooks."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import mux_python
import urllib3

ROOT = Path(__file__).parents[4]
TOKEN_ID, TOKEN_SECRET, WEBHOOK_SECRET = "token-id", "token-secret", "webhook-secret"
QUICK = {"post_rate": 0, "other_rate": 0, "processing_delay": 0, "retry_first": 0.01}
TIMEOUT = (5, 30)


@dataclass
class Received:
    """A webhook as it came in."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event


@dataclass
class Receiver:
    """Takes webhooks; answers 200 unless other statuses are queued (0 = no answer)."""

    received: list[Received] = field(default_factory=list)
    answers: deque[int] = field(default_factory=deque)

    def __post_init__(self) -> None:
        receiver = self
        self.closing = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = receiver.answers.popleft() if receiver.answers else 200
                receiver.received.append(Received(headers, body))
                if status == 0:
                    receiver.closing.wait(60)
                    return
                self.send_response(status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_arguments: object) -> None:
                """Keep the terminal quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/webhooks"

    def types(self) -> list[str]:
        return [received.event["type"] for received in self.received]

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Running:
    """A stand-in that runs.

    Args:
        state_dir: Its state.
        tune: Settings other than `QUICK`.
        webhook_url: Where its webhooks go.
    """

    def __init__(self, state_dir: Path, webhook_url: str = "", **tune: float) -> None:
        environment = os.environ | {
            "MUX_TOKEN_ID": TOKEN_ID,
            "MUX_TOKEN_SECRET": TOKEN_SECRET,
            "MUX_WEBHOOK_SECRET": f"{WEBHOOK_SECRET},an-older-one",
            "MUX_WEBHOOK_URL": webhook_url,
        }
        command = [sys.executable, "-W", "error", "-m", "local.mux", "--port", "0", "--seed", "1"]
        command += ["--state-dir", str(state_dir), "--tune", json.dumps(QUICK | tune)]
        self.process = subprocess.Popen(  # noqa: S603 - our own module
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        ready = self.process.stdout.readline().split()
        assert ready[0] == "ready"
        self.url = ready[1]
        self.state_dir = state_dir
        self.http = httpx.Client(base_url=self.url, timeout=60, trust_env=False)
        configuration = mux_python.Configuration(
            host=self.url, username=TOKEN_ID, password=TOKEN_SECRET
        )
        configuration.retries = urllib3.Retry(0)
        self.client = mux_python.ApiClient(configuration)
        self.uploads = mux_python.DirectUploadsApi(self.client)
        self.assets = mux_python.AssetsApi(self.client)

    def create_upload(self, **settings: object) -> Any:  # noqa: ANN401 - mux_python has no types
        asked = {"playback_policies": ["public"]} | settings
        request = mux_python.CreateUploadRequest(
            cors_origin="*", new_asset_settings=mux_python.CreateAssetRequest(**asked)
        )
        return self.uploads.create_direct_upload(request, _request_timeout=TIMEOUT).data

    def upload(self, path: Path, **settings: object) -> Any:  # noqa: ANN401 - mux_python has no types
        """Upload a file and return its asset as it is once all is settled."""
        upload = self.create_upload(**settings)
        assert self.http.put(upload.url, content=path.read_bytes()).status_code == 200
        self.settle()
        asset_id = self.uploads.get_direct_upload(upload.id, _request_timeout=TIMEOUT).data.asset_id
        return self.assets.get_asset(asset_id, _request_timeout=TIMEOUT).data

    def clip(self, source_id: str, start: float, end: float, **settings: object) -> Any:  # noqa: ANN401
        asked = {"playback_policies": ["public"]} | settings
        inputs = [{"url": f"mux://assets/{source_id}", "start_time": start, "end_time": end}]
        request = mux_python.CreateAssetRequest(inputs=inputs, **asked)
        return self.assets.create_asset(request, _request_timeout=TIMEOUT).data

    def control(self, path: str, body: object = None, method: str = "POST") -> Any:  # noqa: ANN401 - JSON
        answer = self.http.request(method, f"/control/{path}", json=body or {})
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def settle(self) -> Any:  # noqa: ANN401 - JSON
        return self.control("settle")

    def state(self) -> Any:  # noqa: ANN401 - JSON
        return self.control("state?webhooks=all", method="GET")

    def end(self, sent: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end; return its exit code."""
        self.http.close()
        self.client.close()
        self.process.send_signal(sent)
        code = self.process.wait(120)
        if self.process.stdout:
            self.process.stdout.close()
        return code
