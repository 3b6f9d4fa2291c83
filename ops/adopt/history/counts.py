"""What the application counts about a post in columns, such as `views_count`.

A count says how often something happened, not who did it or when. The rows of history and of the
feed say that, and each of them is part of the count. So a post's figures get what its count has
beyond its rows, once. The hot score and the heat get nothing: they need times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from ops.adopt.identity import known_id

if TYPE_CHECKING:
    from psycopg import Connection

    from ops.adopt.inspection import Inspection
    from ops.adopt.mapping import Mapping

_BATCH = 1000
_MOST = 10**12  # nothing is counted beyond it, whatever the column holds
_FIGURES = ("impressions", "likes", "comments", "shares")
# What was read, and what of it stands in post_stats without rows of history.
_TABLE = """
CREATE TABLE IF NOT EXISTS vroom_private.adopted_counts (
  post_id           uuid PRIMARY KEY,
  taken_at          timestamptz NOT NULL DEFAULT now(),
  usual             double precision NOT NULL,
  impressions_read  bigint NOT NULL,
  likes_read        bigint NOT NULL,
  comments_read     bigint NOT NULL,
  shares_read       bigint NOT NULL,
  impressions       bigint NOT NULL,
  plays             bigint NOT NULL,
  likes             bigint NOT NULL,
  comments          bigint NOT NULL,
  shares            bigint NOT NULL
)
"""
# Whoever liked a post has seen it, so it was seen at least as often as it was liked.
_TAKE = """
WITH batch AS MATERIALIZED (
  SELECT s.post_id, s.impressions AS had_impressions, s.plays AS had_plays, s.likes AS had_likes,
         s.comments AS had_comments, s.shares AS had_shares,
         vroom_private.watch_norm(vroom_private.duration_bucket(s.duration_ms)) AS usual,
         greatest(c.impressions, c.likes, c.comments, c.shares) AS impressions,
         c.likes, c.comments, c.shares
  FROM (SELECT {id} AS id, {columns} FROM {posts} a) c
  JOIN public.post_stats s ON s.post_id = c.id
  LEFT JOIN vroom_private.adopted_counts k ON k.post_id = s.post_id
  WHERE k.post_id IS NULL
  ORDER BY s.post_id LIMIT {limit} FOR NO KEY UPDATE OF s
), noted AS (
  INSERT INTO vroom_private.adopted_counts AS k (
    post_id, usual, impressions_read, likes_read, comments_read, shares_read,
    impressions, plays, likes, comments, shares)
  SELECT b.post_id, b.usual, b.impressions, b.likes, b.comments, b.shares,
         greatest(0, b.impressions - b.had_impressions), greatest(0, b.impressions - b.had_plays),
         greatest(0, b.likes - b.had_likes), greatest(0, b.comments - b.had_comments),
         greatest(0, b.shares - b.had_shares)
  FROM batch b
  RETURNING k.*
), added AS (
  UPDATE public.post_stats s
  SET impressions = s.impressions + n.impressions, plays = s.plays + n.plays,
      watch_ratio_sum = s.watch_ratio_sum + n.plays * n.usual, likes = s.likes + n.likes,
      comments = s.comments + n.comments, shares = s.shares + n.shares
  FROM noted n WHERE s.post_id = n.post_id AND n.impressions + n.likes + n.comments + n.shares > 0
)
SELECT count(*) FROM noted
"""
# Rows of history that came after the counts, and say what the counts had said without names.
_ABSORB = """
WITH named AS (
  SELECT q.post_id, sum(q.impressions) AS impressions, sum(q.plays) AS plays,
         sum(q.likes) AS likes, sum(q.comments) AS comments, sum(q.shares) AS shares
  FROM public.engagement_queue q JOIN vroom_private.adopted_counts c USING (post_id)
  WHERE q.queue_no > %s AND q.xmin = pg_current_xact_id()::xid AND q.at <= c.taken_at
  GROUP BY q.post_id
), less AS MATERIALIZED (
  SELECT c.post_id, c.usual, least(c.impressions, n.impressions) AS impressions,
         least(c.plays, n.plays) AS plays, least(c.likes, n.likes) AS likes,
         least(c.comments, n.comments) AS comments, least(c.shares, n.shares) AS shares
  FROM named n JOIN vroom_private.adopted_counts c USING (post_id)
  ORDER BY c.post_id
), noted AS (
  UPDATE vroom_private.adopted_counts c
  SET impressions = c.impressions - l.impressions, plays = c.plays - l.plays,
      likes = c.likes - l.likes, comments = c.comments - l.comments, shares = c.shares - l.shares
  FROM less l WHERE c.post_id = l.post_id
)
UPDATE public.post_stats s
SET impressions = s.impressions - l.impressions, plays = s.plays - l.plays,
    watch_ratio_sum = greatest(0, s.watch_ratio_sum - l.plays * l.usual),
    likes = s.likes - l.likes, comments = s.comments - l.comments, shares = s.shares - l.shares
FROM less l WHERE s.post_id = l.post_id
"""
_SHORT = """
SELECT count(*) FROM vroom_private.adopted_counts c JOIN public.post_stats s USING (post_id)
WHERE s.impressions < c.impressions_read OR s.likes < c.likes_read
   OR s.comments < c.comments_read OR s.shares < c.shares_read
"""


def prepare(connection: Connection[Any]) -> None:
    """Make the table that notes which counts were taken."""
    connection.execute(_TABLE)


def take(connection: Connection[Any], mapping: Mapping, inspection: Inspection) -> int:
    """Add to the figures of posts what their counts have beyond their rows.

    Each post's counts are read once. Return how many posts there were.
    """
    key = sql.SQL("a.") + sql.Identifier(mapping.post_id)
    columns = [
        sql.SQL("least({}, greatest(0, coalesce(a.{}, 0)))::bigint AS {}").format(
            sql.Literal(_MOST), sql.Identifier(mapping.counts[figure]), sql.Identifier(figure)
        )
        if figure in mapping.counts
        else sql.SQL("0::bigint AS {}").format(sql.Identifier(figure))
        for figure in _FIGURES
    ]
    text = sql.SQL(_TAKE).format(
        id=known_id("post", key, inspection.posts[mapping.post_id].type),
        columns=sql.SQL(", ").join(columns),
        posts=sql.Identifier(mapping.posts.schema, mapping.posts.table),
        limit=sql.Literal(_BATCH),
    )
    taken = 0
    while True:
        row = connection.execute(text).fetchone()
        if row is None or row[0] == 0:
            return taken
        taken += row[0]


def last_queued(connection: Connection[Any]) -> int:
    """Return a number after which the events that this transaction queues stand."""
    row = connection.execute(
        "SELECT coalesce(max(queue_no), 0) FROM public.engagement_queue"
    ).fetchone()
    return int(row[0]) if row else 0


def absorb(connection: Connection[Any], after: int) -> None:
    """Take from the figures what rows queued by this transaction say now, and counts said before.

    Args:
        connection: Within the transaction that queued them.
        after: What `last_queued` said before it did.
    """
    connection.execute(_ABSORB, [after])


def short(connection: Connection[Any]) -> int:
    """Count the posts whose figures fall short of the counts that were read."""
    row = connection.execute(_SHORT).fetchone()
    return int(row[0]) if row else 0
