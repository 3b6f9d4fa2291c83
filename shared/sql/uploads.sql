-- Uploads and Mux's events. The functions called here stand in db/migrations/20261102*.

-- name: begin_upload
-- Post and upload, unless the viewer has too many open ones.
SELECT accepted, expires_at
FROM public.begin_upload(
  %(viewer)s::uuid, %(post_id)s::uuid, %(caption)s::text, %(tags)s::text[], %(size_bytes)s::bigint,
  %(duration_ms)s::integer, %(resolution_tier)s::text, %(cap_ms)s::integer, %(timeout_s)s::integer,
  %(max_open)s::integer)

-- name: confirm_upload
-- Ties Mux's upload to the post.
SELECT public.confirm_upload(%(viewer)s::uuid, %(post_id)s::uuid, %(upload_id)s::text)

-- name: abandon_upload
-- Takes post and upload back.
SELECT public.abandon_upload(%(viewer)s::uuid, %(post_id)s::uuid, %(certain)s::boolean)

-- name: upload_state
-- State and reason of the viewer's own upload.
SELECT state, reason FROM public.upload_state(%(viewer)s::uuid, %(post_id)s::uuid)

-- name: cancel_upload
-- Removes the viewer's own post; what is left of it at Mux.
SELECT state, steps FROM public.cancel_upload(%(viewer)s::uuid, %(post_id)s::uuid)

-- name: receive_mux_facts
-- Takes in an event or an answer of Mux, and settles the post.
SELECT public.receive_mux_facts(
  %(event_id)s::text, %(event_type)s::text, %(facts)s::jsonb, %(stream_base)s::text, %(include_polling)s::boolean)

-- name: claim_trim
-- The right to ask for the clip, for one caller only.
SELECT public.claim_trim(%(post_id)s::uuid, %(source)s::text, %(token)s::uuid, %(instead_of)s::uuid)

-- name: release_trim
-- Gives that right back.
SELECT public.release_trim(%(post_id)s::uuid, %(token)s::uuid, %(refusal)s::text, %(include_polling)s::boolean)

-- name: claim_upload_checks
-- Uploads that the sweep looks at now.
SELECT * FROM public.claim_upload_checks(%(max_rows)s::integer, %(give_up_s)s::integer)

-- name: unknown_mux_assets
-- Assets of our posts that no event told of.
SELECT * FROM public.unknown_mux_assets(%(found)s::jsonb)

-- name: begin_mux_sweep
-- The lease of the sweep.
SELECT * FROM public.begin_mux_sweep(%(sweeper)s::uuid, %(lease_s)s::integer)

-- name: end_mux_sweep
-- Gives the lease back.
SELECT public.end_mux_sweep(%(sweeper)s::uuid, %(next_page)s::integer)
