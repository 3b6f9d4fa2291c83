"""A feed on Redis, as many teams build it.

Posts are in a sorted set by score, and each viewer has a set of the posts that they saw.

The pages are not personal, no page is kept for a retry, and nothing survives a restart. The
benchmark includes it because it is fast.
"""

from __future__ import annotations

import json
import shutil
import time
from contextlib import contextmanager
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import psycopg
from redis import ConnectionError as RedisConnectionError
from redis import Redis

from evaluation.percentiles import spread
from local.errors import StackError
from local.services.processes import HOST, Part, free_port, supervised

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from uuid import UUID

MISSING = "redis-server is not installed"
_PAGE = 12
_CHUNK = 100
_LOAD_CHUNK = 5_000
_START_S = 10.0
_TIMEOUT_S = 10.0
_POSTS = """
SELECT p.id::text, s.hot_score,
       json_build_object('caption', p.caption, 'playback', p.mux_playback_id,
                         'duration', p.mux_duration_ms, 'creator', p.creator_id)::text
FROM post_stats s JOIN posts p ON p.id = s.post_id WHERE s.eligible
"""


class NothingLeftError(Exception):
    """A viewer has seen almost all posts."""


def measure(
    admin_url: str, kinds: Mapping[str, Sequence[UUID]], samples: int, folder: Path
) -> dict[str, Any]:
    """Measure first pages of a feed over the same posts and the same viewers' histories.

    Args:
        admin_url: The URL of the data set for its owner.
        kinds: The kinds of viewers by name, each with its viewers.
        samples: The number of pages of each kind.
        folder: The folder for the log of the server.

    Returns:
        The percentiles of each kind, or a note where a kind has none.
    """
    program = shutil.which("redis-server")
    if program is None:
        return {kind: {"note": MISSING} for kind in kinds}
    with _server(program, folder) as redis:
        _load(redis, admin_url, [viewer for viewers in kinds.values() for viewer in viewers])
        return {kind: _pages(redis, viewers, samples) for kind, viewers in kinds.items()}


def _pages(redis: Redis, viewers: Sequence[UUID], samples: int) -> dict[str, Any]:
    milliseconds = []
    for viewer in islice(cycle(viewers), samples):
        started = time.perf_counter()
        try:
            page(redis, str(viewer))
        except NothingLeftError as error:
            return {"note": str(error)}
        milliseconds.append((time.perf_counter() - started) * 1e3)
    return spread(milliseconds)


def page(redis: Redis, viewer: str) -> list[dict[str, Any]]:
    """Return twelve posts, the hottest that the viewer's set of seen posts does not hold.

    Raises:
        NothingLeftError: Fewer posts are left.
    """
    chosen: list[Any] = []
    for start in range(0, 1 << 30, _CHUNK):
        found = redis.zrevrange("hot", start, start + _CHUNK - 1)
        if not found:
            raise NothingLeftError("no page of unseen posts is left")
        seen = redis.smismember(f"seen:{viewer}", found)
        chosen += [post for post, flag in zip(found, seen, strict=True) if not flag]
        if len(chosen) >= _PAGE:
            break
    ids = chosen[:_PAGE]
    with redis.pipeline(transaction=False) as both:
        both.mget([b"post:" + post for post in ids])
        both.sadd(f"served:{viewer}", *ids)
        content, _ = both.execute()
    return [json.loads(post) for post in content]


@contextmanager
def _server(program: str, folder: Path) -> Iterator[Redis]:
    port = free_port()
    command = [program, "--bind", HOST, "--port", str(port), "--save", "", "--appendonly", "no"]
    part = Part("redis", supervised(command), log=folder / "redis.log")
    try:
        redis = _connect(part, port)
        try:
            yield redis
        finally:
            redis.close()
    finally:
        part.stop()


def _connect(part: Part, port: int) -> Redis:
    redis = Redis(HOST, port, socket_timeout=_TIMEOUT_S)
    deadline = time.monotonic() + _START_S
    while part.alive and time.monotonic() < deadline:
        try:
            redis.ping()
        except RedisConnectionError:
            time.sleep(0.05)
        else:
            return redis
    redis.close()
    raise StackError(f"redis-server did not start.{part.log_tail()}")


def _load(redis: Redis, admin_url: str, viewers: Sequence[UUID]) -> None:
    with psycopg.connect(admin_url) as connection:
        with connection.cursor("posts") as posts:
            posts.execute(_POSTS)
            while rows := posts.fetchmany(_LOAD_CHUNK):
                redis.zadd("hot", {post: score for post, score, _ in rows})
                redis.mset({f"post:{post}": content for post, _, content in rows})
        for viewer in viewers:
            seen = connection.execute(
                "SELECT post_id::text FROM viewer_last_seen WHERE user_id = %s", [viewer]
            ).fetchall()
            if seen:
                redis.sadd(f"seen:{viewer}", *(post for (post,) in seen))
