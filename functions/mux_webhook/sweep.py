"""Finish what lost events, broken-off requests and silent timeouts left undone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from functions.mux_webhook.budget import OutOfTimeError
from functions.mux_webhook.facts import of_asset
from shared.mux import MuxBusyError, MuxError

if TYPE_CHECKING:
    from functions.mux_webhook.steps import Stepper
    from functions.mux_webhook.store import UploadSnapshot

_PAGE: Final = 100
_MAX_IN_A_ROW: Final = 3  # errors; then Mux is down, and the next run tries again
_ADDRESSES: Final = 500  # of posts, renewed in one transaction
_BATCH: Final = 10  # uploads claimed at once, so that a run that breaks off delays few


@dataclass(slots=True)
class SweepResult:
    """Count what one run did.

    Attributes:
        held_off: Whether this run did nothing because another one is under way.
        checked: The uploads that were looked at.
        orphans: Assets of our posts of which no event had told.
        published: Published videos for which Mux was asked.
        errors: Failed calls to Mux.
    """

    held_off: bool = False
    checked: int = 0
    orphans: int = 0
    published: int = 0
    errors: int = 0


@dataclass(frozen=True, slots=True)
class Sweep:
    """One bounded run; two at once are safe, since only one of them works.

    Attributes:
        stepper: Carries out what is left, within its budget.
        max_rows: The most uploads that one run looks at.
        max_playback_checks: The most published videos that one run asks Mux for.
        check_every_s: Seconds between two looks at a published video.
        lease_s: Seconds for which a run that broke off keeps others away.
        give_up_s: Seconds after which what is unfinished counts as failed.
    """

    stepper: Stepper
    max_rows: int
    max_playback_checks: int
    check_every_s: int
    lease_s: int
    give_up_s: int

    def run(self) -> SweepResult:
        """Look at the uploads that are due, at a page of Mux's assets, and at published videos.

        Raises:
            DatabaseUnavailableError: Postgres did not answer in time; the next run goes on.
        """
        result = SweepResult()
        sweeper = uuid4()
        page = self.stepper.store.begin_sweep(sweeper, self.lease_s)
        if page is None:
            result.held_off = True
            return result
        if self._check_due(result):
            page = self._read_list(page, result)
            self._check_published(result)
        while self.stepper.store.renew_addresses(sweeper, _ADDRESSES) and self._has_time():
            pass
        self.stepper.store.end_sweep(sweeper, page)
        return result

    def _has_time(self) -> bool:
        return self.stepper.budget.clock() < self.stepper.budget.ends_at

    def _check_due(self, result: SweepResult) -> bool:
        """Look at the uploads that are due. False means that this run can ask Mux no more."""
        in_a_row = 0
        while result.checked < self.max_rows:
            wanted = min(_BATCH, self.max_rows - result.checked)
            due = self.stepper.store.claim_checks(wanted, self.give_up_s)
            for snapshot in due:
                result.checked += 1
                error = self._carry_out(snapshot)
                in_a_row = in_a_row + 1 if error else 0
                result.errors += error is not None
                if isinstance(error, MuxBusyError | OutOfTimeError) or in_a_row == _MAX_IN_A_ROW:
                    return False
            if len(due) < wanted:
                break
        return True

    def _check_published(self, result: SweepResult) -> None:
        """Ask for the published videos that Mux's list has not shown for long."""
        while result.published < self.max_playback_checks:
            wanted = min(_BATCH, self.max_playback_checks - result.published)
            due = self.stepper.store.claim_playback_checks(wanted, self.check_every_s)
            for snapshot in due:
                result.published += 1
                error = self._carry_out(snapshot)
                if error is not None:
                    result.errors += 1
                    return
            if len(due) < wanted:
                return

    def _carry_out(self, snapshot: UploadSnapshot) -> MuxError | OutOfTimeError | None:
        self.stepper.on_snapshot(snapshot)
        _, error = self.stepper.carry_out(snapshot)
        return error

    def _read_list(self, page: int, result: SweepResult) -> int:
        """Take in the news on one page of Mux's assets, and return the next run's page."""
        try:
            budget_s, asked_at = self.stepper.budget.call("GET"), self.stepper.now()
            listed = self.stepper.mux.list_assets(page, _PAGE, budget_s=budget_s)
        except (MuxError, OutOfTimeError):
            result.errors += 1
            return page
        found = [of_asset(asset, is_whole=True, as_of=asked_at) for asset in listed]
        named = {facts.asset_id: facts for facts in found if facts.asset_id}
        news = self.stepper.store.compare_assets(list(named.values()), self.check_every_s)
        for asset_id, is_known in news.items():
            result.orphans += not is_known
            self._carry_out(self.stepper.store.receive(named[asset_id], include_polling=True))
        return page + 1 if len(listed) == _PAGE else 1
