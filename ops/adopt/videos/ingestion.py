"""Bring the application's videos to Mux from where they lie: each once, whatever interrupts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from ops.adopt.inspection import RefusedError
from ops.adopt.videos import adopted
from shared.mux import (
    AssetSettings,
    MuxBusyError,
    MuxNotSentError,
    MuxRefusedError,
    MuxUnknownOutcomeError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

    from ops.adopt.videos.adopted import Video
    from ops.adopt.videos.settings import IngestionSettings
    from shared.mux import Json, Mux

_BUDGET_S: Final = 15.0
_MUX_PER_S: Final = 1.0  # POST requests that Mux allows an account in the long run
_LONGEST_WAIT_S: Final = 10.0
_IN_A_ROW: Final = 8  # failures; then Mux is down, and a later run goes on
_PAGE: Final = 100
_LIST_PAUSE_S: Final = 0.5  # Mux allows five such requests a second, and others make them too
# An asset shows in Mux's list well before this time is over, if there is one.
SURE_AFTER_S: Final = 600
_CLOCKS_APART: Final = timedelta(minutes=10)


@dataclass(slots=True)
class Outcome:
    """What one run did.

    Attributes:
        asked: Videos that Mux has taken.
        found: Videos that Mux had taken already, in a run that was interrupted.
        refused: Videos that Mux refused.
        unsure: Videos of which Mux has not shown yet whether it has taken them.
    """

    asked: int = 0
    found: int = 0
    refused: int = 0
    unsure: int = 0


@dataclass(frozen=True, slots=True)
class Ingestion:
    """Ask Mux for one video after the other, at a bounded rate.

    A request to Mux cannot be repeated safely, so each is noted before it is sent. Where the answer
    is not known, Mux's own list and its events say what became of it, by the post's id that every
    asset carries as its passthrough. Only when they had time to tell is a video asked for again.

    Attributes:
        connection: As the schema's owner, committing each statement.
        mux: Mux's API.
        settings: The settings.
        sleep: Waits for a number of seconds.
    """

    connection: Connection[Any]
    mux: Mux
    settings: IngestionSettings
    sleep: Callable[[float], None]

    def run(self, progress: Callable[[int], None]) -> Outcome:
        """Ask for all videos that wait.

        Raises:
            RefusedError: Mux refuses the credentials.
            MuxError: Mux does not answer; a later run goes on.
        """
        outcome = Outcome()
        outcome.found += self._clear_up()
        failures = 0
        while True:
            self._wait_for_turn()
            video = adopted.take(self.connection, self.settings)
            if video is None:
                break
            try:
                outcome.asked += self._ask(video, outcome)
                failures = 0
                progress(1)
            except MuxUnknownOutcomeError:
                failures += 1
                if failures == _IN_A_ROW:
                    raise
            except (MuxBusyError, MuxNotSentError) as error:
                adopted.give_back(self.connection, video.post_id)
                failures += 1
                if failures == _IN_A_ROW:
                    raise
                self.sleep(error.retry_after_s * failures)
        outcome.found += self._clear_up()
        outcome.unsure = len(adopted.unsure(self.connection, SURE_AFTER_S))
        return outcome

    def _ask(self, video: Video, outcome: Outcome) -> bool:
        settings = AssetSettings(
            video.post_id,
            video.creator_id,
            self.settings.mux_max_resolution_tier,
            self.settings.mux_video_quality,
            self.settings.mux_playback_policy,
        )
        try:
            asset = self.mux.create_asset(settings, video.url, budget_s=_BUDGET_S)
        except MuxRefusedError as error:
            if error.code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
                adopted.give_back(self.connection, video.post_id)
                raise RefusedError(f"Mux refuses the credentials: {error.message}") from error
            adopted.give_back(self.connection, video.post_id, f"Mux: {error.message}")
            outcome.refused += 1
            return False
        adopted.settle(self.connection, video.post_id, asset["id"])
        return True

    def _wait_for_turn(self) -> None:
        """Wait for as long as our own rate asks for, and then for a turn within Mux's limit.

        Uploads of the feed's creators take their turns from the same row.
        """
        self.sleep(1 / self.settings.ingest_per_s)
        limit = max(_MUX_PER_S, self.settings.ingest_per_s)
        while True:
            row = self.connection.execute(
                "SELECT public.take_mux_turn(%s, %s)", [limit, _LONGEST_WAIT_S]
            ).fetchone()
            wait_s = row[0] if row else None
            self.sleep(_LONGEST_WAIT_S if wait_s is None else wait_s)
            if wait_s is not None:
                return

    def _clear_up(self) -> int:
        """Find out about the videos whose answers were lost; return how many Mux had taken."""
        open_ones = adopted.unsure(self.connection, SURE_AFTER_S)
        if not open_ones:
            return 0
        since = min(video.asked_at for video in open_ones) - _CLOCKS_APART
        listed = self._listed({video.post_id for video in open_ones}, since.timestamp())
        found = 0
        for video in open_ones:
            asset_id = listed.get(video.post_id)
            if video.is_known or asset_id is not None:
                adopted.settle(self.connection, video.post_id, asset_id)
                found += 1
            elif video.is_old:
                adopted.give_back(self.connection, video.post_id)
        return found

    def _listed(self, wanted: set[UUID], since: float) -> dict[UUID, str]:
        """Return the assets of posts in Mux's list that were made since a time."""
        found: dict[UUID, str] = {}
        page = 1
        while True:
            assets = self.mux.list_assets(page, _PAGE, budget_s=_BUDGET_S)
            for asset in assets:
                post_id = _post_of(asset)
                if post_id in wanted and not asset.get("source_asset_id"):
                    found[post_id] = str(asset["id"])
            if len(assets) < _PAGE or _made_at(assets[-1]) < since:
                return found
            page += 1
            self.sleep(_LIST_PAUSE_S)


def _post_of(asset: Json) -> UUID:
    try:
        return UUID(str(asset.get("passthrough")))
    except ValueError:
        return UUID(int=0)


def _made_at(asset: Json) -> float:
    try:
        return float(asset.get("created_at") or "inf")
    except ValueError:
        return float("inf")
