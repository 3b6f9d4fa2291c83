from __future__ import annotations

from pathlib import Path

import pytest

from local.errors import StackError
from local.gateway.environment import function_environment, inherited_environment
from local.gateway.template import load_template
from local.paths import TEMPLATE
from local.settings import StackSettings

PARAMETERS = {"JwtIssuer": "i", "JwtAudience": "a", "SessionTable": "sessions"}
LOCAL = {
    "DATABASE_URL": "postgresql://local",
    "CURSOR_SECRET": "c",
    "MUX_TOKEN_ID": "i",
    "MUX_TOKEN_SECRET": "t",
    "MUX_WEBHOOK_SECRET": "w",
    "MUX_BASE_URL": "http://mux",
}


def environment(function: str, **given: str) -> dict[str, str]:
    functions = load_template(TEMPLATE, PARAMETERS).functions
    return function_environment(functions[function], given, LOCAL)


def test_secrets_come_by_value_instead_of_by_arn() -> None:
    ranker = environment("FeedRankerFunction")
    assert (ranker["DATABASE_URL"], ranker["CURSOR_SECRET"]) == ("postgresql://local", "c")
    webhook = environment("MuxWebhookFunction")
    assert [webhook[name] for name in ("MUX_TOKEN_ID", "MUX_TOKEN_SECRET")] == ["i", "t"]
    assert webhook["MUX_WEBHOOK_SECRET"] == "w"
    assert not [name for name in {**ranker, **webhook} if name.endswith("_ARN")]


def test_a_function_gets_no_secret_that_the_template_does_not_give_it() -> None:
    assert "MUX_WEBHOOK_SECRET" not in environment("CreateUploadFunction")
    assert "MUX_TOKEN_SECRET" not in environment("FeedRankerFunction")


def test_settings_of_the_environment_go_before_the_templates() -> None:
    assert environment("FeedRankerFunction")["REPEAT_COOLDOWN_DAYS"] == "30"
    given = environment("FeedRankerFunction", REPEAT_COOLDOWN_DAYS="7")
    assert given["REPEAT_COOLDOWN_DAYS"] == "7"


def test_the_stacks_own_database_goes_before_the_environments() -> None:
    given = environment("FeedRankerFunction", DATABASE_URL="postgresql://admin")
    assert given["DATABASE_URL"] == "postgresql://local"


def test_workers_inherit_the_machines_variables_but_no_credentials() -> None:
    machine = {
        "PATH": "/bin",
        "EXPLORATION_EPSILON": "0.2",
        "AWS_PROFILE": "prod",
        "PGPASSWORD": "p",
        "DATABASE_URL": "postgresql://admin",
        "MUX_TOKEN_SECRET": "t",
        "MUX_WEBHOOK_SECRET_ARN": "arn",
        "PORT": "1",
    }
    inherited = inherited_environment(load_template(TEMPLATE, PARAMETERS), machine)
    assert inherited == {"PATH": "/bin", "EXPLORATION_EPSILON": "0.2"}


def test_the_defaults_are_those_of_the_readme() -> None:
    settings = StackSettings.from_environment({})
    assert (settings.port, settings.state_dir, settings.seed_posts) == (8787, Path(".local"), 0)
    assert settings.workers == {"feed_ranker": 4, "create_upload": 2, "mux_webhook": 2}
    assert settings.database_url is settings.dynamodb_endpoint_url is None


def test_settings_are_read_from_the_environment() -> None:
    settings = StackSettings.from_environment(
        {
            "PORT": "0",
            "STATE_DIR": "/x",
            "DATABASE_URL": "postgresql://d",
            "DYNAMODB_ENDPOINT_URL": "http://e",
            "SEED_POSTS": "5",
            "FEED_RANKER_WORKERS": "8",
        }
    )
    assert (settings.port, settings.state_dir, settings.seed_posts) == (0, Path("/x"), 5)
    assert settings.database_url == "postgresql://d"
    assert settings.dynamodb_endpoint_url == "http://e"
    assert settings.workers["feed_ranker"] == 8


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "x"), ("PORT", "-1"), ("PORT", "65536"), ("PORT", "²"), ("MUX_WEBHOOK_WORKERS", "0")],
)
def test_a_bad_number_is_named(name: str, value: str) -> None:
    with pytest.raises(StackError, match=f"{name}={value}"):
        StackSettings.from_environment({name: value})


def test_the_functions_run_from_the_checkout_unless_the_emulator_is_asked_for() -> None:
    usual = StackSettings.from_environment({})
    assert (usual.emulated, usual.warm, usual.workers["feed_ranker"]) == (False, True, 4)
    emulated = StackSettings.from_environment(
        {"RUNTIME": "emulator", "ARTIFACTS_CACHE": "/builds", "WARM": "0"}
    )
    assert (emulated.emulated, emulated.warm, emulated.artifacts) == (True, False, Path("/builds"))
    assert emulated.workers["feed_ranker"] == 2


def test_an_unknown_runtime_is_named() -> None:
    with pytest.raises(StackError, match="RUNTIME=docker"):
        StackSettings.from_environment({"RUNTIME": "docker"})


def test_what_the_gateway_lets_in_can_be_chosen_and_is_this_machine_alone_by_default() -> None:
    default = StackSettings.from_environment({})
    assert (default.host, default.pooler) == ("127.0.0.1", False)
    assert default.template_parameters == {"CorsOrigins": "*", "ViewerIdClaim": "sub"}
    chosen = StackSettings.from_environment(
        {"HOST": "0.0.0.0", "POOLER": "1", "CORS_ORIGINS": "", "VIEWER_ID_CLAIM": "vroom_id"}  # noqa: S104
    )
    assert (chosen.host, chosen.pooler) == ("0.0.0.0", True)  # noqa: S104
    assert chosen.template_parameters == {"CorsOrigins": "", "ViewerIdClaim": "vroom_id"}
    ranker = load_template(TEMPLATE, PARAMETERS | chosen.template_parameters)
    assert ranker.functions["FeedRankerFunction"].environment["VIEWER_ID_CLAIM"] == "vroom_id"
    assert ranker.cors is None
