"""What the database holds before the feed moves in, read from its catalogues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ops.adopt.mapping import MappedTable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping as Rows

    from psycopg import Connection

    from ops.adopt.mapping import Mapping, TableName

FEED_POSTS = "public.posts"

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, NULL), a.attnotnull,
       a.atthasdef OR a.attidentity <> '' AS filled
FROM pg_attribute a
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
"""
_TABLE = """
SELECT c.relkind::text, c.relrowsecurity, c.relforcerowsecurity,
       pg_has_role(c.relowner, 'USAGE') AS owned, greatest(c.reltuples, 0)::bigint
FROM pg_class c WHERE c.oid = to_regclass(%s)
"""
_TRIGGERS = """
SELECT t.tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE t.tgrelid = to_regclass(%s) AND NOT t.tgisinternal AND t.tgtype & 16 <> 0
  AND p.pronamespace::regnamespace::text <> 'vroom_private'
ORDER BY 1
"""
# The columns that the feed needs in a table of posts: name to type, and what `ADD COLUMN` is given.
# A constant default is kept in the catalogue, so that no row is rewritten.
FEED_COLUMNS = {
    "post_no": ("bigint", ""),
    "creator_id": ("uuid", ""),
    "caption": ("text", "NOT NULL DEFAULT ''"),
    "tags": ("text[]", "NOT NULL DEFAULT '{}'"),
    "visibility": ("text", "NOT NULL DEFAULT 'public'"),
    "mux_upload_id": ("text", ""),
    "mux_asset_id": ("text", ""),
    "mux_playback_id": ("text", ""),
    "mux_ready": ("boolean", "NOT NULL DEFAULT false"),
    "mux_duration_ms": ("integer", ""),
    "mux_max_resolution": ("text", ""),
    "mux_hls_url": ("text", ""),
    "mux_playback_policy": ("text", "NOT NULL DEFAULT 'public'"),
    "aspect_ratio": ("text", ""),
    "created_at": ("timestamp with time zone", "NOT NULL DEFAULT now()"),
    "published_at": ("timestamp with time zone", ""),
}

_NUMBERS = {"smallint", "integer", "bigint", "numeric"}


class RefusedError(Exception):
    """The database holds something that this tool does not understand; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its type, whether it must be filled, and whether it fills itself."""

    type: str
    required: bool
    filled: bool


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found.

    Attributes:
        posts: The columns of the application's table of posts.
        rows: Its rows, as the planner estimates them.
        row_security: Row level security is on for it.
        update_triggers: The application's own triggers that an update fires.
        beside: The feed's columns go into the application's own table. Otherwise the feed has a
            table of its own, which triggers keep in step.
        marked: An earlier run marked the table as the application's.
    """

    posts: Rows[str, Column]
    rows: int
    row_security: bool
    update_triggers: tuple[str, ...]
    beside: bool
    marked: bool

    def key_types(self, mapping: Mapping) -> dict[str, str]:
        """Return the types of the application's keys of users and of posts."""
        return {
            "user": self.posts[mapping.creator].type,
            "post": self.posts[mapping.post_id].type,
        }


def columns_of(connection: Connection[Any], table: TableName | str) -> dict[str, Column]:
    """Return the columns of a table by name; none where the table does not exist."""
    rows = connection.execute(_COLUMNS, [str(table)]).fetchall()
    return {name: Column(kind, required, filled) for name, kind, required, filled in rows}


def inspect(connection: Connection[Any], mapping: Mapping) -> Inspection:
    """Read what is there and hold it against the mapping.

    Raises:
        RefusedError: A table or column is missing, belongs to somebody else or has another type
            than the feed can work with.
    """
    table = str(mapping.posts)
    found = connection.execute(_TABLE, [table]).fetchone()
    if found is None:
        raise RefusedError(f"there is no table {table}")
    kind, row_security, forced, owned, rows = found
    if kind not in {"r", "p"}:
        raise RefusedError(f"{table} is a view or something else that holds no rows")
    if not owned:
        raise RefusedError(f"{table} belongs to another role: connect as its owner")
    posts = columns_of(connection, table)
    _require_columns(table, posts, mapping)
    beside = table == FEED_POSTS
    if beside:
        if forced:
            raise RefusedError(
                f"{table} has FORCE ROW LEVEL SECURITY, which hides rows from the feed's functions"
            )
        _require_types(table, posts)
        _require_identity(table, posts, mapping)
    elif "post_no" not in columns_of(connection, FEED_POSTS) and columns_of(connection, FEED_POSTS):
        raise RefusedError(f"{FEED_POSTS} is a table of the application as well: name it in POSTS")
    _require_numbers(table, posts, [*mapping.counts.values(), *filter(None, [mapping.duration_ms])])
    for other in (mapping.follows, *mapping.histories.values()):
        if isinstance(other, MappedTable):
            _require_all(connection, str(other.name), other.columns.values())
    triggers = connection.execute(_TRIGGERS, [table]).fetchall()
    return Inspection(
        posts=posts,
        rows=rows,
        row_security=row_security,
        update_triggers=tuple(name for (name,) in triggers),
        beside=beside,
        marked=_is_marked(connection, table),
    )


def _is_marked(connection: Connection[Any], table: str) -> bool:
    if not columns_of(connection, "vroom_private.adopted_tables"):
        return False
    asked = "SELECT FROM vroom_private.adopted_tables WHERE name = %s"
    return connection.execute(asked, [table]).fetchone() is not None


def _require_columns(table: str, columns: Rows[str, Column], mapping: Mapping) -> None:
    named = [mapping.post_id, mapping.creator, mapping.caption, mapping.video_url, mapping.deleted]
    named += [mapping.duration_ms, *mapping.counts.values()]
    _refuse_missing(table, columns, [name for name in named if name is not None])


def _require_all(connection: Connection[Any], table: str, names: Iterable[str]) -> None:
    columns = columns_of(connection, table)
    if not columns:
        raise RefusedError(f"there is no table {table}")
    _refuse_missing(table, columns, names)


def _refuse_missing(table: str, columns: Rows[str, Column], names: Iterable[str]) -> None:
    missing = [name for name in names if name not in columns]
    if missing:
        raise RefusedError(f"{table} has no column {', '.join(missing)}")


def _require_types(table: str, columns: Rows[str, Column]) -> None:
    for name, (kind, _) in FEED_COLUMNS.items():
        held = columns.get(name)
        if held is not None and held.type != kind:
            raise RefusedError(f"{table}.{name} is {held.type}, and the feed needs {kind}")


def _require_numbers(table: str, columns: Rows[str, Column], names: Iterable[str]) -> None:
    for name in names:
        if columns[name].type not in _NUMBERS:
            raise RefusedError(f"{table}.{name} is {columns[name].type}, not a number")


def _require_identity(table: str, columns: Rows[str, Column], mapping: Mapping) -> None:
    if mapping.post_id != "id" or columns["id"].type != "uuid":
        kind = columns[mapping.post_id].type
        raise RefusedError(
            f"{table}.{mapping.post_id} is {kind}, and the feed's table of this name is keyed by"
            " UUIDs in a column id. Move the application's table into another schema first, where"
            " it finds it by its search_path (docs/adopt.md, Names that the feed has as well)"
        )
    if columns[mapping.creator].type != "uuid":
        kind = columns[mapping.creator].type
        raise RefusedError(f"{table}.{mapping.creator} is {kind}, and viewers are known by UUIDs")
