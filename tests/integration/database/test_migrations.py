import subprocess
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from local.migrate import migrate, with_user
from local.paths import MIGRATIONS
from local.services.pgwheel import PSQL
from tests.conftest import Database, MigratedTemplate, PostgresServer
from tests.integration.database.clients import claiming, claims_of, operator

FILES = sorted(MIGRATIONS.glob("*.sql"))
NAMES = [file.stem for file in FILES]

# The schema as far as it can be told by catalogues, the migration tool's own table aside.
OUTLINE = """
  SELECT 'column', format('%s.%s.%s %s %s %s', n.nspname, c.relname, a.attname,
                          format_type(a.atttypid, a.atttypmod), a.attnotnull,
                          pg_get_expr(d.adbin, d.adrelid))
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  WHERE n.nspname IN ('public', 'vroom_private', 'auth') AND c.relkind IN ('r', 'p', 'v')
    AND c.relname <> 'vroom_migrations' AND a.attnum > 0
  UNION ALL SELECT 'index', indexdef FROM pg_indexes
  WHERE schemaname = 'public' AND tablename <> 'vroom_migrations'
  UNION ALL SELECT 'constraint', conrelid::regclass || ' ' || pg_get_constraintdef(oid)
  FROM pg_constraint
  WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'vroom_migrations'
  UNION ALL SELECT 'function', pg_get_functiondef(oid) || coalesce(proacl::text, '') FROM pg_proc
  WHERE pronamespace::regnamespace::text IN ('public', 'vroom_private', 'auth') AND prokind <> 'a'
  UNION ALL SELECT 'aggregate', format('%s %s %s', a.aggfnoid, a.aggtransfn, a.agginitval)
  FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid
  WHERE p.pronamespace = 'vroom_private'::regnamespace
  UNION ALL SELECT 'trigger', pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL SELECT 'policy', p::text FROM pg_policies p
  UNION ALL SELECT 'relation', format('%s %s %s', relname, relrowsecurity, relacl) FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
    AND relname <> 'vroom_migrations'
  ORDER BY 1, 2
"""


@pytest.fixture
def empty(postgres: PostgresServer) -> Iterator[str]:
    """The URL of a database without our schema."""
    name = f"vroom_test_empty_{uuid.uuid4().hex[:12]}"
    create, drop = (
        sql.SQL(text).format(sql.Identifier(name))
        for text in ("CREATE DATABASE {} TEMPLATE template0", "DROP DATABASE {} WITH (FORCE)")
    )
    with psycopg.connect(postgres.admin_url, autocommit=True) as connection:
        connection.execute(create)
        yield postgres.url(name)
        connection.execute(drop)


def psql(url: str, files: Sequence[Path]) -> None:
    """Applies files as an operator without the tool would."""
    arguments = [part for file in files for part in ("-f", str(file))]
    command = [str(PSQL), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (fixed arguments)
    assert done.returncode == 0, done.stderr


def outline(url: str) -> list[tuple[str, str]]:
    with psycopg.connect(url) as connection:
        return [(kind, text) for kind, text in connection.execute(OUTLINE).fetchall()]


def test_the_tool_applies_every_file_once_and_then_finds_nothing_to_do(empty: str) -> None:
    assert migrate(empty) == NAMES
    before = outline(empty)
    assert before
    assert migrate(empty) == []
    assert outline(empty) == before


def test_psql_applies_the_files_in_order_and_again_without_harm(empty: str) -> None:
    psql(empty, FILES)
    before = outline(empty)
    psql(empty, FILES)
    assert outline(empty) == before


def test_psql_and_the_tool_make_the_same_schema(empty: str, database: Database) -> None:
    psql(empty, FILES)
    assert outline(empty) == outline(database.admin_url)


def test_the_tool_takes_over_a_database_that_psql_migrated(empty: str) -> None:
    psql(empty, FILES)
    before = outline(empty)
    assert migrate(empty) == NAMES
    assert migrate(empty) == []
    assert outline(empty) == before
    assert unprotected_tables(empty) == []


def test_migrating_again_keeps_the_rows(database: Database) -> None:
    with operator(database.admin_url) as connection:
        connection.execute(
            "INSERT INTO posts (id, creator_id, mux_ready, mux_playback_id, mux_duration_ms)"
            " SELECT gen_random_uuid(), gen_random_uuid(), true, 'p', 1 FROM generate_series(1, 5)"
        )
        psql(database.admin_url, FILES)
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM posts) AS posts,"
            " (SELECT count(*) FROM post_stats) AS stats,"
            " (SELECT sum(bit_count(eligible)) FROM post_blocks) AS bits"
        ).fetchone()
    assert counts == {"posts": 5, "stats": 5, "bits": 5}


def unprotected_tables(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p', 'f', 'm')"
            " AND relnamespace IN ('public'::regnamespace, 'vroom_private'::regnamespace)"
            " AND NOT relrowsecurity"
        ).fetchall()
    return [name for (name,) in rows]


def test_every_table_has_row_level_security_that_of_the_tool_too(database: Database) -> None:
    with psycopg.connect(database.admin_url) as connection:
        tools = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname = 'vroom_migrations'"
        ).fetchone()
    assert tools == (1,)
    assert unprotected_tables(database.admin_url) == []


def test_views_look_with_the_rights_of_who_asks(database: Database) -> None:
    with psycopg.connect(database.admin_url) as connection:
        views = connection.execute(
            "SELECT relname, 'security_invoker=true' = ANY (reloptions) FROM pg_class"
            " WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
    assert ("feed_stats", True) in views
    assert all(invoker for _, invoker in views)


def test_functions_with_the_owners_rights_pin_their_search_path(database: Database) -> None:
    with psycopg.connect(database.admin_url) as connection:
        functions = connection.execute(
            "SELECT oid::regprocedure::text,"
            " (SELECT c FROM unnest(proconfig) c WHERE c LIKE 'search_path=%') FROM pg_proc"
            " WHERE prosecdef AND pronamespace::regnamespace::text IN ('public', 'vroom_private')"
        ).fetchall()
    assert len(functions) > 10
    pinned = {"search_path=pg_catalog, public, pg_temp", "search_path=pg_catalog, pg_temp"}
    assert [name for name, path in functions if path not in pinned] == []


def test_functions_with_the_owners_rights_are_closed_to_the_public(database: Database) -> None:
    with psycopg.connect(database.admin_url) as connection:
        functions = connection.execute(
            "SELECT oid::regprocedure::text FROM pg_proc"
            " WHERE prosecdef AND pronamespace::regnamespace::text IN ('public', 'vroom_private')"
            " AND has_function_privilege('public', oid, 'EXECUTE')"
        ).fetchall()
    assert functions == []


def test_no_role_of_the_functions_owns_anything_or_bypasses_row_level_security(
    database: Database,
) -> None:
    with operator(database.admin_url) as connection:
        roles = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication"
            " FROM pg_roles WHERE rolname IN ('vroom_app', 'vroom_webhook') ORDER BY rolname"
        ).fetchall()
        owned = connection.execute(
            "SELECT classid::regclass, objid FROM pg_shdepend WHERE deptype = 'o'"
            " AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND refobjid IN ('vroom_app'::regrole, 'vroom_webhook'::regrole)"
        ).fetchall()
        memberships = connection.execute(
            "SELECT roleid::regrole::text FROM pg_auth_members"
            " WHERE member IN ('vroom_app'::regrole, 'vroom_webhook'::regrole)"
        ).fetchall()
    assert [role.pop("rolname") for role in roles] == ["vroom_app", "vroom_webhook"]
    assert not any(value for role in roles for value in role.values())
    assert owned == memberships == []


def test_an_auth_uid_that_is_there_is_not_replaced(
    empty: str, migrated_template: MigratedTemplate
) -> None:
    stand_in = """
      CREATE SCHEMA auth;
      CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
        SELECT nullif(current_setting('test.viewer', true), '')::uuid
      $$;
      COMMENT ON FUNCTION auth.uid() IS 'the platform''s own';
    """
    viewer = uuid.uuid4()
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute(stand_in)
        definition = "SELECT oid, xmin, prosrc FROM pg_proc WHERE oid = 'auth.uid'::regproc"
        source = connection.execute(definition).fetchall()
        migrate(empty)
        found = connection.execute(definition).fetchall()
        assert [(oid, text) for oid, _, text in found] == [(oid, text) for oid, _, text in source]
    app_url = with_user(empty, "vroom_app", migrated_template.passwords["vroom_app"])
    with psycopg.connect(app_url, autocommit=True) as connection:
        connection.execute("SELECT set_config('test.viewer', %s, false)", [str(viewer)])
        connection.execute("INSERT INTO follows VALUES (%s, gen_random_uuid())", [viewer])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO follows VALUES (gen_random_uuid(), gen_random_uuid())")


def test_our_auth_uid_reads_the_subject_as_the_platforms_does(database: Database) -> None:
    viewer = uuid.uuid4()
    ask = "SELECT auth.uid() AS viewer"
    with claiming(database.app_url, claims_of(viewer)) as connection:
        assert connection.execute(ask).fetchone() == {"viewer": viewer}
    for nobody in (None, "", "{}", '{"sub": null}', f'{{"user_id": "{viewer}"}}'):
        with claiming(database.app_url, nobody) as connection:
            assert connection.execute(ask).fetchone() == {"viewer": None}
    with claiming(database.app_url, None) as connection:
        connection.execute("SELECT set_config('request.jwt.claim.sub', %s, true)", [str(viewer)])
        assert connection.execute(ask).fetchone() == {"viewer": viewer}


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_file_says_which_server_it_belongs_to_and_stands_in_a_transaction(file: Path) -> None:
    assert file.stem.split("_")[1] in {"both", "catalogue", "viewers"}
    text = file.read_text()
    assert text.startswith("BEGIN;\n")
    assert text.endswith("\nCOMMIT;\n")


def test_a_file_that_fails_leaves_nothing_behind_under_psql_without_on_error_stop(
    empty: str, tmp_path: Path
) -> None:
    last = FILES[-1].read_text()
    psql(empty, FILES[:-1])
    before = outline(empty)
    broken = tmp_path / "broken.sql"
    broken.write_text(last.replace("\nCOMMIT;\n", "\nSELECT 1 / 0;\n\nCOMMIT;\n"))
    command = [str(PSQL), "-X", "-q", "-d", empty, "-f", str(broken)]
    subprocess.run(command, capture_output=True, check=True)  # noqa: S603  (fixed arguments)
    assert outline(empty) == before
