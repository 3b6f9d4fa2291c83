"""One webhook: verify, take in, do what fits into the time that Mux waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.mux_webhook import events, signature

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functions.mux_webhook.steps import Stepper
    from functions.mux_webhook.store import Report


@dataclass(frozen=True, slots=True)
class Webhook:
    """Takes in Mux's events.

    Attributes:
        secrets: Those that may have signed.
        stepper: Carries out what an event makes possible.
        now: Unix seconds.
        on_lag: Told how many seconds after it was made an event was taken in.
    """

    secrets: Sequence[str]
    stepper: Stepper
    now: Callable[[], float]
    on_lag: Callable[[float], None]

    def receive(self, header: str | None, body: bytes) -> Report | None:
        """Take in a delivery; None where it does not concern us.

        The event is in with one commit. What then is asked of Mux may break off: the sweep, or the
        next delivery, finds it.

        Args:
            header: The value of `mux-signature`.
            body: The bytes received.

        Raises:
            InvalidSignatureError: It was not signed by Mux, or long ago.
            InvalidInputError: It is no JSON object.
            DatabaseUnavailableError: It was not taken in: Mux is to send it again.
        """
        signature.verify(header, body, self.secrets, self.now())
        event = events.parse(body)
        if event is None:
            return None
        report = self.stepper.store.receive(event.facts, event_id=event.id, event_type=event.type)
        if event.created_at is not None:
            self.on_lag(max(self.now() - event.created_at, 0.0))
        self.stepper.on_change(report)
        last, _ = self.stepper.carry_out(report)
        return last
