"""What the session cache holds of posts is what clients are shown while Postgres is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from functions.feed_ranker.sessions.packed_content import PackedContent

if TYPE_CHECKING:
    from tests.integration.feed.harness import Harness

# caption, tags, playback id, policy, duration, aspect ratio, time
POSTS: tuple[tuple[Any, ...], ...] = (
    ("plain", ["a", "b"], "p1", "public", 20_000, "9:16", "2026-11-01"),
    ("", [], "p2", "public", None, None, "2026-11-01 12:00:00.000001+05:30"),
    ("\u202eא <b>&amp; \U0001f600 \n\t\x7f", ["'", '"', "\\"], "p3", "public", 0, "", "0001-01-02"),
    ("latest time", ["a"], "p4", "public", 1, "1:1", "9999-12-30 23:59:59"),
    ("signed", ["a"], "p5", "signed", 1, "1:1", "1969-12-31 23:59:59.5"),
    ("no playback id", ["a"], None, "public", 1, "1:1", "2026-11-01"),
    ("empty playback id", ["a"], "", "public", 1, "1:1", "2026-11-01"),
)


def test_cached_content_is_what_clients_are_shown(feed: Harness) -> None:
    owned = []
    for post in POSTS:
        owned.append((uuid4(), uuid4()))
        feed.execute(
            "INSERT INTO posts (id, creator_id, caption, tags, mux_playback_id,"
            " mux_playback_policy, mux_duration_ms, aspect_ratio, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            *owned[-1],
            *post,
        )
    held = [*owned, (uuid4(), uuid4())]  # the last one is gone
    ids = [post_id for post_id, _ in held]
    shown, columns = feed.admin.execute(
        "SELECT vroom_private.posts_as_shown(%s), vroom_private.posts_as_cached(%s)", [ids, ids]
    ).fetchone() or ([], "")
    content = PackedContent.of(held, columns)
    assert len(shown) == len(POSTS)
    assert dict(content) == {UUID(post["post_id"]): post for post in shown}
