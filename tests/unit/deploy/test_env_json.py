"""env.json, as `sam local` takes it in."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest
from samcli.lib.providers.sam_function_provider import (  # type: ignore[import-untyped]  # no types
    SamFunctionProvider,
)
from samcli.lib.providers.sam_stack_provider import (  # type: ignore[import-untyped]  # no types
    SamLocalStackProvider,
)
from samcli.local.lambdafn.env_vars import (  # type: ignore[import-untyped]  # no types
    EnvironmentVariables,
)

from deploy.env_json import env_vars, main, running_environments
from functions.create_upload.settings import UploadSettings
from functions.feed_ranker.settings import FeedSettings
from functions.mux_webhook.settings import WebhookSettings
from local.errors import StackError
from local.gateway.app import GatewayConfig
from local.gateway.environment import function_environment
from local.gateway.template import load_template
from local.paths import TEMPLATE
from shared.settings import load

if TYPE_CHECKING:
    from pathlib import Path

    from shared.settings import Settings

# SAM's command uses what its own translator and jsonschema give up.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

MODELS: dict[str, type[Settings]] = {
    "FeedRankerFunction": FeedSettings,
    "CreateUploadFunction": UploadSettings,
    "MuxWebhookFunction": WebhookSettings,
}
# What the local stack says to the functions.
LOCAL = {
    "DATABASE_URL": "postgresql://vroom_app:pass@127.0.0.1:5432/vroom",
    "SESSION_TABLE": "vroom-feed-sessions",
    "CURSOR_SECRET": "a-secret-of-the-tests",
    "MUX_TOKEN_ID": "id",
    "MUX_TOKEN_SECRET": "secret",
    "MUX_WEBHOOK_SECRET": "whsec",
    "MUX_BASE_URL": "http://127.0.0.1:8080",
    "MUX_STREAM_BASE_URL": "http://127.0.0.1:8080",
    "MUX_IMAGE_BASE_URL": "http://127.0.0.1:8080",
}
ENDPOINT = "http://127.0.0.1:8000"


@pytest.fixture
def environments() -> dict[str, dict[str, str]]:
    """What the gateway of a local stack gives each function."""
    functions = load_template(TEMPLATE, {"SessionTable": LOCAL["SESSION_TABLE"]}).functions
    more = {"DYNAMODB_ENDPOINT_URL": ENDPOINT, "AWS_ACCESS_KEY_ID": "local"}
    return {name: function_environment(f, {}, LOCAL) | more for name, f in functions.items()}


@pytest.fixture(scope="module")
def in_sam() -> SamFunctionProvider:
    """The template as `sam local` reads it."""
    stacks, _ = SamLocalStackProvider.get_stacks(str(TEMPLATE))
    return SamFunctionProvider(stacks)


def in_container(provider: SamFunctionProvider, function: str, overrides: object) -> dict[str, str]:
    """The variables that `sam local` gives a function's container."""
    variables = provider.get(function).environment["Variables"]
    resolved: dict[str, str] = EnvironmentVariables(
        variables=variables, override_values=overrides
    ).resolve()
    return resolved


@pytest.mark.parametrize("function", MODELS)
def test_a_function_in_a_container_gets_settings_that_load(
    function: str, environments: dict[str, dict[str, str]], in_sam: SamFunctionProvider
) -> None:
    overrides = env_vars(environments, TEMPLATE, "127.0.0.1")[function]
    # Nobody is there to be asked for a secret.
    settings = load(MODELS[function], in_container(in_sam, function, overrides), read_secret=None)
    given = load(MODELS[function], environments[function])
    assert settings == given


def test_only_variables_of_the_template_are_in_the_file(
    environments: dict[str, dict[str, str]], in_sam: SamFunctionProvider
) -> None:
    written = env_vars(environments, TEMPLATE)
    assert set(written) == set(MODELS)
    for function, variables in written.items():
        # sam passes over any other without a word.
        assert set(variables) <= set(in_sam.get(function).environment["Variables"])


def test_in_a_container_this_machine_has_another_name(
    environments: dict[str, dict[str, str]],
) -> None:
    ranker = env_vars(environments, TEMPLATE)["FeedRankerFunction"]
    assert ranker["DATABASE_URL"] == "postgresql://vroom_app:pass@host.docker.internal:5432/vroom"
    assert ranker["DYNAMODB_ENDPOINT_URL"] == "http://host.docker.internal:8000"
    assert ranker["MUX_STREAM_BASE_URL"] == "http://127.0.0.1:8080", "clients are outside"
    assert ranker["SESSION_TABLE"] == "vroom-feed-sessions"
    assert ranker["REPEAT_COOLDOWN_DAYS"] == "30"


def test_the_file_is_written_from_what_the_running_stack_wrote(
    tmp_path: Path, environments: dict[str, dict[str, str]]
) -> None:
    config = GatewayConfig("template.yaml", {}, "key", "logs", environments, {})
    (tmp_path / "gateway.json").write_text(json.dumps(asdict(config)))
    (tmp_path / "stack.json").write_text("{}")
    assert running_environments(tmp_path) == environments
    target = tmp_path / "env.json"
    assert main(tmp_path, target, "host.docker.internal") == 0
    assert json.loads(target.read_text()) == env_vars(environments, TEMPLATE)
    assert target.stat().st_mode & 0o077 == 0, "secrets are in it"


def test_without_a_running_stack_there_is_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StackError, match="make dev"):
        running_environments(tmp_path)
    assert main(tmp_path, tmp_path / "env.json", "127.0.0.1") == 1
    assert "make dev" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
