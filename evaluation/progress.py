"""Progress on the terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console

T = TypeVar("T")


class Steps:
    """Shows each step of a run with its progress and its time."""

    def __init__(self, progress: Progress, console: Console) -> None:
        self._progress = progress
        self._console = console

    def each(self, title: str, items: Sequence[T]) -> Iterable[T]:
        """The items, one by one; the bar moves on as they are taken."""
        with self.step(title, len(items)) as done:
            for item in items:
                yield item
                done.advance()

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Step]:
        """A step; without `total` its end is not known beforehand."""
        if not self._console.is_terminal:
            self._console.print(f"{title} …")
        task = self._progress.add_task(title, total=total)
        yield Step(self._progress, task)
        self._progress.update(task, total=total or 1, completed=total or 1)


class Step:
    """A step under way."""

    def __init__(self, progress: Progress, task: int) -> None:
        self._progress = progress
        self._task = task

    def advance(self) -> None:
        """One item is done."""
        self._progress.advance(self._task)  # type: ignore[arg-type]  # TaskID is an int


@contextmanager
def steps(console: Console) -> Iterator[Steps]:
    """Shows steps while the block runs."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield Steps(progress, console)
