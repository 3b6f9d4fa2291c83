"""Servers whose administrator is no superuser, as those of RDS and Supabase are.

Roles belong to a whole server, so these tests run one of their own.
"""

import secrets
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg.types.json import Jsonb

from local.migrate import migrate, prepare_roles, with_user
from local.services.postgres import PostgresInstance, embedded_postgres
from tests.integration.database.clients import call, claiming, claims_of, operator

ADMIN_PASSWORD = secrets.token_urlsafe(16)
PASSWORDS = {role: secrets.token_urlsafe(16) for role in ("vroom_app", "vroom_webhook")}
VIEWER = uuid.uuid4()

# What Supabase has before any migration runs, as far as it matters here.
PLATFORM: LiteralString = """
  CREATE ROLE anon NOLOGIN;
  CREATE ROLE authenticated NOLOGIN;
  CREATE SCHEMA auth;
  GRANT USAGE ON SCHEMA auth TO admin, anon, authenticated;
  CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT coalesce(
      nullif(current_setting('request.jwt.claim.sub', true), ''),
      nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
    )::uuid
  $$;
  GRANT USAGE ON SCHEMA public TO anon, authenticated;
  ALTER DEFAULT PRIVILEGES FOR ROLE admin IN SCHEMA public
    GRANT ALL ON TABLES TO anon, authenticated;
  ALTER DEFAULT PRIVILEGES FOR ROLE admin IN SCHEMA public
    GRANT ALL ON FUNCTIONS TO anon, authenticated;
  ALTER DEFAULT PRIVILEGES FOR ROLE admin IN SCHEMA public
    GRANT ALL ON SEQUENCES TO anon, authenticated;
"""

POST = (
    "INSERT INTO posts (id, creator_id, mux_ready, mux_playback_id, mux_duration_ms)"
    " VALUES (gen_random_uuid(), gen_random_uuid(), true, 'p', 20000) RETURNING id"
)


@pytest.fixture(scope="module")
def server(scratch: Path) -> Iterator[PostgresInstance]:
    with embedded_postgres(scratch / "managed", durable=False) as instance:
        with psycopg.connect(instance.admin_url, autocommit=True) as connection:
            connection.execute(
                "CREATE ROLE admin LOGIN NOSUPERUSER NOBYPASSRLS CREATEROLE CREATEDB PASSWORD "
                + psycopg.sql.Literal(ADMIN_PASSWORD).as_string(connection)
            )
        yield instance


def migrated(server: PostgresInstance, name: str, before: LiteralString = "") -> dict[str, str]:
    """A database that its owner, no superuser, migrated: role to URL."""
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} OWNER admin TEMPLATE template0")
    if before:
        with psycopg.connect(server.url(name), autocommit=True) as connection:
            connection.execute(before)
    admin_url = with_user(server.url(name), "admin", ADMIN_PASSWORD)
    migrate(admin_url)
    return prepare_roles(admin_url, PASSWORDS) | {"admin": admin_url}


@pytest.fixture(scope="module")
def plain(server: PostgresInstance) -> dict[str, str]:
    """As on RDS: nothing there but the owner."""
    return migrated(server, "plain")


@pytest.fixture(scope="module")
def platform(server: PostgresInstance, plain: dict[str, str]) -> dict[str, str]:
    """As on Supabase; after `plain`, which makes the roles."""
    assert plain
    return migrated(server, "platform", PLATFORM)


@pytest.fixture(params=["plain", "platform"])
def urls(request: pytest.FixtureRequest) -> dict[str, str]:
    found: dict[str, str] = request.getfixturevalue(request.param)
    return found


def test_an_owner_who_is_no_superuser_can_migrate_and_migrate_again(urls: dict[str, str]) -> None:
    assert migrate(urls["admin"]) == []
    with operator(urls["admin"]) as connection:
        owners = connection.execute(
            "SELECT DISTINCT relowner::regrole::text AS owner FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace"
        ).fetchall()
    assert owners == [{"owner": "admin"}]


def test_the_feed_and_its_records_work_there(urls: dict[str, str]) -> None:
    viewer, session = uuid.uuid4(), uuid.uuid4()
    with operator(urls["admin"]) as connection:
        row = connection.execute(POST).fetchone()
        assert row is not None
        shown = connection.execute(
            "SELECT post_id FROM get_personalized_feed(%s, 12, NULL)", [viewer]
        ).fetchall()
    assert {"post_id": row["id"]} in shown
    app = urls["vroom_app"]
    posts = call(app, viewer, "SELECT * FROM feed_candidates(%s, %s, 24, 12)", [viewer, session])
    assert row["id"] in {post["post_id"] for post in posts}
    (page,) = call(
        app,
        viewer,
        "SELECT status FROM commit_page(%s, %s, 0, 0, %s, '[]', %s, '{}', "
        """'{"page_size": 1, "elapsed_ms": 1, "cache_hit": false, "stale_cursor": false}'::jsonb"""
        " || jsonb_build_object('request_id', gen_random_uuid()))",
        [viewer, session, [row["id"]], [row["id"]]],
    )
    assert page == {"status": "committed"}
    recorded = call(
        app, viewer, "SELECT record_impression(%s, %s) AS recorded", [viewer, row["id"]]
    )
    assert recorded == [{"recorded": True}]
    assert len(call(app, viewer, "SELECT * FROM user_post_impressions")) == 1
    assert call(app, viewer, "SELECT cache_hits, total_requests FROM feed_stats") == [
        {"cache_hits": 0, "total_requests": 1}
    ]
    assert call(app, uuid.uuid4(), "SELECT * FROM user_post_impressions") == []


def test_the_functions_roles_may_not_idle_in_a_transaction_for_long(urls: dict[str, str]) -> None:
    for role in ("vroom_app", "vroom_webhook"):
        with operator(urls[role]) as connection:
            row = connection.execute("SHOW idle_in_transaction_session_timeout").fetchone()
        assert row == {"idle_in_transaction_session_timeout": "1min"}
    with operator(urls["admin"]) as connection:
        row = connection.execute("SELECT age_s FROM oldest_snapshot()").fetchone()
    # This owner may not see the sessions of others, and says nothing rather than a wrong age.
    assert row == {"age_s": None}


def test_row_level_security_binds_the_functions_role_there(urls: dict[str, str]) -> None:
    with (
        claiming(urls["vroom_app"], claims_of(VIEWER)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("INSERT INTO follows VALUES (%s, %s)", [uuid.uuid4(), VIEWER])


def test_an_upload_can_be_begun_and_settled_there(urls: dict[str, str]) -> None:
    viewer, post = uuid.uuid4(), uuid.uuid4()
    begun = call(
        urls["vroom_app"],
        viewer,
        "SELECT outcome FROM begin_upload(%s, %s, '', '{}', 1, 1000, '1080p', 180000, 60, 5)",
        [viewer, post],
    )
    assert begun == [{"outcome": "new"}]
    with operator(urls["vroom_webhook"]) as connection:
        facts = {"post_id": str(post), "upload_id": post.hex, "upload_status": "errored"}
        row = connection.execute(
            "SELECT receive_mux_facts('event-' || %s, 'video.upload.errored', %s, '', false) ->>"
            " 'state' AS state",
            [post.hex, Jsonb(facts)],
        ).fetchone()
    assert row == {"state": "failed"}


def test_a_platforms_roles_can_empty_no_table_and_move_no_sequence(
    platform: dict[str, str], server: PostgresInstance
) -> None:
    rights = ["TRUNCATE", "REFERENCES", "TRIGGER"]
    with operator(server.url("platform")) as connection:
        if connection.info.server_version >= 17_00_00:
            rights.append("MAINTAIN")
        tables = connection.execute(
            "SELECT c.relname, role, r.name FROM pg_class c,"
            " unnest(ARRAY['anon', 'authenticated', 'vroom_app', 'vroom_webhook']) role,"
            " unnest(%s::text[]) r(name)"
            " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
            " AND has_table_privilege(role, c.oid, r.name)",
            [rights],
        ).fetchall()
        sequences = connection.execute(
            "SELECT c.relname, role FROM pg_class c,"
            " unnest(ARRAY['anon', 'authenticated', 'vroom_app', 'vroom_webhook']) role"
            " WHERE c.relkind = 'S' AND c.relnamespace = 'public'::regnamespace"
            " AND (has_sequence_privilege(role, c.oid, 'USAGE')"
            "      OR has_sequence_privilege(role, c.oid, 'UPDATE'))"
        ).fetchall()
    assert (tables, sequences, bool(platform)) == ([], [], True)


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_a_platforms_roles_change_nothing_of_what_is_shared(
    platform: dict[str, str], server: PostgresInstance, role: str
) -> None:
    statements: list[LiteralString] = [
        "TRUNCATE user_post_impressions",
        "SELECT setval('posts_post_no_seq', 1)",
        "SELECT roll_up(10000)",
        "SELECT prune(10000, '-30 days')",
        "INSERT INTO feed_settings DEFAULT VALUES",
        "INSERT INTO engagement_queue (creator_id) VALUES (gen_random_uuid())",
        "INSERT INTO viewer_allowance VALUES (gen_random_uuid(), 1000000, now())",
    ]
    for statement in statements:
        with claiming(server.url("platform"), claims_of(VIEWER)) as connection:
            connection.execute("SELECT set_config('role', %s, true)", [role])
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
    harmless: list[LiteralString] = [
        "UPDATE feed_settings SET cooldown = interval '1 day'",
        "DELETE FROM erasures",
        "DELETE FROM upkeep_locks",
        "UPDATE viewer_allowance SET events = 1000000",
    ]
    for statement in harmless:  # their policies show these roles no row
        with claiming(server.url("platform"), claims_of(VIEWER)) as connection:
            connection.execute("SELECT set_config('role', %s, true)", [role])
            assert connection.execute(statement).rowcount == 0
    assert platform


def test_a_platforms_own_auth_uid_stays_and_its_default_grants_open_no_function(
    platform: dict[str, str], server: PostgresInstance
) -> None:
    with operator(server.url("platform")) as connection:
        owner = connection.execute(
            "SELECT proowner::regrole::text AS owner FROM pg_proc WHERE oid = 'auth.uid'::regproc"
        ).fetchone()
        # What the platform grants by default, to clients without our functions in between.
        opened = connection.execute(
            "SELECT r.role, f.oid::regprocedure::text AS function"
            " FROM pg_proc f, unnest(ARRAY['anon', 'authenticated']) r(role)"
            " WHERE f.prosecdef AND f.pronamespace = 'public'::regnamespace"
            " AND has_function_privilege(r.role, f.oid, 'EXECUTE') ORDER BY 1, 2"
        ).fetchall()
    assert platform
    assert owner == {"owner": "postgres"}
    assert opened == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE posts SET mux_playback_id = 'x' RETURNING 1",
        "UPDATE posts SET visibility = 'public' RETURNING 1",
        "UPDATE post_stats SET hot_score = 1e9 RETURNING 1",
        "UPDATE post_blocks SET eligible = 0::bit(1024) RETURNING 1",
        "UPDATE creator_quality SET rolling_watch_ratio = 1 RETURNING 1",
        "UPDATE feature_flags SET enabled = true RETURNING 1",
        "DELETE FROM posts RETURNING 1",
        "SELECT 1 FROM viewer_seen",
        "SELECT 1 FROM uploads",
        "SELECT 1 FROM mux_assets",
        "SELECT 1 FROM mux_sweep",
        "SELECT 1 FROM vroom_migrations",
    ],
)
def test_row_level_security_alone_holds_where_a_platform_grants_tables_to_everybody(
    platform: dict[str, str], server: PostgresInstance, statement: LiteralString
) -> None:
    with operator(platform["admin"]) as connection:
        connection.execute(POST)
        connection.execute("INSERT INTO feature_flags (name) VALUES ('f') ON CONFLICT DO NOTHING")
    for role in ("anon", "authenticated"):
        with claiming(server.url("platform"), claims_of(VIEWER)) as connection:
            connection.execute(f"SET LOCAL ROLE {role}")
            assert connection.execute(statement).fetchall() == []
