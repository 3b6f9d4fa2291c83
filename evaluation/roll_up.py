"""How many events a second the roll-up of one catalogue server counts: `make roll-up`.

A catalogue of POSTS posts gets EVENTS events of impressions and watches, spread over posts as
popularity is (Zipf), as a number of cells would send them. The upkeep counts them as it does in
production, on a server of its own, once for each number of SHARES and each size of BATCH. The
command prints the rate, the processor time of Postgres for an event, and how long a batch takes,
beside what a daily viewer adds.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
import psycopg

from evaluation.speed.processor import server_seconds
from functions.feed_ranker import upkeep
from functions.feed_ranker.settings import FeedSettings
from functions.feed_ranker.upkeep import UpkeepRules
from local.catalogue import seed
from local.errors import StackError
from local.migrate import migrate
from local.services.postgres import embedded_postgres
from ops.assumptions import DAY_S, Habits
from shared import sql
from shared.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any
    from uuid import UUID

    from shared.postgres import Statement

_BUDGET_S: Final = 3_600.0
_DEFAULTS: Final = {
    "POSTS": "20000",
    "EVENTS": "100000",
    "SHARES": "1 2 4",
    "BATCH": str(FeedSettings.model_fields["roll_up_batch"].default),
}

# As record_impressions and record_watches queue them: an impression and a watch of each post, the
# watch with what the viewer finished before and the viewer's cohorts.
EVENTS: Final = """
WITH numbered AS MATERIALIZED (
  SELECT post_id, creator_id, duration_ms, row_number() OVER (ORDER BY post_id) - 1 AS n,
         count(*) OVER () AS posts
  FROM post_stats
), drawn AS MATERIALIZED (
  SELECT g AS view,
         ARRAY(SELECT floor(power((SELECT max(posts) FROM numbered), random()) - 1
                            + 0 * (g + k))::bigint
               FROM generate_series(1, 6) k) AS picks
  FROM generate_series(1, %(views)s) g
), viewed AS MATERIALIZED (
  SELECT d.view, p.post_id, p.creator_id, coalesce(p.duration_ms, 20000) AS duration_ms,
         ARRAY(SELECT o.post_id FROM unnest(d.picks[2:6]) AS b(n) JOIN numbered o USING (n)
               WHERE o.post_id <> p.post_id) AS before, random() AS ratio
  FROM drawn d JOIN numbered p ON p.n = d.picks[1]
)
INSERT INTO engagement_queue (
  post_id, creator_id, at, impressions, plays, watch_ratio, likes, weight, observed_watch_ratio,
  observed_like, duration_ms, after_posts, cohorts)
SELECT v.post_id, v.creator_id, clock_timestamp(), e.impression, 1 - e.impression,
       CASE e.impression WHEN 0 THEN v.ratio ELSE 0 END,
       CASE WHEN e.impression = 0 AND v.ratio > 0.95 THEN 1 ELSE 0 END,
       CASE e.impression WHEN 0 THEN v.ratio ELSE 0 END,
       CASE e.impression WHEN 0 THEN v.ratio END, CASE e.impression WHEN 0 THEN v.ratio > 0.95 END,
       CASE e.impression WHEN 0 THEN v.duration_ms END,
       CASE WHEN e.impression = 0 AND v.ratio > 0.7 THEN v.before ELSE '{}' END,
       CASE e.impression WHEN 0 THEN ARRAY['phone/evening/', 'phone/evening/cats'] ELSE '{}' END
FROM viewed v CROSS JOIN (VALUES (1), (0)) AS e(impression)
ORDER BY v.view, e.impression DESC
"""


@contextmanager
def catalogue(posts: int) -> Iterator[psycopg.Connection]:
    """Give a connection to a catalogue server with so many posts."""
    folder = Path(tempfile.mkdtemp(prefix="vroom-roll-up-"))
    try:
        # Commits have to reach the disk here, as they do where it matters.
        with embedded_postgres(folder / "postgres", durable=True) as server:
            migrate(server.admin_url, kind="catalogue")
            seed(server.admin_url, posts=posts)
            with psycopg.connect(server.admin_url, autocommit=True) as owner:
                yield owner
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class TimedPostgres:
    """Postgres, and how long each batch of the roll-up took.

    Attributes:
        postgres: Where statements go.
        batches: The beginning and the end of each batch, in seconds.
    """

    postgres: Postgres
    batches: list[tuple[float, float]] = field(default_factory=list)

    def run(self, *statements: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        """Run statements as `Postgres.run` does."""
        began = time.perf_counter()
        rows = self.postgres.run(*statements, viewer=viewer, budget_s=budget_s)
        if statements[0].sql == sql.FEED["roll_up"]:
            self.batches.append((began, time.perf_counter()))
        return rows

    def close(self) -> None:
        """Close this thread's connection."""
        self.postgres.close()


def measure(owner: psycopg.Connection, url: str, shares: int, batch: int) -> tuple[float, str]:
    """Count the whole queue, and return the events per second and a line about it."""
    database = TimedPostgres(Postgres(url))
    rules = UpkeepRules(roll_up_batch=batch, roll_up_shares=shares)
    before = server_seconds(owner)
    done = upkeep.run(database, rules, _BUDGET_S)
    database.close()
    used = server_seconds(owner) - before
    seconds = max(end for _, end in database.batches) - min(begin for begin, _ in database.batches)
    took = sorted(1000 * (end - begin) for begin, end in database.batches)
    rate = done.events / seconds
    return rate, (
        f"{shares:>6} {batch:>6} {done.events:>8,} {rate:>9,.0f} {1000 * used / done.events:>10.3f}"
        f" {took[len(took) // 2]:>9,.0f} {took[-1]:>9,.0f}"
    )


def main() -> int:
    """Measure, print, and return the exit status."""
    given = {name: os.environ.get(name) or default for name, default in _DEFAULTS.items()}
    words = {name: text.split() for name, text in given.items()}
    if not all(word.isdecimal() and int(word) for each in words.values() for word in each):
        print("POSTS, EVENTS, SHARES and BATCH are whole numbers", file=sys.stderr)
        return 2
    posts, events = (int(words[name][0]) for name in ("POSTS", "EVENTS"))
    fastest = 0.0
    try:
        with catalogue(posts) as owner:
            url = owner.info.dsn + f" password={owner.info.password}"
            print(f"{psutil.cpu_count()} cores, {posts:,} posts; Postgres' processor time in ms")
            print("shares  batch   events  events/s   ms/event  batch ms   longest")
            # The first events make rows that later ones update. They are not measured.
            owner.execute(EVENTS, {"views": events // 2})
            measure(owner, url, 1, 10_000)
            for batch in map(int, words["BATCH"]):
                for shares in map(int, words["SHARES"]):
                    owner.execute(EVENTS, {"views": events // 2})
                    owner.execute("VACUUM (ANALYZE) engagement_queue")
                    rate, line = measure(owner, url, shares, batch)
                    fastest = max(fastest, rate)
                    print(line, flush=True)
    except (StackError, psycopg.Error) as error:
        print(f"Not measured: {error}", file=sys.stderr)
        return 1
    habits = Habits()
    each = 2 * habits.posts * habits.peak / DAY_S
    print(
        f"A daily viewer adds {2 * habits.posts:.0f} events, {each:.4f} a second at the peak."
        f" The fastest of these counts those of {fastest / each:,.0f}, without a pause."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
