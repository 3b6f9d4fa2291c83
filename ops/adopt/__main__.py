"""Show what moving in would do, do it, or take it back: `python -m ops.adopt URL`.

Settings come from the environment (docs/adopt.md). APPLY=1 carries the plan out, UNDO=1 takes
everything back.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import psycopg
from rich.console import Console
from rich.table import Table

from local.errors import StackError
from local.paths import MIGRATIONS
from ops.adopt import plan
from ops.adopt.apply import apply, check_files
from ops.adopt.inspection import RefusedError, inspect
from ops.adopt.mapping import MappedFile, Mapping, MappingError
from ops.adopt.tables import backfill
from ops.adopt.undo import undo
from ops.adopt.videos.ingest import ingest, show_cost, wanted_ingestion
from shared.mux import MuxError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

_MEASURED = 2000  # rows that are read to estimate the time of the back-fill


def show(connection: Connection[Any], mapping: Mapping, console: Console) -> None:
    """Print the plan: what is to be done, what is done already, and how long it may take."""
    inspection = inspect(connection, mapping)
    check_files(mapping, inspection)
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
    for kind, source in mapping.histories.items():
        name = source.path.name if isinstance(source, MappedFile) else source.name
        table.add_row("", f"take over what viewers did from {name} ({kind})")
    if mapping.counts:
        named = ", ".join(mapping.counts.values())
        table.add_row("", f"add what {named} have beyond that to the figures, once a post")
    table.add_row("", "count on both sides, and say whether the counts agree")
    console.print(table)
    console.print("Nothing was changed. APPLY=1 carries it out, UNDO=1 takes it back.")


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
        videos = wanted_ingestion(mapping, os.environ)
        if os.environ.get("APPLY") == "1":
            if videos is not None:
                videos.require_all()
            agree = apply(url, mapping, console)
            if videos is not None:
                with psycopg.connect(url, autocommit=True) as connection:
                    ingest(connection, mapping, videos, console)
            return 0 if agree else 1
        with psycopg.connect(url, autocommit=True) as connection:
            show(connection, mapping, console)
            if videos is not None:
                show_cost(connection, mapping, videos, console)
    except (MappingError, RefusedError, StackError, MuxError, psycopg.Error) as error:
        console.print(f"Not adopted: {error}", markup=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
