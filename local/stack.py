"""The whole local stack: Postgres, DynamoDB, Mux stand-in, gateway with the functions."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import httpx

from local.errors import StackError
from local.gateway.authorizer import DEFAULT_LIFETIME_S, Authorizer, load_key
from local.gateway.environment import inherited_environment
from local.gateway.launch import APP_ROLE, URLS_OF_MUX, gateway_config
from local.gateway.template import load_template
from local.migrate import ROLES
from local.own_parts import OwnParts
from local.services import parts
from local.settings import DEFAULT_TABLE, StackSettings
from local.state import exclusive, lasting_secrets

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from local.services.processes import Part

KEY = "token-key.pem"
WEBHOOK_PATH = "/v1/webhooks/mux"
PARAMETERS = {"JwtIssuer": "https://vroom-feed.local", "JwtAudience": "vroom-feed"}
SECRETS = ("CURSOR_SECRET", "MUX_TOKEN_ID", "MUX_TOKEN_SECRET", "MUX_WEBHOOK_SECRET")


class Stack(OwnParts):
    """A running stack: a context manager that starts everything and ends it again.

    Entering raises StackError where a part does not start, the port is busy or the folder is in
    use by another stack.

    Args:
        settings: what to start, and where.
        progress: called with a short line before each step of the start.

    Attributes:
        info: what stack.json holds, once it runs.
    """

    info: dict[str, Any]

    def __init__(
        self, settings: StackSettings, progress: Callable[[str], None] = lambda _: None
    ) -> None:
        super().__init__(settings, progress)
        self._gateway: Part | None = None
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as started:
            self._start(started)
            self._running = started.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._running.close()

    @property
    def base_url(self) -> str:
        """The gateway's URL."""
        return str(self.info["base_url"])

    def token(self, user_id: str, *, expires_in: int = DEFAULT_LIFETIME_S) -> str:
        """A token that the gateway accepts, for a viewer."""
        return self._authorizer.issue_token(user_id, expires_in=expires_in)

    def invoke(self, function: str, event: Any) -> Any:  # noqa: ANN401  (any JSON)
        """Invokes a function directly, as a schedule does.

        Args:
            function: its folder (`mux_webhook`) or its logical id.
            event: any JSON value.

        Raises:
            StackError: the function failed; the text says how.
            httpx.HTTPError: the gateway is gone, or knows no such function.
        """
        url = f"{self.base_url}/2015-03-31/functions/{function}/invocations"
        answer = httpx.post(url, json=event, timeout=120)
        answer.raise_for_status()
        if "x-amz-function-error" in answer.headers:
            raise StackError(f"{function} failed: {answer.json()['errorMessage']}")
        return answer.json()

    def failure(self) -> str | None:
        """What to tell of the gateway where it ended by itself: nothing can be asked any more."""
        gateway = self._gateway
        if gateway is None or gateway.alive:
            return None
        return f"gateway has ended.{gateway.log_tail()}"

    def _start(self, started: ExitStack) -> None:
        settings, state_dir = self._settings, self._state_dir
        (state_dir / "logs").mkdir(parents=True, exist_ok=True)
        taken = f"Another stack runs in {state_dir}: choose another STATE_DIR"
        started.enter_context(exclusive(state_dir / "stack.lock", taken=taken))
        with parts.listen(settings.port, settings.host) as listener:
            base_url = parts.base_url(listener)
            table = settings.environment.get("SESSION_TABLE") or DEFAULT_TABLE
            parameters = PARAMETERS | settings.template_parameters | {"SessionTable": table}
            template = load_template(settings.template, parameters)
            key = load_key(state_dir / KEY)
            self._authorizer = Authorizer(
                key, template.issuer, template.audiences, claim=settings.viewer_id_claim
            )
            kept = lasting_secrets(state_dir / "secrets.json", (*SECRETS, *ROLES))
            secrets = {name: settings.environment.get(name) or kept[name] for name in SECRETS}

            # DynamoDB and Mux take as long to start as Postgres: they do it meanwhile.
            if settings.dynamodb_endpoint_url is None:
                self._start_dynamodb(started)
            mux = self._start_mux(started, secrets, f"{base_url}{WEBHOOK_PATH}")
            admin_url, urls = self._prepare_database(started, kept)
            self._progress("DynamoDB")
            endpoint = settings.dynamodb_endpoint_url or self._wait_for_dynamodb()
            aws = parts.prepare_table(template, table, endpoint, own=self._dynamodb is not None)
            cells = {
                server.number: (server.urls[APP_ROLE], f"{table}-cell-{server.number}")
                for server in self._servers[1:]
            }
            for _, of_cell in cells.values():
                parts.prepare_table(template, of_cell, endpoint, own=self._dynamodb is not None)
            self._seed(admin_url)
            mux_url = self._wait_for_mux(mux)

            self._progress("gateway and functions")
            # The stand-in is Mux's API, its streams and its pictures in one.
            local = {} if mux is None else dict.fromkeys(URLS_OF_MUX, mux_url)
            # Nor has it a rate limit for which uploads would have to wait.
            if mux is not None:
                local["MUX_POST_PER_S"] = settings.environment.get("MUX_POST_PER_S") or "100"
            config = gateway_config(
                settings,
                template,
                state_dir=state_dir,
                key=state_dir / KEY,
                parameters=parameters,
                local=local | secrets | {"SESSION_TABLE": table},
                aws=aws | {"DYNAMODB_ENDPOINT_URL": endpoint},
                urls=urls,
                artifacts=self._built(),
                cells=cells,
            )
            base = inherited_environment(template, {**os.environ, **settings.environment})
            gateway = parts.start_gateway(listener, config, run_dir=state_dir, base=base)
            started.callback(gateway.stop)
            gateway.wait_ready(120)
            self._gateway = gateway
        self.info = {
            "base_url": base_url,
            "database_url": urls[APP_ROLE],
            "admin_database_url": admin_url,
            "dynamodb_endpoint_url": endpoint,
            "session_table": table,
            "mux_url": mux_url,
            "mux_webhook_secret": parts.first(secrets["MUX_WEBHOOK_SECRET"]),
        }
        if cells:
            self.info["cells"] = [
                {
                    "number": server.number,
                    "database_url": server.urls[APP_ROLE],
                    "admin_database_url": server.instance.admin_url,
                    "session_table": cells[server.number][1],
                }
                for server in self._servers[1:]
            ]
