"""The sizes of the benchmark, and the folder where it keeps its data."""

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
    """The sizes of a data set.

    Attributes:
        posts: The number of posts.
        impressions: The approximate number of impressions of ordinary viewers. Each viewer has
            200 on average.
    """

    posts: int
    impressions: int

    @property
    def creators(self) -> int:
        """Return the number of creators."""
        return self.posts // POSTS_PER_CREATOR

    def scaled(self, count: int) -> int:
        """Return the share of these posts that `count` is of a million posts."""
        return max(1, count * min(self.posts, FULL_POSTS) // FULL_POSTS)


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """The choices of a run.

    Attributes:
        main: The data set on which the kinds of viewers are measured.
        samples: The number of first pages, and of next pages, that are measured of each kind.
        state_dir: The folder where data sets are kept and bench.json is written.
        against: A commit whose build is measured in turns with this one. It is None where only
            this build is measured.
    """

    main: Shape
    samples: int
    state_dir: Path
    against: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> BenchSettings:
        """Read POSTS, IMPRESSIONS, SAMPLES, STATE_DIR and AGAINST.

        Raises:
            StackError: A value is not a number, or is out of range.
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
        """Return the catalogues on which growth is measured, from the smallest to the main one."""
        sizes = [size for size in (10_000, 100_000, FULL_POSTS) if size < self.main.posts]
        return [*(Shape(s, self.main.impressions * s // self.main.posts) for s in sizes), self.main]


def _number(environment: Mapping[str, str], name: str, default: int, least: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and int(text) >= least):
        raise StackError(f"{name}={text} is no whole number from {least}")
    return int(text)
