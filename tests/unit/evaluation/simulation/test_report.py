"""What people read of a simulation says what was measured, and no more."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from evaluation.intervals import estimate
from evaluation.other_build import Build
from evaluation.simulation import __main__ as command
from evaluation.simulation.each import Each
from evaluation.simulation.figures import Figures
from evaluation.simulation.plot import draw
from evaluation.simulation.report import (
    COMPARED,
    ROWS,
    differences_table,
    figures_table,
    paired_by,
    verdict,
    viewers_table,
)
from evaluation.simulation.scale import SMALL

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

BASE = Figures(
    watch_ratio=0.5,
    late_watch_ratio=0.5,
    minutes=3.0,
    likes=4.0,
    match=0.4,
    taste_found=0.6,
    left=0.0,
    repeats=0.0,
    creator_gini=0.3,
    quota_met=0.9,
    short_pages=0,
    degraded=0.0,
    cache_hits=float("nan"),
    quick_hits=float("nan"),
    quick_pages=float("nan"),
    pages=100,
    pages_per_session=4.0,
    seconds_per_page=90.0,
    daily=(0.4, float("nan"), 0.6),
)


def of(*watch_ratios: float, cache_hits: float = float("nan")) -> list[Figures]:
    return [
        replace(BASE, watch_ratio=ratio, late_watch_ratio=ratio, cache_hits=cache_hits)
        for ratio in watch_ratios
    ]


def text(table: Table) -> str:
    written = io.StringIO()
    Console(width=200, file=written).print(table)
    return written.getvalue()


def row(table: Table, title: str) -> str:
    return next(line for line in text(table).splitlines() if title in line)


RESULTS = {
    "ours": of(0.50, 0.52, 0.54, cache_hits=0.4),
    "worse": of(0.40, 0.41, 0.43),
    "better": of(0.60, 0.62, 0.64),
    "alike": of(0.40, 0.52, 0.64),
}


def test_every_figure_stands_in_the_table_with_its_interval() -> None:
    table = figures_table("A title", RESULTS)
    for each in ROWS:
        assert row(table, each.title)
    assert "0.520 ± 0.050" in row(table, "mean watch ratio")


def test_a_feed_without_a_cache_has_no_hit_rate() -> None:
    line = row(figures_table("", RESULTS), "cache hits")
    assert "40.0%" in line
    assert line.count(" - ") == 3


def test_differences_are_ours_less_the_other() -> None:
    table = differences_table(RESULTS)
    line = row(table, "mean watch ratio")
    assert "+0.107 ± 0.014" in line
    assert "-0.100 ± 0.000" in line
    assert len(text(table).splitlines()) >= len(COMPARED)


def each(*ratios: float) -> Figures:
    return replace(BASE, each=Each(ratios, ratios, (1.0,), (0.0,), (0.0, 1.0)))


def test_differences_of_each_viewer_are_pooled_over_seeds() -> None:
    ours = [each(0.50, 0.40, 0.3), each(0.60, 0.52, 0.3)]
    theirs = [each(0.40, 0.30, float("nan")), each(0.50, 0.40, 0.3)]
    found = paired_by([f.each for f in ours], [f.each for f in theirs], "watch_ratio")
    by_hand = estimate([0.10, 0.10, 0.10, 0.12, 0.0])
    assert (found.mean, found.half_width) == pytest.approx((by_hand.mean, by_hand.half_width))
    line = row(viewers_table({"ours": ours, "other": theirs}), "watch ratio")
    assert f"{by_hand.mean:+.3f} ± {by_hand.half_width:.3f}" in line


def test_where_nobody_can_be_paired_nothing_is_said() -> None:
    line = row(viewers_table({"ours": [BASE], "other": [BASE]}), "watch ratio")
    assert line.count(" - ") == 1


def test_the_verdict_says_more_less_or_unproven() -> None:
    sentences = {s.split(":")[0]: s for s in verdict(RESULTS)}
    assert "more is watched" in sentences["against worse"]
    assert "less is watched" in sentences["against better"]
    assert "no difference is proven" in sentences["against alike"]
    assert "+26%" in sentences["against worse"]


def test_one_seed_proves_nothing() -> None:
    (sentence,) = verdict({"ours": of(0.9), "other": of(0.1)})
    assert "no difference is proven" in sentence


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_picture_is_a_png_of_a_readable_size(tmp_path: Path, seeds: int) -> None:
    path = tmp_path / "new" / "picture.png"
    draw(path, {label: figures[:seeds] for label, figures in RESULTS.items()}, "a subtitle")
    header = path.read_bytes()[:24]
    assert header.startswith(b"\x89PNG")
    assert int.from_bytes(header[16:20], "big") >= 1200
    assert int.from_bytes(header[20:24], "big") >= 700


def test_every_comparison_holds_something_against_something() -> None:
    plans = command.plans(SMALL)
    assert set(plans) == {"feeds", "life", "start", "half-life", "weights", "quota", "ttl"}
    for plan in plans.values():
        assert len(plan.arms) >= 3
    assert len({plan.file for plan in plans.values()}) == len(plans)


def test_what_varies_is_what_the_comparison_is_about() -> None:
    half_lives = command.plans(SMALL)["half-life"].arms
    assert {scale.half_life_h for _, scale in half_lives.values()} == {12, 24, 48, 96}
    ttls = command.plans(SMALL)["ttl"].arms
    assert {s.environment["SESSION_CACHE_TTL_SECONDS"] for _, s in ttls.values()} == {
        "60",
        "300",
        "900",
    }


def test_another_build_is_one_more_arm_beside_the_first(tmp_path: Path) -> None:
    plan = command.plans(SMALL)["life"]
    build = Build("0123456789abcdef", tmp_path, "python")
    compared = plan.against(build)
    assert list(compared.arms)[:2] == ["ours", "build 0123456"]
    assert compared.arms["build 0123456"] == plan.arms["ours"]
    assert compared.builds == {"build 0123456": build}
    assert len(compared.arms) == len(plan.arms) + 1


def test_what_is_no_commit_is_named_before_anything_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([], {"AGAINST": "--help", "STATE_DIR": str(tmp_path)}) == 2
    assert "is no commit" in capsys.readouterr().out


def test_a_bad_number_is_named_before_anything_is_started(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command.main([], {"SEEDS": "none"}) == 2
    assert "SEEDS" in capsys.readouterr().out
