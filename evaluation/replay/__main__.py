"""`python -m evaluation.replay [LOG]`: replay a log through the feed, and judge what it shows.

Without LOG a made-up one is replayed. From the environment: WINDOW (hours at the log's end, 2.5),
EVENTS (watches that are judged, 1500), EXPLORATION (0.10), FLAG (metadata of a flag for all),
HISTORY (watches before the window that are counted, 200000), ATLEAST (fails below this ratio of
NDCG@12 to the best decayed popularity), STATE_DIR (where the picture and the figures go).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from evaluation.progress import steps
from evaluation.replay.baselines import rank
from evaluation.replay.columns import LogError
from evaluation.replay.load import World
from evaluation.replay.log import Log, read_log
from evaluation.replay.madeup import SMALL, made_up
from evaluation.replay.plot import draw
from evaluation.replay.report import Results, judged_all, table, verdict
from evaluation.replay.through import replaying
from evaluation.replay.window import choose

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WIDTH = 132  # where there is no terminal


@dataclass(frozen=True)
class Options:
    """How a log is replayed.

    Attributes:
        hours: Of the window at the log's end.
        events: Watches that are judged, at most.
        exploration: Share of positions drawn for discovery.
        flag: Metadata of a flag for everybody.
        history: Watches before the window that are counted.
        at_least: The ratio to the best decayed popularity below which the run fails.
    """

    hours: float
    events: int
    exploration: float
    flag: Mapping[str, Any] | None
    history: int
    at_least: float

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], *, small: bool) -> Options:
        """Read the options.

        Raises:
            LogError: One is no usable number; the text names it.
        """
        exploration = _number(environment, "EXPLORATION", 0.10, most=1.0)
        given = _metadata(environment.get("FLAG") or "{}")
        parameters = {"exploration_rate": exploration, **given.get("parameters", {})}
        return cls(
            hours=_number(environment, "WINDOW", 0.75 if small else 2.5, least=1e-3),
            events=int(_number(environment, "EVENTS", 300 if small else 1_500, least=1)),
            exploration=exploration,
            flag={"variant": "replayed", **given, "parameters": parameters},
            history=int(_number(environment, "HISTORY", 200_000, least=1)),
            at_least=_number(environment, "ATLEAST", 0.0),
        )


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Replay; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m evaluation.replay", description=__doc__)
    parser.add_argument("log", nargs="?", type=Path)
    parser.add_argument("--small", action="store_true", help="a small made-up log, for a look")
    chosen = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    try:
        options = Options.from_environment(environment, small=chosen.small)
        log = read_log(chosen.log) if chosen.log else made_up(SMALL if chosen.small else None)
        return _replay(log, options, console, Path(environment.get("STATE_DIR") or ".local"))
    except LogError as error:
        console.print(str(error), style="red", markup=False)
        return 2


def _replay(log: Log, options: Options, console: Console, folder: Path) -> int:
    started = time.monotonic()
    window = choose(log, options.hours, options.events)
    world = World.of(log, window, datetime.fromtimestamp(window.starts_s, UTC))
    with steps(console) as shown:
        with shown.step("Baselines", len(window.judged)) as step:
            pages, off_trend = rank(log, window, lambda _: step.advance())
        with (
            replaying(world, {}, options.flag, options.history, shown) as replay,
            shown.step("Judged watches", len(window.judged)) as step,
        ):
            answers = replay.run(step)
    results = judged_all(log, window, pages, off_trend, answers)
    about = (
        f"{len(log):,} watches of {log.viewers:,} viewers and {len(log.posts):,} posts; "
        f"{len(window.judged):,} judged in {options.hours:g} h; "
        f"exploration {options.exploration:g}"
    )
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / "replay.png"
    draw(picture, results, about)
    (folder / "replay.json").write_text(json.dumps(results.document(about), indent=1) + "\n")
    console.print(table(about, results))
    for sentence in verdict(results):
        console.print(f"• {sentence}", highlight=False)
    console.print(f"Picture: {picture}   ({time.monotonic() - started:.0f} s)", highlight=False)
    return _status(results, options, console)


def _status(results: Results, options: Options, console: Console) -> int:
    ratio = results.ratio_to_best().value
    if options.at_least and not ratio >= options.at_least:
        console.print(f"The ratio must be {options.at_least:g} at least.", style="red")
        return 1
    return 0


def _metadata(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError as error:
        raise LogError(f"FLAG is no JSON: {error}") from None
    if not isinstance(given, dict) or not isinstance(given.get("parameters", {}), dict):
        raise LogError("FLAG must be an object, and its parameters too")
    return given


def _number(
    environment: Mapping[str, str],
    name: str,
    default: float,
    *,
    least: float = 0.0,
    most: float = 1e9,
) -> float:
    text = environment.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        raise LogError(f"{name} is {text!r}, which is no number") from None
    if not least <= value <= most:
        raise LogError(f"{name} is {text}, and must lie between {least:g} and {most:g}")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
