"""Every policy, grant and function of the schema that a viewer's request can meet.

The tests enumerate what the database has and fail where something is missing here, so that no
policy, grant or function comes to be without its denial tests.
"""

from dataclasses import dataclass
from typing import Final, LiteralString


@dataclass(frozen=True)
class OwnRows:
    """Rows that belong to one viewer.

    Attributes:
        table: where they are.
        owner: the column that names the viewer.
        insert: makes a row of the viewer %(owner)s.
        change: an assignment that an UPDATE could make.
        allowed: what vroom_app may do with the viewer's own rows.
    """

    table: LiteralString
    owner: LiteralString
    insert: LiteralString
    change: LiteralString
    allowed: frozenset[str]


_READ: Final = frozenset({"SELECT"})
_READ_ADD_REMOVE: Final = frozenset({"SELECT", "INSERT", "DELETE"})

OWN_ROWS: Final[dict[str, OwnRows]] = {
    "manage_own_impressions": OwnRows(
        "user_post_impressions",
        "user_id",
        "INSERT INTO user_post_impressions (user_id, post_id)"
        " VALUES (%(owner)s, gen_random_uuid())",
        "source = 'forged'",
        _READ_ADD_REMOVE,
    ),
    "manage_own_follows": OwnRows(
        "follows",
        "follower_id",
        "INSERT INTO follows (follower_id, creator_id) VALUES (%(owner)s, gen_random_uuid())",
        "created_at = 'epoch'",
        _READ_ADD_REMOVE,
    ),
    "read_own_feedback": OwnRows(
        "feedback",
        "user_id",
        "INSERT INTO feedback (user_id, action, post_id)"
        " VALUES (%(owner)s, 'report', gen_random_uuid())",
        "undone_at = now()",
        _READ,
    ),
    "read_own_signals": OwnRows(
        "user_interest_signals",
        "user_id",
        "INSERT INTO user_interest_signals (user_id, like_rate) VALUES (%(owner)s, 0.5)",
        "like_rate = 1",
        _READ,
    ),
    "read_own_pages": OwnRows(
        "feed_pages",
        "user_id",
        "INSERT INTO feed_pages (user_id, session_id, page_no, version, post_ids, entries)"
        " VALUES (%(owner)s, gen_random_uuid(), 0, 1, '{}', '[]')",
        "post_ids = ARRAY[gen_random_uuid()]",
        _READ,
    ),
    "read_own_requests": OwnRows(
        "feed_requests",
        "user_id",
        "INSERT INTO feed_requests (user_id, response_time_ms, cache_hit)"
        " VALUES (%(owner)s, 1, false)",
        "response_time_ms = 0",
        _READ,
    ),
    "read_own_uploads": OwnRows(
        "uploads",
        "creator_id",
        "INSERT INTO uploads (post_id, creator_id, size_bytes, cap_ms, resolution_tier, expires_at)"
        " VALUES (gen_random_uuid(), %(owner)s, 1, 1, '1080p', now())",
        "state = 'ready'",
        _READ,
    ),
}

# Policies whose rows are not one viewer's alone; each has tests of its own in test_denials.
SHARED_ROWS: Final = {
    "read_creator_quality",
    "read_feature_flags",
    "read_feed_settings",
    "read_heat_mix",
    "read_watch_norms",
    "read_showable_and_own_posts",
}

GRANTS: Final[dict[str, dict[str, frozenset[str]]]] = {
    "vroom_app": {
        **{own.table: own.allowed for own in OWN_ROWS.values()},
        "posts": _READ,
        "creator_quality": _READ,
        "feature_flags": _READ,
        "feed_settings": _READ,
        "heat_mix": _READ,
        "watch_norms": _READ,
        "feed_stats": _READ,
    },
    "vroom_webhook": {},
}

# Calls for the viewer %(viewer)s, with %(post)s where a post is asked for.
VIEWER_CALLS: Final[dict[str, LiteralString]] = {
    "feed_candidates": "SELECT FROM feed_candidates(%(viewer)s, %(post)s, 24, 12)",
    "get_personalized_feed": "SELECT FROM get_personalized_feed(%(viewer)s, 12, NULL)",
    "commit_page": (
        "SELECT FROM commit_page(%(viewer)s, %(post)s, 0, 0, '{}', '[]', '{}', '{}',"
        """ jsonb_build_object('request_id', %(post)s::uuid) ||"""
        """ '{"elapsed_ms": 1, "cache_hit": false, "stale_cursor": false}')"""
    ),
    "standing_page": "SELECT FROM standing_page(%(viewer)s, %(post)s, 0, '{}')",
    "session_pace": "SELECT FROM session_pace(%(viewer)s, %(post)s, NULL)",
    "claim_queue": "SELECT claim_queue(%(viewer)s, %(post)s, 0)",
    "prepared_content": "SELECT FROM prepared_content(%(viewer)s, %(post)s, 0, '{}')",
    "record_impressions": "SELECT FROM record_impressions(%(viewer)s, %(post)s, '[]')",
    "record_impression": "SELECT record_impression(%(viewer)s, %(post)s)",
    "record_watches": "SELECT FROM record_watches(%(viewer)s, '[]')",
    "record_watch_progress": "SELECT record_watch_progress(%(viewer)s, %(post)s, 500, 1000)",
    "give_feedback": "SELECT FROM give_feedback(%(viewer)s, 'report', %(post)s, NULL, false)",
    "viewer_data": "SELECT viewer_data(%(viewer)s, 1000)",
    "erase_viewer": "SELECT FROM erase_viewer(%(viewer)s, true)",
    "forget_sessions": "SELECT forget_sessions(%(viewer)s, '{}')",
    "begin_upload": (
        "SELECT begin_upload(%(viewer)s, gen_random_uuid(), '', '{}', 1, 1, '1080p', 1, 60, 5)"
    ),
    "confirm_upload": "SELECT confirm_upload(%(viewer)s, %(post)s, 'upload')",
    "pause_upload": "SELECT pause_upload(%(viewer)s, gen_random_uuid())",
    "abandon_upload": "SELECT abandon_upload(%(viewer)s, gen_random_uuid(), true)",
    "upload_state": "SELECT FROM upload_state(%(viewer)s, %(post)s)",
    "cancel_upload": "SELECT FROM cancel_upload(%(viewer)s, gen_random_uuid())",
}

# Calls of the functions themselves, for no viewer: bounded, and harmless however often they come.
APP_CALLS: Final[dict[str, LiteralString]] = {
    "take_mux_turn": "SELECT take_mux_turn(1, 0)",
    "roll_up": "SELECT FROM roll_up(100)",
    "begin_upkeep": "SELECT begin_upkeep(100)",
    "count_events": "SELECT FROM count_events(100)",
    "cell_lag": "SELECT FROM cell_lag()",
    "viewer_cell": "SELECT FROM viewer_cell(gen_random_uuid())",
    "oldest_snapshot": "SELECT FROM oldest_snapshot()",
    "queue_age": "SELECT FROM queue_age()",
    "prune": "SELECT FROM prune(100)",
}

WEBHOOK_CALLS: Final[dict[str, LiteralString]] = {
    "receive_mux_facts": "SELECT receive_mux_facts('e', 't', '{}', '', false)",
    "claim_trim": "SELECT claim_trim(gen_random_uuid(), 'a', gen_random_uuid(), NULL)",
    "release_trim": "SELECT release_trim(gen_random_uuid(), gen_random_uuid(), NULL, false)",
    "claim_upload_checks": "SELECT claim_upload_checks(0, 1)",
    "claim_playback_checks": "SELECT claim_playback_checks(0, 60)",
    "compare_mux_assets": "SELECT compare_mux_assets('[]', 60)",
    "begin_mux_sweep": "SELECT begin_mux_sweep(gen_random_uuid(), 0, '')",
    "renew_stream_addresses": "SELECT renew_stream_addresses(gen_random_uuid(), 1)",
    "end_mux_sweep": "SELECT end_mux_sweep(gen_random_uuid(), 1)",
}
