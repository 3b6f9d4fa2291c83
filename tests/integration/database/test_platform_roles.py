"""docs/supabase.md says what PostgREST's roles may read and call; the catalogue says the same."""

import re
import secrets
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from local.migrate import migrate
from local.paths import ROOT
from local.services.postgres import PostgresInstance, embedded_postgres
from tests.integration.database.clients import claiming, claims_of, operator

DOCUMENT = (ROOT / "docs" / "supabase.md").read_text("utf-8")
ROLES = ("anon", "authenticated", "service_role")
NOTHING, EVERYTHING = "nothing", "everything"
PLATFORM: LiteralString = """
  CREATE ROLE anon NOLOGIN;
  CREATE ROLE authenticated NOLOGIN;
  CREATE ROLE service_role NOLOGIN BYPASSRLS;
  GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
  ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT ALL ON TABLES TO anon, authenticated, service_role;
  ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
  ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT ALL ON SEQUENCES TO anon, authenticated, service_role;
"""
# What a role may do with a table: its rights, and the policies that apply to it.
TABLES = """
SELECT c.relname AS name, r.rolname AS role, c.relkind::text AS kind, r.rolbypassrls AS bypasses,
       c.relrowsecurity AS secured,
       coalesce(c.reloptions && '{security_invoker=true,security_invoker=on}', false) AS invoker,
       ARRAY(SELECT p FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p
             WHERE has_table_privilege(r.oid, c.oid, p)) AS rights,
       ARRAY(SELECT l.polname::text FROM pg_policy l
             WHERE l.polrelid = c.oid AND (l.polroles = '{0}' OR r.oid = ANY (l.polroles))
               AND (r.rolname <> 'anon'
                    OR pg_get_expr(l.polqual, l.polrelid) NOT LIKE '%%auth.uid()%%')
             ORDER BY 1) AS policies
FROM pg_class c, pg_roles r
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
  AND r.rolname = ANY (%s)
"""
FUNCTIONS = """
SELECT f.oid::regprocedure::text AS function, f.pronamespace::regnamespace::text AS schema
FROM pg_proc f, pg_roles r
WHERE f.pronamespace::regnamespace::text IN ('public', 'vroom_private') AND r.rolname = ANY (%s)
  AND has_function_privilege(r.oid, f.oid, 'EXECUTE')
  AND has_schema_privilege(r.oid, f.pronamespace, 'USAGE')
"""


@pytest.fixture(scope="module")
def platform(scratch: Path) -> Iterator[PostgresInstance]:
    """A server with PostgREST's roles, on whose database `postgres` the feed was installed."""
    with embedded_postgres(scratch / f"roles-{secrets.token_hex(3)}", durable=False) as instance:
        with psycopg.connect(instance.admin_url, autocommit=True) as connection:
            connection.execute(PLATFORM)
        migrate(instance.admin_url)
        yield instance


def told() -> dict[str, tuple[str, ...]]:
    """Return the document's table: what each role may do with each table."""
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", DOCUMENT, re.MULTILINE)
    return {name: tuple(cells) for name, *cells in rows}


def found(platform: PostgresInstance) -> dict[str, tuple[str, ...]]:
    with operator(platform.admin_url) as connection:
        rows = connection.execute(TABLES, [list(ROLES)]).fetchall()
    by_table: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["kind"] == "v":
            assert row["invoker"], f"the view {row['name']} shows its owner's rows"
            may = "what its tables show" if row["rights"] else NOTHING
        elif row["bypasses"]:
            may = EVERYTHING if len(row["rights"]) == 4 else ", ".join(row["rights"])
        else:
            assert row["secured"], f"{row['name']} has no row level security"
            may = ", ".join(f"`{policy}`" for policy in row["policies"]) or NOTHING
        by_table.setdefault(row["name"], {})[row["role"]] = may
    return {name: tuple(by_role[r] for r in ROLES) for name, by_role in by_table.items()}


def test_the_document_s_table_is_the_catalogue_s(platform: PostgresInstance) -> None:
    in_catalogue = found(platform)
    plain = (NOTHING, NOTHING, EVERYTHING)
    special = {name: cells for name, cells in in_catalogue.items() if cells != plain}
    assert told() == special
    assert len(in_catalogue) > len(special)


def test_anon_sees_nothing_of_viewers_and_a_viewer_nothing_of_others(
    platform: PostgresInstance,
) -> None:
    """The policies do what their names say: the rows are there, and each sees their own alone."""
    viewer, other = uuid.uuid4(), uuid.uuid4()
    with operator(platform.admin_url) as connection:
        connection.execute("INSERT INTO follows VALUES (%s, %s)", [viewer, other])
    for role, claims, seen in (
        ("anon", None, 0),
        ("authenticated", claims_of(viewer), 1),
        ("authenticated", claims_of(other), 0),
        ("service_role", None, 1),
    ):
        with claiming(platform.admin_url, claims) as connection:
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
            rows = connection.execute("SELECT * FROM follows").fetchall()
        assert (role, len(rows)) == (role, seen)


def test_these_roles_may_call_no_function(platform: PostgresInstance) -> None:
    with operator(platform.admin_url) as connection:
        callable_ones = connection.execute(FUNCTIONS, [list(ROLES)]).fetchall()
    assert callable_ones == []
    assert "may call no function" in DOCUMENT
