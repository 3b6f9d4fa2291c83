"""The requests, units, rows, connections and dollars that a number of daily viewers needs.

    python -m ops.scale [VIEWERS ...]

It multiplies what a viewer does by the measured cost of each request (docs/performance.md,
docs/scaling.md), and shows what of the dollars goes to which service. Code can pass `Habits` and
`Costs` of its own.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ops.assumptions import COSTS, DAY_S, HABITS, MONTH_DAYS, PRICES, Costs, Habits, Prices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_IO_BYTES: Final = 4_096
SIZES: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)


@dataclass(frozen=True, slots=True)
class Need:
    """The needs of a number of daily viewers.

    Attributes:
        viewers: The number of daily viewers.
        requests_s: The requests per second at the peak.
        write_units_s, read_units_s: The DynamoDB units per second at the peak.
        rows_s: The rows per second that Postgres inserts, updates and removes at the peak.
        ios_s: The writes per second of up to 4 KB of Postgres' log at the peak.
        cores: The cores of Postgres.
        connections: The containers at the peak, each of which has a connection.
        storage_gb: The storage of Postgres when retention keeps its size constant.
        bill: The dollars of a month by what they are for, without Mux and traffic.
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
    bill: Mapping[str, float]

    @property
    def dollars(self) -> float:
        """Return the cost of a month, without Mux and traffic."""
        return sum(self.bill.values())


def need(
    viewers: int, habits: Habits = HABITS, costs: Costs = COSTS, prices: Prices = PRICES
) -> Need:
    """Return what so many daily viewers need."""
    later = habits.all_pages - habits.sessions
    ranked = habits.sessions + later * costs.ranked
    requests = habits.requests
    writes = habits.sessions * costs.first_writes + later * costs.ranked * costs.next_writes
    reads = later * costs.next_reads
    # The first four terms for a post are the impression and its last-seen row, the queue (in and
    # out), the removal of both, and the watch with the best watch. The next three are the queue
    # (in and out), the removal of both, and the rows of the creator and the tags. The term for a
    # page is the page and its request, in and out.
    rows = habits.posts * (2 + 2 + 2 + 2 + 2 + 2 + 4) + habits.all_pages * 4
    # A page is a commit, and so is each batch that is reported and the claim of a queue that is
    # ranked ahead. The last write of a commit is half full on average.
    commits = 1 + 2 * habits.reports + 1
    ios = habits.all_pages * (costs.page_log_bytes / _IO_BYTES + commits / 2)
    database_ms = (
        ranked * costs.first_database_ms
        + later * costs.next_database_ms
        + habits.all_pages * costs.batch_database_ms
        + habits.all_pages * (habits.reports - 1) * costs.report_database_ms
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
    gb_seconds = 1e6 * requests * costs.function_ms / 1000 * costs.memory_gb
    bill = {
        "API Gateway": month * requests * prices.api_million,
        "Lambda": month * (requests * prices.invocation_million + gb_seconds * prices.gb_second),
        "DynamoDB": month * (writes * prices.write_million + reads * prices.read_million),
        "Postgres: cores": cores * 24 * MONTH_DAYS * prices.database_core_hour,
        "Postgres: storage": storage_gb * prices.database_gb_month,
        "Postgres: I/O": month * ios * prices.database_million_ios,
    }
    return Need(
        viewers=viewers,
        requests_s=each_s * requests,
        write_units_s=each_s * writes,
        read_units_s=each_s * reads,
        rows_s=each_s * rows,
        ios_s=each_s * ios,
        cores=cores,
        connections=each_s * requests * costs.function_ms / 1000,
        storage_gb=storage_gb,
        bill=bill,
    )


def table(viewers: tuple[int, ...] = SIZES) -> str:
    """Return a Markdown table with one line for each number of viewers."""
    names = (
        "daily viewers | requests/s | DynamoDB WCU/s | RCU/s | Postgres rows/s | log writes/s"
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
