"""The errors of this project. What a client is told of each stands here; no other text leaves."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One bad field of a request: its dotted name and what is wrong with it."""

    field: str
    message: str


class VroomError(Exception):
    """The request cannot be carried out."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    @property
    def detail(self) -> str:
        """The text that a client may read: the message given, or else the class's first line."""
        return str(self.args[0]) if self.args else (type(self).__doc__ or "").splitlines()[0]


class SettingsError(VroomError):
    """The function is not set up."""

    @property
    def detail(self) -> str:
        """Clients are not told which settings are wrong; the log is."""
        return "The function is not set up."


class InvalidInputError(VroomError):
    """The request is not valid."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, *problems: FieldProblem) -> None:
        super().__init__()
        self.problems = problems


class UnauthorizedError(VroomError):
    """The request carries no valid identity."""

    status = HTTPStatus.UNAUTHORIZED


class ForbiddenError(VroomError):
    """The request speaks for another viewer."""

    status = HTTPStatus.FORBIDDEN


class NotFoundError(VroomError):
    """There is nothing here."""

    status = HTTPStatus.NOT_FOUND


class UnavailableError(VroomError):
    """A part that the request needs does not answer. Try again shortly."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after_s = 2
    reason = "unavailable"  # a code for the log and the metrics; clients do not read it

    def __init__(self, *args: object, reason: str | None = None) -> None:
        super().__init__(*args)
        if reason is not None:
            self.reason = reason


class DatabaseUnavailableError(UnavailableError):
    """The database does not answer within its time budget. Try again shortly."""

    reason = "database_gone"


class CacheUnavailableError(UnavailableError):
    """The session cache does not answer within its time budget. Try again shortly."""

    reason = "cache_gone"
