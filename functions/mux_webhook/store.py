"""Uploads in Postgres, as the webhook's role may change them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from shared import sql
from shared.postgres import Database, Statement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.mux_webhook.facts import Facts

_SQL: Final = sql.load("uploads")


@dataclass(frozen=True, slots=True)
class Step:
    """Something left to be done at Mux.

    Attributes:
        do: Its name in the table of functions.mux_webhook.steps.
        id: Of the upload, asset, post or claim that it is about.
        age_s: Seconds since what it is about was asked of Mux, or became known; 0 where that
            doesn't matter.
    """

    do: str
    id: str
    age_s: int


@dataclass(frozen=True, slots=True)
class Report:
    """An upload after a change. `state` is None where the facts are about none of our posts.

    Attributes:
        post_id: The post; None for a stranger's upload or asset.
        state: As people are told it.
        was: The state before.
        reason: The code of a failure.
        creator_id: The post's creator.
        source_asset_id: The asset made of the file.
        cap_ms: Longest duration, in milliseconds.
        resolution_tier: Of the upload, and so of a clip.
        created_at: Unix seconds.
        steps: What is left to be done at Mux.
    """

    post_id: UUID | None
    state: str | None
    was: str | None
    reason: str | None
    creator_id: UUID | None
    source_asset_id: str | None
    cap_ms: int
    resolution_tier: str
    created_at: float
    steps: tuple[Step, ...]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Report:
        """The report in the JSON object that the database gives."""
        return cls(
            post_id=_uuid(row.get("post_id")),
            state=row.get("state"),
            was=row.get("was"),
            reason=row.get("reason"),
            creator_id=_uuid(row.get("creator_id")),
            source_asset_id=row.get("source_asset_id"),
            cap_ms=row.get("cap_ms") or 0,
            resolution_tier=row.get("resolution_tier") or "",
            created_at=float(row.get("created_at") or 0),
            steps=tuple(Step(s["do"], s["id"], s["age_s"]) for s in row["steps"]),
        )


@dataclass(frozen=True, slots=True)
class WebhookStore:
    """Facts in, reports out; every call raises DatabaseUnavailableError without an answer in time.

    Attributes:
        database: Postgres, as vroom_webhook.
        stream_base_url: Where playlists are, without a trailing slash.
        budget_s: Seconds per call.
    """

    database: Database
    stream_base_url: str
    budget_s: float

    def receive(
        self,
        facts: Facts,
        *,
        event_id: str | None = None,
        event_type: str = "asked",
        thorough: bool = False,
    ) -> Report:
        """Take in facts and settle the post, in one transaction.

        Args:
            facts: What was said.
            event_id: Of the event that said it, whose facts count once; None for an answer.
            event_type: Of that event.
            thorough: Report also the steps that can only be learnt to be needed by asking Mux.
        """
        params = {
            "event_id": event_id,
            "event_type": event_type,
            "facts": json.dumps(facts.as_row()),
            "stream_base": self.stream_base_url,
            "thorough": thorough,
        }
        return Report.from_row(self._run("receive_mux_facts", params)[0][0])

    def claim_trim(self, post_id: UUID, source: str, token: UUID, instead_of: UUID | None) -> bool:
        """Whether this caller, and nobody else, may ask Mux for the post's clip now.

        Args:
            post_id: The post.
            source: The asset to make it of; refused where it is the post's source no longer.
            token: The caller's.
            instead_of: The claim that came to nothing; None where there was none.
        """
        params = {"post_id": post_id, "source": source, "token": token, "instead_of": instead_of}
        return bool(self._run("claim_trim", params)[0][0])

    def release_trim(
        self, post_id: UUID, token: UUID, *, refusal: str | None, thorough: bool
    ) -> Report:
        """Give a claim back: Mux surely made no clip, and never will where `refusal` says why."""
        params = {"post_id": post_id, "token": token, "refusal": refusal, "thorough": thorough}
        return Report.from_row(self._run("release_trim", params)[0][0])

    def claim_checks(self, most: int, give_up_s: int) -> list[Report]:
        """The uploads whose turn it is, with all their steps."""
        rows = self._run("claim_upload_checks", {"most": most, "give_up_s": give_up_s})
        return [Report.from_row(row[0]) for row in rows]

    def unknown_assets(self, found: Sequence[Facts]) -> set[str]:
        """Ids of those assets that are of our posts and yet unknown."""
        pairs = [{"asset_id": f.asset_id, "post_id": str(f.post_id)} for f in found]
        return {row[0] for row in self._run("unknown_mux_assets", {"found": json.dumps(pairs)})}

    def begin_sweep(self, sweeper: UUID, lease_s: int) -> int | None:
        """The page at which the search for orphans goes on; None while another one sweeps."""
        rows = self._run("begin_mux_sweep", {"sweeper": sweeper, "lease_s": lease_s})
        return int(rows[0][0]) if rows else None

    def end_sweep(self, sweeper: UUID, next_page: int) -> None:
        """Give the lease back."""
        self._run("end_mux_sweep", {"sweeper": sweeper, "next_page": next_page})

    def _run(self, name: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        statement = Statement(_SQL[name], params)
        return self.database.run(statement, viewer=None, budget_s=self.budget_s)[0]


def _uuid(value: object) -> UUID | None:
    return UUID(str(value)) if value else None
