"""Export, reset, erasure: complete, in Postgres and in the session cache."""

from __future__ import annotations

import json
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest

from functions.feed_ranker import viewer_data
from shared.errors import CacheUnavailableError, NotFoundError
from tests.integration.feed.harness import Harness, Viewer, check_page, ids
from tests.integration.feed.lives import asks, items_naming, lives, publishes, rows_naming, watches

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.conftest import Database

LAMBDA_ANSWER_BYTES = 6 * 1024 * 1024


def count(feed: Harness, statement: str, *params: object) -> int:
    row = feed.admin.execute(statement, params).fetchone()
    return int(row[0]) if row else -1


def erase(viewer: Viewer) -> dict[str, Any]:
    return viewer.harness.container.viewer_data.erase(viewer.id)


def reset(viewer: Viewer) -> dict[str, Any]:
    return viewer.harness.container.viewer_data.reset(viewer.id)


def export(viewer: Viewer) -> dict[str, Any]:
    return viewer.harness.container.viewer_data.export(viewer.id, viewer.harness.now)


def test_after_the_erasure_no_table_and_no_item_holds_the_viewers_id(
    feed: Harness, dynamodb: DynamoDBClient
) -> None:
    viewer, others = feed.viewer(), [feed.viewer() for _ in range(3)]
    lives(feed, viewer, others)
    before = rows_naming(feed, viewer.id)
    known = {
        name for name, *_ in feed.admin.execute("SELECT name FROM vroom_private.viewer_tables()")
    }
    assert known | {"engagement_queue"} == before.keys(), "the viewer has left every trace there is"
    assert items_naming(dynamodb, feed.table, viewer.id)
    posts = export(viewer)["tables"]["posts"]["rows"]

    done = erase(viewer)

    assert done["complete"]
    assert done["erased"]["posts"] == 3
    assert done["erased"]["followers"] == 3
    assert rows_naming(feed, viewer.id) == {}
    # Copies of posts in others' session caches are out of reach; they expire within a day.
    left = items_naming(dynamodb, feed.table, viewer.id)
    assert {key.split("#")[1] for key in left} <= {str(other.id) for other in others}
    assert (
        count(feed, "SELECT count(*) FROM uploads WHERE cancelled AND next_check_at IS NOT NULL")
        == 3
    )
    assert count(feed, "SELECT count(*) FROM mux_assets WHERE unwanted") == 2, "for the sweep"
    for post in posts:
        assert count(feed, "SELECT count(*) FROM post_reviews WHERE post_id = %s", post["id"]) == 0
    theirs = {post["id"] for post in posts}
    for other in others:
        assert not theirs & set(ids(other.next()))
    assert erase(viewer) == {"erased": {}, "complete": True}


def test_every_time_of_an_export_is_utc_whatever_the_databases_time_zone(
    feed: Harness,
) -> None:
    # Of every connection made from now on; the containers have made none yet.
    feed.execute(f"ALTER DATABASE \"{feed.admin.info.dbname}\" SET timezone TO 'Asia/Kolkata'")
    viewer = feed.viewer()
    lives(feed, viewer, [feed.viewer(), feed.viewer()])
    exported = export(viewer)
    (taken, *_) = [row["taken"] for row in exported["tables"]["feedback"]["rows"] if row["taken"]]
    assert "at" in taken
    zones = re.findall(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?([^\"]*)", json.dumps(exported))
    assert set(zones) <= {"Z", "+00:00"}
    assert exported["exported_at"].endswith("Z")


def test_an_erased_viewer_starts_as_a_stranger(feed: Harness) -> None:
    feed.add_posts(30)
    viewer = feed.viewer()
    first = viewer.next()
    viewer.records(first)
    asks(viewer, "hide_creator", post_id=first["posts"][0]["post_id"])
    erase(viewer)
    viewer.restart()
    check_page(viewer.next(30), 30, 30)


def test_every_table_that_can_name_a_viewer_is_known_to_the_erasure(feed: Harness) -> None:
    rows = feed.admin.execute(
        "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
        " AND a.attname IN ('user_id', 'viewer_id', 'follower_id', 'creator_id', 'owner_id')"
    ).fetchall()
    known = set(
        feed.admin.execute("SELECT name, key FROM vroom_private.viewer_tables()").fetchall()
    )
    as_creator = {"follows", "feedback", "viewer_creator_affinity", "engagement_queue"}
    assert set(rows) == known | {(table, "creator_id") for table in as_creator}


def test_a_reset_forgets_the_history_and_nothing_else(
    feed: Harness, dynamodb: DynamoDBClient
) -> None:
    viewer, others = feed.viewer(), [feed.viewer() for _ in range(3)]
    lives(feed, viewer, others)
    before = rows_naming(feed, viewer.id)
    seen = {post for page in viewer.pages for post in ids(page)}
    done = reset(viewer)
    assert done["complete"]
    after = rows_naming(feed, viewer.id)
    assert after == {
        name: before[name]
        for name in (
            *("creator_quality", "posts", "post_stats", "uploads", "follows", "feedback"),
            "engagement_queue",
        )
    } | {"viewer_creator_affinity": 3}, "that of others for this creator"
    left = [k for k in items_naming(dynamodb, feed.table, viewer.id) if str(viewer.id) in k]
    assert left == [f"feed#{viewer.id}"], "that there is feedback, which stays"
    viewer.restart()
    pages = list(viewer.scroll(8))
    assert seen & {post for page in pages for post in ids(page)}, "as if never seen"
    assert str(UUID(int=10_003)) not in {p["creator_id"] for page in pages for p in page["posts"]}


def test_after_a_reset_an_undo_gives_nothing_back(feed: Harness) -> None:
    feed.add_posts(1)
    viewer = feed.viewer()
    post = viewer.next()["posts"][0]["post_id"]
    asks(viewer, "not_interested", post_id=post)
    reset(viewer)
    watches(viewer, post)
    values = "SELECT round(sum(value)::numeric * 1000) FROM viewer_creator_affinity"
    before = count(feed, values)
    asks(viewer, "not_interested", post_id=post, undo=True)
    assert before == count(feed, values) > 0


@pytest.mark.parametrize("everything", [False, True])
def test_a_long_history_goes_in_steps_and_a_repeated_call_finishes(
    feed: Harness, monkeypatch: pytest.MonkeyPatch, *, everything: bool
) -> None:
    posts = feed.add_posts(3_000)
    viewer = feed.viewer()
    for days in range(4):
        feed.sees(viewer.id, posts, ago=timedelta(days=days, hours=1))
    viewer.next()
    monkeypatch.setattr(viewer_data, "_TIME_S", 0)  # one step a call
    monkeypatch.setattr(viewer_data, "_ROWS", 2_000)
    go = erase if everything else reset
    steps = [go(viewer)]
    while not steps[-1]["complete"]:
        steps.append(go(viewer))
    assert len(steps) > 1
    totals = [step["erased"].get("user_post_impressions", 0) for step in steps]
    assert sum(totals) == 12_000
    assert rows_naming(feed, viewer.id) == {}


def test_100_000_impressions_are_gone_within_one_call(feed: Harness) -> None:
    posts = feed.add_posts(5_000)
    viewer = feed.viewer()
    for days in range(20):
        feed.sees(viewer.id, posts, ago=timedelta(days=days, hours=1))
    answers = [reset(viewer), reset(viewer)]
    assert answers[0]["erased"]["user_post_impressions"] == 100_000
    assert answers[0]["complete"]


def test_erasing_while_the_viewer_goes_on_ends_in_no_error_and_leaves_only_what_came_later(
    feed: Harness, database: Database
) -> None:
    feed.add_posts(300)
    viewer, other = feed.viewer(), feed.viewer()
    own = publishes(viewer)

    def goes_on(session: Viewer) -> None:
        try:
            for _ in range(15):
                page = session.next()
                session.records(page)
                watches(session, page["posts"][0]["post_id"])
                asks(session, "not_interested", post_id=page["posts"][1]["post_id"])
        finally:
            feed.container.database.close()

    def meddles() -> None:
        try:
            for _ in range(10):
                with suppress(NotFoundError):  # post and creator go meanwhile
                    asks(other, "report", post_id=own[0])
                    asks(other, "hide_creator", creator_id=viewer.id)
                with psycopg.connect(database.admin_url, autocommit=True) as connection:
                    connection.execute("SELECT roll_up(100)")
        finally:
            feed.container.database.close()

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(goes_on, Viewer(feed, viewer.id)) for _ in range(2)]
        running.append(pool.submit(meddles))
        while not all(run.done() for run in running):
            erase(viewer)
        for run in running:
            run.result()
    assert erase(viewer)["complete"]
    assert rows_naming(feed, viewer.id) == {}


def test_without_the_session_cache_nothing_is_erased_that_it_would_be_found_by(
    feed: Harness,
) -> None:
    feed.add_posts(30)
    viewer = feed.viewer()
    viewer.next()
    alone = feed.new_container(DYNAMODB_ENDPOINT_URL="http://127.0.0.1:9", CACHE_BUDGET_MS="50")
    with pytest.raises(CacheUnavailableError):
        alone.viewer_data.erase(viewer.id)
    assert rows_naming(feed, viewer.id)
    assert erase(viewer)["erased"]["session_cache"] == 1


def test_an_export_holds_every_row_of_the_viewer_and_nobody_elses(
    feed: Harness,
) -> None:
    viewer, others = feed.viewer(), [feed.viewer() for _ in range(3)]
    lives(feed, viewer, others)
    found = export(viewer)
    assert found["user_id"] == str(viewer.id)
    tables = found["tables"]
    for name, key in feed.admin.execute("SELECT name, key FROM vroom_private.viewer_tables()"):
        total = count(feed, f"SELECT count(*) FROM {name} WHERE {key} = %s", viewer.id)  # noqa: S608
        assert total > 0, name
        assert (len(tables[name]["rows"]), tables[name]["total"]) == (total, total), name
        assert tables[name]["truncated"] is False
    assert {post["caption"] for post in tables["posts"]["rows"]} == {"Ünlü 🎬"}
    (impression, *_) = tables["user_post_impressions"]["rows"]
    assert impression["seen_at"].endswith("+00:00")
    cached = tables["session_cache"]
    assert [row["page_no"] for row in cached["rows"]] == [0]
    assert cached["rows"][0]["queued_posts"]
    text = json.dumps(found)
    for other in others:
        assert str(other.id) not in text


def test_an_export_is_cut_off_at_the_oldest_and_says_so(
    feed: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer_data, "_ROWS_BYTES", 60_000)
    posts = feed.add_posts(1_000)
    viewer = feed.viewer()
    feed.sees(viewer.id, posts)
    feed.execute("UPDATE user_post_impressions SET created_at = seen_at")
    viewer.next()
    tables = export(viewer)["tables"]
    cut = tables["user_post_impressions"]
    assert cut["truncated"]
    assert cut["total"] == 1_000
    shown = [row["post_id"] for row in cut["rows"]]
    assert 10 < len(shown) < 1_000
    assert shown == [str(post) for post in reversed(posts[-len(shown) :])], "the newest first"
    assert not tables["feed_pages"]["truncated"]
    assert wire_bytes(tables) < 70_000 + wire_bytes(tables["session_cache"])


def test_an_export_fits_into_an_answer_whatever_the_viewer_has_written(feed: Harness) -> None:
    viewer = feed.viewer()
    awkward = '"\\\n🎬é' * 300
    feed.execute(
        "INSERT INTO posts (creator_id, caption) SELECT %s, %s FROM generate_series(1, 5000)",
        viewer.id,
        awkward,
    )
    posts = feed.add_posts(20_000)
    feed.sees(viewer.id, posts)
    feed.execute(
        "UPDATE user_post_impressions SET source = %s WHERE user_id = %s", awkward, viewer.id
    )
    found = export(viewer)
    assert found["tables"]["user_post_impressions"]["truncated"]
    assert found["tables"]["posts"]["truncated"]
    assert wire_bytes(found) < LAMBDA_ANSWER_BYTES


def wire_bytes(body: object) -> int:
    """What an answer takes: a string of JSON within JSON, everything beyond ASCII escaped."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return len(json.dumps({"body": text}).encode())


def test_an_export_of_a_stranger_is_empty(feed: Harness) -> None:
    tables = export(Viewer(feed, uuid.uuid4()))["tables"]
    assert all(t == {"rows": [], "total": 0, "truncated": False} for t in tables.values())
