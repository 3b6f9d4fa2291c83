"""What a request for a page asks, and what it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from functions.feed_ranker.pages.cursor import Position
    from functions.feed_ranker.pages.page import Page
    from functions.feed_ranker.sessions.packed_content import Content
    from shared.models import Moment
    from shared.ranking import Parts


@dataclass(frozen=True, slots=True)
class FeedRequest:
    """One request for a page.

    Attributes:
        viewer: Who asks.
        at: Which page of which session is asked for.
        resumed: Whether the session may have begun before; else no page of it exists.
        page_size: How many posts are asked for.
        moment: When and on what the viewer watches.
        request_id: The request's id, a UUID.
        elapsed_ms: Returns the milliseconds since the request came in.
        timezone: The viewer's IANA time zone.
    """

    viewer: UUID
    at: Position
    resumed: bool
    page_size: int
    moment: Moment
    request_id: str
    elapsed_ms: Callable[[], float]
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Served:
    """A page, and how it came about.

    Attributes:
        page: The page.
        content: What clients are shown of its posts.
        from_cache: Whether it was taken from what was stored, not ranked anew.
        queue_expired: Whether its cursor's queue had expired.
        prepared: Whether it begins a queue that was ranked ahead of the request.
        degraded: The word for what the page lacks of the promise; None where it lacks nothing.
        withdrawn: How many posts turned out, while it was made, not to be shown.
        underfilled: Whether it is shorter than promised: more posts may be shown than it holds.
        decided: The share of each part of the score in what set the candidates apart, where the
            request ranked them; None where it did not, and where no part decided anything.
    """

    page: Page
    content: Content
    from_cache: bool
    queue_expired: bool
    degraded: str | None
    withdrawn: int = 0
    underfilled: bool = False
    prepared: bool = False
    decided: Parts | None = None


class NoPageReason(StrEnum):
    """Why a request got no page: a code for the log and the metrics."""

    POSTS_KEEP_CHANGING = "posts_keep_changing"  # each commit met posts withdrawn since
    NOTHING_CACHED = "nothing_cached"  # Postgres is gone, and the cache has no queue
    QUEUE_TOO_OLD = "queue_too_old"  # it would show what was taken down since
    FEEDBACK_NOT_IN_QUEUE = "feedback_not_in_queue"  # it would show what the viewer refused
    QUEUE_USED_UP = "queue_used_up"  # none of its posts is left
    PAGE_CONTENT_UNKNOWN = "page_content_unknown"  # of no post of the page the content is cached
