"""Which functions are written in SQL and have settings of their own.

The planner does not inline such a function, and Postgres before 18 plans it anew in each statement
that calls it. What a page or a batch calls is therefore written in PL/pgSQL, which keeps its plans.
"""

from tests.conftest import Database
from tests.integration.database.clients import operator

# The roll-up calls these once for thousands of events.
ROLL_UP = {
    "bent_weights",
    "count_heat",
    "count_cohorts",
    "count_covisits",
    "count_norms",
    "drop_late_reports",
    "heat_of",
    "judge_neighbours",
    "judged_neighbours",
    "oldest_events",
    "take_events",
    "update_heat_mix",
}
# These are called when a post or its video changes, or by the sweep.
POSTS = {
    "begin_mux_sweep",
    "claim_playback_checks",
    "compare_mux_assets",
    "end_mux_sweep",
    "findings",
    "is_source_certain",
    "possible_terms",
    "undecided_assets",
    "upload_snapshot",
    "upload_steps",
}
# Operators, the upkeep, erasures and new containers call these.
OTHERS = {
    "experiment_figures",
    "experiment_viewers",
    "feed_schema_version",
    "order_erasure",
    "published_tables",
    "reported_posts",
    "rows_of",
    "server_kind",
    "viewer_tables",
    "wire_size",
}


def test_no_function_that_a_page_or_a_batch_calls_is_planned_anew_each_time(
    database: Database,
) -> None:
    with operator(database.admin_url) as connection:
        found = connection.execute(
            "SELECT p.proname FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang"
            " WHERE l.lanname = 'sql' AND p.proconfig IS NOT NULL"
            " AND p.pronamespace IN ('public'::regnamespace, 'vroom_private'::regnamespace)"
        ).fetchall()
    assert {row["proname"] for row in found} == ROLL_UP | POSTS | OTHERS
