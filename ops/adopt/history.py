"""What viewers did before the feed came: likes, comments, impressions and watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from ops.adopt.identity import feed_id
from ops.adopt.inspection import columns_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

    from ops.adopt.mapping import MappedTable, Mapping
    from ops.adopt.text import Text

_BLOCKS = 100  # of eight kilobytes, in one transaction

# A like or a comment says that the post was watched, not for how long: it counts as a usual watch
# of a post of this length. A viewer counts once a post, so that a second run adds nothing.
_ENGAGEMENT = """
WITH rows AS MATERIALIZED (
  SELECT DISTINCT ON (r.user_id, r.post_id) r.user_id, r.post_id, r.at, s.creator_id, s.duration_ms,
         vroom_private.watch_norm(vroom_private.duration_bucket(s.duration_ms)) AS usual
  FROM ({rows}) r JOIN public.post_stats s ON s.post_id = r.post_id
  WHERE s.creator_id <> r.user_id AND r.at <= now()
  ORDER BY r.user_id, r.post_id, r.at
), kept AS (
  INSERT INTO public.viewer_watches AS k (user_id, post_id, best_ratio, {flag}, plays, last_at)
  SELECT r.user_id, r.post_id, r.usual, true, 1, r.at FROM rows r ORDER BY 1, 2
  ON CONFLICT (user_id, post_id) DO UPDATE SET {flag} = true WHERE NOT k.{flag}
  RETURNING k.user_id, k.post_id, (xmax = 0) AS is_new
), queued AS (
  INSERT INTO public.engagement_queue (
    post_id, creator_id, at, plays, watch_ratio, {counter}, weight, duration_ms, observed_like)
  SELECT r.post_id, r.creator_id, r.at, k.is_new::integer, k.is_new::integer * r.usual, 1,
         {weight} + k.is_new::integer * r.usual, r.duration_ms, {observed}
  FROM rows r JOIN kept k USING (user_id, post_id)
  RETURNING 1
)
SELECT count(*) FROM queued
"""
# The event's id follows from what it says, so that a second run finds it there.
_IMPRESSIONS = """
WITH written AS (
  INSERT INTO public.user_post_impressions (user_id, event_id, post_id, seen_at, source)
  SELECT r.user_id, md5(concat_ws('/', r.user_id, r.post_id, r.at))::uuid, r.post_id, r.at, 'import'
  FROM ({rows}) r JOIN public.post_stats s ON s.post_id = r.post_id
  WHERE r.at <= now()
  ON CONFLICT DO NOTHING RETURNING 1
)
SELECT count(*) FROM written
"""
# One call a viewer, in the order of time: what is learnt of a taste depends on it.
_WATCHES = """
SELECT coalesce(sum((SELECT count(*) FROM public.record_watches(b.user_id, b.batch, b.at) w
                     WHERE w.outcome = 'accepted')), 0)
FROM (
  SELECT r.user_id, max(r.at) AS at, jsonb_agg(jsonb_build_object(
           'event_id', md5(concat_ws('/', r.user_id, r.post_id, r.at))::uuid, 'post_id', r.post_id,
           'play_ms', r.play_ms, 'duration_ms', r.duration_ms, 'liked', false, 'commented', false,
           'shared', false) ORDER BY r.at) AS batch
  FROM ({rows}) r WHERE r.at <= now() GROUP BY r.user_id
) b
"""


class History:
    """One table of what viewers did, read block by block.

    Args:
        connection: As the schema's owner.
        kind: `likes`, `comments`, `impressions` or `watches`.
        table: The application's table.
        post_type: The type of the application's keys of posts.
    """

    def __init__(
        self, connection: Connection[Any], kind: str, table: MappedTable, post_type: str
    ) -> None:
        self.kind = kind
        self.table = str(table.name)
        self._statement = _statement(connection, kind, table, post_type)

    def run(self, connection: Connection[Any], progress: Callable[[int], None]) -> int:
        """Take the whole table over; return how many events were new."""
        written = 0
        for low, high in _ranges(connection, self.table):
            with connection.transaction():
                row = connection.execute(self._statement, {"low": low, "high": high}).fetchone()
            written += int(row[0]) if row else 0
            progress(1)
        return written

    def batches(self, connection: Connection[Any]) -> int:
        """Return how many batches `run` takes."""
        return sum(1 for _ in _ranges(connection, self.table))


def histories(connection: Connection[Any], mapping: Mapping, post_type: str) -> list[History]:
    """Return the tables of history that the mapping names, in the order to take them over."""
    named = {
        "impressions": mapping.impressions,
        "watches": mapping.watches,
        "likes": mapping.likes,
        "comments": mapping.comments,
    }
    return [
        History(connection, kind, table, post_type)
        for kind, table in named.items()
        if table is not None
    ]


def _statement(connection: Connection[Any], kind: str, table: MappedTable, post_type: str) -> Text:
    columns = columns_of(connection, table.name)
    user, post = table.columns["user"], table.columns["post"]
    user_key, post_key = (sql.SQL("{}").format(sql.Identifier(name)) for name in (user, post))
    parts = [
        sql.SQL("{} AS user_id").format(feed_id("user", user_key, columns[user].type)),
        sql.SQL("{} AS post_id").format(feed_id("post", post_key, post_type)),
        sql.SQL("{}::timestamptz AS at").format(sql.Identifier(table.columns["at"])),
    ]
    if kind == "watches":
        parts += [
            sql.SQL("{} AS {}").format(sql.Identifier(table.columns[name]), sql.Identifier(name))
            for name in ("play_ms", "duration_ms")
        ]
    rows = sql.SQL(
        "SELECT {} FROM {} WHERE ctid >= %(low)s::tid AND ctid < %(high)s::tid"
        " AND {} IS NOT NULL AND {} IS NOT NULL"
    ).format(
        sql.SQL(", ").join(parts),
        sql.Identifier(table.name.schema, table.name.table),
        sql.Identifier(user),
        sql.Identifier(post),
    )
    if kind == "impressions":
        return sql.SQL(_IMPRESSIONS).format(rows=rows)
    if kind == "watches":
        return sql.SQL(_WATCHES).format(rows=rows)
    liked = kind == "likes"
    return sql.SQL(_ENGAGEMENT).format(
        rows=rows,
        flag=sql.Identifier("liked" if liked else "commented"),
        counter=sql.Identifier(kind),
        weight=sql.Literal(2 if liked else 3),
        observed=sql.Literal(liked),
    )


def _ranges(connection: Connection[Any], table: str) -> Iterator[tuple[str, str]]:
    row = connection.execute(
        "SELECT pg_relation_size(to_regclass(%s)) / current_setting('block_size')::bigint", [table]
    ).fetchone()
    blocks = int(row[0]) if row else 0
    for low in range(0, blocks, _BLOCKS):
        yield f"({low},0)", f"({low + _BLOCKS},0)"
