"""Whom viewers follow, taken over from the application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from ops.adopt.identity import feed_id
from ops.adopt.inspection import RefusedError, columns_of
from ops.adopt.steps import Step, outside_transaction, statements

if TYPE_CHECKING:
    from psycopg import Connection

    from ops.adopt.mapping import MappedTable
    from ops.adopt.text import Text

_FEED_FOLLOWS = "public.follows"
_TRIGGER = "vroom_in_step"
_INDEX = "follows_vroom_pair"


def is_own(follows: MappedTable) -> bool:
    """Whether the application's table has the name of the feed's."""
    return str(follows.name) == _FEED_FOLLOWS


def before_migrations(connection: Connection[Any], follows: MappedTable) -> list[Step]:
    """Put the feed's columns beside the application's own in its table of follows.

    Raises:
        RefusedError: The table's columns are of another type than the feed can work with.
    """
    columns = columns_of(connection, _FEED_FOLLOWS)
    app = {"follower_id": follows.columns["follower"], "creator_id": follows.columns["followed"]}
    for name in {*app.values(), *(ours for ours in app if ours in columns)}:
        if columns[name].type != "uuid":
            raise RefusedError(f"{_FEED_FOLLOWS}.{name} is {columns[name].type}, not uuid")
    pairs = [(theirs, ours) for ours, theirs in app.items() if theirs != ours]
    adds: list[Text] = [
        sql.SQL("ALTER TABLE public.follows ADD COLUMN IF NOT EXISTS {} uuid").format(
            sql.Identifier(ours)
        )
        for _, ours in pairs
    ]
    adds.append(
        sql.SQL(
            "ALTER TABLE public.follows"
            " ADD COLUMN IF NOT EXISTS created_at timestamptz NOT NULL DEFAULT now()"
        )
    )
    wanted = {"created_at", *(ours for _, ours in pairs)}
    valid = connection.execute(
        "SELECT FROM pg_index WHERE indexrelid = to_regclass(%s) AND indisvalid",
        [f"public.{_INDEX}"],
    ).fetchone()
    fired = connection.execute(
        "SELECT FROM pg_trigger WHERE tgrelid = 'public.follows'::regclass AND tgname = %s",
        [_TRIGGER],
    ).fetchone()
    index = sql.SQL(
        "CREATE UNIQUE INDEX CONCURRENTLY {} ON public.follows (follower_id, creator_id)"
    )
    return [
        statements(
            f"add {', '.join(sorted(wanted))} to public.follows",
            *adds,
            done=wanted <= columns.keys(),
        ),
        statements(
            "keep public.follows in step by a trigger",
            _function(pairs),
            sql.SQL(
                "CREATE OR REPLACE TRIGGER {} BEFORE INSERT OR UPDATE ON public.follows"
                " FOR EACH ROW EXECUTE FUNCTION vroom_private.adopted_follows_in_step()"
            ).format(sql.Identifier(_TRIGGER)),
            done=fired is not None,
        ),
        statements("bring the follows that are there into step", *_catch_up(pairs)),
        outside_transaction(
            f"build the index {_INDEX}",
            index.format(sql.Identifier(_INDEX)),
            done=valid is not None,
        ),
    ]


def mirrored(connection: Connection[Any], follows: MappedTable) -> list[Step]:
    """Carry follows over from a table of another name by a trigger."""
    columns = columns_of(connection, follows.name)
    follower, followed = follows.columns["follower"], follows.columns["followed"]

    def ids(row: str) -> list[Text]:
        return [
            feed_id("user", sql.SQL(f"{row}.") + sql.Identifier(name), columns[name].type)
            for name in (follower, followed)
        ]

    table = sql.Identifier(follows.name.schema, follows.name.table)
    function = sql.SQL(
        "CREATE OR REPLACE FUNCTION vroom_private.adopted_follows_mirror() RETURNS trigger\n"
        "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$\n"
        "BEGIN\n"
        "  IF TG_OP <> 'INSERT' THEN\n"
        "    DELETE FROM public.follows WHERE follower_id = {} AND creator_id = {};\n"
        "  END IF;\n"
        "  IF TG_OP <> 'DELETE' THEN\n"
        "    INSERT INTO public.follows (follower_id, creator_id) VALUES ({}, {})\n"
        "    ON CONFLICT DO NOTHING;\n"
        "  END IF;\n"
        "  RETURN NULL;\n"
        "END $$"
    ).format(*ids("OLD"), *ids("NEW"))
    trigger = sql.SQL(
        "CREATE OR REPLACE TRIGGER vroom_mirror AFTER INSERT OR UPDATE OR DELETE ON {}"
        " FOR EACH ROW EXECUTE FUNCTION vroom_private.adopted_follows_mirror()"
    ).format(table)
    fired = connection.execute(
        "SELECT FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND tgname = 'vroom_mirror'",
        [str(follows.name)],
    ).fetchone()
    copied = sql.SQL(
        "INSERT INTO public.follows (follower_id, creator_id) SELECT {}, {} FROM {} f"
        " WHERE f.{} IS NOT NULL AND f.{} IS NOT NULL ON CONFLICT DO NOTHING"
    ).format(*ids("f"), table, sql.Identifier(follower), sql.Identifier(followed))
    return [
        statements(
            f"carry {follows.name} over to public.follows by a trigger",
            function,
            trigger,
            done=fired is not None,
        ),
        statements(f"copy the follows of {follows.name} that are not there yet", copied),
    ]


def _catch_up(pairs: list[tuple[str, str]]) -> list[Text]:
    return [
        sql.SQL("UPDATE public.follows SET {1} = {0} WHERE {1} IS DISTINCT FROM {0}").format(
            sql.Identifier(theirs), sql.Identifier(ours)
        )
        for theirs, ours in pairs
    ]


def _function(pairs: list[tuple[str, str]]) -> Text:
    parts = [
        sql.SQL(
            "IF NEW.{0} IS NULL THEN NEW.{0} := NEW.{1};"
            " ELSIF TG_OP = 'UPDATE' AND NEW.{0} IS NOT DISTINCT FROM OLD.{0}"
            " AND NEW.{1} IS DISTINCT FROM OLD.{1} THEN NEW.{0} := NEW.{1};"
            " ELSE NEW.{1} := NEW.{0}; END IF;"
        ).format(sql.Identifier(theirs), sql.Identifier(ours))
        for theirs, ours in pairs
    ]
    return sql.SQL(
        "CREATE OR REPLACE FUNCTION vroom_private.adopted_follows_in_step() RETURNS trigger\n"
        "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$\n"
        "BEGIN\n  {}\n  RETURN NEW;\nEND $$"
    ).format(sql.SQL("\n  ").join(parts) if parts else sql.SQL("NULL;"))
