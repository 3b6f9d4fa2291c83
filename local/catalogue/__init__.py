"""A made-up catalogue that looks real, with posts, engagement, follows and sample streams."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg

from local.catalogue.shapes import (
    POSTS_PER_CREATOR,
    Engagement,
    age,
    engagement,
    length_ms,
    posts_by_creator,
)
from local.catalogue.words import Words
from local.mux.media.samples import sample_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SHAPES = (("9:16", 84), ("16:9", 8), ("1:1", 5), ("4:5", 3))
_RESOLUTIONS = (("FHD", 70), ("HD", 25), ("SD", 5))
_OF_CREATOR = 0.6  # the share of a post's quality that comes from its creator
_MOST_FOLLOWED = 5

_NEW_POSTS = """
CREATE TEMPORARY TABLE new_posts (
  id uuid, creator_id uuid, caption text, tags text[], playback_id text, duration_ms integer,
  resolution text, aspect_ratio text, created_at timestamptz, published_at timestamptz,
  impressions bigint, plays bigint, watch_ratio_sum double precision, likes bigint, comments bigint,
  shares bigint, hot_score double precision
) ON COMMIT DROP
"""
_COPY_POSTS = "COPY new_posts FROM STDIN"
# Posts are inserted in the order of time, because that is how they are numbered in production.
_INSERT_POSTS = """
WITH added AS (
  INSERT INTO posts (id, creator_id, caption, tags, mux_ready, mux_playback_id, mux_duration_ms,
                     mux_max_resolution, aspect_ratio, created_at, published_at)
  SELECT id, creator_id, caption, tags, true, playback_id, duration_ms, resolution, aspect_ratio,
         created_at, published_at
  FROM new_posts ORDER BY published_at
  ON CONFLICT (id) DO NOTHING
  RETURNING id
)
DELETE FROM new_posts WHERE id NOT IN (SELECT id FROM added)
"""
_FILL_STATS = """
UPDATE post_stats s
SET impressions = n.impressions, plays = n.plays, watch_ratio_sum = n.watch_ratio_sum,
    likes = n.likes, comments = n.comments, shares = n.shares, hot_score = n.hot_score
FROM new_posts n WHERE s.post_id = n.id
"""
_FILL_CREATORS = """
UPDATE creator_quality c
SET rolling_watch_ratio = n.watched / n.plays, rolling_like_rate = n.likes / n.plays,
    rolling_report_rate = 0.004 * exp(-n.likes / n.plays / 0.04), samples = n.plays
FROM (
  SELECT creator_id, sum(plays)::double precision AS plays, sum(watch_ratio_sum) AS watched,
         sum(likes)::double precision AS likes
  FROM new_posts GROUP BY creator_id HAVING sum(plays) > 0
) n
WHERE c.creator_id = n.creator_id
"""
_FOLLOW = """
INSERT INTO follows (follower_id, creator_id)
SELECT follower, creator FROM unnest(%s::uuid[], %s::uuid[]) AS f(follower, creator)
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class CatalogueSummary:
    """What a call of `seed` put into the database.

    Attributes:
        posts: The number of posts of the catalogue.
        added: The number of posts that were not there before.
        creators: The creators, in order from the busiest.
        follows: The number of follows among the creators that were not there before.
    """

    posts: int
    added: int
    creators: tuple[UUID, ...]
    follows: int


def seed(
    admin_url: str,
    *,
    posts: int,
    creators: int | None = None,
    seed: int = 1,
    now: datetime | None = None,
) -> CatalogueSummary:
    """Put a catalogue into a migrated database, in one transaction.

    The same arguments make the same catalogue. Rows that exist already stay as they are.

    Args:
        admin_url: The URL of the database for the owner of the schema.
        posts: The number of posts. All of them may be shown.
        creators: The number of creators. The default follows the ratio in a real catalogue.
        seed: The seed of all draws.
        now: The time at which the newest post was published. The default is the present.

    Raises:
        ValueError: `posts` is negative, or `creators` is not between 1 and `posts`.
        psycopg.Error: The database refused the change.
    """
    if posts < 0:
        raise ValueError(f"{posts} posts cannot be made")
    if posts == 0:
        return CatalogueSummary(posts=0, added=0, creators=(), follows=0)
    rng = random.Random(seed)  # noqa: S311 - makes data, not secrets
    moment = now or datetime.now(UTC)
    wanted = round(posts / POSTS_PER_CREATOR) if creators is None else creators
    counts = posts_by_creator(posts, max(wanted, 1) if creators is None else wanted, rng)
    people = {_uuid(rng): count for count in counts}
    with psycopg.connect(admin_url) as connection, connection.cursor() as cursor:
        cursor.execute(_NEW_POSTS)
        with cursor.copy(_COPY_POSTS) as copy:
            for row in _rows(people, rng, moment):
                copy.write_row(row)
        cursor.execute(_INSERT_POSTS)
        added = posts - cursor.rowcount
        cursor.execute(_FILL_STATS)
        cursor.execute(_FILL_CREATORS)
        pairs = list(_follows(list(people), rng))
        # A catalogue server of viewer cells has no viewers.
        has_viewers = cursor.execute("SELECT to_regclass('public.follows') IS NOT NULL").fetchone()
        follows = 0
        if has_viewers == (True,):
            cursor.execute(_FOLLOW, [[a for a, _ in pairs], [b for _, b in pairs]])
            follows = cursor.rowcount
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("ANALYZE posts, post_stats, post_blocks, creator_quality")
        if has_viewers == (True,):
            connection.execute("ANALYZE follows")
    return CatalogueSummary(posts=posts, added=added, creators=tuple(people), follows=follows)


def follow(admin_url: str, viewer: UUID, creators: Iterable[UUID]) -> int:
    """Let a viewer follow creators. Return the number of new follows.

    Raises:
        psycopg.Error: The database refused the change.
    """
    followed = list(creators)
    with psycopg.connect(admin_url) as connection:
        return connection.execute(_FOLLOW, [[viewer] * len(followed), followed]).rowcount


def _rows(
    people: dict[UUID, int], rng: random.Random, now: datetime
) -> Iterator[tuple[object, ...]]:
    """Yield the rows of new_posts."""
    words = Words(rng)
    authors = [creator for creator, count in people.items() for _ in range(count)]
    rng.shuffle(authors)
    talent: defaultdict[UUID, float] = defaultdict(lambda: rng.gauss(0.0, 1.0))
    luck = (1.0 - _OF_CREATOR**2) ** 0.5
    for creator in authors:
        topic = words.topic()
        # Sample streams last whole seconds.
        length = round(length_ms(rng.random()) / 1000) * 1000
        shape = _pick(rng, _SHAPES)
        published_at = now - age(rng.random())
        quality = _OF_CREATOR * talent[creator] + luck * rng.gauss(0.0, 1.0)
        done: Engagement = engagement(rng, quality, length, published_at, now)
        yield (
            _uuid(rng),
            creator,
            words.caption(topic),
            words.tags(topic),
            sample_id(shape, length // 1000, rng),
            length,
            _pick(rng, _RESOLUTIONS),
            shape,
            published_at - timedelta(seconds=30 + rng.expovariate(1 / 60)),
            published_at,
            *astuple(done),
        )


def _follows(people: list[UUID], rng: random.Random) -> Iterator[tuple[UUID, UUID]]:
    """Yield pairs of follower and creator. Each follows up to five, mostly well-known ones."""
    known = list(accumulate(1.0 / rank for rank in range(1, len(people) + 1)))
    for person in people:
        followed = rng.choices(people, cum_weights=known, k=rng.randint(0, _MOST_FOLLOWED))
        for creator in dict.fromkeys(followed):
            if creator != person:
                yield person, creator


def _pick(rng: random.Random, options: tuple[tuple[str, int], ...]) -> str:
    return rng.choices([name for name, _ in options], [weight for _, weight in options])[0]


def _uuid(rng: random.Random) -> UUID:
    return UUID(int=rng.getrandbits(128), version=4)
