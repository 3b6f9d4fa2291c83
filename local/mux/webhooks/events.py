"""Events in the form of Mux's webhooks."""

import random
import uuid
from datetime import UTC, datetime

from local.mux.records import Json

ENVIRONMENT = {"name": "Local", "id": "local1"}


def envelope(kind: str, about: dict[str, str], data: Json, now: float, rng: random.Random) -> Json:
    """Return an event in the form of Mux's webhooks.

    Args:
        kind: The event's type.
        about: The `type` and `id` of the object that the event is about.
        data: The object itself.
        now: Unix seconds.
        rng: The source of the event's id.
    """
    return {
        "type": kind,
        "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "created_at": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "object": about,
        "environment": ENVIRONMENT,
        "data": data,
        "attempts": [],
        "request_id": None,
        "accessor": None,
        "accessor_source": None,
    }
