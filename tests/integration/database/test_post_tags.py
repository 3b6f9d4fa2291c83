"""post_tags holds the eligible posts of every tag and term, whatever happens to posts."""

from collections.abc import Iterator
from random import Random
from typing import LiteralString

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import Database
from tests.integration.database.clients import Connection, operator

INSERT: LiteralString = """
  INSERT INTO posts (post_no, creator_id, visibility, mux_ready, mux_playback_id, tags, created_at)
  SELECT coalesce((SELECT max(post_no) FROM posts), 0) + n, md5((n %% 7)::text)::uuid,
         (ARRAY['public', 'public', 'shadow_ban'])[1 + n %% 3], n %% 5 <> 0, 'p',
         (ARRAY['{}', '{a}', '{a,b}', '{b,a,b}', '{"",a}', '{NULL,c}'])
           [1 + (n + %(draw)s) %% 6]::text[],
         timestamptz '2026-06-01' - n * interval '7 hours'
  FROM generate_series(1, %(count)s) n
"""
# Each changes about a third of the posts, by the draw.
CHANGES: dict[str, LiteralString] = {
    "insert": INSERT,
    "tag": "UPDATE posts SET tags = ARRAY['b', 'd', 'd', NULL] WHERE post_no %% 3 = %(draw)s",
    "untag": "UPDATE posts SET tags = '{}' WHERE post_no %% 3 = %(draw)s",
    "leave null": "UPDATE posts SET tags = '{NULL}' WHERE post_no %% 3 = %(draw)s",
    "hide": "UPDATE posts SET visibility = 'shadow_ban' WHERE post_no %% 3 = %(draw)s",
    "show": "UPDATE posts SET visibility = 'public', mux_ready = true"
    " WHERE post_no %% 3 = %(draw)s",
    "unready": "UPDATE posts SET mux_ready = false WHERE post_no %% 3 = %(draw)s",
    "publish": "UPDATE posts SET published_at = '2026-06-03' WHERE post_no %% 3 = %(draw)s",
    "unpublish": "UPDATE posts SET published_at = NULL WHERE post_no %% 3 = %(draw)s",
    "describe": "UPDATE posts SET caption = 'The soup' WHERE post_no %% 3 = %(draw)s",
    "hashtag": "UPDATE posts SET caption = 'Soup with #Noodles' WHERE post_no %% 3 = %(draw)s",
    "leave nothing to say": "UPDATE posts SET caption = 'the' WHERE post_no %% 3 = %(draw)s",
    "delete": "DELETE FROM posts WHERE post_no %% 3 = %(draw)s",
    "truncate": "TRUNCATE posts",
}


@pytest.fixture(scope="module")
def connection(module_database: Database) -> Iterator[Connection]:
    with operator(module_database.admin_url) as open_connection:
        yield open_connection


def differences(connection: Connection) -> list[dict[str, object]]:
    """Pairs of tag and post that stand on one side only, or with another score than the post's.

    Where a post has no tags, the words of its caption stand for them.
    """
    return connection.execute(
        "SELECT * FROM ("
        "  SELECT DISTINCT g.tag, p.id AS post_id, s.hot_score FROM posts p"
        "  JOIN post_stats s ON s.post_id = p.id,"
        "  unnest(CASE WHEN p.tags && '{a,b,c,d,new}' THEN p.tags"
        "              WHEN p.caption = 'The soup' THEN '{soup}'"
        "              WHEN p.caption LIKE '%#%' THEN '{noodles,soup}' END) AS g(tag)"
        "  WHERE p.visibility = 'public' AND p.mux_ready AND p.mux_playback_id <> ''"
        "    AND g.tag <> ''"
        ") defined FULL JOIN post_tags t USING (tag, post_id)"
        " WHERE t.hot_score IS NULL OR defined.hot_score IS NULL"
        "    OR abs(t.hot_score - defined.hot_score) > 0.5"
    ).fetchall()


def change(connection: Connection, name: str, draw: int) -> None:
    given = {"draw": draw, "count": 10} if name != "truncate" else None
    connection.execute(CHANGES[name], given)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(sorted(CHANGES)), st.integers(0, 2)), max_size=8))
def test_after_any_series_of_changes_each_tag_has_exactly_its_eligible_posts(
    connection: Connection, series: list[tuple[str, int]]
) -> None:
    connection.execute("TRUNCATE posts")
    connection.execute(INSERT, {"draw": 0, "count": 30})
    assert differences(connection) == []
    for name, draw in series:
        change(connection, name, draw)
        assert differences(connection) == [], name


@pytest.mark.parametrize("name", sorted(CHANGES.keys() - {"leave nothing to say"}))
def test_every_change_of_posts_that_matters_changes_the_tags(
    connection: Connection, name: str
) -> None:
    connection.execute("TRUNCATE posts")
    connection.execute(INSERT, {"draw": 0, "count": 30})
    if name == "unpublish":
        change(connection, "publish", 1)
    rows = "SELECT tag, post_id, hot_score FROM post_tags ORDER BY 1, 2"
    before = connection.execute(rows).fetchall()
    change(connection, name, 0 if name in {"describe", "hashtag"} else 1)
    assert connection.execute(rows).fetchall() != before


def test_an_earned_score_is_taken_over_when_a_post_is_tagged(connection: Connection) -> None:
    connection.execute("TRUNCATE posts")
    connection.execute(INSERT, {"draw": 0, "count": 12})
    connection.execute("UPDATE post_stats SET impressions = 10, hot_score = 1 + post_no")
    connection.execute("UPDATE posts SET tags = ARRAY['new']")
    rows = connection.execute(
        "SELECT t.hot_score - 1 - s.post_no AS off"
        " FROM post_tags t JOIN post_stats s USING (post_id)"
    ).fetchall()
    assert rows
    assert {row["off"] for row in rows} == {0}


def test_posts_of_one_statement_in_any_order_leave_the_same_tags(connection: Connection) -> None:
    left = []
    for seed in (1, 2):
        connection.execute("TRUNCATE posts")
        rows = [(number, ["a", "b", "c"][: number % 4]) for number in range(40)]
        Random(seed).shuffle(rows)  # noqa: S311  (no secret)
        connection.execute(
            "INSERT INTO posts (id, creator_id, mux_ready, mux_playback_id, tags, created_at)"
            " SELECT md5(r.no::text)::uuid, md5(r.no::text)::uuid, true, 'p', r.tags::text[],"
            " timestamptz '2026-06-01'"
            " FROM unnest(%s::integer[], %s::text[]) AS r(no, tags)",
            [[no for no, _ in rows], ["{" + ",".join(tags) + "}" for _, tags in rows]],
        )
        left.append(
            connection.execute("SELECT tag, post_id FROM post_tags ORDER BY 1, 2").fetchall()
        )
    assert left[0] == left[1]
    assert len(left[0]) == 10 * (0 + 1 + 2 + 3)
