"""What a page costs in buffers touched: counts, which no busy machine changes.

The catalogues are published in order, a post each quarter of an hour, as a living one is. What a
request may look at is a constant number of posts (three walks of 500, 250 and 500, those of taste
together about as many as one of them, strides of 14 x 40, one or two blocks of 1,024; for a
chronological feed four walks of 500 and the blocks), each by an index descent or two. PER_POST is
generous for those; a plan that scans or sorts the catalogue or the history exceeds the bound at
once.

Every test runs on tables just vacuumed and on tables that never were since their rows changed, with
statistics from before: a living server is mostly in between. Autovacuum is off here, so that each
state is the test's own. What no plan can bound is left out: dead index entries that a transaction
left open elsewhere keeps from being skipped (docs/operations.md says how to find one).
"""

import uuid
from collections.abc import Iterator
from typing import LiteralString, NamedTuple
from uuid import UUID

import pytest

from tests.conftest import Database, MigratedTemplate, copy_of
from tests.integration.database.clients import (
    Connection,
    operator,
    refresh_counters,
    wait_for_older_transactions,
)

TASTES = 5 * 10 + 10 * 12 + 8 * 31 + 2 * 31 + 62
LOOKED_AT = 500 + 250 + 500 + TASTES + 14 * 40 + 2 * 1024
PER_POST = 12
BOUND = LOOKED_AT * PER_POST

POSTS: LiteralString = """
  INSERT INTO posts (
    post_no, creator_id, mux_ready, mux_playback_id, mux_duration_ms, tags, created_at)
  SELECT n, md5((n %% 500)::text)::uuid, true, 'p', 20000, ARRAY['all', 'tag' || n %% 50],
         now() - (%(count)s::integer - n) * interval '15 minutes'
  FROM generate_series(%(first)s::integer, %(count)s::integer) n
"""
SEEN: LiteralString = """
  INSERT INTO user_post_impressions (user_id, post_id, seen_at)
  SELECT %s, id, greatest(created_at, now() - %s::interval) + random() * interval '1 minute'
  FROM posts WHERE post_no BETWEEN %s AND %s
"""
# A session whose id is the viewer's, with pages of the newest posts.
SESSION: LiteralString = """
  INSERT INTO feed_pages (user_id, session_id, page_no, version, post_ids, entries)
  SELECT %(viewer)s::uuid, %(viewer)s::uuid, n, 1,
         ARRAY(SELECT id FROM posts WHERE post_no BETWEEN 19988 - 12 * n AND 19999 - 12 * n), '{}'
  FROM generate_series(0, %(pages)s::integer - 1) n
"""
# A taste as full as it may be kept: 300 creators, 300 tags, what the last five posts finished lead
# to, and a cohort.
TASTE: LiteralString = """
  WITH v AS (SELECT %(viewer)s::uuid AS id),
  creators AS (
    INSERT INTO viewer_creator_affinity (user_id, creator_id, value)
    SELECT id, md5(n::text)::uuid, n / 100.0 FROM v, generate_series(1, 300) n
  ),
  tags AS (
    INSERT INTO viewer_tag_affinity (user_id, tag, value)
    SELECT id, 'tag' || n, n / 100.0 FROM v, generate_series(1, 299) n
    UNION ALL SELECT id, 'all', 5 FROM v
  ),
  finished AS (
    INSERT INTO viewer_watches (user_id, post_id, best_ratio, half_watched_at)
    SELECT v.id, p.id, 1, now() - p.post_no * interval '1 second' FROM v, posts p
    WHERE p.post_no BETWEEN 50 AND 350
  ),
  context AS (
    INSERT INTO viewer_context (user_id, device, daypart) SELECT id, 'tv', 'late' FROM v
  ),
  covisits AS (
    INSERT INTO post_covisits (post_id, next_post_id, score)
    SELECT p.id, n.id, n.post_no FROM posts p, posts n
    WHERE p.post_no BETWEEN 50 AND 60 AND n.post_no BETWEEN 100 AND 131
    ON CONFLICT DO NOTHING
  )
  INSERT INTO cohort_posts (cohort, post_id, score)
  SELECT cohort, id, post_no FROM posts, (VALUES ('tv/late/'), ('tv/late/all')) c(cohort)
  WHERE post_no BETWEEN 400 AND 499
  ON CONFLICT DO NOTHING
"""


# What a viewer has seen: the age of the first impressions, and the numbers of the posts.
HISTORIES: dict[str, list[tuple[str, int, int]]] = {
    "nothing": [],
    "the newest 2,000": [("5 days", 18_000, 19_999)],
    "all but the oldest 100": [("20 days", 100, 19_999)],
    "all but 100 in the middle": [("20 days", 0, 9_999), ("20 days", 10_100, 19_999)],
    "everything": [("20 days", 0, 19_999)],
    "everything, three times": [("20 days", 0, 19_999)] * 3,
    "everything, and then again": [("28 days", 0, 19_999), ("10 days", 0, 19_999)],
    "everything, as it came": [("300 days", 0, 19_999)],
    "everything before the cooldown, then the newest again": [
        ("300 days", 0, 19_999),
        ("20 days", 15_000, 19_999),
    ],
}


STATES = ("vacuumed", "as written")


class Catalogue(NamedTuple):
    """A database with posts, and the state in which its tables are kept."""

    connection: Connection
    state: str

    def settle(self) -> None:
        """Bring the tables into the state: after rows were added, before anything is measured."""
        if self.state == "vacuumed":
            self.connection.execute("VACUUM (ANALYZE)")


@pytest.fixture(scope="module", params=STATES)
def state(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def small(database: Database, state: str) -> Iterator[Catalogue]:
    """2,000 posts, of which other viewers have seen some."""
    with operator(database.admin_url) as connection:
        yield filled(connection, 2000, state)


@pytest.fixture(scope="module")
def large(module_database_of_state: Database, state: str) -> Iterator[Catalogue]:
    """20,000 posts."""
    with operator(module_database_of_state.admin_url) as connection:
        yield filled(connection, 20_000, state)


@pytest.fixture(scope="module")
def module_database_of_state(migrated_template: MigratedTemplate, state: str) -> Iterator[Database]:
    """An empty database for each state."""
    assert state
    with copy_of(migrated_template) as copy:
        yield copy


def filled(connection: Connection, count: int, state: str) -> Catalogue:
    # The test server commits without waiting for its log. Until the log is written, tenths of a
    # second later, no scan may note that a row version is dead, and each scan looks at them all
    # again: what a page costs would depend on the moment of the measurement.
    connection.execute("SET synchronous_commit = on")
    tables = connection.execute(
        "SELECT format('ALTER TABLE %I SET (autovacuum_enabled = off)', relname) AS off"
        " FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    ).fetchall()
    for table in tables:
        connection.execute(table["off"])
    connection.execute(POSTS, {"first": 0, "count": count - 1})
    for _ in range(5):
        connection.execute(SEEN, [uuid.uuid4(), "20 days", 0, count // 2])
    connection.execute("ANALYZE")
    if state == "as written":  # a second version of every row, so that no page is all visible
        connection.execute("UPDATE posts SET caption = 'changed'")
        connection.execute("UPDATE post_stats SET hot_score = hot_score + 1e-9")
        connection.execute("UPDATE viewer_last_seen SET seen_at = seen_at + interval '1 second'")
        connection.execute("UPDATE post_tags SET hot_score = hot_score + 1e-9")
    catalogue = Catalogue(connection, state)
    catalogue.settle()
    return catalogue


def buffers(
    catalogue: Catalogue,
    viewer: UUID,
    page_size: int = 12,
    *,
    newest: bool = False,
    session: UUID | None = None,
) -> int:
    """Buffers that one call for candidates touches, once the catalogues' caches are warm."""
    return touched(
        catalogue,
        "SELECT * FROM feed_candidates(%s, %s, 200, %s, newest => %s)",
        viewer,
        session,
        page_size,
        newest,
    )


def touched(catalogue: Catalogue, statement: LiteralString, *parameters: object) -> int:
    """Buffers that a statement touches when it is run for the second time."""
    wait_for_older_transactions(catalogue.connection)
    total = 0
    for _ in range(2):
        row = catalogue.connection.execute(
            "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " + statement, parameters
        ).fetchone()
        assert row is not None
        plan = row["QUERY PLAN"][0]["Plan"]
        total = sum(
            plan[kind]
            for kind in (
                "Shared Hit Blocks",
                "Shared Read Blocks",
                "Temp Read Blocks",
                "Temp Written Blocks",
            )
        )
    return total


def found(catalogue: Catalogue, viewer: UUID) -> dict[str, int]:
    rows = catalogue.connection.execute(
        "SELECT rung, count(*) AS posts FROM feed_candidates(%s, NULL, 200, 12) GROUP BY rung",
        [viewer],
    )
    return {row["rung"]: row["posts"] for row in rows}


def test_a_new_viewers_page_costs_the_same_in_a_catalogue_ten_times_as_large(
    small: Catalogue, large: Catalogue
) -> None:
    few, many = buffers(small, uuid.uuid4()), buffers(large, uuid.uuid4())
    assert many <= BOUND
    # One more level of the indexes: at most a third more on three.
    assert many <= few * 4 / 3


@pytest.mark.parametrize("history", HISTORIES)
def test_a_page_is_bounded_whatever_the_viewer_has_seen(large: Catalogue, history: str) -> None:
    viewer = uuid.uuid4()
    for seen in HISTORIES[history]:
        large.connection.execute(SEEN, [viewer, *seen])
    large.settle()
    assert buffers(large, viewer) <= BOUND


def test_the_histories_reach_the_last_stages(large: Catalogue) -> None:
    everything, nearly = uuid.uuid4(), uuid.uuid4()
    large.connection.execute(SEEN, [everything, "20 days", 0, 19_999])
    large.connection.execute(SEEN, [nearly, "20 days", 100, 19_999])
    assert found(large, everything) == {"seen": 12}
    assert found(large, nearly) == {"trending": 100}


def taste(catalogue: Catalogue, viewer: UUID) -> None:
    """Give the viewer a full taste."""
    catalogue.connection.execute(TASTE, {"viewer": viewer})
    catalogue.settle()


def test_a_full_taste_costs_the_same_in_a_catalogue_ten_times_as_large(
    small: Catalogue, large: Catalogue
) -> None:
    viewer = uuid.uuid4()
    taste(small, viewer)
    taste(large, viewer)
    few, many = buffers(small, viewer), buffers(large, viewer)
    assert many <= BOUND
    # One more level of the indexes, and six posts of each liked creator instead of four.
    assert many <= few * 7 / 4


@pytest.mark.parametrize("history", HISTORIES)
def test_a_page_of_taste_is_bounded_whatever_the_viewer_has_seen(
    large: Catalogue, history: str
) -> None:
    viewer = uuid.uuid4()
    taste(large, viewer)
    for seen in HISTORIES[history]:
        large.connection.execute(SEEN, [viewer, *seen])
    large.settle()
    assert buffers(large, viewer) <= BOUND
    assert buffers(large, viewer, newest=True) <= BOUND


def test_a_full_taste_costs_about_as_much_again_as_a_page_without_one_at_most(
    large: Catalogue,
) -> None:
    viewer = uuid.uuid4()
    taste(large, viewer)
    # Before 17 each id of an array is a descent of the index: the tags of posts cost more.
    bound = 2.2 if large.connection.info.server_version >= 17_00_00 else 2.6
    assert buffers(large, viewer) <= buffers(large, uuid.uuid4()) * bound


def test_the_bits_of_a_viewer_are_read_once_for_all_tags(large: Catalogue) -> None:
    """The viewer has seen the tops of eight tags that they like."""
    viewer = uuid.uuid4()
    large.connection.execute(
        "INSERT INTO viewer_tag_affinity (user_id, tag, value)"
        " SELECT %s, 'tag' || n, 5 FROM generate_series(1, 8) n",
        [viewer],
    )
    large.connection.execute(SEEN, [viewer, "20 days", 10_000, 19_999])
    large.settle()

    def bits_read() -> int:
        refresh_counters(large.connection)
        row = large.connection.execute(
            "SELECT seq_tup_read + idx_tup_fetch AS read FROM pg_stat_user_tables"
            " WHERE relname = 'viewer_seen'"
        ).fetchone()
        assert row is not None
        return int(row["read"])

    held = large.connection.execute("SELECT count(*) AS rows FROM viewer_seen").fetchall()
    before = bits_read()
    large.connection.execute(
        "SELECT w.* FROM vroom_private.begin_search("
        "  %s, NULL, now() - interval '30 days', now() - interval '7 days', now(), NULL, NULL) s,"
        " vroom_private.walk_liked_tags(s, 250) w",
        [viewer],
    )
    # The viewer has 11 blocks. The planner may read all rows of so small a table, but only once.
    assert 11 <= bits_read() - before <= held[0]["rows"]


def test_unproven_posts_are_found_by_their_own_index_however_old(large: Catalogue) -> None:
    viewer = uuid.uuid4()
    proven = "UPDATE post_stats SET impressions = %s WHERE post_no BETWEEN 100 AND 19999"
    large.connection.execute(proven, [500])
    large.settle()
    try:
        rows = large.connection.execute(
            "SELECT count(*) AS posts FROM feed_candidates(%s, NULL, 200, 12)"
            " WHERE source = 'unproven'",
            [viewer],
        ).fetchall()
        assert rows == [{"posts": 25}]
        assert buffers(large, viewer) <= BOUND / 4
    finally:
        large.connection.execute(proven, [0])


def test_tags_liked_that_no_post_bears_any_more_cost_little_and_the_page_is_full(
    large: Catalogue,
) -> None:
    """Creators drop a fashion, or delete their posts, and the viewer's taste outlives the tag."""
    viewer = uuid.uuid4()
    large.connection.execute(
        "INSERT INTO viewer_tag_affinity (user_id, tag, value)"
        " SELECT %s, 'gone' || n, 5 FROM generate_series(1, 300) n",
        [viewer],
    )
    large.settle()
    for seen in ([], HISTORIES["the newest 2,000"]):
        for impressions in seen:
            large.connection.execute(SEEN, [viewer, *impressions])
        large.settle()
        assert sum(found(large, viewer).values()) == 200
        # No more than a few descents of the index for each of the eight tags liked most.
        other = uuid.uuid4()
        for impressions in seen:
            large.connection.execute(SEEN, [other, *impressions])
        large.settle()
        assert buffers(large, viewer) <= buffers(large, other) * 1.25


def test_a_page_deep_in_a_session_costs_what_an_early_one_does(large: Catalogue) -> None:
    early, deep = uuid.uuid4(), uuid.uuid4()
    for viewer, pages in ((early, 40), (deep, 400)):
        for state in ("20 days", "10 days"):  # both have seen as much
            large.connection.execute(SEEN, [viewer, state, 15_000, 19_999])
        large.connection.execute(SESSION, {"viewer": viewer, "pages": pages})
    large.settle()
    few, many = (buffers(large, viewer, session=viewer) for viewer in (early, deep))
    # The pages of the session are read, and no more than that grows.
    assert many <= few + 2 * 400


def test_the_terms_of_a_caption_cost_the_same_in_a_catalogue_ten_times_as_large(
    small: Catalogue, large: Catalogue
) -> None:
    terms = "SELECT vroom_private.terms_of(gen_random_uuid(), 'Fresh noodles at the night market')"
    few, many = touched(small, terms), touched(large, terms)
    assert many <= few * 4 / 3  # as a new viewer's page


def test_the_words_of_a_watch_cost_the_same_in_a_catalogue_ten_times_as_large(
    small: Catalogue, large: Catalogue
) -> None:
    few, many = (watched_words(catalogue) for catalogue in (small, large))
    assert many <= few * 4 / 3


def watched_words(catalogue: Catalogue) -> int:
    """Buffers that it takes to read what is learnt of a post without tags."""
    post = uuid.uuid4()
    catalogue.connection.execute(
        "INSERT INTO posts (id, post_no, creator_id, mux_ready, mux_playback_id, caption)"
        " VALUES (%s, 20000, gen_random_uuid(), true, 'p', 'Fresh noodles at the night market')",
        [post],
    )
    try:
        return touched(catalogue, "SELECT vroom_private.taste_words(%s, '{}')", post)
    finally:
        catalogue.connection.execute("DELETE FROM posts WHERE id = %s", [post])
