from __future__ import annotations

import math
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.feed_ranker.ranking.exploration import Discovery, Explorer, beta_quantile, weight
from tests.unit.feed_ranker.generators import SESSION
from tests.unit.shared.generators import NOW, ages, candidates, counters, post

if TYPE_CHECKING:
    from shared.models import Candidate

sessions = st.uuids(version=4)
positions = st.integers(0, 49)
weights = st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=16)


def within_5_sigma(hits: int, trials: int, probability: float) -> bool:
    sigma = math.sqrt(trials * probability * (1 - probability))
    return abs(hits - trials * probability) <= 5 * sigma


@given(sessions, st.integers(0, 2**32 - 1), positions, weights)
def test_the_same_session_and_page_draw_the_same(
    session: UUID, page_no: int, position: int, shares: list[float]
) -> None:
    one, other = Explorer(session, page_no, 0.1), Explorer(session, page_no, 0.1)
    items = range(len(shares))
    assert one.explores(position) == other.explores(position)
    assert one.draw(position, items, shares) == other.draw(position, items, shares)


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5])
def test_the_share_of_explored_positions_is_the_rate(rate: float) -> None:
    hits = sum(
        Explorer(UUID(int=session), page_no, rate).explores(position)
        for session in range(1_500)
        for page_no in (0, 1)
        for position in range(12)
    )
    assert within_5_sigma(hits, 36_000, rate)


@pytest.mark.parametrize("position", [0, 5, 11])
def test_every_position_is_explored_at_the_rate(position: int) -> None:
    hits = sum(Explorer(UUID(int=n), 3, 0.1).explores(position) for n in range(8_000))
    assert within_5_sigma(hits, 8_000, 0.1)


@given(sessions, st.integers(0, 100), positions)
def test_a_rate_of_0_explores_nothing_and_one_of_1_everything(
    session: UUID, page_no: int, position: int
) -> None:
    assert not Explorer(session, page_no, 0.0).explores(position)
    assert Explorer(session, page_no, 1.0).explores(position)


@given(sessions, st.integers(0, 99), positions, weights, st.floats(0, 1))
def test_the_propensity_is_the_rate_times_the_share_of_the_weight(
    session: UUID, page_no: int, position: int, shares: list[float], rate: float
) -> None:
    index, propensity = Explorer(session, page_no, rate).draw(position, range(len(shares)), shares)
    assert propensity == pytest.approx(rate * shares[index] / sum(shares))


def test_posts_are_shown_as_often_as_their_propensity_says() -> None:
    shares, rate, trials = [0.7, 0.1, 0.05, 0.4], 0.3, 12_000
    shown: Counter[int] = Counter()
    for n in range(trials):
        explorer = Explorer(UUID(int=n), 1, rate)
        if explorer.explores(4):
            shown[explorer.draw(4, range(4), shares)[0]] += 1
    for index, share in enumerate(shares):
        assert within_5_sigma(shown[index], trials, rate * share / sum(shares))


def test_the_positions_of_a_page_draw_independently() -> None:
    both = sum(
        explorer.explores(3) and explorer.explores(4)
        for explorer in (Explorer(UUID(int=n), 0, 0.3) for n in range(8_000))
    )
    assert within_5_sigma(both, 8_000, 0.09)


def test_the_pages_of_a_session_draw_independently() -> None:
    both = sum(
        Explorer(UUID(int=n), 0, 0.3).explores(2) and Explorer(UUID(int=n), 1, 0.3).explores(2)
        for n in range(8_000)
    )
    assert within_5_sigma(both, 8_000, 0.09)


@given(sessions, positions)
def test_a_post_without_weight_among_others_is_not_drawn(session: UUID, position: int) -> None:
    assert Explorer(session, 0, 0.1).draw(position, "abc", [0.0, 1.0, 0.0])[0] == "b"


def test_posts_without_any_weight_are_equally_likely() -> None:
    item, propensity = Explorer(UUID(int=1), 0, 0.1).draw(0, "ab", [0.0, 0.0])
    assert item in "ab"
    assert propensity == pytest.approx(0.05)


@given(ages, counters)
def test_a_weight_lies_between_0_and_1(age: timedelta, impressions: int) -> None:
    assert 0.0 < weight(NOW - age, impressions, NOW) <= 1.0


@given(ages, ages, counters)
def test_a_newer_post_is_never_less_likely(
    one: timedelta, other: timedelta, impressions: int
) -> None:
    newer, older = sorted((one, other))
    assert weight(NOW - newer, impressions, NOW) >= weight(NOW - older, impressions, NOW)


@given(ages, counters, counters)
def test_a_post_that_was_shown_less_is_never_less_likely(
    age: timedelta, one: int, other: int
) -> None:
    fewer, more = sorted((one, other))
    assert weight(NOW - age, fewer, NOW) >= weight(NOW - age, more, NOW)


def test_age_and_showings_each_cost_likelihood() -> None:
    new = weight(NOW, 0, NOW)
    assert new == 1.0
    assert weight(NOW - timedelta(days=7), 0, NOW) == pytest.approx(0.525)
    assert weight(NOW, 50, NOW) == pytest.approx(0.5)
    assert weight(NOW - timedelta(days=9_000), 0, NOW) == pytest.approx(0.05)


unit = st.floats(1e-9, 1 - 1e-9)
shapes = st.floats(1, 1e6)


def favouring(session: UUID = SESSION, *, quota: int = 100, new_viewer: bool = False) -> Discovery:
    return Discovery(session, 0, NOW, quota, new_viewer)


def mean_weight(candidate: Candidate, quota: int = 100) -> float:
    """Over the draws of many sessions."""
    drawn = [favouring(UUID(int=n), quota=quota).weight(candidate) for n in range(400)]
    return sum(drawn) / len(drawn)


@given(
    candidate=candidates(),
    session=sessions,
    page_no=st.integers(0, 99),
    quota=st.integers(0, 100),
    new_viewer=st.booleans(),
)
def test_every_post_can_be_drawn(
    candidate: Candidate, session: UUID, page_no: int, quota: int, *, new_viewer: bool
) -> None:
    assert Discovery(session, page_no, NOW, quota, new_viewer).weight(candidate) > 0.0


@given(candidates(), sessions, st.integers(0, 99))
def test_the_same_session_page_and_post_weigh_the_same(
    candidate: Candidate, session: UUID, page_no: int
) -> None:
    one, other = Discovery(session, page_no, NOW), Discovery(session, page_no, NOW)
    assert one.weight(candidate) == other.weight(candidate)


@given(candidates(), sessions, st.integers(0, 100))
def test_once_it_has_its_quota_a_post_is_favoured_no_longer(
    candidate: Candidate, session: UUID, quota: int
) -> None:
    shown = candidate._replace(impressions=quota + candidate.impressions % 1000)
    shown = shown._replace(creator_affinity=None, tag_affinity=None, follows=None)
    plain = weight(shown.published_at, shown.impressions, NOW)
    assert favouring(session, quota=quota).weight(shown) == plain


@pytest.mark.parametrize("impressions", [0, 30, 60, 90])
def test_a_post_that_lacks_impressions_is_favoured_the_more_it_lacks(impressions: int) -> None:
    few, more = (post(1, impressions=n) for n in (impressions, impressions + 9))
    assert mean_weight(few) > 1.1 * mean_weight(few, quota=0)
    assert mean_weight(few) > mean_weight(more)


def test_of_unproven_posts_the_newer_one_is_favoured() -> None:
    new, old = post(1), post(1, published_at=NOW - timedelta(days=3))
    assert mean_weight(new) > 1.2 * mean_weight(old)


def test_of_unproven_posts_the_one_that_is_watched_further_is_favoured_though_not_always() -> None:
    shown = post(1, impressions=10, plays=10, duration_ms=20_000)
    liked, left = shown._replace(watch_ratio_sum=9.5), shown._replace(watch_ratio_sum=3.0)
    assert mean_weight(liked) > 1.2 * mean_weight(left)
    wins = sum(
        favouring(UUID(int=n)).weight(post(2)) > favouring(UUID(int=n)).weight(liked)
        for n in range(400)
    )
    assert 0 < wins < 400


def test_a_new_viewer_meets_tags_that_they_have_not_tried() -> None:
    untried, tried = post(1, impressions=500), post(1, impressions=500, tag_affinity=0.1)
    new, known = favouring(new_viewer=True), favouring()
    assert new.weight(untried) == 2 * new.weight(tried)
    assert known.weight(untried) < known.weight(tried)


def test_a_known_viewer_explores_by_taste_and_neighbours_and_a_new_one_does_not() -> None:
    plain, liked, disliked, near, certain = (
        post(1, impressions=500, tag_affinity=0.0),
        post(1, impressions=500, tag_affinity=4.0),
        post(1, impressions=500, tag_affinity=-4.0),
        post(1, impressions=500, tag_affinity=0.0, follows=0.1),
        post(1, impressions=500, tag_affinity=0.0, follows=0.9),
    )
    known = favouring()
    assert known.weight(disliked) < known.weight(plain) < known.weight(liked)
    assert known.weight(plain) < known.weight(near) < known.weight(certain)
    assert known.weight(certain) == pytest.approx(5 * known.weight(plain))
    new = favouring(new_viewer=True)
    assert {new.weight(c) for c in (liked, disliked, near, certain)} == {new.weight(plain)}


@given(sessions, st.integers(0, 99), positions, st.lists(candidates(), min_size=1, max_size=16))
def test_propensities_are_exact_given_the_draws_and_sum_to_the_rate(
    session: UUID, page_no: int, position: int, pool: list[Candidate]
) -> None:
    discovery = Discovery(session, page_no, NOW)
    shares = [discovery.weight(c) for c in pool]
    item, propensity = Explorer(session, page_no, 0.1).draw(position, range(len(pool)), shares)
    assert propensity == pytest.approx(0.1 * shares[item] / sum(shares))
    assert sum(0.1 * share / sum(shares) for share in shares) == pytest.approx(0.1)


@pytest.mark.parametrize(("a", "b"), [(2.8, 5.2), (5, 5), (6, 50), (80, 20)])
def test_the_beta_quantile_is_that_of_the_distribution(a: float, b: float) -> None:
    steps = 100_000
    masses = [(n / steps) ** (a - 1) * (1 - n / steps) ** (b - 1) for n in range(steps + 1)]
    whole = sum(masses)
    for probability in (0.01, 0.25, 0.5, 0.75, 0.99):
        at = round(steps * beta_quantile(probability, a, b))
        below = sum(masses[:at]) / whole
        density = masses[at] * steps / whole
        assert abs(below - probability) / density < 0.005


@given(unit, unit, shapes, shapes)
def test_a_beta_quantile_lies_in_its_range_and_grows_with_the_probability(
    one: float, other: float, a: float, b: float
) -> None:
    low, high = sorted((one, other))
    assert 0.0 <= beta_quantile(low, a, b) <= beta_quantile(high, a, b) + 1e-9 <= 1.0 + 1e-9
