"""Thousands of events at once: nothing lost, nothing twice, nobody waits for a post."""

from __future__ import annotations

from datetime import UTC
from functools import partial
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.integration.database.clients import at_once
from tests.integration.engagement.audience import DURATION_MS, RECORD, watch, watching
from tests.integration.engagement.reference import NORM, ReferenceFigures, Watched, fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.integration.database.clients import Row
    from tests.integration.engagement.audience import Audience

THREADS, EVENTS = 32, 1_000


def events(draw: Random, post: UUID, count: int) -> list[Row]:
    return [
        watch(
            post,
            play_ms=draw.randrange(0, 3 * DURATION_MS),
            liked=draw.random() < 0.1,
            commented=draw.random() < 0.03,
            shared=draw.random() < 0.02,
        )
        for _ in range(count)
    ]


def batches(draw: Random, sent: Sequence[Row]) -> list[list[Row]]:
    """In batches of many sizes; now and then the last one again, as after a lost answer."""
    cut: list[list[Row]] = []
    at = 0
    while at < len(sent):
        size = draw.choice([1, 30, 90, 100, 100, 100])
        cut.append(list(sent[at : at + size]))
        at += size
        if draw.random() < 0.1:
            cut.append(cut[-1])
    return cut


def deliver(audience: Audience, viewer: UUID, cut: Sequence[Sequence[Row]]) -> dict[str, int]:
    counts = {"accepted": 0, "duplicate": 0}
    with watching(audience.database.app_url, viewer) as connection:
        for batch in cut:
            for row in connection.execute(RECORD, [viewer, Jsonb(batch), None]):
                counts[row["outcome"]] += 1
    return counts


def drain(audience: Audience) -> int:
    counted = 0
    while (done := audience.roll_up(5_000))["events"]:
        counted += done["events"]
    return counted


def test_32_threads_with_1000_events_each_of_one_viewer_and_post_equal_the_serial_reference(
    audience: Audience,
) -> None:
    audience.operator.execute("UPDATE feed_settings SET events_at_once = 1000000")
    viewer = uuid4()
    (post,) = audience.add_posts(1)
    draw = Random(7)  # noqa: S311  (no secret)
    sent = [events(draw, post, EVENTS) for _ in range(THREADS)]
    cuts = [batches(draw, thread) for thread in sent]
    counts = at_once([partial(deliver, audience, viewer, cut) for cut in cuts])
    assert [count["accepted"] for count in counts] == [EVENTS] * THREADS
    repeated = sum(len(batch) for cut in cuts for batch in cut) - THREADS * EVENTS
    assert sum(count["duplicate"] for count in counts) == repeated > 0

    stored = audience.rows("SELECT * FROM watch_events ORDER BY nth")
    assert [row["nth"] for row in stored] == list(range(1, THREADS * EVENTS + 1))
    by_event = {row["event_id"]: row for thread in sent for row in thread}
    for row in stored:
        told = by_event.pop(str(row["event_id"]))
        assert all(row[name] == told[name] for name in ("play_ms", "liked", "commented", "shared"))
    assert by_event == {}

    serial = [Watched.of(viewer, row) for row in stored]
    found = audience.signals(viewer)
    assert found["samples"] == THREADS * EVENTS
    for name, observed in (
        ("like_rate", [w.liked for w in serial]),
        ("avg_watch_ratio", [w.ratio for w in serial]),
        ("comment_rate", [w.commented for w in serial]),
        ("share_rate", [w.shared for w in serial]),
    ):
        assert found[name] == pytest.approx(fold(observed), abs=1e-12), name
    usual = [NORM, *accumulate((w.ratio for w in serial[:-1]), lambda a, ratio: fold([ratio], a))]
    fresh = [
        0.5 + min(0.5, max(-0.5, w.ratio - before)) for w, before in zip(serial, usual, strict=True)
    ]
    assert found["freshness_preference"] == pytest.approx(fold(fresh, 0.5, 0.05), abs=1e-12)

    assert drain(audience) == THREADS * EVENTS
    check_figures(audience, post, serial)
    quality = audience.row("SELECT * FROM creator_quality")
    # One vote a day: the first watch of each, should midnight have come meanwhile.
    days = [row["created_at"].astimezone(UTC).date() for row in stored]
    votes = [serial[days.index(day)] for day in sorted(set(days))]
    assert quality["samples"] == len(votes)
    assert quality["rolling_watch_ratio"] == pytest.approx(fold(w.ratio for w in votes), abs=1e-12)
    assert quality["rolling_like_rate"] == pytest.approx(fold(w.liked for w in votes), abs=1e-12)
    assert quality["rolling_report_rate"] == 0


def test_32_viewers_of_one_post_are_counted_once_each_while_the_roll_up_runs(
    audience: Audience,
) -> None:
    (post,) = audience.add_posts(1)
    draw = Random(8)  # noqa: S311  (no secret)
    viewers = [uuid4() for _ in range(THREADS)]
    sent = [events(draw, post, 60) for _ in viewers]
    tasks: list[Any] = [
        partial(deliver, audience, viewer, batches(draw, thread))
        for viewer, thread in zip(viewers, sent, strict=True)
    ]

    def roll_up_meanwhile() -> int:
        return sum(audience.roll_up(100)["events"] for _ in range(30))

    *_, early, earlier = at_once([*tasks, roll_up_meanwhile, roll_up_meanwhile])
    assert early + earlier + drain(audience) == THREADS * 60
    serial = [
        Watched.of(row["user_id"], row)
        for row in audience.rows("SELECT * FROM watch_events ORDER BY user_id, nth")
    ]
    assert len(serial) == THREADS * 60
    check_figures(audience, post, serial)
    for viewer in viewers:
        own = [w.ratio for w in serial if w.viewer == viewer]
        assert audience.signals(viewer)["avg_watch_ratio"] == pytest.approx(fold(own), abs=1e-12)


def check_figures(audience: Audience, post: UUID, serial: Sequence[Watched]) -> None:
    reference = ReferenceFigures()
    reference.tell(serial)
    want, found = reference.post(post), audience.stats(post)
    for name in ("plays", "likes", "comments", "shares", "replays"):
        assert found[name] == getattr(want, name), name
    assert found["watch_ratio_sum"] == pytest.approx(want.watch_ratio_sum, abs=1e-9)


def test_recording_waits_for_no_lock_on_what_viewers_share(audience: Audience) -> None:
    viewer = uuid4()
    (post,) = audience.add_posts(1)
    with psycopg.connect(audience.database.admin_url) as holder:
        holder.execute("SELECT FROM posts FOR UPDATE")
        holder.execute("SELECT FROM post_stats FOR UPDATE")
        holder.execute("SELECT FROM creator_quality FOR UPDATE")
        with watching(audience.database.app_url, viewer) as connection:
            connection.execute("SET statement_timeout = '10s'")
            connection.execute(RECORD, [viewer, Jsonb([watch(post)]), None])
            connection.execute(
                "SELECT record_impression(%s, %s, 'fresh', 0.5, %s)", [viewer, post, uuid4()]
            )
    assert audience.queued() == 2


def test_another_viewer_does_not_wait_for_one_who_is_being_recorded(audience: Audience) -> None:
    slow, quick = uuid4(), uuid4()
    (post,) = audience.add_posts(1)
    with psycopg.connect(audience.database.admin_url) as holder:
        holder.execute(RECORD, [slow, Jsonb([watch(post)]), None])
        with watching(audience.database.app_url, quick) as connection:
            connection.execute("SET statement_timeout = '10s'")
            connection.execute(RECORD, [quick, Jsonb([watch(post)]), None])
        holder.rollback()
    assert audience.row("SELECT user_id FROM watch_events") == {"user_id": quick}
