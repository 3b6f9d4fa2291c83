"""Replays a window through the feed's own handlers, in simulated time."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import psycopg
from psycopg.types.json import Jsonb

from evaluation.backends import backend, server
from evaluation.clock import Clock
from evaluation.handler import Handler
from evaluation.replay.load import World, load, publish
from evaluation.replay.metrics import PAGE
from evaluation.replay.window import TICK_S
from evaluation.table_statistics import HotPostCount

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evaluation.progress import Step, Steps

_FLAG = """
INSERT INTO feature_flags (name, enabled, rollout_percentage, metadata)
VALUES ('replayed', true, 100, %s)
"""
_CANDIDATES = """
SELECT post_id FROM feed_candidates(%s, NULL, 72, 12, at => %s, context => 'phone/evening')
"""
_MIX = "SELECT weights FROM heat_mix"


@dataclass(eq=False)
class Answers:
    """What the feed answered.

    Attributes:
        pages: For each judged watch the posts of the page, in order.
        found: Whether the post that was watched next was among the candidates of the page.
        mix: Weights of the time scales at each upkeep; empty where the feed has none.
    """

    pages: list[list[int]] = field(default_factory=list)
    found: list[bool] = field(default_factory=list)
    mix: list[list[float]] = field(default_factory=list)


@contextmanager
def replaying(
    world: World,
    settings: Mapping[str, str],
    flag: Mapping[str, Any] | None,
    history: int,
    steps: Steps,
) -> Iterator[Replay]:
    """Load a world into a database of its own, and have the handlers ready.

    Args:
        world: What is replayed.
        settings: Further settings of the function.
        flag: Metadata of a flag that is on for everybody; None: there is none.
        history: Watches before the window that count.
        steps: Shows the progress.
    """
    ids = Random(1)
    with (
        server() as host,
        backend(host, "replay") as place,
        psycopg.connect(place.admin_url, autocommit=True) as admin,
    ):
        clock = Clock(admin, world.start)
        load(world, admin, history, steps)
        clock.set(-1.0)  # the loading has moved the database's clock alone
        clock.set(0.0)
        if flag is not None:
            admin.execute(_FLAG, (Jsonb(dict(flag)),))
        with Handler(
            place, settings, clock, lambda: UUID(int=ids.getrandbits(128), version=4)
        ) as handler:
            yield Replay(world, admin, clock, handler)


class Replay:
    """A loaded world with the handlers of the feed.

    Args:
        world: What is replayed.
        admin: Its database, as the owner.
        clock: The simulated clock.
        handler: The feed function.
    """

    def __init__(
        self, world: World, admin: psycopg.Connection, clock: Clock, handler: Handler
    ) -> None:
        self._world = world
        self._admin = admin
        self._clock = clock
        self._hot_posts = HotPostCount(admin)
        self._handler = handler
        self._index = {str(post): i for i, post in enumerate(world.posts)}
        published = np.array([post.published_s for post in world.log.posts])
        order = np.argsort(published, kind="stable")
        self._coming = [int(i) for i in order if published[i] >= world.window.starts_s]
        self._published = published
        self.answers = Answers()

    def run(self, progress: Step) -> Answers:
        """Let the window pass, minute by minute, until the last watch that is judged."""
        log, window = self._world.log, self._world.window
        judged = set(window.judged.tolist())
        last = int(window.judged[-1])
        rows = range(window.begins, last + 1)
        for minute, group in groupby(rows, key=self._minute):
            self._clock.set(minute * TICK_S)
            self._hot_posts.update()
            self._handler.keep_up()
            self._note_mix()
            waiting: dict[int, list[int]] = {}
            for row in group:
                at_s = float(log.at_s[row]) - window.starts_s
                viewer = int(log.viewer[row])
                self._publish(float(log.at_s[row]))
                if row in judged:
                    self._tell(viewer, waiting.pop(viewer, []))
                    self._clock.set(at_s)
                    self._ask(viewer, int(log.post[row]))
                    progress.advance()
                waiting.setdefault(viewer, []).append(row)
            for viewer, told in waiting.items():
                self._tell(viewer, told)
        return self.answers

    def _minute(self, row: int) -> int:
        return int((float(self._world.log.at_s[row]) - self._world.window.starts_s) // TICK_S)

    def _publish(self, now_s: float) -> None:
        count = 0
        while count < len(self._coming) and self._published[self._coming[count]] <= now_s:
            count += 1
        if count:
            publish(self._world, self._admin, self._coming[:count])
            del self._coming[:count]

    def _tell(self, viewer: int, rows: list[int]) -> None:
        """Report watches as a client does: what came into sight, then how much was watched."""
        if not rows:
            return
        world, who = self._world, self._world.viewers[viewer]
        self._clock.set(float(world.log.at_s[rows[-1]]) - world.window.starts_s)
        for first in range(0, len(rows), 100):
            batch = rows[first : first + 100]
            self._handler.call(
                "POST",
                "/v1/impressions",
                who,
                body={
                    "session_id": str(who),
                    "impressions": [world.impression(row) for row in batch],
                },
            )
            self._handler.call(
                "POST",
                "/v1/watch-progress",
                who,
                body={"events": [world.watch(row) for row in batch]},
            )

    def _ask(self, viewer: int, target: int) -> None:
        """The first page of a new session, and the candidates that it was made of."""
        who = self._world.viewers[viewer]
        answer = self._handler.call(
            "GET", "/v1/feed", who, query={"page_size": str(PAGE), "device": "phone"}
        )
        self.answers.pages.append([self._index[post["post_id"]] for post in answer["posts"]])
        rows = self._admin.execute(_CANDIDATES, (who, self._clock.now())).fetchall()
        self.answers.found.append(self._world.posts[target] in {post for (post,) in rows})

    def _note_mix(self) -> None:
        if self._admin.execute("SELECT to_regclass('public.heat_mix')").fetchone() == (None,):
            return
        row = self._admin.execute(_MIX).fetchone()
        if row is not None:
            self.answers.mix.append(list(row[0]))
