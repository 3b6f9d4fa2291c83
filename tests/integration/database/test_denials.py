from typing import LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from tests.conftest import Database
from tests.integration.database.clients import Connection, claiming, claims_of, operator
from tests.integration.database.policies import GRANTS, OWN_ROWS, SHARED_ROWS, OwnRows
from tests.integration.database.strangers import BROKEN, OTHER, STRANGERS, VICTIM


def touched(
    connection: Connection,
    statement: sql.SQL | sql.Composed,
    parameters: dict[str, UUID] | None = None,
) -> int:
    """How many rows a statement reads or changes; none where it is not permitted."""
    try:
        with connection.transaction():
            cursor = connection.execute(statement, parameters)
            return int(cursor.rowcount)
    except InsufficientPrivilege:
        return 0


def statements(own: OwnRows, where: LiteralString) -> dict[str, sql.Composed]:
    """Every command but INSERT, on the rows that `where` chooses."""
    texts: dict[str, LiteralString] = {
        "SELECT": "SELECT FROM {table} WHERE ",
        "UPDATE": "UPDATE {table} SET {change} WHERE ",
        "DELETE": "DELETE FROM {table} WHERE ",
    }
    names = {
        "table": sql.Identifier(own.table),
        "owner": sql.Identifier(own.owner),
        "change": sql.SQL(own.change),
    }
    return {command: sql.SQL(text + where).format(**names) for command, text in texts.items()}


def test_every_policy_has_its_denial_tests(filled: Database) -> None:
    with operator(filled.admin_url) as connection:
        found = connection.execute(
            "SELECT policyname, tablename FROM pg_policies WHERE schemaname = 'public'"
        ).fetchall()
    names = {row["policyname"] for row in found}
    assert names == OWN_ROWS.keys() | SHARED_ROWS
    tables = {row["policyname"]: row["tablename"] for row in found}
    assert {name: own.table for name, own in OWN_ROWS.items()}.items() <= tables.items()


@pytest.mark.parametrize("role", GRANTS)
def test_the_functions_roles_have_exactly_the_listed_grants(filled: Database, role: str) -> None:
    with operator(filled.admin_url) as connection:
        rows = connection.execute(
            "SELECT c.relname AS name, array_agg(p.name) AS privileges FROM pg_class c,"
            " unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES',"
            " 'TRIGGER']) p(name) WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')"
            " AND c.relnamespace IN ('public'::regnamespace, 'vroom_private'::regnamespace)"
            " AND has_table_privilege(%s, c.oid, p.name) GROUP BY c.relname",
            [role],
        ).fetchall()
        columns = connection.execute(
            "SELECT attrelid::regclass, attname FROM pg_attribute WHERE attacl IS NOT NULL"
            " AND attrelid IN (SELECT oid FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace)"
        ).fetchall()
    assert {row["name"]: frozenset(row["privileges"]) for row in rows} == GRANTS[role]
    assert columns == []


@pytest.mark.parametrize("policy", OWN_ROWS)
def test_a_viewer_may_do_to_their_own_rows_what_is_granted_and_no_more(
    filled: Database, policy: str
) -> None:
    own = OWN_ROWS[policy]
    commands = statements(own, "{owner} = %(owner)s") | {"INSERT": sql.SQL(own.insert)}
    with claiming(filled.app_url, claims_of(VICTIM)) as connection:
        done = {
            command
            for command, statement in commands.items()
            if touched(connection, statement, {"owner": VICTIM}) > 0
        }
    assert done == own.allowed


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("policy", OWN_ROWS)
def test_nobody_else_reads_adds_changes_or_removes_a_viewers_rows(
    filled: Database, policy: str, stranger: str
) -> None:
    own = OWN_ROWS[policy]
    with claiming(filled.app_url, STRANGERS[stranger]) as connection:
        assert touched(connection, sql.SQL(own.insert), {"owner": VICTIM}) == 0
        # Without a filter too: the policy alone must hide the rows.
        for where in ("{owner} = %(owner)s", "true"):
            for command, statement in statements(own, where).items():
                assert touched(connection, statement, {"owner": VICTIM}) == 0, (command, where)


@pytest.mark.parametrize(
    "policy", [name for name, own in OWN_ROWS.items() if "INSERT" in own.allowed]
)
def test_a_row_cannot_be_added_in_anothers_name_nor_handed_over(
    filled: Database, policy: str
) -> None:
    own = OWN_ROWS[policy]
    with claiming(filled.app_url, claims_of(OTHER)) as connection:
        with pytest.raises(InsufficientPrivilege), connection.transaction():
            connection.execute(own.insert, {"owner": VICTIM})
        connection.execute(own.insert, {"owner": OTHER})
        hand_over = sql.SQL("UPDATE {} SET {} = %s").format(
            sql.Identifier(own.table), sql.Identifier(own.owner)
        )
        with pytest.raises(InsufficientPrivilege):
            connection.execute(hand_over, [VICTIM])


@pytest.mark.parametrize("claims", BROKEN)
@pytest.mark.parametrize("policy", [*OWN_ROWS, "read_showable_and_own_posts"])
def test_broken_claims_end_in_an_error_and_not_in_rows(
    filled: Database, policy: str, claims: str
) -> None:
    table = OWN_ROWS[policy].table if policy in OWN_ROWS else "posts"
    with (
        claiming(filled.app_url, BROKEN[claims]) as connection,
        pytest.raises(psycopg.errors.InvalidTextRepresentation),
    ):
        connection.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier(table)))


@pytest.mark.parametrize("stranger", STRANGERS)
def test_read_showable_and_own_posts_hides_what_is_not_shown_to_everybody(
    filled: Database, stranger: str
) -> None:
    with claiming(filled.app_url, STRANGERS[stranger]) as connection:
        seen = connection.execute(
            "SELECT visibility, mux_ready, mux_playback_id FROM posts"
        ).fetchall()
    shown = [{"visibility": "public", "mux_ready": True, "mux_playback_id": "p"}]
    assert seen == (shown if stranger.startswith("another viewer") else [])


def test_read_showable_and_own_posts_shows_creators_all_of_their_own(filled: Database) -> None:
    with claiming(filled.app_url, claims_of(VICTIM)) as connection:
        assert touched(connection, sql.SQL("SELECT FROM posts")) == 6


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("creator_quality", 1),
        ("feature_flags", 1),
        ("watch_norms", 1),
        ("heat_mix", 1),
        ("feed_stats", 0),
    ],
)
@pytest.mark.parametrize("stranger", STRANGERS)
def test_what_names_no_viewer_is_shown_to_all_and_feed_stats_none_of_others(
    filled: Database, stranger: str, table: str, rows: int
) -> None:
    select = sql.SQL("SELECT FROM {}").format(sql.Identifier(table))
    with claiming(filled.app_url, STRANGERS[stranger]) as connection:
        assert touched(connection, select) == rows
