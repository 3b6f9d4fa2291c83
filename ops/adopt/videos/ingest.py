"""What `INGEST=1` adds to moving in: the cost first, then the application's videos at Mux."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ops.adopt.inspection import inspect
from ops.adopt.mapping import MappingError
from ops.adopt.progress import progress_bar
from ops.adopt.videos import adopted
from ops.adopt.videos.ingestion import SURE_AFTER_S, Ingestion
from ops.adopt.videos.settings import Cost, IngestionSettings
from shared.mux_client import MuxClient

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping as StringMapping

    from psycopg import Connection
    from rich.console import Console

    from ops.adopt.mapping import Mapping

_LISTED = 20  # of what is refused or failed; vroom_private.adopted_videos holds all


def wanted_ingestion(
    mapping: Mapping, settings: StringMapping[str, str]
) -> IngestionSettings | None:
    """Return how videos are to come to Mux, or None where INGEST=1 is not given.

    Raises:
        MappingError: A setting cannot be understood, or VIDEO_URL is missing.
    """
    if settings.get("INGEST") != "1":
        return None
    if mapping.video_url is None:
        raise MappingError("INGEST=1 needs VIDEO_URL: the column with the videos' addresses")
    return IngestionSettings.from_settings(settings)


def show_cost(
    connection: Connection[Any], mapping: Mapping, settings: IngestionSettings, console: Console
) -> None:
    """Print how many videos are to come, what that costs, and which addresses are refused.

    Raises:
        MappingError: The length of videos is not known.
    """
    lengths, refused = adopted.lengths(connection, mapping, inspect(connection, mapping))
    cost = Cost.of(lengths, settings)
    if cost is None:
        raise MappingError(
            f"the lengths of {len(lengths):,} videos are not all known: name their column in"
            " DURATION_MS, or say with MINUTES_PER_VIDEO how long one lasts on average"
        )
    console.print(f"To Mux: {cost}.", markup=False)
    console.print(f"Cost: {cost.dollars(settings)}.", markup=False)
    _list(console, f"{len(refused):,} addresses are refused", refused)


def ingest(
    connection: Connection[Any], mapping: Mapping, settings: IngestionSettings, console: Console
) -> None:
    """Print the cost, bring the videos to Mux, and print how far they are.

    Raises:
        MappingError: A setting is missing.
        RefusedError: Mux refuses the credentials.
        MuxError: Mux does not answer; a later run goes on.
    """
    settings.require_all()
    show_cost(connection, mapping, settings, console)
    adopted.note(connection, mapping, inspect(connection, mapping))
    token_id, token_secret = settings.mux_token_id, settings.mux_token_secret
    if token_id is None or token_secret is None:
        raise MappingError("MUX_TOKEN_ID or MUX_TOKEN_SECRET is missing")
    mux = MuxClient(
        settings.mux_base_url, token_id.get_secret_value(), token_secret.get_secret_value()
    )
    try:
        with progress_bar(console) as progress:
            waiting = adopted.states(connection).get("waiting", 0)
            task = progress.add_task("videos", total=waiting)
            work = Ingestion(connection, mux, settings, time.sleep)
            outcome = work.run(lambda n: progress.advance(task, n))
        console.print(
            f"videos: {outcome.asked:,} taken by Mux, {outcome.found:,} had been taken before,"
            f" {outcome.refused:,} refused"
        )
        if outcome.unsure:
            console.print(
                f"Mux has not shown yet whether it took {outcome.unsure:,} of them: run this again"
                f" in {SURE_AFTER_S // 60} minutes."
            )
    finally:
        summary = ", ".join(f"{n:,} {state}" for state, n in adopted.states(connection).items())
        console.print(f"videos by state: {summary or 'none'}")
        failed = adopted.failed(connection, _LISTED)
        _list(console, "These will not come", [(f"{post} {url}", why) for post, url, why in failed])


def _list(console: Console, title: str, rows: Iterable[tuple[str, str]]) -> None:
    shown = list(rows)
    if not shown:
        return
    console.print(f"{title}:")
    for what, why in shown[:_LISTED]:
        # The application's users wrote the address: nothing of it may reach the terminal as it is.
        console.print(f"  {ascii(what)[1:-1][:200]}: {ascii(why)[1:-1]}", markup=False)
