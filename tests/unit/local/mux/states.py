"""A state machine with a clock of its own, and assets in it."""

from dataclasses import dataclass

from local.mux.records import Asset, Media
from local.mux.state.mux_state import MuxState

VIDEO = Media(duration=200.04, width=1280, height=720, frame_rate=25.0, aspect_ratio="16:9")
SETTINGS = {"playback_policies": ["public"], "passthrough": "post-1"}


@dataclass
class Clock:
    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def types(state: MuxState) -> list[str]:
    return [event["type"] for event in state.events]


def ready(state: MuxState, media: Media = VIDEO) -> Asset:
    upload = state.create_upload({"new_asset_settings": SETTINGS})
    return state.finish_asset(state.complete_upload(upload.id).id, media)


def clip_of(source: Asset, start: float = 0.0, end: float = 180.0) -> dict[str, object]:
    url = f"mux://assets/{source.id}"
    return SETTINGS | {"inputs": [{"url": url, "start_time": start, "end_time": end}]}
