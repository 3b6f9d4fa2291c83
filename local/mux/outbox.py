"""Webhooks that wait to be sent, are retried, or are done: which, when, and with what outcome.

Nothing here reads a clock or opens a connection; `webhooks.py` sends.
"""

import itertools
import random
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Literal

from pydantic import BaseModel, Field

from local.mux.manners import MannerRule, Planned, plan
from local.mux.records import Json
from local.mux.settings import Tunables

MAX_ATTEMPTS_SHOWN = 30
SHOWN_BODY = 1000


class Delivery(BaseModel):
    """An event on its way to the receiver. Times are Unix seconds.

    Attributes:
        id: Counts up in the order of planning.
        due: When it may be sent (next).
        held: True while it waits for a later event to be sent first.
        state: `pending`, then `delivered` (2xx), `given_up` (too old) or `dropped` (never sent).
        attempts: As Mux shows them in the envelope, of this delivery only.
    """

    id: int
    event: Json
    created_at: float
    due: float
    held: bool = False
    state: Literal["pending", "delivered", "given_up", "dropped"] = "pending"
    attempts: list[Json] = Field(default_factory=list)


class Outbox:
    """Every webhook ever planned.

    Args:
        clock: Returns Unix seconds.
        rng: The chance of the manners.
        tunables: Retry delays and the receiver's address.
        on_change: Told of each delivery as it changes.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        rng: random.Random,
        tunables: Tunables,
        on_change: Callable[[Delivery], None] = lambda _delivery: None,
    ) -> None:
        self.deliveries: dict[int, Delivery] = {}
        self.rules: list[MannerRule] = []
        self._clock = clock
        self._rng = rng
        self._tunables = tunables
        self._on_change = on_change
        self._ids = itertools.count(1)
        self._of_event: dict[str, list[Delivery]] = {}
        self._pending: dict[int, Delivery] = {}

    def restore(self, deliveries: Iterable[Delivery]) -> None:
        """Take up deliveries that an earlier run left."""
        for delivery in sorted(deliveries, key=lambda d: d.id):
            self._keep(delivery)
            self._ids = itertools.count(delivery.id + 1)

    def add(self, event: Json) -> list[Delivery]:
        """Plan the deliveries of an event, as the manners want them."""
        now = self._clock()
        return [self._plan(planned) for planned in plan(event, self.rules, now, self._rng)]

    def send_again(self, event_id: str) -> Delivery | None:
        """Plan one more delivery of an event, sent before or not; None if it is unknown."""
        known = self._of_event.get(event_id)
        return self._plan(Planned(known[0].event)) if known else None

    def pending(self) -> list[Delivery]:
        """Return what is still to be sent, in the order of planning."""
        return list(self._pending.values())

    def due(self) -> list[Delivery]:
        """Return what may be sent now, the longest due first."""
        now = self._clock()
        return sorted((d for d in self._pending.values() if d.due <= now), key=lambda d: d.due)

    def release(self) -> list[Delivery]:
        """Make everything that waits due now; return it."""
        now = self._clock()
        for delivery in self._pending.values():
            delivery.due, delivery.held = min(delivery.due, now), False
            self._on_change(delivery)
        return self.pending()

    def payload(self, delivery: Delivery) -> Json:
        """Return the envelope to send, with every attempt of its event so far."""
        siblings = self._of_event[delivery.event["id"]]
        attempts = sorted((a for d in siblings for a in d.attempts), key=lambda a: a["created_at"])
        return delivery.event | {"attempts": attempts}

    def record(self, delivery: Delivery, status: int | None, body: str = "") -> None:
        """Record the outcome of an attempt and plan the next one, if there is to be one.

        Args:
            delivery: What was sent.
            status: The answer's HTTP status; None if there was no answer in time.
            body: The answer's body.
        """
        now = self._clock()
        delivery.attempts.append(
            {
                "id": str(uuid.uuid4()),
                "webhook_id": 1,
                "address": self._tunables.webhook_url,
                "created_at": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "response_status_code": status,
                "response_body": body[:SHOWN_BODY],
                "max_attempts": MAX_ATTEMPTS_SHOWN,
            }
        )
        retries = len(delivery.attempts) - 1
        tunables = self._tunables
        wait = min(tunables.retry_first * 2.0 ** min(retries, 60), tunables.retry_longest)
        if status is not None and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            delivery.state = "delivered"
        elif now + wait > delivery.created_at + tunables.retry_horizon:
            delivery.state = "given_up"
        else:
            delivery.due = now + wait
        if delivery.state != "pending":
            self._pending.pop(delivery.id, None)
        self._on_change(delivery)
        self._let_go_before(delivery)

    def clear(self) -> None:
        """Forget all deliveries and rules."""
        self.deliveries.clear()
        self._of_event.clear()
        self._pending.clear()
        self.rules.clear()

    def _let_go_before(self, sent: Delivery) -> None:
        """End the wait of those that were planned before what has now been sent."""
        for delivery in self.pending():
            if delivery.held and delivery.id < sent.id:
                delivery.held, delivery.due = False, min(delivery.due, self._clock())
                self._on_change(delivery)

    def _plan(self, planned: Planned) -> Delivery:
        now = self._clock()
        delivery = Delivery(
            id=next(self._ids),
            event=planned.event,
            created_at=now,
            due=now + planned.delay,
            held=planned.held,
            state="dropped" if planned.dropped else "pending",
        )
        self._keep(delivery)
        self._on_change(delivery)
        return delivery

    def _keep(self, delivery: Delivery) -> None:
        self.deliveries[delivery.id] = delivery
        self._of_event.setdefault(delivery.event["id"], []).append(delivery)
        if delivery.state == "pending":
            self._pending[delivery.id] = delivery
