"""Who may do what with uploads, and that no state but ready is ever shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.integration.uploads.harness import LONG, VIDEO, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Database

TABLES = ("uploads", "mux_assets", "mux_events", "mux_sweep")


def waiting(world: World) -> UUID:
    return world.begin()[0]


def processing(world: World) -> UUID:
    post, upload = world.begin()
    world.mux_state.complete_upload(upload)
    world.deliver_new()
    return post


def trimming(world: World) -> UUID:
    post, upload = world.begin()
    world.process(upload, LONG)
    world.deliver_new()
    return post


def failed(world: World) -> UUID:
    post, upload = world.begin()
    world.process(upload, None)
    world.deliver_new()
    return post


def failed_trim(world: World) -> UUID:
    post = trimming(world)
    world.finish_clips(None)
    world.deliver_new()
    return post


def taken_down(world: World) -> UUID:
    post, upload = world.begin()
    world.mux_state.delete_asset(world.process(upload, VIDEO))
    world.deliver_new()
    return post


def expired(world: World) -> UUID:
    post, upload = world.begin()
    world.mux_state.expire_upload(upload)
    world.make_due()
    world.sweep()
    return post


def cancelled(world: World) -> UUID:
    viewer = uuid4()
    post, upload = world.begin(viewer)
    world.process(upload, VIDEO)
    world.deliver_new()
    world.uploads.cancel(viewer, post)
    return post


def ready(world: World) -> UUID:
    post, upload = world.begin()
    world.process(upload, VIDEO)
    world.deliver_new()
    return post


@pytest.fixture
def app(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.app_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def webhook(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.webhook_url, autocommit=True) as connection:
        yield connection


def shown_to(app: psycopg.Connection[Any], viewer: UUID, post: UUID) -> dict[str, bool]:
    """By each way in which a viewer could be shown a post: whether they are."""
    app.execute("SELECT set_config('request.jwt.claims', %s, false)", [_claims(viewer)])
    request = {
        "request_id": str(uuid4()),
        "page_size": 1,
        "elapsed_ms": 1,
        "cache_hit": False,
        "stale_cursor": False,
        "variant": "control",
    }
    commit = app.execute(
        "SELECT status FROM commit_page(%s, %s, 0, 0, %s, '[]', '{}', '{}', %s)",
        [viewer, uuid4(), [post], json.dumps(request)],
    ).fetchone()
    by_id = "WHERE post_id = %(post)s"
    queries = {
        "table": "SELECT FROM posts WHERE id = %(post)s",
        "candidates": f"SELECT FROM feed_candidates(%(viewer)s, NULL, 200, 12) {by_id}",
        "function": f"SELECT FROM get_personalized_feed(%(viewer)s, 12, NULL) {by_id}",
    }
    params = {"viewer": viewer, "post": post}
    found = {
        way: app.execute(query.encode(), params).fetchone() is not None
        for way, query in queries.items()
    }
    return found | {"page": commit is not None and commit[0] == "committed"}


def _claims(viewer: UUID) -> str:
    return json.dumps({"sub": str(viewer), "role": "authenticated"})


@pytest.mark.parametrize(
    ("reach", "state"),
    [
        (waiting, "waiting"),
        (processing, "processing"),
        (trimming, "trimming"),
        (failed, "failed"),
        (failed_trim, "failed"),
        (taken_down, "failed"),
        (expired, "expired"),
        (cancelled, "cancelled"),
        (ready, "ready"),
    ],
)
def test_only_a_ready_post_is_shown(
    world: World, app: psycopg.Connection[Any], reach: Callable[[World], UUID], state: str
) -> None:
    post = reach(world)
    assert world.state(post)[0] == state
    assert set(shown_to(app, uuid4(), post).values()) == {state == "ready"}
    row = world.post(post)
    if row is not None and state != "ready":
        assert (row["mux_ready"], row["mux_playback_id"], row["mux_hls_url"]) == (False, None, None)


def test_viewers_read_their_own_uploads_and_nobody_elses(
    world: World, app: psycopg.Connection[Any]
) -> None:
    viewer = uuid4()
    world.begin(viewer)
    world.begin()
    for claims, rows in ((_claims(viewer), 1), (_claims(uuid4()), 0), ("", 0)):
        app.execute("SELECT set_config('request.jwt.claims', %s, false)", [claims])
        assert len(app.execute("SELECT post_id FROM uploads").fetchall()) == rows


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement", ["INSERT INTO {} DEFAULT VALUES", "DELETE FROM {}", "SELECT * FROM {}"]
)
def test_no_role_touches_the_tables_but_by_functions(
    app: psycopg.Connection[Any], webhook: psycopg.Connection[Any], table: str, statement: str
) -> None:
    for connection in (app, webhook):
        if (table, statement[:6], connection) == ("uploads", "SELECT", app):
            continue
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.format(table).encode())


@pytest.mark.parametrize(
    "query",
    [
        "SELECT receive_mux_facts('e', 't', '{}', '', false)",
        "SELECT claim_trim(gen_random_uuid(), 'a', gen_random_uuid(), NULL)",
        "SELECT release_trim(gen_random_uuid(), gen_random_uuid(), NULL, false)",
        "SELECT claim_upload_checks(1, 60)",
        "SELECT claim_playback_checks(1, 60)",
        "SELECT compare_mux_assets('[]', 60)",
        "SELECT begin_mux_sweep(gen_random_uuid(), 1, 'https://evil.example')",
        "SELECT renew_stream_addresses(gen_random_uuid(), 1)",
        "SELECT end_mux_sweep(gen_random_uuid(), 1)",
        "SELECT vroom_private.settle_upload(gen_random_uuid(), '')",
        "UPDATE posts SET mux_ready = true",
    ],
)
def test_the_feeds_role_cannot_do_what_is_the_webhooks(
    app: psycopg.Connection[Any], query: str
) -> None:
    app.execute("SELECT set_config('request.jwt.claims', %s, false)", [_claims(uuid4())])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute(query.encode())


CREATING = (
    "SELECT begin_upload(%(viewer)s, gen_random_uuid(), '', '{}', 1, 1, '1080p', 1, 60, 1)",
    "SELECT confirm_upload(%(viewer)s, gen_random_uuid(), 'u')",
    "SELECT pause_upload(%(viewer)s, gen_random_uuid())",
    "SELECT abandon_upload(%(viewer)s, gen_random_uuid(), true)",
    "SELECT upload_state(%(viewer)s, gen_random_uuid())",
    "SELECT cancel_upload(%(viewer)s, gen_random_uuid())",
)


@pytest.mark.parametrize("query", CREATING)
def test_nobody_acts_for_another_viewer_or_without_claims(
    app: psycopg.Connection[Any], webhook: psycopg.Connection[Any], query: str
) -> None:
    params = {"viewer": uuid4()}
    for connection, claims in ((app, _claims(uuid4())), (app, ""), (webhook, _claims(uuid4()))):
        connection.execute("SELECT set_config('request.jwt.claims', %s, false)", [claims])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(query.encode(), params)


@pytest.mark.parametrize("statement", ["SELECT * FROM posts", "UPDATE posts SET mux_ready = true"])
def test_the_webhooks_role_touches_posts_by_its_functions_alone(
    webhook: psycopg.Connection[Any], statement: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        webhook.execute(statement.encode())
