from __future__ import annotations

import pytest

from shared import errors
from shared.errors import FieldProblem, InvalidInputError, UnavailableError, VroomError

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, VroomError)
]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.VroomError, 500),
        (errors.SettingsError, 500),
        (errors.InvalidInputError, 400),
        (errors.UnauthorizedError, 401),
        (errors.ForbiddenError, 403),
        (errors.NotFoundError, 404),
        (errors.UnavailableError, 503),
        (errors.DatabaseUnavailableError, 503),
        (errors.CacheUnavailableError, 503),
    ],
)
def test_each_error_has_its_status(kind: type[VroomError], status: int) -> None:
    assert kind.status == status


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_tells_clients_one_sentence_of_its_own(kind: type[VroomError]) -> None:
    assert kind().detail == (kind.__doc__ or "").splitlines()[0]
    assert kind().detail.endswith(".")


def test_a_message_given_takes_the_place_of_the_sentence() -> None:
    assert UnavailableError("Come back later.").detail == "Come back later."


def test_the_faults_of_an_input_do_not_end_in_its_detail() -> None:
    error = InvalidInputError(FieldProblem("page_size", "is too large"))
    assert error.problems == (FieldProblem("page_size", "is too large"),)
    assert error.detail == "The request is not valid."


def test_whatever_is_unavailable_says_when_to_try_again() -> None:
    kinds = [kind for kind in KINDS if kind.status == 503]
    assert len(kinds) >= 3
    assert all(issubclass(kind, UnavailableError) and kind.retry_after_s > 0 for kind in kinds)


def test_clients_are_not_told_which_settings_are_wrong() -> None:
    error = errors.SettingsError("CURSOR_SECRET: Field required")
    assert error.detail == "The function is not set up."
    assert "CURSOR_SECRET" in str(error)
