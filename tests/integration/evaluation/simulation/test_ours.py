"""A small world through the real handler, Postgres and DynamoDB."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg

from evaluation.simulation.arms import Session
from evaluation.simulation.ours import Ours
from evaluation.simulation.scale import SMALL

if TYPE_CHECKING:
    from tests.integration.evaluation.conftest import Lived


def test_every_page_was_filled(lived: Lived) -> None:
    assert lived.figures.pages > 20
    assert lived.figures.short_pages == 0


def test_what_viewers_saw_is_what_the_feed_knows(lived: Lived) -> None:
    with psycopg.connect(lived.database.admin_url) as connection:
        known = connection.execute("SELECT count(*), avg(watch_ratio) FROM watch_events").fetchone()
    assert known is not None
    assert known[0] > 200
    assert abs(known[1] - lived.figures.watch_ratio) < 1e-9


def test_figures_were_rolled_up_as_time_passed(lived: Lived) -> None:
    with psycopg.connect(lived.database.admin_url) as connection:
        row = connection.execute(
            "SELECT (SELECT sum(impressions) FROM post_stats),"
            " (SELECT count(*) FROM viewer_last_seen),"
            " (SELECT coalesce(sum(impressions), 0) FROM engagement_queue)"
        ).fetchone()
    assert row is not None
    counted, seen, queued = row
    assert counted > 0
    assert counted + queued == seen, "each viewer once a post; nobody watches their own"


def test_repeats_come_only_once_the_small_catalogue_runs_short(lived: Lived) -> None:
    with psycopg.connect(lived.database.admin_url) as connection:
        repeats = connection.execute(
            """
            SELECT count(*) FROM user_post_impressions i
            WHERE source NOT IN ('repeat', 'recycled') AND EXISTS (
              SELECT FROM user_post_impressions e
              WHERE e.user_id = i.user_id AND e.post_id = i.post_id AND e.seen_at < i.seen_at)
            """
        ).fetchone()
    assert repeats == (0,)


def test_the_hit_rate_is_that_of_the_request_log(lived: Lived) -> None:
    with psycopg.connect(lived.database.admin_url) as connection:
        row = connection.execute(
            """
            SELECT sum(hits)::float / sum(pages) FROM (
              SELECT count(*) AS pages, count(*) FILTER (WHERE cache_hit) AS hits
              FROM feed_requests GROUP BY user_id, session_id HAVING count(*) > 1) s
            """
        ).fetchone()
    assert row is not None
    assert abs(row[0] - lived.figures.cache_hits) < 1e-9


def test_what_pages_cost_is_counted(lived: Lived) -> None:
    with psycopg.connect(lived.database.admin_url) as connection:
        row = connection.execute(
            "SELECT count(*) FILTER (WHERE NOT cache_hit OR prepared) FROM feed_requests"
        ).fetchone()
    assert row is not None
    assert row[0] / lived.figures.pages <= lived.figures.rankings < 2
    assert 3 <= lived.figures.write_units <= 8
    assert 500 < lived.figures.queue_bytes < 3_072


def test_a_session_that_is_started_finds_its_first_page(lived: Lived) -> None:
    for start_session in (0, 1):
        scale = replace(SMALL, start_session=start_session)
        with Ours(lived.population, scale, lived.backend) as ours:
            answer = ours.page(Session(0, 1_000 + start_session), scale.seconds)
        assert answer.hit is bool(start_session)
        assert len(answer.slots) == scale.page_size
