"""Flags and experiments: which viewer gets what, what it costs, and what is stored of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from functions.feed_ranker.telemetry import FeedTelemetry
from shared.flags import place
from shared.variants import Policy
from tests.integration.feed.harness import Harness, Viewer, check_page, ids

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from functions.feed_ranker.container import Container
    from shared.postgres import Statement

BOOST = '{"variant": "engagement_boost"}'


def put_flag(feed: Harness, name: str, *, percentage: int = 100, metadata: str = "{}") -> None:
    feed.execute(
        "INSERT INTO feature_flags (name, enabled, rollout_percentage, metadata)"
        " VALUES (%s, true, %s, %s) ON CONFLICT (name) DO UPDATE"
        " SET rollout_percentage = excluded.rollout_percentage, metadata = excluded.metadata",
        name,
        percentage,
        metadata,
    )


def rows(feed: Harness, query: str, *params: object) -> list[tuple[Any, ...]]:
    return feed.admin.execute(query, params).fetchall()


def minute_later(container: Container) -> None:
    """The flags are due."""
    container.database._next_read = None


def round_trips(container: Container, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Statements of each round trip from now on."""
    sent: list[int] = []
    run: Callable[..., list[list[Any]]] = container.database._database.run

    def counting(*statements: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        sent.append(len(statements))
        return run(*statements, viewer=viewer, budget_s=budget_s)

    monkeypatch.setattr(container.database._database, "run", counting)
    return sent


def test_a_page_its_record_and_its_impressions_carry_the_variant(feed: Harness) -> None:
    feed.add_posts(60)
    put_flag(feed, "ranking_algorithm_v2", metadata=BOOST)
    viewer = feed.viewer()
    page = viewer.next()
    viewer.records(page)
    assert page["variant"] == "engagement_boost"
    stored = rows(
        feed,
        "SELECT variant FROM feed_pages UNION ALL SELECT variant FROM feed_requests"
        " UNION ALL SELECT variant FROM user_post_impressions",
    )
    assert stored == [("engagement_boost",)] * 14
    ((weights,),) = rows(feed, "SELECT entries #> '{policy,weights}' FROM feed_pages")
    assert weights == [0.6, 0.15, 0.15, 0.1]


def test_impressions_of_a_session_without_a_page_carry_no_variant(feed: Harness) -> None:
    (post,) = feed.add_posts(1)
    feed.execute(
        "SELECT record_impression(user_id => %s, post_id => %s, session_id => %s)",
        uuid4(),
        post,
        uuid4(),
    )
    assert rows(feed, "SELECT variant FROM user_post_impressions") == [(None,)]


def test_a_replay_answers_the_variant_that_it_was_ranked_under(feed: Harness) -> None:
    feed.add_posts(200)
    viewer = feed.viewer()
    first = viewer.next()
    put_flag(feed, "ranking_algorithm_v2", metadata=BOOST)
    minute_later(feed.container)
    at = first["next_cursor"]
    second = viewer.page(cursor=at, session_id=first["session_id"])
    assert second["variant"] == "control", "the queue was ranked before"
    minute_later(feed.container)
    again = viewer.page(session_id=first["session_id"])
    assert (ids(again), again["variant"]) == (ids(first), "control")
    assert feed.viewer().next()["variant"] == "engagement_boost"


def test_a_flag_is_obeyed_by_the_request_that_reads_it(feed: Harness) -> None:
    feed.add_posts(30)
    put_flag(feed, "ranking_algorithm_v2", metadata=BOOST)
    assert Viewer(feed, uuid4()).page(container=feed.new_container())["variant"] == (
        "engagement_boost"
    )


def test_requests_between_two_reads_send_nothing_more(
    feed: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.add_posts(300)
    viewer = feed.viewer()
    sent = round_trips(feed.container, monkeypatch)
    viewer.next()
    cold = list(sent)
    viewer.next()
    hit = sent[len(cold) :]
    viewer.restart()
    viewer.next()
    warm = sent[len(cold) + len(hit) :]
    assert len(cold) == len(warm) == 2
    assert cold[0] == warm[0] + 1, "the flags came along with the candidates"
    assert cold[1] == warm[1]
    assert hit == [1]
    minute_later(feed.container)
    viewer.next()
    assert sent[-1] == 2, "and with the commit of a page from the cached queue"


def test_the_feed_flag_off_gives_the_newest_unseen_posts_in_order(feed: Harness) -> None:
    feed.add_posts(90)
    put_flag(feed, "feed_v2_enabled", percentage=0)
    viewer = feed.viewer()
    pages = [viewer.next() for _ in range(3)]
    for page in pages:
        check_page(page, 12, 90)
        assert page["variant"] == "chronological"
    shown = [post["created_at"] for page in pages for post in page["posts"]]
    assert shown == sorted(shown, reverse=True)
    newest = rows(feed, "SELECT id::text FROM posts ORDER BY created_at DESC LIMIT 36")
    assert [post for page in pages for post in ids(page)] == [row[0] for row in newest]
    assert all(post["source"] != "explore" for page in pages for post in page["posts"])


def test_a_roll_out_takes_in_those_whose_place_lies_below_it(feed: Harness) -> None:
    feed.add_posts(30)
    put_flag(feed, "feed_v2_enabled", percentage=50)
    viewers = [feed.viewer() for _ in range(12)]
    variants = {viewer.id: viewer.next()["variant"] for viewer in viewers}
    expected = {
        v.id: "control" if place("feed_v2_enabled", v.id) < 0.5 else "chronological"
        for v in viewers
    }
    assert variants == expected


def test_a_flag_that_cannot_be_followed_leaves_control_and_is_told(
    feed: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(FeedTelemetry, "flag_fault", lambda _self, name, _reason: told.append(name))
    feed.add_posts(30)
    put_flag(feed, "typo", metadata='{"variant": "engagement_bost"}')
    viewer = Viewer(feed, uuid4())
    assert viewer.page(container=feed.new_container())["variant"] == "control"
    assert told == ["typo"]


def test_an_experiment_may_change_how_much_is_explored(feed: Harness) -> None:
    feed.add_posts(300)
    metadata = {"variant": "curious", "parameters": {"exploration_rate": 1.0}}
    put_flag(feed, "curiosity", metadata=json.dumps(metadata))
    page = feed.viewer().next()
    assert {post["source"] for post in page["posts"]} == {"explore"}
    ((policy,),) = rows(feed, "SELECT entries -> 'policy' FROM feed_pages")
    assert policy["exploration_rate"] == 1.0


def test_without_a_flag_the_settings_rate_is_explored(feed: Harness) -> None:
    assert feed.container.database.decide(uuid4()).policy == Policy(exploration_rate=0.1)
    container = feed.new_container(EXPLORATION_RATE="0.3")
    assert container.database.decide(uuid4()).policy.exploration_rate == 0.3


def test_a_ranking_requests_trace_tells_what_was_found_and_dropped(feed: Harness) -> None:
    posts = feed.add_posts(120)
    put_flag(feed, "ranking_algorithm_v2", metadata=BOOST)
    viewer = feed.viewer()
    feed.sees(viewer.id, posts[:40])
    page = viewer.next()
    ((trace, sources),) = rows(
        feed, "SELECT trace, sources FROM feed_requests WHERE request_id = %s", page["request_id"]
    )
    assert sum(trace["found"].values()) == 80
    assert sum(trace["found_by"].values()) == 80
    assert trace["filtered"]["seen"] > 0
    assert trace["complete"] is True
    assert trace["flags"] == {"ranking_algorithm_v2": "engagement_boost"}
    drawn = [[p["position"]] for p in page["posts"] if p["source"] == "explore"]
    assert [[position] for position, _ in trace.get("draws", [])] == drawn
    assert sum(sources.values()) == 12


def test_a_hits_trace_names_the_request_that_ranked_and_is_small(feed: Harness) -> None:
    feed.add_posts(300)
    viewer = feed.viewer()
    ranked = viewer.next()["request_id"]
    hit = viewer.next()
    assert hit["cache"] == "hit"
    sizes = rows(
        feed,
        "SELECT cache_hit, trace ->> 'ranked_by', octet_length(trace::text) FROM feed_requests"
        " ORDER BY page_no",
    )
    assert [(cache_hit, by) for cache_hit, by, _ in sizes] == [(False, None), (True, ranked)]
    assert sizes[0][2] < 1_024
    draws = sum(post["source"] == "explore" for post in hit["posts"])
    assert sizes[1][2] < 80 + 40 * draws


def test_on_what_and_when_a_viewer_asks_is_stored_where_it_changes(feed: Harness) -> None:
    feed.add_posts(60)
    feed.now = feed.now.replace(hour=13, minute=0)
    viewer = feed.viewer()
    context = "SELECT device, daypart, xmin::text FROM viewer_context WHERE user_id = %s"
    viewer.next(device="tv")
    (first,) = rows(feed, context, viewer.id)
    viewer.next(device="tv")
    assert rows(feed, context, viewer.id) == [first]
    viewer.next(device="phone", timezone="Asia/Tokyo")
    ((device, daypart, version),) = rows(feed, context, viewer.id)
    assert first[:2] == ("tv", "midday")
    assert (device, daypart) == ("phone", "late")
    assert version != first[2]
