"""Prepare assets: read and encode their files, one at a time, and report to the state."""

import asyncio

from local.mux.errors import MediaError
from local.mux.media.encode import make_stream
from local.mux.media.files import Files
from local.mux.records import Asset
from local.mux.settings import Tunables
from local.mux.state.mux_state import MuxState


class Transcoder:
    """Prepares assets in the background."""

    def __init__(self, state: MuxState, files: Files, tunables: Tunables) -> None:
        self._state = state
        self._files = files
        self._tunables = tunables
        self._one_at_a_time = asyncio.Semaphore()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def submit(self, asset: Asset) -> None:
        """Start to prepare an asset."""
        self._tasks[asset.id] = asyncio.create_task(self._prepare(asset))

    def busy(self) -> int:
        """Return how many assets are being prepared."""
        return len(self._tasks)

    async def join(self) -> None:
        """Wait until no asset is being prepared."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def break_off(self) -> None:
        """Cancel all work, including ffmpeg. The assets stay preparing."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()

    async def _prepare(self, asset: Asset) -> None:
        try:
            await asyncio.sleep(self._tunables.processing_delay)
            async with self._one_at_a_time:
                await self._make(asset)
        finally:
            self._tasks.pop(asset.id, None)

    async def _make(self, asset: Asset) -> None:
        if self._tunables.take("fail_clips" if asset.clip else "fail_assets"):
            self._state.fail_asset(asset.id, "The input could not be processed")
            return
        origin = self._state.assets.get(asset.source_asset_id or asset.id, asset)
        if origin.input_url and not self._files.source(origin).is_file():
            self._state.fail_asset(asset.id, "The input could not be downloaded")
            return
        try:
            media = await make_stream(
                self._files.source(origin), self._files.stream(asset.id), asset.clip
            )
        except MediaError as error:
            self._state.fail_asset(asset.id, str(error))
        else:
            self._state.finish_asset(asset.id, media)
