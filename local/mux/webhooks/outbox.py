"""The outbox: which webhooks are sent when, and with what outcome.

Nothing here reads a clock or opens a connection. `sender.py` sends.
"""

import itertools
import random
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Literal

from pydantic import BaseModel, Field

from local.mux.records import Json
from local.mux.settings import Tunables
from local.mux.webhooks.faults import Planned, WebhookFault, plan

MAX_ATTEMPTS_SHOWN = 30
SHOWN_BODY = 1000


class Delivery(BaseModel):
    """One delivery of an event. Times are Unix seconds.

    Attributes:
        id: A number that counts up in the order of planning.
        due: The time from which it may be sent next.
        held: True while it waits for a later event to be sent first.
        state: `pending`, then `delivered` (2xx), `given_up` (too old) or `dropped` (never sent).
        attempts: The attempts of this delivery, as Mux shows them in the envelope.
    """

    id: int
    event: Json
    created_at: float
    due: float
    held: bool = False
    state: Literal["pending", "delivered", "given_up", "dropped"] = "pending"
    attempts: list[Json] = Field(default_factory=list)


class Outbox:
    """Every webhook that was planned.

    Args:
        clock: Returns Unix seconds.
        rng: The random numbers of the fault rules.
        tunables: Retry delays and the receiver's address.
        on_change: Called with each delivery that changes.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        rng: random.Random,
        tunables: Tunables,
        on_change: Callable[[Delivery], None] = lambda _delivery: None,
    ) -> None:
        self.deliveries: dict[int, Delivery] = {}
        self.rules: list[WebhookFault] = []
        self._clock = clock
        self._rng = rng
        self._tunables = tunables
        self._on_change = on_change
        self._ids = itertools.count(1)
        self._of_event: dict[str, list[Delivery]] = {}
        self._pending: dict[int, Delivery] = {}

    def restore(self, deliveries: Iterable[Delivery]) -> None:
        """Add the deliveries of an earlier run."""
        for delivery in sorted(deliveries, key=lambda d: d.id):
            self._keep(delivery)
            self._ids = itertools.count(delivery.id + 1)

    def add(self, event: Json) -> list[Delivery]:
        """Plan the deliveries of an event under the fault rules."""
        now = self._clock()
        return [self._plan(planned) for planned in plan(event, self.rules, now, self._rng)]

    def send_again(self, event_id: str) -> Delivery | None:
        """Plan one more delivery of an event. Return None for an unknown event."""
        known = self._of_event.get(event_id)
        return self._plan(Planned(known[0].event)) if known else None

    def pending(self) -> list[Delivery]:
        """Return the deliveries that are still to be sent, in the order of planning."""
        return list(self._pending.values())

    def due(self) -> list[Delivery]:
        """Return the deliveries that may be sent now, the longest due first."""
        now = self._clock()
        return sorted((d for d in self._pending.values() if d.due <= now), key=lambda d: d.due)

    def release(self) -> list[Delivery]:
        """Make every waiting delivery due now, and return them."""
        now = self._clock()
        for delivery in self._pending.values():
            delivery.due, delivery.held = min(delivery.due, now), False
            self._on_change(delivery)
        return self.pending()

    def payload(self, delivery: Delivery) -> Json:
        """Return the envelope to send, with all attempts of its event so far."""
        siblings = self._of_event[delivery.event["id"]]
        attempts = sorted((a for d in siblings for a in d.attempts), key=lambda a: a["created_at"])
        return delivery.event | {"attempts": attempts}

    def record(self, delivery: Delivery, status: int | None, body: str = "") -> None:
        """Record the outcome of an attempt, and plan the next attempt where one is due.

        Args:
            delivery: The delivery that was sent.
            status: The HTTP status of the answer. None means no answer in time.
            body: The body of the answer.
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
        self._release_held_before(delivery)

    def clear(self) -> None:
        """Remove all deliveries and rules."""
        self.deliveries.clear()
        self._of_event.clear()
        self._pending.clear()
        self.rules.clear()

    def _release_held_before(self, sent: Delivery) -> None:
        """Release the held deliveries that were planned before the one just sent."""
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
