"""Numbers that stand in Python and in SQL: both must say the same."""

import uuid
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.feed_ranker.ranking.exploration import NEW_VIEWER_SAMPLES
from functions.feed_ranker.requests import MAX_PAGE_SIZE
from functions.feed_ranker.sessions.cache import PLACES_PER_PAGE
from functions.feed_ranker.settings import FeedSettings
from shared.cooldown import CooldownRules
from shared.heat import HALF_LIVES_S, Thermometer
from shared.models import WatchNorm
from shared.ranking_config import RankingConfig, with_norms
from tests.conftest import Database
from tests.integration.database.clients import Connection, operator

CONFIG = RankingConfig()
BUCKETS = range(len(CONFIG.watch))
VIEWER, SESSION = uuid.uuid4(), uuid.uuid4()


@pytest.fixture
def owner(database: Database) -> Iterator[Connection]:
    with operator(database.admin_url) as connection:
        yield connection


def norms(owner: Connection) -> list[float]:
    rows = owner.execute(
        "SELECT vroom_private.watch_norm(b::smallint) AS norm"
        " FROM generate_series(0, %s) AS b ORDER BY b",
        [BUCKETS[-1]],
    )
    return [row["norm"] for row in rows]


def setting(name: str) -> Any:  # noqa: ANN401  # whatever its type is
    return FeedSettings.model_fields[name].default


def test_watch_norms_begin_at_the_same_priors(owner: Connection) -> None:
    assert norms(owner) == pytest.approx([prior.mean for prior in CONFIG.watch])
    beyond = owner.execute(
        "SELECT vroom_private.watch_norm(%s::smallint) AS norm", [len(CONFIG.watch)]
    ).fetchone()
    assert beyond == {"norm": None}


def test_what_is_watched_moves_a_norm_as_far_on_both_sides(owner: Connection) -> None:
    figures = [WatchNorm(bucket, 7.0 * (bucket + 1), 2.5 * (bucket + 1)) for bucket in BUCKETS]
    for norm in figures:
        owner.execute(
            "INSERT INTO watch_norms (bucket, plays, watch_ratio_sum) VALUES (%s, %s, %s)", norm
        )
    measured = with_norms(CONFIG, figures)
    assert norms(owner) == pytest.approx([prior.mean for prior in measured.watch])


def test_a_duration_falls_into_the_same_bucket(owner: Connection) -> None:
    borders = [bound + by for bound in CONFIG.duration_bounds_ms for by in (-1, 0, 1)]
    for duration_ms in (None, 0, 1, *borders, 86_400_000):
        row = owner.execute(
            "SELECT vroom_private.duration_bucket(%s) AS bucket", [duration_ms]
        ).fetchone()
        expected = bisect_right(CONFIG.duration_bounds_ms, duration_ms or 0)
        assert row == {"bucket": expected}, duration_ms


def test_heat_has_the_same_half_lives_and_the_same_mix_to_begin_with(owner: Connection) -> None:
    row = owner.execute(
        "SELECT vroom_private.heat_half_lives() AS half_lives,"
        " ARRAY(SELECT vroom_private.hot_score(now(), 1, h)"
        "       FROM unnest(vroom_private.heat_half_lives()) AS h) AS one_watch,"
        " now() AS now, (SELECT weights FROM heat_mix) AS mix"
    ).fetchone()
    assert row is not None
    assert tuple(h.total_seconds() for h in row["half_lives"]) == HALF_LIVES_S
    assert tuple(row["mix"]) == CONFIG.learnt_mix
    assert Thermometer(row["now"]).read(row["one_watch"]) == pytest.approx((1, 1, 1, 1))


def test_the_settings_of_a_page_are_those_of_the_database(owner: Connection) -> None:
    row = owner.execute("SELECT * FROM feed_settings").fetchone()
    assert row is not None
    rules = CooldownRules()
    assert row["first_repeat_position"] == rules.first_repeat_position
    for repeats in (rules.max_repeats, setting("max_repeats_per_page")):
        assert row["max_repeats_per_page"] == repeats
    for waterline in (rules.waterline, setting("inventory_waterline")):
        assert row["inventory_waterline"] == waterline
    assert row["cooldown"] == timedelta(days=setting("repeat_cooldown_days"))
    assert row["fresh_window"] == timedelta(days=setting("fresh_window_days"))


def test_retrieval_has_the_same_defaults(owner: Connection) -> None:
    row = owner.execute(
        "SELECT pg_get_function_arguments(p.oid) AS arguments FROM pg_proc p"
        " WHERE p.oid::regproc = 'feed_candidates'::regproc"
    ).fetchone()
    assert row is not None
    for name, days in (
        ("cooldown", setting("repeat_cooldown_days")),
        ("fresh_window", setting("fresh_window_days")),
    ):
        assert f"{name} interval DEFAULT '{days} days'::interval" in row["arguments"]


@pytest.mark.parametrize(("minutes_past", "direction"), [(-5, 1), (5, -1)])
def test_the_taste_for_new_posts_takes_the_same_posts_for_fresh(
    owner: Connection, minutes_past: int, direction: int
) -> None:
    created = datetime.now(UTC) - timedelta(days=setting("fresh_window_days"), minutes=minutes_past)
    post = owner.execute(
        "INSERT INTO posts (creator_id, mux_ready, mux_playback_id, mux_duration_ms, created_at)"
        " VALUES (gen_random_uuid(), true, 'p', 10000, %s) RETURNING id",
        [created],
    ).fetchone()
    assert post is not None
    owner.execute("SELECT record_watch_progress(%s, %s, 10000, 10000)", [VIEWER, post["id"]])
    row = owner.execute(
        "SELECT freshness_preference AS taste FROM user_interest_signals"
    ).fetchone()
    assert row is not None
    assert (row["taste"] - 0.5) * direction > 0


def test_places_in_a_session_are_numbered_alike(owner: Connection) -> None:
    shown = [uuid.uuid4() for _ in range(MAX_PAGE_SIZE)]
    owner.execute(
        "INSERT INTO feed_pages (user_id, session_id, page_no, version, post_ids, entries)"
        " VALUES (%s, %s, 3, 1, %s, '[]')",
        [VIEWER, SESSION, shown],
    )
    rows = owner.execute(
        "SELECT s.post_id, s.place"
        " FROM unnest(vroom_private.served_posts(%s, %s, '{}', '{}')) AS s",
        [VIEWER, SESSION],
    )
    places = {row["post_id"]: row["place"] for row in rows}
    assert places == {post: 3 * PLACES_PER_PAGE + n for n, post in enumerate(shown, start=1)}
    assert max(places.values()) < 4 * PLACES_PER_PAGE, "no place is one of the next page"


@pytest.mark.parametrize("lacking", [1, 0])
def test_a_viewer_is_new_until_as_many_were_observed(owner: Connection, lacking: int) -> None:
    owner.execute(
        "INSERT INTO user_interest_signals (user_id, samples) VALUES (%s, %s)",
        [VIEWER, NEW_VIEWER_SAMPLES - lacking],
    )
    owner.execute("INSERT INTO cohort_posts VALUES ('tv/late/', gen_random_uuid(), 1)")
    rows = owner.execute(
        "SELECT w.post_id FROM vroom_private.begin_search("
        "  %s, NULL, now(), now(), now(), '{}', '{}') AS s"
        " CROSS JOIN LATERAL vroom_private.walk_cohorts(s, 500, 'tv/late') AS w",
        [VIEWER],
    ).fetchall()
    assert len(rows) == lacking, "what works for others is offered to new viewers alone"


def test_a_post_is_unproven_until_the_greatest_quota_is_used_up(owner: Connection) -> None:
    quota = setting("new_post_quota")
    owner.execute(
        "INSERT INTO posts (creator_id, mux_ready, mux_playback_id)"
        " SELECT gen_random_uuid(), true, 'p' FROM generate_series(1, 2)"
    )
    owner.execute("UPDATE post_stats SET impressions = %s - (post_no %% 2)::integer", [quota])
    rows = owner.execute(
        "SELECT s.impressions FROM vroom_private.walk_unproven(10) AS w"
        " JOIN post_stats s ON s.post_id = w.post_id"
    ).fetchall()
    assert rows == [{"impressions": quota - 1}]
