"""post_stats, post_blocks, viewer_seen and viewer_last_seen against what they are derived from."""

from typing import LiteralString

from tests.integration.database.clients import Connection

# Each query lists what is wrong.
WRONG: dict[str, LiteralString] = {
    "post_stats": """
      SELECT coalesce(p.id, s.post_id) AS post, p::text, s::text
      FROM posts p FULL JOIN post_stats s ON s.post_id = p.id
      WHERE (s.post_no, s.creator_id, s.published_at, s.eligible) IS DISTINCT FROM
            (p.post_no, p.creator_id, coalesce(p.published_at, p.created_at),
             p.visibility = 'public' AND p.mux_ready AND coalesce(p.mux_playback_id, '') <> '')
        OR s.duration_ms IS DISTINCT FROM p.mux_duration_ms
    """,
    "post_blocks": """
      WITH bits AS (
        SELECT b.block_no * 1024 + n AS post_no, b.newest_published_at
        FROM post_blocks b, generate_series(0, 1023) n WHERE get_bit(b.eligible, n) = 1
      )
      SELECT coalesce(bits.post_no, s.post_no) AS post_no, s.published_at, bits.newest_published_at
      FROM bits FULL JOIN (SELECT * FROM post_stats WHERE eligible) s ON s.post_no = bits.post_no
      WHERE bits.post_no IS NULL OR s.post_no IS NULL OR s.published_at > bits.newest_published_at
    """,
    # Bits of posts that are gone may stay: numbers are not given twice.
    "viewer_seen": """
      WITH bits AS (
        SELECT v.user_id, s.post_id
        FROM viewer_seen v, generate_series(0, 1023) n, post_stats s
        WHERE get_bit(v.seen, n) = 1 AND s.post_no = v.block_no * 1024 + n
      )
      SELECT coalesce(bits.user_id, i.user_id) AS viewer, coalesce(bits.post_id, i.post_id) AS post,
             bits.post_id IS NULL AS missing
      FROM bits FULL JOIN (
        SELECT DISTINCT user_id, post_id FROM user_post_impressions
        WHERE post_id IN (SELECT id FROM posts)
      ) i ON i.user_id = bits.user_id AND i.post_id = bits.post_id
      WHERE bits.post_id IS NULL OR i.post_id IS NULL
    """,
    "viewer_last_seen": """
      SELECT coalesce(v.user_id, i.user_id) AS viewer, coalesce(v.post_id, i.post_id) AS post,
             v.seen_at, i.seen_at AS derived
      FROM viewer_last_seen v FULL JOIN (
        SELECT user_id, post_id, max(seen_at) AS seen_at FROM user_post_impressions GROUP BY 1, 2
      ) i ON i.user_id = v.user_id AND i.post_id = v.post_id
      WHERE v.seen_at IS DISTINCT FROM i.seen_at
    """,
    "creator_quality": """
      SELECT s.creator_id FROM post_stats s LEFT JOIN creator_quality c USING (creator_id)
      WHERE s.eligible AND (c.last_published_at IS NULL OR c.last_published_at < s.published_at)
    """,
}


def check(connection: Connection) -> None:
    """Asserts that nothing derived is out of step."""
    for table, query in WRONG.items():
        wrong = connection.execute(query).fetchall()
        assert not wrong, (table, wrong)
