"""How long a take-down takes to reach the cells: `make lag`.

A catalogue of POSTS posts and CELLS cells run on servers of their own, with durable commits.
SAMPLES posts are taken down one after the other, first while nothing else happens, and then while
the catalogue's roll-up counts EVENTS events without a pause, in batches of each size of BATCH.
Where the events are counted before all posts are taken down, n is smaller.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
import psycopg

from evaluation.percentiles import percentile
from evaluation.roll_up import EVENTS
from functions.feed_ranker.settings import FeedSettings
from local.catalogue import seed
from local.cells import start_cells
from local.errors import StackError
from local.migrate import ROLES
from local.settings import StackSettings
from local.state import lasting_secrets
from local.take_downs import TakeDowns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

_DEFAULTS: Final = {
    "POSTS": "20000",
    "CELLS": "2",
    "SAMPLES": "100",
    "EVENTS": "100000",
    "BATCH": str(FeedSettings.model_fields["roll_up_batch"].default),
}
_PAUSE_S: Final = 0.05
_PICKED: Final = (
    "SELECT id FROM posts WHERE visibility = 'public' AND mux_ready ORDER BY id LIMIT %s"
)


@contextmanager
def servers(posts: int, cells: int) -> Iterator[list[str]]:
    """Give the URLs of a catalogue with so many posts, which comes first, and of its cells."""
    folder = Path(tempfile.mkdtemp(prefix="vroom-lag-"))
    with ExitStack() as started:
        started.callback(shutil.rmtree, folder, ignore_errors=True)
        settings = StackSettings(state_dir=folder, cells=cells)
        kept = lasting_secrets(folder / "secrets.json", ROLES)
        urls = [
            server.instance.admin_url
            for server in start_cells(settings, started, kept, lambda _: None)
        ]
        seed(urls[0], posts=posts)
        with psycopg.connect(urls[0]) as owner:
            owner.execute("INSERT INTO feature_flags (name) VALUES ('seeded')")
        for url in urls[1:]:
            _wait_for_seed(url)
        yield urls


def _wait_for_seed(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as cell:
        heard = threading.Event()
        while not cell.execute("SELECT FROM feature_flags WHERE name = 'seeded'").fetchall():
            heard.wait(0.05)


@dataclass
class Counting:
    """A roll-up that works in a thread until the queue is empty.

    Attributes:
        events: How many it has counted.
        ended: Set once nothing is left, or when it is to stop.
    """

    events: int = 0
    ended: threading.Event = field(default_factory=threading.Event)


@contextmanager
def rolling_up(url: str, events: int, batch: int) -> Iterator[Counting]:
    """Count so many events without a pause while the block runs."""
    counting = Counting()

    def work() -> None:
        with psycopg.connect(url, autocommit=True) as owner:
            while not counting.ended.is_set():
                row = owner.execute("SELECT events FROM roll_up(%s)", [batch]).fetchone()
                counted = 0 if row is None else int(row[0])
                counting.events += counted
                if counted < batch:
                    counting.ended.set()

    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(EVENTS, {"views": events // 2})
        owner.execute("VACUUM (ANALYZE) engagement_queue")
    thread = threading.Thread(target=work, name="roll-up")
    thread.start()
    try:
        yield counting
    finally:
        counting.ended.set()
        thread.join()


def line(what: str, lags: list[float]) -> str:
    """Return a line with the median, the 95th percentile and the longest of some lags."""
    return (
        f"{what:<38} {len(lags):>5} {statistics.median(lags):>9,.1f} {percentile(lags, 95):>9,.1f}"
        f" {max(lags):>9,.1f}"
    )


def measure(take_downs: TakeDowns, posts: list[UUID], ended: threading.Event) -> list[float]:
    """Take the posts down until something has ended, and return the lags of all cells.

    They are taken down at a steady pace, so that they fall at any time of a batch.
    """
    lags: list[float] = []
    for post in posts:
        ended.wait(_PAUSE_S)
        found = take_downs.lags(post)
        if ended.is_set() and lags:
            break
        lags += found
    return lags


def main() -> int:
    """Measure, print, and return the exit status."""
    words = {name: (os.environ.get(name) or default).split() for name, default in _DEFAULTS.items()}
    if not all(word.isdecimal() and int(word) for each in words.values() for word in each):
        print(f"{', '.join(_DEFAULTS)} are whole numbers", file=sys.stderr)
        return 2
    posts, cells, samples, events = (
        int(words[name][0]) for name in ("POSTS", "CELLS", "SAMPLES", "EVENTS")
    )
    batches = [int(word) for word in words["BATCH"]]
    try:
        with servers(posts, cells) as urls:
            take_downs = TakeDowns.connect(urls[0], urls[1:])
            rows = take_downs.catalogue.execute(_PICKED, [samples * (1 + len(batches))])
            picked = [row[0] for row in rows]
            print(f"{psutil.cpu_count()} cores, {posts:,} posts, {cells} cells; lags in ms")
            print(f"{'':<38} {'n':>5} {'median':>9} {'p95':>9} {'longest':>9}")
            idle = measure(take_downs, picked[:samples], threading.Event())
            print(line("idle", idle), flush=True)
            for place, batch in enumerate(batches, start=1):
                taken = picked[place * samples : (place + 1) * samples]
                with rolling_up(urls[0], events, batch) as counting:
                    lags = measure(take_downs, taken, counting.ended)
                what = f"under roll-up, batches of {batch:,}"
                print(f"{line(what, lags)}  ({counting.events:,} events counted)", flush=True)
            take_downs.close()
    except (StackError, psycopg.Error) as error:
        print(f"Not measured: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
