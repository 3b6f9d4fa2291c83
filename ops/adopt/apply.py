"""Carry the plan out, step by step."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg

from local.migrate import migrate
from ops.adopt import plan
from ops.adopt.history import counts
from ops.adopt.history.csv_file import read_rows
from ops.adopt.history.rows import histories
from ops.adopt.inspection import inspect
from ops.adopt.mapping import MappedFile
from ops.adopt.progress import progress_bar
from ops.adopt.tables import backfill, beside
from ops.adopt.verification import verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from rich.console import Console

    from ops.adopt.history.rows import History
    from ops.adopt.inspection import Inspection
    from ops.adopt.mapping import Mapping
    from ops.adopt.steps import Step

_ROLL_UP = 10_000


def apply(url: str, mapping: Mapping, console: Console) -> bool:
    """Carry the plan out; return whether all counts agree.

    Every step can be interrupted and repeated: a second run does what is left.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        inspection = inspect(connection, mapping)
        check_files(mapping, inspection)
        _run(connection, plan.before_migrations(connection, mapping, inspection), console)
    applied = migrate(url)
    console.print(f"{len(applied)} migrations applied" if applied else "migrations: nothing to do")
    with psycopg.connect(url, autocommit=True) as connection:
        inspection = inspect(connection, mapping)
        _run(connection, plan.after_migrations(connection, mapping, inspection), console)
        _fill(connection, mapping, inspection, console)
        if inspection.beside:
            _run(connection, beside.constraint_steps(connection), console)
        sources = _take_history_over(connection, mapping, inspection, console)
        if mapping.counts:
            taken = counts.take(connection, mapping, inspection)
            console.print(f"counts: those of {taken:,} posts taken over")
        agree = True
        for count in verify(connection, mapping, inspection, sources):
            word = "agree" if count.agrees else "DISAGREE"
            console.print(f"{count.what}: {count.app:,} and {count.feed:,} {word}")
            agree &= count.agrees
    return agree


def check_files(mapping: Mapping, inspection: Inspection) -> None:
    """Read the files of history to their end.

    Raises:
        CsvError: One of them is not what it should be.
    """
    keys = inspection.key_types(mapping)
    for source in mapping.histories.values():
        if isinstance(source, MappedFile):
            for _ in read_rows(source.path, source.columns, keys):
                pass


def _run(connection: Connection[Any], steps: Sequence[Step], console: Console) -> None:
    for step in steps:
        if step.done:
            continue
        console.print(step.title)
        step.run(connection)


def _fill(
    connection: Connection[Any], mapping: Mapping, inspection: Inspection, console: Console
) -> None:
    work = backfill.posts(mapping, inspection)
    row = connection.execute(work.count).fetchone()
    if row is None or row[0] == 0:
        console.print(f"{work.table}: all rows are in step")
        return
    # A table of the feed's own has no triggers but the feed's.
    quieted = backfill.quiet_triggers(connection) if inspection.beside else nullcontext(True)
    with progress_bar(console) as progress, quieted as quiet:
        if not quiet:
            console.print("The application's own triggers fire for each row that is written.")
        task = progress.add_task(work.table, total=inspection.rows or None)
        written = work.run(connection, partial(progress.advance, task))
    console.print(f"{work.table}: {written:,} rows brought into step")


def _take_history_over(
    connection: Connection[Any], mapping: Mapping, inspection: Inspection, console: Console
) -> list[History]:
    counts.prepare(connection)
    found = histories(connection, mapping, inspection)
    for history in found:
        with progress_bar(console) as progress:
            task = progress.add_task(history.kind, total=history.batches(connection))
            taken = history.run(connection, partial(progress.advance, task))
        console.print(f"{history.kind} from {history.source}: {taken}", markup=False)
        while True:
            row = connection.execute("SELECT count(*) FROM engagement_queue").fetchone()
            if row is None or row[0] == 0:
                break
            connection.execute("SELECT * FROM roll_up(%s)", [_ROLL_UP])
    return found
