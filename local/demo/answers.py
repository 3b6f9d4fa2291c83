"""What the feed answers and what Postgres keeps of it, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNGS = ("fresh", "following", "trending")
REPEATS = ("repeat", "recycled")
EXPLORE = "explore"


@dataclass(frozen=True, slots=True)
class Post:
    """A post of a page, as clients read it."""

    post_id: UUID
    creator_id: UUID
    caption: str
    hls_url: str
    thumbnail_url: str
    duration_ms: int
    created_at: datetime
    position: int
    source: str
    is_repeat: bool
    score: float
    reasons: tuple[str, ...]

    @classmethod
    def parse(cls, answer: Mapping[str, Any]) -> Post:
        """Read a post.

        Raises:
            KeyError: A field is missing.
            ValueError: A field has no such value.
        """
        return cls(
            post_id=UUID(answer["post_id"]),
            creator_id=UUID(answer["creator_id"]),
            caption=answer["caption"],
            hls_url=answer["hls_url"],
            thumbnail_url=answer["thumbnail_url"],
            duration_ms=answer["duration_ms"],
            created_at=datetime.fromisoformat(answer["created_at"]),
            position=answer["position"],
            source=answer["source"],
            is_repeat=answer["is_repeat"],
            score=answer["score"],
            reasons=tuple(answer["reasons"]),
        )


@dataclass(frozen=True, slots=True)
class Page:
    """A page, as clients read it."""

    session_id: UUID
    posts: tuple[Post, ...]
    next_cursor: str
    cache: str
    stale_cursor: bool
    degraded: str | None

    @classmethod
    def parse(cls, answer: Mapping[str, Any]) -> Page:
        """Read an answer of GET /v1/feed.

        Raises:
            KeyError: A field is missing.
            ValueError: A field has no such value.
        """
        return cls(
            session_id=UUID(answer["session_id"]),
            posts=tuple(map(Post.parse, answer["posts"])),
            next_cursor=answer["next_cursor"],
            cache=answer["cache"],
            stale_cursor=answer["stale_cursor"],
            degraded=answer["degraded"],
        )

    @property
    def ids(self) -> list[UUID]:
        """The posts' ids in order."""
        return [post.post_id for post in self.posts]


class Parts(NamedTuple):
    """The parts of a score."""

    engagement: float
    freshness: float
    context: float
    diversity: float


WEIGHTS = Parts(0.40, 0.30, 0.20, 0.10)


class Entry(NamedTuple):
    """A post of a page as Postgres keeps it."""

    post_id: UUID
    creator_id: UUID
    source: str
    parts: Parts
    score: float
    followed: bool
    propensity: float | None
    reason: str = ""
    heat: float = 0.0  # doublings above the average candidate

    @classmethod
    def parse(cls, post_id: UUID, row: list[Any]) -> Entry:
        """Read a row of `posts` in feed_pages.entries, and the id that belongs to it."""
        _, creator, source, parts, score, followed, propensity, reason, (heat, *_) = row
        return cls(
            post_id,
            UUID(int=creator),  # a stand-in
            source,
            Parts(*parts),
            score,
            followed,
            propensity,
            reason,
            heat,
        )


@dataclass(frozen=True, slots=True)
class Stock:
    """What there is for a viewer at the moment of a page.

    Attributes:
        eligible: Posts that may be shown to the viewer, with the time of their publication.
        followed: Creators whom the viewer follows.
        seen: Posts with an impression inside the cooldown, the last one's time each.
        served: Posts that earlier pages of the session held, in order.
        now: The moment.
    """

    eligible: Mapping[UUID, datetime]
    followed: frozenset[UUID]
    seen: Mapping[UUID, datetime]
    served: tuple[UUID, ...]
    now: datetime

    @property
    def unseen(self) -> set[UUID]:
        """Eligible posts that would not repeat."""
        return set(self.eligible) - set(self.seen) - set(self.served)

    @property
    def longest_ago(self) -> list[UUID]:
        """Eligible posts that would repeat: the longest ago first, this session's last."""
        last = {post: place for place, post in enumerate(self.served)}
        before = [p for p in self.seen if p in self.eligible and p not in last]
        within = [p for p in last if p in self.eligible]
        return sorted(before, key=lambda p: self.seen[p]) + sorted(within, key=lambda p: last[p])
