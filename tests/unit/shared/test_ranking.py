from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.heat import HALF_LIVES_S
from shared.models import Candidate, Connection, Device, Moment, Signals
from shared.ranking import Parts, Ranker
from shared.ranking_config import RankingConfig, Weights, with_mix
from tests.unit.shared.generators import (
    MOMENT,
    NOW,
    affinities,
    ages,
    candidates,
    moments,
    post,
    signals,
    varied,
)

rankers = st.builds(Ranker, st.just(RankingConfig()), signals, moments)
plain = Ranker(RankingConfig(), Signals(), MOMENT)
nearly = 1e-12  # what rounding may take from an inequality
counts = st.integers(0, 10**9)


def in_unit_interval(parts: Parts) -> bool:
    return all(0.0 <= part <= 1.0 for part in parts)


@given(rankers, candidates(), st.integers(0, 10_000))
def test_every_part_and_the_score_lie_between_0_and_1(
    ranker: Ranker, candidate: Candidate, served: int
) -> None:
    parts = ranker.parts(candidate, served)
    assert in_unit_interval(parts)
    assert 0.0 <= parts.total(Weights()) <= 1.0 + nearly


@given(
    rankers,
    candidates(),
    st.sampled_from(
        ("plays", "watch_ratio_sum", "likes", "comments", "shares", "creator_watch_ratio")
    ),
    st.integers(-(2**63), -1),
)
def test_a_negative_figure_does_not_push_a_part_out_of_range(
    ranker: Ranker, candidate: Candidate, field: str, value: int
) -> None:
    assert in_unit_interval(ranker.parts(varied(candidate, field, value)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("impressions", -50),
        ("impressions", -55),
        ("creator_samples", -20),
        ("creator_samples", -11),
    ],
)
def test_a_negative_count_of_evidence_counts_as_none(field: str, value: int) -> None:
    shown = post(1, plays=100)
    assert in_unit_interval(plain.parts(varied(shown, field, value)))


@given(
    signals=st.builds(Signals, *[st.floats(-1e9, 1e9)] * 5, samples=st.integers(-5, 5)),
    candidate=candidates(),
    moment=moments,
)
def test_habits_outside_their_range_do_not_push_a_part_out_of_range(
    signals: Signals, candidate: Candidate, moment: Moment
) -> None:
    assert in_unit_interval(Ranker(RankingConfig(), signals, moment).parts(candidate))


@pytest.mark.parametrize("field", ["watch_ratio_sum", "creator_watch_ratio", "creator_report_rate"])
def test_a_figure_that_is_no_number_sinks_its_post_below_every_other(field: str) -> None:
    known = post(1, impressions=10, plays=10, creator_samples=5, creator_watch_ratio=0.5)
    worst = post(2, published_at=NOW - timedelta(days=9_000), duration_ms=2**31 - 1)
    total = plain.parts(varied(known, field, math.nan)).total(Weights())
    assert total == -math.inf < plain.parts(worst, 1_000).total(Weights())


@given(st.lists(st.floats(), min_size=4, max_size=4))
def test_a_score_is_minus_infinity_or_finite_never_anything_else(values: list[float]) -> None:
    total = Parts(*values).total(Weights())
    assert total == -math.inf or math.isfinite(total)


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_the_score_is_the_weighted_sum_that_the_seed_prescribes(values: list[float]) -> None:
    engagement, freshness, context, diversity = values
    expected = 0.40 * engagement + 0.30 * freshness + 0.20 * context + 0.10 * diversity
    assert Parts(*values).total(Weights()) == pytest.approx(expected)


@given(rankers, candidates(), st.sampled_from(("likes", "comments", "shares")), counts, counts)
def test_more_reactions_at_equal_plays_never_lower_engagement(
    ranker: Ranker, candidate: Candidate, field: str, one: int, other: int
) -> None:
    few, many = (ranker.engagement(varied(candidate, field, n)) for n in sorted((one, other)))
    assert few <= many + nearly


@pytest.mark.parametrize("field", ["likes", "comments", "shares", "watch_ratio_sum"])
def test_each_kind_of_engagement_raises_the_score_of_a_post_that_was_shown(field: str) -> None:
    shown = post(1, impressions=100, plays=100)
    assert plain.engagement(varied(shown, field, 50)) > plain.engagement(shown)


@given(rankers, candidates(), st.floats(0, 1e6), st.floats(0, 1e6))
def test_longer_watching_at_equal_plays_never_lowers_engagement(
    ranker: Ranker, candidate: Candidate, one: float, other: float
) -> None:
    low, high = (
        ranker.engagement(candidate._replace(watch_ratio_sum=total))
        for total in sorted((one, other))
    )
    assert low <= high + nearly


@given(rankers, candidates())
def test_following_the_creator_never_lowers_engagement(
    ranker: Ranker, candidate: Candidate
) -> None:
    without = ranker.engagement(candidate._replace(followed=False))
    assert ranker.engagement(candidate._replace(followed=True)) >= without - nearly


@given(rankers, candidates(), st.floats(0, 1), st.floats(0, 1))
def test_a_creator_who_is_reported_more_never_ranks_higher_for_it(
    ranker: Ranker, candidate: Candidate, one: float, other: float
) -> None:
    few, many = (
        ranker.engagement(candidate._replace(creator_report_rate=rate))
        for rate in sorted((one, other))
    )
    assert many <= few + nearly


def test_reports_cost_a_new_post_of_a_well_known_creator() -> None:
    known = post(1, creator_samples=1_000, creator_watch_ratio=0.9)
    reported = known._replace(creator_report_rate=0.5)
    assert plain.quality(reported) < plain.quality(known) / 1.5
    assert plain.engagement(reported) < plain.engagement(known)


def test_a_post_of_which_nothing_is_known_is_neutral() -> None:
    assert plain.engagement(post(1)) == pytest.approx(0.5)


def test_few_lucky_plays_weigh_less_than_the_same_rates_over_many() -> None:
    lucky, proven = (
        post(n, impressions=n, plays=n, watch_ratio_sum=n, likes=n, comments=n, shares=n)
        for n in (2, 2_000)
    )
    assert 0.5 < plain.quality(lucky) < 0.55
    assert plain.quality(proven) > 0.7
    assert plain.engagement(proven) > plain.engagement(lucky) + 0.1


@given(
    plays=st.integers(1, 10**6),
    short_ratio=st.floats(0, 0.85),
    long_ratio=st.floats(0.36, 1),
    rates=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
)
def test_a_short_clip_does_not_beat_a_long_one_by_being_short(
    plays: int, short_ratio: float, long_ratio: float, rates: tuple[float, float, float]
) -> None:
    likes, comments, shares = (int(rate * plays) for rate in rates)
    shown = post(1, impressions=plays, plays=plays, likes=likes, comments=comments, shares=shares)
    short = shown._replace(duration_ms=10_000, watch_ratio_sum=short_ratio * plays)
    long = shown._replace(duration_ms=150_000, watch_ratio_sum=long_ratio * plays)
    assert plain.engagement(long) > plain.engagement(short) - nearly


def test_a_duration_bucket_begins_at_its_bound() -> None:
    watched = post(1, impressions=100, plays=100, watch_ratio_sum=70.0)
    at = {
        ms: plain.engagement(watched._replace(duration_ms=ms))
        for ms in (None, 0, 14_999, 15_000, 29_999, 30_000, 60_000, 120_000, 180_000)
    }
    assert at[None] == at[0] == at[14_999] < at[15_000] == at[29_999] < at[30_000]
    assert at[30_000] < at[60_000] < at[120_000] == at[180_000]


def test_a_viewer_who_shares_ranks_what_is_shared_above_what_is_liked() -> None:
    base = post(1, impressions=1_000, plays=1_000, watch_ratio_sum=850.0)
    liked, shared = base._replace(likes=200), base._replace(shares=60)
    liker, sharer = (
        Ranker(RankingConfig(), habits, MOMENT)
        for habits in (
            Signals(like_rate=0.5, samples=50),
            Signals(share_rate=0.5, samples=50),
        )
    )
    assert liker.engagement(liked) > liker.engagement(shared)
    assert sharer.engagement(shared) > sharer.engagement(liked)


def test_habits_without_samples_are_not_believed() -> None:
    guess = Ranker(RankingConfig(), Signals(like_rate=1.0, samples=0), MOMENT)
    liked = post(1, impressions=100, plays=100, likes=100)
    assert guess.engagement(liked) == plain.engagement(liked)


@given(rankers, ages, ages)
def test_a_newer_post_never_has_less_freshness(
    ranker: Ranker, one: timedelta, other: timedelta
) -> None:
    newer, older = sorted((one, other))
    young, old = (post(1, published_at=NOW - age) for age in (newer, older))
    assert ranker.freshness(young) >= ranker.freshness(old) - nearly


@pytest.mark.parametrize(("preference", "half_life_h"), [(0.0, 96), (0.5, 48), (1.0, 24)])
def test_freshness_halves_with_the_half_life_that_the_viewer_prefers(
    preference: float, half_life_h: int
) -> None:
    ranker = Ranker(RankingConfig(), Signals(freshness_preference=preference), MOMENT)
    half_life = timedelta(hours=half_life_h)
    assert ranker.freshness(post(1, published_at=NOW)) == 1.0
    for halvings in (1, 3):
        old = post(1, published_at=NOW - halvings * half_life)
        assert ranker.freshness(old) == pytest.approx(0.5**halvings)


def test_a_post_from_a_clock_that_runs_ahead_is_new() -> None:
    assert plain.freshness(post(1, published_at=NOW + timedelta(days=2))) == 1.0


@given(st.integers(0, 2**31 - 1), st.floats(0, 24, exclude_max=True), st.sampled_from(Device))
def test_a_better_connection_never_lowers_context(
    duration_ms: int, hour: float, device: Device
) -> None:
    fits = [
        Ranker(RankingConfig(), Signals(), Moment(NOW, hour, device, connection)).context(
            duration_ms
        )
        for connection in Connection  # best first
    ]
    assert all(better > worse for better, worse in pairwise(fits))


def test_long_clips_suit_a_television_at_night_and_short_ones_a_phone_in_the_morning() -> None:
    phone = Ranker(RankingConfig(), Signals(), Moment(NOW, 7.0, Device.PHONE))
    tv = Ranker(RankingConfig(), Signals(), Moment(NOW, 21.5, Device.TV))
    assert phone.context(20_000) > phone.context(180_000)
    assert tv.context(180_000) > tv.context(20_000)


@given(moments, st.floats(0.001, 10))
def test_no_hour_of_the_day_is_without_a_fitting_length(moment: Moment, seconds: float) -> None:
    assert 0.0 < Ranker(RankingConfig(), Signals(), moment).context(int(seconds * 1000)) <= 1.0


@given(st.integers(0, 500))
def test_each_earlier_post_of_a_creator_costs_diversity(served: int) -> None:
    assert plain.diversity(0) == 1.0
    assert plain.diversity(served + 1) == plain.diversity(served) / 2


@given(rankers, candidates())
def test_without_any_affinity_engagement_is_what_it_is_without_taste(
    ranker: Ranker, candidate: Candidate
) -> None:
    unknown = candidate._replace(creator_affinity=None, tag_affinity=None)
    tasteless = Ranker(RankingConfig(taste_doublings=0.0), Signals(), MOMENT)
    habitual = Ranker(RankingConfig(), Signals(), MOMENT)
    assert habitual.engagement(unknown) == tasteless.engagement(candidate)
    neutral = unknown._replace(creator_affinity=0.0, tag_affinity=0.0)
    assert ranker.engagement(neutral) == ranker.engagement(unknown)


@given(
    rankers,
    candidates(),
    st.sampled_from(("creator_affinity", "tag_affinity")),
    affinities,
    affinities,
)
def test_more_affinity_never_lowers_engagement(
    ranker: Ranker, candidate: Candidate, field: str, one: float, other: float
) -> None:
    less, more = sorted((one, other))
    liked, disliked = varied(candidate, field, more), varied(candidate, field, less)
    assert ranker.engagement(liked) >= ranker.engagement(disliked) - nearly


def test_affinity_that_is_no_number_sinks_its_post() -> None:
    for value in (math.nan, math.inf, -math.inf):
        assert plain.parts(post(1, tag_affinity=value)).total(Weights()) == -math.inf


def test_liked_creators_and_tags_outweigh_a_day_of_age_and_disliked_ones_cost_as_much() -> None:
    older = post(1, published_at=NOW - timedelta(days=1), creator_affinity=1.3, tag_affinity=1.3)
    unknown = post(2)
    disliked = post(3, creator_affinity=-1.3, tag_affinity=-1.3)
    liked = post(4, creator_affinity=1.3, tag_affinity=1.3)
    scores = [plain.parts(p).total(Weights()) for p in (older, unknown, disliked, liked)]
    assert scores[0] > scores[1]
    assert scores[3] - scores[1] == pytest.approx(scores[1] - scores[2])


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_reports_never_raise_a_creators_record(one: float, other: float) -> None:
    fewer, more = sorted((one, other))
    known = post(1, creator_samples=100, creator_watch_ratio=0.8)
    assert plain.engagement(known._replace(creator_report_rate=more)) <= plain.engagement(
        known._replace(creator_report_rate=fewer)
    )


def test_a_creator_at_the_tolerated_report_rate_has_half_the_record() -> None:
    tolerated = RankingConfig().tolerated_reports
    known = post(1, creator_samples=10**9, creator_watch_ratio=0.85)
    reported = known._replace(creator_report_rate=tolerated)
    assert plain.quality(reported) == pytest.approx(plain.quality(known) / 2)


WATCHED = (NOW - datetime(2020, 1, 1, tzinfo=UTC)).total_seconds()


def hot(number: int, *watches: float, plays: int = 0) -> Candidate:
    """A post with so many decayed watches by each half-life."""
    heat = [
        math.log2(watched) + WATCHED / half_life_s
        for watched, half_life_s in zip(watches, HALF_LIVES_S, strict=True)
    ]
    return post(number, heat=heat, plays=plays)


def test_what_is_watched_now_stands_above_what_was_watched_most() -> None:
    """A post with 40 watches in minutes beats one with 400 yesterday, under a mix of minutes."""
    now, yesterday = hot(1, 40, 60, 60, 60), hot(2, 0.01, 0.1, 40, 400)
    config = with_mix(RankingConfig(), [0.7, 0.2, 0.05, 0.05])
    ranker = Ranker(config, Signals(), MOMENT, [now, yesterday, post(3)])
    assert ranker.engagement(now) == 1.0 > ranker.engagement(yesterday)
    assert ranker.freshness(now) > 0.8
    assert ranker.freshness(yesterday) < 0.2
    slow = Ranker(RankingConfig(mix_day=1.0), Signals(), MOMENT, [now, yesterday, post(3)])
    assert slow.engagement(yesterday) == 1.0 > slow.engagement(now)


def test_each_doubling_below_the_best_costs_the_same() -> None:
    posts = [hot(n, *[2.0**n * 64 - 1] * 4, plays=0) for n in range(1, 5)]
    ranker = Ranker(RankingConfig(), Signals(), MOMENT, posts)
    standing = [ranker.engagement(p) for p in posts]
    assert standing[-1] == 1.0
    steps = [better - worse for worse, better in pairwise(standing)]
    assert steps == pytest.approx([1 / RankingConfig().heat_range] * 3)


def test_taste_counts_more_where_all_are_watched_alike() -> None:
    config = RankingConfig()
    liked, other = post(1, tag_affinity=1.0), post(2)
    alike = [hot(n, 1, 1, 1, 1) for n in range(10, 50)]
    trends = [hot(n, *[4.0 ** (n % 5)] * 4) for n in range(10, 50)]
    calm, busy = (Ranker(config, Signals(), MOMENT, [liked, other, *c]) for c in (alike, trends))
    assert busy.taste_doublings == config.taste_doublings
    assert calm.taste_doublings > 2 * config.taste_doublings
    gain = calm.engagement(liked) - calm.engagement(other)
    assert gain > busy.engagement(liked) - busy.engagement(other)


def test_what_others_went_on_to_and_what_is_liked_outweigh_some_heat() -> None:
    hotter, followed, liked = hot(1, 1, 1, 1, 1), post(2, follows=0.2), post(3, tag_affinity=4.0)
    others = [hot(n, 1, 1, 1, 1) for n in range(10, 50)]
    ranker = Ranker(RankingConfig(), Signals(), MOMENT, [hotter, followed, liked, *others])
    assert ranker.engagement(followed) > ranker.engagement(hotter)
    assert ranker.engagement(liked) > ranker.engagement(hotter)
    assert ranker.appeal(post(4)) < min(ranker.appeal(followed), ranker.appeal(liked))


@given(
    st.lists(
        st.builds(
            lambda c, heat, follows: c._replace(heat=heat, follows=follows),
            candidates(),
            st.none() | st.lists(st.floats(-1e9, 1e9), min_size=4, max_size=4),
            st.none() | st.floats(0, 5),
        ),
        max_size=6,
    ),
    candidates(),
)
def test_among_any_candidates_each_part_lies_between_0_and_1(
    among: list[Candidate], other: Candidate
) -> None:
    ranker = Ranker(RankingConfig(), Signals(), MOMENT, among)
    assert all(in_unit_interval(ranker.parts(c)) for c in (*among, other))
