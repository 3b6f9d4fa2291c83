"""The real feed, with its Lambda handlers, Postgres and DynamoDB, called as clients call it."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import replace
from random import Random
from statistics import mean
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from evaluation.clock import Clock, moment
from evaluation.counting import Work, counted
from evaluation.handler import Handler, RefusedError
from evaluation.simulation.arms import Answer, Session, Slot, View
from evaluation.simulation.scale import HOUR_S
from evaluation.table_statistics import HotPostCount

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from evaluation.handler import Backend
    from evaluation.simulation.figures import Figures
    from evaluation.simulation.population import Population
    from evaluation.simulation.scale import Scale

_FOLLOWED_AFTER = 2  # a viewer follows a creator after so many likes of their posts
_HALF_LIFE = "SELECT set_hot_half_life(make_interval(secs => %s))"
_INSERT_POST = """
INSERT INTO posts (id, creator_id, caption, tags, mux_ready, mux_playback_id, mux_duration_ms,
                   aspect_ratio, created_at, published_at)
VALUES (%(id)s, %(creator)s, %(caption)s, %(tags)s, true, %(playback)s, %(duration)s, '9:16',
        %(at)s, %(at)s)
"""
_FLAG = """
INSERT INTO feature_flags (name, enabled, rollout_percentage, metadata)
VALUES ('simulated', true, 100, %s)
"""
_FOLLOW = """
INSERT INTO follows (follower_id, creator_id, created_at) VALUES (%s, %s, %s)
ON CONFLICT DO NOTHING
"""


class Ours:
    """The feed of this repository as an arm.

    It is a context manager. A process can have only one at a time.

    Args:
        population: The population whose posts it shows.
        scale: The page size and the settings.
        backend: The databases that hold its data.
    """

    name = "ours"

    def __init__(self, population: Population, scale: Scale, backend: Backend) -> None:
        self._population = population
        self._scale = scale
        self._backend = backend
        self._ids = Random(f"{population.seed}/ids")
        self._index = {str(post.id): i for i, post in enumerate(population.posts)}
        self._liked: dict[tuple[int, int], int] = {}
        self._work = Work()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        settings = {"NEW_POST_QUOTA": str(self._scale.quota), **self._scale.environment}
        with ExitStack() as stack:
            self._admin = stack.enter_context(
                psycopg.connect(self._backend.admin_url, autocommit=True)
            )
            if self._scale.half_life_h is not None:
                self._admin.execute(_HALF_LIFE, (self._scale.half_life_h * HOUR_S,))
            if self._scale.variant is not None:
                self._admin.execute(_FLAG, (Jsonb(dict(self._scale.variant)),))
            self._hot_posts = HotPostCount(self._admin)
            self._clock = Clock(self._admin)
            self._handler = stack.enter_context(
                Handler(self._backend, settings, self._clock, self._new_id)
            )
            self._work = stack.enter_context(counted())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def publish(self, posts: Sequence[int]) -> None:
        """Insert posts as uploads leave them, which is ready and with a playback id."""
        rows = [
            {
                "id": post.id,
                "creator": self._population.creators[post.creator],
                "caption": post.caption,
                "tags": list(post.tags),
                "playback": f"play{post.id.hex[:12]}",
                "duration": post.duration_ms,
                "at": moment(post.published_s),
            }
            for post in (self._population.posts[i] for i in posts)
        ]
        with self._admin.cursor() as cursor:
            cursor.executemany(_INSERT_POST, rows)

    def page(self, session: Session, now_s: float) -> Answer:
        """Send GET /v1/feed with the cursor of the last page."""
        self._clock.set(now_s)
        viewer = self._population.viewers[session.viewer]
        about = {
            "device": viewer.device,
            "connection": viewer.connection,
            "timezone": viewer.timezone,
        }
        if session.id is None:
            session.id = self._start(viewer.id, about)
        query = {
            "page_size": str(self._scale.page_size),
            "session_id": str(session.id),
            **about,
        }
        if session.token is not None:
            query["cursor"] = session.token
        body = self._handler.call("GET", "/v1/feed", viewer.id, query=query)
        session.token = body["next_cursor"]
        return Answer(
            tuple(
                Slot(self._index[post["post_id"]], post["source"], post["position"])
                for post in body["posts"]
            ),
            hit=body["cache"] == "hit",
            degraded=body["degraded"],
        )

    def _start(self, viewer: UUID, about: Mapping[str, str]) -> UUID:
        """Start a session, as the client does when the app is opened, or make an id for one."""
        if not self._scale.start_session:
            return self._new_id()
        wanted = {**about, "page_size": self._scale.page_size}
        return UUID(self._handler.call("POST", "/v1/sessions", viewer, body=wanted)["session_id"])

    def counted(self, figures: Figures) -> Figures:
        """Return figures together with what the pages cost the feed."""
        work, pages = self._work, figures.pages
        return replace(
            figures,
            rankings=work.rankings / pages,
            write_units=work.write_units / pages,
            queue_bytes=mean(work.later_bytes) if work.later_bytes else math.nan,
        )

    def learn(self, session: Session, views: Sequence[View], now_s: float) -> None:
        """Send watch progress, impressions and feedback, and follow creators that are liked."""
        self._clock.set(now_s)
        viewer = self._population.viewers[session.viewer]
        # The client reports in this order. A queue that is ranked ahead then knows the watches.
        watched = {"events": [self._watch(view) for view in views]}
        self._all_accepted(
            self._handler.call("POST", "/v1/watch-progress", viewer.id, body=watched)
        )
        impressions = {
            "session_id": str(session.id),
            "impressions": [self._impression(view) for view in views],
        }
        self._all_accepted(
            self._handler.call("POST", "/v1/impressions", viewer.id, body=impressions)
        )
        for view in views:
            for wish in self._wishes(view):
                self._handler.call("POST", "/v1/feedback", viewer.id, body=wish)
            if view.outcome.liked:
                self._maybe_follow(session.viewer, view.slot.post)

    def upkeep(self, now_s: float) -> None:
        """Do what the schedule invokes every minute."""
        self._clock.set(now_s)
        self._hot_posts.update()
        self._handler.keep_up()

    def _impression(self, view: View) -> dict[str, Any]:
        return {
            "event_id": str(self._new_id()),
            "post_id": self._post_id(view),
            "source": view.slot.source,
            "position": view.slot.position,
            "visible_ms": view.outcome.play_ms,
            "seen_at": moment(view.seen_s).isoformat(),
        }

    def _watch(self, view: View) -> dict[str, Any]:
        outcome = view.outcome
        return {
            "event_id": str(self._new_id()),
            "post_id": self._post_id(view),
            "play_ms": outcome.play_ms,
            "duration_ms": self._population.posts[view.slot.post].duration_ms,
            "liked": outcome.liked,
            "commented": outcome.commented,
            "shared": outcome.shared,
        }

    def _wishes(self, view: View) -> Iterator[dict[str, Any]]:
        post = self._population.posts[view.slot.post]
        if view.outcome.refused:
            yield {"action": "not_interested", "post_id": str(post.id)}
        if view.outcome.reported:
            yield {"action": "report", "post_id": str(post.id)}
        if view.outcome.hidden:
            creator = self._population.creators[post.creator]
            yield {"action": "hide_creator", "creator_id": str(creator)}

    def _maybe_follow(self, viewer: int, post: int) -> None:
        creator = self._population.posts[post].creator
        count = self._liked[viewer, creator] = self._liked.get((viewer, creator), 0) + 1
        if count == _FOLLOWED_AFTER:
            who = self._population.viewers[viewer].id
            row = (who, self._population.creators[creator], self._clock.now())
            self._admin.execute(_FOLLOW, row)

    def _post_id(self, view: View) -> str:
        return str(self._population.posts[view.slot.post].id)

    def _new_id(self) -> UUID:
        return UUID(int=self._ids.getrandbits(128), version=4)

    def _all_accepted(self, body: Mapping[str, Any]) -> None:
        if body["rejected"]:
            raise RefusedError(f"rows were rejected: {body['rejected']}")
