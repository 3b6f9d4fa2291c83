"""The figures of one feed in one world."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evaluation.simulation.each import Each

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one feed in one world.

    Attributes:
        watch_ratio: The mean share of a post that was watched, over all views.
        late_watch_ratio: The same mean over the last quarter of the days.
        minutes: The watched minutes per viewer and day, over the days since they arrived.
        likes: The number of likes per hundred views.
        match: The mean hidden match of taste and topic, in [0, 1].
        taste_found: The share of viewers whose fifth page has mostly posts of their top topics.
        left: The share of viewers who left for good.
        repeats: The share of views of a post that the viewer had seen before.
        creator_gini: The Gini coefficient of views over creators. It is 0 where all have the same
            number, and near 1 where one has all.
        quota_met: The share of new posts that got their quota of impressions within two days.
        short_pages: The number of pages with fewer posts than were requested.
        degraded: The share of pages that the feed marked as degraded.
        cache_hits: The share of hits among the pages of active sessions. It is NaN without a
            cache.
        later_hits: The share of hits among the pages after the first of each session.
        quick_hits: The same share among pages that were requested while the last queue was kept.
        quick_pages: The share of those pages among all pages. It is NaN without a cache.
        pages: The number of pages.
        pages_per_session: The average number of pages in a session.
        seconds_per_page: The median time from one page of a session to the next.
        daily: The mean watch ratio of each day. It is NaN for a day without views.
        rankings: The number of queues that were ranked for each page, ahead of its request or for
            it. Like the two figures below, it is NaN for a feed that ranks no queue.
        write_units: The write units of DynamoDB for each page.
        queue_bytes: The mean size of an item with the queue of a page after the first.
        each: The same of each viewer and of each new post.
    """

    watch_ratio: float
    late_watch_ratio: float
    minutes: float
    likes: float
    match: float
    taste_found: float
    left: float
    repeats: float
    creator_gini: float
    quota_met: float
    short_pages: float
    degraded: float
    cache_hits: float
    quick_hits: float
    quick_pages: float
    pages: float
    pages_per_session: float
    seconds_per_page: float
    daily: tuple[float, ...]
    later_hits: float = math.nan
    rankings: float = math.nan
    write_units: float = math.nan
    queue_bytes: float = math.nan
    each: Each = field(default_factory=Each)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Figures:
        """Read figures that another process has written as JSON."""
        each = {name: tuple(values) for name, values in document["each"].items()}
        return cls(**{**document, "daily": tuple(document["daily"]), "each": Each(**each)})
