from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from tests.conftest import Database
from tests.integration.database.clients import claiming, claims_of, operator
from tests.integration.database.policies import OWN_ROWS
from tests.integration.database.strangers import VICTIM

PROTECTED: list[LiteralString] = [
    # read_showable_and_own_posts: nobody writes Mux's fields, visibility or posts at all
    "INSERT INTO posts (creator_id, mux_ready, mux_playback_id) VALUES (%(viewer)s, true, 'x')",
    "UPDATE posts SET mux_ready = true",
    "UPDATE posts SET mux_playback_id = 'x', mux_asset_id = 'x', mux_upload_id = 'x'",
    "UPDATE posts SET mux_duration_ms = 1, mux_hls_url = 'x', mux_max_resolution = 'x'",
    "UPDATE posts SET visibility = 'public'",
    "UPDATE posts SET creator_id = %(viewer)s",
    "UPDATE posts SET caption = 'mine', created_at = now(), published_at = now()",
    "DELETE FROM posts",
    "TRUNCATE posts",
    # read_creator_quality
    "INSERT INTO creator_quality (creator_id, rolling_like_rate) VALUES (gen_random_uuid(), 1)",
    "UPDATE creator_quality SET rolling_watch_ratio = 1, samples = 1000",
    "DELETE FROM creator_quality",
    # read_feature_flags
    "INSERT INTO feature_flags (name, enabled) VALUES ('forged', true)",
    "UPDATE feature_flags SET enabled = true, rollout_percentage = 100",
    "DELETE FROM feature_flags",
    # scores and what retrieval rests on: no policy, no grant
    "SELECT FROM post_stats",
    (
        "INSERT INTO post_stats (post_id, post_no, creator_id, eligible, published_at, hot_score)"
        " VALUES (gen_random_uuid(), 1, %(viewer)s, true, now(), 1e9)"
    ),
    "UPDATE post_stats SET hot_score = 1e9, likes = 1000000",
    "DELETE FROM post_stats",
    "SELECT FROM post_blocks",
    "INSERT INTO post_blocks VALUES (99, 0::bit(1024), now())",
    "UPDATE post_blocks SET eligible = ~0::bit(1024)",
    "DELETE FROM post_blocks",
    "SELECT FROM viewer_seen",
    "INSERT INTO viewer_seen VALUES (%(viewer)s, 0, 0::bit(1024))",
    "UPDATE viewer_seen SET seen = 0::bit(1024)",
    "DELETE FROM viewer_seen",
    # what is learnt, and the queue of the roll-up: written by functions alone
    "INSERT INTO watch_events (user_id, event_id) VALUES (%(viewer)s, gen_random_uuid())",
    "UPDATE viewer_watches SET liked = true",
    "UPDATE viewer_creator_affinity SET value = 5",
    "UPDATE viewer_tag_affinity SET value = 5",
    "SELECT FROM engagement_queue",
    (
        "INSERT INTO engagement_queue (post_id, creator_id, likes, weight)"
        " VALUES (gen_random_uuid(), %(viewer)s, 1000, 1000)"
    ),
    "UPDATE post_tags SET hot_score = 1e9",
    "UPDATE post_covisits SET score = 1e9",
    "UPDATE cohort_posts SET score = 1e9",
    "UPDATE watch_norms SET plays = 0",
    "UPDATE post_heat SET heat = ARRAY[1e9, 1e9, 1e9, 1e9]",
    "SELECT FROM post_heat",
    "UPDATE heat_mix SET weights = ARRAY[1, 0.1, 0.1, 0.1]",
    "SELECT set_heat_mix(ARRAY[1, 0, 0, 0]::float8[], false)",
    "SELECT set_heat_mix(NULL, NULL, 0.9)",
    "UPDATE hot_scale SET half_life = '1 minute'",
    "UPDATE feed_settings SET cooldown = '1 day'",
    "DELETE FROM feed_settings",
    "SELECT FROM upkeep_locks",
    "UPDATE viewer_allowance SET events = 1000000",
    "DELETE FROM erasures",
    "UPDATE upkeep_places SET last_key = ''",
    "SELECT set_hot_half_life('1 hour')",
    "SELECT vroom_private.lock_viewer(%(viewer)s)",
    # what is known of Mux
    "SELECT FROM mux_assets",
    (
        "INSERT INTO mux_assets (asset_id, post_id, is_clip, status)"
        " VALUES ('a', gen_random_uuid(), false, 'ready')"
    ),
    "SELECT FROM mux_events",
    "INSERT INTO mux_events (event_id, event_type, post_id) VALUES ('e', 't', gen_random_uuid())",
    "SELECT FROM mux_sweep",
    "UPDATE mux_sweep SET holder = NULL",
    # the view, and the tool's notes
    "UPDATE feed_stats SET total_requests = 0",
    "SELECT FROM vroom_migrations",
    "DELETE FROM vroom_migrations",
    # the schema itself
    "CREATE TABLE forged (id integer)",
    "ALTER TABLE posts DISABLE ROW LEVEL SECURITY",
    "DROP POLICY read_own_pages ON feed_pages",
    "CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql RETURN gen_random_uuid()",
    "SELECT vroom_private.hot_half_life()",
    "SELECT vroom_private.assert_viewer(%(viewer)s)",
    "SET ROLE vroom_webhook",
]


@pytest.mark.parametrize("statement", PROTECTED)
def test_no_viewer_writes_scores_mux_fields_or_books_not_even_the_creator(
    filled: Database, statement: LiteralString
) -> None:
    for claims in (claims_of(VICTIM), claims_of(VICTIM, role="service_role"), None):
        with (
            claiming(filled.app_url, claims) as connection,
            pytest.raises((InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)),
        ):
            connection.execute(statement, {"viewer": VICTIM})


@pytest.mark.parametrize("claims", [None, claims_of(VICTIM)], ids=["none", "victim"])
def test_the_webhooks_role_reads_and_writes_no_table_at_all(
    filled: Database, claims: str | None
) -> None:
    with operator(filled.admin_url) as connection:
        tables = [
            row["relname"]
            for row in connection.execute(
                "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'v')"
                " AND relnamespace = 'public'::regnamespace"
            )
        ]
    assert {own.table for own in OWN_ROWS.values()} <= set(tables)
    for table in tables:
        for text in ("SELECT FROM {}", "DELETE FROM {}"):
            with (
                claiming(filled.webhook_url, claims) as connection,
                pytest.raises((InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)),
            ):
                connection.execute(sql.SQL(text).format(sql.Identifier(table)))
