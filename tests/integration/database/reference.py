"""What retrieval promises, computed the slow and plain way."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.integration.database.catalogue import AT, COOLDOWN, FRESH, Post, World

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class Expected:
    """The truth about a world.

    Attributes:
        unseen: eligible posts that are neither in cooldown nor served in the session; their rungs.
        seen: the other eligible posts, each with whether the session served it and its order.
        creator_served: how many posts of each creator the session was served.
    """

    unseen: dict[UUID, str]
    seen: dict[UUID, tuple[bool, float]]
    creator_served: Counter[UUID]


def expected(world: World) -> Expected:
    """Looks at every post and every impression."""
    in_force = [row for row in world.feedback if not row[3]]
    hidden = {creator for action, _, creator, _ in in_force if action == "hide_creator"}
    refused = {post for action, post, _, _ in in_force if action != "hide_creator"}
    last_seen: dict[UUID, datetime] = {}
    for _, post_id, moment in world.impressions:
        last_seen[post_id] = max(moment, last_seen.get(post_id, moment))
    places: dict[UUID, int] = {}
    for page_no, page in enumerate(world.pages):
        for ordinal, post_id in enumerate(page, start=1):
            places[post_id] = max(page_no * 64 + ordinal, places.get(post_id, 0))
    for post_id, place in world.served:
        places[post_id] = max(place, places.get(post_id, 0))

    unseen: dict[UUID, str] = {}
    seen: dict[UUID, tuple[bool, float]] = {}
    for post in world.posts:
        if not post.showable or post.creator == world.viewer:
            continue
        if post.creator in hidden or post.id in refused:
            continue
        moment = last_seen.get(post.id, AT - COOLDOWN)
        if post.id in places:
            seen[post.id] = (True, places[post.id])
        elif moment > AT - COOLDOWN:
            seen[post.id] = (False, moment.timestamp())
        else:
            unseen[post.id] = _rung(world, post)
    creators = {post.id: post.creator for post in world.posts}
    return Expected(unseen, seen, Counter(creators[post_id] for post_id in places))


def check(world: World, rows: list[dict[str, Any]], *, want: int, page_size: int) -> None:
    """Asserts that the rows are what the world promises for want >= page_size."""
    truth = expected(world)
    unseen = {row["post_id"]: row["rung"] for row in rows if row["rung"] != "seen"}
    seen = sorted((row for row in rows if row["rung"] == "seen"), key=lambda row: row["seen_rank"])

    assert len({row["post_id"] for row in rows}) == len(rows), "a post came twice"
    assert unseen.items() <= truth.unseen.items(), "not unseen, not eligible or of another rung"
    assert {(row["inventory"], row["complete"]) for row in rows} <= {
        (len(unseen), True),
        (len(unseen), False),
    }
    complete = {row["complete"] for row in rows}
    assert len(complete) <= 1
    if len(unseen) < want:
        assert unseen == truth.unseen
        assert complete <= {True}
    if complete == {True}:
        assert unseen == truth.unseen
    fresh = Counter(truth.unseen.values())["fresh"]
    assert Counter(unseen.values())["fresh"] >= min(want, fresh), "fresh posts were missed"

    lacking = len(unseen) < page_size
    assert len(seen) == (min(page_size, len(truth.seen)) if lacking else 0)
    assert [row["seen_rank"] for row in seen] == list(range(1, len(seen) + 1))
    places = [(row["in_session"], truth.seen[row["post_id"]][1]) for row in seen]
    assert places == sorted(truth.seen.values())[: len(seen)], "not the longest ago first"

    creators = {post.id: post for post in world.posts}
    for row in rows:
        post = creators[row["post_id"]]
        assert (row["creator_id"], row["published_at"]) == (post.creator, post.since)
        assert row["followed"] == (post.creator in world.follows)
        assert row["creator_served"] == truth.creator_served[post.creator]


def _rung(world: World, post: Post) -> str:
    if post.since > AT - FRESH:
        return "fresh"
    return "following" if post.creator in world.follows else "trending"
