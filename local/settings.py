"""What can be chosen about a local stack."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from local.errors import StackError
from local.paths import MIGRATIONS, TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORT = 8787
DEFAULT_HOST = "127.0.0.1"
DEFAULT_STATE_DIR = ".local"
DEFAULT_TABLE = "vroom-feed-sessions"
DEFAULT_WORKERS = 2
MAX_PORT = 65_535
MOST_CELLS = 8  # on one machine


@dataclass(frozen=True)
class StackSettings:
    """The choices.

    Attributes:
        state_dir: the folder for data, secrets and logs.
        port: of the gateway; 0 takes a free one.
        database_url: the admin URL of a Postgres to use instead of the embedded one.
        dynamodb_endpoint_url: a DynamoDB to use instead of the stack's own.
        durable: whether the embedded Postgres survives a power failure.
        seed_posts: how many posts to put into the catalogue at the start.
        environment: settings for the functions, as the environment would give them.
        workers: function (`feed_ranker`) to its number of worker processes at most.
        schedule_speed: how much faster than the template says schedules run.
        tolerant: run although a function does not start; requests to it fail, as on AWS.
        template: the SAM template.
        migrations: the folder of migrations.
        emulated: run what `sam build` makes in AWS's runtime emulator, not the checkout.
        artifacts: the folder that keeps builds; default: in the state's folder.
        warm: whether to have one container of each function ready before the first request.
        host: the address on which the gateway listens; all else stays on 127.0.0.1.
        cors_origins: origins of web apps that may call the API, comma-separated; `*` is all.
        viewer_id_claim: the claim of a token that holds the viewer's id.
        cells: how many viewer cells; 0 has one server for everything.
        pooler: let PgBouncer stand between the functions and Postgres.
    """

    state_dir: Path
    port: int = 0
    database_url: str | None = None
    dynamodb_endpoint_url: str | None = None
    durable: bool = True
    seed_posts: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    workers: Mapping[str, int] = field(default_factory=lambda: {"feed_ranker": 4})
    schedule_speed: float = 1.0
    tolerant: bool = False
    template: Path = TEMPLATE
    migrations: Path = MIGRATIONS
    emulated: bool = False
    artifacts: Path | None = None
    warm: bool = True
    host: str = DEFAULT_HOST
    cors_origins: str = "*"
    viewer_id_claim: str = "sub"
    pooler: bool = False
    cells: int = 0

    @property
    def template_parameters(self) -> dict[str, str]:
        """The values of the template's parameters that can be chosen."""
        return {"CorsOrigins": self.cors_origins, "ViewerIdClaim": self.viewer_id_claim}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> StackSettings:
        """Reads PORT, HOST, STATE_DIR, DATABASE_URL, DYNAMODB_ENDPOINT_URL and SEED_POSTS.

        And `…_WORKERS`, and RUNTIME: `process` (the checkout in worker processes) or `emulator`
        (what `sam build` makes, in AWS's runtime emulator; builds are kept in ARTIFACTS_CACHE,
        where given). With
        WARM=0 each function's first request is a cold start, with POOLER=1 the functions reach
        Postgres through PgBouncer. CORS_ORIGINS and VIEWER_ID_CLAIM are the template's parameters.

        Raises:
            StackError: a number is none, or out of range, or RUNTIME is neither.
        """
        runtime = environment.get("RUNTIME") or "process"
        if runtime not in ("process", "emulator"):
            raise StackError(f"RUNTIME={runtime} is neither process nor emulator")
        emulated = runtime == "emulator"
        builds = environment.get("ARTIFACTS_CACHE")
        workers = {"feed_ranker": DEFAULT_WORKERS if emulated else 4}
        for name in ("feed_ranker", "create_upload", "mux_webhook"):
            variable = f"{name.upper()}_WORKERS"
            default = workers.get(name, DEFAULT_WORKERS)
            workers[name] = _number(environment, variable, default, at_least=1)
        return cls(
            state_dir=Path(environment.get("STATE_DIR") or DEFAULT_STATE_DIR),
            port=_number(environment, "PORT", DEFAULT_PORT, at_most=MAX_PORT),
            database_url=environment.get("DATABASE_URL") or None,
            dynamodb_endpoint_url=environment.get("DYNAMODB_ENDPOINT_URL") or None,
            seed_posts=_number(environment, "SEED_POSTS", 0),
            environment=dict(environment),
            workers=workers,
            emulated=emulated,
            artifacts=Path(builds) if builds else None,
            warm=_number(environment, "WARM", 1, at_most=1) == 1,
            host=environment.get("HOST") or DEFAULT_HOST,
            cors_origins=environment.get("CORS_ORIGINS", "*"),
            viewer_id_claim=environment.get("VIEWER_ID_CLAIM") or "sub",
            pooler=_number(environment, "POOLER", 0, at_most=1) == 1,
            cells=_number(environment, "CELLS", 0, at_most=MOST_CELLS),
        )


def _number(
    environment: Mapping[str, str],
    name: str,
    default: int,
    *,
    at_least: int = 0,
    at_most: int = 1_000_000,
) -> int:
    text = environment.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and at_least <= int(text) <= at_most):
        raise StackError(f"{name}={text} is no whole number from {at_least} to {at_most}")
    return int(text)
