"""What each server does for its connection: publish, let the other one read, subscribe.

Every step looks at what is there and does what is missing. It returns whether it did anything.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from ops.cells.servers import GROUP, CellsError, identifier

if TYPE_CHECKING:
    from ops.cells.servers import Server

_PATIENCE_S: Final = 600.0
_LOOK_S: Final = 0.1


def publish(server: Server, publication: str, *, only_new_rows: bool) -> bool:
    """Publish the tables that a server of this kind publishes.

    Args:
        server: The server that publishes.
        publication: Its name.
        only_new_rows: Whether rows that are changed or deleted are of no interest to the other.
    """
    wanted = tables_of(server)
    names = sql.SQL(", ").join(map(identifier, wanted))
    name = sql.Identifier(publication)
    if server.one("SELECT true FROM pg_publication WHERE pubname = %s", publication) is None:
        what = "insert" if only_new_rows else "insert, update, delete, truncate"
        server.connection.execute(
            sql.SQL("CREATE PUBLICATION {} FOR TABLE {} WITH (publish = {})").format(
                name, names, sql.Literal(what)
            )
        )
        return True
    published = server.column(
        "SELECT schemaname || '.' || tablename FROM pg_publication_tables WHERE pubname = %s",
        publication,
    )
    if set(published) == set(wanted):
        return False
    # A release has added a table.
    server.connection.execute(sql.SQL("ALTER PUBLICATION {} SET TABLE {}").format(name, names))
    return True


def let_read(server: Server) -> bool:
    """Let the group of the replicating roles read what is published, and nothing else."""
    done = False
    group = sql.Identifier(GROUP)
    if server.one("SELECT true FROM pg_roles WHERE rolname = %s", GROUP) is None:
        server.connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(group))
        done = True
    for schema in ("public", "vroom_private"):
        server.connection.execute(
            sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(schema), group)
        )
    for table in tables_of(server):
        server.connection.execute(
            sql.SQL("GRANT SELECT ON {} TO {}").format(identifier(table), group)
        )
        # Without a policy of its own, row level security would hide rows from the first copy.
        known = "SELECT true FROM pg_policy WHERE polname = 'replicate' AND polrelid = %s::regclass"
        if server.one(known, table) is None:
            server.connection.execute(
                sql.SQL("CREATE POLICY replicate ON {} FOR SELECT TO {} USING (true)").format(
                    identifier(table), group
                )
            )
            done = True
    return done


def draw_password(server: Server, role: str) -> str:
    """Make the role with which the other server connects, or give it a new password.

    Returns:
        The password. Only the other server's subscription keeps it.
    """
    password = secrets.token_urlsafe(32)
    connection = server.connection
    # Only the hash travels, so that no log of the server can hold the password.
    verifier = connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    ).decode()
    name = sql.Identifier(role)
    if server.one("SELECT true FROM pg_roles WHERE rolname = %s", role) is None:
        # On Amazon RDS the right to replicate is a role and no attribute.
        managed = server.one("SELECT true FROM pg_roles WHERE rolname = 'rds_replication'")
        attribute = sql.SQL("") if managed else sql.SQL("REPLICATION")
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN {}").format(name, attribute))
        if managed:
            connection.execute(sql.SQL("GRANT rds_replication TO {}").format(name))
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(verifier)))
    connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(GROUP), name))
    return password


def keep_slot(server: Server, slot: str) -> bool:
    """Make the slot that keeps what the other server has not got yet."""
    if has_slot(server, slot):
        return False
    server.one("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", slot)
    return True


def has_slot(server: Server, slot: str) -> bool:
    """Tell whether a server has a slot."""
    found = "SELECT true FROM pg_replication_slots WHERE slot_name = %s"
    return server.one(found, slot) is not None


def is_subscribed(server: Server, subscription: str) -> bool:
    """Tell whether a server has a subscription."""
    found = (
        "SELECT true FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid"
        " WHERE s.subname = %s AND d.datname = current_database()"
    )
    return server.one(found, subscription) is not None


def subscribe(server: Server, subscription: str, address: str, publication: str, slot: str) -> None:
    """Subscribe to what the other server publishes. Its present rows are copied first."""
    _keep_out_of_the_log(server)
    server.connection.execute(
        sql.SQL(
            "CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION {}"
            " WITH (create_slot = false, slot_name = {}, copy_data = true)"
        ).format(
            sql.Identifier(subscription),
            sql.Literal(address),
            sql.Identifier(publication),
            sql.Literal(slot),
        )
    )


def follows_address(server: Server, subscription: str, other: Server) -> bool:
    """Tell whether a subscription knows the present address of the other server.

    Only a superuser can read that address. For everybody else it counts as known.
    """
    try:
        known = server.one(
            "SELECT s.subconninfo FROM pg_subscription s"
            " JOIN pg_database d ON d.oid = s.subdbid AND d.datname = current_database()"
            " WHERE s.subname = %s",
            subscription,
        )
    except psycopg.errors.InsufficientPrivilege:
        return True
    found, wanted = conninfo_to_dict(known), conninfo_to_dict(other.address("", ""))
    return all(found.get(name) == wanted.get(name) for name in ("host", "port", "dbname"))


def change_address(server: Server, subscription: str, address: str) -> None:
    """Let a subscription follow the other server to a new address."""
    _keep_out_of_the_log(server)
    server.connection.execute(
        sql.SQL("ALTER SUBSCRIPTION {} CONNECTION {}").format(
            sql.Identifier(subscription), sql.Literal(address)
        )
    )


def _keep_out_of_the_log(server: Server) -> None:
    """Keep a statement with a password out of the server's log. Only a superuser may do this."""
    if server.one("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        server.connection.execute("SET log_statement = 'none'")


def refresh(server: Server, subscription: str) -> None:
    """Let a subscription follow a publication that has got more tables."""
    server.connection.execute(
        sql.SQL("ALTER SUBSCRIPTION {} REFRESH PUBLICATION").format(sql.Identifier(subscription))
    )


def wait_for_copies(server: Server, subscription: str) -> None:
    """Wait until the present rows of every table are copied.

    Raises:
        CellsError: It took longer than ten minutes. A further run goes on waiting.
    """
    waiting: LiteralString = (
        "SELECT count(*), count(*) FILTER (WHERE r.srsubstate <> 'r')"
        " FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid"
        " WHERE s.subname = %s"
        " AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        row = server.connection.execute(waiting, [subscription]).fetchone()
        if row is not None and row[0] > 0 and row[1] == 0:
            return
        if time.monotonic() > deadline:
            raise CellsError(
                f"The copy of {subscription} is not complete: the server's log says why."
                " Run this again once it is."
            )
        time.sleep(_LOOK_S)


def drop_subscription(server: Server, subscription: str) -> None:
    """Drop a subscription, and leave its slot to the other server."""
    if not is_subscribed(server, subscription):
        return
    name = sql.Identifier(subscription)
    server.connection.execute(sql.SQL("ALTER SUBSCRIPTION {} DISABLE").format(name))
    server.connection.execute(sql.SQL("ALTER SUBSCRIPTION {} SET (slot_name = NONE)").format(name))
    server.connection.execute(sql.SQL("DROP SUBSCRIPTION {}").format(name))


def drop_slot(server: Server, slot: str) -> None:
    """Drop a slot, whoever still reads it."""
    deadline = time.monotonic() + _PATIENCE_S
    while has_slot(server, slot):
        server.one(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots"
            " WHERE slot_name = %s AND active_pid IS NOT NULL",
            slot,
        )
        try:
            server.one("SELECT pg_drop_replication_slot(%s)", slot)
        except psycopg.errors.ObjectInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_S)


def tables_of(server: Server) -> list[str]:
    """Return the tables that a server of this kind publishes, with their schemas."""
    found: list[str] = server.one("SELECT vroom_private.published_tables(%s)", server.kind)
    return found


def drop_role(server: Server, role: str) -> None:
    """Drop a role with which another server connected."""
    if server.one("SELECT true FROM pg_roles WHERE rolname = %s", role):
        server.connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
