"""Each function's role allows exactly the calls that its code makes.

The handlers run with the environment that the template gives them, secrets by ARN included, on
every route and schedule; what they call is compared with their roles.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
from aws_lambda_powertools.utilities.parameters import clear_caches
from aws_lambda_powertools.utilities.parameters.constants import DEFAULT_PROVIDERS
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from functions.create_upload import app as upload_app
from functions.feed_ranker import app as feed_app
from functions.mux_webhook import app as webhook_app
from functions.mux_webhook import signature
from local.gateway.schedules import scheduled_event
from local.gateway.template import load_template
from local.paths import TEMPLATE
from local.services.dynamodb import DynamoDbServer
from shared.mux import MuxUnknownOutcomeError
from tests.integration.deploy.checks.account import Account, Context
from tests.integration.uploads.harness import LONG, SECRET, Fault, World

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.aws_calls import AwsCalls
    from tests.conftest import Database


SIGNING_KEY = (
    rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    .private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    .decode()
)


@pytest.fixture(scope="session")
def secrets_endpoint(scratch: Path) -> Iterator[str]:
    """A Secrets Manager: moto's server answers for every service."""
    server = DynamoDbServer(scratch / "secrets.log")
    try:
        server.wait_ready()
        yield server.url
    finally:
        server.close()


@pytest.fixture
def account(
    database: Database,
    dynamodb_endpoint: str,
    secrets_endpoint: str,
    session_table: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Account]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets_endpoint)
    forget_secrets()
    manager = boto3.client("secretsmanager")
    values = {
        "DatabaseUrlSecretArn": database.app_url,
        "UploadsDatabaseUrlSecretArn": database.app_url,
        "WebhookDatabaseUrlSecretArn": database.webhook_url,
        "CursorSecretArn": "a-secret-of-the-tests",
        "MuxTokenIdSecretArn": "id",
        "MuxTokenSecretArn": "secret",
        "MuxWebhookSecretArn": SECRET,
        "MuxSigningKeySecretArn": SIGNING_KEY,
        "LogIdSaltSecretArn": "salt",
    }
    arns = {
        name: manager.create_secret(Name=f"{name}-{uuid4().hex}", SecretString=value)["ARN"]
        for name, value in values.items()
    }
    manager.close()
    references = {**arns, "SessionTable": session_table}
    yield Account(
        load_template(TEMPLATE, references), {value: name for name, value in references.items()}
    )
    forget_secrets()


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    made = World(database)
    yield made
    made.close()


def forget_secrets() -> None:
    """Begin as a new container does: Powertools keeps secrets, and the client that reads them."""
    for provider in DEFAULT_PROVIDERS.values():
        provider.client.close()
    clear_caches()  # type: ignore[no-untyped-call]  # Powertools'


def in_environment(environment: Mapping[str, str], patch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        patch.setenv(name, value)


def seen_now(post_id: str) -> dict[str, Any]:
    return {
        "event_id": str(uuid4()),
        "post_id": post_id,
        "source": "fresh",
        "position": 0,
        "visible_ms": 900,
        "seen_at": datetime.now(UTC).isoformat(),
    }


def test_feed_ranker_may_do_exactly_what_it_does(
    account: Account, world: World, aws_calls: AwsCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws_calls.made.clear()
    in_environment(account.environment("FeedRankerFunction"), monkeypatch)
    feed_app.container.cache_clear()
    world.admin.execute(
        "INSERT INTO posts (id, creator_id, mux_ready, mux_playback_id, mux_duration_ms)"
        " SELECT gen_random_uuid(), gen_random_uuid(), true, 'p' || i, 30000"
        " FROM generate_series(1, 60) AS i"
    )
    page = account.call(feed_app, "GET", "/v1/feed")
    session, first = page["session_id"], page["posts"][0]["post_id"]
    assert account.call(feed_app, "GET", f"/v1/feed?session_id={session}")["cache"] == "hit"
    cursor = page["next_cursor"]
    for _ in range(2):
        page = account.call(feed_app, "GET", f"/v1/feed?cursor={cursor}")
        cursor = page["next_cursor"]
    # As if the last page had been asked for a minute ago: what is seen of it ranks the next queue.
    world.admin.execute(
        "UPDATE feed_pages SET entries = jsonb_set(jsonb_set(entries,"
        " '{pace,0}', to_jsonb(extract(epoch FROM now())::integer - 60)),"
        " '{pace,4}', to_jsonb(extract(epoch FROM now())::integer))"
    )
    seen = [first, *(post["post_id"] for post in page["posts"][:9])]
    body: dict[str, Any] = {"session_id": session, "impressions": [seen_now(p) for p in seen]}
    assert account.call(feed_app, "POST", "/v1/impressions", body)["accepted"] == 10
    watch = {"event_id": str(uuid4()), "post_id": first, "play_ms": 900, "duration_ms": 30_000}
    account.call(feed_app, "POST", "/v1/watch-progress", {"events": [watch]})
    account.call(feed_app, "POST", "/v1/feedback", {"action": "report", "post_id": first})
    account.call(feed_app, "GET", "/v1/me/data")
    feed_app.lambda_handler(scheduled_event(datetime.now(UTC)), Context())  # type: ignore[arg-type]
    account.call(feed_app, "DELETE", "/v1/me/history")
    account.call(feed_app, "POST", "/v1/sessions", {})
    account.call(feed_app, "GET", "/v1/feed")
    account.call(feed_app, "DELETE", "/v1/me")
    feed_app.container().database.close()
    feed_app.container.cache_clear()

    assert account.routes == account.routes_of("FeedRankerFunction")
    made = account.made(aws_calls.made, "FeedRankerFunction")
    assert made == account.allowed("FeedRankerFunction")


def test_create_upload_may_do_exactly_what_it_does(
    account: Account, world: World, aws_calls: AwsCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws_calls.made.clear()
    in_environment(account.environment("CreateUploadFunction"), monkeypatch)
    upload_app.container.cache_clear()
    built = upload_app.container()
    parts = replace(built, uploads=replace(built.uploads, mux=world.mux))
    monkeypatch.setattr(upload_app, "container", lambda: parts)
    asked = {"size_bytes": 1000}
    world.mux.faults = [Fault("create_upload", MuxUnknownOutcomeError)]
    for _ in range(3):  # it fails, it is done, its answer is remembered
        made = account.call(upload_app, "POST", "/v1/uploads", asked, idempotency_key="k")
    account.call(upload_app, "POST", "/v1/uploads", asked)
    account.call(upload_app, "GET", f"/v1/uploads/{made['post_id']}")
    account.call(upload_app, "DELETE", f"/v1/uploads/{made['post_id']}")
    built.uploads.store.database.close()  # type: ignore[attr-defined]

    assert account.routes == account.routes_of("CreateUploadFunction")
    used = account.made(aws_calls.made, "CreateUploadFunction")
    assert used == account.allowed("CreateUploadFunction")


def test_mux_webhook_may_do_exactly_what_it_does(
    account: Account, world: World, aws_calls: AwsCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws_calls.made.clear()
    in_environment(account.environment("MuxWebhookFunction"), monkeypatch)
    webhook_app.container.cache_clear()
    built = webhook_app.container()
    monkeypatch.setattr(webhook_app, "container", lambda: replace(built, mux=world.mux))
    _, upload = world.begin()
    world.process(upload, LONG)
    for event in world.mux_state.events:
        body = json.dumps(event).encode()
        signed = signature.sign(SECRET, body, int(time.time()))
        account.call(webhook_app, "POST", "/v1/webhooks/mux", body, mux_signature=signed)
    webhook_app.lambda_handler(scheduled_event(datetime.now(UTC)), Context())  # type: ignore[arg-type]
    built.store.database.close()  # type: ignore[attr-defined]

    assert account.routes == account.routes_of("MuxWebhookFunction")
    used = account.made(aws_calls.made, "MuxWebhookFunction")
    assert used == account.allowed("MuxWebhookFunction")
