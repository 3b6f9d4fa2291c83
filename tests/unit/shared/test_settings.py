from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.constants import DEFAULT_PROVIDERS
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from shared.errors import SettingsError
from shared.settings import (
    MuxSettings,
    RotatedSecrets,
    Secret,
    Settings,
    UnreadableSecretError,
    WebAddress,
    at_cold_start,
    load,
)

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


def denied(_: str) -> str:
    raise UnreadableSecretError("AccessDeniedException")


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


class Addressed(Settings):
    base_url: WebAddress


@pytest.mark.parametrize(
    "given",
    [
        "https://api.mux.com",
        "http://127.0.0.1:8000",
        "http://localhost:4566/",
        "https://[::1]:8000",
        "HTTPS://stream.example.co.uk/a/path",
    ],
)
def test_an_address_on_the_web_is_taken_as_it_was_given(given: str) -> None:
    assert load(Addressed, {"BASE_URL": given}).base_url == given


@pytest.mark.parametrize(
    "given",
    [
        *("nope", "ftp://x", "//x", "http://", "http:///path", "https:x", "   ", "http://:80"),
        *("http://x:port", "http://x:99999", "http://x:0", "http://a b", "http://x\n", " http://x"),
        *("http://a_b", "http://-a", "http://a..b", "http://[::1", "http://a/b c"),
    ],
)
def test_what_is_no_address_on_the_web_is_named_and_not_repeated(given: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(Addressed, {"BASE_URL": given})
    assert str(refused.value) == "BASE_URL: Value error, is not an http or https URL with a host"


def test_blanks_around_a_secret_fall_away() -> None:
    assert load(Example, {**GOOD, "PASSWORD": " pw\n"}).password.get_secret_value() == "pw"


def test_a_secret_of_blanks_is_none() -> None:
    assert said({**GOOD, "PASSWORD": " \n "}).startswith("PASSWORD: ")


def test_what_calls_mux_names_all_of_its_faults() -> None:
    wrong = {"MUX_TOKEN_ID": "  ", "MUX_TOKEN_SECRET": "   ", "MUX_BASE_URL": "ftp://x"}
    with pytest.raises(SettingsError) as refused:
        load(MuxSettings, {**wrong, "MUX_VIDEO_QUALITY": "u"})
    named = [fault.split(":")[0] for fault in str(refused.value).split("; ")]
    assert named == [*wrong, "MUX_VIDEO_QUALITY"]


def test_a_secret_that_cannot_be_read_is_one_fault_among_the_others() -> None:
    given = {"PASSWORD_SECRET_ARN": ARN, "SIGNING_SECRET_ARN": ARN, "BUDGET_MS": "soon"}
    with pytest.raises(SettingsError) as refused:
        load(Example, given, read_secret=denied)
    faults = str(refused.value).split("; ")
    assert faults[:2] == [
        "SIGNING_SECRET_ARN: cannot be read (AccessDeniedException)",
        "PASSWORD_SECRET_ARN: cannot be read (AccessDeniedException)",
    ]
    assert [fault.split(":")[0] for fault in faults[2:]] == ["TABLE", "BUDGET_MS"]
    assert ARN not in str(refused.value)


def test_a_secret_that_cannot_be_read_is_a_fault_where_it_alone_is_wrong() -> None:
    class Optional(Settings):
        salt: Secret | None = None

    with pytest.raises(SettingsError, match="SALT_SECRET_ARN: cannot be read"):
        load(Optional, {"SALT_SECRET_ARN": ARN}, read_secret=denied)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (ConnectionError("10.0.0.1"), "ConnectionError"),
        (
            type("ClientError", (Exception,), {"response": {"Error": {"Code": "NoSuchSecret"}}})(),
            "NoSuchSecret",
        ),
    ],
)
def test_powertools_failure_to_read_is_told_by_its_reason_alone(
    failure: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise failure

    client: Any = SimpleNamespace(get_secret_value=fail)
    provider = parameters.SecretsProvider(boto3_client=client)
    monkeypatch.setitem(DEFAULT_PROVIDERS, "secrets", provider)
    with pytest.raises(SettingsError) as refused:
        load(Example, {"TABLE": "sessions", "SIGNING_SECRET_ARN": ARN, "PASSWORD": "pw"})
    assert str(refused.value) == f"SIGNING_SECRET_ARN: cannot be read ({reason})"


@pytest.mark.parametrize("name", ["feed_ranker", None])
def test_only_under_lambda_is_an_import_a_cold_start(
    name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    if name:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", name)
    assert at_cold_start() is (name is not None)
