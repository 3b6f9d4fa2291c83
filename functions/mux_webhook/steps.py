"""Carry out the steps at Mux that the database says a post still needs.

Each step makes one request, gives what it learns to the database as facts, and lets the database
decide anew. A step that breaks off is listed again for as long as the facts call for it, so nothing
has to be remembered here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from functions.mux_webhook.budget import OutOfTimeError
from functions.mux_webhook.facts import Facts, of_asset, of_upload
from shared.mux import (
    AssetSettings,
    MuxBusyError,
    MuxError,
    MuxNotSentError,
    MuxRefusedError,
    MuxUnknownOutcomeError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.mux_webhook.budget import Budget
    from functions.mux_webhook.store import Step, UploadSnapshot, WebhookStore
    from shared.mux import Json, Mux

_PAGE: Final = 100
_UPLOAD_PAGES: Final = 3  # of Mux's newest uploads, read in one search
# Pages of Mux's newest assets: more than its rate limit lets anybody make while an upload lasts.
# The search ends at the first asset that is older than the upload, or with the budget.
_ASSET_PAGES: Final = 50
_CREATED_AFTER_S: Final = 60  # longer than a request for an upload takes
_SLACK_S: Final = 300  # between Mux's clock and ours
_KNOWN_S: Final = 60  # Mux may announce an asset some time before it can be read
# These refusals concern our credentials or the rate. They say nothing about the clip.
_PASSING_REFUSALS: Final = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.PAYMENT_REQUIRED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
}


@dataclass(frozen=True, slots=True)
class Stepper:
    """Carry out a post's steps, within a budget.

    Attributes:
        store: Takes in what the steps learn.
        mux: The API that is called.
        budget: Limits the time and pace of the calls.
        video_quality: The encoding quality of clips.
        patience_s: Seconds after which a clip that Mux does not have is asked for again.
        include_polling: Whether snapshots also list the steps that ask Mux for news.
        on_snapshot: Called once with each snapshot.
        now: Returns the present time in Unix seconds.
    """

    store: WebhookStore
    mux: Mux
    budget: Budget
    video_quality: str
    patience_s: int
    include_polling: bool
    on_snapshot: Callable[[UploadSnapshot], None]
    now: Callable[[], float] = time.time

    def carry_out(
        self, snapshot: UploadSnapshot
    ) -> tuple[UploadSnapshot, MuxError | OutOfTimeError | None]:
        """Do what one post still needs, each step once at most.

        Returns:
            The last snapshot, and the error that ended the work early, if there was one.
        """
        tried: set[tuple[str, str]] = set()
        while True:
            step = next((s for s in snapshot.steps if (s.do, s.id) not in tried), None)
            if step is None:
                return snapshot, None
            tried.add((step.do, step.id))
            try:
                snapshot = _DO[step.do](self, snapshot, step) or snapshot
            except (MuxError, OutOfTimeError) as error:
                return snapshot, error

    def find_upload(self, snapshot: UploadSnapshot, step: Step) -> UploadSnapshot | None:
        """Find the upload of a request that broke off before its answer was stored."""
        for page in range(1, _UPLOAD_PAGES + 1):
            found = self.mux.list_uploads(page, _PAGE, budget_s=self.budget.call("GET"))
            mine = [f for f in map(of_upload, found) if f.post_id == snapshot.post_id]
            if mine:
                return self._learn(mine[0])
            if len(found) < _PAGE:
                break
        if step.age_s < _CREATED_AFTER_S:
            return None
        # Mux has none, or one so old that it is over. Nobody was given its address.
        return self._learn(Facts(post_id=snapshot.post_id, upload_status="cancelled"))

    def cancel_upload(self, _snapshot: UploadSnapshot, step: Step) -> UploadSnapshot | None:
        """Cancel an upload, or learn its state where it cannot be cancelled any more."""
        if self.mux.cancel_upload(step.id, budget_s=self.budget.call("PUT")):
            return self._learn(Facts(upload_id=step.id, upload_status="cancelled"))
        return self.ask_upload(_snapshot, step)

    def ask_upload(self, _snapshot: UploadSnapshot, step: Step) -> UploadSnapshot | None:
        """Ask for the state of an upload."""
        found = self.mux.get_upload(step.id, budget_s=self.budget.call("GET"))
        gone = Facts(upload_id=step.id, upload_status="timed_out")
        return self._learn(of_upload({**found, "id": step.id}) if found else gone)

    def ask_asset(self, _snapshot: UploadSnapshot, step: Step) -> UploadSnapshot | None:
        """Ask for the state of an asset. Only the sweep concludes that it is gone."""
        budget_s, asked_at = self.budget.call("GET"), self.now()
        found = self.mux.get_asset(step.id, budget_s=budget_s)
        if found:
            return self._learn(of_asset({**found, "id": step.id}, is_whole=True, as_of=asked_at))
        if self.include_polling and step.age_s >= _KNOWN_S:
            return self._learn(Facts(asset_id=step.id, missing=True))
        return None

    def delete_asset(self, _snapshot: UploadSnapshot, step: Step) -> UploadSnapshot | None:
        """Delete an asset. One that Mux is still preparing is deleted later."""
        if self.mux.delete_asset(step.id, budget_s=self.budget.call("DELETE")):
            return self._learn(Facts(asset_id=step.id, asset_status="deleted"))
        return None

    def clip(self, snapshot: UploadSnapshot, _step: Step) -> UploadSnapshot | None:
        """Ask for the clip, unless another caller does."""
        return self._clip(snapshot, instead_of=None)

    def look_for_clip(self, snapshot: UploadSnapshot, step: Step) -> UploadSnapshot | None:
        """Find the clip that was asked for, and ask again where Mux did not make it."""
        since = snapshot.created_at - _SLACK_S
        for page in range(1, _ASSET_PAGES + 1):
            found = self.mux.list_assets(page, _PAGE, budget_s=self.budget.call("GET"))
            for facts in map(of_asset, found):
                # A clip of an earlier source does not show the present one.
                of_this = facts.clip_of in {None, snapshot.source_asset_id}
                if facts.post_id == snapshot.post_id and facts.is_clip and of_this:
                    return self._learn(facts)
            if len(found) < _PAGE or _created_at(found[-1]) < since:
                # Mux would do a request twice that is still under way.
                if step.age_s >= self.patience_s:
                    return self._clip(snapshot, instead_of=UUID(step.id))
                return None
        return None

    def _clip(self, snapshot: UploadSnapshot, instead_of: UUID | None) -> UploadSnapshot | None:
        if (
            snapshot.post_id is None
            or snapshot.creator_id is None
            or snapshot.source_asset_id is None
        ):
            return None
        token = uuid4()
        call_s = self.budget.call("POST")
        if not self.store.claim_trim(snapshot.post_id, snapshot.source_asset_id, token, instead_of):
            return None
        settings = AssetSettings(
            snapshot.post_id,
            snapshot.creator_id,
            snapshot.resolution_tier,
            self.video_quality,
            snapshot.playback_policy,
        )
        try:
            made = self.mux.create_clip(
                settings, snapshot.source_asset_id, snapshot.cap_ms / 1000, budget_s=call_s
            )
        except (MuxBusyError, MuxNotSentError):
            self._release(snapshot.post_id, token)
            raise
        except MuxRefusedError as error:
            if error.code in _PASSING_REFUSALS:
                self._release(snapshot.post_id, token)
                raise
            return self._release(snapshot.post_id, token, f"{error.code}: {error.message}")
        except MuxUnknownOutcomeError:
            # The claim stays. The sweep searches for the clip before anybody asks again.
            raise
        asked = {"passthrough": str(snapshot.post_id), "source_asset_id": snapshot.source_asset_id}
        return self._learn(of_asset({**asked, **made}))

    def _release(self, post_id: UUID, token: UUID, refusal: str | None = None) -> UploadSnapshot:
        snapshot = self.store.release_trim(
            post_id, token, refusal=refusal, include_polling=self.include_polling
        )
        self.on_snapshot(snapshot)
        return snapshot

    def _learn(self, facts: Facts) -> UploadSnapshot:
        snapshot = self.store.receive(facts, include_polling=self.include_polling)
        self.on_snapshot(snapshot)
        return snapshot


def _created_at(asset: Json) -> float:
    """Read the creation time in Unix seconds; infinity where Mux did not say."""
    try:
        return float(asset["created_at"])
    except (KeyError, TypeError, ValueError):
        return float("inf")


_DO: Final[dict[str, Callable[[Stepper, UploadSnapshot, Step], UploadSnapshot | None]]] = {
    "find_upload": Stepper.find_upload,
    "cancel_upload": Stepper.cancel_upload,
    "ask_upload": Stepper.ask_upload,
    "ask_asset": Stepper.ask_asset,
    "delete_asset": Stepper.delete_asset,
    "clip": Stepper.clip,
    "look_for_clip": Stepper.look_for_clip,
}
