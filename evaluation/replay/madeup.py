"""A made-up log that has what a real one has.

Posts are born and die: each is a burst of attention with a half-life between minutes and days and
a heavy-tailed size. Viewers come in sessions, care for few topics that drift, and follow threads:
a post has neighbours to which its viewers go on. What they watch next is drawn from what gets
attention at that moment, mostly within their topics, and never twice the same post.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from evaluation.replay.log import Log, from_columns

START_S = datetime(2039, 12, 1, tzinfo=UTC).timestamp()
_MINUTE_S = 60.0
_TOPICS = 16
_INTERESTS = 3  # of a viewer
_DRIFT = 0.02  # the chance that an interest is replaced, a session
_OF_INTEREST = 0.35  # the share of watches within the viewer's topics
_THREAD = 0.13  # the share of watches that follow a neighbour of the last post
_NEIGHBOURS = 6
_TRIES = 8
_LONE = 0.8  # of the posts, by creators who have no other


@dataclass(frozen=True)
class Shape:
    """The sizes of a made-up log.

    Attributes:
        viewers: How many viewers.
        posts: How many posts, born evenly over the hours.
        hours: How long the log is.
        watches: About how many watches.
        seed: Of all that is drawn.
    """

    viewers: int = 4_000
    posts: int = 3_000
    hours: float = 48.0
    watches: int = 120_000
    seed: int = 1


SMALL = Shape(viewers=700, posts=1_200, hours=18.0, watches=24_000)


class _Catalogue:
    """Posts with what draws attention to them."""

    def __init__(self, shape: Shape, draw: np.random.Generator) -> None:
        n = shape.posts
        span_s = shape.hours * 3_600.0
        # Half of a day's worth of posts is there when the log begins.
        self.born_s = np.sort(draw.uniform(-0.25 * span_s, span_s, n))
        self.half_life_s = 2.0 ** draw.uniform(np.log2(6 * 60), np.log2(86_400), n)
        size = draw.pareto(0.8, n) + 0.05
        # A short burst of the same size is higher.
        self.height = size / self.half_life_s**0.8
        self.topic = draw.choice(_TOPICS, n, p=_shares(_TOPICS, 0.8))
        # Most creators have one post; few have many.
        lone, busy = np.arange(n), draw.zipf(1.4, n) % max(n // 8, 1)
        self.creator = np.where(draw.random(n) < _LONE, lone + n, busy)
        self.duration_s = np.clip(draw.lognormal(np.log(70), 1.05, n), 5, 600)
        self.appeal = draw.beta(4, 3, n)
        self.neighbours = np.array([self._near(i, draw) for i in range(n)])

    def _near(self, i: int, draw: np.random.Generator) -> list[int]:
        """Posts of the same topic that came out at about the same time."""
        low, high = max(i - 150, 0), min(i + 150, len(self.topic))
        same = [j for j in range(low, high) if self.topic[j] == self.topic[i] and j != i]
        pool = same if len(same) >= _NEIGHBOURS else list(range(low, high))
        return [int(j) for j in draw.choice(pool, _NEIGHBOURS)]

    def attention(self, now_s: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """How much attention each post gets at a time; 0 before it is out."""
        age_s = now_s - self.born_s
        rising = 1.0 - 2.0 ** (-np.maximum(age_s, 0.0) / (0.15 * self.half_life_s))
        fading = 2.0 ** (-np.maximum(age_s, 0.0) / self.half_life_s)
        return np.where(age_s > 0.0, self.height * rising * fading, 0.0)


def made_up(shape: Shape | None = None) -> Log:
    """A log of the given shape; the same shape gives the same log."""
    shape = shape or Shape()
    draw = np.random.default_rng(shape.seed)
    posts = _Catalogue(shape, draw)
    rows = _Watches(shape, posts, draw).rows()
    rows.sort(key=lambda row: row[0])
    return from_columns(
        {
            "viewer": [row[1] for row in rows],
            "post": [row[2] for row in rows],
            "time": [START_S + row[0] for row in rows],
            "watch_ratio": [row[3] for row in rows],
            "liked": [row[4] for row in rows],
            "creator": [f"creator-{posts.creator[row[2]]}" for row in rows],
            "tags": [f"topic{posts.topic[row[2]]}" for row in rows],
            "caption": [f"A clip about topic{posts.topic[row[2]]}" for row in rows],
            "published_at": [START_S + float(posts.born_s[row[2]]) for row in rows],
            "duration": [float(posts.duration_s[row[2]]) for row in rows],
        }
    )


class _Watches:
    """Lets the viewers watch, minute by minute."""

    def __init__(self, shape: Shape, posts: _Catalogue, draw: np.random.Generator) -> None:
        self._shape = shape
        self._posts = posts
        self._draw = draw
        popular = _shares(_TOPICS, 0.5)
        self._interests = [
            draw.choice(_TOPICS, _INTERESTS, replace=False, p=popular) for _ in range(shape.viewers)
        ]
        self._seen: list[set[int]] = [set() for _ in range(shape.viewers)]
        activity = draw.lognormal(0.0, 1.1, shape.viewers)
        self._activity = activity / activity.sum()

    def rows(self) -> list[tuple[float, int, int, float, bool]]:
        """Time since the start, viewer, post, watch ratio and like of each watch."""
        minutes = int(self._shape.hours * 60)
        per_session = 5.0
        starts = self._shape.watches / per_session / minutes
        found: list[tuple[float, int, int, float, bool]] = []
        under_way: list[tuple[float, int, int, int]] = []  # next watch, viewer, watches left, last
        for minute in range(minutes):
            now_s = minute * _MINUTE_S
            attention = self._posts.attention(now_s)
            pick = _Pick(attention, self._posts.topic)
            for viewer in self._draw.choice(
                self._shape.viewers, self._draw.poisson(starts), p=self._activity
            ):
                left = 1 + int(self._draw.geometric(1.0 / per_session))
                under_way.append((now_s + self._draw.uniform(0, 60), int(viewer), left, -1))
                self._drift(int(viewer))
            under_way = self._step(under_way, now_s + _MINUTE_S, pick, found)
        return found

    def _drift(self, viewer: int) -> None:
        if self._draw.random() < _DRIFT:
            self._interests[viewer][self._draw.integers(_INTERESTS)] = self._draw.integers(_TOPICS)

    def _step(
        self,
        under_way: list[tuple[float, int, int, int]],
        until_s: float,
        pick: _Pick,
        found: list[tuple[float, int, int, float, bool]],
    ) -> list[tuple[float, int, int, int]]:
        """Let all who are watching go on until a time; those who are not done by then."""
        going_on = []
        for at_s, viewer, left, last in under_way:
            now_s, rest, previous = at_s, left, last
            while now_s < until_s and rest:
                post = self._choose(viewer, previous, pick)
                if post < 0:
                    rest = 0
                    break
                self._seen[viewer].add(post)
                fits = self._posts.topic[post] in self._interests[viewer]
                ratio = self._ratio(post, fits=fits)
                liked = bool(self._draw.random() < (0.12 if fits else 0.02) * ratio)
                found.append((now_s, viewer, post, ratio, liked))
                now_s += 2.0 + ratio * float(self._posts.duration_s[post])
                previous, rest = post, rest - 1
            if rest:
                going_on.append((now_s, viewer, rest, previous))
        return going_on

    def _ratio(self, post: int, *, fits: bool) -> float:
        """How much is watched: mostly to the end where the topic fits."""
        lean = 0.35 + 0.5 * self._posts.appeal[post] + (0.35 if fits else -0.1)
        return float(min(1.0, round(self._draw.beta(2.5 * lean + 0.2, 0.9) * 1.15, 3)))

    def _choose(self, viewer: int, last: int, pick: _Pick) -> int:
        """A post that the viewer has not seen; -1 where none was found."""
        seen, interests = self._seen[viewer], self._interests[viewer]
        for _ in range(_TRIES):
            chance = self._draw.random()
            if last >= 0 and chance < _THREAD:
                post = pick.among(self._posts.neighbours[last], self._draw)
            elif chance < _THREAD + (1.0 - _THREAD) * _OF_INTEREST:
                post = pick.within(int(interests[self._draw.integers(_INTERESTS)]), self._draw)
            else:
                post = pick.anywhere(self._draw)
            if post >= 0 and post not in seen:
                return post
        return -1


class _Pick:
    """Draws posts in proportion to the attention of one minute."""

    def __init__(
        self,
        attention: np.ndarray[tuple[int], np.dtype[np.float64]],
        topic: np.ndarray[tuple[int], np.dtype[np.int64]],
    ) -> None:
        self._attention = attention
        self._cumulative = np.cumsum(attention)
        self._topics = []
        for t in range(_TOPICS):
            members = np.flatnonzero((topic == t) & (attention > 0.0))
            self._topics.append((members, np.cumsum(attention[members])))

    def anywhere(self, draw: np.random.Generator) -> int:
        return self._from(None, self._cumulative, draw)

    def within(self, topic: int, draw: np.random.Generator) -> int:
        return self._from(*self._topics[topic], draw)

    def among(
        self, posts: np.ndarray[tuple[int], np.dtype[np.int64]], draw: np.random.Generator
    ) -> int:
        return self._from(posts, np.cumsum(self._attention[posts] ** 0.5), draw)

    @staticmethod
    def _from(
        members: np.ndarray[tuple[int], np.dtype[np.int64]] | None,
        cumulative: np.ndarray[tuple[int], np.dtype[np.float64]],
        draw: np.random.Generator,
    ) -> int:
        if not len(cumulative) or cumulative[-1] <= 0.0:
            return -1
        place = int(np.searchsorted(cumulative, draw.random() * cumulative[-1], side="right"))
        return place if members is None else int(members[place])


def _shares(n: int, skew: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    weights = 1.0 / np.arange(1, n + 1) ** skew
    shares: np.ndarray[tuple[int], np.dtype[np.float64]] = weights / weights.sum()
    return shares
