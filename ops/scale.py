"""What so many daily viewers need: requests, units, rows, connections and dollars.

    python -m ops.scale [VIEWERS ...]

Plain multiplication of what a viewer does with what each request was measured to cost
(docs/performance.md, docs/scaling.md). Pass fields of `Habits` and `Costs` of your own in code.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

DAY_S: Final = 86_400
MONTH_DAYS: Final = 30
SIZES: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)


@dataclass(frozen=True, slots=True)
class Habits:
    """What one viewer does in a day.

    Attributes:
        sessions: Sessions.
        pages: Pages of a session.
        page_size: Posts of a page, all of them seen and watched.
        peak: The busiest second against the mean one.
    """

    sessions: float = 3.0
    pages: float = 10.0
    page_size: int = 12
    peak: float = 3.0

    @property
    def all_pages(self) -> float:
        """Pages of a day."""
        return self.sessions * self.pages

    @property
    def posts(self) -> float:
        """Posts of a day."""
        return self.all_pages * self.page_size


@dataclass(frozen=True, slots=True)
class Costs:
    """What requests cost. Times are of one core; bytes include indexes.

    Attributes:
        ranked: Share of later pages that are ranked anew, since their queue was over 60 s old.
        first_writes: DynamoDB write units of a page ranked anew.
        next_writes: Of a page from the queue.
        next_reads: Read units of a later page.
        first_database_ms: Postgres' CPU time of a page ranked anew.
        next_database_ms: Of a page from the queue.
        batch_database_ms: Of a batch of impressions and one of watches, 12 rows each.
        roll_up_ms: Of rolling up one event, and of removing it and its like in the end.
        function_ms: A function's billed time per request.
        memory_gb: Of the function.
        impression_bytes: A stored impression, with what is kept beside it per post and viewer.
        watch_bytes: A stored watch event.
        viewer_watch_bytes: A viewer's best of one post.
        page_bytes: A stored page with its row of feed_requests.
        impression_days, watch_days, viewer_watch_days, page_days: How long each is kept.
        utilisation: Of the database's cores at the peak.
    """

    ranked: float = 0.92
    first_writes: float = 7.0
    next_writes: float = 1.0
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
    """Dollars, on demand, us-east-1, November 2026 as far as known: put in your own."""

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
    """What so many daily viewers need.

    Attributes:
        viewers: Daily viewers.
        requests_s: Requests a second at the peak.
        write_units_s, read_units_s: DynamoDB units a second at the peak.
        rows_s: Rows that Postgres inserts, updates and removes a second at the peak.
        ios_s: Writes of 8 KB pages a second at the peak, at four rows a page.
        cores: Cores of Postgres.
        connections: Containers with a connection each, at the peak.
        storage_gb: Postgres, once retention keeps it level.
        dollars: A month, Mux and traffic aside.
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
    """The arithmetic."""
    ranked = habits.sessions + (habits.all_pages - habits.sessions) * costs.ranked
    queued = habits.all_pages - ranked
    later = habits.all_pages - habits.sessions
    requests = 3 * habits.all_pages  # a page, its impressions, its watches
    writes = ranked * costs.first_writes + queued * costs.next_writes
    reads = later * costs.next_reads
    # Impression, last seen, queue in and out, removal; watch, its best, queue in and out, removal
    # of both, creator and tags; page and request, in and out.
    rows = habits.posts * (2 + 2 + 2 + 2 + 2 + 2 + 4) + habits.all_pages * 4
    database_ms = (
        ranked * costs.first_database_ms
        + queued * costs.next_database_ms
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
    """A Markdown table, a line each."""
    names = (
        "daily viewers | requests/s | DynamoDB WCU/s | RCU/s | Postgres rows/s | page writes/s"
        " | cores | connections | storage | $ a month | $ per 1,000 viewers"
    )
    lines = [f"| {names} |", "|---" * 11 + "|"]
    for needed in map(need, viewers):
        figures = [
            f"{needed.viewers:,}",
            *(
                _rounded(value)
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
            f"{_rounded(needed.storage_gb)} GB",
            _rounded(needed.dollars),
            f"{needed.dollars / needed.viewers * 1000:.2f}",
        ]
        lines.append(f"| {' | '.join(figures)} |")
    return "\n".join(lines)


def _rounded(value: float) -> str:
    """To two figures: the assumptions are no better."""
    if value < 1:
        return "under 1"
    digits = max(len(str(int(value))) - 2, 0)
    return f"{round(value, -digits):,.0f}"


def main(arguments: list[str]) -> int:
    """Print the table for these numbers of daily viewers."""
    given = [text for text in arguments if not (text.isascii() and text.isdecimal() and int(text))]
    if given:
        sys.stderr.write(f"no numbers of viewers: {', '.join(given)}\n")
        return 2
    sys.stdout.write(table(tuple(map(int, arguments)) or SIZES) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
