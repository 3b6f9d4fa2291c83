"""Loads what lies before the window into the feed's database, by the product's own functions.

What all viewers share is queued as events, as the functions queue them, and counted by the
product's roll-up. What is the viewer's own is recorded by the product's functions too, for those
whose watches are judged; of others only the last half hour matters, since it makes co-visits.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, UUID, uuid5

import numpy as np
from psycopg.types.json import Jsonb

from evaluation.clock import moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    import psycopg

    from evaluation.progress import Steps
    from evaluation.replay.log import Log
    from evaluation.replay.window import Window

WATCHED = 0.5  # the watch ratio from which a watch makes co-visits, as record_watches has it
_TOGETHER_S = 1_800.0
_FOLLOWED = 3  # posts watched before, of which a co-visit is counted
_LIKE_WEIGHT = 2.0  # of the hot score, as record_watches has it
_BATCH = 50
_ROLLED = 2_000  # events of one roll-up: few, so that what it learns is as late as in operation
TYPICAL_MS = 60_000  # of a post of which the log says no length
_INSERT_POST = """
INSERT INTO posts (id, creator_id, caption, tags, mux_ready, mux_playback_id, mux_duration_ms,
                   aspect_ratio, created_at, published_at)
VALUES (%s, %s, %s, %s, true, %s, %s, '9:16', %s, %s)
"""
_COPY_EVENTS = """
COPY engagement_queue (post_id, creator_id, at, impressions, plays, watch_ratio, likes, weight,
                       observed_watch_ratio, observed_like, duration_ms, after_posts) FROM STDIN
"""
_WATCHES = "SELECT count(*) FROM record_watches(%s, %s)"
_IMPRESSIONS = "SELECT count(*) FROM record_impressions(%s, %s, %s)"


@dataclass(frozen=True, eq=False)
class World:
    """A log as the feed knows it.

    Attributes:
        log: What is replayed.
        window: What of it is judged.
        start: The time at which the window begins.
        viewers: The id of each viewer.
        posts: The id of each post.
        creators: The id of each post's creator.
    """

    log: Log
    window: Window
    start: datetime
    viewers: Sequence[UUID]
    posts: Sequence[UUID]
    creators: Sequence[UUID]

    @classmethod
    def of(cls, log: Log, window: Window, start: datetime) -> World:
        """Give everything an id. Posts without a creator get one each."""
        return cls(
            log=log,
            window=window,
            start=start,
            viewers=[uuid5(NAMESPACE_OID, f"viewer/{i}") for i in range(log.viewers)],
            posts=[uuid5(NAMESPACE_OID, f"post/{i}") for i in range(len(log.posts))],
            creators=[
                uuid5(NAMESPACE_OID, f"creator/{post.creator}/{'' if post.creator else i}")
                for i, post in enumerate(log.posts)
            ],
        )

    def moment(self, at_s: float) -> datetime:
        """A time of the log as the feed knows it."""
        return moment(at_s - self.window.starts_s, self.start)

    def event_id(self, row: int, kind: str) -> str:
        """The id of the event that a watch of the log makes."""
        return str(uuid5(NAMESPACE_OID, f"{kind}/{row}"))

    def impression(self, row: int) -> dict[str, Any]:
        """The impression of a watch, as a client reports it."""
        return {
            "event_id": self.event_id(row, "impression"),
            "post_id": str(self.posts[int(self.log.post[row])]),
            "source": "fresh",
            "position": 0,
            "visible_ms": 1_000,
            "seen_at": self.moment(float(self.log.at_s[row])).isoformat(),
        }

    def watch(self, row: int) -> dict[str, Any]:
        """The watch, as a client reports it."""
        duration_ms = self.log.posts[int(self.log.post[row])].duration_ms or TYPICAL_MS
        return {
            "event_id": self.event_id(row, "watch"),
            "post_id": str(self.posts[int(self.log.post[row])]),
            "play_ms": round(float(self.log.ratio[row]) * duration_ms),
            "duration_ms": duration_ms,
            "liked": bool(self.log.liked[row]),
            "commented": False,
            "shared": False,
        }


def publish(world: World, admin: psycopg.Connection, posts: Iterable[int]) -> None:
    """Insert posts as uploads leave them: ready, with a playback id."""
    rows = []
    for i in posts:
        post, at = world.log.posts[i], world.moment(world.log.posts[i].published_s)
        rows.append(
            (
                world.posts[i],
                world.creators[i],
                post.caption,
                list(post.tags),
                f"play{world.posts[i].hex[:12]}",
                post.duration_ms or TYPICAL_MS,
                at,
                at,
            )
        )
    with admin.cursor() as cursor:
        cursor.executemany(_INSERT_POST, rows)


def load(world: World, admin: psycopg.Connection, history: int, steps: Steps) -> None:
    """Load everything before the window.

    Args:
        world: What to load.
        admin: The database, as its owner.
        history: Watches before the window that count for the figures of all viewers, at most.
        steps: Shows the progress.
    """
    log, window = world.log, world.window
    published = [i for i, p in enumerate(log.posts) if p.published_s < window.starts_s]
    for first in steps.each("Posts", range(0, len(published), 500)):
        publish(world, admin, published[first : first + 500])
    sittings = list(_sittings(world))
    for viewer, rows in steps.each("Viewers", sittings):
        _record(world, admin, viewer, rows)
    # What the functions queued of these viewers stands among the events of all.
    admin.execute("TRUNCATE engagement_queue")
    with admin.cursor() as cursor, cursor.copy(_COPY_EVENTS) as copy:
        for event in _events(world, history):
            copy.write_row(event)
    queued = window.begins - max(window.begins - history, 0)
    for _ in steps.each("Figures", range(0, queued + _ROLLED, _ROLLED)):
        roll_up(admin)
    admin.execute("ANALYZE")


def roll_up(admin: psycopg.Connection) -> None:
    """Count the oldest events of the queue."""
    admin.execute("SELECT * FROM roll_up(%s)", (_ROLLED,))


def _record(world: World, admin: psycopg.Connection, viewer: int, rows: list[int]) -> None:
    """One viewer's watches of one sitting, recorded as at its end."""
    who = world.viewers[viewer]
    with admin.pipeline(), admin.transaction():
        admin.execute(
            "UPDATE simulated.clock SET at = %s", (world.moment(float(world.log.at_s[rows[-1]])),)
        )
        impressions = Jsonb([world.impression(row) for row in rows])
        admin.execute(_IMPRESSIONS, (who, who, impressions))
        admin.execute(_WATCHES, (who, Jsonb([world.watch(row) for row in rows])))


def _sittings(world: World) -> Iterator[tuple[int, list[int]]]:
    """Each viewer with rows of the log before the window that belong together, in time's order."""
    log, window = world.log, world.window
    judged = set(np.unique(log.viewer[window.judged]).tolist())
    present = set(np.unique(log.viewer[window.begins :]).tolist())
    open_rows: dict[int, list[int]] = {}
    done: list[tuple[int, list[int]]] = []
    for row in range(window.begins):
        viewer, at_s = int(log.viewer[row]), float(log.at_s[row])
        lately = viewer in present and at_s > window.starts_s - _TOGETHER_S
        if viewer not in judged and not lately:
            continue
        rows = open_rows.setdefault(viewer, [])
        if rows and (at_s - float(log.at_s[rows[0]]) > _TOGETHER_S or len(rows) >= _BATCH):
            done.append((viewer, rows))
            open_rows[viewer] = rows = []
        rows.append(row)
    done += open_rows.items()
    return iter(sorted(done, key=lambda sitting: sitting[1][-1]))


def _events(world: World, history: int) -> Iterator[tuple[Any, ...]]:
    """The events that the roll-up counts, as `record_watches` queues them."""
    log = world.log
    best: dict[tuple[int, int], float] = {}
    liked: set[tuple[int, int]] = set()
    watched: defaultdict[int, deque[tuple[float, int]]] = defaultdict(lambda: deque(maxlen=4))
    first = max(world.window.begins - history, 0)
    for row in range(world.window.begins):
        viewer, post = int(log.viewer[row]), int(log.post[row])
        ratio, at_s = float(log.ratio[row]), float(log.at_s[row])
        before = best.get((viewer, post))
        grown = max(ratio - (before or 0.0), 0.0)
        likes = int(bool(log.liked[row]) and (viewer, post) not in liked)
        after: list[UUID] = []
        if ratio >= WATCHED > (before or 0.0):
            for then_s, other in reversed(watched[viewer]):
                known = world.posts[other]
                if at_s - then_s <= _TOGETHER_S and other != post and known not in after:
                    after.append(known)
            after = after[:_FOLLOWED]
        if ratio >= WATCHED:
            watched[viewer].append((at_s, post))
        if likes:
            liked.add((viewer, post))
        best[viewer, post] = max(ratio, before or 0.0)
        if row >= first:
            yield (
                world.posts[post], world.creators[post], world.moment(at_s),
                int(before is None), int(before is None), grown, likes,
                grown + _LIKE_WEIGHT * likes, ratio, bool(log.liked[row]),
                log.posts[post].duration_ms or TYPICAL_MS, after,
            )  # fmt: skip
