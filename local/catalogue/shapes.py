"""The distributions of lengths, ages, creators and engagement in a short-video catalogue.

Lengths and creators follow 7,583 videos of Kuaishou (the side table of KuaiRand-Pure).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

POSTS_PER_CREATOR = 7_583 / 6_510
_BUSY = 0.13  # the share of creators with more than one video
_BUSY_DECLINE = 0.9  # the Zipf exponent that gives the busiest of 6,510 creators about 25 videos
_CROWDED = 4  # with more further videos than this per busy creator, more creators are busy

# Quantiles of the length in seconds. Between them, the logarithm of the length is interpolated.
_LENGTHS = (
    (0.00, 5.0),
    (0.05, 11.0),
    (0.10, 15.0),
    (0.25, 32.0),
    (0.50, 81.0),
    (0.75, 148.0),
    (0.90, 238.0),
    (0.99, 510.0),
    (1.00, 900.0),
)
LONGEST_MS = 180_000  # longer videos are trimmed before they are published

_OLDEST = timedelta(days=730)
_AGE_POWER = 2.2  # a quarter of all posts is from the last 33 days, an eighth from the last 7

# These values are those of vroom_private.hot_score.
HOT_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
HOT_HALF_LIFE = timedelta(days=1)
_LIKE, _COMMENT, _SHARE = 2.0, 3.0, 4.0  # weights of events, where a full watch weighs 1
_NEAR_ZERO = 1e-6
_EXACT_COUNTS = 30.0  # expected counts below it are drawn exactly


def length_ms(quantile: float) -> int:
    """Return the length at a quantile in [0, 1), trimmed to the longest that is published."""
    upper = bisect_right(_LENGTHS, quantile, key=lambda point: point[0])
    (low, shortest), (high, longest) = _LENGTHS[upper - 1], _LENGTHS[upper]
    seconds = shortest * math.pow(longest / shortest, (quantile - low) / (high - low))
    return min(round(seconds * 1000), LONGEST_MS)


def age(quantile: float) -> timedelta:
    """Return the age at a quantile in [0, 1). Most posts are days old, some up to two years."""
    return _OLDEST * math.pow(quantile, _AGE_POWER)


def posts_by_creator(posts: int, creators: int, rng: random.Random) -> list[int]:
    """Draw the number of posts of each creator, the busiest first. Most creators have one.

    Raises:
        ValueError: There are not between 1 and `posts` creators.
    """
    if not 1 <= creators <= posts:
        raise ValueError(f"{posts} posts cannot be by {creators} creators")
    further = posts - creators
    busy = min(max(round(_BUSY * creators), further // _CROWDED, 1), creators, further)
    counts = [2] * busy + [1] * (creators - busy)
    if busy:
        weights = list(accumulate(rank**-_BUSY_DECLINE for rank in range(1, busy + 1)))
        for index in rng.choices(range(busy), cum_weights=weights, k=further - busy):
            counts[index] += 1
    return sorted(counts, reverse=True)


def hot_score(published_at: datetime, weight: float) -> float:
    """Return the logarithm of a decayed sum of weights, in half-lives since 2020.

    Args:
        published_at: The time to which `weight` is decayed.
        weight: The sum of all events' weights, each doubled per half-life since then. It must be
            above 0.
    """
    return math.log2(weight) + (published_at - HOT_EPOCH) / HOT_HALF_LIFE


@dataclass(frozen=True, slots=True)
class Engagement:
    """The engagement with a post, as the columns of post_stats."""

    impressions: int
    plays: int
    watch_ratio_sum: float
    likes: int
    comments: int
    shares: int
    hot_score: float


def engagement(
    rng: random.Random, quality: float, length: int, published_at: datetime, now: datetime
) -> Engagement:
    """Draw the engagement with a post.

    It is long-tailed and grows with quality. Viewers watch a smaller part of longer videos.

    Args:
        rng: The source of all draws.
        quality: The hidden quality, a draw from a normal distribution of mean 0 and deviation 1.
        length: The length in milliseconds.
        published_at: The beginning of the time in which the post is seen.
        now: The end of that time.
    """
    age_days = max((now - published_at) / timedelta(days=1), 1e-6)
    # The crowd of most posts stays for days. That of a few evergreens stays for months.
    stay_days = rng.lognormvariate(0.7 + 0.3 * quality, 1.0)
    reached = -math.expm1(-age_days / stay_days)
    impressions = _count(rng, rng.lognormvariate(5.0 + 1.1 * quality, 1.2) * reached)
    plays = min(_count(rng, impressions * _logistic(1.0 + 0.4 * quality)), impressions)
    typical = 1.0 / (1.0 + (length / 55_000) ** 0.7)
    ratio = _logistic(math.log(typical / (1.0 - typical)) + 0.5 * quality + rng.gauss(0.0, 0.15))
    mood = rng.gauss(0.0, 0.3)
    likes, comments, shares = (
        min(_count(rng, plays * min(rate * math.exp(0.7 * quality + mood), 0.5)), plays)
        for rate in (0.04, 0.005, 0.01)
    )
    watched = round(plays * ratio, 6)
    weight = watched + _LIKE * likes + _COMMENT * comments + _SHARE * shares
    decayed = weight * math.exp(_log_mean_growth(age_days, stay_days))
    hot = hot_score(published_at, 1.0 + decayed)
    return Engagement(impressions, plays, watched, likes, comments, shares, hot)


def _log_mean_growth(age_days: float, stay_days: float) -> float:
    """Return the log of the mean 2^(t / half-life) of events whose rate falls as e^(-t / stay)."""
    growth = math.log(2) * (timedelta(days=1) / HOT_HALF_LIFE)
    exponent = (growth - 1.0 / stay_days) * age_days
    share = stay_days * -math.expm1(-age_days / stay_days)
    return _log_expm1_ratio(exponent) + math.log(age_days / share)


def _log_expm1_ratio(x: float) -> float:
    """Return ln((e^x - 1) / x), also near 0 and where e^x overflows."""
    if abs(x) < _NEAR_ZERO:
        return x / 2.0
    if x > 0.0:
        return x + math.log(-math.expm1(-x) / x)
    return math.log(math.expm1(x) / x)


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def _count(rng: random.Random, expected: float) -> int:
    """Draw a Poisson count by Knuth's method, or by the normal approximation for large means."""
    if expected >= _EXACT_COUNTS:
        return max(round(rng.gauss(expected, math.sqrt(expected))), 0)
    floor, product, count = math.exp(-expected), rng.random(), 0
    while product > floor:
        product *= rng.random()
        count += 1
    return count
