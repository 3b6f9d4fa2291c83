"""Read facts from what Mux says about uploads and assets.

Reading is liberal: a value that makes no sense counts as not said.
"""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Mapping

_ID: Final = re.compile(r"[\x21-\x7e]{1,255}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MAX_TEXT: Final = 500
_MAX_DURATION_S: Final = 2_000_000  # more would not fit Postgres' integer as milliseconds
# These are tuples because the values looked up in them need not be hashable.
_UPLOAD_STATUSES: Final = ("waiting", "timed_out", "cancelled", "errored", "asset_created")
_ASSET_STATUSES: Final = ("preparing", "errored", "ready", "deleted")


@dataclass(frozen=True, slots=True)
class Facts:
    """Hold facts about one upload, one asset or both. None means that nothing was said.

    Attributes:
        post_id: The post whose id is the passthrough.
        upload_id: The id of Mux's upload.
        upload_status: The upload's status at Mux.
        asset_id: The id of Mux's asset.
        asset_status: preparing, errored, ready or deleted.
        is_clip: Whether it was made of another asset; None where that is not known.
        clip_of: The asset that it was made of.
        playback_known: Whether Mux said which playback ids there are.
        playback_id: The public playback id.
        signed_playback_id: A playback id that plays with a token alone.
        as_of: When Mux said so, in Unix seconds. What it said earlier does not count then.
        missing: Whether Mux did not find the asset when it was asked for it.
        duration_ms: The duration in milliseconds.
        audio_only: Whether it has no picture; None where that is not known.
        aspect_ratio: Such as `16:9`.
        resolution: The resolution tier of the stored video.
        error: Mux's message where something went wrong.
        note: What is odd about a video that plays, as a sentence.
    """

    post_id: UUID | None = None
    upload_id: str | None = None
    upload_status: str | None = None
    asset_id: str | None = None
    asset_status: str | None = None
    is_clip: bool | None = None
    clip_of: str | None = None
    playback_known: bool = False
    playback_id: str | None = None
    signed_playback_id: str | None = None
    as_of: float | None = None
    missing: bool = False
    duration_ms: int | None = None
    audio_only: bool | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    error: str | None = None
    note: str | None = None

    def as_row(self) -> dict[str, Any]:
        """Return the facts by name, in types that JSON has."""
        row = asdict(self)
        return row | {"post_id": str(self.post_id) if self.post_id else None}


def of_upload(data: Mapping[str, Any], status: str | None = None) -> Facts:
    """Read the facts about an upload.

    Args:
        data: The upload as an event or the API shows it.
        status: The status that the event's type implies; None takes the upload's own.
    """
    said = status or data.get("status")
    settings = _mapping(data.get("new_asset_settings"))
    return Facts(
        post_id=_post(settings.get("passthrough")),
        upload_id=_id(data.get("id")),
        upload_status=said if said in _UPLOAD_STATUSES else None,
        asset_id=_id(data.get("asset_id")),
        error=_text(_mapping(data.get("error")).get("message")),
    )


def of_asset(
    data: Mapping[str, Any],
    status: str | None = None,
    *,
    is_whole: bool = False,
    as_of: float | None = None,
) -> Facts:
    """Read the facts about an asset.

    Args:
        data: The asset as an event or the API shows it.
        status: The status that the event's type implies; None takes the asset's own.
        is_whole: Whether the asset has no playback id where `data` holds none. Some events leave
            out what they do not concern.
        as_of: When Mux said so, in Unix seconds; None where that is not known.
    """
    said = status or data.get("status")
    source = _id(data.get("source_asset_id"))
    clip = bool(source) or data.get("ingest_type") == "on_demand_clip"
    messages = _mapping(data.get("errors")).get("messages")
    return Facts(
        post_id=_post(data.get("passthrough")),
        upload_id=_id(data.get("upload_id")),
        asset_id=_id(data.get("id")),
        asset_status=said if said in _ASSET_STATUSES else None,
        is_clip=clip or None,
        clip_of=source,
        playback_known=is_whole or isinstance(data.get("playback_ids"), list),
        playback_id=_playback(data.get("playback_ids"), "public"),
        signed_playback_id=_playback(data.get("playback_ids"), "signed"),
        as_of=as_of,
        duration_ms=_milliseconds(data.get("duration")),
        audio_only=_audio_only(data, said),
        aspect_ratio=_text(data.get("aspect_ratio")),
        resolution=_text(data.get("resolution_tier")),
        error=_text("; ".join(m for m in messages if isinstance(m, str)))
        if isinstance(messages, list)
        else None,
        note=_note(data) if said == "ready" else None,
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _post(value: object) -> UUID | None:
    return UUID(value) if isinstance(value, str) and _UUID.fullmatch(value) else None


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def _text(value: object) -> str | None:
    """Make a text that Postgres can store, of bounded length; None for an empty one."""
    if not isinstance(value, str):
        return None
    storable = value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    return storable[:_MAX_TEXT] or None


def _milliseconds(seconds: object) -> int | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    # Python compares integers beyond a float's range exactly, and NaN fails every comparison.
    if not 0 < seconds < _MAX_DURATION_S or not math.isfinite(seconds):
        return None
    return max(1, round(seconds * 1000))


def _playback(value: object, policy: str) -> str | None:
    """Find the first playback id of a policy. One without a policy counts as public."""
    entries = value if isinstance(value, list) else []
    for entry in map(_mapping, entries):
        if (entry.get("policy") or "public") == policy and _id(entry.get("id")):
            return _id(entry["id"])
    return None


def _audio_only(data: Mapping[str, Any], status: object) -> bool | None:
    """Tell whether an asset has no picture; None where that is not known.

    Only a ready asset is believed to have none: one that Mux still prepares may list its sound
    before its picture.
    """
    tier, tracks = data.get("resolution_tier"), data.get("tracks")
    kinds = [_mapping(t).get("type") for t in tracks] if isinstance(tracks, list) else []
    if "video" in kinds or (tier and tier != "audio-only") or data.get("aspect_ratio"):
        return False
    sounds_only = tier == "audio-only" or "audio" in kinds
    return True if sounds_only and status == "ready" else None


def _note(data: Mapping[str, Any]) -> str | None:
    """Describe what Mux found odd about a video that it nevertheless made playable.

    Mux gives this reason for damage, but also for other things that are odd. The sentence
    therefore says no more than what may be.
    """
    reasons = _mapping(data.get("non_standard_input_reasons"))
    if reasons.get("unexpected_media_file_parameters"):
        return "The file may hold parts that could not be read as video or sound."
    return None
