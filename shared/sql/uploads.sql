-- Uploads and Mux's events. The functions called here stand in db/migrations/20261102*.

-- name: begin_upload
-- Makes post and upload, or finds those of an earlier request with the same key.
SELECT outcome, post_id, expires_at, answer, retry_after_s
FROM public.begin_upload(
  %(viewer)s::uuid, %(post_id)s::uuid, %(caption)s::text, %(tags)s::text[], %(size_bytes)s::bigint,
  %(duration_ms)s::integer, %(resolution_tier)s::text, %(cap_ms)s::integer, %(timeout_s)s::integer,
  %(max_open)s::integer, %(playback_policy)s::text, %(key)s::text, %(request_hash)s::text,
  %(key_ttl_s)s::integer, %(making_s)s::integer)

-- name: take_mux_turn
-- Seconds until the caller may send a POST request to Mux; null where its turn would come too late.
SELECT public.take_mux_turn(%(per_s)s::float8, %(max_wait_s)s::float8)

-- name: confirm_upload
-- Ties Mux's upload to the post, and keeps the answer.
SELECT public.confirm_upload(%(viewer)s::uuid, %(post_id)s::uuid, %(upload_id)s::text, %(answer)s::text)

-- name: pause_upload
-- Lets the next request with the same key go on.
SELECT public.pause_upload(%(viewer)s::uuid, %(post_id)s::uuid)

-- name: abandon_upload
-- Takes post and upload back.
SELECT public.abandon_upload(%(viewer)s::uuid, %(post_id)s::uuid, %(certain)s::boolean)

-- name: upload_state
-- State, reason and detail of the viewer's own upload.
SELECT state, reason, detail FROM public.upload_state(%(viewer)s::uuid, %(post_id)s::uuid)

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

-- name: claim_playback_checks
-- Published posts whose videos the sweep looks at now.
SELECT * FROM public.claim_playback_checks(%(max_rows)s::integer, %(every_s)s::integer)

-- name: compare_mux_assets
-- The listed assets of which there is news.
SELECT asset_id, is_known FROM public.compare_mux_assets(%(listed)s::jsonb, %(every_s)s::integer)

-- name: begin_mux_sweep
-- Takes the lease of the sweep.
SELECT * FROM public.begin_mux_sweep(%(sweeper)s::uuid, %(lease_s)s::integer, %(base)s::text)

-- name: renew_stream_addresses
-- Renews the next posts' addresses.
SELECT public.renew_stream_addresses(%(sweeper)s::uuid, %(max_rows)s::integer)

-- name: end_mux_sweep
-- Gives the lease back.
SELECT public.end_mux_sweep(%(sweeper)s::uuid, %(next_page)s::integer)
