from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from local.demo import checks
from local.demo.promises import Promise
from tests.unit.local.demo.building import broken, entry, page, post_id, stock

THIN = ["trending"] * 6 + ["repeat"] * 2 + ["recycled"] * 4


def test_a_full_page_of_unseen_posts_keeps_every_promise() -> None:
    found = list(checks.check_page(page([entry(n) for n in range(12)]), stock(range(40)), 12))
    assert broken(found) == set()
    assert {finding.promise for finding in found} == {
        Promise.EXACT_FILL,
        Promise.NO_POST_TWICE,
        Promise.NEVER_REPEAT,
        Promise.HONEST_DEGRADATION,
    }


def test_a_page_that_ran_into_repeats_openly_keeps_every_promise() -> None:
    shown = page([entry(n, source) for n, source in enumerate(THIN)], degraded="inventory")
    there = stock(range(12), seen=range(6, 12))
    assert broken(checks.check_page(shown, there, 12)) == set()


def test_a_page_of_a_catalogue_smaller_than_it_is_told_as_such() -> None:
    shown = page([entry(n) for n in range(5)], degraded="catalogue")
    assert broken(checks.check_page(shown, stock(range(5)), 12)) == set()


def test_a_short_page_is_found() -> None:
    shown = page([entry(n) for n in range(11)])
    assert "a page holds min(page_size, eligible posts)" in broken(
        checks.exact_fill(shown, stock(range(40)), 12)
    )


def test_a_post_that_is_not_eligible_is_found() -> None:
    shown = page([entry(n) for n in range(12)])
    assert broken(checks.exact_fill(shown, stock(range(1, 40)), 12)) == {
        "a page holds eligible posts only"
    }


def test_wrong_positions_and_a_missing_cursor_are_found() -> None:
    whole = page([entry(n) for n in range(3)])
    claim = {"positions count from 0, and a next cursor is there"}
    moved = replace(whole, posts=whole.posts[::-1])
    assert broken(checks.exact_fill(moved, stock(range(3)), 3)) == claim
    assert broken(checks.exact_fill(replace(whole, next_cursor=""), stock(range(3)), 3)) == claim


def test_a_post_twice_in_a_page_is_found() -> None:
    shown = page([entry(0), entry(1), entry(0)])
    assert broken(checks.no_post_twice(shown, stock(range(3)))) == {"none in a page"}


def test_a_post_again_in_a_session_is_found_while_others_remain() -> None:
    shown = page([entry(0), entry(1)])
    claim = {"none in a session while unserved ones remain"}
    assert broken(checks.no_post_twice(shown, stock(range(4), served=[0]))) == claim
    assert broken(checks.no_post_twice(shown, stock(range(2), served=[0]))) == set()


@pytest.mark.parametrize(("seen", "served"), [([3], []), ([], [3])])
def test_a_repeat_that_is_not_marked_is_found(seen: list[int], served: list[int]) -> None:
    there = stock(range(9), seen=seen, served=served)
    assert "repeats, and they alone, are marked" in broken(
        checks.honest_labels(page([entry(3)]), there)
    )


def test_an_unseen_post_marked_as_a_repeat_is_found() -> None:
    shown = page([entry(3, "repeat")])
    assert "repeats, and they alone, are marked" in broken(
        checks.honest_labels(shown, stock(range(9)))
    )


@pytest.mark.parametrize(
    ("source", "days", "followed", "right"),
    [
        ("fresh", 2, True, True),
        ("fresh", 8, False, False),
        ("trending", 2, False, False),
        ("following", 8, True, True),
        ("following", 8, False, False),
        ("trending", 8, True, False),
        ("trending", 8, False, True),
        ("fresh", 7, False, True),
        ("trending", 7, False, True),
        ("following", 7, False, False),
    ],
)
def test_a_rung_has_to_be_the_post_s_own(
    source: str, days: int, *, followed: bool, right: bool
) -> None:
    there = stock([3], age=timedelta(days=days), followed=[3] if followed else [])
    found = broken(checks.honest_labels(page([entry(3, source)]), there))
    assert found == (set() if right else {"fresh, following and trending are what they say"})


def test_a_repeat_while_an_unseen_post_is_left_is_found() -> None:
    shown = page([entry(n) for n in range(11)] + [entry(11, "recycled")], degraded="inventory")
    assert "only where unseen posts do not fill the page" in broken(
        checks.repeats_only_where_needed(shown, stock(range(13), seen=[11]), 12)
    )


def test_a_repeat_before_an_unseen_post_is_found() -> None:
    shown = page([entry(0), entry(1, "recycled"), entry(2)], degraded="inventory")
    assert broken(checks.repeats_only_where_needed(shown, stock(range(3), seen=[1]), 3)) == {
        "after every unseen post"
    }


def test_repeats_in_another_order_than_the_longest_ago_first_are_found() -> None:
    shown = page([entry(0), entry(1, "recycled"), entry(2, "recycled")])
    claim = {"the longest ago first, this session's last"}
    wrong_time = stock(range(3), seen=[2, 1])
    wrong_session = stock(range(3), seen=[1, 2], served=[1])
    right = stock(range(3), seen=[2, 1], served=[2])
    assert broken(checks.repeats_only_where_needed(shown, wrong_time, 3)) == claim
    assert broken(checks.repeats_only_where_needed(shown, wrong_session, 3)) == claim
    assert broken(checks.repeats_only_where_needed(shown, right, 3)) == set()


@pytest.mark.parametrize(
    ("sources", "unseen", "right"),
    [
        (THIN, 6, True),
        (["trending"] * 5 + ["repeat"] + ["trending"] * 6, 20, False),
        (["trending"] * 9 + ["repeat"] * 3, 9, False),
        (["trending"] * 10 + ["repeat"] * 2, 24, False),
        (["trending"] * 10 + ["repeat"] * 2, 23, True),
    ],
)
def test_controlled_repeats_keep_to_places_number_and_waterline(
    sources: list[str], unseen: int, *, right: bool
) -> None:
    shown = page([entry(n, source) for n, source in enumerate(sources)])
    holds = broken(checks.repeats_in_bounds(shown, stock(range(100, 100 + unseen)))) == set()
    assert holds == right


@pytest.mark.parametrize(
    ("sources", "word", "right"),
    [
        (["trending"] * 3, None, True),
        (["trending"] * 3, "inventory", False),
        (["trending"] * 2 + ["recycled"], "inventory", True),
        (["trending"] * 2 + ["recycled"], None, False),
        (["trending"] * 2, "catalogue", True),
        (["trending"] * 2, None, False),
    ],
)
def test_a_thin_catalogue_has_to_be_told_by_its_word(
    sources: list[str], word: str | None, *, right: bool
) -> None:
    shown = page([entry(n, source) for n, source in enumerate(sources)], degraded=word)
    assert (broken(checks.degraded_word(shown, 3)) == set()) == right


def test_a_post_recorded_before_is_found_in_a_new_session() -> None:
    shown = page([entry(0), entry(1)])
    assert not checks.none_recorded_before(shown, {post_id(1)}).holds
    assert checks.none_recorded_before(shown, {post_id(2)}).holds


def test_an_explored_post_that_was_seen_or_has_no_reason_is_found() -> None:
    shown = page([entry(0, "explore", propensity=0.01)])
    unexplained = page([entry(0, "explore", propensity=0.01)], reasons=["engagement"])
    assert broken(checks.explored_unseen(shown, stock([0]))) == set()
    assert broken(checks.explored_unseen(shown, stock([0], seen=[0])))
    assert broken(checks.explored_unseen(unexplained, stock([0])))
