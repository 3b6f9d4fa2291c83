"""Goes every way of a function that loads code, in a process that has its artifact alone.

`python -I -S exercises.py ARTIFACT FUNCTION` prints what was loaded, as JSON. Postgres, DynamoDB
and Mux do not answer: what matters is what is loaded on the way to them.
"""

from __future__ import annotations

import importlib
import json
import sys
import sysconfig
import uuid
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

CONTEXT = SimpleNamespace(
    function_name="f",
    function_version="1",
    memory_limit_in_mb=128,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:f",
    aws_request_id=str(uuid.uuid4()),
    log_group_name="g",
    log_stream_name="s",
    get_remaining_time_in_millis=lambda: 10_000,
)


def http(method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:  # noqa: ANN401
    """An API Gateway event of a viewer."""
    claims = {"sub": "6f1c4c5e-0000-4000-8000-000000000001"}
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", **headers},
        "queryStringParameters": {"timezone": "Europe/Berlin"} if path == "/v1/feed" else None,
        "requestContext": {
            "http": {"method": method, "path": path},
            "stage": "$default",
            "authorizer": {"jwt": {"claims": claims}},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def feed_ranker(app: Any) -> None:  # noqa: ANN401  (a module)
    """A page, which needs time zones that the system may lack."""
    import zoneinfo  # noqa: PLC0415  (after the path is set)

    zoneinfo.reset_tzpath(to=())
    assert app.lambda_handler(http("GET", "/v1/feed"), CONTEXT)["statusCode"] == 503
    playback_token()


def playback_token() -> None:
    """One token of signed playback, which loads what signs only where it is wanted."""
    rsa = importlib.import_module("cryptography.hazmat.primitives.asymmetric.rsa")
    forms = importlib.import_module("cryptography.hazmat.primitives.serialization")
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = key.private_bytes(
        forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()
    ).decode()
    secret = importlib.import_module("pydantic").SecretStr(pem)
    playback = importlib.import_module("functions.feed_ranker.playback")
    assert playback.PlaybackTokens("key", secret, 3600).token("id", "v", 0.0)


def create_upload(app: Any) -> None:  # noqa: ANN401  (a module)
    """An upload with a key, and the call to Mux that an upload would make."""
    body = {"content": {"caption": "c", "tags": []}, "size_bytes": 1, "duration_ms": 1000}
    event = http("POST", "/v1/uploads", body, **{"idempotency-key": "k" * 20})
    assert app.lambda_handler(event, CONTEXT)["statusCode"] >= 400
    mux_client()


def mux_webhook(app: Any) -> None:  # noqa: ANN401  (a module)
    """A delivery with a false signature, a sweep, and the call to Mux that it would make."""
    event = http("POST", "/v1/webhooks/mux", {}, **{"mux-signature": "t=1,v1=00"})
    assert app.lambda_handler(event, CONTEXT)["statusCode"] == 401
    with suppress(Exception):
        app.lambda_handler({"source": "aws.scheduler"}, CONTEXT)
    mux_client()


def mux_client() -> None:
    """One call to Mux, which is not there."""
    mux = importlib.import_module("shared.mux_client")
    try:
        mux.MuxClient("http://127.0.0.1:1", "id", "secret").get_asset("a", budget_s=1.0)
    except mux.MuxNotSentError:
        return
    raise AssertionError("Mux answered")


def libraries(artifact: Path) -> list[str]:
    """Shared libraries of the artifact that are mapped into this process."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    mapped = {line.split()[-1] for line in maps.splitlines() if "/" in line}
    return sorted(
        str(Path(m).relative_to(artifact)) for m in mapped if m.startswith(f"{artifact}/")
    )


def main() -> None:
    """Prints what was loaded."""
    artifact, name = Path(sys.argv[1]).resolve(), sys.argv[2]
    sys.path.insert(0, str(artifact))
    app = importlib.import_module(f"functions.{name}.app")
    ways = {"feed_ranker": feed_ranker, "create_upload": create_upload, "mux_webhook": mux_webhook}
    ways[name](app)
    standard = [str(Path(p).resolve()) for p in (sysconfig.get_path("stdlib"), sys.base_prefix)]
    files = {
        module: str(Path(file).resolve())
        for module, at in list(sys.modules.items())
        if (file := getattr(at, "__file__", None)) and module not in {"__main__", "__mp_main__"}
    }
    inside = [module for module, file in files.items() if file.startswith(f"{artifact}/")]
    foreign = [
        f"{module}: {file}"
        for module, file in files.items()
        if module not in inside
        and (not file.startswith(tuple(standard)) or "site-packages" in file)
    ]
    found = {"modules": inside, "foreign": foreign, "libraries": libraries(artifact)}
    print(json.dumps(found))  # noqa: T201  # the test reads it


if __name__ == "__main__":
    main()
