"""The feed's own table of posts, kept in step with the application's by a trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from ops.adopt.identity import IDS, LOOK_UP, feed_id
from ops.adopt.steps import Step, statements

if TYPE_CHECKING:
    from psycopg import Connection

    from ops.adopt.inspection import Inspection
    from ops.adopt.mapping import Mapping
    from ops.adopt.text import Text

_TRIGGER = "vroom_mirror"


def trigger_steps(
    connection: Connection[Any], mapping: Mapping, inspection: Inspection
) -> list[Step]:
    """Make the trigger that carries every change of a post over to the feed's table."""
    table = sql.Identifier(mapping.posts.schema, mapping.posts.table)
    found = connection.execute(
        "SELECT FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND tgname = %s",
        [str(mapping.posts), _TRIGGER],
    ).fetchone()
    make = sql.SQL(
        "CREATE OR REPLACE TRIGGER {} AFTER INSERT OR UPDATE OR DELETE ON {}"
        " FOR EACH ROW EXECUTE FUNCTION vroom_private.adopted_posts_mirror()"
    ).format(sql.Identifier(_TRIGGER), table)
    ids_kept = connection.execute("SELECT to_regclass('vroom_private.adopted_ids')").fetchone()
    return [
        statements(
            "keep a table of UUIDs for keys that are none",
            IDS,
            LOOK_UP,
            done=ids_kept is not None and ids_kept[0] is not None,
        ),
        statements(
            f"carry every change of {mapping.posts} over to public.posts by a trigger",
            _function(mapping, inspection),
            make,
            done=found is not None,
        ),
    ]


def upsert(mapping: Mapping, inspection: Inspection, row: Text) -> Text:
    """Return the INSERT … SELECT that writes the feed's row of the application's row `row`.

    The statement ends behind SELECT's list, so that FROM may follow, and `conflict` closes it.
    """
    values = [value for _, value in _values(mapping, inspection, row)]
    names = [sql.Identifier(name) for name, _ in _values(mapping, inspection, row)]
    return sql.SQL("INSERT INTO public.posts AS p ({}) SELECT {}").format(
        sql.SQL(", ").join(names), sql.SQL(", ").join(values)
    )


def conflict(mapping: Mapping) -> Text:
    """Return the end of `upsert`: only what differs is written."""
    changed = ["creator_id"] + (["caption"] if mapping.caption else [])
    sets: list[Text] = [
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in changed
    ]
    differs: list[Text] = [
        sql.SQL("p.{0} IS DISTINCT FROM excluded.{0}").format(sql.Identifier(name))
        for name in changed
    ]
    if mapping.deleted is not None:
        # What a moderator of the feed decided stays, unless the application deletes the post.
        sets.append(
            sql.SQL(
                "visibility = CASE WHEN excluded.visibility = 'removed' THEN 'removed'"
                " WHEN p.visibility = 'removed' THEN 'public' ELSE p.visibility END"
            )
        )
        differs.append(sql.SQL("(p.visibility = 'removed') <> (excluded.visibility = 'removed')"))
    return sql.SQL(" ON CONFLICT (id) DO UPDATE SET {} WHERE {}").format(
        sql.SQL(", ").join(sets), sql.SQL(" OR ").join(differs)
    )


def post_id(mapping: Mapping, inspection: Inspection, row: Text) -> Text:
    """Return the feed's id of one of the application's rows."""
    column = row + sql.SQL(".") + sql.Identifier(mapping.post_id)
    return feed_id("post", column, inspection.posts[mapping.post_id].type)


def _values(mapping: Mapping, inspection: Inspection, row: Text) -> list[tuple[str, Text]]:
    def column(name: str) -> Text:
        return row + sql.SQL(".") + sql.Identifier(name)

    creator_type = inspection.posts[mapping.creator].type
    values: list[tuple[str, Text]] = [
        ("id", post_id(mapping, inspection, row)),
        ("creator_id", feed_id("user", column(mapping.creator), creator_type)),
    ]
    if mapping.caption is not None:
        values.append(("caption", sql.SQL("coalesce({}, '')").format(column(mapping.caption))))
    if "created_at" in inspection.posts:
        values.append(("created_at", sql.SQL("coalesce({}, now())").format(column("created_at"))))
    if mapping.deleted is not None:
        gone = sql.SQL("coalesce({}::text, 'false') <> 'false'").format(column(mapping.deleted))
        values.append(
            ("visibility", sql.SQL("CASE WHEN {} THEN 'removed' ELSE 'public' END").format(gone))
        )
    return values


def _function(mapping: Mapping, inspection: Inspection) -> Text:
    return sql.SQL(
        "CREATE OR REPLACE FUNCTION vroom_private.adopted_posts_mirror() RETURNS trigger\n"
        "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$\n"
        "BEGIN\n"
        "  IF TG_OP = 'DELETE' THEN\n"
        "    DELETE FROM public.posts WHERE id = {};\n"
        "  ELSE\n"
        "    {}{};\n"
        "  END IF;\n"
        "  RETURN NULL;\n"
        "END $$"
    ).format(
        post_id(mapping, inspection, sql.SQL("OLD")),
        upsert(mapping, inspection, sql.SQL("NEW")),
        conflict(mapping),
    )
