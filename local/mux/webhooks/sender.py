"""Send webhooks, signed as Mux signs them, until each is taken or too old."""

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable

import httpx

from local.mux.settings import Tunables
from local.mux.webhooks.outbox import Delivery, Outbox

SIGNATURE_HEADER = "mux-signature"


def sign(secret: str, body: bytes, timestamp: int) -> str:
    """Return the value of the `mux-signature` header.

    Args:
        secret: The webhook's signing secret, as plain text.
        body: The raw body.
        timestamp: Unix seconds.
    """
    message = f"{timestamp}.".encode() + body
    digest = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class WebhookSender:
    """Sends each delivery of the outbox when it is due.

    Args:
        outbox: The deliveries.
        tunables: The receiver's address, its time to answer, and the number of webhooks that may
            be under way at once.
        secret: The secret that signs the bodies.
        clock: Returns Unix seconds. The outbox has the same clock.
    """

    def __init__(
        self, outbox: Outbox, tunables: Tunables, secret: str, clock: Callable[[], float]
    ) -> None:
        self._outbox = outbox
        self._tunables = tunables
        self._secret = secret
        self._clock = clock
        self._client = httpx.AsyncClient(trust_env=False, timeout=None)  # noqa: S113 - see _send
        self._news = asyncio.Event()
        self._under_way: dict[int, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Look at the outbox again, because something was added or changed."""
        self._news.set()

    async def run(self) -> None:
        """Send until cancelled."""
        try:
            while True:
                self._news.clear()
                self._start(self._outbox.due())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), self._pause())
        finally:
            await self.break_off()
            await self._client.aclose()

    async def flush(self) -> dict[str, int]:
        """Send every waiting delivery once, whatever its delay; return how many were taken."""
        await self._join()
        released = self._outbox.release()
        if not self._tunables.webhook_url:
            return {"delivered": 0, "failed": 0, "pending": len(released)}
        before = {delivery.id: len(delivery.attempts) for delivery in released}
        self.wake()
        while any(d.state == "pending" and len(d.attempts) == before[d.id] for d in released):
            self._start(released, before)
            if not self._under_way:
                break
            await self._join(any_of=True)
        delivered = sum(delivery.state == "delivered" for delivery in released)
        failed = len(released) - delivered
        return {"delivered": delivered, "failed": failed, "pending": len(self._outbox.pending())}

    async def break_off(self) -> None:
        """Cancel what is under way. It stays pending."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._under_way.clear()

    def _start(self, deliveries: Iterable[Delivery], before: dict[int, int] | None = None) -> None:
        if not self._tunables.webhook_url:
            return
        for delivery in deliveries:
            if len(self._under_way) >= self._tunables.concurrency:
                return
            tried = before is not None and len(delivery.attempts) != before[delivery.id]
            if tried or delivery.state != "pending" or delivery.id in self._under_way:
                continue
            task = asyncio.create_task(self._send(delivery))
            self._under_way[delivery.id] = task

    async def _send(self, delivery: Delivery) -> None:
        body = json.dumps(self._outbox.payload(delivery), separators=(",", ":")).encode()
        signature = sign(self._secret, body, int(self._clock()))
        headers = {"content-type": "application/json", SIGNATURE_HEADER: signature}
        status, text = None, ""
        try:
            async with asyncio.timeout(self._tunables.answer_timeout):
                answer = await self._client.post(
                    self._tunables.webhook_url, content=body, headers=headers
                )
            status, text = answer.status_code, answer.text
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            text = type(error).__name__
        finally:
            self._under_way.pop(delivery.id, None)
        self._outbox.record(delivery, status, text)
        self.wake()

    def _pause(self) -> float | None:
        """Return the seconds until a delivery is due. None means until something changes."""
        full = len(self._under_way) >= self._tunables.concurrency
        if full or not self._tunables.webhook_url:
            return None
        ahead = [d.due for d in self._outbox.pending() if d.id not in self._under_way]
        return max(0.0, min(ahead) - self._clock()) if ahead else None

    async def _join(self, *, any_of: bool = False) -> None:
        if self._under_way:
            when = asyncio.FIRST_COMPLETED if any_of else asyncio.ALL_COMPLETED
            await asyncio.wait(list(self._under_way.values()), return_when=when)
