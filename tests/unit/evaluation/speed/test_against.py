"""Two builds are compared by ratios of pairs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from evaluation.other_build import other_build
from evaluation.speed.against import ratio
from evaluation.speed.processor import per_page_ms
from local.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path


def test_half_the_time_in_every_pair_is_a_ratio_of_one_half_without_doubt() -> None:
    middle, low, high = ratio([(5.0, 10.0), (20.0, 40.0), (1.0, 2.0)])
    assert (middle, low, high) == pytest.approx((0.5, 0.5, 0.5))


def test_a_slow_moment_that_meets_both_builds_changes_nothing() -> None:
    calm = ratio([(5.0, 10.0), (6.0, 10.0)])
    stormy = ratio([(5.0, 10.0), (600.0, 1000.0)])
    assert stormy == pytest.approx(calm)


def test_one_pair_proves_nothing() -> None:
    middle, low, _ = ratio([(5.0, 10.0)])
    assert middle == pytest.approx(0.5)
    assert math.isnan(low)


@pytest.mark.parametrize("wanted", ["no-such-branch", "--help", "HEAD:README.md"])
def test_what_is_no_commit_is_named(wanted: str, tmp_path: Path) -> None:
    with pytest.raises(StackError, match="is no commit"):
        other_build(wanted, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_processor_time_is_shared_out_over_the_pages() -> None:
    before = {"Postgres": 1.0, "gateway": 2.0}
    after = {"Postgres": 1.5, "gateway": 2.0, "workers": 0.25}
    assert per_page_ms(before, after, 100) == {"Postgres": 5.0, "workers": 2.5}
