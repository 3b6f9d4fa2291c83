"""What spoke for a post beside the parts of its score: heat, neighbours, taste and momentum. Pure.

It goes with the post from the ranking to the page, so that an answer's reasons and `make why` can
tell it. Each of the four figures takes one of 64 values, which is one character where it is stored.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

# A post with at least four times the heat of an average candidate is popular right now. Two
# doublings move the engagement part by a third of its range, which is more than the other parts
# usually differ by. At most a quarter of the candidates can reach it, and none where all are
# watched alike.
_POPULAR_FROM: Final = 2.0

# The values of each figure, by the index of its letter.
_HEAT: Final = tuple((i - 32) / 4 for i in range(64))  # quarters of a doubling
_NEIGHBOURS: Final = (0.0, *(round(2.0 ** ((i - 63) / 6), 5) for i in range(1, 64)))
_TASTE: Final = tuple(round((i - 31) / 31, 3) for i in range(63))
_MOMENTUM: Final = tuple(round(i / 62, 3) for i in range(63))
_VALUES: Final = (_HEAT, _NEIGHBOURS, _TASTE, _MOMENTUM)
_READ: Final = tuple(dict(zip(_LETTERS, values, strict=False)) for values in _VALUES)
_WRITTEN: Final = tuple(dict(zip(values, _LETTERS, strict=False)) for values in _VALUES)


class Evidence(NamedTuple):
    """What spoke for a post when it was ranked.

    Attributes:
        heat: How much it is watched now: doublings above the average candidate of its request.
        neighbours: How likely viewers of the same last posts went on to it, in [0, 1].
        taste: The viewer's taste for its creator and tags, in [-1, 1]; 0 where unknown.
        momentum: How far the attention to it is rising, in [0, 1]; one half where it is steady, or
            where too few watched it.
    """

    heat: float = 0.0
    neighbours: float = 0.0
    taste: float = 0.0
    momentum: float = 0.5

    @classmethod
    def of(cls, heat: float, neighbours: float, taste: float, momentum: float) -> Evidence:
        """Round figures to the values that can be stored. One that is not finite says nothing."""
        likely = 0.0
        if 0.0 < neighbours < math.inf:
            likely = _nearest(_NEIGHBOURS, 6.0 * math.log2(neighbours), 63)
        return cls(
            _nearest(_HEAT, 4.0 * heat, 32),
            likely,
            _nearest(_TASTE, 31.0 * taste, 31) if taste else 0.0,
            _nearest(_MOMENTUM, 62.0 * momentum - 31.0, 31),
        )

    @property
    def is_popular(self) -> bool:
        """Whether many more watch the post right now than the average candidate."""
        return self.heat >= _POPULAR_FROM


def _nearest(values: Sequence[float], steps: float, neutral: int) -> float:
    """Return the value so many steps from the one that says nothing."""
    if not math.isfinite(steps):
        return values[neutral]
    at = round(steps) + neutral
    if at < 0:
        return values[0]
    return values[at] if at < len(values) else values[-1]


def packed(all_evidence: Iterable[Evidence]) -> list[str]:
    """Write one text for each figure, with a letter for each post."""
    columns = zip(*all_evidence, strict=True)
    texts = ["".join(map(written.__getitem__, c)) for written, c in zip(_WRITTEN, columns)]  # noqa: B905  # no columns where there is no post
    return texts or [""] * len(_VALUES)


def unpacked(texts: Sequence[str]) -> Iterator[Evidence]:
    """Read what `packed` has written."""
    columns = (map(read.__getitem__, text) for read, text in zip(_READ, texts, strict=True))
    return map(Evidence._make, zip(*columns, strict=True))
