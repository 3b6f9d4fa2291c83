"""Why these posts: what is printed, against what was served."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from ops import why
from ops.why import NothingStoredError, Story, story

if TYPE_CHECKING:
    from tests.integration.feed.harness import Harness


def read(feed: Harness, page: dict[str, Any]) -> Story:
    with psycopg.connect(feed.admin.info.dsn, password=feed.admin.info.password) as connection:
        connection.row_factory = dict_row  # type: ignore[assignment]  # rows by name
        return story(connection, UUID(page["request_id"]))  # type: ignore[arg-type]  # likewise


def url(feed: Harness) -> str:
    return psycopg.conninfo.make_conninfo(feed.admin.info.dsn, password=feed.admin.info.password)


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401  # a function
    # A line that wraps would cut what is searched for. Twelve draws alone take over 300 columns.
    monkeypatch.setenv("COLUMNS", "2000")

    def run(feed: Harness, page: dict[str, Any]) -> str:
        assert why.main([page["request_id"], "--database-url", url(feed)]) == 0
        return re.sub(r"\s+", " ", capsys.readouterr().out)

    return run


def test_a_page_ranked_anew_tells_all_of_itself(feed: Harness, printed: Any) -> None:  # noqa: ANN401
    posts = feed.add_posts(150)
    feed.execute(
        "INSERT INTO feature_flags (name, enabled, metadata)"
        """ VALUES ('ranking_algorithm_v2', true, '{"variant": "engagement_boost"}')"""
    )
    viewer = feed.viewer()
    feed.sees(viewer.id, posts[:30])
    page = viewer.next()
    told = read(feed, page)
    assert told.ranking is told.request
    text = printed(feed, page)
    for shown in (
        page["request_id"],
        str(viewer.id),
        "ranked by │ this request",
        "engagement 0.6, freshness 0.15, context 0.15, diversity 0.1",
        "ranking_algorithm_v2 engagement_boost",
        "queue ranked anew",
        "seen 30",
        f"seed {page['session_id']}/0",
        "decided by │ engagement ",
    ):
        assert shown in text
    for post in page["posts"]:
        assert f"{post['post_id']} │ {post['creator_id']} │ {post['source']}" in text
        assert f"{post['score']:.3f}" in text


def test_a_page_from_the_cache_tells_which_request_ranked_it(feed: Harness, printed: Any) -> None:  # noqa: ANN401
    feed.add_posts(300)
    viewer = feed.viewer()
    first, second = viewer.next(), viewer.next()
    assert second["cache"] == "hit"
    told = read(feed, second)
    assert told.ranking is not None
    assert str(told.ranking["request_id"]) == first["request_id"]
    text = printed(feed, second)
    assert f"ranked by │ {first['request_id']}" in text
    assert "what was stored" in text
    found = told.ranking["trace"]["found"]
    assert ", ".join(f"{rung} {count}" for rung, count in found.items()) in text


def test_the_draws_are_those_of_the_page(feed: Harness, printed: Any) -> None:  # noqa: ANN401
    feed.add_posts(300)
    container = feed.new_container(EXPLORATION_RATE="0.9")
    page = feed.viewer().page(container=container)
    drawn = [post["position"] for post in page["posts"] if post["source"] == "explore"]
    assert drawn
    text = printed(feed, page)
    assert [int(n) for n in re.findall(r"position (\d+) \(p =", text)] == drawn


def test_a_page_tells_what_spoke_for_each_post_from_the_cache_too(
    feed: Harness,
    printed: Any,  # noqa: ANN401
) -> None:
    posts = feed.add_posts(300)
    feed.execute(
        "INSERT INTO post_heat SELECT %s, array_agg(vroom_private.hot_score(%s, 500, h))"
        " FROM unnest(vroom_private.heat_half_lives()) AS h",
        posts[0],
        feed.now,
    )
    viewer = feed.viewer()
    first, second = viewer.next(), viewer.next()
    assert second["cache"] == "hit"
    hot = next(post for post in first["posts"] if post["post_id"] == str(posts[0]))
    assert "popular_right_now" in hot["reasons"]
    assert sum("popular_right_now" in post["reasons"] for post in first["posts"]) == 1
    for page in (first, second):
        text = printed(feed, page)
        assert "heat ┃ neighbours ┃ taste ┃ momentum" in text
        assert len(re.findall(r"[0-9.]+x │ 0\.\d{3} │ [+-]\d\.\d{2} │ \d\.\d{2}", text)) == 12


def test_a_refilled_page_says_so(feed: Harness, printed: Any) -> None:  # noqa: ANN401
    feed.add_posts(60)
    viewer = feed.viewer()
    page = viewer.next()
    feed.execute(
        "UPDATE posts SET visibility = 'removed' WHERE id = %s", page["posts"][3]["post_id"]
    )
    again = viewer.page(session_id=page["session_id"])
    text = printed(feed, again)
    assert "refilled" in text
    assert "withdrawn while it was made │ 1" in text


def test_what_is_past_its_retention_is_said_to_be_gone(feed: Harness, printed: Any) -> None:  # noqa: ANN401
    feed.add_posts(300)
    viewer = feed.viewer()
    first, second = viewer.next(), viewer.next()
    feed.execute("DELETE FROM feed_requests WHERE request_id = %s", first["request_id"])
    feed.execute("DELETE FROM feed_pages")
    text = printed(feed, second)
    assert "ranked the queue is past its retention" in text
    assert "The page is past its retention" in text
    with pytest.raises(NothingStoredError):
        read(feed, first)


def test_a_request_that_never_was_is_told_apart(
    feed: Harness, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = str(uuid4())
    assert why.main([unknown, "--database-url", url(feed)]) == 1
    assert unknown in capsys.readouterr().err


def test_it_needs_to_know_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(SystemExit):
        why.main([str(uuid4())])
