"""Posts, and viewers who give feedback about them."""

import uuid
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from tests.integration.database.clients import Connection, call

GIVE: LiteralString = "SELECT * FROM give_feedback(%s, %s, %s, %s, %s)"
THRESHOLD = 5


@dataclass(frozen=True)
class World:
    """Posts with tags, and viewers who say what they think of them."""

    url: str
    operator: Connection

    def post(self, creator: UUID, *tags: str, caption: str = "") -> UUID:
        (row,) = self.operator.execute(
            "INSERT INTO posts (creator_id, mux_ready, mux_playback_id, mux_duration_ms, tags,"
            " caption) VALUES (%s, true, 'play', 20000, %s, %s) RETURNING id",
            [creator, list(tags), caption],
        )
        return UUID(str(row["id"]))

    def give(
        self,
        viewer: UUID,
        action: str,
        post: UUID | None = None,
        creator: UUID | None = None,
        *,
        undo: bool = False,
        unseen: bool = False,
    ) -> str:
        """Give a feedback; who reports a post has seen it, unless `unseen`."""
        if action == "report" and post is not None and not unseen:
            self.operator.execute(
                "INSERT INTO viewer_last_seen VALUES (%s, %s, now()) ON CONFLICT DO NOTHING",
                [viewer, post],
            )
        (row,) = call(self.url, viewer, GIVE, [viewer, action, post, creator, undo])
        return str(row["outcome"])

    def affinities(self, viewer: UUID) -> dict[str, float]:
        rows = self.operator.execute(
            "SELECT creator_id::text AS key, value FROM viewer_creator_affinity WHERE user_id = %s"
            " UNION ALL SELECT tag, value FROM viewer_tag_affinity WHERE user_id = %s",
            [viewer, viewer],
        )
        return {row["key"]: row["value"] for row in rows}

    def likes(self, viewer: UUID, creator: UUID, amount: float, **tags: float) -> None:
        """Set affinities as of now."""
        self.operator.execute(
            "INSERT INTO viewer_creator_affinity (user_id, creator_id, value) VALUES (%s, %s, %s)",
            [viewer, creator, amount],
        )
        for tag, value in tags.items():
            self.operator.execute(
                "INSERT INTO viewer_tag_affinity (user_id, tag, value) VALUES (%s, %s, %s)",
                [viewer, tag, value],
            )

    def pass_days(self, days: int) -> None:
        """Move what was written into the past."""
        statements: list[LiteralString] = [
            "UPDATE viewer_creator_affinity SET at = at - make_interval(days => %s)",
            "UPDATE viewer_tag_affinity SET at = at - make_interval(days => %s)",
            (
                "UPDATE feedback SET taken = taken || jsonb_build_object('at',"
                " (taken ->> 'at')::timestamptz - make_interval(days => %s)) WHERE taken <> '{}'"
            ),
        ]
        for statement in statements:
            self.operator.execute(statement, [days])

    def queued(self) -> list[tuple[UUID | None, UUID, int]]:
        rows = self.operator.execute(
            "SELECT post_id, creator_id, reports FROM engagement_queue ORDER BY queue_no"
        )
        return [(row["post_id"], row["creator_id"], row["reports"]) for row in rows]

    def roll_up(self) -> None:
        self.operator.execute("UPDATE feed_settings SET report_hold_threshold = %s", [THRESHOLD])
        self.operator.execute("SELECT roll_up(1000)")

    def reported(self, post: UUID, times: int) -> list[UUID]:
        """Have so many viewers report a post; who."""
        viewers = [uuid.uuid4() for _ in range(times)]
        for viewer in viewers:
            assert self.give(viewer, "report", post) == "given"
        return viewers

    def state(self, post: UUID) -> tuple[str, int]:
        (row,) = self.operator.execute(
            "SELECT p.visibility, s.reports FROM posts p JOIN post_stats s ON s.post_id = p.id"
            " WHERE p.id = %s",
            [post],
        )
        return row["visibility"], row["reports"]

    def candidates(self, viewer: UUID) -> set[UUID]:
        rows = self.operator.execute(
            "SELECT post_id FROM feed_candidates(%s, NULL, 24, 12)", [viewer]
        )
        return {row["post_id"] for row in rows}

    def review(self, post: UUID, verdict: str) -> None:
        self.operator.execute("SELECT review_post(%s, %s)", [post, verdict])
