"""Applies db/migrations to a Postgres: `python -m local.migrate URL`.

yoyo keeps the books of what was applied. The files are plain SQL, forward only, each applied in
one transaction and as a whole, the way `psql -f` would.
"""

from __future__ import annotations

import base64
import hmac
import re
import sys
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import Migration, MigrationList, StepCollector, default_migration_table

from local.errors import StackError
from local.paths import MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ROLES = ("vroom_app", "vroom_webhook")
DEFAULT_PORT = 5432
# Any number, the same for all who migrate this schema.
MIGRATION_LOCK = 0x76726F6F6D


class WholeFile(Migration):  # type: ignore[misc]  # yoyo has no types
    """A migration whose file is sent in one piece.

    yoyo itself splits a file into statements with a parser that doesn't know all of PL/pgSQL.
    """

    def load(self) -> None:
        """Reads the file as the migration's only step."""
        if self.loaded:
            return
        with open(self.path, encoding="utf-8") as file:  # noqa: PTH123  (yoyo keeps paths as text)
            self.source = without_transaction(file.read())
        collector = StepCollector(migration=self)
        collector.add_step(self.source)
        self._depends: set[Migration] = set()
        self.steps = collector.create_steps(use_transactions=True)


def without_transaction(text: str) -> str:
    """Return a file's text without the BEGIN and COMMIT around it.

    They make `psql -f` apply all of a file or nothing. The tool has a transaction of its own, in
    which it also notes that the file was applied.
    """
    return re.sub(r"\ABEGIN;\n|^COMMIT;\s*\Z", "", text, flags=re.MULTILINE)


def migrate(url: str, folder: Path = MIGRATIONS) -> list[str]:
    """Applies the migrations that a database lacks, in the order of their names.

    Several at once are safe: one works, the others wait and then find nothing to do.

    Args:
        url: a libpq URL (`postgresql://…`, query parameters included) of the schema's owner.
        folder: the folder of `*.sql` files.

    Returns:
        The names of the files applied now, without `.sql`.

    Raises:
        psycopg.Error: no connection, or a migration failed; what it did is rolled back.
        StackError: the URL can't be read.
    """
    uri = _yoyo_uri(url)
    files = sorted(folder.glob("*.sql"))
    migrations = MigrationList([WholeFile(file.stem, str(file), str(folder)) for file in files])
    with psycopg.connect(url, autocommit=True) as guard:
        # Unlike yoyo's own lock, this one can't be left behind by a process that died.
        guard.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        with PostgresqlPsycopgBackend(uri, default_migration_table) as backend:
            backend.init_database()
            pending = list(backend.to_apply(migrations))
            for migration in pending:
                backend.apply_one(migration)
    return [str(migration.id) for migration in pending]


def derived_passwords(admin_url: str) -> dict[str, str] | None:
    """Passwords for the functions' roles that all who hold this URL's password derive alike.

    Roles belong to the server: stacks that each drew passwords would lock one another out of it.

    Returns:
        Role to password; None where the URL has none to derive them from.

    Raises:
        psycopg.ProgrammingError: it is no Postgres URL.
    """
    given = conninfo_to_dict(admin_url)
    key = given.get("password")
    if not key:
        return None
    server = f"{given.get('host') or ''}:{given.get('port') or DEFAULT_PORT}"
    return {
        role: _url_safe(hmac.digest(str(key).encode(), f"{role}@{server}".encode(), "sha256"))
        for role in ROLES
    }


def prepare_roles(admin_url: str, passwords: Mapping[str, str]) -> dict[str, str]:
    """Lets the functions' roles, which the migrations make without LOGIN, connect.

    A role that already connects with its password is left alone: another stack may use it.

    Args:
        admin_url: the URL of one who may alter roles, to the migrated database.
        passwords: role to password, of `vroom_app` and `vroom_webhook`.

    Returns:
        Role to the URL with which it connects to the same database.

    Raises:
        psycopg.Error: no connection, no such role or no right to alter it.
    """
    urls = {role: with_user(admin_url, role, passwords[role]) for role in ROLES}
    with psycopg.connect(admin_url, autocommit=True) as connection:
        for role in ROLES:
            if _connects(urls[role]):
                continue
            # Only the hash travels, so that no log of the server can hold the password.
            verifier = connection.pgconn.encrypt_password(
                passwords[role].encode(), role.encode(), b"scram-sha-256"
            )
            connection.execute(
                sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(role), sql.Literal(verifier.decode())
                )
            )
    return urls


def with_user(url: str, user: str, password: str) -> str:
    """The same URL for another user; hosts, ports, database and other parameters stay."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2]
    kept = [(k, v) for k, v in parse_qsl(parts.query) if k not in {"user", "password"}]
    netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{hosts}"
    return urlunsplit(parts._replace(netloc=netloc, query=urlencode(kept, quote_via=quote)))


def _connects(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def _url_safe(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _yoyo_uri(url: str) -> DatabaseURI:
    try:
        arguments = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # libpq's text repeats the URL, password and all.
        raise StackError("This is no Postgres URL.") from None
    database = arguments.pop("dbname", None)
    return DatabaseURI("postgresql+psycopg", None, None, None, None, database, arguments)


def main(arguments: list[str]) -> int:
    """Migrates the database whose URL is the only argument; returns the exit status."""
    if len(arguments) != 1 or not arguments[0]:
        print("Usage: python -m local.migrate postgresql://…", file=sys.stderr)
        return 2
    try:
        applied = migrate(arguments[0])
    except (psycopg.Error, StackError) as error:
        print(f"Not migrated: {error}", file=sys.stderr)
        return 1
    for name in applied:
        print(f"applied {name}")
    print(f"{len(applied)} migrations applied" if applied else "nothing to do")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
