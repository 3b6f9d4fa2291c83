"""Feature flags, watch norms and the heat's mix, read once a minute with what is sent anyway."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from shared import flags, sql
from shared.flags import Decision, Flag, Flags
from shared.models import WatchNorm
from shared.postgres import Statement
from shared.ranking_config import with_mix, with_norms

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from shared.postgres import Postgres
    from shared.ranking_config import RankingConfig
    from shared.variants import Policy

EVERY_S: Final = 60.0
_AGAIN_S: Final = 5.0  # after a read that failed


class FlagReader:
    """Hands statements on to Postgres, and once a minute reads the flags in the same round trip.

    Where that round trip fails, the flags that were known last stay in force.

    Attributes:
        ranking: The configuration of scores, with the watch norms and the mix last read.
        flags: The flags last read.
    """

    def __init__(
        self,
        database: Postgres,
        policy: Policy,
        ranking: RankingConfig,
        on_fault: Callable[[str, str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Follow `policy` until flags are known.

        Args:
            database: Where statements go.
            policy: In force where no flag says otherwise.
            ranking: The configuration that watch norms refine.
            on_fault: Told the name of each flag that cannot be followed, and why, at every read.
            clock: Seconds, growing.
        """
        self.ranking = ranking
        self.flags = Flags(policy)
        self._database = database
        self._policy = policy
        self._ranking = ranking
        self._on_fault = on_fault
        self._clock = clock
        self._next_read: float | None = None

    def run(self, *statements: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        """Run statements as `Postgres.run` does.

        Raises:
            DatabaseUnavailableError: No answer within the budget, or no connection.
        """
        now = self._clock()
        if self._next_read is not None and self._next_read - EVERY_S <= now < self._next_read:
            return self._database.run(*statements, viewer=viewer, budget_s=budget_s)
        self._next_read = now + _AGAIN_S  # for others meanwhile, and should it fail
        read = Statement(sql.FEED["steering"])
        *rows, ((known, norms, mix),) = self._database.run(
            *statements, read, viewer=viewer, budget_s=budget_s
        )
        self._learn(known, norms, mix)
        self._next_read = now + EVERY_S
        return rows

    def decide(self, viewer: UUID) -> Decision:
        """Decide how the viewer's posts are chosen, by the flags last read."""
        return self.flags.decide(viewer)

    def _learn(
        self, known: list[list[Any]], norms: list[list[Any]], mix: list[float] | None
    ) -> None:
        self.flags = flags.read((Flag(*row) for row in known), self._policy)
        for name, reason in self.flags.faults.items():
            self._on_fault(name, reason)
        ranking = with_norms(self._ranking, (WatchNorm(*norm) for norm in norms))
        self.ranking = with_mix(ranking, mix or ())

    def close(self) -> None:
        """Close this thread's connection, if there is one."""
        self._database.close()
