-- An application on a platform like Supabase, as it is before the feed comes.
CREATE SCHEMA IF NOT EXISTS auth;
CREATE SCHEMA IF NOT EXISTS storage;
CREATE SCHEMA IF NOT EXISTS extensions;
DO $$
DECLARE
  r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['anon', 'authenticated', 'service_role'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', r);
    END IF;
  END LOOP;
END $$;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
                  nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
$$;
GRANT USAGE ON SCHEMA public, auth TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO anon, authenticated, service_role;

CREATE TABLE public.posts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL,
  content text,
  video_url text NOT NULL,
  draft boolean NOT NULL DEFAULT false,
  deleted_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := clock_timestamp();
  RETURN NEW;
END $$;
CREATE TRIGGER touch BEFORE UPDATE ON public.posts FOR EACH ROW EXECUTE FUNCTION public.touch();
ALTER TABLE public.posts ENABLE ROW LEVEL SECURITY;
CREATE POLICY "published posts are readable" ON public.posts FOR SELECT USING (NOT draft AND deleted_at IS NULL);
CREATE POLICY "own posts" ON public.posts FOR ALL TO authenticated USING (user_id = auth.uid());

CREATE TABLE public.follows (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  follower_id uuid NOT NULL,
  following_id uuid NOT NULL,
  UNIQUE (follower_id, following_id)
);
CREATE TABLE public.likes (
  user_id uuid NOT NULL,
  post_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, post_id)
);
CREATE TABLE public.post_views (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id uuid NOT NULL,
  post_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION public.some_user(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
RETURN ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid;

INSERT INTO public.posts (user_id, content, video_url, draft, deleted_at, created_at)
SELECT public.some_user(n % 97), CASE WHEN n % 10 > 0 THEN 'post ' || n END, '/videos/' || n || '.mp4',
       n % 50 = 0, CASE WHEN n % 40 = 1 THEN now() END, now() - n * interval '1 hour'
FROM generate_series(1, 5000) n;
INSERT INTO public.follows (follower_id, following_id)
SELECT public.some_user(n), public.some_user((n * 7 + k) % 97)
FROM generate_series(1, 60) n, generate_series(1, 5) k ON CONFLICT DO NOTHING;
INSERT INTO public.likes (user_id, post_id, created_at)
SELECT public.some_user(200 + n % 300), p.id, now() - n * interval '1 minute'
FROM (SELECT id, row_number() OVER (ORDER BY created_at) AS n FROM public.posts) p;
INSERT INTO public.post_views (user_id, post_id, created_at)
SELECT public.some_user(200 + (n * k) % 300), p.id, now() - n * interval '1 minute'
FROM (SELECT id, row_number() OVER (ORDER BY created_at) AS n FROM public.posts) p, generate_series(1, 2) k;
ANALYZE;
