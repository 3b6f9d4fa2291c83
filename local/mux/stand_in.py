"""The stand-in as a whole: state, files, transcoder, webhooks, faults and limits."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator

from local.mux.api.calls import Calls
from local.mux.api.connections import Connections
from local.mux.api.faults import ApiFaults
from local.mux.api.limits import Limits
from local.mux.fault_rules import seeded
from local.mux.media.files import Files
from local.mux.media.samples import SampleClips
from local.mux.media.transcoder import Transcoder
from local.mux.records import Asset, Json, SigningKey, Upload
from local.mux.settings import Settings, Tunables
from local.mux.state.mux_state import MuxState
from local.mux.state.store import Store
from local.mux.webhooks.outbox import Delivery, Outbox
from local.mux.webhooks.sender import WebhookSender

FRUITLESS_ROUNDS = 5


class StandIn:
    """The parts of a stand-in and how they work together.

    Args:
        settings: The settings that are fixed.
        tunables: The settings that it starts with, and returns to on a reset.
        seed: The seed of the fault rules. None means a different one each time.
    """

    def __init__(self, settings: Settings, tunables: Tunables, seed: int | None = None) -> None:
        self.settings = settings
        self.tunables = tunables.model_copy()
        self.rng = seeded(seed)
        self.calls = Calls()
        self.connections = Connections()
        self.files = Files(settings.state_dir / "media")
        self.samples = SampleClips(settings.state_dir / "samples")
        self.faults = ApiFaults(self.rng)
        self.limits = Limits(time.monotonic, self.tunables)
        self.outbox = Outbox(time.time, self.rng, self.tunables, self._delivery_changed)
        self.state = MuxState(
            time.time,
            secrets.SystemRandom(),
            settings.base_url,
            on_change=self._record_changed,
            on_event=self.announce,
        )
        self.transcoder = Transcoder(self.state, self.files, self.tunables)
        self.sender = WebhookSender(self.outbox, self.tunables, settings.webhook_secret, time.time)
        self._initial = tunables.model_copy()
        self._store = Store(settings.state_dir / "state.sqlite")

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Continue where an earlier run ended, and work until the context ends."""
        keys = (key for key in self._store.load(SigningKey) if not key.deleted)
        self.state.restore(self._store.load(Upload), self._store.load(Asset), keys)
        self.outbox.restore(self._store.load(Delivery))
        for asset in reversed(self.state.live_assets()):
            if asset.status == "preparing":
                self.transcoder.submit(asset)
        delivering = asyncio.create_task(self.sender.run())
        try:
            yield
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
            await self.transcoder.break_off()
            self._store.close()

    def announce(self, event: Json) -> None:
        """Send an event to the receiver of the webhooks, as the fault rules allow."""
        self.outbox.add(event)
        self.sender.wake()

    def file_arrived(self, upload: Upload) -> None:
        """Continue with an upload whose file has arrived whole.

        Raises:
            MuxError: The upload is no longer waiting.
        """
        if self.tunables.take("fail_uploads"):
            self.state.fail_upload(upload.id, "The upload could not be processed")
            return
        self.transcoder.submit(self.state.complete_upload(upload.id))

    async def settle(self, seconds: float) -> Json:
        """Wait until no asset is preparing and every webhook was taken. Do not wait for retries.

        Args:
            seconds: The longest time to wait. The call ends earlier after `FRUITLESS_ROUNDS`
                rounds in which every delivery failed.

        Returns:
            `settled`, which is false if something is left, and the number of `pending` webhooks.
        """
        fruitless = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while fruitless < FRUITLESS_ROUNDS and not self._settled():
                    await self.transcoder.join()
                    taken = (await self.sender.flush())["delivered"]
                    fruitless = 0 if taken or self.transcoder.busy() else fruitless + 1
        return {"settled": self._settled(), "pending": len(self.outbox.pending())}

    def _settled(self) -> bool:
        return not self.outbox.pending() and not self.transcoder.busy()

    async def reset(self) -> None:
        """Remove records, files, rules and counts, and return to the first settings."""
        await self.transcoder.break_off()
        await self.sender.break_off()
        self.state.clear()
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
            pydantic.ValidationError: A setting is unknown or its value is invalid.
        """
        checked = Tunables.model_validate(self.tunables.model_dump() | changes)
        for name in Tunables.model_fields:
            setattr(self.tunables, name, getattr(checked, name))
        self.sender.wake()

    def _record_changed(self, record: Upload | Asset | SigningKey) -> None:
        self._store.put(record.id, record)
        if isinstance(record, Asset) and record.deleted_at is not None:
            self.files.delete(record)
        elif isinstance(record, Upload) and record.status in {"cancelled", "timed_out", "errored"}:
            self.files.upload(record.id).unlink(missing_ok=True)

    def _delivery_changed(self, delivery: Delivery) -> None:
        self._store.put(delivery.id, delivery)
