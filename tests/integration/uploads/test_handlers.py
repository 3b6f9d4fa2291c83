"""The two handlers, from API Gateway's event to the answer."""

from __future__ import annotations

import base64
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from functions.create_upload import app as upload_app
from functions.create_upload import container as upload_container
from functions.create_upload.errors import InProgressError
from functions.create_upload.requests import UploadRequest, idempotency_key
from functions.mux_webhook import app as webhook_app
from functions.mux_webhook import container as webhook_container
from functions.mux_webhook import signature
from shared.mux import MuxBusyError, MuxUnknownOutcomeError
from shared.postgres import Postgres
from tests.integration.uploads.harness import LONG, SECRET, STREAM, VIDEO, Fault, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database

MIB = 1024 * 1024


@dataclass
class Context:
    """Lambda's context, as far as the handlers read it."""

    aws_request_id: str
    function_name: str = "tests"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:tests"

    def get_remaining_time_in_millis(self) -> int:
        return 10_000


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: dict[str, Any]


def event(
    method: str, path: str, body: object = None, viewer: UUID | None = None, **headers: str
) -> dict[str, Any]:
    claims = {"jwt": {"claims": {"sub": str(viewer)}}} if viewer else None
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "requestContext": {
            "authorizer": claims,
            "http": {"method": method, "path": path, "sourceIp": "127.0.0.1"},
            "stage": "$default",
        },
        "body": body if isinstance(body, str | None) else json.dumps(body),
        "isBase64Encoded": False,
    }


def call(app: Any, given: dict[str, Any]) -> Answer:  # noqa: ANN401  # either handler module
    raw = app.lambda_handler(given, Context(str(uuid4())))
    headers = dict(raw.get("headers") or {})
    return Answer(raw["statusCode"], headers, json.loads(raw["body"]))


@pytest.fixture
def uploads(
    world: World,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[upload_container.Container]:
    built = upload_container.build(
        {
            "DATABASE_URL": database.app_url,
            "MUX_TOKEN_ID": "id",
            "MUX_TOKEN_SECRET": "secret",
            "MUX_BASE_URL": "http://127.0.0.1:1",
            "MUX_POST_PER_S": "1000",
        },
        upload_app.telemetry,
    )
    container = replace(built, uploads=replace(built.uploads, mux=world.mux))
    monkeypatch.setattr(upload_app, "container", lambda: container)
    yield container
    built.uploads.store.database.close()  # type: ignore[attr-defined]


@pytest.fixture
def webhooks(
    world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> Iterator[webhook_container.Container]:
    built = webhook_container.build(
        {
            "DATABASE_URL": database.webhook_url,
            "MUX_TOKEN_ID": "id",
            "MUX_TOKEN_SECRET": "secret",
            "MUX_WEBHOOK_SECRET": f"new one,{SECRET}",
            "MUX_STREAM_BASE_URL": f"{STREAM}/",
        },
        webhook_app.telemetry,
    )
    container = replace(built, mux=world.mux)
    monkeypatch.setattr(webhook_app, "container", lambda: container)
    yield container
    built.store.database.close()  # type: ignore[attr-defined]


def create(viewer: UUID, body: object = None, **headers: str) -> Answer:
    asked = {"size_bytes": 1000, "duration_ms": 20_000} if body is None else body
    return call(upload_app, event("POST", "/v1/uploads", asked, viewer, **headers))


def send(body: bytes, header: str | None = None, *, as_base64: bool = False) -> Answer:
    signed = signature.sign(SECRET, body, int(time.time())) if header is None else header
    given = event("POST", "/v1/webhooks/mux", mux_signature=signed)
    given["isBase64Encoded"] = as_base64
    given["body"] = base64.b64encode(body).decode() if as_base64 else body.decode()
    return call(webhook_app, given)


def test_an_upload_is_answered_as_the_contract_says(
    world: World, uploads: upload_container.Container
) -> None:
    viewer = uuid4()
    body = {
        "content": {"caption": "hi", "tags": ["a"]},
        "size_bytes": 500 * MIB,
        "duration_ms": 200_000,
        "max_resolution_tier": "2160p",
    }
    made = create(viewer, body)
    assert made.status == 201
    assert set(made.body) == {
        *("post_id", "upload_id", "upload_url", "expires_at", "max_duration_ms", "will_trim")
    }
    assert made.body["will_trim"] is True
    assert made.body["max_duration_ms"] == 180_000
    assert made.body["expires_at"].endswith("Z")
    upload = world.mux_state.uploads[made.body["upload_id"]]
    asked = upload.new_asset_settings
    assert asked["passthrough"] == made.body["post_id"]
    assert asked["max_resolution_tier"] == uploads.uploads.settings.mux_max_resolution_tier
    assert (upload.timeout, upload.cors_origin) == (3600, "*")
    path = f"/v1/uploads/{made.body['post_id']}"
    state = call(upload_app, event("GET", path, viewer=viewer))
    assert state.body == {"post_id": made.body["post_id"], "state": "waiting", "reason": None}
    cancelled = call(upload_app, event("DELETE", path, viewer=viewer))
    assert (cancelled.status, cancelled.body["state"]) == (200, "cancelled")
    assert upload.status == "cancelled"
    assert call(upload_app, event("GET", path, viewer=viewer)).body["state"] == "cancelled"


@pytest.mark.usefixtures("uploads")
def test_a_time_is_utc_whatever_the_databases_time_zone(world: World) -> None:
    # Of every connection made from now on; the container has made none yet.
    name = world.admin.info.dbname
    world.admin.execute(f"ALTER DATABASE \"{name}\" SET timezone TO 'Asia/Kolkata'".encode())
    made = create(uuid4())
    told = made.body["expires_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", told)
    assert datetime.fromisoformat(told) == world.upload(UUID(made.body["post_id"]))["expires_at"]


@pytest.mark.usefixtures("uploads")
def test_what_failed_is_told_in_words(world: World) -> None:
    viewer = uuid4()
    post, upload = world.begin(viewer)
    world.process(upload, None)
    world.deliver_new()
    state = call(upload_app, event("GET", f"/v1/uploads/{post}", viewer=viewer))
    assert state.body["state"] == "failed"
    assert state.body["reason"] == "The file could not be read as a video."


@pytest.mark.usefixtures("uploads")
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_another_viewers_upload_is_not_there(world: World, method: str) -> None:
    post, upload = world.begin()
    for path in (f"/v1/uploads/{post}", f"/v1/uploads/{uuid4()}", "/v1/uploads/x"):
        answered = call(upload_app, event(method, path, viewer=uuid4()))
        assert answered.status == 404
        assert answered.headers["Content-Type"] == "application/problem+json"
    assert world.mux_state.upload(upload).status == "waiting"


@pytest.mark.usefixtures("uploads")
@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("written", ["{{{}}}", "urn:uuid:{}", "{}\n", " {}", "{}-", "no dashes"])
def test_an_id_is_written_in_one_way_only(world: World, method: str, written: str) -> None:
    viewer = uuid4()
    post, upload = world.begin(viewer)
    text = post.hex if written == "no dashes" else written.format(post)
    assert call(upload_app, event(method, f"/v1/uploads/{text}", viewer=viewer)).status == 404
    assert world.mux_state.upload(upload).status == "waiting"
    upper = f"/v1/uploads/{str(post).upper()}"
    assert call(upload_app, event(method, upper, viewer=viewer)).body["post_id"] == str(post)


@pytest.mark.usefixtures("uploads")
@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"size_bytes": 500 * MIB + 1}, 413, None),
        ({"size_bytes": 0}, 400, "size_bytes"),
        ({"size_bytes": -1}, 400, "size_bytes"),
        ({}, 400, "size_bytes"),
        ({"size_bytes": 1, "max_resolution_tier": "720p"}, 400, "max_resolution_tier"),
        ({"size_bytes": 1, "max_resolution_tier": "8k"}, 400, "max_resolution_tier"),
        ({"size_bytes": 1, "content": {"caption": "a\0b"}}, 400, "content.caption"),
        ({"size_bytes": 1, "content": {"caption": "x" * 10_000}}, 400, "content.caption"),
        ({"size_bytes": 1, "creator_id": str(uuid4())}, 400, "creator_id"),
        ({"size_bytes": 1, "user_id": str(uuid4())}, 403, None),
        ({"size_bytes": 0, "user_id": str(uuid4())}, 403, None),
        ({"size_bytes": 1, "user_id": "bob"}, 403, None),
        ("no json", 400, "body"),
        ("[]", 400, "body"),
    ],
)
def test_bad_input_makes_neither_post_nor_upload(
    world: World, body: object, status: int, field: str | None
) -> None:
    answered = create(uuid4(), body)
    assert answered.status == status
    assert answered.body["status"] == status
    if field:
        assert [e["field"] for e in answered.body["errors"]] == [field]
    assert world.rows("SELECT FROM posts") == []
    assert world.mux.calls == []


@pytest.mark.usefixtures("uploads")
def test_a_caption_is_kept_as_text(world: World) -> None:
    caption = "<b>'; DROP TABLE posts; --</b>\n\u202eRTL\u202c 👩‍👩‍👧"
    made = create(uuid4(), {"size_bytes": 1, "content": {"caption": caption}})
    row = world.post(UUID(made.body["post_id"]))
    assert row is not None
    assert row["caption"] == caption


@pytest.mark.usefixtures("uploads")
def test_too_many_open_uploads_are_told_when_to_try_again(world: World) -> None:
    viewer = uuid4()
    statuses = [create(viewer).status for _ in range(11)]
    assert statuses == [201] * 10 + [429]
    # A place is free when the first of them expires.
    world.admin.execute(
        "UPDATE uploads SET expires_at = now() + interval '100 seconds' WHERE post_id ="
        " (SELECT post_id FROM uploads LIMIT 1)"
    )
    assert 90 < int(create(viewer).headers["Retry-After"]) <= 100
    world.admin.execute("UPDATE uploads SET expires_at = now() WHERE expires_at < now() + '100 s'")
    assert create(viewer).status == 201


@pytest.mark.usefixtures("uploads")
def test_without_an_answer_of_mux_there_is_no_post(world: World) -> None:
    world.mux.faults = [Fault("create_upload", MuxUnknownOutcomeError)]
    answered = create(uuid4())
    assert answered.status == 503
    assert int(answered.headers["Retry-After"]) > 0
    assert world.rows("SELECT FROM posts") == []


@pytest.mark.usefixtures("uploads")
def test_the_same_key_gets_the_same_answer(world: World) -> None:
    viewer = uuid4()
    first = create(viewer, idempotency_key="k1")
    again = create(viewer, idempotency_key="k1")
    assert (again.status, again.body) == (201, first.body)
    assert create(viewer, idempotency_key="k2").body["post_id"] != first.body["post_id"]
    assert create(uuid4(), idempotency_key="k1").body["post_id"] != first.body["post_id"]
    other = {"size_bytes": 1001, "duration_ms": 20_000}
    assert create(viewer, other, idempotency_key="k1").status == 422
    assert create(viewer, idempotency_key="").status == 400
    assert len(world.mux_state.uploads) == 3


@pytest.mark.usefixtures("uploads")
def test_the_same_key_gets_the_same_bytes_whether_or_not_the_body_names_the_viewer() -> None:
    viewer = uuid4()
    asked = {"size_bytes": 1000, "content": {"caption": "Straße 👩‍👩‍👧"}}
    bodies = [asked, asked, asked | {"user_id": str(viewer)}]
    answers = [
        upload_app.lambda_handler(
            event("POST", "/v1/uploads", body, viewer, idempotency_key="k"),
            Context(str(uuid4())),  # type: ignore[arg-type]  # as much of it as is read
        )
        for body in bodies
    ]
    assert [answer["statusCode"] for answer in answers] == [201] * 3
    assert len({answer["body"] for answer in answers}) == 1
    assert next(iter(json.loads(answers[0]["body"]))) == "post_id"


@pytest.mark.usefixtures("uploads")
def test_a_key_whose_request_failed_is_free_again(world: World) -> None:
    viewer = uuid4()
    world.mux.faults = [Fault("create_upload", MuxUnknownOutcomeError)]
    assert create(viewer, idempotency_key="k").status == 503
    assert create(viewer, idempotency_key="k").status == 201


def test_a_key_is_refused_while_its_request_is_under_way(
    world: World, uploads: upload_container.Container
) -> None:
    viewer = uuid4()
    inner = world.mux.create_upload
    seen: list[int] = []

    def slow(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # passes on whatever comes
        with ThreadPoolExecutor(1) as pool:
            seen.append(pool.submit(during).result())
        return inner(*args, **kwargs)

    def during() -> int:
        # In a thread of its own, past the resolver, which holds one event at a time.
        request = UploadRequest.model_validate({"size_bytes": 1000})
        try:
            uploads.uploads.create(viewer, request, key=idempotency_key("k", request))
        except InProgressError as error:
            return int(error.status)
        finally:
            uploads.uploads.store.database.close()  # type: ignore[attr-defined]
        return 0

    world.mux.create_upload = slow  # type: ignore[method-assign]
    assert create(viewer, {"size_bytes": 1000}, idempotency_key="k").status == 201
    assert seen == [409]


@pytest.mark.usefixtures("uploads")
def test_a_key_whose_request_broke_off_goes_on_with_the_same_post(world: World) -> None:
    viewer = uuid4()
    world.mux.faults = [Fault("create_upload", KeyboardInterrupt, done=True)]  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        create(viewer, idempotency_key="k")
    assert create(viewer, idempotency_key="k").status == 409
    world.admin.execute("UPDATE uploads SET making_until = now()")
    made = create(viewer, idempotency_key="k")
    assert made.status == 201
    assert create(viewer, idempotency_key="k").body == made.body
    assert [str(row["id"]) for row in world.rows("SELECT id FROM posts")] == [made.body["post_id"]]
    assert list(world.mux_state.uploads) == [made.body["upload_id"]]


@pytest.mark.usefixtures("webhooks")
@pytest.mark.parametrize("as_base64", [True, False])
def test_a_signed_event_is_taken_in_once(world: World, *, as_base64: bool) -> None:
    post, upload = world.begin()
    world.process(upload, VIDEO)
    for _ in range(2):
        for one in world.mux_state.events:
            answered = send(json.dumps(one).encode(), as_base64=as_base64)
            assert (answered.status, answered.body) == (200, {"status": "received"})
    assert world.state(post)[0] == "ready"
    assert world.post(post)["mux_hls_url"].startswith(f"{STREAM}/")  # type: ignore[index]
    assert len(world.rows("SELECT FROM mux_events")) == 4


@pytest.mark.usefixtures("webhooks")
@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "missing"),
        ("t=1", "malformed"),
        ("t=1,v1=00", "malformed"),
        ("v1=" + "0" * 64, "malformed"),
        ("t=1,v1=" + "0" * 64, "outdated"),
        ("t={now},v1=" + "0" * 64, "mismatch"),
        ("unreadable", "unreadable_body"),
    ],
)
def test_what_mux_did_not_sign_is_refused_with_the_reason_in_log_and_metric(
    world: World,
    header: str,
    reason: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    world.begin()
    body = json.dumps(world.mux_state.events[0])
    signed = header.format(now=int(time.time()))
    given = event("POST", "/v1/webhooks/mux", body, mux_signature=signed)
    answered = call(webhook_app, given | {"isBase64Encoded": reason == "unreadable_body"})
    assert answered.status == 401
    assert reason not in json.dumps(answered.body)
    noted = [vars(line) for line in caplog.records if line.message == "webhook refused"]
    assert [line["reason"] for line in noted] == [reason]
    lines = capsys.readouterr().out.splitlines()
    (metrics,) = [json.loads(line) for line in lines if "WebhookRefused" in line]
    assert metrics["WebhookRefused"] == [1.0]
    assert metrics[f"WebhookRefused{reason.title().replace('_', '')}"] == [1.0]
    assert world.rows("SELECT FROM mux_events") == []


@pytest.mark.usefixtures("webhooks")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not json", 400),
        (b"[1]", 400),
        (b"{}", 200),
        (b'{"type":null,"data":null,"id":null}', 200),
        (b'{"type":"video.asset.ready","data":{"duration":1e999,"id":"a"}}', 200),
        (b'{"type":"video.asset.ready","data":{"duration":' + b"1" * 5_000 + b',"id":"a"}}', 200),
        (b'{"type":"video.asset.ready","data":{"id":"a","passthrough":"\\u0000"}}', 200),
        (b'{"type":"video.live_stream.active","data":{}}', 200),
        (b'{"type":"x","data":"' + b"x" * 1_000_000 + b'"}', 200),
    ],
)
def test_signed_nonsense_gets_a_decent_answer(body: bytes, status: int) -> None:
    assert send(body).status == status


@pytest.mark.usefixtures("webhooks")
def test_without_postgres_mux_is_to_send_again(
    world: World, webhooks: webhook_container.Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.begin()
    gone = Postgres("postgresql://nobody@127.0.0.1:1/none")
    broken = replace(webhooks, store=replace(webhooks.store, database=gone))
    monkeypatch.setattr(webhook_app, "container", lambda: broken)
    answered = send(json.dumps(world.mux_state.events[0]).encode())
    assert answered.status == 503
    assert "127.0.0.1" not in json.dumps(answered.body)


@pytest.mark.usefixtures("webhooks")
def test_a_trim_that_does_not_fit_into_the_webhooks_time_is_left_to_the_sweep(
    world: World, webhooks: webhook_container.Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurried = replace(webhooks, config=webhooks.config.model_copy(update={"webhook_budget_ms": 0}))
    monkeypatch.setattr(webhook_app, "container", lambda: hurried)
    post, upload = world.begin()
    world.process(upload, LONG)
    for one in world.mux_state.events:
        assert send(json.dumps(one).encode()).status == 200
    assert world.state(post)[0] == "trimming"
    assert world.clips(post) == 0
    assert world.upload(post)["trim_claim"] is None


@pytest.mark.usefixtures("webhooks")
@pytest.mark.parametrize("source", ["aws.events", "aws.scheduler"])
def test_a_schedules_event_sweeps(
    world: World, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    post, upload = world.begin()
    world.process(upload, VIDEO)
    given = {"source": source, "detail-type": "Scheduled Event", "detail": {}}
    context: Any = Context(str(uuid4()))
    result = webhook_app.lambda_handler(given, context)
    assert result == {
        "held_off": False,
        "checked": 1,
        "orphans": 0,
        "published": 0,
        "errors": 0,
    }
    assert world.state(post)[0] == "ready"
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [m["UploadReady"] for m in metrics if "UploadReady" in m] == [[1.0]]
    assert [m["SweepChecked"] for m in metrics if "SweepLatency" in m] == [[1.0]]


@pytest.mark.usefixtures("webhooks")
def test_a_failed_trim_is_counted(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    _, upload = world.begin()
    world.process(upload, LONG)
    for one in world.mux_state.events:
        send(json.dumps(one).encode())
    since = len(world.mux_state.events)
    world.finish_clips(None)
    capsys.readouterr()
    for one in world.mux_state.events[since:]:
        send(json.dumps(one).encode())
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [m["TrimFailed"] for m in metrics if "TrimFailed" in m] == [[1.0]]
    assert all(m["WebhookLag"][0] >= 0 for m in metrics if "TrimFailed" in m)


@pytest.mark.parametrize(
    ("allowed", "origin", "given"),
    [
        ("*", "https://app.example", "*"),
        ("https://app.example,https://www.example", "https://www.example", "https://www.example"),
        ("https://app.example,https://www.example", "https://evil.example", "https://app.example"),
        ("https://app.example,https://www.example", None, "https://app.example"),
    ],
)
def test_mux_is_given_the_pages_own_origin_where_it_is_listed(
    world: World,
    uploads: upload_container.Container,
    monkeypatch: pytest.MonkeyPatch,
    allowed: str,
    origin: str | None,
    given: str,
) -> None:
    settings = uploads.uploads.settings.model_copy(
        update={"upload_cors_origin": tuple(allowed.split(","))}
    )
    own = replace(uploads, uploads=replace(uploads.uploads, settings=settings))
    monkeypatch.setattr(upload_app, "container", lambda: own)
    headers = {"origin": origin} if origin else {}
    made = create(uuid4(), **headers)
    assert world.mux_state.uploads[made.body["upload_id"]].cors_origin == given


def test_a_burst_waits_for_turns_and_is_served_in_its_order(
    world: World, uploads: upload_container.Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    # One turn in five seconds, and two turns' wait at most.
    pace = {"mux_post_per_s": 0.2, "mux_wait_ms": 10_000}
    settings = uploads.uploads.settings.model_copy(update=pace)
    own = replace(uploads, uploads=replace(uploads.uploads, settings=settings, sleep=waits.append))
    monkeypatch.setattr(upload_app, "container", lambda: own)
    # Nobody really sleeps, so that all of these come before the second turn.
    statuses = [create(uuid4()).status for _ in range(5)]
    assert statuses == [201] * 3 + [503] * 2
    assert len(waits) == 2
    assert 0 < waits[0] < waits[1] <= 10
    assert len(world.rows("SELECT FROM posts")) == 3


def test_a_busy_mux_is_asked_again_in_the_same_request(
    world: World, uploads: upload_container.Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    own = replace(uploads, uploads=replace(uploads.uploads, sleep=waits.append))
    monkeypatch.setattr(upload_app, "container", lambda: own)
    world.mux.faults = [Fault("create_upload", MuxBusyError), Fault("create_upload", MuxBusyError)]
    assert create(uuid4()).status == 201
    assert len(waits) >= 2
    assert len(world.mux_state.uploads) == 1
