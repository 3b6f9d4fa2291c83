"""Faults of webhooks: rules that duplicate, reorder, delay, drop, strip and make up events."""

import random
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field

from local.mux.fault_rules import Rule
from local.mux.records import Asset, Json, Media, PlaybackId
from local.mux.webhooks.events import envelope

MadeUpKind = Literal["unknown", "live_stream", "stranger"]
WebhookFaultKind = Literal["duplicate", "reorder", "delay", "drop", "omit"] | MadeUpKind


class WebhookFault(Rule):
    """A rule about webhooks.

    Attributes:
        kind: `duplicate` sends `copies` more, `seconds` apart. `reorder` holds an event until the
            next one was sent, for `seconds` at most. `delay` holds it for up to `seconds`, at
            random. `drop` never sends it. `omit` leaves `fields` out of its data. `unknown`,
            `live_stream` and `stranger` send a second event along: one of an unknown type, one
            about a live stream, one about an asset of another service.
        types: The event types that the rule matches, with `*` as a wildcard.
    """

    kind: WebhookFaultKind
    types: list[str] = Field(default_factory=lambda: ["*"])
    seconds: float = Field(default=1, ge=0)
    copies: int = Field(default=1, ge=1, le=100)
    fields: list[str] = Field(
        default_factory=lambda: ["playback_ids", "duration", "upload_id"], min_length=1
    )

    def matches(self, kind: str) -> bool:
        """Return whether the rule matches this type of event."""
        return any(fnmatchcase(kind, pattern) for pattern in self.types)


@dataclass(frozen=True)
class Planned:
    """One delivery as the rules plan it.

    Attributes:
        event: The envelope to send.
        delay: The seconds to wait.
        held: True if the delivery waits until a later event was sent, for `delay` at most.
        dropped: True if the event is never sent.
    """

    event: Json
    delay: float = 0.0
    held: bool = False
    dropped: bool = False


def plan(event: Json, rules: list[WebhookFault], now: float, rng: random.Random) -> list[Planned]:
    """Return the deliveries of an event under the rules. Without rules there is one.

    Args:
        event: The envelope. It is not changed.
        rules: The rules, in the order in which they apply.
        now: The time of made-up events, in Unix seconds.
        rng: Decides which rules apply.
    """
    delay, held, dropped = 0.0, False, False
    copies: list[float] = []
    extra: list[Planned] = []
    for rule in rules:
        if not rule.matches(event["type"]) or not rule.applies(rng):
            continue
        match rule.kind:
            case "duplicate":
                copies += [rule.seconds * (n + 1) for n in range(rule.copies)]
            case "reorder":
                delay, held = max(delay, rule.seconds), True
            case "delay":
                delay += rng.uniform(0, rule.seconds)
            case "drop":
                dropped = True
            case "omit":
                kept = {k: v for k, v in event["data"].items() if k not in rule.fields}
                event = event | {"data": kept}
            case "unknown" | "live_stream" | "stranger":
                extra.append(Planned(made_up(rule.kind, now, rng)))
    if dropped:
        return [Planned(event, dropped=True), *extra]
    later = [Planned(event, delay + wait) for wait in copies]
    return [Planned(event, delay, held), *later, *extra]


def made_up(kind: MadeUpKind, now: float, rng: random.Random) -> Json:
    """Return an event in Mux's form about an object that the stand-in does not hold."""
    key, playback_id = (f"{rng.getrandbits(128):032x}" for _ in range(2))
    asset = Asset(
        id=key,
        created_at=now,
        ingest_type="on_demand_direct_upload",
        status="ready",
        passthrough="of another service",
        playback_ids=[PlaybackId(id=playback_id, policy="public")],
        track_ids=[f"{rng.getrandbits(128):032x}"],
        media=Media(duration=12.5, width=1280, height=720, frame_rate=30, aspect_ratio="16:9"),
    )
    about, data = {"type": "asset", "id": key}, asset.view(webhook=True)
    match kind:
        case "unknown":
            return envelope("video.asset.daydreamed", about, data, now, rng)
        case "live_stream":
            live = {"id": key, "status": "active", "playback_ids": data["playback_ids"]}
            return envelope("video.live_stream.active", about | {"type": "live"}, live, now, rng)
        case "stranger":
            return envelope("video.asset.ready", about, data, now, rng)
