from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest

from local.catalogue import follow, seed
from local.catalogue.shapes import hot_score
from local.mux.media.samples import parse_sample_id

if TYPE_CHECKING:
    from tests.conftest import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERYTHING = """
SELECT p.id, p.creator_id, p.caption, p.tags, p.mux_playback_id, p.mux_duration_ms, p.created_at,
       s.impressions, s.plays, s.watch_ratio_sum, s.likes, s.comments, s.shares, s.hot_score
FROM posts p JOIN post_stats s ON s.post_id = p.id ORDER BY p.id
"""


def rows(database: Database, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.admin_url) as connection:
        return connection.execute(sql, parameters).fetchall()


def clear(database: Database) -> None:
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("DELETE FROM posts")
        connection.execute("TRUNCATE follows, creator_quality")


def test_a_catalogue_is_all_there_and_may_be_shown(database: Database) -> None:
    made = seed(database.admin_url, posts=500, now=NOW)
    assert (made.posts, made.added) == (500, 500)
    ((posts, creators, eligible, newest, longest),) = rows(
        database,
        """SELECT count(*), count(DISTINCT p.creator_id), count(*) FILTER (WHERE s.eligible),
                  max(p.published_at), max(p.mux_duration_ms)
           FROM posts p JOIN post_stats s ON s.post_id = p.id""",
    )
    assert (posts, creators, eligible) == (500, len(made.creators), 500)
    assert newest <= NOW
    assert longest == 180_000
    ((bits,),) = rows(database, "SELECT sum(bit_count(eligible)) FROM post_blocks")
    assert bits == 500
    ((known,),) = rows(database, "SELECT count(*) FROM creator_quality WHERE samples > 0")
    assert known > 0.9 * creators


def test_every_post_has_a_sample_stream_of_its_own_length_and_shape(database: Database) -> None:
    seed(database.admin_url, posts=200, now=NOW)
    posts = rows(database, "SELECT mux_playback_id, mux_duration_ms, aspect_ratio FROM posts")
    assert len({playback_id for playback_id, _, _ in posts}) == 200
    for playback_id, duration_ms, aspect_ratio in posts:
        sample = parse_sample_id(playback_id)
        assert sample is not None
        assert (sample.seconds * 1000, sample.clip.aspect_ratio) == (duration_ms, aspect_ratio)


def test_posts_are_numbered_in_the_order_of_time(database: Database) -> None:
    seed(database.admin_url, posts=200, now=NOW)
    times = [row[0] for row in rows(database, "SELECT published_at FROM posts ORDER BY post_no")]
    assert times == sorted(times)


def test_the_same_seed_makes_the_same_catalogue(database: Database) -> None:
    first = seed(database.admin_url, posts=100, now=NOW)
    before = rows(database, EVERYTHING)
    clear(database)
    assert seed(database.admin_url, posts=100, now=NOW) == first
    assert rows(database, EVERYTHING) == before
    clear(database)
    seed(database.admin_url, posts=100, seed=2, now=NOW)
    assert not {row[0] for row in rows(database, EVERYTHING)} & {row[0] for row in before}


def test_seeding_again_changes_nothing(database: Database) -> None:
    seed(database.admin_url, posts=100, now=NOW)
    before = rows(database, EVERYTHING)
    again = seed(database.admin_url, posts=100, now=NOW + timedelta(days=3))
    assert (again.added, again.follows) == (0, 0)
    assert rows(database, EVERYTHING) == before


def test_hot_scores_are_of_the_database_s_own_form(database: Database) -> None:
    seed(database.admin_url, posts=200, now=NOW)
    stored = rows(
        database,
        """SELECT s.published_at, s.hot_score, vroom_private.hot_score(s.published_at, 1),
                  vroom_private.hot_score(s.published_at, 12.5)
           FROM post_stats s""",
    )
    for published_at, hot, untouched, touched in stored:
        assert hot >= untouched - 1e-9
        assert hot_score(published_at, 1.0) == pytest.approx(untouched, abs=1e-6)
        assert hot_score(published_at, 12.5) == pytest.approx(touched, abs=1e-6)


def test_hot_is_what_is_engaged_with_now_not_what_is_new(database: Database) -> None:
    seed(database.admin_url, posts=1_000, now=NOW)
    hottest = rows(
        database, "SELECT published_at FROM post_stats ORDER BY hot_score DESC LIMIT 100"
    )
    fresh = sum(1 for (published_at,) in hottest if published_at > NOW - timedelta(days=7))
    assert 30 <= fresh <= 95


@pytest.mark.parametrize("posts", [0, 1, 2])
def test_tiny_catalogues_can_be_made(database: Database, posts: int) -> None:
    assert seed(database.admin_url, posts=posts, now=NOW).added == posts
    assert rows(database, "SELECT count(*) FROM posts") == [(posts,)]


def test_a_number_of_creators_can_be_asked_for(database: Database) -> None:
    made = seed(database.admin_url, posts=100, creators=10, now=NOW)
    counts = dict(rows(database, "SELECT creator_id, count(*) FROM posts GROUP BY creator_id"))
    assert set(counts) == set(made.creators)
    assert [counts[c] for c in made.creators] == sorted(counts.values(), reverse=True)


@pytest.mark.parametrize(("posts", "creators"), [(-1, None), (10, 11), (10, 0)])
def test_impossible_numbers_are_refused(
    database: Database, posts: int, creators: int | None
) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        seed(database.admin_url, posts=posts, creators=creators)
    assert rows(database, "SELECT count(*) FROM posts") == [(0,)]


def test_a_viewer_follows_each_creator_once(database: Database) -> None:
    viewer, creators = uuid4(), [UUID(int=n) for n in range(1, 4)]
    assert follow(database.admin_url, viewer, creators) == 3
    assert follow(database.admin_url, viewer, [*creators, UUID(int=9)]) == 1
    followed = rows(database, "SELECT creator_id FROM follows WHERE follower_id = %s", viewer)
    assert {row[0] for row in followed} == {*creators, UUID(int=9)}


def test_ten_thousand_posts_follow_the_shapes_of_a_real_catalogue(database: Database) -> None:
    seed(database.admin_url, posts=10_000, now=NOW)
    ((median, trimmed, single, commonest, widest),) = rows(
        database,
        """SELECT
             (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY mux_duration_ms) FROM posts),
             (SELECT avg((mux_duration_ms = 180000)::int) FROM posts),
             (SELECT avg((n = 1)::int)
              FROM (SELECT count(*) AS n FROM posts GROUP BY creator_id) c),
             (SELECT max(n) FROM (SELECT count(*) AS n FROM posts, unnest(tags) AS t(tag)
                                  GROUP BY tag) c),
             (SELECT max(impressions) / percentile_disc(0.5) WITHIN GROUP (ORDER BY impressions)
              FROM post_stats)""",
    )
    assert median == pytest.approx(81_000, rel=0.05)
    assert float(trimmed) == pytest.approx(0.185, abs=0.02)
    assert float(single) == pytest.approx(0.87, abs=0.01)
    assert commonest == pytest.approx(1_900, rel=0.07)
    assert widest > 50
