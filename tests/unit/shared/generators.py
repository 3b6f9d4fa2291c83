"""Candidates, viewers and moments for the tests of what is pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import strategies as st

from shared.models import Candidate, Connection, Device, Moment, Signals

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
MOMENT = Moment(NOW, 12.0)

counters = st.integers(0, 2**63 - 1)
rates = st.floats(0, 1)
affinities = st.floats(-50, 50)
ages = st.timedeltas(timedelta(days=-3), timedelta(days=20_000))


def post(
    number: int, *, creator: int | None = None, rung: str = "fresh", **more: object
) -> Candidate:
    """Candidate `number`, of a creator of its own unless one is given."""
    creator_id = UUID(int=10**6 + number if creator is None else creator)
    plain = Candidate(UUID(int=number), creator_id, rung, published_at=NOW)
    return Candidate(**{**plain._asdict(), **more})


def varied(candidate: Candidate, field: str, value: object) -> Candidate:
    """The candidate with one field changed."""
    return Candidate(**{**candidate._asdict(), field: value})


@st.composite
def candidates(draw: st.DrawFn) -> Candidate:
    """A candidate with figures as tables hold them: whole, never negative, however large."""
    return post(
        draw(st.integers(0, 99)),
        published_at=NOW - draw(ages),
        duration_ms=draw(st.none() | st.integers(0, 2**31 - 1)),
        impressions=draw(counters),
        plays=draw(counters),
        watch_ratio_sum=draw(st.floats(0, 1e300)),
        likes=draw(counters),
        comments=draw(counters),
        shares=draw(counters),
        followed=draw(st.booleans()),
        creator_watch_ratio=draw(st.none() | rates),
        creator_like_rate=draw(st.none() | rates),
        creator_report_rate=draw(st.none() | rates),
        creator_samples=draw(st.none() | counters),
        creator_affinity=draw(st.none() | affinities),
        tag_affinity=draw(st.none() | affinities),
    )


signals = st.builds(
    Signals,
    like_rate=rates,
    avg_watch_ratio=rates,
    comment_rate=rates,
    share_rate=rates,
    freshness_preference=rates,
    samples=st.integers(0, 10**6),
)
moments = st.builds(
    Moment,
    now=st.just(NOW),
    hour=st.floats(0, 24, exclude_max=True),
    device=st.sampled_from(Device),
    connection=st.sampled_from(Connection),
)
