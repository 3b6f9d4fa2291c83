"""The statements that take history over and say what became of each row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from ops.adopt.text import Text

DONE = sql.SQL("""
CREATE TABLE IF NOT EXISTS vroom_private.adopted_history (
  kind     text NOT NULL,
  source   text NOT NULL,
  taken_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (kind, source)
)
""")
# The feed forgets after a while what a row was counted for. A source that was taken over before
# gives no rows that are about that old, since they would be counted once more.
_GIVEN = """
WITH given AS MATERIALIZED (
  SELECT r.*, s.creator_id, s.duration_ms AS lasts_ms, CASE
    WHEN r.user_id IS NULL OR r.at IS NULL THEN 'without a viewer or a time'
    WHEN s.post_id IS NULL THEN 'of no post that is known'
    WHEN NOT isfinite(r.at) OR r.at > now() THEN 'from the future'
    WHEN %(again)s AND r.at < now() - f.kept + interval '1 day'
      THEN 'older than what the feed keeps, and taken over before'
    WHEN {counted} AND s.creator_id = r.user_id THEN 'of a viewer and their own post'
    WHEN {watched} AND ((r.duration_ms BETWEEN 1 AND 86400000) IS NOT TRUE
      OR (r.play_ms BETWEEN 0 AND 10 * r.duration_ms) IS NOT TRUE) THEN 'of no possible length'
  END AS left_out
  FROM ({rows}) r
  LEFT JOIN public.post_stats s ON s.post_id = r.post_id
  CROSS JOIN (SELECT {kept} AS kept FROM public.feed_settings) f
),
good AS MATERIALIZED (SELECT g.* FROM given g WHERE g.left_out IS NULL)
"""
_OUTCOME = """
SELECT (SELECT count(*) FROM given), ({new}),
       (SELECT jsonb_object_agg(l.left_out, l.n) FROM (
          SELECT g.left_out, count(*) AS n FROM given g WHERE g.left_out IS NOT NULL GROUP BY 1) l)
"""
# A like or a comment says that the post was watched, not for how long: it counts as a usual watch
# of a post of this length. A viewer counts once a post, so that a second run adds nothing.
# Batches that arrive meanwhile add rows of viewer_watches under the lock of their viewer alone.
_ENGAGEMENT = """
, once AS MATERIALIZED (
  SELECT DISTINCT ON (g.user_id, g.post_id) g.*,
         vroom_private.watch_norm(vroom_private.duration_bucket(g.lasts_ms)) AS usual
  FROM good g ORDER BY g.user_id, g.post_id, g.at
), locked AS MATERIALIZED (
  SELECT count(vroom_private.lock_viewer(v.user_id)) AS viewers
  FROM (SELECT DISTINCT o.user_id FROM once o ORDER BY 1) v
), kept AS (
  INSERT INTO public.viewer_watches AS k (user_id, post_id, best_ratio, {flag}, plays, last_at)
  SELECT o.user_id, o.post_id, o.usual, true, 1, o.at FROM once o CROSS JOIN locked ORDER BY 1, 2
  ON CONFLICT (user_id, post_id) DO UPDATE SET {flag} = true WHERE NOT k.{flag}
  RETURNING k.user_id, k.post_id, (xmax = 0) AS is_new
), queued AS (
  INSERT INTO public.engagement_queue (
    post_id, creator_id, at, plays, watch_ratio, {counter}, weight, duration_ms, observed_like)
  SELECT o.post_id, o.creator_id, o.at, k.is_new::integer, k.is_new::integer * o.usual, 1,
         {weight} + k.is_new::integer * o.usual, o.lasts_ms, {observed}
  FROM once o JOIN kept k USING (user_id, post_id)
  RETURNING 1
)
"""
# The event's id follows from what it says, so that a second run finds it there.
_EVENT = "md5(concat_ws('/', g.user_id, g.post_id, extract(epoch FROM g.at)))::uuid"
_IMPRESSIONS = f"""
, written AS (
  INSERT INTO public.user_post_impressions (user_id, event_id, post_id, seen_at, source)
  SELECT g.user_id, {_EVENT}, g.post_id, g.at, 'import' FROM good g
  ON CONFLICT DO NOTHING RETURNING 1
)
"""  # noqa: S608  # a fixed text
# One call a viewer and minute, in the order of time: what is learnt of a taste depends on the
# order, and the heat on the time.
_WATCHES = f"""
, called AS MATERIALIZED (
  SELECT (SELECT count(*) FROM public.record_watches(b.user_id, b.batch, b.at) w
          WHERE w.outcome IN ('accepted', 'self_view')) AS accepted
  FROM (
    SELECT g.user_id, max(g.at) AS at, jsonb_agg(jsonb_build_object(
             'event_id', {_EVENT}, 'post_id', g.post_id, 'play_ms', g.play_ms,
             'duration_ms', g.duration_ms) ORDER BY g.at) AS batch
    FROM good g GROUP BY g.user_id, date_trunc('minute', g.at) ORDER BY 2, 1
  ) b
)
"""  # noqa: S608  # a fixed text
_NEW = {
    "impressions": "SELECT count(*) FROM written",
    "watches": "SELECT coalesce(sum(c.accepted), 0)::bigint FROM called c",
    "likes": "SELECT count(*) FROM queued",
    "comments": "SELECT count(*) FROM queued",
}
_KEPT = {
    "impressions": "cooldown",
    "watches": "keep_watch_events",
    "likes": "keep_watches",
    "comments": "keep_watches",
}
_WATCHED = f"""
SELECT true FROM public.watch_events e WHERE e.user_id = g.user_id AND e.event_id = {_EVENT} LIMIT 1
"""  # noqa: S608  # a fixed text
_THERE = {
    "impressions": (
        "SELECT true FROM public.viewer_last_seen v"
        " WHERE v.user_id = g.user_id AND v.post_id = g.post_id AND v.seen_at >= g.at LIMIT 1"
    ),
    "watches": _WATCHED,
    "likes": (
        "SELECT true FROM public.viewer_watches k"
        " WHERE k.user_id = g.user_id AND k.post_id = g.post_id AND k.liked LIMIT 1"
    ),
    "comments": (
        "SELECT true FROM public.viewer_watches k"
        " WHERE k.user_id = g.user_id AND k.post_id = g.post_id AND k.commented LIMIT 1"
    ),
}


def take(kind: str, rows: Text) -> Text:
    """Return the statement that takes rows over.

    It returns how many rows there were, how many of them were new, and why others were left out.
    """
    outcome = sql.SQL(_OUTCOME).format(new=sql.SQL(_NEW[kind]))
    if kind == "impressions":
        return _given(kind, rows) + sql.SQL(_IMPRESSIONS) + outcome
    if kind == "watches":
        return _given(kind, rows) + sql.SQL(_WATCHES) + outcome
    liked = kind == "likes"
    engagement = sql.SQL(_ENGAGEMENT).format(
        flag=sql.Identifier("liked" if liked else "commented"),
        counter=sql.Identifier(kind),
        weight=sql.Literal(2 if liked else 3),
        observed=sql.Literal(liked),
    )
    return _given(kind, rows) + engagement + outcome


def missing(kind: str, rows: Text) -> Text:
    """Return the statement that counts the rows that should be there and are not."""
    there = sql.SQL("SELECT count(*) FROM good g WHERE ({}) IS NULL")
    return _given(kind, rows) + there.format(sql.SQL(_THERE[kind]))


def _given(kind: str, rows: Text) -> Text:
    return sql.SQL(_GIVEN).format(
        rows=rows,
        kept=sql.Identifier(_KEPT[kind]),
        counted=sql.Literal(kind in {"likes", "comments"}),
        watched=sql.Literal(kind == "watches"),
    )
