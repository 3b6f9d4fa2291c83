-- Who may do what. Row level security is on for every table; a table without a policy for a role is
-- closed to it, and what viewers may not write is written by the SECURITY DEFINER functions above.

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY[
    'posts', 'hot_scale', 'post_stats', 'post_blocks', 'post_tags', 'post_covisits', 'cohort_posts', 'watch_norms',
    'engagement_queue', 'post_reviews', 'creator_quality', 'follows', 'watch_events', 'viewer_watches',
    'viewer_creator_affinity', 'viewer_tag_affinity', 'viewer_context', 'user_post_impressions',
    'viewer_seen', 'viewer_last_seen', 'user_interest_signals', 'feedback', 'feed_pages', 'feed_requests', 'feature_flags',
    'erasures'
  ] LOOP
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', t);
  END LOOP;
  -- The migration tool's own tables, where it made them.
  FOR t IN
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
      AND (c.relname LIKE '\_yoyo\_%' OR c.relname = 'yoyo_lock')
  LOOP
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', t);
  END LOOP;
END $$;

DROP POLICY IF EXISTS "manage_own_impressions" ON public.user_post_impressions;
CREATE POLICY "manage_own_impressions" ON public.user_post_impressions
  FOR ALL USING (auth.uid() = user_id);

DROP POLICY IF EXISTS "read_creator_quality" ON public.creator_quality;
CREATE POLICY "read_creator_quality" ON public.creator_quality
  FOR SELECT USING (true);

-- (SELECT auth.uid()) is evaluated once a statement instead of once a row.
DROP POLICY IF EXISTS "read_showable_and_own_posts" ON public.posts;
CREATE POLICY "read_showable_and_own_posts" ON public.posts
  FOR SELECT USING (
    creator_id = (SELECT auth.uid())
    OR ((SELECT auth.uid()) IS NOT NULL
        AND visibility = 'public' AND mux_ready AND coalesce(mux_playback_id, '') <> '')
  );

DROP POLICY IF EXISTS "manage_own_follows" ON public.follows;
CREATE POLICY "manage_own_follows" ON public.follows
  FOR ALL USING (follower_id = (SELECT auth.uid()));

DROP POLICY IF EXISTS "read_own_signals" ON public.user_interest_signals;
CREATE POLICY "read_own_signals" ON public.user_interest_signals
  FOR SELECT USING (user_id = (SELECT auth.uid()));

-- Written by give_feedback alone: whoever could delete a report could report again, and count twice.
DROP POLICY IF EXISTS "read_own_feedback" ON public.feedback;
CREATE POLICY "read_own_feedback" ON public.feedback
  FOR SELECT USING (user_id = (SELECT auth.uid()));

DROP POLICY IF EXISTS "read_own_pages" ON public.feed_pages;
CREATE POLICY "read_own_pages" ON public.feed_pages
  FOR SELECT USING (user_id = (SELECT auth.uid()));

DROP POLICY IF EXISTS "read_own_requests" ON public.feed_requests;
CREATE POLICY "read_own_requests" ON public.feed_requests
  FOR SELECT USING (user_id = (SELECT auth.uid()));

DROP POLICY IF EXISTS "read_feature_flags" ON public.feature_flags;
CREATE POLICY "read_feature_flags" ON public.feature_flags
  FOR SELECT USING (true);

GRANT USAGE ON SCHEMA public TO vroom_app, vroom_webhook;
GRANT SELECT ON public.posts, public.creator_quality, public.user_interest_signals, public.feedback,
  public.feed_pages, public.feed_requests, public.feed_stats, public.feature_flags TO vroom_app;
GRANT SELECT, INSERT, DELETE ON public.user_post_impressions, public.follows TO vroom_app;

DO $$
DECLARE
  f regprocedure;
BEGIN
  FOREACH f IN ARRAY ARRAY[
    'public.feed_candidates(uuid, uuid, integer, integer, interval, interval, timestamptz, uuid[], integer[], integer, boolean, text)',
    'public.get_personalized_feed(uuid, integer, uuid)',
    'public.commit_page(uuid, uuid, integer, integer, uuid[], jsonb, uuid[], uuid[], jsonb, timestamptz, bigint)',
    'public.record_impressions(uuid, uuid, jsonb)',
    'public.record_impression(uuid, uuid, text, double precision, uuid, timestamptz)'
  ]::regprocedure[] LOOP
    PERFORM vroom_private.open_only_to(f, 'vroom_app');
  END LOOP;
END $$;

SELECT vroom_private.open_only_to('vroom_private.posts_changed()', NULL);
SELECT vroom_private.open_only_to('vroom_private.impressions_inserted()', NULL);
SELECT vroom_private.open_only_to('vroom_private.impressions_deleted()', NULL);
SELECT vroom_private.open_only_to('vroom_private.impressions_truncated()', NULL);
