"""What viewers did before the feed came, from tables, files and columns with counts."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from rich.console import Console

from ops.adopt.apply import apply
from ops.adopt.history import counts
from ops.adopt.history import rows as history_module
from ops.adopt.history.csv_file import CsvError
from ops.adopt.inspection import RefusedError
from ops.adopt.mapping import Mapping

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APP = """
CREATE TABLE public.posts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), creator_id uuid NOT NULL, n serial, title text,
  views_count bigint, likes_count integer DEFAULT 0, created_at timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION viewer(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid;
INSERT INTO posts (creator_id, created_at)
SELECT viewer(n % 5), now() - interval '9 days' FROM generate_series(1, 20) n;
CREATE TABLE public.likes AS
SELECT viewer(100 + k) AS user_id, id AS post_id, now() - k * interval '1 hour' AS created_at
FROM posts, generate_series(1, 3) k;
"""
POSTS = {"POSTS": "public.posts"}
FIGURES = (
    "SELECT sum(impressions)::integer, sum(plays)::integer, sum(likes)::integer FROM post_stats"
)


@pytest.fixture
def owner(empty_database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(APP)
        yield connection


def adopt(url: str, **settings: str) -> str:
    console = Console(record=True, width=200, file=io.StringIO())
    assert apply(url, Mapping.from_settings(POSTS | settings), console)
    return console.export_text()


def figures(owner: psycopg.Connection[Any]) -> tuple[Any, ...] | None:
    return owner.execute(FIGURES).fetchone()


def seen_csv(owner: psycopg.Connection[Any], path: Path) -> Path:
    """Write two impressions a post by different viewers, a week old and an hour."""
    rows = owner.execute(
        "SELECT viewer(200 + k), id, (now() - k * interval '3 days')::text"
        " FROM posts, generate_series(1, 2) k"
    ).fetchall()
    lines = ["user_id,post_id,created_at", *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_file_is_taken_over_once(
    empty_database: str, owner: psycopg.Connection[Any], tmp_path: Path
) -> None:
    path = seen_csv(owner, tmp_path / "seen.csv")
    report = adopt(empty_database, IMPRESSIONS=str(path))
    assert "40 rows read, 40 new, 0 known already" in report
    assert figures(owner) == (40, 0, 0)
    assert "40 rows read, 0 new, 40 known already" in adopt(empty_database, IMPRESSIONS=str(path))
    assert figures(owner) == (40, 0, 0)


def test_a_file_with_one_bad_row_changes_nothing_at_all(
    empty_database: str, owner: psycopg.Connection[Any], tmp_path: Path
) -> None:
    path = seen_csv(owner, tmp_path / "seen.csv")
    path.write_text(path.read_text() + "x,y,z\n")
    mapping = Mapping.from_settings(POSTS | {"IMPRESSIONS": str(path)})
    with pytest.raises(CsvError, match=r"seen\.csv, row 42, column user_id: 'x' is no UUID"):
        apply(empty_database, mapping, Console(quiet=True))
    there = owner.execute("SELECT to_regnamespace('vroom_private') IS NULL").fetchone()
    assert there == (True,)


def test_rows_that_are_left_out_are_counted_by_reason(
    empty_database: str, owner: psycopg.Connection[Any], tmp_path: Path
) -> None:
    path = seen_csv(owner, tmp_path / "seen.csv")
    stranger = "6f1c4c5e-0000-4000-8000-000000000001"
    (post,) = owner.execute("SELECT id FROM posts LIMIT 1").fetchall()[0]
    with path.open("a") as file:
        file.write(f"{stranger},{stranger},2026-01-01T00:00:00Z\n")
        file.write(f"{stranger},{post},9000-01-01T00:00:00Z\n")
    report = adopt(empty_database, IMPRESSIONS=str(path))
    assert "40 new" in report
    assert "1 left out: from the future" in report
    assert "1 left out: of no post that is known" in report


def test_an_interrupted_run_is_finished_by_the_next(
    empty_database: str, owner: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner.execute(
        "INSERT INTO likes SELECT viewer(1000 + k), id, now() FROM posts, generate_series(1, 40) k"
    )
    monkeypatch.setattr(history_module, "_BLOCKS", 1)
    calls = iter([None, None, KeyboardInterrupt()])
    absorb = counts.absorb

    def interrupted(connection: psycopg.Connection[Any], after: int) -> None:
        outcome = next(calls, None)
        if outcome is not None:
            raise outcome
        absorb(connection, after)

    monkeypatch.setattr(counts, "absorb", interrupted)
    with pytest.raises(KeyboardInterrupt):
        adopt(empty_database, LIKES="likes")
    adopt(empty_database, LIKES="likes")
    assert figures(owner) == (0, 860, 860)


def test_the_heat_of_a_post_is_that_of_the_times_of_its_watches(
    empty_database: str, owner: psycopg.Connection[Any]
) -> None:
    """One viewer watched one post a day ago and another just now: the latter is the hot one."""
    owner.execute(
        "CREATE TABLE plays AS SELECT viewer(300) AS user_id, id AS post_id, 9000 AS play_ms,"
        " 10000 AS duration_ms, now() - CASE n WHEN 1 THEN interval '1 day'"
        " ELSE interval '1 minute' END AS created_at FROM posts WHERE n IN (1, 2)"
    )
    adopt(empty_database, WATCHES="plays")
    heats = dict(
        owner.execute(
            "SELECT p.n, h.heat FROM post_heat h JOIN posts p ON p.id = h.post_id"
        ).fetchall()
    )
    half_lives = (8 / 60, 1, 6, 24)
    for place, hours in enumerate(half_lives):
        apart = (24 - 1 / 60) / hours
        assert heats[2][place] - heats[1][place] == pytest.approx(apart, rel=1e-3)


def test_counts_fill_up_what_rows_do_not_say_and_once(
    empty_database: str, owner: psycopg.Connection[Any]
) -> None:
    owner.execute(
        "UPDATE posts SET views_count = CASE n WHEN 1 THEN 100 WHEN 2 THEN -5 WHEN 3 THEN NULL"
        " ELSE 2 END, likes_count = CASE n WHEN 1 THEN 10 ELSE 1 END"
    )
    counted = {"VIEW_COUNT": "views_count", "LIKE_COUNT": "likes_count"}
    adopt(empty_database, LIKES="likes", **counted)
    by_post = (
        "SELECT s.impressions, s.plays, s.likes FROM post_stats s JOIN posts p ON p.id = s.post_id"
    )
    rows = owner.execute(f"{by_post} WHERE n <= 4 ORDER BY n").fetchall()
    # Three likes of each post are rows. Whoever liked a post has seen it.
    assert rows == [(100, 100, 10), (1, 3, 3), (1, 3, 3), (2, 3, 3)]
    ratio = owner.execute(
        "SELECT watch_ratio_sum / plays FROM post_stats s JOIN posts p ON p.id = s.post_id"
        " WHERE n = 1"
    ).fetchone()
    assert ratio is not None
    assert 0.3 < ratio[0] < 0.9
    before = figures(owner)
    owner.execute("UPDATE posts SET likes_count = 1000")
    adopt(empty_database, LIKES="likes", **counted)
    assert figures(owner) == before


def test_rows_that_come_after_their_counts_do_not_count_twice(
    empty_database: str, owner: psycopg.Connection[Any]
) -> None:
    owner.execute("UPDATE posts SET likes_count = 5")
    adopt(empty_database, LIKE_COUNT="likes_count")
    assert figures(owner) == (100, 100, 100)
    adopt(empty_database, LIKE_COUNT="likes_count", LIKES="likes")
    assert figures(owner) == (100, 100, 100)
    # What happens after the counts were read is new.
    owner.execute("INSERT INTO likes SELECT viewer(900), id, now() FROM posts")
    adopt(empty_database, LIKE_COUNT="likes_count", LIKES="likes")
    assert figures(owner) == (100, 120, 120)


def test_history_that_the_feed_has_forgotten_is_not_counted_anew(
    empty_database: str, owner: psycopg.Connection[Any], tmp_path: Path
) -> None:
    path = seen_csv(owner, tmp_path / "seen.csv")
    adopt(empty_database, IMPRESSIONS=str(path))
    # The cooldown ends, and the upkeep removes what is older.
    owner.execute("UPDATE feed_settings SET cooldown = interval '5 days'")
    owner.execute("DELETE FROM user_post_impressions WHERE seen_at < now() - interval '5 days'")
    report = adopt(empty_database, IMPRESSIONS=str(path))
    assert "20 left out: older than what the feed keeps" in report
    assert figures(owner) == (40, 0, 0)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"VIEW_COUNT": "title"}, "title is text, not a number"),
        ({"LIKE_COUNT": "hearts"}, "no column hearts"),
    ],
)
def test_counts_that_are_none_are_refused(
    empty_database: str, owner: psycopg.Connection[Any], settings: dict[str, str], word: str
) -> None:
    assert not owner.closed
    with pytest.raises(RefusedError, match=word):
        adopt(empty_database, **settings)
