from __future__ import annotations

from typing import Annotated

import pytest
from aws_lambda_powertools.utilities import parameters
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from shared.errors import SettingsError
from shared.settings import RotatedSecrets, Secret, Settings, at_cold_start, load

ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:one"


class Example(Settings):
    signing_secret: Annotated[RotatedSecrets, Field(min_length=1)]
    password: Secret
    table: Annotated[str, Field(min_length=3)]
    budget_ms: Annotated[int, Field(ge=10, le=10_000)] = 2_000
    rate: Annotated[float, Field(ge=0, le=1)] = 0.1


GOOD = {"SIGNING_SECRET": "new,old", "PASSWORD": "pw", "TABLE": "sessions"}


def said(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        load(Example, environ)
    return str(refused.value)


def test_variables_are_read_by_the_upper_case_names_of_the_fields() -> None:
    settings = load(Example, {**GOOD, "BUDGET_MS": "50", "table": "lower", "OTHER": "x"})
    assert (settings.table, settings.budget_ms, settings.rate) == ("sessions", 50, 0.1)


def test_settings_cannot_be_changed_after_they_were_checked() -> None:
    settings = load(Example, GOOD)
    with pytest.raises(ValidationError):
        settings.table = "other"  # type: ignore[misc]  # what the test is about


def test_every_fault_is_named_at_once() -> None:
    text = said({"SIGNING_SECRET": " , ", "TABLE": "ab", "BUDGET_MS": "9", "RATE": "nan"})
    for name in ("SIGNING_SECRET", "PASSWORD", "TABLE", "BUDGET_MS", "RATE"):
        assert f"{name}: " in text


def test_what_is_right_is_not_named_among_the_faults() -> None:
    text = said({**GOOD, "BUDGET_MS": "soon"})
    assert "BUDGET_MS" in text
    assert not any(name in text for name in GOOD)


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("empty", [True, False])
def test_an_empty_variable_is_a_missing_one(name: str, *, empty: bool) -> None:
    environ = {**GOOD, name: ""} if empty else {k: v for k, v in GOOD.items() if k != name}
    assert said(environ) == f"{name}: Field required"


@given(
    st.text("ghijkqz", min_size=12, max_size=40),
    st.sampled_from(("BUDGET_MS", "RATE")),
)
def test_no_value_ever_stands_in_the_text_of_a_fault(value: str, name: str) -> None:
    environ = {"SIGNING_SECRET": value, "PASSWORD": value, "TABLE": "ab", name: value}
    text = said(environ)
    assert name in text
    assert value not in text


def test_a_refusal_does_not_drag_the_values_along_as_its_cause() -> None:
    with pytest.raises(SettingsError) as refused:
        load(Example, {**GOOD, "BUDGET_MS": "hunter2"})
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_several_secrets_keep_their_order_and_blanks_fall_away() -> None:
    settings = load(Example, {**GOOD, "SIGNING_SECRET": " new , ,old,"})
    assert [s.get_secret_value() for s in settings.signing_secret] == ["new", "old"]


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = load(Example, {**GOOD, "PASSWORD": "hunter2", "SIGNING_SECRET": "s3cr3t"})
    assert "hunter2" not in repr(settings) + str(settings)
    assert "s3cr3t" not in repr(settings) + str(settings)


def test_a_secret_may_be_given_as_the_arn_of_one() -> None:
    given = {k: v for k, v in GOOD.items() if k != "PASSWORD"} | {"PASSWORD_SECRET_ARN": ARN}
    settings = load(Example, given, read_secret={ARN: "from afar"}.__getitem__)
    assert settings.password.get_secret_value() == "from afar"


def test_a_value_given_outright_goes_before_an_arn() -> None:
    asked: list[str] = []

    def read(arn: str) -> str:
        asked.append(arn)
        return "from afar"

    settings = load(Example, {**GOOD, "PASSWORD_SECRET_ARN": ARN}, read_secret=read)
    assert settings.password.get_secret_value() == "pw"
    assert asked == []


def test_an_arn_is_read_through_powertools_and_kept_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, int]] = []

    def get_secret(name: str, *, max_age: int) -> str:
        asked.append((name, max_age))
        return "old,older"

    monkeypatch.setattr(parameters, "get_secret", get_secret)
    settings = load(Example, {"PASSWORD": "pw", "TABLE": "sessions", "SIGNING_SECRET_ARN": ARN})
    assert len(settings.signing_secret) == 2
    ((name, max_age),) = asked
    assert name == ARN
    assert max_age > 0


@pytest.mark.parametrize("name", ["feed_ranker", None])
def test_only_under_lambda_is_an_import_a_cold_start(
    name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    if name:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", name)
    assert at_cold_start() is (name is not None)
