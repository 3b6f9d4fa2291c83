BEGIN;

-- The first file refuses a database that it does not understand, and some kinds of server have no use for this
-- file. These lines then stop it, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;
DO $$ BEGIN PERFORM vroom_private.assert_kind('viewers'); END $$;

-- This file reads the blocks of bits. post_blocks holds one bit for each post (may it be shown?). viewer_seen
-- holds one bit for each post and viewer (is there an impression?). A row holds 1,024 posts. A post that is
-- eligible and not seen is unseen.

-- Return the blocks in which posts are eligible and without an impression of the viewer, with the bits of these
-- posts. Only blocks whose newest post was published after published_after are read. Callers read the blocks in the
-- order of an index and stop early. The bits of the viewer are therefore looked up block by block: a join would read
-- all blocks of the catalogue, and all of the viewer, before it returned the first.
CREATE OR REPLACE FUNCTION vroom_private.unseen_blocks(viewer uuid, published_after timestamptz)
RETURNS TABLE (block_no bigint, unseen bit, newest_published_at timestamptz)
LANGUAGE sql STABLE
AS $$
  SELECT b.block_no, u.unseen, b.newest_published_at
  FROM public.post_blocks b
  CROSS JOIN LATERAL (
    SELECT b.eligible & ~coalesce(
      (SELECT v.seen FROM public.viewer_seen v WHERE v.user_id = viewer AND v.block_no = b.block_no),
      0::bit(1024)) AS unseen
    OFFSET 0  -- the bits are looked up once
  ) u
  WHERE b.newest_published_at > published_after AND pg_catalog.bit_count(u.unseen) > 0
$$;

-- Return the posts of a block whose bits are set, newest first.
CREATE OR REPLACE FUNCTION vroom_private.posts_of_bits(block bigint, bits bit)
RETURNS TABLE (post_id uuid, published_at timestamptz)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY
  SELECT s.post_id, s.published_at
  FROM post_stats s
  WHERE s.post_no = ANY (
    ARRAY(SELECT (block << 10) + n FROM generate_series(0, 1023) AS n WHERE get_bit(bits, n) = 1)
  )
  ORDER BY s.post_no DESC;
END
$$;

COMMIT;
