"""The requests, units, rows, connections and dollars that a number of daily viewers needs.

    python -m ops.scale [VIEWERS ...]

It multiplies what a viewer does by the measured cost of each request (docs/performance.md,
docs/scaling.md). Code can pass `Habits` and `Costs` of its own.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

DAY_S: Final = 86_400
MONTH_DAYS: Final = 30
SIZES: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)


@dataclass(frozen=True, slots=True)
class Habits:
    """The habits of one viewer in a day.

    Attributes:
        sessions: The number of sessions.
        pages: The number of pages in a session.
        page_size: The number of posts on a page, all of which are seen and watched.
        peak: The load of the busiest second, as a multiple of the mean.
    """

    sessions: float = 3.0
    pages: float = 10.0
    page_size: int = 12
    peak: float = 3.0

    @property
    def all_pages(self) -> float:
        """Return the number of pages in a day."""
        return self.sessions * self.pages

    @property
    def posts(self) -> float:
        """Return the number of posts in a day."""
        return self.all_pages * self.page_size


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of requests. Times are those of one core, and bytes include indexes.

    Attributes:
        ranked: Queues that are ranked for each later page, nearly all ahead of its request. Some
            are for viewers who have left by then.
        first_writes: The DynamoDB write units of a session's first page.
        next_writes: The DynamoDB write units of a later page: the claim to its queue and the queue.
        next_reads: The DynamoDB read units of a later page.
        first_database_ms: The CPU time of Postgres for a queue, its first page included.
        next_database_ms: The CPU time of Postgres for a page from a queue.
        batch_database_ms: The CPU time of Postgres for a batch of impressions and one of watches,
            with 12 rows each.
        roll_up_ms: The CPU time of Postgres for rolling up one event and for removing it later.
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
    next_writes: float = 4.0
    next_reads: float = 3.0
    first_database_ms: float = 12.0
    next_database_ms: float = 2.5
    batch_database_ms: float = 5.0
    roll_up_ms: float = 0.15
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

    Replace them by the prices that apply to you.
    """

    api_million: float = 1.00
    invocation_million: float = 0.20
    gb_second: float = 0.0000133334
    write_million: float = 0.625
    read_million: float = 0.125
    database_core_hour: float = 0.14
    database_gb_month: float = 0.10
    database_million_ios: float = 0.20


@dataclass(frozen=True, slots=True)
class Need:
    """The needs of a number of daily viewers.

    Attributes:
        viewers: The number of daily viewers.
        requests_s: The requests per second at the peak.
        write_units_s, read_units_s: The DynamoDB units per second at the peak.
        rows_s: The rows per second that Postgres inserts, updates and removes at the peak.
        ios_s: The writes per second of 8 KB pages at the peak, with four rows to a page.
        cores: The cores of Postgres.
        connections: The containers at the peak, each of which has a connection.
        storage_gb: The storage of Postgres when retention keeps its size constant.
        dollars: The cost of a month, without Mux and traffic.
    """

    viewers: int
    requests_s: float
    write_units_s: float
    read_units_s: float
    rows_s: float
    ios_s: float
    cores: float
    connections: float
    storage_gb: float
    dollars: float


def need(
    viewers: int, habits: Habits = Habits(), costs: Costs = Costs(), prices: Prices = Prices()
) -> Need:
    """Return what so many daily viewers need."""
    later = habits.all_pages - habits.sessions
    ranked = habits.sessions + later * costs.ranked
    requests = 3 * habits.all_pages  # one for a page, one for its impressions, one for its watches
    writes = habits.sessions * costs.first_writes + later * costs.next_writes
    reads = later * costs.next_reads
    # The first four terms for a post are the impression and its last-seen row, the queue (in and
    # out), the removal of both, and the watch with the best watch. The next three are the queue
    # (in and out), the removal of both, and the rows of the creator and the tags. The term for a
    # page is the page and its request, in and out.
    rows = habits.posts * (2 + 2 + 2 + 2 + 2 + 2 + 4) + habits.all_pages * 4
    database_ms = (
        ranked * costs.first_database_ms
        + later * costs.next_database_ms
        + habits.all_pages * costs.batch_database_ms
        + 2 * habits.posts * costs.roll_up_ms
    )
    stored = (
        habits.posts * costs.impression_bytes * costs.impression_days
        + habits.posts * costs.watch_bytes * costs.watch_days
        + habits.posts * costs.viewer_watch_bytes * costs.viewer_watch_days
        + habits.all_pages * costs.page_bytes * costs.page_days
    )
    each_s = viewers * habits.peak / DAY_S
    cores = max(each_s * database_ms / 1000 / costs.utilisation, 2.0)
    month = viewers * MONTH_DAYS / 1e6
    storage_gb = viewers * stored / 1e9
    dollars = (
        month * requests * (prices.api_million + prices.invocation_million)
        + month * 1e6 * requests * costs.function_ms / 1000 * costs.memory_gb * prices.gb_second
        + month * (writes * prices.write_million + reads * prices.read_million)
        + cores * 24 * MONTH_DAYS * prices.database_core_hour
        + storage_gb * prices.database_gb_month
        + month * rows / 4 * prices.database_million_ios
    )
    return Need(
        viewers=viewers,
        requests_s=each_s * requests,
        write_units_s=each_s * writes,
        read_units_s=each_s * reads,
        rows_s=each_s * rows,
        ios_s=each_s * rows / 4,
        cores=cores,
        connections=each_s * requests * costs.function_ms / 1000,
        storage_gb=storage_gb,
        dollars=dollars,
    )


def table(viewers: tuple[int, ...] = SIZES) -> str:
    """Return a Markdown table with one line for each number of viewers."""
    names = (
        "daily viewers | requests/s | DynamoDB WCU/s | RCU/s | Postgres rows/s | page writes/s"
        " | cores | connections | storage | $ a month | $ per 1,000 viewers"
    )
    lines = [f"| {names} |", "|---" * 11 + "|"]
    for needed in map(need, viewers):
        figures = [
            f"{needed.viewers:,}",
            *(
                rounded(value)
                for value in (
                    needed.requests_s,
                    needed.write_units_s,
                    needed.read_units_s,
                    needed.rows_s,
                    needed.ios_s,
                    needed.cores,
                    needed.connections,
                )
            ),
            f"{rounded(needed.storage_gb)} GB",
            rounded(needed.dollars),
            f"{needed.dollars / needed.viewers * 1000:.2f}",
        ]
        lines.append(f"| {' | '.join(figures)} |")
    return "\n".join(lines)


def rounded(value: float) -> str:
    """Round to two figures, because the assumptions are not more exact."""
    if value < 1:
        return "under 1"
    digits = max(len(str(int(value))) - 2, 0)
    return f"{round(value, -digits):,.0f}"


def print_table(
    arguments: list[str], table_of: Callable[[tuple[int, ...]], str], sizes: tuple[int, ...]
) -> int:
    """Print a table for the numbers of daily viewers in `arguments`, or else for `sizes`."""
    given = [text for text in arguments if not (text.isascii() and text.isdecimal() and int(text))]
    if given:
        sys.stderr.write(f"no numbers of viewers: {', '.join(given)}\n")
        return 2
    sys.stdout.write(table_of(tuple(map(int, arguments)) or sizes) + "\n")
    return 0


def main(arguments: list[str]) -> int:
    """Print what these numbers of daily viewers need."""
    return print_table(arguments, table, SIZES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
