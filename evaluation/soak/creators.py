"""Creators who publish posts and take posts down while a soak runs."""

from __future__ import annotations

import random
import threading
from typing import Any
from uuid import uuid4

import psycopg

_EVERY_S = 2.0
_INSERT = """
INSERT INTO posts (id, creator_id, caption, tags, mux_ready, mux_playback_id, mux_duration_ms,
                   aspect_ratio)
SELECT %(id)s, creator_id, caption, tags, true, %(playback)s, mux_duration_ms, aspect_ratio
FROM posts ORDER BY random() LIMIT 1
"""
_REMOVE = """
UPDATE posts SET visibility = 'removed'
WHERE id = (SELECT id FROM posts WHERE visibility = 'public' ORDER BY random() LIMIT 1)
"""


class Creators(threading.Thread):
    """A thread that publishes a post every two seconds, and removes one half as often.

    Args:
        database_url: The URL for the owner of the schema.

    Attributes:
        published: The number of posts that were published.
        removed: The number of posts that were taken down.
    """

    def __init__(self, database_url: str) -> None:
        super().__init__(daemon=True)
        self.published = self.removed = 0
        self._url = database_url
        self._ended = threading.Event()

    def run(self) -> None:
        """Publish and remove until told to end."""
        draw = random.Random(2)
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._ended.wait(_EVERY_S):
                post: dict[str, Any] = {"id": uuid4(), "playback": uuid4().hex}
                connection.execute(_INSERT, post)
                self.published += 1
                if draw.random() < 0.5:  # noqa: PLR2004  # one removal for two posts
                    connection.execute(_REMOVE)
                    self.removed += 1

    def end(self) -> None:
        """End the thread, and wait until it has ended."""
        self._ended.set()
        self.join()
