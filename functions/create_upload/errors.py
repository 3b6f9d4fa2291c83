"""Define the errors that only uploads have."""

from __future__ import annotations

from http import HTTPStatus

from shared.errors import UnavailableError, VroomError


class TooLargeError(VroomError):
    """The file is larger than the largest upload allowed."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class TooManyUploadsError(UnavailableError):
    """Too many uploads wait for their file. Finish or cancel one first."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, retry_after_s: int) -> None:
        super().__init__()
        self.retry_after_s = retry_after_s


class InProgressError(VroomError):
    """A request with this Idempotency-Key is still under way."""

    status = HTTPStatus.CONFLICT


class KeyReusedError(VroomError):
    """This Idempotency-Key was already used for another request."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
