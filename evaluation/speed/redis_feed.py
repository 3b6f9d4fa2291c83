"""A feed on Redis as teams build it: posts in a sorted set by score, a set of what was seen.

It ranks nobody's page by anything of their own, keeps no page for a retry and survives no restart;
it is here because it is quick.
"""

from __future__ import annotations

import json
import shutil
import time
from contextlib import contextmanager
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import psycopg

from evaluation.speed.figures import spread
from evaluation.speed.resp import Redis, RedisError
from local.errors import StackError
from local.services.processes import HOST, Part, free_port, supervised

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from uuid import UUID

    from evaluation.speed.resp import Reply

MISSING = "redis-server is not installed"
_PAGE = 12
_CHUNK = 100
_LOAD_CHUNK = 5_000
_START_S = 10.0
_POSTS = """
SELECT p.id::text, s.hot_score,
       json_build_object('caption', p.caption, 'playback', p.mux_playback_id,
                         'duration', p.mux_duration_ms, 'creator', p.creator_id)::text
FROM post_stats s JOIN posts p ON p.id = s.post_id WHERE s.eligible
"""


def measure(admin_url: str, viewers: Sequence[UUID], samples: int, folder: Path) -> dict[str, Any]:
    """First pages of a feed over the same posts and the same viewers' histories."""
    program = shutil.which("redis-server")
    if program is None:
        return {"note": MISSING}
    with _server(program, folder) as redis:
        _load(redis, admin_url, viewers)
        taken = []
        for viewer in islice(cycle(viewers), samples):
            started = time.perf_counter()
            page(redis, str(viewer))
            taken.append((time.perf_counter() - started) * 1e3)
        return spread(taken)


def page(redis: Redis, viewer: str) -> list[dict[str, Any]]:
    """Twelve posts, the hottest that the viewer's set of seen posts does not hold.

    Raises:
        RedisError: Fewer are left.
    """
    chosen: list[Reply] = []
    for start in range(0, 1 << 30, _CHUNK):
        found = redis.call("ZREVRANGE", "hot", start, start + _CHUNK - 1)
        if not isinstance(found, list) or not found:
            raise RedisError("no unseen post is left")
        seen = redis.call("SMISMEMBER", f"seen:{viewer}", *(bytes(_text(f)) for f in found))
        flags = seen if isinstance(seen, list) else []
        chosen += [post for post, flag in zip(found, flags, strict=True) if not flag]
        if len(chosen) >= _PAGE:
            break
    ids = [_text(post) for post in chosen[:_PAGE]]
    content, _ = redis.pipeline(
        [["MGET", *(b"post:" + i for i in ids)], ["SADD", f"served:{viewer}", *ids]]
    )
    return [json.loads(_text(post)) for post in content] if isinstance(content, list) else []


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
    deadline = time.monotonic() + _START_S
    while part.alive and time.monotonic() < deadline:
        try:
            return Redis(HOST, port)
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise StackError(f"redis-server did not start.{part.log_tail()}")


def _load(redis: Redis, admin_url: str, viewers: Sequence[UUID]) -> None:
    with psycopg.connect(admin_url) as connection:
        with connection.cursor("posts") as posts:
            posts.execute(_POSTS)
            while rows := posts.fetchmany(_LOAD_CHUNK):
                redis.pipeline([["ZADD", "hot", score, post] for post, score, _ in rows])
                redis.pipeline([["SET", f"post:{post}", content] for post, _, content in rows])
        for viewer in viewers:
            seen = connection.execute(
                "SELECT post_id::text FROM viewer_last_seen WHERE user_id = %s", [viewer]
            ).fetchall()
            if seen:
                redis.call("SADD", f"seen:{viewer}", *(post for (post,) in seen))


def _text(reply: Reply) -> bytes:
    if not isinstance(reply, bytes):
        raise RedisError("a string was expected")
    return reply
