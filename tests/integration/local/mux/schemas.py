"""The schemas of Mux's API: the fields, their types, and which of them are required.

They hold the part of Mux's API that this project uses. Every schema refuses unknown fields, so
that the stand-in cannot answer with a field that Mux does not have.
"""

from typing import Any

from jsonschema import Draft202012Validator

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}


def one_of(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def listed(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def record(required: Schema, optional: Schema | None = None) -> Schema:
    return {
        "type": "object",
        "required": list(required),
        "properties": required | (optional or {}),
        "additionalProperties": False,
    }


POLICY = one_of("public", "signed", "drm")
PLAYBACK_ID = record({"id": TEXT, "policy": POLICY}, {"drm_configuration_id": TEXT})
META = record({}, {"title": TEXT, "creator_id": TEXT, "external_id": TEXT})
TIERS = ("1080p", "1440p", "2160p")
QUALITY = one_of("basic", "plus", "premium")
ENCODING = one_of("smart", "baseline", "premium")
TRACK = record(
    {},
    {
        "id": TEXT,
        "type": one_of("video", "audio", "text"),
        "duration": NUMBER,
        "max_width": WHOLE,
        "max_height": WHOLE,
        "max_frame_rate": NUMBER,
        "max_channels": WHOLE,
        "max_channel_layout": TEXT,
        "text_type": one_of("subtitles"),
        "language_code": TEXT,
        "name": TEXT,
        "closed_captions": FLAG,
        "passthrough": TEXT,
        "status": one_of("preparing", "ready", "errored", "deleted"),
        "primary": FLAG,
    },
)
PROGRESS = record(
    {
        "progress": {"type": "number", "minimum": -1, "maximum": 100},
        "state": one_of("ingesting", "transcoding", "completed", "live", "errored"),
    }
)
INPUT = record(
    {},
    {
        "url": TEXT,
        "start_time": NUMBER,
        "end_time": NUMBER,
        "type": one_of("video", "audio", "text"),
        "language_code": TEXT,
        "name": TEXT,
        "passthrough": TEXT,
    },
)
ASSET_OPTIONS = record(
    {},
    {
        "inputs": listed(INPUT),
        "input": listed(INPUT),
        "playback_policies": listed(POLICY),
        "playback_policy": listed(POLICY),
        "passthrough": TEXT,
        "meta": META,
        "max_resolution_tier": one_of(*TIERS),
        "video_quality": QUALITY,
        "encoding_tier": ENCODING,
        "master_access": one_of("none", "temporary"),
        "normalize_audio": FLAG,
        "test": FLAG,
    },
)

NON_STANDARD_INPUT_REASONS = record(
    {},
    {
        "video_codec": TEXT,
        "audio_codec": TEXT,
        "video_gop_size": one_of("high"),
        "video_frame_rate": TEXT,
        "video_resolution": TEXT,
        "video_bitrate": one_of("high"),
        "pixel_aspect_ratio": TEXT,
        "video_edit_list": one_of("non-standard"),
        "audio_edit_list": one_of("non-standard"),
        "unexpected_media_file_parameters": one_of("non-standard"),
        "unsupported_pixel_format": TEXT,
    },
)


def asset(created_at: Schema) -> Schema:
    return record(
        {
            "id": TEXT,
            "created_at": created_at,
            "encoding_tier": ENCODING,
            "master_access": one_of("temporary", "none"),
            "max_resolution_tier": one_of(*TIERS),
            "progress": PROGRESS,
            "status": one_of("preparing", "ready", "errored"),
        },
        {
            "aspect_ratio": {"type": "string", "pattern": r"^\d+:\d+$"},
            "duration": NUMBER,
            "errors": record({}, {"type": TEXT, "messages": listed(TEXT)}),
            "ingest_type": one_of("on_demand_url", "on_demand_direct_upload", "on_demand_clip"),
            "max_stored_frame_rate": NUMBER,
            "max_stored_resolution": one_of("Audio only", "SD", "HD", "FHD", "UHD"),
            "meta": META,
            "mp4_support": one_of("standard", "none", "capped-1080p", "audio-only"),
            "non_standard_input_reasons": NON_STANDARD_INPUT_REASONS,
            "passthrough": TEXT,
            "playback_ids": listed(PLAYBACK_ID),
            "resolution_tier": one_of("audio-only", "720p", *TIERS),
            "source_asset_id": TEXT,
            "test": FLAG,
            "tracks": listed(TRACK),
            "upload_id": TEXT,
            "video_quality": QUALITY,
        },
    )


ASSET = asset(TEXT)
ASSET_IN_EVENT = asset(WHOLE)
UPLOAD = record(
    {
        "id": TEXT,
        "timeout": {"type": "integer", "minimum": 60, "maximum": 604_800},
        "status": one_of("waiting", "asset_created", "errored", "cancelled", "timed_out"),
        "cors_origin": TEXT,
    },
    {
        "new_asset_settings": ASSET_OPTIONS,
        "asset_id": TEXT,
        "error": record({}, {"type": TEXT, "message": TEXT}),
        "url": TEXT,
        "test": FLAG,
    },
)
INPUT_INFO = record(
    {},
    {
        "settings": INPUT,
        "file": record(
            {"container_format": TEXT},
            {
                "tracks": listed(
                    record(
                        {"type": one_of("video", "audio", "text")},
                        {
                            "duration": NUMBER,
                            "encoding": TEXT,
                            "width": WHOLE,
                            "height": WHOLE,
                            "frame_rate": NUMBER,
                            "sample_rate": WHOLE,
                            "sample_size": WHOLE,
                            "channels": WHOLE,
                        },
                    )
                )
            },
        ),
    },
)
SIGNING_KEY = record({"id": TEXT, "created_at": TEXT}, {"private_key": TEXT})
WHOAMI = record(
    {
        "permissions": listed(TEXT),
        "organization_name": TEXT,
        "organization_id": TEXT,
        "environment_type": TEXT,
        "environment_name": TEXT,
        "environment_id": TEXT,
        "access_token_name": TEXT,
    }
)
FOUND_PLAYBACK_ID = record(
    {
        "id": TEXT,
        "policy": POLICY,
        "object": record({"id": TEXT, "type": one_of("asset", "live_stream")}),
    }
)
ERROR = record({"error": record({"type": TEXT, "messages": listed(TEXT)})})
TOO_MANY_REQUESTS = record({"errors": listed(TEXT)})

# The schemas of the answers by verb and path. `*` stands for an id.
ANSWERS: dict[tuple[str, str], Schema | None] = {
    ("POST", "/video/v1/uploads"): record({"data": UPLOAD}),
    ("GET", "/video/v1/uploads"): record({"data": listed(UPLOAD)}),
    ("GET", "/video/v1/uploads/*"): record({"data": UPLOAD}),
    ("PUT", "/video/v1/uploads/*/cancel"): record({"data": UPLOAD}),
    ("POST", "/video/v1/assets"): record({"data": ASSET}),
    ("GET", "/video/v1/assets"): record({"data": listed(ASSET), "next_cursor": TEXT_OR_NULL}),
    ("GET", "/video/v1/assets/*"): record({"data": ASSET}),
    ("PATCH", "/video/v1/assets/*"): record({"data": ASSET}),
    ("DELETE", "/video/v1/assets/*"): None,
    ("GET", "/video/v1/assets/*/input-info"): record({"data": listed(INPUT_INFO)}),
    ("POST", "/video/v1/assets/*/playback-ids"): record({"data": PLAYBACK_ID}),
    ("GET", "/video/v1/assets/*/playback-ids"): record({"data": listed(PLAYBACK_ID)}),
    ("GET", "/video/v1/assets/*/playback-ids/*"): record({"data": PLAYBACK_ID}),
    ("DELETE", "/video/v1/assets/*/playback-ids/*"): None,
    ("GET", "/video/v1/playback-ids/*"): record({"data": FOUND_PLAYBACK_ID}),
    ("GET", "/system/v1/whoami"): record({"data": WHOAMI}),
    ("POST", "/system/v1/signing-keys"): record({"data": SIGNING_KEY}),
    ("GET", "/system/v1/signing-keys"): record({"data": listed(SIGNING_KEY)}),
    ("GET", "/system/v1/signing-keys/*"): record({"data": SIGNING_KEY}),
    ("DELETE", "/system/v1/signing-keys/*"): None,
}

ATTEMPT = record(
    {},
    {
        "id": TEXT,
        "address": TEXT,
        "created_at": TEXT,
        "max_attempts": WHOLE,
        "response_body": TEXT_OR_NULL,
        "response_headers": {},
        "response_status_code": {"type": ["integer", "null"]},
        "webhook_id": WHOLE,
    },
)
EVENT = record(
    {
        "id": {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"},
        "attempts": listed(ATTEMPT),
        "created_at": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
        "data": {"type": "object"},
        "environment": record({"id": TEXT, "name": TEXT}),
        "object": record({"id": TEXT, "type": TEXT}),
        "type": TEXT,
    },
    {"accessor": TEXT_OR_NULL, "accessor_source": TEXT_OR_NULL, "request_id": TEXT_OR_NULL},
)
EVENT_DATA = {
    **{
        f"video.asset.{what}": ASSET_IN_EVENT
        for what in ("created", "ready", "errored", "updated", "deleted")
    },
    **{
        f"video.upload.{what}": UPLOAD
        for what in ("created", "asset_created", "errored", "cancelled")
    },
}


def check(schema: Schema, content: object) -> None:
    """Raise jsonschema.ValidationError where content breaks a schema."""
    Draft202012Validator(schema).validate(content)


def check_event(event: Schema) -> None:
    """Check a webhook of the stand-in."""
    check(EVENT, event)
    check(EVENT_DATA[event["type"]], event["data"])


def check_answer(method: str, path: str, status: int, content: object) -> None:
    """Check an answer of the API."""
    if status == 429:
        check(TOO_MANY_REQUESTS, content)
    elif status >= 400:
        check(ERROR, content)
    else:
        schema = ANSWERS[method, route_of(path)]
        if schema is None:
            assert (status, content) == (204, None)
        else:
            check(schema, content)


def route_of(path: str) -> str:
    """Return a path with `*` in the place of each id."""
    beginning, version, *parts = path.strip("/").split("/")
    names = {"uploads", "assets", "playback-ids", "input-info", "cancel", "whoami", "signing-keys"}
    return "/".join(["", beginning, version, *(p if p in names else "*" for p in parts)])
