"""What a container loads before it has to."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from functions.mux_webhook import signature, events
import functions.mux_webhook.app as app
from functions.mux_webhook.container import build
made = build({
    "DATABASE_URL": "postgresql://127.0.0.1:1/none", "MUX_TOKEN_ID": "id",
    "MUX_TOKEN_SECRET": "secret", "MUX_WEBHOOK_SECRET": "one,two",
}, app.telemetry)
webhook = made.webhook(print, print)
body = b'{"type": "video.asset.daydreamed"}'
import time
assert webhook.receive(signature.sign("two", body, int(time.time())), body) is None
try:
    webhook.receive("t=1,v1=00", body)
except signature.InvalidSignatureError:
    pass
else:
    raise SystemExit("accepted")
loaded = {"mux_python", "urllib3.connectionpool"} & set(sys.modules)
raise SystemExit(str(loaded) if "mux_python" in loaded else 0)
"""


def test_a_webhook_is_verified_without_loading_mux_python() -> None:
    done = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
