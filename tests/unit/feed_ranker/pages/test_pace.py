"""When a session's next queue is ranked ahead."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from functions.feed_ranker.pages.cursor import Position
from functions.feed_ranker.pages.pace import Asked, Pace
from shared.models import Connection, Device

ASKED = Asked(1000.0, Device.PHONE, Connection.WIFI, "UTC", 1060)
# Half of a page of twelve was seen in 30 seconds: four more posts come, in 20 seconds.
HALF = Pace(Position(UUID(int=1), page_no=1), 12, 12, 6, ASKED)


@pytest.mark.parametrize(
    ("now_s", "outdated", "needed"),
    [
        (1030.0, False, False),  # the queue still lives when the next page is asked for
        (1030.0, True, True),  # but it no longer serves
        (1042.0, False, True),  # it has expired by then
        (1200.0, True, False),  # in 133 s: what is ranked now would expire itself
    ],
)
def test_a_queue_is_ranked_ahead_where_the_last_one_no_longer_serves(
    now_s: float, *, outdated: bool, needed: bool
) -> None:
    assert replace(HALF, outdated=outdated).needs_queue(now_s) is needed


@pytest.mark.parametrize(("seen", "needed"), [(6, False), (9, True)])
def test_in_an_interview_most_of_the_page_is_watched_first(seen: int, *, needed: bool) -> None:
    pace = replace(HALF, seen=seen, interviewed=True, outdated=True)
    assert pace.needs_queue(1000.0 + 9.0 * seen) is needed


@pytest.mark.parametrize("interviewed", [False, True])
@pytest.mark.parametrize(
    ("seen", "each_s", "needed"),
    [
        (8, 22.0, False),  # two long posts take 44 s, and there will be another batch
        (9, 50.0, True),  # the last post takes 50 s, and the next batch may come too late
        (9, 60.0, False),  # as long as a queue lives
    ],
)
def test_during_the_last_post_a_queue_is_ranked_however_long_posts_take(
    seen: int, each_s: float, *, needed: bool, interviewed: bool
) -> None:
    pace = replace(HALF, seen=seen, interviewed=interviewed)
    assert pace.needs_queue(1000.0 + each_s * seen) is needed


@pytest.mark.parametrize("answers", [None, 0, 47])
def test_what_a_request_said_is_read_as_it_was_kept(answers: int | None) -> None:
    asked = ASKED._replace(answers=answers)
    assert Asked.read(asked.document()) == asked
