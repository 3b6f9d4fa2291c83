from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.feed_ranker.feed.answer import reasons, render_posts
from functions.feed_ranker.feed.trace import by_rung
from functions.feed_ranker.pages.cursor import Position
from functions.feed_ranker.pages.page import Page, Placed
from functions.feed_ranker.playback import PlaybackUrls
from shared.evidence import Evidence
from shared.models import Rung
from shared.ranking import Parts
from shared.ranking_config import Weights
from tests.unit.feed_ranker.generators import SESSION

URLS = PlaybackUrls("https://stream.example", "https://image.example")
PARTS = Parts(0.5, 0.9, 0.2, 1.0)
figures = st.floats(0, 1)


def placed(
    number: int = 1,
    source: Rung = Rung.FRESH,
    parts: Parts = PARTS,
    *,
    followed: bool = False,
    reason: str = "",
    heat: float = 0.0,
) -> Placed:
    return Placed(
        UUID(int=number),
        UUID(int=100 + number),
        source,
        parts,
        0.61,
        followed,
        reason=reason,
        evidence=Evidence.of(heat, 0.0, 0.0, 0.5),
    )


def content(number: int = 1, **more: object) -> dict[str, Any]:
    return {
        "post_id": str(UUID(int=number)),
        "caption": "كيف <b>حالك</b>",
        "tags": ["a", "b"],
        "playback_id": f"play{number}",
        "signed": False,
        "duration_ms": 12_000,
        "aspect_ratio": "9:16",
        "created_at": "2026-05-01T12:00:00Z",
        **more,
    }


def rendered(*posts: Placed, **more: object) -> list[dict[str, Any]]:
    page = Page(posts, 12, Position(SESSION, 1), None)
    by_id = {p.post_id: content(p.post_id.int, **more) for p in posts}
    return render_posts(page, by_id, lambda shown: URLS.of(shown, 0.0), Weights())


def test_a_post_is_rendered_with_exactly_the_promised_fields() -> None:
    (post,) = rendered(placed())
    assert post == {
        "post_id": str(UUID(int=1)),
        "creator_id": str(UUID(int=101)),
        "caption": "كيف <b>حالك</b>",
        "tags": ["a", "b"],
        "hls_url": "https://stream.example/play1.m3u8",
        "thumbnail_url": "https://image.example/play1/thumbnail.webp",
        "duration_ms": 12_000,
        "aspect_ratio": "9:16",
        "created_at": "2026-05-01T12:00:00Z",
        "position": 0,
        "source": "fresh",
        "is_repeat": False,
        "score": 0.61,
        "reasons": ["freshness", "engagement", "diversity", "context"],
    }


def test_posts_stand_in_the_order_of_the_page_and_positions_count_from_0() -> None:
    posts = rendered(placed(7), placed(3), placed(5))
    assert [(p["position"], UUID(p["post_id"]).int) for p in posts] == [(0, 7), (1, 3), (2, 5)]


@pytest.mark.parametrize("source", Rung)
def test_only_repeats_and_recycled_posts_are_marked_as_repeats(source: Rung) -> None:
    (post,) = rendered(placed(source=source))
    assert post["is_repeat"] is (source in {"repeat", "recycled"})
    assert ("seen_before" in post["reasons"]) is post["is_repeat"]


def test_what_put_a_post_there_is_named_before_the_parts_of_its_score() -> None:
    explored = reasons(placed(source=Rung.EXPLORE, followed=True), Weights())
    assert explored[:2] == ["exploration", "followed_creator"]
    seen = reasons(placed(source=Rung.RECYCLED, followed=True), Weights())
    assert seen[:2] == ["seen_before", "followed_creator"]


def test_a_post_that_many_watch_now_says_so_after_what_of_the_taste_speaks_for_it() -> None:
    hot = placed(heat=2.0, reason="liked_tags", followed=True)
    codes = reasons(hot, Weights())
    assert codes[:3] == ["liked_tags", "popular_right_now", "followed_creator"]
    assert "popular_right_now" not in reasons(placed(heat=1.75), Weights())


@pytest.mark.parametrize(
    ("tags", "code"),
    [(["a"], "liked_tags"), ([], "liked_words"), (["", None], "liked_words"), (None, "liked_tags")],
)
def test_words_of_a_caption_are_a_reason_and_no_tags(
    tags: list[str | None] | None, code: str
) -> None:
    (post,) = rendered(placed(reason="liked_tags"), tags=tags)
    assert post["reasons"][0] == code
    assert post["tags"] == tags


@pytest.mark.parametrize("source", [Rung.EXPLORE, Rung.REPEAT, Rung.RECYCLED])
def test_being_popular_is_no_reason_where_something_else_put_the_post_there(source: Rung) -> None:
    assert "popular_right_now" not in reasons(placed(source=source, heat=5.0), Weights())


@given(st.builds(Parts, figures, figures, figures, figures))
def test_the_parts_of_a_score_stand_by_what_they_gave_and_none_that_gave_nothing(
    parts: Parts,
) -> None:
    weights = Weights()
    gave = {name: getattr(weights, name) * getattr(parts, name) for name in parts._fields}
    named = reasons(placed(parts=parts), weights)
    assert set(named) == {name for name in gave if gave[name] > 0.0}
    assert [gave[name] for name in named] == sorted((gave[n] for n in named), reverse=True)


def test_the_posts_of_a_page_are_counted_by_their_source() -> None:
    posts = (placed(1), placed(2), placed(3, Rung.EXPLORE))
    counts = by_rung(Page(posts, 12, Position(SESSION, 1), None))
    assert counts == {"fresh": 2, "explore": 1}
    assert all(type(name) is str for name in counts)
