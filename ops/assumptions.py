"""The assumptions of `ops.scale`: what viewers do, what requests cost, and what services charge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DAY_S: Final = 86_400
MONTH_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Habits:
    """The habits of one viewer in a day.

    Attributes:
        sessions: The number of sessions.
        pages: The number of pages in a session.
        page_size: The number of posts on a page, all of which are seen and watched.
        reports: How often in a page the client reports what was watched. A report is two requests,
            a batch of impressions and one of watches.
        peak: The load of the busiest second, as a multiple of the mean.
    """

    sessions: float = 3.0
    pages: float = 10.0
    page_size: int = 12
    reports: float = 1.0
    peak: float = 3.0

    @property
    def all_pages(self) -> float:
        """Return the number of pages in a day."""
        return self.sessions * self.pages

    @property
    def posts(self) -> float:
        """Return the number of posts in a day."""
        return self.all_pages * self.page_size

    @property
    def requests(self) -> float:
        """Return the number of requests in a day."""
        return self.all_pages * (1 + 2 * self.reports)


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of requests. Times are those of one core, and bytes include indexes.

    Attributes:
        ranked: Queues that are ranked for each later page, nearly all ahead of its request. Some
            are for viewers who have left by then.
        first_writes: The DynamoDB write units of a session's first page, with its queue.
        next_writes: The DynamoDB write units of a queue that is ranked for a later page.
        next_reads: The DynamoDB read units of a later page.
        first_database_ms: The CPU time of Postgres for a queue, its first page included.
        next_database_ms: The CPU time of Postgres for a page from a queue.
        batch_database_ms: The CPU time of Postgres for what is reported of a page in one batch of
            impressions and one of watches.
        report_database_ms: The CPU time of Postgres for each report more, with its rows spread out.
        roll_up_ms: The CPU time of Postgres for rolling up one event and for removing it later.
        page_log_bytes: What Postgres writes to its log for a page of twelve posts, for what is
            reported of it and its roll-up, and for its removal later.
        function_ms: The billed time of a function per request.
        memory_gb: The memory of a function.
        impression_bytes: The size of a stored impression, with what is kept for the post and
            viewer.
        watch_bytes: The size of a stored watch event.
        viewer_watch_bytes: The size of the row with a viewer's best watch of one post.
        page_bytes: The size of a stored page with its row of feed_requests.
        impression_days, watch_days, viewer_watch_days, page_days: The days for which each is kept.
        utilisation: The utilisation of the database's cores at the peak.
    """

    ranked: float = 1.1
    first_writes: float = 7.0
    next_writes: float = 3.0
    next_reads: float = 3.0
    first_database_ms: float = 12.0
    next_database_ms: float = 2.5
    batch_database_ms: float = 5.0
    report_database_ms: float = 2.0
    roll_up_ms: float = 0.07
    page_log_bytes: int = 41_500 + 6_200
    function_ms: float = 30.0
    memory_gb: float = 1.0
    impression_bytes: int = 221 + 202
    watch_bytes: int = 182
    viewer_watch_bytes: int = 176
    page_bytes: int = 3_600
    impression_days: int = 31
    watch_days: int = 90
    viewer_watch_days: int = 180
    page_days: int = 7
    utilisation: float = 0.5


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in dollars for on-demand use in us-east-1, as far as known in November 2026.

    Replace them by the prices that apply to you. An I/O is a write of up to 4 KB of the log, as
    Aurora counts it (aws.amazon.com/rds/aurora/faqs, "Write I/Os are counted in 4 KB units").
    """

    api_million: float = 1.00
    invocation_million: float = 0.20
    gb_second: float = 0.0000133334
    write_million: float = 0.625
    read_million: float = 0.125
    database_core_hour: float = 0.14
    database_gb_month: float = 0.10
    database_million_ios: float = 0.20


HABITS: Final = Habits()
COSTS: Final = Costs()
PRICES: Final = Prices()
