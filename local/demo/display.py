"""What the terminal shows: steps with their progress, pages and promises as tables."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from local.demo.answers import EXPLORE, REPEATS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta
    from typing import Self

    from rich.console import JustifyMethod

    from local.demo.answers import Entry, Page, Post
    from local.demo.promises import Finding, Tally

_PLAIN_WIDTH = 172
_STYLES = {EXPLORE: "magenta", **dict.fromkeys(REPEATS, "yellow")}
_MAX_FAILURES = 20
# Columns with their widths; what is left goes to caption and reasons.
_NARROW = {
    "pos": 3,
    "rung": 9,
    "score": 5,
    "eng": 4,
    "fresh": 5,
    "ctx": 4,
    "div": 4,
    "↻": 1,
    "creator": 8,
    "length": 6,
    "age": 6,
}
_WORDS = ("rung", "creator", "↻")
_REASONS = 56
_CAPTION = (12, 44)


class Display:
    """A terminal, or plain lines where there is none. A context manager.

    Args:
        steps: How many steps there will be.
        console: Where to; by default standard output.
    """

    def __init__(self, steps: int, console: Console | None = None) -> None:
        terminal = sys.stdout.isatty()
        self._console = console or Console(width=None if terminal else _PLAIN_WIDTH)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task("", total=steps)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show that a step is under way and, at its end, how long it took."""
        started = time.monotonic()
        self._console.print(Text(f"\n▶ {title}", "bold cyan"))
        self._progress.update(self._task, description=title)
        yield
        self._progress.advance(self._task)
        self._console.print(Text(f"  done in {time.monotonic() - started:.1f} s", "green"))

    def say(self, text: str) -> None:
        """One line about what happens."""
        self._progress.update(self._task, description=text)
        self._console.print(Text(f"  {text}"))

    def page(self, title: str, page: Page, entries: Sequence[Entry]) -> None:
        """A page as a table."""
        heading = f"{title} · cache {page.cache}"
        if page.stale_cursor:
            heading += " · stale cursor"
        if page.degraded:
            heading += f" · degraded: {page.degraded}"
        table = Table(title=Text(heading, "bold"), title_justify="left", box=None)
        table.padding, table.pad_edge, table.collapse_padding = (0, 1, 0, 0), False, True
        for name, width in _NARROW.items():
            justify: JustifyMethod = "left" if name in _WORDS else "right"
            table.add_column(name, justify=justify, no_wrap=True, width=width)
        room = self._console.width - sum(_NARROW.values()) - len(_NARROW)
        wide = room >= _CAPTION[0] + 1 + _REASONS
        if wide:
            width = min(room - 1 - _REASONS, _CAPTION[1])
            table.add_column("caption", no_wrap=True, overflow="ellipsis", width=width)
            table.add_column("reasons")
        else:
            table.add_column("caption, reasons", width=max(room, _CAPTION[0]))
        now = datetime.now(UTC)
        kept = {entry.post_id: entry.parts for entry in entries}
        for post in page.posts:
            cells = _row(post, kept.get(post.post_id, ()), now)
            table.add_row(*(cells if wide else [*cells[:-2], Text("\n").join(cells[-2:])]))
        self._console.print(table)

    def promises(self, tally: Tally) -> None:
        """The promises checked, each claim with its counts, and what failed."""
        table = Table(title=Text("Promises checked", "bold"), title_justify="left")
        table.add_column("promise", no_wrap=True)
        table.add_column("what was checked")
        table.add_column("checks", justify="right")
        table.add_column("failures", justify="right")
        before = None
        for line in tally.lines():
            if before not in {None, line.promise}:
                table.add_section()
            name = "" if line.promise == before else str(line.promise)
            style = "bold red" if line.failures else "green"
            table.add_row(
                name, line.claim, str(line.checks), Text(str(line.failures), style), style=None
            )
            before = line.promise
        table.add_section()
        failures = tally.failures()
        table.add_row("all", "", str(len(tally.findings)), str(len(failures)), style="bold")
        self._console.print(table)
        for finding in failures[:_MAX_FAILURES]:
            self._console.print(_failure(finding))
        if len(failures) > _MAX_FAILURES:
            self._console.print(f"… and {len(failures) - _MAX_FAILURES} more")

    def verdict(self, text: str, *, good: bool) -> None:
        """The last line."""
        self._console.print(Text(text, "bold green" if good else "bold red"))


def _row(post: Post, parts: Sequence[float], now: datetime) -> list[Text]:
    style = _STYLES.get(post.source, "")
    cells = [
        str(post.position),
        post.source,
        f"{post.score:.3f}",
        *([f"{part:.2f}" for part in parts] or [""] * 4),
        "↻" if post.is_repeat else "",
        post.creator_id.hex[:8],
        length(post.duration_ms),
        age(now - post.created_at),
        " ".join(post.caption.split()) or "—",
        ", ".join(post.reasons),
    ]
    return [Text(cell, style) for cell in cells]


def length(milliseconds: int) -> str:
    """Minutes and seconds, as in `2:05`."""
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes}:{seconds:02}"


def age(delta: timedelta) -> str:
    """A span of time in its largest unit, as in `3 d`."""
    seconds = max(delta.total_seconds(), 0.0)
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{int(seconds // unit)} {name}"
    return f"{int(seconds)} s"


def _failure(finding: Finding) -> Text:
    text = f"✗ {finding.promise}: {finding.claim}: {finding.detail}"
    return Text(text[:500], "red")
