-- The feed function's statements. What they call is defined in db/migrations.

-- name: candidates
SELECT complete, post_id, creator_id, rung, published_at, duration_ms, impressions, plays,
       watch_ratio_sum, likes, comments, shares, followed, creator_watch_ratio, creator_like_rate,
       creator_report_rate, creator_samples, creator_served, seen_rank, in_session,
       creator_affinity, tag_affinity, heat, follows, source, neighbourhoods,
       CASE WHEN row_number() OVER () = 1 THEN filtered END  -- the same in all rows
FROM feed_candidates(
  %(viewer)s, %(session)s, %(want)s, %(page_size)s, %(cooldown)s, %(fresh_window)s, %(at)s,
  %(served_ids)s::uuid[], %(served_order)s::integer[], newest => %(newest)s,
  context => %(context)s::text)
-- Nothing is looked for where the page stands already.
WHERE %(unless_page)s::integer IS NULL OR NOT EXISTS (
  SELECT FROM feed_pages
  WHERE user_id = %(viewer)s AND session_id = %(session)s AND page_no = %(unless_page)s::integer);

-- name: signals
SELECT like_rate, avg_watch_ratio, comment_rate, share_rate, freshness_preference, samples
FROM user_interest_signals
WHERE user_id = %(viewer)s;

-- name: commit_page
SELECT status, version, entries, withdrawn, no_longer_unseen, posts, content_columns, eligible
FROM commit_page(
  %(viewer)s, %(session)s, %(page_no)s, %(expected)s, %(shown)s::uuid[], %(described)s,
  %(claimed_unseen)s::uuid[], %(hydrate)s::uuid[], %(request)s, %(cutoff)s, %(revision)s::bigint,
  %(answers)s::bigint);

-- name: standing_page
SELECT status, version, entries, withdrawn, no_longer_unseen, posts, content_columns, eligible
FROM standing_page(%(viewer)s, %(session)s, %(page_no)s, %(request)s);

-- name: session_pace
SELECT session_id, page_no, posts, seen, described
FROM session_pace(%(viewer)s, %(session)s::uuid, %(post)s::uuid);

-- name: claim_queue
SELECT claim_queue(%(viewer)s, %(session)s, %(page_no)s);

-- name: prepared_content
SELECT content_columns
FROM prepared_content(%(viewer)s, %(session)s, %(page_no)s, %(ids)s::uuid[]);

-- name: feedback_revision
-- What a ranking knows of the viewer's feedback; commit_page holds queues against it.
SELECT coalesce(max(revision), 0) FROM feedback WHERE user_id = %(viewer)s;

-- name: give_feedback
SELECT outcome, about_creator, revision
FROM give_feedback(
  %(viewer)s, %(action)s::text, %(post_id)s::uuid, %(creator_id)s::uuid, %(undo)s);

-- name: viewer_data
SELECT viewer_data(%(viewer)s, %(max_bytes)s::bigint);

-- name: viewer_sessions
-- Sessions with a page since a time, the latest first.
SELECT session_id, count(*)
FROM feed_pages
WHERE user_id = %(viewer)s AND created_at > %(since)s
GROUP BY session_id
ORDER BY max(created_at) DESC
LIMIT %(max_rows)s;

-- name: forget_sessions
SELECT forget_sessions(%(viewer)s, %(sessions)s::uuid[]);

-- name: erase_viewer
SELECT erased, complete FROM erase_viewer(%(viewer)s, %(everything)s, %(max_rows)s::integer);

-- name: record_impressions
SELECT index, outcome
FROM record_impressions(%(viewer)s, %(session)s, %(batch)s);

-- name: record_watches
SELECT index, outcome
FROM record_watches(%(viewer)s, %(batch)s, %(at)s);

-- name: begin_upkeep
SELECT waiting, from_no
FROM begin_upkeep(%(max_rows)s::integer);

-- name: roll_up
SELECT busy, events, posts, held
FROM count_events(%(max_rows)s::integer, %(share)s::integer, %(shares)s::integer, %(from_no)s::bigint);

-- name: prune
SELECT kind, removed
FROM prune(%(max_rows)s::integer, %(cooldown)s);

-- name: cell_lag
SELECT age_s, delay_s, unsent_s FROM cell_lag();

-- name: oldest_snapshot
SELECT age_s FROM oldest_snapshot();

-- name: queue_age
SELECT age_s FROM queue_age();

-- name: steering
-- The feature flags, what is watched of clips of each length (a few rows each), and the heat's mix,
-- behind which stands how much neighbours count.
SELECT (SELECT coalesce(jsonb_agg(jsonb_build_array(name, enabled, rollout_percentage, metadata)), '[]')
        FROM feature_flags),
       (SELECT coalesce(jsonb_agg(jsonb_build_array(bucket, plays, watch_ratio_sum)), '[]') FROM watch_norms),
       (SELECT weights || neighbours FROM heat_mix);
