"""How large the benchmark is, and where it keeps its data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping

FULL_POSTS = 1_000_000
POSTS_PER_CREATOR = 20
_LEAST_POSTS = 1_000


@dataclass(frozen=True, slots=True)
class Shape:
    """A data set.

    Attributes:
        posts: How many posts.
        impressions: About how many impressions of ordinary viewers, 200 each on the whole.
    """

    posts: int
    impressions: int

    @property
    def creators(self) -> int:
        """By how many creators."""
        return self.posts // POSTS_PER_CREATOR

    def scaled(self, count: int) -> int:
        """What `count` of a million posts is of these."""
        return max(1, count * min(self.posts, FULL_POSTS) // FULL_POSTS)


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """The choices of a run.

    Attributes:
        main: The data set that the viewers' kinds are measured on.
        samples: First and next pages measured of each kind.
        state_dir: Where data sets are kept and bench.json is written.
        against: A commit whose build is measured in turns with this one; None for none.
    """

    main: Shape
    samples: int
    state_dir: Path
    against: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> BenchSettings:
        """Read POSTS, IMPRESSIONS, SAMPLES, STATE_DIR and AGAINST.

        Raises:
            StackError: A number is none, or out of range.
        """
        return cls(
            main=Shape(
                _number(environment, "POSTS", FULL_POSTS, _LEAST_POSTS),
                _number(environment, "IMPRESSIONS", 10 * FULL_POSTS, _LEAST_POSTS),
            ),
            samples=_number(environment, "SAMPLES", 200, 1),
            state_dir=Path(environment.get("STATE_DIR") or ".local"),
            against=environment.get("AGAINST") or None,
        )

    def growth(self) -> list[Shape]:
        """The catalogue sizes that latency is held against, smallest first, the main one last."""
        sizes = [size for size in (10_000, 100_000, FULL_POSTS) if size < self.main.posts]
        return [*(Shape(s, self.main.impressions * s // self.main.posts) for s in sizes), self.main]


def _number(environment: Mapping[str, str], name: str, default: int, least: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and int(text) >= least):
        raise StackError(f"{name}={text} is no whole number from {least}")
    return int(text)
