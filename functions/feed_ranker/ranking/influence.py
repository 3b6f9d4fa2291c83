"""How much each part of the score decides the order of a request's candidates. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from shared.ranking import Parts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.ranking import PlainParts
    from shared.ranking_config import Weights


_NOTHING = 1e-6  # figures of a page are rounded to that


class Influence:
    """Measures how far each part sets candidates apart that the score alone puts in order.

    Scores order the posts of one rung, and never posts of different rungs. So the spread of a part
    is its standard deviation within the rungs that were scored, times its weight.

    Args:
        weights: The weights of the parts.
    """

    def __init__(self, weights: Weights) -> None:
        self._weights = weights.values
        self._squares = [0.0] * len(self._weights)

    def note(self, rung: Iterable[PlainParts]) -> None:
        """Take in the parts of all scored candidates of one rung."""
        finite = list(rung)
        if not math.isfinite(sum(map(sum, finite))):
            finite = [parts for parts in finite if math.isfinite(sum(parts))]
        for i, values in enumerate(zip(*finite, strict=True)):
            # Exact sums do not depend on the order in which candidates arrive.
            mean = math.fsum(values) / len(values)
            self._squares[i] += math.fsum([(value - mean) ** 2 for value in values])

    def shares(self) -> Parts | None:
        """Return the share of each part in the spread of all; they sum to 1.

        None where all candidates score the same, so that no part decides anything.
        """
        # The number of candidates is the same for all parts, and cancels out.
        spreads = [
            weight * math.sqrt(squares)
            for weight, squares in zip(self._weights, self._squares, strict=True)
        ]
        whole = sum(spreads)
        return Parts(*(spread / whole for spread in spreads)) if whole > _NOTHING else None
