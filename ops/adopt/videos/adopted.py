"""The application's videos that are to come to Mux: where they lie and how far each one is.

`vroom_private.adopted_videos` holds one row for each post with an address:

- `waiting`: Mux has not been asked.
- `asking`: Mux is being asked, or a run ended before it knew the answer.
- `asked`: Mux has taken it. The post's row in `uploads` says what became of it.
- `refused`: It is not for Mux, or Mux refused it; `problem` says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql
from psycopg.types.json import Jsonb

from ops.adopt.identity import known_id
from ops.adopt.videos import adopted_sql
from ops.adopt.videos.addresses import AddressError, checked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from uuid import UUID

    from psycopg import Connection

    from ops.adopt.inspection import Inspection
    from ops.adopt.mapping import Mapping
    from ops.adopt.text import Text
    from ops.adopt.videos.settings import IngestionSettings

_BATCH = 1000
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Video:
    """A video that Mux is to be asked for."""

    post_id: UUID
    creator_id: UUID
    url: str


@dataclass(frozen=True, slots=True)
class Unsure:
    """A video of which it is not known whether Mux has taken it.

    Attributes:
        post_id: Its post.
        asked_at: When Mux was asked.
        is_old: So long ago that Mux would show it if it had taken it.
        is_known: An event of Mux has told of it since.
    """

    post_id: UUID
    asked_at: datetime
    is_old: bool
    is_known: bool


def absent(
    connection: Connection[Any], mapping: Mapping, inspection: Inspection
) -> Iterator[tuple[UUID, str, float | None]]:
    """Return posts whose videos are not at Mux: the post, the address, the seconds if known."""
    if mapping.video_url is None:
        return
    key_type = inspection.posts[mapping.post_id].type
    key = sql.SQL("a.") + sql.Identifier(mapping.post_id)
    text = sql.SQL(adopted_sql.ABSENT).format(
        key=key,
        post=known_id("post", key, key_type),
        url=sql.SQL("a.") + sql.Identifier(mapping.video_url),
        duration=_duration(mapping),
        table=sql.Identifier(mapping.posts.schema, mapping.posts.table),
        after=sql.SQL("%(after)s::{}").format(sql.SQL(key_type)),
        rows=sql.Literal(_BATCH),
    )
    after: Any = None
    while True:
        rows = connection.execute(text, {"after": after}).fetchall()
        for _, post_id, url, seconds in rows:
            yield post_id, url, seconds if seconds is not None and 0 < seconds <= _DAY_S else None
        if len(rows) < _BATCH:
            return
        after = rows[-1][0]


def lengths(
    connection: Connection[Any], mapping: Mapping, inspection: Inspection
) -> tuple[list[float | None], list[tuple[str, str]]]:
    """Return the lengths in seconds of the videos to come, and the addresses that are refused.

    It works before the feed has moved in, too; then every post with an address counts.
    """
    found: list[float | None] = []
    refused: list[tuple[str, str]] = []
    for _, url, seconds in _to_come(connection, mapping, inspection):
        try:
            checked(url)
            found.append(seconds)
        except AddressError as error:
            refused.append((url, str(error)))
    return found, refused


def _to_come(
    connection: Connection[Any], mapping: Mapping, inspection: Inspection
) -> Iterator[tuple[object, str, float | None]]:
    row = connection.execute("SELECT to_regclass('public.uploads') IS NOT NULL").fetchone()
    if row is not None and row[0]:
        yield from absent(connection, mapping, inspection)
    elif mapping.video_url is not None:
        text = sql.SQL(
            "SELECT NULL, {url}::text, {duration} FROM {table} a"
            " WHERE coalesce({url}::text, '') <> ''"
        ).format(
            url=sql.SQL("a.") + sql.Identifier(mapping.video_url),
            duration=_duration(mapping),
            table=sql.Identifier(mapping.posts.schema, mapping.posts.table),
        )
        yield from connection.execute(text)


def _duration(mapping: Mapping) -> Text:
    if mapping.duration_ms is None:
        return sql.SQL("NULL::double precision")
    return sql.SQL("a.{}::double precision / 1000").format(sql.Identifier(mapping.duration_ms))


def note(connection: Connection[Any], mapping: Mapping, inspection: Inspection) -> None:
    """Note the videos that are to come to Mux, and those that are not for it."""
    connection.execute(adopted_sql.TABLE)
    batch: list[tuple[UUID, str, str, str | None]] = []
    with connection.cursor() as cursor:
        for post_id, url, _ in absent(connection, mapping, inspection):
            try:
                batch.append((post_id, checked(url), "waiting", None))
            except AddressError as error:
                batch.append((post_id, url, "refused", str(error)))
            if len(batch) == _BATCH:
                cursor.executemany(adopted_sql.NOTE, batch)
                batch.clear()
        cursor.executemany(adopted_sql.NOTE, batch)


def take(connection: Connection[Any], settings: IngestionSettings) -> Video | None:
    """Take the next video off those that wait, for this run alone. None where none waits."""
    given = {
        "cap_ms": settings.max_feed_duration_ms,
        "tier": settings.mux_max_resolution_tier,
        "policy": settings.mux_playback_policy,
        "seconds": _DAY_S,
    }
    row = connection.execute(adopted_sql.TAKE, given).fetchone()
    return None if row is None else Video(*row)


def give_back(connection: Connection[Any], post_id: UUID, refusal: str | None = None) -> None:
    """Let a video wait again that Mux has not taken, or note for good why Mux refuses it."""
    state = "waiting" if refusal is None else "refused"
    connection.execute(adopted_sql.BACK, {"post": post_id, "state": state, "problem": refusal})


def settle(connection: Connection[Any], post_id: UUID, asset_id: str | None) -> None:
    """Note that Mux has taken a video, under the id of its asset where it is known here."""
    with connection.transaction():
        connection.execute(
            "UPDATE vroom_private.adopted_videos SET state = 'asked', problem = NULL"
            " WHERE post_id = %s",
            [post_id],
        )
        if asset_id is not None:
            facts = {"post_id": str(post_id), "asset_id": asset_id, "asset_status": "preparing"}
            connection.execute(
                "SELECT public.receive_mux_facts(NULL, NULL, %s, '', false)", [Jsonb(facts)]
            )


def unsure(connection: Connection[Any], sure_after_s: int) -> list[Unsure]:
    """Return the videos of which it is not known whether Mux has taken them."""
    return [
        Unsure(*row) for row in connection.execute(adopted_sql.UNSURE, [sure_after_s]).fetchall()
    ]


def states(connection: Connection[Any]) -> dict[str, int]:
    """Return how many videos are how far."""
    return dict(connection.execute(adopted_sql.STATES).fetchall())


def failed(connection: Connection[Any], most: int) -> list[tuple[UUID, str, str]]:
    """Return videos that will not come: the post, the address, and why."""
    return connection.execute(adopted_sql.FAILED, [most]).fetchall()
