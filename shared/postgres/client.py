"""The functions' way to Postgres.

A Lambda container has one thread and so one connection; the local tests have several threads, and
each has its own. Nothing is set on a connection beyond a transaction, so a pooler may share it.
"""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Never

import psycopg

from shared.errors import DatabaseUnavailableError
from shared.postgres import schema
from shared.postgres.breaker import Breaker
from shared.postgres.exchange import Link
from shared.postgres.faults import MISSING_OBJECTS, Fault, fault_of
from shared.postgres.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

_CONNECT_TIMEOUT_S: Final = 2  # libpq's smallest
_PATIENT_FROM_S: Final = (
    5.0  # budgets of scheduled work: it may wait, and takes long when all is well
)
# The server gives up a little earlier than this side, so that the connection survives.
_SERVER_SHARE: Final = 0.9
# Whoever shares the server connection may have left settings behind: pg_dump does. An empty
# request.jwt.claim.sub counts as none; Supabase's auth.uid() would read it before the claims.
_TRANSACTION: Final = (
    b"SELECT set_config('request.jwt.claims', %(claims)s, true),"
    b" set_config('request.jwt.claim.sub', '', true),"
    b" set_config('statement_timeout', %(timeout_ms)s, true),"
    b" set_config('search_path', 'public, pg_temp', true),"
    b" set_config('row_security', 'on', true)"
)


class Postgres:
    """Runs statements on one connection per thread, which is replaced when it is lost."""

    def __init__(
        self, url: str, *, check_schema: bool = False, breaker: Breaker | None = None
    ) -> None:
        """Keep the address; the first statement connects.

        Args:
            url: Of the server.
            check_schema: Whether the first answer must show that the database has the schema that
                this code needs.
            breaker: Keeps calls from waiting for a server that hangs.
        """
        self._url = url
        self._local = threading.local()
        self._unchecked = check_schema
        self._checks_schema = check_schema
        self._breaker = breaker or Breaker()

    def run(
        self,
        *statements: Statement,
        viewer: UUID | None,
        budget_s: float,
        optional: bool = False,
    ) -> list[list[Any]]:
        """Run statements in one transaction and one round trip.

        Every statement must be safe to run twice: after a lost connection all are sent once more,
        since nobody can tell whether they were committed.

        Args:
            statements: In order; later ones see what earlier ones wrote.
            viewer: Whose claims hold for the transaction; None for none.
            budget_s: Seconds for all of it, connecting aside.
            optional: Whether nobody waits for it. It gets less time than others, so that its
                running out of time says nothing to them.

        Returns:
            For each statement its rows.

        Raises:
            DatabaseUnavailableError: No answer within the budget, no connection, or a server that
                cannot serve. Also at once, while the server is known to hang.
            SchemaMismatchError: The database does not have the schema that this code needs.
            psycopg.Error: A statement is at fault.
        """
        patient = budget_s >= _PATIENT_FROM_S
        if not (patient or self._breaker.admits()):
            raise DatabaseUnavailableError from None
        begin = Statement(_TRANSACTION, _settings(viewer, budget_s))
        try:
            rows = self._run([begin, *statements], budget_s)
        except psycopg.Error as error:
            fault = fault_of(error)
            if fault is Fault.SLOW and not (patient or optional):
                self._breaker.timed_out()
            elif fault is not Fault.SLOW:
                self._breaker.answered()  # a refusal costs nobody any time
            if fault is Fault.STATEMENT:
                raise
            raise DatabaseUnavailableError from error
        self._breaker.answered()
        return rows[1:]

    def close(self) -> None:
        """Close this thread's connection, if there is one."""
        link: Link | None = getattr(self._local, "link", None)
        self._local.link = None
        if link is not None:
            link.close()

    def _run(self, statements: Sequence[Statement], budget_s: float) -> list[list[Any]]:
        """Send the statements: on the connection that was kept, or else on a new one."""
        link: Link | None = getattr(self._local, "link", None)
        if link is not None and link.usable:
            try:
                return self._exchange(link, statements, budget_s)
            except psycopg.Error as error:
                # An idle connection may have been cut, or lead to a server that was demoted.
                if fault_of(error) is not Fault.GONE:
                    raise
        self.close()
        self._local.link = link = Link(self._url, _CONNECT_TIMEOUT_S)
        return self._exchange(link, statements, budget_s)

    def _exchange(
        self, link: Link, statements: Sequence[Statement], budget_s: float
    ) -> list[list[Any]]:
        deadline = time.monotonic() + budget_s
        try:
            try:
                return self._checked(link, statements, deadline)
            except psycopg.Error as error:
                if fault_of(error) is not Fault.BUSY:
                    raise
                return self._checked(link, statements, deadline)
        except psycopg.Error as error:
            fault = fault_of(error)
            # A server that cancelled the statement itself has answered: its connection is whole.
            if fault is Fault.GONE or (fault is Fault.SLOW and error.sqlstate != "57014"):
                self.close()
            if error.sqlstate in MISSING_OBJECTS:
                self._unchecked = self._checks_schema
            raise

    def _checked(
        self, link: Link, statements: Sequence[Statement], deadline: float
    ) -> list[list[Any]]:
        """Send the statements; the first time ask for the schema's version along with them."""
        if not self._unchecked:
            return link.exchange(statements, deadline)
        begin, *rest = statements
        try:
            settings, ((version, oldest_code),), *rows = link.exchange(
                [begin, schema.READ_VERSION, *rest], deadline
            )
        except psycopg.Error as error:
            if error.sqlstate not in MISSING_OBJECTS:
                raise
            self._raise_what_is_missing(link, begin, deadline, error)
        schema.check(version, oldest_code)
        self._unchecked = False
        return [settings, *rows]

    def _raise_what_is_missing(
        self, link: Link, begin: Statement, deadline: float, cause: psycopg.Error
    ) -> Never:
        """Tell a schema that is behind from a statement that is wrong, by its version alone."""
        try:
            _, ((version, oldest_code),) = link.exchange([begin, schema.READ_VERSION], deadline)
        except psycopg.Error as error:
            if error.sqlstate not in MISSING_OBJECTS:
                raise
            raise schema.mismatch("the database has no schema of this feed: migrate it") from error
        schema.check(version, oldest_code)
        raise cause


class OptionalWork:
    """Hands statements on for which nobody waits: their lateness keeps no one else from asking."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    def run(self, *statements: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        """Run statements as `Postgres.run` does.

        Raises:
            DatabaseUnavailableError: No answer within the budget, or no connection.
        """
        return self._postgres.run(*statements, viewer=viewer, budget_s=budget_s, optional=True)


def _settings(viewer: UUID | None, budget_s: float) -> dict[str, str]:
    claims = json.dumps({"sub": str(viewer), "role": "authenticated"}) if viewer else ""
    timeout_ms = max(int(budget_s * _SERVER_SHARE * 1000), 1)
    return {"claims": claims, "timeout_ms": str(timeout_ms)}
