"""The SQL that the system's description prints for operators, word for word.

Dashboards and runbooks rely on these statements, so none may be changed to suit the schema.
`$1` is a viewer's id.
"""

from typing import Final, LiteralString

FEED_PERFORMANCE: Final[LiteralString] = """\
SELECT AVG(response_time_ms) FROM feed_requests WHERE created_at > now() - interval '1 hour';"""

CACHE_EFFICIENCY: Final[LiteralString] = """\
SELECT cache_hits::float / total_requests FROM feed_stats;"""

REPEAT_RATE: Final[LiteralString] = """\
SELECT source, COUNT(*) FROM user_post_impressions 
WHERE created_at > now() - interval '1 day' GROUP BY source;"""  # noqa: W291  (as printed)

ENABLE_FEED: Final[LiteralString] = """\
INSERT INTO feature_flags (name, enabled, rollout_percentage) 
VALUES ('feed_v2_enabled', true, 100);"""  # noqa: W291  (as printed)

RANKING_TEST: Final[LiteralString] = """\
INSERT INTO feature_flags (name, enabled, metadata) 
VALUES ('ranking_algorithm_v2', true, '{"variant": "engagement_boost"}');"""  # noqa: W291  (as printed)

ELIGIBLE_POSTS: Final[LiteralString] = """\
SELECT COUNT(*) FROM posts WHERE mux_ready = true AND visibility = 'public';"""

SEEN_POSTS: Final[LiteralString] = """\
SELECT COUNT(*) FROM user_post_impressions WHERE user_id = $1;"""

FEED: Final[LiteralString] = """\
SELECT * FROM get_personalized_feed($1, 12, NULL);"""

EXPLAINED_FEED: Final[LiteralString] = """\
EXPLAIN ANALYZE SELECT * FROM get_personalized_feed($1, 12, NULL);"""

FUNCTION_CALLS: Final[LiteralString] = """\
SELECT * FROM pg_stat_user_functions WHERE funcname = 'get_personalized_feed';"""

IMPRESSIONS_POLICY: Final[LiteralString] = """\
CREATE POLICY "manage_own_impressions" ON user_post_impressions
  FOR ALL USING (auth.uid() = user_id);"""

CREATOR_QUALITY_POLICY: Final[LiteralString] = """\
CREATE POLICY "read_creator_quality" ON creator_quality
  FOR SELECT USING (true);"""

STATEMENTS: Final[dict[str, LiteralString]] = {
    "feed performance": FEED_PERFORMANCE,
    "cache efficiency": CACHE_EFFICIENCY,
    "repeat rate": REPEAT_RATE,
    "enable the feed": ENABLE_FEED,
    "ranking test": RANKING_TEST,
    "eligible posts": ELIGIBLE_POSTS,
    "seen posts": SEEN_POSTS,
    "feed": FEED,
    "explained feed": EXPLAINED_FEED,
    "function calls": FUNCTION_CALLS,
}

POLICIES: Final[dict[str, LiteralString]] = {
    "manage_own_impressions": IMPRESSIONS_POLICY,
    "read_creator_quality": CREATOR_QUALITY_POLICY,
}

# The named parameters of the functions, in the printed order.
SIGNATURES: Final[dict[str, list[str]]] = {
    "get_personalized_feed": ["user_id", "page_size", "page_after"],
    "record_impression": ["user_id", "post_id", "source", "score", "session_id", "visible_at"],
    "record_watch_progress": [
        *("user_id", "post_id", "play_ms", "duration_ms", "liked", "commented", "shared"),
        "event_id",  # an addition with a default: a caller's own makes a retry harmless
    ],
}

# The tables, each with the columns that are named.
COLUMNS: Final[dict[str, set[str]]] = {
    "user_post_impressions": {"user_id", "post_id", "seen_at", "source", "session_id"},
    "user_interest_signals": {
        "user_id",
        "like_rate",
        "avg_watch_ratio",
        "comment_rate",
        "share_rate",
    },
    "creator_quality": {
        "creator_id",
        "rolling_watch_ratio",
        "rolling_like_rate",
        "rolling_report_rate",
    },
    "posts": {
        "mux_upload_id",
        "mux_asset_id",
        "mux_playback_id",
        "mux_ready",
        "mux_duration_ms",
        "mux_max_resolution",
        "mux_hls_url",
        "visibility",
    },
}
