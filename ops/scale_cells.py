"""The servers that a number of daily viewers needs where cells share the viewers out.

    python -m ops.scale_cells [VIEWERS ...]

It goes by the same habits, costs and prices as `ops.scale`.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Final

from ops.assumptions import COSTS, DAY_S, HABITS, MONTH_DAYS, PRICES, Costs, Habits, Prices
from ops.scale import need, print_table, rounded

_SIZES: Final = (1_000_000, 10_000_000, 100_000_000)
# `make roll-up`: the CPU time of Postgres for counting one event, in a share among four. A share
# works on one core, and the upkeep counts for three quarters of its 45 seconds in each minute.
_COUNT_MS: Final = 0.061
_COUNTING: Final = 0.75 * 45 / 60


@dataclass(frozen=True, slots=True)
class Servers:
    """The Postgres servers that a number of daily viewers needs, where cells share them out.

    Attributes:
        viewers: The number of daily viewers.
        events_s: The events per second at the peak, which one catalogue counts.
        shares: The shares in which the roll-up counts them (ROLL_UP_SHARES), by the times that the
            upkeep has by default.
        catalogue_cores: The cores of the catalogue.
        cells: The number of cells.
        dollars: The cost of a month, all servers and everything else of `Need` included.
    """

    viewers: int
    events_s: float
    shares: int
    catalogue_cores: float
    cells: int
    dollars: float


def servers(
    viewers: int,
    cell_cores: int = 32,
    habits: Habits = HABITS,
    costs: Costs = COSTS,
    prices: Prices = PRICES,
) -> Servers:
    """Return the catalogue and the cells of so many cores that so many daily viewers need.

    What it costs a cell to take over the rows that the roll-up changes is not in it.
    """
    whole = need(viewers, habits, costs, prices)
    events_s = viewers * 2 * habits.posts * habits.peak / DAY_S
    counting = events_s * costs.roll_up_ms / 1000 / costs.utilisation
    cells = max(1, math.ceil((whole.cores - counting) / cell_cores))
    shares = max(1, math.ceil(events_s * _COUNT_MS / 1000 / _COUNTING))
    catalogue_cores = max(counting, 2.0)
    more = catalogue_cores + cells * cell_cores - whole.cores
    return Servers(
        viewers=viewers,
        events_s=events_s,
        shares=shares,
        catalogue_cores=catalogue_cores,
        cells=cells,
        dollars=whole.dollars + more * 24 * MONTH_DAYS * prices.database_core_hour,
    )


def table_of_servers(viewers: tuple[int, ...] = _SIZES) -> str:
    """Return a Markdown table of the servers, with one line for each number of viewers."""
    names = "daily viewers | events/s | shares | catalogue cores | cells of 32 cores | $ a month"
    lines = [f"| {names} |", "|---" * 6 + "|"]
    for needed in map(servers, viewers):
        figures = [
            f"{needed.viewers:,}",
            rounded(needed.events_s),
            f"{needed.shares:,}",
            rounded(needed.catalogue_cores),
            f"{needed.cells:,}",
            rounded(needed.dollars),
        ]
        lines.append(f"| {' | '.join(figures)} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Print the servers that these numbers of daily viewers need."""
    return print_table(arguments, table_of_servers, _SIZES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
