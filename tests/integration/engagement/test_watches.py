"""What is recorded of watches, row by row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.integration.database.clients import call
from tests.integration.engagement.audience import DURATION_MS, watch

if TYPE_CHECKING:
    from tests.integration.engagement.audience import Audience

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONE: LiteralString = (
    "SELECT record_watch_progress(user_id => %s, post_id => %s, play_ms => %s, duration_ms => %s,"
    " liked => %s, commented => %s, shared => %s) AS recorded"
)


def test_a_watch_is_stored_as_it_was_sent(audience: Audience) -> None:
    viewer, event = uuid4(), uuid4()
    (post,) = audience.add_posts(1)
    sent = watch(post, event_id=str(event), play_ms=5_000, liked=True)
    assert audience.record(viewer, [sent], AT) == ["accepted"]
    assert audience.row("SELECT * FROM watch_events") == {
        "user_id": viewer,
        "event_id": event,
        "post_id": post,
        "play_ms": 5_000,
        "duration_ms": DURATION_MS,
        "watch_ratio": 0.25,
        "liked": True,
        "commented": False,
        "shared": False,
        "replay": False,
        "nth": 1,
        "created_at": AT,
    }


def test_an_empty_batch_is_answered_with_nothing_and_leaves_nothing(audience: Audience) -> None:
    assert audience.record(uuid4(), []) == []
    assert audience.rows("SELECT FROM user_interest_signals") == []


def test_the_first_watch_is_taken_whole_and_the_next_by_a_fifth(audience: Audience) -> None:
    viewer = uuid4()
    first, second = audience.add_posts(2)
    audience.record(viewer, [watch(first, 0.5, liked=True)])
    found = audience.signals(viewer)
    assert (found["avg_watch_ratio"], found["like_rate"], found["samples"]) == (0.5, 1.0, 1)
    audience.record(viewer, [watch(second, 1.0, shared=True)])
    found = audience.signals(viewer)
    assert found["avg_watch_ratio"] == pytest.approx(0.6, abs=1e-15)
    assert found["like_rate"] == pytest.approx(0.8, abs=1e-15)
    assert found["share_rate"] == pytest.approx(0.2, abs=1e-15)
    assert found["samples"] == 2


def test_an_event_counts_once_within_a_batch_and_across_batches(audience: Audience) -> None:
    viewer = uuid4()
    (post,) = audience.add_posts(1)
    one, two = watch(post), watch(post, liked=True)
    assert audience.record(viewer, [one, two, one]) == ["accepted", "accepted", "duplicate"]
    before = audience.signals(viewer)
    assert audience.record(viewer, [two, one]) == ["duplicate", "duplicate"]
    assert audience.signals(viewer) == before
    assert (before["samples"], audience.queued()) == (2, 2)


def test_the_same_event_id_of_another_viewer_is_another_event(audience: Audience) -> None:
    (post,) = audience.add_posts(1)
    sent = watch(post)
    assert audience.record(uuid4(), [sent]) == ["accepted"]
    assert audience.record(uuid4(), [sent]) == ["accepted"]


IMPOSSIBLE: dict[str, list[dict[str, Any]]] = {
    "bad_duration": [
        {"duration_ms": 0},
        {"duration_ms": -1},
        {"duration_ms": None},
        {"duration_ms": 86_400_001},
        {"duration_ms": 0, "play_ms": 0},
        {"duration_ms": 2**40, "play_ms": 2**41},
    ],
    "bad_play": [
        {"play_ms": -1},
        {"play_ms": 10 * DURATION_MS + 1},
        {"play_ms": None},
        {"play_ms": 2**40},
    ],
    "bad_event": [{"event_id": None}],
    "unknown_post": [{"post_id": str(UUID(int=404))}, {"post_id": None}],
}


@pytest.mark.parametrize(
    ("outcome", "odd"),
    [(outcome, odd) for outcome, kinds in IMPOSSIBLE.items() for odd in kinds],
    ids=str,
)
def test_an_impossible_row_is_told_and_leaves_no_trace(
    module_audience: Audience, outcome: str, odd: dict[str, Any]
) -> None:
    viewer = uuid4()
    (post,) = module_audience.add_posts(1)
    before = module_audience.queued()
    assert module_audience.record(viewer, [watch(post, **odd)]) == [outcome]
    assert module_audience.rows("SELECT FROM watch_events WHERE user_id = %s", viewer) == []
    assert (
        module_audience.rows("SELECT FROM user_interest_signals WHERE user_id = %s", viewer) == []
    )
    assert module_audience.queued() == before


def test_impossible_rows_do_not_sink_the_others_nor_count_among_them(audience: Audience) -> None:
    viewer = uuid4()
    (post,) = audience.add_posts(1)
    good = watch(post, 0.5)
    bad = [watch(post, **odd) for kinds in IMPOSSIBLE.values() for odd in kinds]
    outcomes = audience.record(viewer, [*bad, good, *bad])
    assert outcomes[len(bad)] == "accepted"
    assert outcomes.count("accepted") == 1
    found = audience.signals(viewer)
    assert (found["samples"], found["avg_watch_ratio"]) == (1, 0.5)
    assert audience.queued() == 1


def test_an_event_refused_for_an_unknown_post_is_none_and_may_come_with_a_known_one(
    audience: Audience,
) -> None:
    viewer, event = uuid4(), str(uuid4())
    (post,) = audience.add_posts(1)
    batch = [watch(uuid4(), event_id=event), watch(post, event_id=event)]
    assert audience.record(viewer, batch) == ["unknown_post", "accepted"]


def test_a_post_that_was_deleted_is_unknown_and_one_taken_down_is_not(audience: Audience) -> None:
    viewer = uuid4()
    deleted, taken_down = audience.add_posts(2)
    audience.operator.execute("DELETE FROM posts WHERE id = %s", [deleted])
    audience.operator.execute("UPDATE posts SET visibility = 'removed' WHERE id = %s", [taken_down])
    outcomes = audience.record(viewer, [watch(deleted), watch(taken_down)])
    assert outcomes == ["unknown_post", "accepted"]


@pytest.mark.parametrize(
    ("beyond_ms", "replay"), [(0, False), (21, False), (42, False), (250, False), (251, True)]
)
def test_a_full_watch_that_ends_a_little_late_is_no_replay(
    audience: Audience, beyond_ms: int, *, replay: bool
) -> None:
    (post,) = audience.add_posts(1)
    full = watch(post, 1.0)
    assert audience.record(uuid4(), [full | {"play_ms": full["duration_ms"] + beyond_ms}]) == [
        "accepted"
    ]
    row = audience.row("SELECT watch_ratio, replay FROM watch_events")
    assert row == {"watch_ratio": 1.0, "replay": replay}
    audience.roll_up()
    assert audience.stats(post)["replays"] == int(replay)


@pytest.mark.parametrize(("times", "replay"), [(1.0, False), (1.5, True), (10.0, True)])
def test_a_loop_is_a_full_watch_with_a_replay_mark(
    audience: Audience, times: float, *, replay: bool
) -> None:
    viewer = uuid4()
    (post,) = audience.add_posts(1)
    assert audience.record(viewer, [watch(post, times)]) == ["accepted"]
    row = audience.row("SELECT watch_ratio, replay FROM watch_events")
    assert row == {"watch_ratio": 1.0, "replay": replay}
    audience.roll_up()
    found = audience.stats(post)
    assert (found["plays"], found["watch_ratio_sum"], found["replays"]) == (1, 1.0, int(replay))


def test_a_self_view_is_kept_and_nothing_is_learnt_from_it(audience: Audience) -> None:
    creator = uuid4()
    (own,) = audience.add_posts(1, creator=creator, tags=["cats"])
    (other,) = audience.add_posts(1)
    sent = [watch(own, 1.0, liked=True), watch(other, 0.5), watch(own, 1.0, shared=True)]
    assert audience.record(creator, sent) == ["self_view", "accepted", "self_view"]
    assert audience.record(creator, sent) == ["duplicate"] * 3
    rows = audience.rows("SELECT post_id, nth FROM watch_events ORDER BY nth NULLS LAST")
    assert [(row["post_id"], row["nth"]) for row in rows] == [(other, 1), (own, None), (own, None)]
    found = audience.signals(creator)
    assert (found["samples"], found["avg_watch_ratio"], found["like_rate"]) == (1, 0.5, 0)
    assert audience.queued() == 1
    assert audience.rows("SELECT post_id FROM viewer_watches") == [{"post_id": other}]
    assert audience.rows("SELECT FROM viewer_tag_affinity") == []
    audience.see(creator, [own])
    audience.roll_up()
    stats = audience.stats(own)
    assert (stats["plays"], stats["likes"], stats["impressions"]) == (0, 0, 0)


def test_a_call_by_named_parameters_is_an_event_of_its_own(audience: Audience) -> None:
    viewer = uuid4()
    (post,) = audience.add_posts(1)
    parameters = [viewer, post, 5_000, 10_000, True, False, False]
    url = audience.database.app_url
    for _ in range(2):
        assert call(url, viewer, ONE, parameters) == [{"recorded": True}]
    assert audience.signals(viewer)["samples"] == 2


def test_a_call_that_names_its_event_is_harmless_when_repeated(audience: Audience) -> None:
    viewer = uuid4()
    (post,) = audience.add_posts(1)
    statement: LiteralString = (
        "SELECT record_watch_progress(%s, %s, 500, 1000, event_id => %s) AS recorded"
    )
    parameters = [viewer, post, UUID(int=3)]
    answers = [call(audience.database.app_url, viewer, statement, parameters) for _ in range(3)]
    assert [answer[0]["recorded"] for answer in answers] == [True, False, False]


@pytest.mark.parametrize(
    ("play_ms", "duration_ms", "message"),
    [(-1, 1_000, "play_ms"), (10_001, 1_000, "play_ms"), (0, 0, "duration_ms"), (5, -5, "dur")],
)
def test_an_operators_impossible_call_is_an_error(
    audience: Audience, play_ms: int, duration_ms: int, message: str
) -> None:
    viewer = uuid4()
    (post,) = audience.add_posts(1)
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=message):
        audience.operator.execute(ONE, [viewer, post, play_ms, duration_ms, True, True, True])
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="no post has this id"):
        audience.operator.execute(ONE, [viewer, uuid4(), 1, 10, True, True, True])
    assert audience.rows("SELECT FROM watch_events") == []


def test_only_a_viewers_first_impression_of_a_post_counts(audience: Audience) -> None:
    one, two = uuid4(), uuid4()
    first, second = audience.add_posts(2)
    audience.see(one, [first, first, second])
    audience.see(two, [first])
    audience.operator.execute("UPDATE user_post_impressions SET source = 'fresh'")
    audience.operator.execute(
        "INSERT INTO user_post_impressions (user_id, post_id, seen_at)"
        " SELECT %s, %s, now() - n * interval '1 day' FROM generate_series(1, 3) n",
        [two, second],
    )
    audience.roll_up()
    assert [audience.stats(post)["impressions"] for post in (first, second)] == [2, 2]


def test_freshness_is_preferred_by_those_who_watch_new_posts_and_old_ones_by_others(
    audience: Audience,
) -> None:
    viewer = uuid4()
    (new,) = audience.add_posts(1)
    (old,) = audience.add_posts(1, age=timedelta(days=8))
    audience.record(viewer, [watch(new, 1.0)])  # 0.3 more than others watch of it
    assert audience.signals(viewer)["freshness_preference"] == pytest.approx(0.515)
    audience.record(viewer, [watch(old, 1.0)])  # as much as is usual for this viewer
    assert audience.signals(viewer)["freshness_preference"] == pytest.approx(0.51425)
    audience.record(viewer, [watch(old, 0.1), watch(new, 0.1)])
    assert audience.signals(viewer)["freshness_preference"] == pytest.approx(
        0.95 * (0.95 * 0.51425 + 0.05)
    )


def test_a_viewer_who_is_shown_new_posts_alone_is_not_taken_to_prefer_them(
    audience: Audience,
) -> None:
    viewer = uuid4()
    posts = audience.add_posts(100)
    audience.record(viewer, [watch(p, 1.0 if n % 2 else 0.6) for n, p in enumerate(posts)])
    assert 0.45 < audience.signals(viewer)["freshness_preference"] < 0.55


@pytest.mark.parametrize(
    ("of_new", "of_old", "least", "most"), [(1, 0.1, 0.75, 1), (0.1, 1, 0, 0.25)]
)
def test_who_watches_more_of_one_kind_than_of_the_other_is_found_to_prefer_it(
    audience: Audience, of_new: float, of_old: float, least: float, most: float
) -> None:
    viewer = uuid4()
    new = audience.add_posts(50)
    old = audience.add_posts(50, age=timedelta(days=8))
    for one, other in zip(new, old, strict=True):
        audience.record(viewer, [watch(one, of_new), watch(other, of_old)])
    assert least <= audience.signals(viewer)["freshness_preference"] <= most
