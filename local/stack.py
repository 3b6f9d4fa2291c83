"""The whole local stack: Postgres, DynamoDB, Mux stand-in, gateway with the functions."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import httpx

from local.errors import StackError
from local.gateway.app import GatewayConfig
from local.gateway.authorizer import DEFAULT_LIFETIME_S, Authorizer, load_key
from local.gateway.environment import function_environment, inherited_environment
from local.gateway.template import load_template
from local.migrate import ROLES
from local.services import parts
from local.services.dynamodb import DynamoDbServer
from local.services.postgres import PostgresInstance, embedded_postgres
from local.settings import DEFAULT_TABLE, DEFAULT_WORKERS, StackSettings
from local.state import exclusive, lasting_secrets
from local.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from local.services.processes import Part

APP_ROLE, WEBHOOK_ROLE = ROLES
WEBHOOK_FUNCTION = "mux_webhook"
WEBHOOK_PATH = "/v1/webhooks/mux"
PARAMETERS = {"JwtIssuer": "https://vroom-feed.local", "JwtAudience": "vroom-feed"}
SECRETS = ("CURSOR_SECRET", "MUX_TOKEN_ID", "MUX_TOKEN_SECRET", "MUX_WEBHOOK_SECRET")


class Stack:
    """A running stack: a context manager that starts everything and ends it again.

    Entering raises StackError where a part does not start, the port is busy or the folder is in
    use by another stack.

    Args:
        settings: what to start, and where.
        progress: called with a short line before each step of the start.

    Attributes:
        info: what stack.json holds, once it runs.
    """

    info: dict[str, str]

    def __init__(
        self, settings: StackSettings, progress: Callable[[str], None] = lambda _: None
    ) -> None:
        self._settings = settings
        self._progress = progress
        self._state_dir = settings.state_dir.resolve()
        self._postgres: PostgresInstance | None = None
        self._dynamodb: DynamoDbServer | None = None
        self._gateway: Part | None = None
        self._watch = Watch()
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
        return self.info["base_url"]

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

    def stop_postgres(self) -> None:
        """Stops the embedded Postgres; the data stays.

        Raises:
            StackError: the server is a given one.
        """
        self._own_postgres().stop()

    def start_postgres(self) -> None:
        """Starts the embedded Postgres again, on the same port."""
        self._own_postgres().start()

    def stop_dynamodb(self) -> None:
        """Closes DynamoDB's port; the items stay.

        Raises:
            StackError: the endpoint is a given one.
        """
        self._own_dynamodb().stop()

    def start_dynamodb(self) -> None:
        """Opens DynamoDB's port again, with the same items."""
        self._own_dynamodb().start()

    def failure(self) -> str | None:
        """What to tell of the gateway where it ended by itself: nothing can be asked any more."""
        gateway = self._gateway
        if gateway is None or gateway.alive:
            return None
        return f"gateway has ended.{gateway.log_tail()}"

    def losses(self) -> list[str]:
        """What to tell of other parts that ended by themselves, each once: the stack goes on."""
        return self._watch.losses()

    def _own_postgres(self) -> PostgresInstance:
        if self._postgres is None:
            raise StackError("the Postgres server is not the stack's own")
        return self._postgres

    def _own_dynamodb(self) -> DynamoDbServer:
        if self._dynamodb is None:
            raise StackError("the DynamoDB endpoint is not the stack's own")
        return self._dynamodb

    def _start(self, started: ExitStack) -> None:
        settings, given, state_dir = self._settings, self._settings.environment, self._state_dir
        logs = state_dir / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        taken = f"Another stack runs in {state_dir}: choose another STATE_DIR"
        started.enter_context(exclusive(state_dir / "stack.lock", taken=taken))
        with parts.listen(settings.port) as listener:
            base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            table = given.get("SESSION_TABLE") or DEFAULT_TABLE
            template = load_template(settings.template, PARAMETERS | {"SessionTable": table})
            kept = lasting_secrets(state_dir / "secrets.json", (*SECRETS, *ROLES))
            secrets = {name: given.get(name) or kept[name] for name in SECRETS}
            key = state_dir / "token-key.pem"
            self._authorizer = Authorizer(load_key(key), template.issuer, template.audiences)

            # DynamoDB and Mux take as long to start as Postgres: they do it meanwhile.
            if settings.dynamodb_endpoint_url is None:
                self._start_dynamodb(started)
            mux_url, mux = given.get("MUX_BASE_URL") or "", None
            if not mux_url and parts.has_mux():
                mux = self._start_mux(started, secrets, f"{base_url}{WEBHOOK_PATH}")

            self._progress("Postgres")
            admin_url = settings.database_url or self._start_postgres(started)
            self._progress("schema")
            urls = parts.prepare_database(
                admin_url, settings.migrations, kept, own=self._postgres is not None
            )
            self._progress("DynamoDB")
            endpoint = settings.dynamodb_endpoint_url or self._wait_for_dynamodb()
            aws = parts.prepare_table(template, table, endpoint, own=self._dynamodb is not None)
            if settings.seed_posts > 0:
                self._progress(f"catalogue of {settings.seed_posts} posts")
                parts.seed(admin_url, settings.seed_posts)
            if mux is not None:
                self._progress("Mux stand-in")
                mux_url = mux.wait_ready()
                if settings.seed_posts > 0:
                    parts.make_samples(mux_url, self._progress)

            self._progress("gateway and functions")
            local = {**secrets, "SESSION_TABLE": table}
            if mux is not None:
                # The stand-in is Mux's API, its streams and its pictures in one.
                urls_of_mux = ("MUX_BASE_URL", "MUX_STREAM_BASE_URL", "MUX_IMAGE_BASE_URL")
                local |= dict.fromkeys(urls_of_mux, mux_url)
                # It has no rate limit for which uploads would have to wait.
                local["MUX_POST_PER_S"] = given.get("MUX_POST_PER_S") or "100"
            environments = {}
            for logical_id, function in template.functions.items():
                role = WEBHOOK_ROLE if function.name == WEBHOOK_FUNCTION else APP_ROLE
                own = function_environment(function, given, local | {"DATABASE_URL": urls[role]})
                environments[logical_id] = own | aws | {"DYNAMODB_ENDPOINT_URL": endpoint}
            config = GatewayConfig(
                template=str(settings.template),
                parameters=PARAMETERS | {"SessionTable": table},
                key=str(key),
                logs=str(logs),
                environments=environments,
                workers={
                    logical_id: settings.workers.get(function.name, DEFAULT_WORKERS)
                    for logical_id, function in template.functions.items()
                },
                schedule_speed=settings.schedule_speed,
                tolerant=settings.tolerant,
                artifacts=self._built(),
                warm=settings.warm,
            )
            base = inherited_environment(template, {**os.environ, **given})
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

    def _built(self) -> str | None:
        """Where the functions' artifacts are; None where the checkout itself is to run."""
        if not self._settings.emulated:
            return None
        self._progress("build of the functions")
        return parts.build_functions(self._settings.artifacts or self._state_dir / "artifacts")

    def _start_postgres(self, started: ExitStack) -> str:
        server = embedded_postgres(
            self._state_dir / "postgres",
            durable=self._settings.durable,
            log=self._state_dir / "logs" / "postgres.log",
        )
        self._postgres = postgres = started.enter_context(server)
        self._watch.add("postgres", postgres.ended)
        return postgres.admin_url

    def _start_dynamodb(self, started: ExitStack) -> None:
        self._dynamodb = server = DynamoDbServer(self._state_dir / "logs" / "dynamodb.log")
        started.callback(server.close)
        self._watch.add("dynamodb", lambda: not server.alive)

    def _start_mux(self, started: ExitStack, secrets: Mapping[str, str], webhook_url: str) -> Part:
        log = self._state_dir / "logs" / "mux.log"
        mux = parts.start_mux(self._state_dir / "mux", log, secrets, webhook_url)
        started.callback(mux.stop)
        self._watch.add("mux", lambda: not mux.alive)
        return mux

    def _wait_for_dynamodb(self) -> str:
        server = self._own_dynamodb()
        server.wait_ready()
        return server.url
