"""Read and change uploads in Postgres as the role vroom_webhook."""

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
    from shared.mux import PlaybackPolicy

_SQL: Final = sql.load("uploads")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is still to be done at Mux.

    Attributes:
        do: The step's name in the table of functions.mux_webhook.steps.
        id: The id of the upload, asset, post or claim concerned.
        age_s: Seconds since Mux was asked for it, or since it became known; 0 where the age does
            not matter.
    """

    do: str
    id: str
    age_s: int


@dataclass(frozen=True, slots=True)
class UploadSnapshot:
    """An upload after a change. `state` is None where the facts concern none of our posts.

    Attributes:
        post_id: The post; None for a stranger's upload or asset.
        state: The state that people are told.
        was: The state before.
        reason: The code that says why it failed.
        creator_id: The post's creator.
        source_asset_id: The asset that Mux made of the file.
        cap_ms: The longest duration that is published, in milliseconds.
        resolution_tier: The highest tier to encode, for the upload and its clip.
        playback_policy: Whether the video plays for everybody or with a token alone.
        created_at: When the upload was created, in Unix seconds.
        steps: What is still to be done at Mux.
    """

    post_id: UUID | None
    state: str | None
    was: str | None
    reason: str | None
    creator_id: UUID | None
    source_asset_id: str | None
    cap_ms: int
    resolution_tier: str
    playback_policy: PlaybackPolicy
    created_at: float
    steps: tuple[Step, ...]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> UploadSnapshot:
        """Read the JSON object that the database gives."""
        return cls(
            post_id=_uuid(row.get("post_id")),
            state=row.get("state"),
            was=row.get("was"),
            reason=row.get("reason"),
            creator_id=_uuid(row.get("creator_id")),
            source_asset_id=row.get("source_asset_id"),
            cap_ms=row.get("cap_ms") or 0,
            resolution_tier=row.get("resolution_tier") or "",
            playback_policy=row.get("playback_policy") or "public",
            created_at=float(row.get("created_at") or 0),
            steps=tuple(Step(s["do"], s["id"], s["age_s"]) for s in row["steps"]),
        )


@dataclass(frozen=True, slots=True)
class WebhookStore:
    """Take in facts and return snapshots.

    Every method raises DatabaseUnavailableError where Postgres does not answer in time.

    Attributes:
        database: Postgres, logged in to as vroom_webhook.
        stream_base_url: Where Mux serves playlists, without a slash at the end.
        budget_s: The seconds that one call may take.
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
        include_polling: bool = False,
    ) -> UploadSnapshot:
        """Take in facts and settle the post, in one transaction.

        Args:
            facts: What Mux said.
            event_id: The id of the event that said it, which counts once; None for an answer.
            event_type: The type of that event.
            include_polling: Whether the snapshot also lists the steps that ask Mux for news.
        """
        params = {
            "event_id": event_id,
            "event_type": event_type,
            "facts": json.dumps(facts.as_row()),
            "stream_base": self.stream_base_url,
            "include_polling": include_polling,
        }
        return UploadSnapshot.from_row(self._run("receive_mux_facts", params)[0][0])

    def claim_trim(self, post_id: UUID, source: str, token: UUID, instead_of: UUID | None) -> bool:
        """Tell whether this caller, and no other, may now ask Mux for the post's clip.

        Args:
            post_id: The post.
            source: The asset to clip. It is refused where the post has another source by now.
            token: Names the caller's claim.
            instead_of: The earlier claim that led to no clip; None where there was none.
        """
        params = {"post_id": post_id, "source": source, "token": token, "instead_of": instead_of}
        return bool(self._run("claim_trim", params)[0][0])

    def release_trim(
        self, post_id: UUID, token: UUID, *, refusal: str | None, include_polling: bool
    ) -> UploadSnapshot:
        """Give a claim back because Mux made no clip. `refusal` says why it never will."""
        params = {
            "post_id": post_id,
            "token": token,
            "refusal": refusal,
            "include_polling": include_polling,
        }
        return UploadSnapshot.from_row(self._run("release_trim", params)[0][0])

    def claim_checks(self, max_rows: int, give_up_s: int) -> list[UploadSnapshot]:
        """Claim the uploads that are due, and return them with all their steps."""
        rows = self._run("claim_upload_checks", {"max_rows": max_rows, "give_up_s": give_up_s})
        return [UploadSnapshot.from_row(row[0]) for row in rows]

    def claim_playback_checks(self, max_rows: int, every_s: int) -> list[UploadSnapshot]:
        """Claim published posts whose videos have not been looked at for `every_s` seconds."""
        params = {"max_rows": max_rows, "every_s": every_s}
        rows = self._run("claim_playback_checks", params)
        return [UploadSnapshot.from_row(row[0]) for row in rows]

    def compare_assets(self, listed: Sequence[Facts], every_s: int) -> dict[str, bool]:
        """Find the listed assets of which there is news, each with whether it was known.

        Published posts whose assets are unchanged are not asked for in the next `every_s` seconds.
        """
        rows = [
            {
                "asset_id": facts.asset_id,
                "post_id": str(facts.post_id) if facts.post_id else None,
                "playback_id": facts.playback_id,
                "signed_playback_id": facts.signed_playback_id,
            }
            for facts in listed
        ]
        found = self._run("compare_mux_assets", {"listed": json.dumps(rows), "every_s": every_s})
        return {asset_id: bool(is_known) for asset_id, is_known in found}

    def begin_sweep(self, sweeper: UUID, lease_s: int) -> int | None:
        """Take the lease, and return the next page to read; None while another run has it."""
        params = {"sweeper": sweeper, "lease_s": lease_s, "base": self.stream_base_url}
        rows = self._run("begin_mux_sweep", params)
        return int(rows[0][0]) if rows else None

    def renew_addresses(self, sweeper: UUID, max_rows: int) -> bool:
        """Renew the next posts' mux_hls_url after the base changed; whether any are left."""
        rows = self._run("renew_stream_addresses", {"sweeper": sweeper, "max_rows": max_rows})
        return bool(rows[0][0])

    def end_sweep(self, sweeper: UUID, next_page: int) -> None:
        """Give the lease back."""
        self._run("end_mux_sweep", {"sweeper": sweeper, "next_page": next_page})

    def _run(self, name: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        statement = Statement(_SQL[name], params)
        return self.database.run(statement, viewer=None, budget_s=self.budget_s)[0]


def _uuid(value: object) -> UUID | None:
    return UUID(str(value)) if value else None
