from __future__ import annotations

from dataclasses import replace

import pytest

from local.demo import checks_ranking as checks
from local.demo.answers import Parts
from tests.unit.local.demo.building import broken, entry, page, true_reasons

BETTER, WORSE = Parts(0.9, 0.5, 0.6, 1.0), Parts(0.1, 0.5, 0.6, 1.0)


def test_a_page_in_order_keeps_every_promise() -> None:
    entries = [
        entry(0, "fresh", parts=WORSE),
        entry(1, "explore", propensity=0.02),
        entry(2, "following", parts=BETTER, followed=True),
        entry(3, "trending", parts=BETTER),
        entry(4, "trending", parts=WORSE),
    ]
    found = checks.check_ranking(page(entries), entries, [entry(9)], others_remain=True)
    assert broken(found) == set()


def test_an_answer_other_than_what_is_kept_is_found() -> None:
    entries = [entry(0), entry(1)]
    assert checks.same_entries(page(entries), entries).holds
    assert not checks.same_entries(page(entries), entries[:1]).holds
    assert not checks.same_entries(page(entries), [entry(0), entry(1, "fresh")]).holds
    assert not checks.same_entries(page(entries), [entry(0), entry(1, parts=BETTER)]).holds


@pytest.mark.parametrize("parts", [Parts(1.1, 0, 0, 0), Parts(0.5, -0.1, 0.5, 0.5)])
def test_a_part_outside_its_bounds_is_found(parts: Parts) -> None:
    assert broken(checks.scores([entry(0, parts=parts)]))


def test_a_score_that_is_not_the_weighted_sum_is_found() -> None:
    right = entry(0)
    assert broken(checks.scores([right])) == set()
    assert broken(checks.scores([right._replace(score=right.score + 1e-5)]))


@pytest.mark.parametrize(
    "reasons",
    [
        ["freshness", "engagement", "context", "diversity"],
        ["engagement", "freshness", "context"],
        ["engagement", "freshness", "context", "diversity", "seen_before"],
        [],
    ],
)
def test_reasons_out_of_order_missing_or_invented_are_found(reasons: list[str]) -> None:
    assert broken(checks.reasons(page([entry(0)], reasons=reasons), [entry(0)]))


def test_a_followed_creator_has_to_be_among_the_reasons() -> None:
    followed = [entry(0, followed=True)]
    assert broken(checks.reasons(page(followed), followed)) == set()
    assert broken(checks.reasons(page([entry(0)]), followed))


def test_a_post_that_is_watched_far_more_has_to_say_so_where_the_ranking_chose_it() -> None:
    hot, parts = [entry(0)._replace(heat=2.0)], true_reasons(entry(0))
    assert broken(checks.reasons(page(hot, reasons=["popular_right_now", *parts]), hot)) == set()
    assert broken(checks.reasons(page(hot, reasons=parts), hot))
    drawn = [entry(0, "explore", propensity=0.01)._replace(heat=2.0)]
    assert broken(checks.reasons(page(drawn), drawn)) == set()


def test_a_lower_rung_before_a_higher_one_is_found() -> None:
    assert not checks.rank_order([entry(0, "trending"), entry(1, "fresh")], []).holds
    assert checks.rank_order([entry(0, "fresh"), entry(1, "trending")], []).holds


def test_a_lower_score_before_a_higher_one_is_found() -> None:
    assert not checks.rank_order([entry(0, parts=WORSE), entry(1, parts=BETTER)], []).holds


def test_creator_variety_may_hold_a_better_post_back() -> None:
    held_back = [
        entry(0, creator=5, parts=BETTER),
        entry(1, creator=6, parts=WORSE),
        entry(2, creator=5, parts=BETTER),
    ]
    assert checks.rank_order(held_back, []).holds
    assert not checks.rank_order(held_back[1:], []).holds
    assert checks.rank_order(held_back[1:], held_back[:1]).holds


def test_neighbours_by_one_creator_are_found_also_across_pages() -> None:
    one, other, third = entry(0, creator=5), entry(1, creator=5), entry(2, creator=6)
    assert not checks.creator_variety([one, other], []).holds
    assert not checks.creator_variety([one], [other]).holds
    assert checks.creator_variety([one, third, other], []).holds


def test_a_third_post_by_one_creator_is_found() -> None:
    row = [entry(n, creator=5 if n % 2 == 0 else 50 + n) for n in range(5)]
    assert not checks.creator_variety(row, []).holds
    assert checks.creator_variety(row[:4], []).holds


def test_diversity_has_to_fall_with_a_creator_s_further_posts() -> None:
    lower = Parts(0.8, 0.5, 0.6, 0.5)
    assert broken(checks.variety_counts_on([entry(1, creator=5)], [entry(0, creator=5)]))
    assert broken(checks.variety_counts_on([entry(0, creator=5), entry(1, creator=5)], []))
    right = checks.variety_counts_on([entry(1, creator=5, parts=lower)], [entry(0, creator=5)])
    assert broken(right) == set()


@pytest.mark.parametrize(
    ("source", "propensity", "right"),
    [
        ("explore", 0.02, True),
        ("explore", 0.1, True),
        ("explore", None, False),
        ("explore", 0.0, False),
        ("explore", 0.2, False),
        ("trending", None, True),
        ("trending", 0.02, False),
    ],
)
def test_propensities_stand_on_explored_posts_alone(
    source: str, propensity: float | None, *, right: bool
) -> None:
    found = broken(checks.propensities([entry(0, source, propensity=propensity)]))
    assert (found == set()) == right


@pytest.mark.parametrize(("explored", "right"), [(0, False), (7, True), (30, False)])
def test_the_share_of_explored_positions_is_neither_none_nor_much(
    explored: int, *, right: bool
) -> None:
    row = [entry(n, "explore" if n < explored else "fresh") for n in range(72)]
    assert checks.explored_share(row).holds == right
    assert not checks.explored_share([]).holds


def test_every_check_of_a_page_is_made() -> None:
    entries = [entry(0, "fresh"), entry(1, "fresh", creator=0)]
    wrong = [replace(post, score=0.0, reasons=()) for post in page(entries).posts]
    shown = replace(page(entries), posts=tuple(wrong))
    spoilt = [e._replace(score=0.0, propensity=0.5) for e in entries]
    spoilt = [spoilt[0], spoilt[1]._replace(source="trending", score=0.5), *entries[:1]]
    found = broken(checks.check_ranking(shown, spoilt, [], others_remain=True))
    assert len(found) == 7
