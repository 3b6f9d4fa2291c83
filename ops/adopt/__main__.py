"""Show what moving in would do, do it, or take it back: `python -m ops.adopt URL`.

Settings come from the environment (docs/adopt.md). APPLY=1 carries the plan out, UNDO=1 takes
everything back.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from local.errors import StackError
from local.migrate import migrate
from local.paths import MIGRATIONS
from ops.adopt import backfill, beside, plan
from ops.adopt.history import histories
from ops.adopt.inspection import Inspection, RefusedError, inspect
from ops.adopt.mapping import Mapping, MappingError
from ops.adopt.undo import undo
from ops.adopt.verification import verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from ops.adopt.steps import Step

_MEASURED = 2000  # rows that are read to estimate the time of the back-fill
_ROLL_UP = 10_000


def show(connection: Connection[Any], mapping: Mapping, console: Console) -> None:
    """Print the plan: what is to be done, what is done already, and how long it may take."""
    inspection = inspect(connection, mapping)
    where = "beside its own columns" if inspection.beside else "in a table of the feed's own"
    console.print(f"{mapping.posts}, about {inspection.rows:,} rows: the feed's columns go {where}")
    for warning in plan.warnings(inspection, mapping):
        console.print(f"[yellow]Note[/]: {warning}.")
    table = Table("", "step")
    for step in plan.before_migrations(connection, mapping, inspection):
        table.add_row("done" if step.done else "to do", step.title)
    table.add_row("", "apply the feed's migrations that are missing")
    rate = _rows_per_second(connection, mapping)
    seconds = inspection.rows / rate if rate else 0.0
    table.add_row(
        "", f"bring {mapping.posts} into step in batches of {backfill.BATCH:,} (≥ {seconds:,.0f} s)"
    )
    table.add_row("", "require of all posts what the feed needs, checked without a long lock")
    if mapping.follows is not None:
        table.add_row("", f"take over who follows whom from {mapping.follows.name}")
    named = (mapping.impressions, mapping.watches, mapping.likes, mapping.comments)
    for history in filter(None, named):
        table.add_row("", f"take over what viewers did from {history.name}")
    table.add_row("", "count on both sides, and say whether the counts agree")
    console.print(table)
    console.print("Nothing was changed. APPLY=1 carries it out, UNDO=1 takes it back.")


def apply(url: str, mapping: Mapping, console: Console) -> bool:
    """Carry the plan out; return whether all counts agree.

    Every step can be interrupted and repeated: a second run does what is left.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        inspection = inspect(connection, mapping)
        _run(connection, plan.before_migrations(connection, mapping, inspection), console)
    applied = migrate(url)
    console.print(f"{len(applied)} migrations applied" if applied else "migrations: nothing to do")
    with psycopg.connect(url, autocommit=True) as connection:
        inspection = inspect(connection, mapping)
        _run(connection, plan.after_migrations(connection, mapping, inspection), console)
        _fill(connection, mapping, inspection, console)
        if inspection.beside:
            _run(connection, beside.constraint_steps(connection), console)
        _take_history_over(connection, mapping, inspection, console)
        agree = True
        for count in verify(connection, mapping, inspection):
            word = "agree" if count.agrees else "DISAGREE"
            console.print(f"{count.what}: {count.app:,} and {count.feed:,} {word}")
            agree &= count.agrees
    return agree


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
    with _progress(console) as progress, quieted as quiet:
        if not quiet:
            console.print("The application's own triggers fire for each row that is written.")
        task = progress.add_task(work.table, total=inspection.rows or None)
        written = work.run(connection, partial(progress.advance, task))
    console.print(f"{work.table}: {written:,} rows brought into step")


def _take_history_over(
    connection: Connection[Any], mapping: Mapping, inspection: Inspection, console: Console
) -> None:
    post_type = inspection.posts[mapping.post_id].type
    for history in histories(connection, mapping, post_type):
        with _progress(console) as progress:
            task = progress.add_task(history.kind, total=history.batches(connection))
            written = history.run(connection, partial(progress.advance, task))
        console.print(f"{history.kind}: {written:,} taken over from {history.table}")
        while True:
            row = connection.execute("SELECT count(*) FROM engagement_queue").fetchone()
            if row is None or row[0] == 0:
                break
            connection.execute("SELECT * FROM roll_up(%s)", [_ROLL_UP])


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _rows_per_second(connection: Connection[Any], mapping: Mapping) -> float:
    """Read some rows, for an estimate that no back-fill can beat."""
    started = time.perf_counter()
    text = psycopg.sql.SQL("SELECT * FROM {} ORDER BY {} LIMIT {}").format(
        psycopg.sql.Identifier(mapping.posts.schema, mapping.posts.table),
        psycopg.sql.Identifier(mapping.post_id),
        psycopg.sql.Literal(_MEASURED),
    )
    rows = len(connection.execute(text).fetchall())
    return rows / max(time.perf_counter() - started, 1e-6)


def main(arguments: Sequence[str]) -> int:
    """Run the command; return the exit status: 0 where all is well."""
    console = Console()
    url = arguments[0] if arguments else ""
    if not url:
        console.print("Usage: make adopt DATABASE_URL=… POSTS=public.posts CREATOR=user_id …")
        return 2
    try:
        if os.environ.get("UNDO") == "1":
            with psycopg.connect(url, autocommit=True) as connection:
                undo(connection, sorted(MIGRATIONS.glob("*.sql")))
            console.print("The feed is gone; the application's tables are as they were.")
            return 0
        mapping = Mapping.from_settings(os.environ)
        if os.environ.get("APPLY") == "1":
            return 0 if apply(url, mapping, console) else 1
        with psycopg.connect(url, autocommit=True) as connection:
            show(connection, mapping, console)
    except (MappingError, RefusedError, StackError, psycopg.Error) as error:
        console.print(f"Not adopted: {error}", markup=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
