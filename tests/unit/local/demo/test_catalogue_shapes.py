from __future__ import annotations

import math
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.catalogue import shapes
from local.catalogue.words import TOPICS, Words

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def draws(seed: int = 1) -> random.Random:
    return random.Random(seed)  # noqa: S311 - makes data, not secrets


@pytest.mark.parametrize(
    ("quantile", "seconds"), [(0.05, 11), (0.10, 15), (0.25, 32), (0.50, 81), (0.75, 148)]
)
def test_lengths_have_the_quantiles_of_a_real_catalogue(quantile: float, seconds: float) -> None:
    assert shapes.length_ms(quantile) == pytest.approx(seconds * 1000)


def test_a_fifth_of_the_videos_was_trimmed_to_the_longest_length() -> None:
    trimmed = [q for q in range(1000) if shapes.length_ms(q / 1000) == shapes.LONGEST_MS]
    assert 170 <= len(trimmed) <= 200
    assert shapes.length_ms(0.999) == shapes.LONGEST_MS


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_lengths_and_ages_grow_with_the_quantile(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 5_000 <= shapes.length_ms(low) <= shapes.length_ms(high) <= shapes.LONGEST_MS
    assert timedelta() <= shapes.age(low) <= shapes.age(high) < 731 * DAY


def test_ages_are_dense_in_the_last_days_and_reach_back_two_years() -> None:
    ages = [shapes.age(q / 1000) for q in range(1000)]
    assert 110 <= sum(age < 7 * DAY for age in ages) <= 140
    assert sum(age < DAY for age in ages) > sum(DAY <= age < 2 * DAY for age in ages)
    assert ages[-1] > 700 * DAY


def test_creators_are_like_those_of_a_real_catalogue() -> None:
    counts = shapes.posts_by_creator(7_583, 6_510, draws())
    assert (len(counts), sum(counts)) == (6_510, 7_583)
    assert counts.count(1) / len(counts) == pytest.approx(0.87, abs=0.005)
    assert 18 <= counts[0] <= 40


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))))
def test_any_number_of_creators_shares_all_posts(numbers: tuple[int, int]) -> None:
    posts, creators = numbers
    counts = shapes.posts_by_creator(posts, creators, draws())
    assert (len(counts), sum(counts)) == (creators, posts)
    assert min(counts) >= 1
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize("creators", [0, -1, 11])
def test_creators_without_a_post_are_refused(creators: int) -> None:
    with pytest.raises(ValueError, match="10 posts cannot be by"):
        shapes.posts_by_creator(10, creators, draws())


def test_hot_score_counts_half_lives_since_2020_and_doublings_of_weight() -> None:
    assert shapes.hot_score(shapes.HOT_EPOCH, 1.0) == 0.0
    assert shapes.hot_score(shapes.HOT_EPOCH + 3 * DAY, 8.0) == pytest.approx(6.0)


@given(
    st.integers(0, 2**32),
    st.floats(-4, 4),
    st.integers(5_000, 180_000),
    st.floats(0, 730),
)
def test_engagement_is_possible_and_finite(
    seed: int, quality: float, length: int, days: float
) -> None:
    published_at = NOW - days * DAY
    done = shapes.engagement(draws(seed), quality, length, published_at, NOW)
    assert 0 <= done.plays <= done.impressions
    assert 0 <= done.watch_ratio_sum <= done.plays
    assert all(0 <= count <= done.plays for count in (done.likes, done.comments, done.shares))
    assert math.isfinite(done.hot_score)
    # Every event happened between publication and now, so its decayed weight lies between the two.
    weight = 1 + done.watch_ratio_sum + 2 * done.likes + 3 * done.comments + 4 * done.shares
    assert done.hot_score >= shapes.hot_score(published_at, 1.0)
    assert done.hot_score <= shapes.hot_score(NOW, weight) + 1e-6


def drawn(quality: float, length: int, days: float = 30) -> list[shapes.Engagement]:
    rng = draws(5)
    return [shapes.engagement(rng, quality, length, NOW - days * DAY, NOW) for _ in range(400)]


def test_quality_earns_reach_and_likes() -> None:
    good, poor = drawn(1.0, 60_000), drawn(-1.0, 60_000)
    for column in ("impressions", "likes", "shares"):
        assert sum(getattr(e, column) for e in good) > 3 * sum(getattr(e, column) for e in poor)


def test_longer_videos_are_watched_to_a_smaller_part() -> None:
    ratios = [
        sum(e.watch_ratio_sum for e in some) / sum(e.plays for e in some)
        for some in (drawn(0, 10_000), drawn(0, 60_000), drawn(0, 180_000))
    ]
    assert ratios[0] > ratios[1] + 0.1 > ratios[2] + 0.2


def test_reach_has_a_long_tail() -> None:
    reach = sorted(e.impressions for e in drawn(0.0, 60_000))
    assert reach[-1] > 10 * reach[len(reach) // 2] > 0


def test_the_commonest_tag_is_on_19_of_100_videos_and_46_tags_are_in_use() -> None:
    words = Words(draws())
    tags = Counter(tag for _ in range(20_000) for tag in words.tags(words.topic()))
    assert len(tags) == 46
    (name, count), (_, second) = tags.most_common(2)
    assert name == TOPICS[0].tags[0]
    assert count / 20_000 == pytest.approx(0.19, abs=0.01)
    assert second < 0.85 * count


def test_captions_are_of_several_scripts_some_with_emoji_some_empty() -> None:
    words = Words(draws())
    captions = [words.caption(words.topic()) for _ in range(3_000)]
    assert "" in captions
    assert any("\u0590" <= c <= "\u06ff" for caption in captions for c in caption)
    assert any(ord(c) >= 0x1F300 for caption in captions for c in caption)
    assert all(caption == caption.strip() and "{" not in caption for caption in captions)
    assert len(set(captions)) > 500
