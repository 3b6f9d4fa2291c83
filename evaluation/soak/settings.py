"""The length of a soak, and the sizes of what it runs on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class SoakSettings:
    """The choices of a run.

    Attributes:
        minutes: The length of the open loop, as far as it is measured.
        warm_up_minutes: The minutes for which the same loop runs before, so that viewers have
            tastes and histories, and tables have the rows that they have in production.
        posts: The size of the catalogue at the start.
        viewers: The number of viewers who take turns.
        steps_per_second: The rate of the open loop. None means half of what the machine can do.
        open_transaction_minutes: The minutes for which a forgotten transaction is left open, from
            the second minute on. 0 means that there is none.
        state_dir: The folder for the state of the stack, soak.json and soak.png.
    """

    minutes: float
    warm_up_minutes: float
    posts: int
    viewers: int
    steps_per_second: float | None
    open_transaction_minutes: float
    state_dir: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> SoakSettings:
        """Read MINUTES, WARM_UP, POSTS, VIEWERS, RATE, OPEN_TRANSACTION and STATE_DIR.

        Raises:
            StackError: A value is not a number, or is out of range.
        """
        rate = environment.get("RATE")
        return cls(
            minutes=_number(environment, "MINUTES", 30.0),
            warm_up_minutes=_number(environment, "WARM_UP", 5.0, least=0.0),
            posts=int(_number(environment, "POSTS", 20_000.0, least=100.0)),
            viewers=int(_number(environment, "VIEWERS", 300.0, least=1.0)),
            steps_per_second=_number(environment, "RATE", 1.0) if rate else None,
            open_transaction_minutes=_number(environment, "OPEN_TRANSACTION", 0.0, least=0.0),
            state_dir=Path(environment.get("STATE_DIR") or ".local"),
        )


def _number(
    environment: Mapping[str, str], name: str, default: float, least: float = 0.01
) -> float:
    text = environment.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not least <= value <= 1e7:  # noqa: PLR2004  # also refuses NaN and infinity
        raise StackError(f"{name}={text} is no number from {least:g}")
    return value
