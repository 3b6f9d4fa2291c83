"""Steps at Mux: what the database says is left to be done for a post, one call each.

Each step ends in facts, and the database decides anew. A step that breaks off anywhere is found
again as long as the facts call for it, so nothing here needs to be remembered.
"""

from __future__ import annotations

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
    from functions.mux_webhook.store import Report, Step, WebhookStore
    from shared.mux import Json, Mux

_PAGE: Final = 100
_UPLOAD_PAGES: Final = 3  # of Mux's newest uploads that one look goes through
# Of its newest assets: more than Mux's rate limit lets come while an upload lasts. The look ends at
# the first asset that is older than the upload, and with the budget.
_ASSET_PAGES: Final = 50
_CREATED_AFTER_S: Final = 60  # longer than a request for an upload can last
_SLACK_S: Final = 300  # between Mux's clock and ours
_KNOWN_S: Final = 60  # Mux may tell of an asset before it finds it itself
# A refusal of these kinds is about our credentials or the rate, not about the clip.
_OF_THE_MOMENT: Final = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.PAYMENT_REQUIRED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
}


@dataclass(frozen=True, slots=True)
class Stepper:
    """Carries out steps.

    Attributes:
        store: Takes in what is learnt.
        mux: Is asked.
        budget: Time and pace of the calls.
        video_quality: Mux's encoding quality of clips.
        patience_s: Seconds after which a clip asked for in vain may be asked for again.
        thorough: Whether steps are wanted that only asking can show to be needed.
        on_change: Told of each report once.
    """

    store: WebhookStore
    mux: Mux
    budget: Budget
    video_quality: str
    patience_s: int
    thorough: bool
    on_change: Callable[[Report], None]

    def carry_out(self, report: Report) -> tuple[Report, MuxError | OutOfTimeError | None]:
        """Do what is left for one post, each thing once at most.

        Returns:
            The last report, and what kept the rest from being done, if anything.
        """
        tried: set[tuple[str, str]] = set()
        while True:
            step = next((s for s in report.steps if (s.do, s.id) not in tried), None)
            if step is None:
                return report, None
            tried.add((step.do, step.id))
            try:
                report = _DO[step.do](self, report, step) or report
            except (MuxError, OutOfTimeError) as error:
                return report, error

    def find_upload(self, report: Report, step: Step) -> Report | None:
        """The upload of a request that broke off before it could be noted down."""
        for page in range(1, _UPLOAD_PAGES + 1):
            found = self.mux.list_uploads(page, _PAGE, budget_s=self.budget.call("GET"))
            mine = [f for f in map(of_upload, found) if f.post_id == report.post_id]
            if mine:
                return self._learn(mine[0])
            if len(found) < _PAGE:
                break
        if step.age_s < _CREATED_AFTER_S:
            return None
        # There is none, or one so old that it is over; and nobody was given its address.
        return self._learn(Facts(post_id=report.post_id, upload_status="cancelled"))

    def cancel_upload(self, _report: Report, step: Step) -> Report | None:
        """Cancel an upload; what became of one that cannot be cancelled any more."""
        if self.mux.cancel_upload(step.id, budget_s=self.budget.call("PUT")):
            return self._learn(Facts(upload_id=step.id, upload_status="cancelled"))
        return self.ask_upload(_report, step)

    def ask_upload(self, _report: Report, step: Step) -> Report | None:
        """How far an upload is."""
        found = self.mux.get_upload(step.id, budget_s=self.budget.call("GET"))
        gone = Facts(upload_id=step.id, upload_status="timed_out")
        return self._learn(of_upload({**found, "id": step.id}) if found else gone)

    def ask_asset(self, _report: Report, step: Step) -> Report | None:
        """How far an asset is. That there is none is final, so only the sweep concludes it."""
        found = self.mux.get_asset(step.id, budget_s=self.budget.call("GET"))
        if found:
            return self._learn(of_asset({**found, "id": step.id}))
        if self.thorough and step.age_s >= _KNOWN_S:
            return self._learn(Facts(asset_id=step.id, asset_status="deleted"))
        return None

    def delete_asset(self, _report: Report, step: Step) -> Report | None:
        """Delete an asset. One that is still being made waits for its turn."""
        if self.mux.delete_asset(step.id, budget_s=self.budget.call("DELETE")):
            return self._learn(Facts(asset_id=step.id, asset_status="deleted"))
        return None

    def clip(self, report: Report, _step: Step) -> Report | None:
        """Ask for the clip, unless somebody else does."""
        return self._clip(report, instead_of=None)

    def look_for_clip(self, report: Report, step: Step) -> Report | None:
        """Find the clip that was asked for; ask again where it surely was not made."""
        since = report.created_at - _SLACK_S
        for page in range(1, _ASSET_PAGES + 1):
            found = self.mux.list_assets(page, _PAGE, budget_s=self.budget.call("GET"))
            for facts in map(of_asset, found):
                # A clip of a former source is none of the present one.
                of_this = facts.clip_of in {None, report.source_asset_id}
                if facts.post_id == report.post_id and facts.is_clip and of_this:
                    return self._learn(facts)
            if len(found) < _PAGE or _created_at(found[-1]) < since:
                # A request that is still under way would be done twice.
                if step.age_s >= self.patience_s:
                    return self._clip(report, instead_of=UUID(step.id))
                return None
        return None

    def _clip(self, report: Report, instead_of: UUID | None) -> Report | None:
        if report.post_id is None or report.creator_id is None or report.source_asset_id is None:
            return None
        token = uuid4()
        call_s = self.budget.call("POST")
        if not self.store.claim_trim(report.post_id, report.source_asset_id, token, instead_of):
            return None
        settings = AssetSettings(
            report.post_id, report.creator_id, report.resolution_tier, self.video_quality
        )
        try:
            made = self.mux.create_clip(
                settings, report.source_asset_id, report.cap_ms / 1000, budget_s=call_s
            )
        except (MuxBusyError, MuxNotSentError):
            self._release(report.post_id, token)
            raise
        except MuxRefusedError as error:
            if error.code in _OF_THE_MOMENT:
                self._release(report.post_id, token)
                raise
            return self._release(report.post_id, token, f"{error.code}: {error.message}")
        except MuxUnknownOutcomeError:
            # The claim stays: the sweep looks before anybody asks again.
            raise
        asked = {"passthrough": str(report.post_id), "source_asset_id": report.source_asset_id}
        return self._learn(of_asset({**asked, **made}))

    def _release(self, post_id: UUID, token: UUID, refusal: str | None = None) -> Report:
        report = self.store.release_trim(post_id, token, refusal=refusal, thorough=self.thorough)
        self.on_change(report)
        return report

    def _learn(self, facts: Facts) -> Report:
        report = self.store.receive(facts, thorough=self.thorough)
        self.on_change(report)
        return report


def _created_at(asset: Json) -> float:
    """Unix seconds; the far future where Mux did not say."""
    try:
        return float(asset["created_at"])
    except (KeyError, TypeError, ValueError):
        return float("inf")


_DO: Final[dict[str, Callable[[Stepper, Report, Step], Report | None]]] = {
    "find_upload": Stepper.find_upload,
    "cancel_upload": Stepper.cancel_upload,
    "ask_upload": Stepper.ask_upload,
    "ask_asset": Stepper.ask_asset,
    "delete_asset": Stepper.delete_asset,
    "clip": Stepper.clip,
    "look_for_clip": Stepper.look_for_clip,
}
