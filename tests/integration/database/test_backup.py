"""A backup by pg_dump, restored into an empty database, is the same feed."""

from __future__ import annotations

import secrets
import subprocess
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from local.migrate import migrate
from local.services.pgwheel import PSQL, VERSION
from tests.integration.database.clients import call, operator

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database, PostgresServer

VIEWER = UUID(int=7)
TABLES = (
    "SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relkind = 'r' AND n.nspname IN ('public', 'vroom_private') ORDER BY 1"
)


def contents(url: str) -> dict[str, tuple[int, str]]:
    """The rows of each table: how many, and a hash of them all."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        names = [row["name"] for row in connection.execute(TABLES).fetchall()]
        found = {}
        for name in names:
            row: dict[str, Any] | None = connection.execute(
                sql.SQL(
                    "SELECT count(*) AS rows,"
                    " md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) AS hash FROM {} t"
                ).format(sql.SQL(name))
            ).fetchone()
            assert row is not None
            found[name] = (row["rows"], row["hash"])
        return found


def test_a_restored_database_is_the_same_feed_and_goes_on(
    postgres: PostgresServer, database: Database, tmp_path: Path
) -> None:
    with operator(database.admin_url) as connection:
        if connection.info.server_version // 10_000 < VERSION:
            pytest.skip(f"pg_restore {VERSION} writes settings that older servers do not know")
        connection.execute(
            "INSERT INTO posts (creator_id, mux_ready, mux_playback_id, mux_duration_ms, tags)"
            " SELECT md5((n % 9)::text)::uuid, true, 'p', 20000, ARRAY['t' || n % 5]"
            " FROM generate_series(1, 120) n"
        )
        connection.execute(
            "SELECT record_impression(%s, id) FROM (SELECT id FROM posts LIMIT 40) p", [VIEWER]
        )
        connection.execute("SELECT * FROM roll_up(10000)")
    file = tmp_path / "feed.dump"
    tools = PSQL.parent
    subprocess.run(  # noqa: S603  # fixed arguments
        [tools / "pg_dump", "-Fc", "-d", database.admin_url, "-f", file], check=True
    )
    name = f"vroom_test_restored_{secrets.token_hex(6)}"
    with psycopg.connect(postgres.admin_url, autocommit=True) as server:
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
        )
    try:
        url = postgres.url(name)
        subprocess.run(  # noqa: S603  # fixed arguments
            [tools / "pg_restore", "--exit-on-error", "-d", url, file], check=True
        )
        assert contents(url) == contents(database.admin_url)
        assert migrate(url) == []
        app = database.app_url.replace(f"/{database.name}", f"/{name}")
        # Row level security, grants and triggers came along, and numbers go on where they were.
        assert call(app, uuid4(), "SELECT * FROM user_post_impressions") == []
        assert len(call(app, VIEWER, "SELECT * FROM user_post_impressions")) == 40
        with operator(url) as connection:
            row = connection.execute(
                "INSERT INTO posts (creator_id, mux_ready, mux_playback_id)"
                " VALUES (gen_random_uuid(), true, 'p') RETURNING post_no"
            ).fetchone()
            page = connection.execute(
                "SELECT is_repeat FROM get_personalized_feed(%s, 50, NULL)", [VIEWER]
            ).fetchall()
        assert row == {"post_no": 121}
        assert len(page) == 50
        assert not any(post["is_repeat"] for post in page)
    finally:
        with psycopg.connect(postgres.admin_url, autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
