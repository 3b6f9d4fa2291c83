"""A viewer who has done everything, and a look for their id wherever anything is kept."""

from __future__ import annotations

import json
import struct
import uuid
from typing import TYPE_CHECKING
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from functions.feed_ranker.events import feedback, watch_progress
from functions.feed_ranker.requests import FeedbackIn, WatchBatch
from functions.feed_ranker.sessions.packed_content import inflated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.integration.feed.harness import Harness, Viewer

_CLAIMS = "SELECT set_config('request.jwt.claims', %s, false)"


def asks(viewer: Viewer, action: str, *, undo: bool = False, **about: object) -> None:
    """Give a feedback."""
    container = viewer.harness.container
    body = {"action": action, "undo": undo, **{k: str(v) for k, v in about.items()}}
    feedback.give(
        container.database,
        viewer.id,
        FeedbackIn.model_validate(body),
        budget_s=5.0,
        cache=container.feed.cache,
        now=viewer.harness.now,
    )


def watches(viewer: Viewer, post: object) -> None:
    """Watch a post to its end, like, comment and share it."""
    event = {
        "event_id": str(uuid.uuid4()),
        "post_id": str(post),
        "play_ms": 30_000,
        "duration_ms": 30_000,
        **dict.fromkeys(("liked", "commented", "shared"), True),
    }
    container = viewer.harness.container
    done = watch_progress.record(
        container.database,
        viewer.id,
        WatchBatch.model_validate({"events": [event]}),
        now=viewer.harness.now,
        budget_s=5.0,
    )
    assert done["accepted"] == 1


def publishes(viewer: Viewer) -> list[UUID]:
    """Upload three videos: two are published, one still waits for its file."""
    admin = viewer.harness.admin
    posts = [uuid.uuid4() for _ in range(3)]
    for post in posts:
        admin.execute(
            "SELECT begin_upload(%s, %s, 'Ünlü 🎬', '{cats,dogs}', 1, 1, '1080p', 180000, 60, 5)",
            [viewer.id, post],
        )
        admin.execute("SELECT confirm_upload(%s, %s, %s)", [viewer.id, post, f"upload-{post}"])
    for post in posts[:2]:
        facts = {
            "post_id": str(post),
            "upload_id": f"upload-{post}",
            "asset_id": f"asset-{post}",
            "asset_status": "ready",
            "playback_id": "play",
            "duration_ms": 30_000,
            "audio_only": False,
        }
        admin.execute(
            "SELECT receive_mux_facts(%s, 'video.asset.ready', %s, 'https://stream', false)",
            [f"event-{post}", Jsonb(facts)],
        )
    return posts


def lives(feed: Harness, viewer: Viewer, others: list[Viewer]) -> None:
    """Have the viewer do everything that leaves a trace, and others something about them."""
    catalogue = feed.add_posts(120)
    feed.execute("UPDATE posts SET tags = '{cats,birds}'")
    own = publishes(viewer)
    for creator in (UUID(int=10_000), UUID(int=10_001)):
        feed.execute("INSERT INTO follows VALUES (%s, %s)", viewer.id, creator)
    for page in viewer.scroll(3):
        viewer.records(page)
    for post in [*catalogue[:5], own[0]]:
        watches(viewer, post)
    asks(viewer, "not_interested", post_id=catalogue[7])
    asks(viewer, "hide_creator", creator_id=UUID(int=10_003))
    asks(viewer, "report", post_id=catalogue[9])
    for other in others:
        feed.execute("INSERT INTO follows VALUES (%s, %s)", other.id, viewer.id)
        assert str(viewer.id) in {p["creator_id"] for p in other.next()["posts"]}
        watches(other, own[0])
        asks(other, "not_interested", post_id=own[1])
        asks(other, "report", post_id=own[0])
    asks(others[0], "hide_creator", creator_id=viewer.id)
    asks(others[0], "report", creator_id=viewer.id)
    feed.execute("SELECT roll_up(10000)")
    asks(others[0], "report", post_id=own[1])  # in the queue as the erasure comes
    watches(others[1], own[1])


def rows_naming(feed: Harness, wanted: UUID) -> dict[str, int]:
    """How many rows of each table hold the id in any column, with dashes or without."""
    found = {}
    tables = feed.admin.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'm')"
        " AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
    ).fetchall()
    assert len(tables) > 20
    for schema, table in tables:
        row = feed.admin.execute(
            sql.SQL("SELECT count(*) FROM {} t WHERE t::text LIKE ANY (%s)").format(
                sql.Identifier(schema, table)
            ),
            [[f"%{wanted}%", f"%{wanted.hex}%"]],
        ).fetchone()
        if row and row[0]:
            found[table] = row[0]
    return found


def items_naming(client: DynamoDBClient, table: str, wanted: UUID) -> list[str]:
    """The keys of the session table's items that hold the id anywhere, packed or not."""
    found = []
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        for item in page["Items"]:
            texts = [json.dumps(item, default=str)]
            packed = [v["B"] for v in item.values() if "B" in v]
            texts += [text for data in packed for text in texts_within(data)]
            if any(wanted.bytes in data for data in packed) or any(
                str(wanted) in text or wanted.hex in text for text in texts
            ):
                found.append(str(item["pk"]["S"]))
    return found


def texts_within(data: bytes) -> list[str]:
    """The compressed texts that follow a version, a count and as many pairs of ids."""
    version, count = struct.unpack_from(">BH", data)
    assert version == 6
    texts, rest = [], data[3 + 32 * count :]
    while rest:
        text, rest = inflated(rest)
        texts.append(text.decode())
    assert texts
    return texts
