from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from local.demo.answers import Entry, Page, Parts
from tests.unit.local.demo.building import post_id, stock

ANSWER: dict[str, Any] = {
    "request_id": str(UUID(int=1)),
    "session_id": str(UUID(int=2)),
    "posts": [
        {
            "post_id": str(UUID(int=3)),
            "creator_id": str(UUID(int=4)),
            "caption": "سلام",
            "tags": ["food"],
            "hls_url": "u",
            "thumbnail_url": "t",
            "duration_ms": 1000,
            "aspect_ratio": None,
            "created_at": "2026-03-01T12:00:00.5Z",
            "position": 0,
            "source": "fresh",
            "is_repeat": False,
            "score": 0.5,
            "reasons": ["freshness"],
        }
    ],
    "next_cursor": "c",
    "cache": "miss",
    "stale_cursor": False,
    "degraded": None,
    "variant": "control",
}


def test_a_page_is_read_as_clients_get_it() -> None:
    page = Page.parse(ANSWER)
    assert page.ids == [UUID(int=3)]
    assert page.posts[0].created_at.isoformat() == "2026-03-01T12:00:00.500000+00:00"


@pytest.mark.parametrize("field", ["session_id", "posts", "next_cursor", "degraded"])
def test_a_page_without_one_of_its_fields_is_none(field: str) -> None:
    with pytest.raises(KeyError):
        Page.parse({name: value for name, value in ANSWER.items() if name != field})


def test_an_entry_is_read_as_postgres_keeps_it() -> None:
    row = [None, 4, "explore", [0.1, 0.2, 0.3, 0.4], 0.2, True, 0.01]
    entry = Entry.parse(UUID(int=3), [*row, "liked_tags", [2.25, 0.0, 0.5, 0.6]])
    assert (entry.post_id, entry.creator_id) == (UUID(int=3), UUID(int=4))
    assert entry.parts == Parts(0.1, 0.2, 0.3, 0.4)
    assert (entry.followed, entry.propensity) == (True, 0.01)
    assert (entry.reason, entry.heat) == ("liked_tags", 2.25)


def test_unseen_are_eligible_posts_neither_seen_nor_served() -> None:
    assert stock(range(5), seen=[0, 9], served=[1]).unseen == {post_id(n) for n in (2, 3, 4)}


def test_the_longest_ago_come_first_and_this_session_last() -> None:
    there = stock(range(6), seen=[3, 1, 9], served=[4, 3, 5, 4])
    assert there.longest_ago == [post_id(n) for n in (1, 3, 5, 4)]
