"""The feed's answer as clients read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.models import UNSEEN_RUNGS, Rung

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.feed_ranker.pages.page import Page, Placed
    from functions.feed_ranker.sessions.packed_content import Content
    from shared.ranking_config import Weights


def render_posts(
    page: Page,
    content: Content,
    addresses_of: Callable[[dict[str, Any]], dict[str, str]],
    weights: Weights,
) -> list[dict[str, Any]]:
    """Write the posts of a page in order, with positions from 0.

    Args:
        page: The page.
        content: What clients are shown of its posts.
        addresses_of: Makes the addresses of a post from its content.
        weights: Those that the page was ranked with.
    """
    return [
        _post(position, placed, content[placed.post_id], weights)
        | addresses_of(content[placed.post_id])
        for position, placed in enumerate(page.posts)
    ]


def _post(
    position: int, placed: Placed, content: dict[str, Any], weights: Weights
) -> dict[str, Any]:
    return {
        "post_id": str(placed.post_id),
        "creator_id": str(placed.creator_id),
        "caption": content["caption"],
        "tags": content["tags"],
        "duration_ms": content["duration_ms"],
        "aspect_ratio": content["aspect_ratio"],
        "created_at": content["created_at"],
        "position": position,
        "source": placed.rung,
        "is_repeat": placed.is_repeat,
        "score": placed.score,
        "reasons": reasons(
            placed, weights, has_tags=content["tags"] is None or any(content["tags"])
        ),
    }


def reasons(placed: Placed, weights: Weights, *, has_tags: bool = True) -> list[str]:
    """Return the codes of why a post is shown.

    What put it there comes first, then the parts of its score, those that gave most first. What is
    watched now is a reason only where the ranking chose the post. Taste knows a post without tags
    by words of its caption, which are not shown as tags.
    """
    codes = []
    if placed.rung is Rung.EXPLORE:
        codes.append("exploration")
    if placed.is_repeat:
        codes.append("seen_before")
    if placed.reason:
        codes.append(
            "liked_words" if placed.reason == "liked_tags" and not has_tags else placed.reason
        )
    if placed.evidence.is_popular and placed.rung in UNSEEN_RUNGS:
        codes.append("popular_right_now")
    if placed.followed:
        codes.append("followed_creator")
    gave = {
        name: getattr(weights, name) * getattr(placed.parts, name) for name in placed.parts._fields
    }
    return codes + sorted((n for n in gave if gave[n] > 0.0), key=lambda name: -gave[name])
