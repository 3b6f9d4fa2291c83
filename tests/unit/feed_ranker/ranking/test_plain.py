"""The ranking is written for speed. It must give what the plain formulas give, to the last bit."""

from __future__ import annotations

import math
from datetime import timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from functions.feed_ranker.ranking.exploration import Discovery
from functions.feed_ranker.ranking.ladder import Maker, _rounded, by_ladder
from shared.heat import HALF_LIVES_S
from shared.models import UNSEEN_RUNGS, Candidate, Moment, Signals
from shared.ranking import Ranker
from shared.ranking_config import RankingConfig
from tests.unit.feed_ranker.generators import PLAIN, SESSION
from tests.unit.feed_ranker.ranking.plain import (
    PlainRanker,
    plain_heaviest,
    plain_ladder,
    plain_weight,
    rounded,
)
from tests.unit.shared.generators import NOW, candidates, moments, post, signals

SINCE_S = (NOW - NOW.replace(2020, 1, 1, 0)).total_seconds()
UNITS = [SINCE_S / half_life_s for half_life_s in HALF_LIVES_S]
odd = st.sampled_from((math.nan, math.inf, -math.inf, -1.0, -0.0, 0.0))
configs = st.builds(
    RankingConfig,
    neighbours=st.sampled_from((0.0, 0.3)),
    creator_variety=st.sampled_from((0.0, 0.5, 1.0)),
    mix_hour=st.sampled_from((0.0, 1.0)),
)
discoveries = st.builds(
    Discovery,
    st.just(SESSION),
    st.integers(0, 3),
    st.just(NOW),
    quota=st.sampled_from((0, 100)),
    new_viewer=st.booleans(),
)


@st.composite
def heats(draw: st.DrawFn) -> list[float] | None:
    """Nothing, or what four half-lives hold of some watches; now and then far out, or no number."""
    if draw(st.booleans()):
        return None
    doublings = st.floats(-8, 8) | st.floats(-1e4, 1e4) | st.just(math.nan)
    return [unit + draw(doublings) for unit in UNITS]


@st.composite
def requests(draw: st.DrawFn, max_size: int = 24) -> list[Candidate]:
    """Candidates as retrieval may offer them: of few creators, watched or not, proven or not."""
    few = draw(st.integers(1, 6))
    served = draw(st.lists(st.integers(0, 3), min_size=few, max_size=few))
    found = []
    for number in draw(st.lists(st.integers(0, 999), unique=True, max_size=max_size)):
        creator = draw(st.integers(0, few - 1))
        plain = post(
            number,
            creator=creator,
            rung=draw(st.sampled_from(UNSEEN_RUNGS)).value,
            published_at=NOW - timedelta(hours=draw(st.integers(-3, 900))),
            duration_ms=draw(st.none() | st.integers(0, 180_000)),
            impressions=draw(st.integers(0, 300)),
            plays=draw(st.integers(-1, 300)),
            watch_ratio_sum=draw(st.floats(0, 300) | odd),
            likes=draw(st.integers(-1, 60)),
            followed=draw(st.booleans()),
        )
        if draw(st.booleans()):
            plain = draw(candidates())._replace(
                post_id=plain.post_id, creator_id=plain.creator_id, rung=plain.rung
            )
        found.append(
            plain._replace(
                creator_served=served[creator],
                creator_affinity=draw(st.none() | st.floats(-3, 3) | odd),
                tag_affinity=draw(st.none() | st.floats(-3, 3)),
                heat=draw(heats()),
                follows=draw(st.none() | st.floats(0, 1) | odd),
            )
        )
    return found


@given(requests(), requests(3), configs, signals, moments, st.integers(0, 5))
def test_a_ranker_scores_by_the_formulas(
    posts: list[Candidate],
    others: list[Candidate],
    config: RankingConfig,
    viewer: Signals,
    moment: Moment,
    served: int,
) -> None:
    ranker = Ranker(config, viewer, moment, posts)
    plain = PlainRanker(config, viewer, moment, posts)
    known = {c.post_id for c in posts}
    for c in (*posts, *posts, *(c for c in others if c.post_id not in known)):
        assert repr(ranker.parts(c, served)) == repr(plain.parts(c, served))
        assert repr(ranker.engagement(c)) == repr(plain.parts(c, served).engagement)
        assert repr(ranker.freshness(c)) == repr(plain.parts(c, served).freshness)
        assert repr(ranker.appeal(c)) == repr(plain.appeal(c))
        assert ranker.evidence(c) == plain.evidence(c)


@given(requests(), configs, signals, moments, discoveries)
def test_a_ladder_gives_the_posts_in_the_order_of_their_scores(
    posts: list[Candidate],
    config: RankingConfig,
    viewer: Signals,
    moment: Moment,
    discovery: Discovery,
) -> None:
    maker = Maker(Ranker(config, viewer, moment, posts), discovery)
    plain = PlainRanker(config, viewer, moment, posts)
    assert list(by_ladder(posts, maker)) == plain_ladder(posts, plain, discovery)


@given(requests(), st.integers(0, 20), st.integers(0, 20), discoveries)
def test_exploration_favours_the_same_posts_as_if_each_were_weighed(
    posts: list[Candidate], count: int, weighed: int, discovery: Discovery
) -> None:
    maker = Maker(PLAIN, discovery)
    for c in posts[:weighed]:
        assert maker.weight(c) == plain_weight(c, discovery)
    assert maker.heaviest(posts, count) == plain_heaviest(posts, count, discovery)
    for c in posts:
        assert maker.weight(c) == plain_weight(c, discovery)


@given(st.floats())
@example(0.0000005)
@example(0.1234565)
@example(0.9999995)
@example(1e6)
@example(-0.0000015)
def test_figures_are_rounded_as_round_does(value: float) -> None:
    assert _rounded(value) == rounded(value)


@given(st.integers(-(10**12), 10**12), st.integers(-3, 3))
def test_figures_next_to_half_a_millionth_are_rounded_as_round_does(half: int, ulps: int) -> None:
    value = (half + 0.5) / 1e6
    for _ in range(abs(ulps)):
        value = math.nextafter(value, math.copysign(math.inf, ulps))
    assert _rounded(value) == rounded(value)
