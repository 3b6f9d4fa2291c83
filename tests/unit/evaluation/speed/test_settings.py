from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.speed.personas import PERSONAS, SEEN
from evaluation.speed.settings import BenchSettings, Shape
from local.errors import StackError


def test_the_full_size_is_the_default() -> None:
    settings = BenchSettings.from_environment({})

    assert settings.main == Shape(1_000_000, 10_000_000)
    assert settings.main.creators == 50_000
    assert (settings.samples, settings.state_dir) == (200, Path(".local"))


def test_growth_covers_three_sizes_and_ends_with_the_main_one() -> None:
    full = BenchSettings.from_environment({})
    small = BenchSettings.from_environment({"POSTS": "20000", "IMPRESSIONS": "200000"})

    assert [shape.posts for shape in full.growth()] == [10_000, 100_000, 1_000_000]
    assert small.growth() == [Shape(10_000, 100_000), Shape(20_000, 200_000)]


@pytest.mark.parametrize("text", ["0", "-5", "1e6", "many"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(StackError, match="POSTS"):
        BenchSettings.from_environment({"POSTS": text})


def test_each_kind_of_viewer_is_as_the_targets_name_it() -> None:
    full = Shape(1_000_000, 10_000_000)
    steps = {kind.name: dict(kind.statements(full)) for kind in PERSONAS}

    assert steps["new"] == {}
    assert steps["typical"]["sees_like_others"]["count"] == 500
    assert steps["typical"]["follows"]["count"] == 50
    assert steps["heavy"]["sees_hottest"]["count"] == 10_000
    assert steps["heavy"]["sees_anything"]["count"] == 10_000
    assert steps["exhausted"]["sees_hottest"]["count"] == 100_000
    assert steps["exhausted"]["sees_since"]["days"] == 30
    assert steps["follower"]["follows"]["count"] == 2_000


def test_histories_that_a_small_catalogue_cannot_have_are_left_out() -> None:
    small = Shape(20_000, 200_000)

    assert [kind.name for kind in SEEN if kind.fits(small)] == ["seen 0", "seen 1000", "seen 10000"]


def test_viewers_are_the_same_in_every_run_and_different_from_one_another() -> None:
    ids = [viewer for kind in (*PERSONAS, *SEEN) for viewer in kind.ids()]

    assert len(set(ids)) == len(ids)
    assert ids == [viewer for kind in (*PERSONAS, *SEEN) for viewer in kind.ids()]


def test_another_build_is_measured_only_where_one_is_named() -> None:
    assert BenchSettings.from_environment({}).against is None
    assert BenchSettings.from_environment({"AGAINST": ""}).against is None
    assert BenchSettings.from_environment({"AGAINST": "main~3"}).against == "main~3"
