"""The stand-in put together: books, files, workshop, webhooks, faults and limits."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator

from local.mux.books import Books
from local.mux.calls import Calls
from local.mux.connections import Connections
from local.mux.faults import Faults
from local.mux.files import Files
from local.mux.limits import Limits
from local.mux.outbox import Delivery, Outbox
from local.mux.records import Asset, Json, Upload
from local.mux.rules import seeded
from local.mux.settings import Settings, Tunables
from local.mux.store import Store
from local.mux.webhooks import Courier
from local.mux.workshop import Workshop

FRUITLESS_ROUNDS = 5


class StandIn:
    """All parts of a stand-in, and what happens between them.

    Args:
        settings: What is fixed.
        tunables: What it starts with, and goes back to on a reset.
        seed: Of the bad manners and the faults; None = a different one each time.
    """

    def __init__(self, settings: Settings, tunables: Tunables, seed: int | None = None) -> None:
        self.settings = settings
        self.tunables = tunables.model_copy()
        self.chance = seeded(seed)
        self.calls = Calls()
        self.connections = Connections()
        self.files = Files(settings.state_dir / "media")
        self.faults = Faults(self.chance)
        self.limits = Limits(time.monotonic, self.tunables)
        self.outbox = Outbox(time.time, self.chance, self.tunables, self._delivery_changed)
        self.books = Books(
            time.time,
            secrets.SystemRandom(),
            settings.base_url,
            on_change=self._record_changed,
            on_event=self.announce,
        )
        self.workshop = Workshop(self.books, self.files, self.tunables)
        self.courier = Courier(self.outbox, self.tunables, settings.webhook_secret, time.time)
        self._initial = tunables.model_copy()
        self._store = Store(settings.state_dir / "books.sqlite")

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take up what an earlier run left, and work until the context ends."""
        self.books.restore(self._store.load(Upload), self._store.load(Asset))
        self.outbox.restore(self._store.load(Delivery))
        for asset in reversed(self.books.live_assets()):
            if asset.status == "preparing":
                self.workshop.submit(asset)
        delivering = asyncio.create_task(self.courier.run())
        try:
            yield
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
            await self.workshop.break_off()
            self._store.close()

    def announce(self, event: Json) -> None:
        """Send an event to the receiver of the webhooks, manners permitting."""
        self.outbox.add(event)
        self.courier.wake()

    def file_arrived(self, upload: Upload) -> None:
        """Go on with an upload whose file has arrived whole.

        Raises:
            MuxError: The upload waits no longer.
        """
        if self.tunables.take("fail_uploads"):
            self.books.fail_upload(upload.id, "The upload could not be processed")
            return
        self.workshop.submit(self.books.complete_upload(upload.id))

    async def settle(self, seconds: float) -> Json:
        """Wait until no asset is preparing and every webhook was taken, retries not waited for.

        Args:
            seconds: How long to wait at most. It ends earlier where nobody takes what is left:
                after `FRUITLESS_ROUNDS` in which every one of them failed.

        Returns:
            `settled`, false if something is left, and how many webhooks are `pending`.
        """
        fruitless = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while fruitless < FRUITLESS_ROUNDS and not self._settled():
                    await self.workshop.join()
                    taken = (await self.courier.flush())["delivered"]
                    fruitless = 0 if taken or self.workshop.busy() else fruitless + 1
        return {"settled": self._settled(), "pending": len(self.outbox.pending())}

    def _settled(self) -> bool:
        return not self.outbox.pending() and not self.workshop.busy()

    async def reset(self) -> None:
        """Forget records, files, rules and counts; go back to the settings of the start."""
        await self.workshop.break_off()
        await self.courier.break_off()
        self.books.clear()
        self.outbox.clear()
        self.faults.rules.clear()
        self.calls.clear()
        self.limits.refill()
        self.files.clear()
        self._store.clear()
        self.tune(self._initial.model_dump())

    def tune(self, changes: Json) -> None:
        """Change tunables.

        Raises:
            pydantic.ValidationError: There is no such tunable, or not with such a value.
        """
        checked = Tunables.model_validate(self.tunables.model_dump() | changes)
        for name in Tunables.model_fields:
            setattr(self.tunables, name, getattr(checked, name))
        self.courier.wake()

    def _record_changed(self, record: Upload | Asset) -> None:
        self._store.put(record.id, record)
        if isinstance(record, Asset) and record.deleted_at is not None:
            self.files.delete(record)
        elif isinstance(record, Upload) and record.status in {"cancelled", "timed_out", "errored"}:
            self.files.upload(record.id).unlink(missing_ok=True)

    def _delivery_changed(self, delivery: Delivery) -> None:
        self._store.put(delivery.id, delivery)
