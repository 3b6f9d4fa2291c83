BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- This file keeps what a session was served, and what requests cost.

-- Page n of a session, which is written once. This is the durable record behind the session cache. It makes
-- retries, concurrent requests and sessions whose cache is gone see the same pages.
CREATE TABLE IF NOT EXISTS public.feed_pages (
  user_id    uuid NOT NULL,
  session_id uuid NOT NULL,
  page_no    integer NOT NULL CHECK (page_no >= 0),
  version    integer NOT NULL,  -- grows when a post that is no longer eligible is replaced
  post_ids   uuid[] NOT NULL,   -- in the order shown
  withdrawn_ids uuid[] NOT NULL DEFAULT '{}',  -- posts of earlier versions, which stay served
  entries    jsonb NOT NULL,    -- for each post, in the same order: source, score and its parts, reasons, propensity
  variant    text,              -- the variant of the experiment under which it was ranked
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, session_id, page_no)
);
CREATE INDEX IF NOT EXISTS feed_pages_by_age ON public.feed_pages (created_at);

CREATE TABLE IF NOT EXISTS public.feed_requests (
  user_id          uuid NOT NULL,
  request_id       uuid NOT NULL DEFAULT gen_random_uuid(),
  session_id       uuid,
  page_no          integer,
  page_size        integer,
  response_time_ms double precision NOT NULL,  -- from the handler's start to the commit of this row
  cache_hit        boolean NOT NULL,
  prepared         boolean NOT NULL DEFAULT false,  -- a hit of a queue that was ranked ahead of the request
  stale_cursor     boolean NOT NULL DEFAULT false,
  degraded         text,
  variant          text,
  sources          jsonb NOT NULL DEFAULT '{}',  -- the number of the page's posts by source
  trace            jsonb NOT NULL DEFAULT '{}',  -- candidates by rung, and filtered posts by filter
  created_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, request_id)
);
CREATE INDEX IF NOT EXISTS feed_requests_by_age ON public.feed_requests (created_at);
CREATE INDEX IF NOT EXISTS feed_requests_by_id ON public.feed_requests USING hash (request_id);  -- make why

ALTER TABLE public.feed_pages ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.feed_requests ENABLE ROW LEVEL SECURITY;

-- The last day's requests in one row. There is no row where there was no request.
CREATE OR REPLACE VIEW public.feed_stats WITH (security_invoker = true) AS
SELECT count(*)                                             AS total_requests,
       count(*) FILTER (WHERE cache_hit)                    AS cache_hits,
       count(*) FILTER (WHERE degraded IS NOT NULL)         AS degraded_requests,
       avg(response_time_ms)                                AS avg_response_time_ms,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY response_time_ms) AS p95_response_time_ms,
       -- the learnt weights of 8 minutes, an hour, 6 hours and a day in the ranking
       (SELECT m.weights FROM public.heat_mix m)            AS heat_mix,
       count(*) FILTER (WHERE prepared)                     AS prepared_hits,  -- those of the hits that were prepared
       -- how often the next post is one that viewers of the same last posts went on to, as learnt
       (SELECT m.neighbours FROM public.heat_mix m)         AS neighbour_share
FROM public.feed_requests
WHERE created_at > now() - interval '1 day'
HAVING count(*) > 0;

DROP POLICY IF EXISTS "read_own_pages" ON public.feed_pages;
CREATE POLICY "read_own_pages" ON public.feed_pages
  FOR SELECT USING (user_id = (SELECT auth.uid()));

DROP POLICY IF EXISTS "read_own_requests" ON public.feed_requests;
CREATE POLICY "read_own_requests" ON public.feed_requests
  FOR SELECT USING (user_id = (SELECT auth.uid()));

GRANT SELECT ON public.feed_pages, public.feed_requests, public.feed_stats TO vroom_app;

COMMIT;
