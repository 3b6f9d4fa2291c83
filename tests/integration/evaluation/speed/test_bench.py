"""The whole benchmark, tiny: its counts and its results, never its times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from rich.console import Console

from evaluation.progress import steps
from evaluation.speed import dataset
from evaluation.speed.personas import PERSONAS
from evaluation.speed.plot import draw
from evaluation.speed.report import show
from evaluation.speed.run import run
from evaluation.speed.servers import role_passwords, run_postgres
from evaluation.speed.settings import BenchSettings, Shape
from evaluation.speed.targets import targets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evaluation.speed.dataset import Dataset

SHAPE = Shape(posts=3_000, impressions=20_000)
SAMPLES = 4


@pytest.fixture(scope="module")
def folder(scratch: Path) -> Path:
    return scratch / "bench-state"


@pytest.fixture(scope="module")
def results(folder: Path) -> dict[str, Any]:
    console = Console(quiet=True)
    with steps(console) as shown:
        return run(BenchSettings(SHAPE, SAMPLES, folder), shown)


@pytest.fixture(scope="module")
def catalogue(folder: Path, results: dict[str, Any]) -> Iterator[Dataset]:
    """What the run has measured on."""
    assert results
    own = folder / "bench"
    with run_postgres(own, durable=False) as server, steps(Console(quiet=True)) as shown:
        yield dataset.provide(server, SHAPE, role_passwords(own), shown)


def test_every_page_keeps_to_its_round_trips(results: dict[str, Any]) -> None:
    for name, pages in results["personas"].items():
        assert pages["first"]["most_round_trips"] <= 3, name
        assert pages["next"]["most_round_trips"] <= 2, name
        assert pages["next"]["round_trips"] == {
            "postgres": 1.0,
            "dynamodb_read": 1.0,
            "dynamodb_write": 0.0,
        }
    assert all(target.met for target in targets(results) if target.counted)


def test_the_books_hold_what_readers_rely_on(results: dict[str, Any]) -> None:
    assert set(results["personas"]) == {kind.name for kind in PERSONAS}
    assert {"floor_ms", "growth", "naive_sql", "redis", "batches"} <= set(results)
    for pages in results["personas"].values():
        for figures in pages.values():
            assert figures["n"] == SAMPLES
            assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"]
            assert figures["buffers"] > 0
            assert figures["rows_read"] > 0
        assert pages["first"]["write_units"] >= 1
        assert pages["next"]["write_units"] == 0
    assert results["personas"]["typical"]["next"]["read_units"] > 0
    assert [line["posts"] for line in results["growth"]["posts"]] == [SHAPE.posts]
    assert [line["seen"] for line in results["growth"]["seen"]] == [0, 1_000]


def test_a_run_is_shown_and_drawn(results: dict[str, Any], tmp_path: Path) -> None:
    console = Console(record=True, width=200, quiet=True)

    show(console, results, targets(results))
    draw(results["growth"], tmp_path / "bench.png")

    assert (tmp_path / "bench.png").stat().st_size > 10_000


def test_the_data_is_as_large_as_asked_and_nothing_is_left_to_roll_up(catalogue: Dataset) -> None:
    with psycopg.connect(catalogue.admin_url) as connection:

        def count(statement: str) -> int:
            row = connection.execute(statement.encode()).fetchone()
            assert row is not None
            return int(row[0])

        assert count("SELECT count(*) FROM post_stats WHERE eligible") >= SHAPE.posts
        ordinary = count(
            "SELECT count(*) FROM user_post_impressions"
            " WHERE source = 'trending' AND visible_ms = 4000"
        )
        assert ordinary == pytest.approx(SHAPE.impressions, rel=0.05)
        assert count("SELECT count(DISTINCT creator_id) FROM posts") >= SHAPE.creators / 2
        assert count("SELECT count(*) FROM post_tags") > SHAPE.posts


def test_what_viewers_have_seen_is_kept_by_the_triggers(catalogue: Dataset) -> None:
    with psycopg.connect(catalogue.admin_url) as connection:
        missing = connection.execute(
            "SELECT count(*) FROM user_post_impressions i WHERE NOT EXISTS (SELECT"
            " FROM viewer_last_seen l WHERE l.user_id = i.user_id AND l.post_id = i.post_id)"
        ).fetchone()
    assert missing == (0,)
