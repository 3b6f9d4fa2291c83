"""One run of the benchmark, step by step."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from evaluation.percentiles import percentile
from evaluation.speed import batches, dataset, growth, naive, pages, redis_feed
from evaluation.speed.costs import quiet_meter
from evaluation.speed.floor import floor
from evaluation.speed.functions import opened
from evaluation.speed.personas import PERSONAS, SEEN, viewer_id
from evaluation.speed.recording import Recorder
from evaluation.speed.servers import role_passwords, run_postgres, run_servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evaluation.progress import Steps
    from evaluation.speed.dataset import Dataset
    from evaluation.speed.floor import Floor
    from evaluation.speed.functions import Functions
    from evaluation.speed.servers import Servers
    from evaluation.speed.settings import BenchSettings

BESIDE = ("typical", "heavy", "exhausted")  # the kinds for which Redis is measured too
_NAIVE_RUNS = 12
_BATCHED_VIEWERS = 20


def run(settings: BenchSettings, steps: Steps) -> dict[str, Any]:
    """Build what is missing, measure everything, and return the results.

    Raises:
        StackError: A part did not start.
        BrokenPageError: A page of the feed was not what is promised.
        psycopg.Error: Postgres refused a statement.
    """
    folder = settings.state_dir.resolve() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    shapes = settings.growth()
    with run_postgres(folder, durable=False) as server:
        passwords = role_passwords(folder)
        for shape in shapes:
            dataset.provide(server, shape, passwords, steps)
    recorder = Recorder()
    with run_servers(folder) as servers, recorder.installed(), ExitStack() as open_:
        sets = [dataset.provide(servers.postgres, s, servers.passwords, steps) for s in shapes]
        for data in sets:
            forget_earlier_runs(data)
        lines = {
            data.shape.posts: open_.enter_context(over(data, servers, recorder)) for data in sets
        }
        return _Run(settings, servers, sets[-1], steps).measured(lines)


class _Run:
    def __init__(
        self, settings: BenchSettings, servers: Servers, main: Dataset, steps: Steps
    ) -> None:
        self._settings = settings
        self._servers = servers
        self._main = main
        self._steps = steps

    def measured(self, lines: dict[int, tuple[Functions, Floor]]) -> dict[str, Any]:
        functions, bare = lines[self._main.shape.posts]
        kinds, floors = self._personas(functions, bare)
        samples = range(self._settings.samples)
        return {
            "settings": {
                "posts": self._main.shape.posts,
                "impressions": self._main.shape.impressions,
                "samples": self._settings.samples,
            },
            "floor_ms": round(percentile(floors, 50), 3),
            "personas": kinds,
            "growth": {
                "posts": growth.over_catalogues(lines, self._steps.each("catalogues", samples)),
                "seen": growth.over_histories(
                    functions, bare, self._main.shape, self._steps.each("histories", samples)
                ),
            },
            "naive_sql": self._naive(),
            "redis": self._redis(),
            "batches": self._batches(functions),
        }

    def _personas(
        self, functions: Functions, bare: Floor
    ) -> tuple[dict[str, dict[str, Any]], list[float]]:
        """Return the figures of each kind of viewer, and the floors of all next pages."""
        kinds: dict[str, dict[str, Any]] = {}
        floors: list[float] = []
        for kind in PERSONAS:
            rounds = self._steps.each(f"pages: {kind.name}", range(self._settings.samples))
            first, following = pages.measure(functions, bare, kind.ids(), rounds)
            with quiet_meter(self._main.admin_url) as meter:
                pages.count(functions, meter, kind.ids(), first, following)
            kinds[kind.name] = {"first": first.summary(), "next": following.summary()}
            floors += following.floors_ms
        return kinds, floors

    def _naive(self) -> dict[str, Any]:
        typical = growth.TYPICAL.ids()[:_NAIVE_RUNS]
        return naive.measure(self._main.admin_url, self._steps.each("naive SQL", typical))

    def _redis(self) -> dict[str, Any]:
        with self._steps.step("Redis"):
            return redis_feed.measure(
                self._main.admin_url,
                {kind.name: kind.ids() for kind in PERSONAS if kind.name in BESIDE},
                self._settings.samples,
                self._settings.state_dir.resolve() / "bench",
            )

    def _batches(self, functions: Functions) -> dict[str, Any]:
        with (
            psycopg.connect(self._main.admin_url, autocommit=True) as owner,
            quiet_meter(self._main.admin_url) as meter,
        ):
            # Sessions hold posts of all ages, so that these are posts of all ages too.
            rows = owner.execute("SELECT id FROM posts ORDER BY md5(id::text) LIMIT 50000")
            senders = batches.Senders(
                functions,
                [post for (post,) in rows],
                self._servers.environment["MUX_WEBHOOK_SECRET"],
                batches.upload_maker(owner),
            )
            return batches.measure(
                functions,
                meter,
                senders,
                lambda name: self._steps.each(f"batches: {name}", range(self._settings.samples)),
            )


@contextmanager
def over(data: Dataset, servers: Servers, recorder: Recorder) -> Iterator[tuple[Functions, Floor]]:
    """Yield the handlers over a data set, and the bare calls to its database."""
    urls = {"feed_ranker": data.app_url, "mux_webhook": data.webhook_url}
    with (
        opened(servers.environment, urls, recorder) as functions,
        floor(data.app_url, servers.dynamodb_url) as bare,
    ):
        yield functions, bare


def forget_earlier_runs(data: Dataset) -> None:
    """Delete what an earlier run has written, so that all runs begin with the same data."""
    measured = [viewer for kind in (*PERSONAS, *SEEN) for viewer in kind.ids()]
    sending = [viewer_id("batches", n) for n in range(_BATCHED_VIEWERS)]
    with psycopg.connect(data.admin_url, autocommit=True) as owner:
        for table in ("feed_pages", "feed_requests"):
            owner.execute(f"DELETE FROM {table} WHERE user_id = ANY(%s)", [measured])  # noqa: S608 - our own tables
        for table in ("user_post_impressions", "watch_events", "viewer_watches"):
            owner.execute(f"DELETE FROM {table} WHERE user_id = ANY(%s)", [sending])  # noqa: S608 - our own tables
        owner.execute("DELETE FROM posts USING uploads WHERE uploads.post_id = posts.id")
        owner.execute("DELETE FROM uploads")
        owner.execute("TRUNCATE engagement_queue")
        owner.execute("VACUUM (ANALYZE) feed_pages, feed_requests, posts, post_stats")
