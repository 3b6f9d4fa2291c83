"""How many events a second the roll-up of one catalogue server counts: `make roll-up`.

A catalogue of POSTS posts gets EVENTS events of impressions and watches, spread over posts as
popularity is (Zipf), as a number of cells would send them. The roll-up counts them in batches of
BATCH, on a server of its own or that of DATABASE_URL, and the command prints the rate, beside what
a daily viewer adds.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg

from local.catalogue import seed
from local.errors import StackError
from local.migrate import migrate
from local.services.postgres import embedded_postgres
from ops.scale import DAY_S, Habits

if TYPE_CHECKING:
    from collections.abc import Iterator

# As record_impressions and record_watches queue them: an impression and a watch of each post, the
# watch with what the viewer finished before and the viewer's cohorts.
_EVENTS: Final = """
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


def measure(owner: psycopg.Connection, batch: int) -> tuple[int, float]:
    """Count the whole queue, and return how many events there were and how long it took."""
    events, began = 0, time.perf_counter()
    while True:
        row = owner.execute("SELECT events FROM count_events(%s)", [batch]).fetchone()
        taken = 0 if row is None else int(row[0])
        events += taken
        if taken < batch:
            return events, time.perf_counter() - began


def main() -> int:
    """Measure, print, and return the exit status."""
    given = {name: os.environ.get(name) or "" for name in ("POSTS", "EVENTS", "BATCH")}
    if not all(not text or text.isdecimal() for text in given.values()):
        print("POSTS, EVENTS and BATCH are whole numbers", file=sys.stderr)
        return 2
    posts, events, batch = (
        int(given[name] or default)
        for name, default in (("POSTS", 20_000), ("EVENTS", 100_000), ("BATCH", 2_000))
    )
    try:
        with catalogue(posts) as owner:
            for part in ("to begin with", "on figures that are there"):
                owner.execute(_EVENTS, {"views": events // 2})
                owner.execute("ANALYZE engagement_queue")
                counted, seconds = measure(owner, batch)
                rate = counted / seconds
                print(f"{part}: {counted:,} events in {seconds:.1f} s, {rate:,.0f} events a second")
    except (StackError, psycopg.Error) as error:
        print(f"Not measured: {error}", file=sys.stderr)
        return 1
    habits = Habits()
    each = 2 * habits.posts * habits.peak / DAY_S
    print(
        f"A daily viewer adds {2 * habits.posts:.0f} events, {each:.4f} a second at the peak:"
        f" one catalogue counts those of {rate / each:,.0f} daily viewers as they come."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
