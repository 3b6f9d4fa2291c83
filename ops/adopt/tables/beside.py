"""The feed's columns beside the application's own, in its table of posts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from ops.adopt.inspection import FEED_COLUMNS
from ops.adopt.steps import Step, outside_transaction, statements

if TYPE_CHECKING:
    from psycopg import Connection

    from ops.adopt.inspection import Inspection
    from ops.adopt.mapping import Mapping
    from ops.adopt.text import Text

_POSTS = sql.SQL("public.posts")
_IN_STEP = "vroom_in_step"
_SEQUENCE = sql.SQL("public.posts_post_no_seq")
_CHECKS = {
    "vroom_tags": "vroom_private.are_indexable(tags)",
    "vroom_visibility": "visibility IN ('public', 'shadow_ban', 'removed')",
    "vroom_duration": "mux_duration_ms >= 0",
    "vroom_created_at": "vroom_private.is_readable(created_at)",
    "vroom_published_at": "vroom_private.is_readable(published_at)",
}
_INDEXES = {
    "posts_post_no_key": "UNIQUE INDEX CONCURRENTLY {} ON public.posts (post_no)",
    "posts_mux_upload": (
        "UNIQUE INDEX CONCURRENTLY {} ON public.posts (mux_upload_id)"
        " WHERE mux_upload_id IS NOT NULL"
    ),
    "posts_by_creator": "INDEX CONCURRENTLY {} ON public.posts (creator_id, created_at DESC)",
}


def columns_step(inspection: Inspection) -> Step:
    """Add the columns that are missing; no row is rewritten."""
    missing = [name for name in FEED_COLUMNS if name not in inspection.posts]
    texts: list[Text] = [
        sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} {}").format(
            _POSTS,
            sql.Identifier(name),
            sql.SQL(f"{FEED_COLUMNS[name][0]} {FEED_COLUMNS[name][1]}"),
        )
        for name in missing
    ]
    if "post_no" in missing:
        # An identity column would rewrite the table; a sequence gives numbers to new rows alike.
        texts += [
            sql.SQL("CREATE SEQUENCE IF NOT EXISTS {} OWNED BY {}.post_no").format(
                _SEQUENCE, _POSTS
            ),
            sql.SQL("ALTER TABLE {} ALTER COLUMN post_no SET DEFAULT nextval({})").format(
                _POSTS, sql.Literal("public.posts_post_no_seq")
            ),
        ]
    title = f"add the columns {', '.join(missing)} to public.posts"
    return statements(title, *texts, done=not missing)


def trigger_step(connection: Connection[Any], mapping: Mapping) -> Step:
    """Make the trigger that keeps the application's columns and the feed's in step."""
    found = connection.execute(
        "SELECT FROM pg_trigger WHERE tgrelid = 'public.posts'::regclass AND tgname = %s",
        [_IN_STEP],
    ).fetchone()
    pairs = _pairs(mapping)
    named = ", ".join(f"{app} and {ours}" for app, ours, _ in pairs) or "nothing differs by name"
    return statements(
        f"keep in step by a trigger: {named}",
        _trigger_function(mapping),
        sql.SQL(
            "CREATE OR REPLACE TRIGGER {} BEFORE INSERT OR UPDATE ON {}"
            " FOR EACH ROW EXECUTE FUNCTION vroom_private.adopted_posts_in_step()"
        ).format(sql.Identifier(_IN_STEP), _POSTS),
        done=found is not None,
    )


def index_steps(connection: Connection[Any]) -> list[Step]:
    """Build the indexes of the feed without keeping anybody from writing."""
    valid = {
        name
        for (name,) in connection.execute(
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " WHERE i.indrelid = 'public.posts'::regclass AND i.indisvalid"
        )
    }
    steps = []
    for name, shape in _INDEXES.items():
        drop = sql.SQL("DROP INDEX IF EXISTS public.{}").format(sql.Identifier(name))
        create = sql.SQL("CREATE ") + sql.SQL(shape).format(sql.Identifier(name))
        done = name in valid
        # An interrupted build leaves an invalid index of this name behind.
        steps.append(statements(f"make room for the index {name}", drop, done=done))
        steps.append(outside_transaction(f"build the index {name}", create, done=done))
    return [step for step in steps if not (step.done and step.title.startswith("make room"))]


def constraint_steps(connection: Connection[Any]) -> list[Step]:
    """Hold the feed's columns to their rules: first for new rows, then for all."""
    rows = connection.execute(
        "SELECT conname, convalidated FROM pg_constraint WHERE conrelid = 'public.posts'::regclass"
    ).fetchall()
    known: dict[str, bool] = dict(rows)
    checks = {**_CHECKS, "vroom_complete": "post_no IS NOT NULL AND creator_id IS NOT NULL"}
    steps = []
    for name, rule in checks.items():
        add = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} CHECK ({}) NOT VALID").format(
            _POSTS, sql.Identifier(name), sql.SQL(rule)
        )
        validate = sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}").format(
            _POSTS, sql.Identifier(name)
        )
        if name not in known:
            steps.append(statements(f"require of new posts that {rule}", add))
        steps.append(
            statements(f"check of all posts that {rule}", validate, done=known.get(name, False))
        )
    return steps


def differing_rows(mapping: Mapping) -> Text:
    """Return the condition under which a row's columns are not in step yet."""
    conditions: list[Text] = [sql.SQL("p.post_no IS NULL"), sql.SQL("s.post_id IS NULL")]
    conditions += [
        sql.SQL("p.{} IS DISTINCT FROM {}").format(
            sql.Identifier(ours), _read(sql.SQL("p."), app, ours)
        )
        for app, ours, direction in _pairs(mapping)
        if direction != "from_feed"
    ]
    return sql.SQL(" OR ").join(conditions)


def assignments(mapping: Mapping) -> Text:
    """Return the SET list that brings a row's columns into step."""
    number = "post_no = coalesce(p.post_no, nextval('public.posts_post_no_seq'))"
    parts: list[Text] = [sql.SQL(number)]
    parts += [
        sql.SQL("{} = {}").format(sql.Identifier(ours), _read(sql.SQL("p."), app, ours))
        for app, ours, direction in _pairs(mapping)
        if direction != "from_feed"
    ]
    return sql.SQL(", ").join(parts)


def _pairs(mapping: Mapping) -> list[tuple[str, str, str]]:
    """Return the application's column, the feed's, and which way a value goes."""
    pairs = [(mapping.creator, "creator_id", "both")]
    if mapping.caption is not None:
        pairs.append((mapping.caption, "caption", "both"))
    if mapping.deleted is not None:
        pairs.append((mapping.deleted, "visibility", "from_app"))
    if mapping.video_url is not None:
        pairs.append((mapping.video_url, "mux_hls_url", "from_feed"))
    return [pair for pair in pairs if pair[0] != pair[1]]


def _read(row: Text, app: str, ours: str) -> Text:
    """Return the value that the feed's column takes from the application's."""
    value = row + sql.Identifier(app)
    if ours == "caption":
        return sql.SQL("coalesce({}, '')").format(value)
    if ours == "visibility":
        gone = sql.SQL("coalesce({}::text, 'false') <> 'false'").format(value)
        kept = sql.SQL("CASE WHEN {0}visibility = 'removed' THEN 'public' ELSE {0}visibility END")
        return sql.SQL("CASE WHEN {} THEN 'removed' ELSE {} END").format(gone, kept.format(row))
    return value


def _trigger_function(mapping: Mapping) -> Text:
    new = sql.SQL("NEW.")
    inserted: list[Text] = []
    updated: list[Text] = []
    for app, ours, direction in _pairs(mapping):
        app_name, our_name = sql.Identifier(app), sql.Identifier(ours)
        take = sql.SQL("NEW.{} := {};").format(our_name, _read(new, app, ours))
        give = sql.SQL("NEW.{} := NEW.{};").format(app_name, our_name)
        app_changed = sql.SQL("NEW.{0} IS DISTINCT FROM OLD.{0}").format(app_name)
        our_changed = sql.SQL("NEW.{0} IS DISTINCT FROM OLD.{0}").format(our_name)
        if direction == "both":
            inserted.append(
                sql.SQL("IF NEW.{} IS NULL THEN {} ELSE {} END IF;").format(app_name, give, take)
            )
            updated.append(
                sql.SQL("IF {} THEN {} ELSIF {} THEN {} ELSE {} END IF;").format(
                    app_changed, take, our_changed, give, take
                )
            )
        elif direction == "from_app":
            inserted.append(take)
            updated.append(sql.SQL("IF {} THEN {} END IF;").format(app_changed, take))
        else:
            # A post that came by the feed's own upload has no address in the application's column.
            filled = sql.SQL("NEW.{0} := coalesce(NEW.{0}, NEW.{1}, '');").format(
                app_name, our_name
            )
            inserted.append(filled)
            updated.append(
                sql.SQL(
                    "IF {1} AND coalesce(NEW.{0}, '') IN ('', coalesce(OLD.{2}, '')) THEN"
                    " NEW.{0} := coalesce(NEW.{2}, ''); END IF;"
                ).format(app_name, our_changed, our_name)
            )
    updated.append(
        sql.SQL("NEW.post_no := coalesce(NEW.post_no, nextval('public.posts_post_no_seq'));")
    )
    space = sql.SQL("\n    ")
    return sql.SQL(
        "CREATE OR REPLACE FUNCTION vroom_private.adopted_posts_in_step() RETURNS trigger\n"
        "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$\n"
        "BEGIN\n"
        "  IF TG_OP = 'INSERT' THEN\n    {}\n  ELSE\n    {}\n  END IF;\n"
        "  RETURN NEW;\n"
        "END $$"
    ).format(space.join(inserted) if inserted else sql.SQL("NULL;"), space.join(updated))
