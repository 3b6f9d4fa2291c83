"""What an error of Postgres means for the request: whose fault it is, and what to do about it.

Postgres marks each error with a SQLSTATE. Some say that the statement is wrong, which is a bug of
this project. Others say that the server cannot serve, whatever the statement is: those count as an
outage, so that viewers get a degraded page or a 503 with Retry-After instead of a 500.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import psycopg


class Fault(Enum):
    """Whose fault an error is."""

    GONE = "gone"
    """The server cannot serve. Drop the connection: a new one may lead to a server that can."""
    SLOW = "slow"
    """The time ran out. Do not try again: the budget is used up."""
    BUSY = "busy"
    """Another transaction was in the way. Send everything once more on the same connection."""
    STATEMENT = "statement"
    """The statement is at fault. Raise the error as it is."""


# The longest prefix of an error's SQLSTATE decides; what is not listed is the statement's fault.
# docs/operations.md explains each row, and a test holds the two together.
FAULTS: Final[dict[str, Fault]] = {
    "08": Fault.GONE,  # connection exception; poolers report their own troubles so, too
    "25006": Fault.GONE,  # read-only: a demoted writer, a replica, a full managed server
    "25P03": Fault.GONE,  # idle transaction ended by the server
    "25P04": Fault.SLOW,  # transaction_timeout
    "28": Fault.GONE,  # login refused
    "3D": Fault.GONE,  # no such database
    "40": Fault.BUSY,  # rolled back: deadlock, serialization
    "53": Fault.GONE,  # disk, memory or connections used up
    "55006": Fault.GONE,  # the database is being copied or dropped
    "55P03": Fault.SLOW,  # lock_timeout
    "57": Fault.GONE,  # shut down, crashed, starting, dropped
    "57014": Fault.SLOW,  # statement_timeout, or cancelled by an operator
    "58": Fault.GONE,  # error of the operating system
    "F0": Fault.GONE,  # error of the server's configuration
    "XX": Fault.GONE,  # internal error, damaged data; Supavisor's own errors
}

# The schema lacks what the statement names. It may have been taken back since it was checked.
MISSING_OBJECTS: Final = frozenset({"42883", "42P01", "42703", "3F000"})


class NoAnswerError(psycopg.OperationalError):
    """The server did not answer in time."""


def classify(sqlstate: str | None, *, fatal: bool = False) -> Fault:
    """Say whose fault an error is.

    Args:
        sqlstate: The error's code; None where the connection broke before one came.
        fatal: Whether the server ended the connection with it.
    """
    if sqlstate is None:
        return Fault.GONE
    for length in (5, 2):
        known = FAULTS.get(sqlstate[:length])
        if known is not None:
            return known
    return Fault.GONE if fatal else Fault.STATEMENT


def fault_of(error: psycopg.Error) -> Fault:
    """Say whose fault an error of the driver is."""
    if isinstance(error, (NoAnswerError, psycopg.errors.ConnectionTimeout)):
        return Fault.SLOW
    if error.sqlstate is None and not isinstance(error, psycopg.OperationalError):
        return Fault.STATEMENT  # the driver's own: a parameter that it cannot send
    return classify(error.sqlstate, fatal=error.diag.severity_nonlocalized in {"FATAL", "PANIC"})
