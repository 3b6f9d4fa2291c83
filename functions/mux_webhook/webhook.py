"""Receive one webhook: verify it, take it in, and do what fits into the time that Mux waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.mux_webhook import events, signature

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functions.mux_webhook.steps import Stepper
    from functions.mux_webhook.store import UploadSnapshot


@dataclass(frozen=True, slots=True)
class Webhook:
    """Take in Mux's events.

    Attributes:
        secrets: The secrets that may have signed a request.
        stepper: Carries out the steps that an event makes possible.
        now: Returns the present time in Unix seconds.
        on_lag: Called with the seconds from an event's creation until it was taken in.
    """

    secrets: Sequence[str]
    stepper: Stepper
    now: Callable[[], float]
    on_lag: Callable[[float], None]

    def receive(self, header: str | None, body: bytes) -> UploadSnapshot | None:
        """Take in a delivery, and return None where it does not concern our posts.

        One transaction takes in the event. The requests to Mux that follow may break off anywhere:
        the next delivery or the sweep goes on from there.

        Args:
            header: The value of `mux-signature`.
            body: The bytes received, before any parsing.

        Raises:
            InvalidSignatureError: Mux did not sign it, or not within the last five minutes.
            InvalidInputError: The body is not a JSON object.
            DatabaseUnavailableError: It was not taken in, and Mux has to send it again.
        """
        signature.verify(header, body, self.secrets, self.now())
        event = events.parse(body)
        if event is None:
            return None
        snapshot = self.stepper.store.receive(event.facts, event_id=event.id, event_type=event.type)
        if event.created_at is not None:
            self.on_lag(max(self.now() - event.created_at, 0.0))
        self.stepper.on_snapshot(snapshot)
        last, _ = self.stepper.carry_out(snapshot)
        return last
