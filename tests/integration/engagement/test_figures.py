"""The figures that follow from what viewers did."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from tests.integration.engagement.audience import DURATION_MS, RECORD, minutes_ago, watch
from tests.integration.engagement.reference import ReferenceFigures, Watched, hot

if TYPE_CHECKING:
    from uuid import UUID

    from tests.integration.database.clients import Row
    from tests.integration.engagement.audience import Audience

a_watch = st.tuples(
    st.integers(0, 2),  # post
    st.integers(0, 3 * DURATION_MS),
    *[st.sampled_from((False, False, True))] * 3,
)
a_step = st.one_of(
    st.tuples(st.integers(0, 2), st.lists(a_watch, min_size=1, max_size=8)),  # a viewer's batch
    st.integers(0, 5),  # that batch again
    st.sampled_from(("roll up", "roll up a little")),
)


@dataclass
class Course:
    """What was sent so far, and what follows from it."""

    audience: Audience
    posts: list[UUID]
    viewers: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(3)])
    reference: ReferenceFigures = field(default_factory=ReferenceFigures)
    sent: list[tuple[UUID, list[Row]]] = field(default_factory=list)
    events: dict[UUID, list[tuple[datetime, float]]] = field(default_factory=dict)

    def send(self, viewer: UUID, rows: list[Row], at: datetime | None = None) -> set[str]:
        answer = self.audience.operator.execute(RECORD, [viewer, Jsonb(rows), at]).fetchall()
        return {row["outcome"] for row in answer}

    def take(self, viewer: UUID, batch: list[tuple[int, int, bool, bool, bool]]) -> None:
        at = minutes_ago(1)
        watched = [Watched(viewer, self.posts[p], ms, DURATION_MS, *gave) for p, ms, *gave in batch]
        rows = [
            watch(w.post, play_ms=w.play_ms, liked=w.liked, commented=w.commented, shared=w.shared)
            for w in watched
        ]
        self.sent.append((viewer, rows))
        assert self.send(viewer, rows, at) == {"accepted"}
        for one, growth in zip(watched, self.reference.tell(watched), strict=True):
            self.events[one.post].append((at, growth))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(a_step, min_size=1, max_size=10))
def test_whatever_is_sent_and_repeated_the_figures_are_the_references(
    module_audience: Audience, steps: list[object]
) -> None:
    course = Course(module_audience, module_audience.add_posts(3))
    for post in course.posts:
        course.events[post] = [(module_audience.stats(post)["published_at"], 1.0)]
    for step in steps:
        match step:
            case (int(viewer), list(batch)):
                course.take(course.viewers[viewer], batch)
            case int(number):
                for sender, rows in course.sent[number : number + 1]:
                    assert course.send(sender, rows[::-1]) == {"duplicate"}
            case "roll up":
                module_audience.roll_up()
            case _:
                assert module_audience.roll_up(3)["events"] <= 3
    module_audience.roll_up()
    assert module_audience.queued() == 0
    for post in course.posts:
        want, found = course.reference.post(post), module_audience.stats(post)
        for name in ("plays", "likes", "comments", "shares", "replays"):
            assert found[name] == getattr(want, name), name
        assert found["watch_ratio_sum"] == pytest.approx(want.watch_ratio_sum, abs=1e-9)
        assert found["hot_score"] == pytest.approx(hot(*course.events[post]), abs=1e-6)


def test_a_post_goes_off_the_feed_with_the_report_that_reaches_the_threshold(
    audience: Audience,
) -> None:
    often, seldom = audience.add_posts(2)
    for _ in range(3):
        audience.report(often)
    audience.report(seldom)
    assert audience.roll_up(threshold=4)["held"] == 0
    audience.report(often, -1)
    audience.report(often)
    assert audience.roll_up(threshold=4)["held"] == 0
    audience.report(often)
    assert audience.roll_up(threshold=4)["held"] == 1
    rows = audience.rows("SELECT id, visibility FROM posts")
    assert {r["id"]: r["visibility"] for r in rows} == {often: "shadow_ban", seldom: "public"}
    assert audience.stats(often)["eligible"] is False
    review = audience.row("SELECT post_id, reports, reviewed_at, verdict FROM post_reviews")
    assert review == {"post_id": often, "reports": 4, "reviewed_at": None, "verdict": None}
    audience.report(often)
    assert audience.roll_up(threshold=4)["held"] == 0


def test_the_record_of_a_creator_holds_decayed_sums_and_averages_over_single_events(
    audience: Audience,
) -> None:
    creator = uuid4()
    one, two = audience.add_posts(2, creator=creator)
    now = datetime.now(UTC)
    month_ago = now - timedelta(days=30)
    audience.operator.execute("UPDATE creator_quality SET updated_at = %s", [month_ago])
    viewer = uuid4()
    audience.record(viewer, [watch(one, 1.0, liked=True)], month_ago)
    audience.roll_up()
    audience.record(viewer, [watch(one, 0.5, liked=True)], month_ago + timedelta(days=1))
    # It adds nothing, and is observed as the viewer's vote of another day.
    audience.report(one)
    audience.operator.execute("UPDATE engagement_queue SET at = %s", [month_ago])
    audience.roll_up()
    audience.record(viewer, [watch(two, 0.5)], now)
    audience.roll_up()
    found = audience.row("SELECT * FROM creator_quality")
    assert found["samples"] == 4
    assert found["rolling_watch_ratio"] == pytest.approx(0.8 * 0.9 + 0.2 * 0.5)
    assert found["rolling_like_rate"] == pytest.approx(0.8)
    assert found["rolling_report_rate"] == pytest.approx(0.16)
    assert found["updated_at"] == now
    for name, sum_now in (
        ("plays", 1.5),
        ("watch_ratio_sum", 1.0),
        ("likes", 0.5),
        ("reports", 0.5),
    ):
        assert found[name] == pytest.approx(sum_now), name


def test_a_viewer_has_one_vote_a_post_and_day_in_a_creators_averages(audience: Audience) -> None:
    creator, rival, at = uuid4(), uuid4(), datetime.now(UTC)  # one day, though midnight comes
    (post,) = audience.add_posts(1, creator=creator)
    audience.record(uuid4(), [watch(post, 1.0, liked=True)], at)
    for _ in range(4):
        audience.record(rival, [watch(post, 0.0) for _ in range(25)], at)
    audience.roll_up()
    found = audience.row("SELECT * FROM creator_quality WHERE creator_id = %s", creator)
    assert (found["samples"], found["plays"]) == (2, pytest.approx(2, abs=1e-4))
    assert found["rolling_watch_ratio"] == pytest.approx(0.8)
    assert found["rolling_like_rate"] == pytest.approx(0.8)


def test_the_posts_own_duration_decides_how_much_was_watched(audience: Audience) -> None:
    (post,) = audience.add_posts(1)
    audience.record(uuid4(), [watch(post, play_ms=10, duration_ms=1)])
    audience.roll_up()
    assert audience.stats(post)["watch_ratio_sum"] == pytest.approx(10 / DURATION_MS)


def test_one_viewer_cannot_keep_the_roll_up_behind(audience: Audience) -> None:
    audience.operator.execute(
        "UPDATE feed_settings SET events_at_once = 30, events_per_second = 1e-9"
    )
    viewer, other, posts = uuid4(), uuid4(), audience.add_posts(50)
    for post in posts:
        assert audience.record(viewer, [watch(post, liked=True)]) == ["accepted"]
    assert audience.queued() == 30
    assert audience.signals(viewer)["samples"] == 50
    audience.record(other, [watch(posts[0])])
    assert audience.queued() == 31


def test_a_viewers_allowance_comes_back_with_time(audience: Audience) -> None:
    audience.operator.execute("UPDATE feed_settings SET events_at_once = 10, events_per_second = 1")
    viewer, posts = uuid4(), audience.add_posts(20)
    audience.record(viewer, [watch(post) for post in posts])
    assert audience.queued() == 10
    audience.operator.execute("UPDATE viewer_allowance SET at = at - interval '4 seconds'")
    audience.record(viewer, [watch(post) for post in posts])
    assert 14 <= audience.queued() <= 20


def test_norms_are_measured_by_the_length_of_posts(audience: Audience) -> None:
    lengths = [14_999, 15_000, 60_000, 120_000, None]
    posts = [audience.add_posts(1, duration_ms=length)[0] for length in lengths]
    plays = [round(0.25 * n * (length or DURATION_MS)) for n, length in enumerate(lengths)]
    audience.record(
        uuid4(), [watch(post, play_ms=play) for post, play in zip(posts, plays, strict=True)]
    )
    audience.roll_up()
    rows = audience.rows("SELECT bucket, plays, watch_ratio_sum FROM watch_norms ORDER BY bucket")
    # The post whose length is unknown lasts as long as its viewer says: 20 seconds.
    assert [tuple(row.values()) for row in rows] == [
        (0, 1, 0),
        (1, 2, 1.25),
        (3, 1, 0.5),
        (4, 1, 0.75),
    ]
