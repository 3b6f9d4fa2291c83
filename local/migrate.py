"""Apply db/migrations to a Postgres: `python -m local.migrate URL [KIND]`.

The files are plain SQL and forward only. Each is applied as a whole in one transaction, as
`psql -f` would apply it. The table `vroom_migrations` notes which files were applied.

A server has a kind: `both`, `catalogue` or `viewers` (docs/scaling.md). The second word of a file's
name says to which kind it belongs.
"""

from __future__ import annotations

import base64
import hmac
import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from local.errors import StackError
from local.paths import MIGRATIONS
from local.verifiers import is_verifier_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ROLES = ("vroom_app", "vroom_webhook")
DEFAULT_PORT = 5432
# Any number, the same for all who migrate this schema.
MIGRATION_LOCK = 0x76726F6F6D

_BOOKKEEPING = """
SET LOCAL client_min_messages = warning;
CREATE TABLE IF NOT EXISTS public.vroom_migrations (
  name text PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE public.vroom_migrations ENABLE ROW LEVEL SECURITY;
REVOKE ALL ON public.vroom_migrations FROM PUBLIC;
"""
_MAY_LOG_IN = """
SELECT rolcanlogin, rolcanlogin AND has_table_privilege('pg_catalog.pg_authid', 'SELECT')
FROM pg_catalog.pg_roles WHERE rolname = %s
"""
_VERIFIER = "SELECT rolpassword FROM pg_catalog.pg_authid WHERE rolname = %s"
_KINDS = ("both", "catalogue", "viewers")
_HAS_KIND = "SELECT to_regclass('vroom_private.server') IS NOT NULL"
_KIND = "SELECT kind FROM vroom_private.server"
_SET_KIND = "SELECT set_config('vroom.kind', %s, true)"
_KNOWN = "SELECT true FROM public.vroom_migrations WHERE name = %s"
_NOTE = "INSERT INTO public.vroom_migrations (name) VALUES (%s)"


def without_transaction(text: str) -> str:
    """Return a file's text without the BEGIN and COMMIT around it.

    They make `psql -f` apply all of a file or nothing. The tool has a transaction of its own, in
    which it also notes that the file was applied.
    """
    return re.sub(r"\ABEGIN;\n|^COMMIT;\s*\Z", "", text, flags=re.MULTILINE)


def belongs(name: str, kind: str) -> bool:
    """Tell whether a file, by its name without `.sql`, belongs to a kind of server."""
    return kind == "both" or name.split("_")[1] in {"both", kind}


def migrate(url: str, folder: Path = MIGRATIONS, kind: str | None = None) -> list[str]:
    """Apply the migrations that a database lacks, in the order of their names.

    Several runs at once are safe: each file is applied by one of them. Nothing outlives a run on
    the server's connection, so that a pooler may stand in between.

    Args:
        url: A libpq URL (`postgresql://…`, query parameters included) of the schema's owner.
        folder: The folder of `*.sql` files.
        kind: The kind of server; None is the kind that the server has, and `both` for a new one.

    Returns:
        The names of the files that this run applied, without `.sql`.

    Raises:
        psycopg.Error: There is no connection, or a migration failed. What it did is rolled back;
            the files before it stay applied.
        StackError: The URL cannot be read, there is no such kind, or the server has another one.
    """
    if kind is not None and kind not in _KINDS:
        raise StackError(f"KIND={kind} is none of {', '.join(_KINDS)}.")
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # libpq's text repeats the URL, password and all.
        raise StackError("This is no Postgres URL.") from None
    # No statement is prepared: behind a pooler the next one may meet another server connection.
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        with _locked(connection):
            kind = _chosen_kind(connection, kind)
            connection.execute(_BOOKKEEPING)
        files = [file for file in sorted(folder.glob("*.sql")) if belongs(file.stem, kind)]
        return [file.stem for file in files if _apply_once(connection, file, kind)]


def _chosen_kind(connection: psycopg.Connection, wanted: str | None) -> str:
    """Return the kind of the server, which stays what it was.

    Raises:
        StackError: Another kind is wanted than the server has.
    """
    row = connection.execute(_HAS_KIND).fetchone()
    found = connection.execute(_KIND).fetchone() if row is not None and row[0] else None
    has = str(found[0]) if found is not None else None
    if has is not None and wanted is not None and has != wanted:
        raise StackError(f"This is a server of kind {has}, and KIND={wanted} was asked for.")
    return has or wanted or "both"


def _apply_once(connection: psycopg.Connection, file: Path, kind: str) -> bool:
    """Apply one file in one transaction, as a whole. Return whether it was still to be applied."""
    with _locked(connection):
        connection.execute(_SET_KIND, [kind])
        if connection.execute(_KNOWN, [file.stem]).fetchone():
            return False
        # Without parameters, psycopg sends the text as it is: nothing splits or reads it.
        connection.execute(without_transaction(file.read_text(encoding="utf-8")).encode())
        connection.execute(_NOTE, [file.stem])
    return True


@contextmanager
def _locked(connection: psycopg.Connection) -> Iterator[None]:
    """Hold a transaction in which no other run migrates."""
    with connection.transaction():
        # A lock of the session would stay behind on a pooler's connection.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
        yield


def derived_passwords(admin_url: str) -> dict[str, str] | None:
    """Derive passwords of the functions' roles from the password in a URL.

    Roles belong to the server. Stacks that each drew their own passwords would lock one another
    out; all who hold the same URL derive the same passwords.

    Returns:
        The role's name to its password. None where the URL has no password.

    Raises:
        psycopg.ProgrammingError: This is no Postgres URL.
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
    """Let the functions' roles connect. The migrations make them without LOGIN.

    A role that already connects with its password is left alone, because another stack may use it.

    Args:
        admin_url: The URL of the migrated database, as somebody who may alter roles.
        passwords: The role's name to its password, of `vroom_app` and `vroom_webhook`.

    Returns:
        The role's name to the URL with which it connects to the same database.

    Raises:
        psycopg.Error: There is no connection, no such role or no right to alter it.
    """
    urls = {role: with_user(admin_url, role, passwords[role]) for role in ROLES}
    with psycopg.connect(admin_url, autocommit=True) as connection:
        for role in ROLES:
            if _knows(connection, role, passwords[role], urls[role]):
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
    """Return the same URL for another user. Hosts, ports, database and other parameters stay."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2]
    kept = [(k, v) for k, v in parse_qsl(parts.query) if k not in {"user", "password"}]
    netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{hosts}"
    return urlunsplit(parts._replace(netloc=netloc, query=urlencode(kept, quote_via=quote)))


def _knows(connection: psycopg.Connection, role: str, password: str, url: str) -> bool:
    """Tell whether a role may log in with a password.

    A failed attempt is a line in the server's log. So it is tried only where the role may log in
    and the server does not let us read its verifier.
    """
    row = connection.execute(_MAY_LOG_IN, [role]).fetchone()
    may_log_in, readable = row or (False, False)
    if not may_log_in:
        return False
    if readable:
        row = connection.execute(_VERIFIER, [role]).fetchone()
        return row is not None and is_verifier_of(str(row[0]), password)
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def _url_safe(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def main(arguments: list[str]) -> int:
    """Migrate the database of a URL, and of a kind if one is given. Return the exit status."""
    if len(arguments) not in {1, 2} or not arguments[0]:
        print("Usage: python -m local.migrate postgresql://… [KIND]", file=sys.stderr)
        return 2
    try:
        applied = migrate(arguments[0], kind=arguments[1] if arguments[1:] else None)
    except (psycopg.Error, StackError) as error:
        print(f"Not migrated: {error}", file=sys.stderr)
        return 1
    for name in applied:
        print(f"applied {name}")
    print(f"{len(applied)} migrations applied" if applied else "nothing to do")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
