BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- The functions in this file write each page once, with posts that may be shown and with no others.

-- Return posts as clients are shown them, as far as the database knows them.
CREATE OR REPLACE FUNCTION vroom_private.posts_as_shown(ids uuid[]) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
      'post_id', p.id, 'creator_id', p.creator_id, 'caption', p.caption, 'tags', to_jsonb(p.tags),
      'playback_id', p.mux_playback_id, 'signed', p.mux_playback_policy = 'signed', 'duration_ms', p.mux_duration_ms,
      'aspect_ratio', p.aspect_ratio,
      'created_at', to_char(p.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    )), '[]')
    FROM posts p
    WHERE p.id = ANY (ids)
  );
END
$$;

-- Return the same for the session cache, as text that is stored and seldom read. It is laid out in columns, which
-- compress well, in the order of `ids`. A post without a caption no longer exists.
CREATE OR REPLACE FUNCTION vroom_private.posts_as_cached(ids uuid[]) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT json_build_object(
      'caption', json_agg(o.caption), 'tags', json_agg(o.tags), 'playback_id', json_agg(o.mux_playback_id),
      'signed', json_agg(o.mux_playback_policy = 'signed'),
      'duration_ms', json_agg(o.mux_duration_ms), 'aspect_ratio', json_agg(o.aspect_ratio),
      'created_at', json_agg((extract(epoch FROM o.created_at) * 1000000)::bigint)
    )::text
    FROM (
      SELECT p.*
      FROM unnest(ids) WITH ORDINALITY AS g(id, ord)
      LEFT JOIN posts p ON p.id = g.id
      ORDER BY g.ord
    ) o
  );
END
$$;

-- Write the feed_requests row of one request, as the feed function describes it. Keep the viewer's device and time
-- of day where they have changed.
CREATE OR REPLACE FUNCTION vroom_private.log_request(viewer uuid, session uuid, page integer, request jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  INSERT INTO feed_requests (
    user_id, request_id, session_id, page_no, page_size, response_time_ms, cache_hit, prepared, stale_cursor,
    degraded, variant, sources, trace)
  SELECT viewer, r.request_id, session, page, r.page_size,
         r.elapsed_ms + extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000,
         r.cache_hit, coalesce(r.prepared, false), r.stale_cursor, r.degraded,
         r.variant, coalesce(r.sources, '{}'), coalesce(r.trace, '{}')
  FROM jsonb_to_record(request) AS r(
    request_id uuid, page_size integer, elapsed_ms double precision, cache_hit boolean, prepared boolean,
    stale_cursor boolean, degraded text, variant text, sources jsonb, trace jsonb)
  ON CONFLICT DO NOTHING;

  INSERT INTO viewer_context (user_id, device, daypart)
  SELECT viewer, r.device, r.daypart
  FROM jsonb_to_record(request) AS r(device text, daypart text)
  WHERE r.device IS NOT NULL AND r.daypart IS NOT NULL
    AND NOT EXISTS (
      SELECT FROM viewer_context c
      WHERE c.user_id = viewer AND c.device = r.device AND c.daypart = r.daypart
    )
  ON CONFLICT (user_id) DO UPDATE
  SET device = excluded.device, daypart = excluded.daypart, updated_at = now();
END
$$;

-- Return the revision of a viewer's feedback, or 0 without any feedback. It changes with every feedback that the
-- viewer gives or takes back.
CREATE OR REPLACE FUNCTION vroom_private.feedback_revision(viewer uuid) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN (SELECT coalesce(max(f.revision), 0) FROM feedback f WHERE f.user_id = viewer);
END
$$;

-- Return whether a ranking has to be made anew: by the viewer's feedback, or, in an interview, since the viewer has
-- watched six posts or more, half of a page, that it did not know. What is null is not checked.
CREATE OR REPLACE FUNCTION vroom_private.is_outdated(viewer uuid, revision bigint, answers bigint) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN coalesce(revision <> vroom_private.feedback_revision(viewer), false)
      OR (answers IS NOT NULL
          AND coalesce((SELECT u.samples >= answers + 6 FROM user_interest_signals u WHERE u.user_id = viewer), false));
END
$$;

-- Return those of `ids` that the viewer may be shown at all, seen or not.
CREATE OR REPLACE FUNCTION vroom_private.still_eligible(viewer uuid, ids uuid[]) RETURNS uuid[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(p.id), '{}')
    FROM posts p
    WHERE p.id = ANY (ids) AND p.creator_id <> viewer
      AND vroom_private.is_published(p.visibility, p.mux_ready, p.mux_playback_id, p.created_at, p.published_at)
      -- LIMIT makes these probes of an index, however much the viewer has asked for. Each gives the whole key.
      AND (
        SELECT true FROM feedback f
        WHERE f.user_id = viewer AND f.action = 'hide_creator' AND f.target = p.creator_id
          AND f.undone_at IS NULL
        LIMIT 1
      ) IS NULL
      AND (
        SELECT true FROM feedback f
        WHERE f.user_id = viewer AND f.action = 'not_interested' AND f.target = p.id
          AND f.undone_at IS NULL
        LIMIT 1
      ) IS NULL
      AND (
        SELECT true FROM feedback f
        WHERE f.user_id = viewer AND f.action = 'report' AND f.target = p.id
          AND f.undone_at IS NULL
        LIMIT 1
      ) IS NULL
  );
END
$$;

-- Return how many posts the viewer may be shown at all, max_rows at most. This is asked only where a page is
-- shorter than it should be. To bound the work even then, the function looks at no more than 5,000 posts of either
-- kind that is_eligible knows: those that are marked as eligible, and those whose time has come since they were
-- written. Each kind has an index of its own, which a condition with is_eligible could not use.
CREATE OR REPLACE FUNCTION vroom_private.eligible_posts(viewer uuid, max_rows integer) RETURNS integer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT count(*)::integer
    FROM (
      SELECT FROM unnest(vroom_private.still_eligible(
        viewer,
        ARRAY(SELECT s.post_id FROM post_stats s WHERE s.eligible ORDER BY s.published_at DESC LIMIT 5000)
        || ARRAY(SELECT w.post_id FROM vroom_private.walk_due(5000) AS w)
      )) LIMIT max_rows
    ) found
  );
END
$$;

-- Return the same for a page that is shorter than its description asks for, and null for a full page.
CREATE OR REPLACE FUNCTION vroom_private.eligible_where_short(viewer uuid, described jsonb, shown uuid[])
RETURNS integer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_size integer := CASE WHEN jsonb_typeof(described) = 'object' THEN (described ->> 'page_size')::integer END;
BEGIN
  RETURN CASE WHEN cardinality(shown) < v_size THEN vroom_private.eligible_posts(viewer, v_size) END;
END
$$;

-- Return those of `ids` that the viewer may not be shown at all.
CREATE OR REPLACE FUNCTION vroom_private.no_longer_eligible(viewer uuid, ids uuid[]) RETURNS uuid[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(g.id), '{}')
    FROM unnest(ids) AS g(id)
    WHERE g.id NOT IN (SELECT unnest(vroom_private.still_eligible(viewer, ids)))
  );
END
$$;

-- Write a page as this version of it. Posts that an earlier version held and this one does not hold count as
-- withdrawn.
CREATE OR REPLACE FUNCTION vroom_private.write_page(
  viewer uuid, session uuid, page integer, version integer, shown uuid[], described jsonb
) RETURNS void
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  INSERT INTO feed_pages AS f (user_id, session_id, page_no, version, post_ids, entries, variant)
  VALUES (viewer, session, page, write_page.version, shown, described, described #>> '{policy,variant}')
  ON CONFLICT (user_id, session_id, page_no)
  DO UPDATE SET
    version = excluded.version, post_ids = excluded.post_ids,
    -- A refill does not change how the viewer watches.
    entries = excluded.entries || jsonb_build_object('pace', f.entries -> 'pace'),
    withdrawn_ids = ARRAY(
      SELECT unnest(f.withdrawn_ids || f.post_ids) EXCEPT SELECT unnest(excluded.post_ids));
END
$$;

-- Return those of `claimed` that may not pass as unseen on a page: the session has served them on another page
-- or on an earlier version of this one, or the viewer has an impression of them after `cutoff`.
CREATE OR REPLACE FUNCTION vroom_private.no_longer_unseen(
  viewer uuid, session uuid, page integer, claimed uuid[], cutoff timestamptz
) RETURNS uuid[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(DISTINCT found.id), '{}')
    FROM (
      SELECT g.id
      FROM feed_pages f
      CROSS JOIN LATERAL (
        SELECT unnest(f.withdrawn_ids) AS id
        UNION ALL
        SELECT unnest(f.post_ids) WHERE f.page_no <> page
      ) g
      WHERE f.user_id = viewer AND f.session_id = session AND g.id = ANY (claimed)
      UNION ALL
      SELECT c.id
      FROM unnest(claimed) AS c(id)
      WHERE (
        SELECT true FROM viewer_last_seen i
        WHERE i.user_id = viewer AND i.post_id = c.id AND i.seen_at > cutoff
        LIMIT 1
      )
    ) found
  );
END
$$;

-- Write page `page` of a session once, or check that it still stands.
--
-- expected        the version of the page that the caller has read; 0 = the caller believes the page unwritten
-- shown           the posts in order; entries[i] describes shown[i]
-- claimed_unseen  those of `shown` that the page shows as unseen: the session may not have served them on another
--                 page, and the viewer may have no impression of them after `cutoff` (another session may have
--                 recorded one since the queue was ranked)
-- hydrate         the posts whose content the cache is to hold (the queue's)
-- request         the columns of the feed_requests row, which is written where a page is answered
-- revision        the revision of the viewer's feedback that the ranking knew; null: it is not checked
-- answers         in an interview, how many watches of the viewer the ranking knew; null: it is not checked
--
-- status `committed`  the page stands as given (it was written now, or is unchanged since)
--        `existing`   another version stands and is returned instead; `withdrawn` names those of its posts that
--                     may no longer be shown
--        `rejected`   nothing is written: `withdrawn` names posts that may no longer be shown at all, and
--                     `no_longer_unseen` names others that may be shown, but only as repeats
--        `outdated`   the viewer has given feedback or answers that the ranking did not know, so the caller ranks anew
--
-- posts holds the content of the returned page, of eligible posts only. content_columns holds that of `hydrate`.
-- Where the answered page is shorter than it should be, eligible says how many posts the viewer may be shown at
-- all, counted up to the page's size. It is null for a full page.
--
-- The function stays in one piece, because its four answers exclude one another in this order.
CREATE OR REPLACE FUNCTION public.commit_page(
  viewer uuid, session uuid, page integer, expected integer, shown uuid[], described jsonb,
  claimed_unseen uuid[], hydrate uuid[], request jsonb,
  cutoff timestamptz DEFAULT now() - interval '30 days', revision bigint DEFAULT NULL,
  answers bigint DEFAULT NULL
) RETURNS TABLE (
  status text, version integer, entries jsonb, withdrawn uuid[], no_longer_unseen uuid[], posts jsonb,
  content_columns text, eligible integer
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_viewer    uuid := viewer;
  v_session   uuid := session;
  v_version   integer;
  v_stored    uuid[];
  v_withdrawn uuid[];
  v_seen      uuid[];
BEGIN
  PERFORM vroom_private.assert_viewer(v_viewer);
  -- Only one transaction at a time writes pages of a session. Two pages written at once could hold the same post.
  PERFORM pg_advisory_xact_lock(hashtextextended(v_viewer::text || v_session::text, 0));

  SELECT f.version, f.post_ids INTO v_version, v_stored
  FROM feed_pages f
  WHERE f.user_id = v_viewer AND f.session_id = v_session AND f.page_no = page;

  IF v_version IS NOT NULL AND v_version <> expected THEN
    RETURN QUERY SELECT * FROM vroom_private.existing_page(v_viewer, v_session, page, request);
    RETURN;
  END IF;
  v_withdrawn := vroom_private.no_longer_eligible(v_viewer, shown);

  IF v_version IS NULL AND vroom_private.is_outdated(v_viewer, revision, answers) THEN
    RETURN QUERY SELECT 'outdated', 0, '[]'::jsonb, '{}'::uuid[], '{}'::uuid[], '[]'::jsonb, NULL, NULL::integer;
    RETURN;
  END IF;

  v_seen := vroom_private.no_longer_unseen(v_viewer, v_session, page, claimed_unseen, cutoff);
  IF cardinality(v_withdrawn) > 0 OR cardinality(v_seen) > 0 THEN
    RETURN QUERY SELECT 'rejected', coalesce(v_version, 0), '[]'::jsonb, v_withdrawn, v_seen, '[]'::jsonb, NULL,
                        NULL::integer;
    RETURN;
  END IF;

  IF v_version IS NULL OR v_stored <> shown THEN
    v_version := expected + 1;
    PERFORM vroom_private.write_page(v_viewer, v_session, page, v_version, shown, described);
  END IF;

  PERFORM vroom_private.log_request(v_viewer, v_session, page, request);

  RETURN QUERY SELECT 'committed', v_version, described, '{}'::uuid[], '{}'::uuid[],
                      vroom_private.posts_as_shown(shown),
                      CASE WHEN cardinality(hydrate) > 0 THEN vroom_private.posts_as_cached(hydrate) END,
                      vroom_private.eligible_where_short(v_viewer, described, shown);
END
$$;

SELECT vroom_private.open_only_to(
  'public.commit_page(uuid, uuid, integer, integer, uuid[], jsonb, uuid[], uuid[], jsonb, timestamptz, bigint, bigint)',
  'vroom_app'
);

COMMIT;
