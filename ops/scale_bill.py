"""What a thousand daily viewers pay for in a month, and what other choices would change.

    python -m ops.scale_bill [VIEWERS]

VIEWERS (100,000) is the number of daily viewers over whom the fixed part is shared. It goes by the
same habits, costs and prices as `ops.scale`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ops.assumptions import COSTS, HABITS, PRICES, Costs, Habits, Prices
from ops.scale import need, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

_VIEWERS: Final = 100_000
# How DynamoDB's price by the unit compares with capacity that is paid for by the hour ($0.00065 for
# a unit that writes) and used by half on average, and how Aurora's two price lists compare.
_PROVISIONED: Final = 0.00065 / (3_600 * 0.5) * 1e6
_IO_OPTIMISED_CORES: Final = 1.3
_IO_OPTIMISED_STORAGE: Final = 2.25


@dataclass(frozen=True, slots=True)
class Choice:
    """A way of running the feed.

    Attributes:
        name: What is chosen.
        habits: What viewers and their clients do.
        costs: What requests cost.
        prices: What services charge.
    """

    name: str
    habits: Habits = HABITS
    costs: Costs = COSTS
    prices: Prices = PRICES


def choices() -> Iterator[Choice]:
    """Yield the assumptions of `ops.scale`, then each choice by itself, then the good ones."""
    habits, costs, prices = HABITS, COSTS, PRICES
    optimised = replace(
        prices,
        database_core_hour=prices.database_core_hour * _IO_OPTIMISED_CORES,
        database_gb_month=prices.database_gb_month * _IO_OPTIMISED_STORAGE,
        database_million_ios=0.0,
    )
    hourly = {"write_million": _PROVISIONED, "read_million": _PROVISIONED / 5}
    shorter = replace(costs, viewer_watch_days=35, watch_days=7)
    yield Choice("as assumed")
    yield Choice("each post reported by itself", habits=replace(habits, reports=habits.page_size))
    yield Choice("a report every 30 s", habits=replace(habits, reports=4.0))
    yield Choice("functions of 512 MB, as fast", costs=replace(costs, memory_gb=0.5))
    yield Choice("functions twice as fast", costs=replace(costs, function_ms=costs.function_ms / 2))
    yield Choice("DynamoDB by provisioned capacity", prices=replace(prices, **hourly))
    yield Choice("watches kept for 35 days, their events for 7", costs=shorter)
    yield Choice("Aurora I/O-Optimized", prices=optimised)
    yield Choice(
        "provisioned capacity and shorter retention",
        costs=shorter,
        prices=replace(prices, **hourly),
    )


def bill(viewers: tuple[int, ...] = (_VIEWERS,)) -> str:
    """Return a Markdown table for each number of viewers, with one line for each choice."""
    return "\n\n".join(_bill(count) for count in viewers)


def _bill(viewers: int) -> str:
    lines: list[str] = []
    for choice in choices():
        needed = need(viewers, choice.habits, choice.costs, choice.prices)
        if not lines:
            names = [f"$ per 1,000 of {viewers:,} daily viewers", *needed.bill, "all"]
            lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
        dollars = (part / viewers * 1000 for part in (*needed.bill.values(), needed.dollars))
        lines.append(f"| {choice.name} | {' | '.join(f'{part:.2f}' for part in dollars)} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Print what is paid for, for these numbers of daily viewers."""
    return print_table(arguments, bill, (_VIEWERS,))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
