-- The feed function's statements. What they call is defined in db/migrations.

-- name: candidates
SELECT complete, post_id, creator_id, rung, published_at, duration_ms, impressions, plays,
       watch_ratio_sum, likes, comments, shares, followed, creator_watch_ratio, creator_like_rate,
       creator_report_rate, creator_samples, creator_served, seen_rank, in_session
FROM feed_candidates(
  %(viewer)s, %(session)s, %(want)s, %(page_size)s, %(cooldown)s, %(fresh_window)s, %(at)s,
  %(served_ids)s::uuid[], %(served_order)s::integer[]);

-- name: signals
SELECT like_rate, avg_watch_ratio, comment_rate, share_rate, freshness_preference, samples
FROM user_interest_signals
WHERE user_id = %(viewer)s;

-- name: commit_page
SELECT status, version, entries, bad, posts
FROM commit_page(
  %(viewer)s, %(session)s, %(page_no)s, %(expected)s, %(shown)s::uuid[], %(described)s,
  %(unserved)s::uuid[], %(hydrate)s::uuid[], %(request)s, %(cutoff)s);

-- name: record_impressions
SELECT index, outcome
FROM record_impressions(%(viewer)s, %(session)s, %(batch)s);
