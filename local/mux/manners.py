"""Bad manners of webhooks: rules that duplicate, reorder, delay, drop, strip and make up events."""

import random
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field

from local.mux.events import envelope
from local.mux.records import Json
from local.mux.rules import Rule

MadeUpKind = Literal["unknown", "live_stream", "stranger"]
MannerKind = Literal["duplicate", "reorder", "delay", "drop", "omit"] | MadeUpKind


class MannerRule(Rule):
    """A rule about webhooks.

    Attributes:
        kind: `duplicate` sends `copies` more, `seconds` apart; `reorder` holds an event until the
            next one was sent, `seconds` at most; `delay` holds it up to `seconds`, at random;
            `drop` never sends it; `omit` leaves `fields` out of its data; `unknown`, `live_stream`
            and `stranger` send another event along: of an unknown type, about a live stream, about
            an asset that is none of ours.
        types: Event types that it is about, with `*` as a wildcard.
    """

    kind: MannerKind
    types: list[str] = Field(default_factory=lambda: ["*"])
    seconds: float = Field(default=1, ge=0)
    copies: int = Field(default=1, ge=1, le=100)
    fields: list[str] = Field(
        default_factory=lambda: ["playback_ids", "duration", "upload_id"], min_length=1
    )

    def matches(self, kind: str) -> bool:
        """Tell whether the rule is about this type of event."""
        return any(fnmatchcase(kind, pattern) for pattern in self.types)


@dataclass(frozen=True)
class Planned:
    """One delivery as the manners want it.

    Attributes:
        event: The envelope to send.
        delay: Seconds to wait.
        held: True if it waits until a later event was sent, `delay` at most.
        dropped: True if it is never sent.
    """

    event: Json
    delay: float = 0.0
    held: bool = False
    dropped: bool = False


def plan(event: Json, rules: list[MannerRule], now: float, rng: random.Random) -> list[Planned]:
    """Return the deliveries that an event leads to under the rules; without rules it is just one.

    Args:
        event: The envelope; it is not changed.
        rules: In the order in which they apply.
        now: Unix seconds, the time of events made up.
        rng: The chance that decides which rules bite.
    """
    delay, held, dropped = 0.0, False, False
    copies: list[float] = []
    extra: list[Planned] = []
    for rule in rules:
        if not rule.matches(event["type"]) or not rule.bite(rng):
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
    """Return an event that is true to Mux's form and about nothing in the books."""
    key = f"{rng.getrandbits(128):032x}"
    playback = [{"id": f"{rng.getrandbits(128):032x}", "policy": "public"}]
    asset: Json = {"id": key, "status": "ready", "duration": 12.5, "created_at": int(now)}
    match kind:
        case "unknown":
            about = {"type": "asset", "id": key}
            return envelope("video.asset.daydreamed", about, asset, now, rng)
        case "live_stream":
            data = {"id": key, "status": "active", "stream_key": "none", "playback_ids": playback}
            about = {"type": "live", "id": key}
            return envelope("video.live_stream.active", about, data, now, rng)
        case "stranger":
            data = asset | {"playback_ids": playback, "passthrough": "of another service"}
            return envelope("video.asset.ready", {"type": "asset", "id": key}, data, now, rng)
