"""The data sets of the benchmark.

Set-based SQL makes each of them once. They are kept as databases of the benchmark's own server.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from evaluation.speed.personas import PERSONAS, SEEN
from evaluation.speed.sql import load
from local.migrate import migrate, prepare_roles
from local.paths import MIGRATIONS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evaluation.progress import Steps
    from evaluation.speed.settings import Shape
    from local.services.postgres import PostgresInstance

_MAKERS = (
    "dataset.py",
    "personas.py",
    "sql/catalogue.sql",
    "sql/viewers.sql",
    "sql/personas.sql",
)
_KEPT_FOR = "3 days"  # after that, too few posts are from the last week
_POSTS_AT_ONCE = 20_000
_VIEWERS_AT_ONCE = 1_000
_OF_VIEWERS = ("signals", "tag_taste", "creator_taste", "follows", "sessions", "requests")
_OF_TAGS = ("posts_4_tags_inserted", "posts_5_terms_inserted")
_LOADING = ("work_mem = '256MB'", "maintenance_work_mem = '512MB'", "synchronous_commit = off")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A database to measure on.

    Attributes:
        shape: The sizes of what it holds.
        admin_url: The URL for the owner of the schema.
        app_url: The URL for `vroom_app`.
        webhook_url: The URL for `vroom_webhook`.
    """

    shape: Shape
    admin_url: str
    app_url: str
    webhook_url: str


def provide(
    server: PostgresInstance, shape: Shape, passwords: Mapping[str, str], steps: Steps
) -> Dataset:
    """Return the data set of this shape. It is made unless an earlier run left a usable one.

    Raises:
        psycopg.Error: The server refused a statement.
    """
    name = f"bench_{shape.posts}_{shape.impressions}_{_version()}"
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        _drop_outdated(connection, shape, name)
        known = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount
        if not known:
            unfinished = f"{name}_unfinished"
            _drop(connection, unfinished)
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(unfinished)))
            _build(server.url(unfinished), shape, steps)
            connection.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
                    sql.Identifier(unfinished), sql.Identifier(name)
                )
            )
    urls = prepare_roles(server.url(name), passwords)
    return Dataset(shape, server.url(name), urls["vroom_app"], urls["vroom_webhook"])


def _version() -> str:
    """Return a word that changes with the schema and with the code that makes the data."""
    digest = hashlib.sha256()
    for file in sorted(
        [*MIGRATIONS.glob("*.sql"), *(ROOT / "evaluation" / "speed" / name for name in _MAKERS)]
    ):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:8]


def _drop_outdated(connection: psycopg.Connection[Any], shape: Shape, name: str) -> None:
    """Drop this shape's data of another version, or whose fresh posts have become too old."""
    rows = connection.execute(
        "SELECT datname, (pg_stat_file('base/' || oid || '/PG_VERSION')).modification"
        "  < now() - %s::interval FROM pg_database WHERE starts_with(datname, %s)",
        [_KEPT_FOR, f"bench_{shape.posts}_{shape.impressions}_"],
    ).fetchall()
    for found, old in rows:
        if found != name or old:
            _drop(connection, found)


def _drop(connection: psycopg.Connection[Any], name: str) -> None:
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    connection.execute(drop.format(sql.Identifier(name)))


def _build(url: str, shape: Shape, steps: Steps) -> None:
    migrate(url)
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        for setting in _LOADING:
            connection.execute(f"SET {setting}")
        loader = Loader(connection, shape, steps)
        loader.catalogue()
        loader.viewers()
        loader.personas()
        with steps.step(f"{shape.posts:,} posts: vacuum, statistics"):
            connection.execute("VACUUM (ANALYZE)")
            connection.execute("CHECKPOINT")


class Loader:
    """The code that fills an empty, migrated database."""

    def __init__(self, connection: psycopg.Connection[Any], shape: Shape, steps: Steps) -> None:
        self._connection = connection
        self._shape = shape
        self._steps = steps
        self._title = f"{shape.posts:,} posts"

    def catalogue(self) -> None:
        """Insert posts, their statistics, and what the roll-up would have learnt about them."""
        statements = load("catalogue")
        with self._steps.step(f"{self._title}: drafts"):
            for name in statements:
                if name == "posts":
                    break
                self._run(statements[name])
        chunks = list(_chunks(self._shape.posts, _POSTS_AT_ONCE))
        with self._without_indexes("posts", "post_stats"):
            with self._without_tags():
                for chunk in self._steps.each(f"{self._title}: posts", chunks):
                    self._run(statements["posts"], **chunk)
            for chunk in self._steps.each(f"{self._title}: their figures", chunks):
                self._run(statements["stats"], **chunk)
        with self._steps.step(f"{self._title}: tags, co-visits, cohorts"):
            self._run("VACUUM ANALYZE post_stats")
            self._run(statements["creators"])
            with self._without_indexes("post_tags"):
                self._run(statements["tags"])
            rest = list(statements)
            for name in rest[rest.index("ranked_posts") :]:
                self._run(statements[name])

    def viewers(self) -> None:
        """Insert ordinary viewers and their impressions. Triggers keep what follows from these."""
        statements = load("viewers")
        self._run(statements["viewers"])
        self._run(statements["index_viewers"])
        count = max(1, self._shape.impressions // 200)
        title = f"{self._title}: {self._shape.impressions:,} impressions"
        for chunk in self._steps.each(title, list(_chunks(count, _VIEWERS_AT_ONCE))):
            self._run(statements["impressions"], **chunk)
            self._run(statements["empty_queue"])
        with self._steps.step(f"{self._title}: their tastes"):
            for name in _OF_VIEWERS:
                self._run(statements[name])

    def personas(self) -> None:
        """Insert the viewers who are measured."""
        statements = load("personas")
        kinds = [kind for kind in (*PERSONAS, *SEEN) if kind.fits(self._shape)]
        everyone = [(kind, viewer) for kind in kinds for viewer in kind.ids()]
        for kind, viewer in self._steps.each(f"{self._title}: measured viewers", everyone):
            for name, parameters in kind.statements(self._shape):
                self._run(statements[name], viewer=str(viewer), **parameters)
        self._run(load("viewers")["empty_queue"])

    @contextmanager
    def _without_tags(self) -> Iterator[None]:
        """Let posts be inserted without their tags. They are inserted afterwards, all at once."""
        for trigger in _OF_TAGS:
            self._run(f"ALTER TABLE posts DISABLE TRIGGER {trigger}")
        yield
        for trigger in _OF_TAGS:
            self._run(f"ALTER TABLE posts ENABLE TRIGGER {trigger}")

    @contextmanager
    def _without_indexes(self, *tables: str) -> Iterator[None]:
        """Drop the tables' indexes, except those of constraints, and make them again afterwards."""
        found = self._connection.execute(
            "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i"
            " WHERE i.indrelid = ANY (%s::regclass[]) AND NOT EXISTS ("
            "   SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)",
            [list(tables)],
        ).fetchall()
        for name, _ in found:
            self._run(f"DROP INDEX {name}")
        yield
        for _, definition in found:
            self._run(definition)

    def _run(self, statement: str, **parameters: object) -> None:
        values = {
            "posts": self._shape.posts,
            "impressions": self._shape.impressions,
            "creators": self._shape.creators,
            **parameters,
        }
        self._connection.execute(statement.encode(), values)


def _chunks(count: int, size: int) -> Iterator[dict[str, int]]:
    for first in range(1, count + 1, size):
        yield {"first": first, "last": min(first + size - 1, count)}
