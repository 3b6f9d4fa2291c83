"""What a request for a page asks, what it has found out on its way, and what it is answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from functions.feed_ranker.pages.cursor import Position
    from functions.feed_ranker.pages.page import Page
    from functions.feed_ranker.sessions.cache import Cached
    from functions.feed_ranker.sessions.page_document import Content
    from shared.models import Moment


@dataclass(frozen=True, slots=True)
class FeedRequest:
    """One request for a page.

    Attributes:
        viewer: Who asks.
        at: Which page of which session.
        resumed: The session may have begun before; else no page of it exists.
        page_size: How many posts.
        moment: When, and on what.
        request_id: The request's id, a UUID.
        elapsed_ms: Milliseconds since the request came in.
    """

    viewer: UUID
    at: Position
    resumed: bool
    page_size: int
    moment: Moment
    request_id: str
    elapsed_ms: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Served:
    """A page, and how it came about.

    Attributes:
        page: The page.
        content: What clients are shown of its posts.
        hit: It was taken from what was stored, not ranked anew.
        stale: Its cursor's queue had expired.
        degraded: Why the page is less than promised, in a word; None where it is not.
        rejected: Posts that turned out, while it was made, not to be shown.
        short: It is shorter than promised, though more posts may have been there.
    """

    page: Page
    content: Content
    hit: bool
    stale: bool
    degraded: str | None
    rejected: int = 0
    short: bool = False


@dataclass(slots=True)
class Progress:
    """What one request has found out so far.

    Attributes:
        cached: What the cache held.
        cache_gone: The cache did not answer: it is not asked again.
        dropped: Posts that turned out not to be shown.
        trace: How the answer came about, for feed_requests.
        short: A page was shorter than promised, though more posts may have been there.
        outrun: The viewer has used up a queue that still lived.
    """

    cached: Cached | None = None
    cache_gone: bool = False
    dropped: set[UUID] = field(default_factory=set)
    trace: dict[str, Any] = field(default_factory=dict)
    short: bool = False
    outrun: bool = False

    @property
    def degraded(self) -> str | None:
        """The word for a dependency that is gone."""
        return "cache" if self.cache_gone else None
