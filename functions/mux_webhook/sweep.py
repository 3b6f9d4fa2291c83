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
_MAX_ERRORS_IN_A_ROW: Final = 3  # then Mux is down, and the next run tries again
_BATCH: Final = 10  # uploads claimed at once, so that a run that breaks off delays few


@dataclass(slots=True)
class SweepResult:
    """Count what one run did.

    Attributes:
        held_off: Whether this run did nothing because another one is under way.
        checked: The uploads that were looked at.
        orphans: Assets of our posts of which no event had told.
        errors: Failed calls to Mux.
    """

    held_off: bool = False
    checked: int = 0
    orphans: int = 0
    errors: int = 0


@dataclass(frozen=True, slots=True)
class Sweep:
    """One bounded run; two at once are safe, since only one of them works.

    Attributes:
        stepper: Carries out what is left, within its budget.
        max_rows: The most uploads that one run looks at.
        lease_s: Seconds for which a run that broke off keeps others away.
        give_up_s: Seconds after which what is unfinished counts as failed.
    """

    stepper: Stepper
    max_rows: int
    lease_s: int
    give_up_s: int

    def run(self) -> SweepResult:
        """Look at the uploads that are due, then at a page of Mux's assets.

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
            page = self._find_orphans(page, result)
        self.stepper.store.end_sweep(sweeper, page)
        return result

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
                if (
                    isinstance(error, MuxBusyError | OutOfTimeError)
                    or in_a_row == _MAX_ERRORS_IN_A_ROW
                ):
                    return False
            if len(due) < wanted:
                break
        return True

    def _carry_out(self, snapshot: UploadSnapshot) -> MuxError | OutOfTimeError | None:
        self.stepper.on_snapshot(snapshot)
        _, error = self.stepper.carry_out(snapshot)
        return error

    def _find_orphans(self, page: int, result: SweepResult) -> int:
        """Take in unknown assets from one page of Mux's list, and return the next run's page."""
        try:
            budget_s = self.stepper.budget.call("GET")
            listed = self.stepper.mux.list_assets(page, _PAGE, budget_s=budget_s)
        except (MuxError, OutOfTimeError):
            result.errors += 1
            return page
        found = [f for f in map(of_asset, listed) if f.asset_id and f.post_id]
        unknown = self.stepper.store.unknown_assets(found) if found else set()
        for facts in found:
            if facts.asset_id in unknown:
                result.orphans += 1
                self._carry_out(self.stepper.store.receive(facts, include_polling=True))
        return page + 1 if len(listed) == _PAGE else 1
