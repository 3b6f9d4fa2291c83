"""Which watches are judged, and how pages are held against them."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.replay.baselines import (
    ALL_TIME,
    DECAYED,
    HYBRID,
    NAMES,
    NEWEST,
    rank,
)
from evaluation.replay.columns import LogError
from evaluation.replay.crowd import Covisits, neighbours
from evaluation.replay.log import Log, from_columns
from evaluation.replay.madeup import SMALL, made_up
from evaluation.replay.metrics import judge, ratio
from evaluation.replay.recipe import Recipe, Settings
from evaluation.replay.window import choose


def _log(*rows: tuple[str, str, float]) -> Log:
    viewers, posts, times = zip(*rows, strict=True)
    return from_columns({"viewer": viewers, "post": posts, "time": times})


def test_only_a_next_watch_of_a_known_viewer_and_post_is_judged() -> None:
    log = _log(
        ("a", "x", 0.0),
        ("b", "y", 10.0),
        ("a", "y", 4_000.0),  # judged
        ("a", "x", 4_100.0),  # seen before
        ("c", "x", 4_200.0),  # the viewer's first
        ("b", "z", 4_300.0),  # nobody could know of the post
        ("c", "y", 4_400.0),  # judged
    )
    window = choose(log, 1.0, 100)
    assert window.begins == 2
    assert window.judged.tolist() == [2, 6]
    assert window.seen == (frozenset({0}), frozenset({0}))


def test_a_window_with_nothing_to_judge_is_refused() -> None:
    log = _log(("a", "x", 0.0), ("b", "y", 10.0), ("a", "x", 4_000.0))
    with pytest.raises(LogError, match="no watch that can be judged"):
        choose(log, 0.5, 10)
    with pytest.raises(LogError, match="as long as the log"):
        choose(log, 10.0, 10)


def test_the_gain_falls_with_the_place() -> None:
    judged = judge(
        [[3, 1], [1, 3], [1, 2], list(range(20, 40))],
        target=np.array([3, 3, 3, 39]),
        viewer=np.array([0, 0, 1, 1]),
        off_trend=np.array([True, True, False, False]),
        posts=100,
    )
    assert judged.gain.tolist() == [1.0, 1.0 / np.log2(3.0), 0.0, 0.0]
    assert judged.hit.tolist() == [1.0, 1.0, 0.0, 0.0]
    assert judged.off_trend_hits().value == 1.0
    assert judged.coverage == 15 / 100


def test_a_ranking_is_as_good_as_itself() -> None:
    gain, viewer = np.array([1.0, 0.0, 0.5, 0.3]), np.array([0, 1, 2, 3])
    same = ratio(gain, gain, viewer)
    assert (same.value, same.low, same.high) == (1.0, 1.0, 1.0)


def test_neighbours_share_what_is_watched_next() -> None:
    covisits = Covisits(3_600.0)
    for _ in range(3):
        covisits.add(1, 2, 0.0)
    covisits.add(1, 3, 0.0)
    found = neighbours(covisits, [1], 0.0, doubt=0.0)
    assert found == {2: 0.75, 3: 0.25}
    assert neighbours(covisits, [1], 3_600.0, doubt=2.0)[2] == pytest.approx(1.5 / 4.0)


def test_the_made_up_log_ranks_the_baselines_as_a_real_one_does() -> None:
    """The shorter the half-life down to minutes, the better; the hybrid is as good as the best."""
    log = made_up(SMALL)
    window = choose(log, 2.0, 600)
    pages, off_trend = rank(log, window)
    assert set(pages) == set(NAMES)
    target, viewer = log.post[window.judged], log.viewer[window.judged]
    ndcg = {
        name: judge(found, target, viewer, off_trend[0], len(log.posts)).gain.mean()
        for name, found in pages.items()
    }
    minutes, quarter, hour, six, day = (ndcg[name] for name in DECAYED)
    assert ndcg[NEWEST] < day
    assert ndcg[ALL_TIME] < day < six < hour < quarter
    assert minutes > 0.9 * quarter
    assert ndcg[HYBRID] > 0.97 * quarter
    again = made_up(SMALL)
    assert np.array_equal(log.at_s, again.at_s)
    assert np.array_equal(log.post, again.post)


def test_the_recipe_beats_decayed_popularity_and_never_shows_what_was_seen() -> None:
    log = made_up(SMALL)
    window = choose(log, 2.0, 300)
    pages, off_trend = rank(log, window)
    found = Recipe(log, Settings()).rank(window)
    for page, seen in zip(found, window.seen, strict=True):
        assert len(set(page)) == 12
        assert not seen & set(page)
    target, viewer = log.post[window.judged], log.viewer[window.judged]
    ours = judge(found, target, viewer, off_trend[1], len(log.posts))
    theirs = judge(pages[DECAYED[1]], target, viewer, off_trend[1], len(log.posts))
    assert ours.gain.mean() > theirs.gain.mean()
    assert ours.coverage > 3 * theirs.coverage
