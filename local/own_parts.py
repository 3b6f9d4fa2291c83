"""The parts of a stack that are its own: how they are started, stopped and watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from local.cells import CellServer, start_cells
from local.errors import StackError
from local.migrate import ROLES
from local.services import parts
from local.services.dynamodb import DynamoDbServer
from local.services.pgbouncer import PgBouncer
from local.services.postgres import PostgresInstance, embedded_postgres
from local.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import ExitStack

    from local.services.processes import Part
    from local.settings import StackSettings


class OwnParts:
    """Postgres, DynamoDB, Mux and the pooler, where no others are given.

    Args:
        settings: what to start, and where.
        progress: called with a short line before each step of the start.
    """

    def __init__(self, settings: StackSettings, progress: Callable[[str], None]) -> None:
        self._settings = settings
        self._progress = progress
        self._state_dir = settings.state_dir.resolve()
        self._postgres: PostgresInstance | None = None
        self._dynamodb: DynamoDbServer | None = None
        self._servers: list[CellServer] = []
        self._watch = Watch()

    def stop_postgres(self) -> None:
        """Stops the embedded Postgres; the data stays.

        Raises:
            StackError: the server is a given one.
        """
        self._own_postgres().stop()

    def start_postgres(self) -> None:
        """Starts the embedded Postgres again, on the same port."""
        self._own_postgres().start()

    def stop_cell(self, number: int) -> None:
        """Stops the Postgres of a cell; the data stays. 0 is the catalogue."""
        self._servers[number].instance.stop()

    def kill_cell(self, number: int) -> None:
        """Kills the Postgres of a cell and its sessions; the data stays as a crash leaves it."""
        self._servers[number].instance.kill()

    def start_cell(self, number: int) -> None:
        """Starts the Postgres of a cell again, on the same port."""
        self._servers[number].instance.start()

    def set_read_only(self, *, read_only: bool) -> None:
        """Lets nothing be written to the database, as after its server was demoted, or anything.

        Turned read-only, the functions' connections are ended, since a session keeps what held
        when it began. Turned back, they are left alone: each request has to find the writer.

        Raises:
            StackError: the server is a given one.
        """
        with psycopg.connect(self._own_postgres().admin_url, autocommit=True) as owner:
            owner.execute("SET default_transaction_read_only = off")
            owner.execute(
                sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}").format(
                    sql.Identifier(owner.info.dbname), sql.Literal("on" if read_only else "off")
                )
            )
            if read_only:
                owner.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE usename = ANY(%s)",
                    [list(ROLES)],
                )

    def stop_dynamodb(self) -> None:
        """Closes DynamoDB's port; the items stay.

        Raises:
            StackError: the endpoint is a given one.
        """
        self._own_dynamodb().stop()

    def start_dynamodb(self) -> None:
        """Opens DynamoDB's port again, with the same items."""
        self._own_dynamodb().start()

    def switchable(self) -> list[str]:
        """The parts that can be taken away and brought back."""
        own = {"Postgres": self._postgres, "DynamoDB": self._dynamodb}
        return [name for name, part in own.items() if part is not None]

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

    def _prepare_database(
        self, started: ExitStack, kept: Mapping[str, str]
    ) -> tuple[str, dict[str, str]]:
        """Starts Postgres where none is given; its owner's URL and that of each role."""
        if self._settings.cells > 0:
            self._servers = start_cells(self._settings, started, kept, self._progress)
            for server in self._servers:
                self._watch.add(server.name, server.instance.ended)
            catalogue = self._servers[0]
            return catalogue.instance.admin_url, dict(catalogue.urls)
        self._progress("Postgres")
        admin_url = self._settings.database_url or self._start_postgres(started)
        self._progress("schema")
        migrations, own = self._settings.migrations, self._postgres is not None
        urls = parts.prepare_database(admin_url, migrations, kept, own=own)
        if self._settings.pooler:
            self._progress("PgBouncer")
            pooler = PgBouncer(self._state_dir / "pgbouncer", urls)
            pooler.start()
            started.callback(pooler.stop)
            self._watch.add("pgbouncer", pooler.ended)
            urls = {role: pooler.url(role) for role in urls}
        return admin_url, urls

    def _seed(self, admin_url: str) -> None:
        posts = self._settings.seed_posts
        if posts > 0:
            self._progress(f"catalogue of {posts} posts")
            parts.seed(admin_url, posts)

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

    def _start_mux(
        self, started: ExitStack, secrets: Mapping[str, str], webhook_url: str
    ) -> Part | None:
        """Starts the Mux stand-in, unless another address of Mux is given."""
        if self._settings.environment.get("MUX_BASE_URL") or not parts.has_mux():
            return None
        log = self._state_dir / "logs" / "mux.log"
        mux = parts.start_mux(self._state_dir / "mux", log, secrets, webhook_url)
        started.callback(mux.stop)
        self._watch.add("mux", lambda: not mux.alive)
        return mux

    def _wait_for_mux(self, mux: Part | None) -> str:
        """The address of Mux: the stand-in's where there is one."""
        if mux is None:
            return self._settings.environment.get("MUX_BASE_URL") or ""
        self._progress("Mux stand-in")
        url = mux.wait_ready()
        if self._settings.seed_posts > 0:
            parts.make_samples(url, self._progress)
        return url

    def _wait_for_dynamodb(self) -> str:
        server = self._own_dynamodb()
        server.wait_ready()
        return server.url
