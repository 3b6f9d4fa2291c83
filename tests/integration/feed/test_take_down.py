"""A video that is taken down at Mux is gone from the very next page, cached queue or not."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.integration.uploads.harness import VIDEO, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database
    from tests.integration.feed.harness import Harness


@pytest.fixture
def world(database: Database, feed: Harness) -> Iterator[World]:  # noqa: ARG001  # the same database
    made = World(database)
    yield made
    made.close()


def publish(world: World, count: int) -> dict[str, tuple[str, str]]:
    """Upload videos of different creators; each post with its asset and playback id."""
    made = {}
    since = len(world.mux_state.events)
    for _ in range(count):
        post, upload = world.begin(uuid4())
        asset = world.process(upload, VIDEO)
        made[str(post)] = (asset, world.mux_state.asset(asset).playback_ids[0].id)
    world.deliver_new(since)
    return made


def test_a_take_down_is_gone_from_the_very_next_page(feed: Harness, world: World) -> None:
    made = publish(world, 40)
    viewer = feed.viewer()
    first = viewer.next()
    assert len(first["posts"]) == 12
    assert viewer.page(session_id=UUID(first["session_id"]))["cache"] == "hit"
    shown = {post["post_id"] for post in first["posts"]}
    left = [post for post in made if post not in shown]
    since = len(world.mux_state.events)
    # Each draft meets one of them or more. After eight such drafts the queue would be given up.
    taken_down = left[::4]
    assert len(taken_down) == 7
    for post in taken_down:
        world.mux_state.delete_playback_id(*made[post])
    replaced = {}
    for post in set(left) - set(taken_down):
        asset, playback = made[post]
        world.mux_state.delete_playback_id(asset, playback)
        replaced[post] = world.mux_state.create_playback_id(asset, {"policy": "public"}).id
    world.deliver_new(since)
    second = viewer.next()
    assert second["cache"] == "hit"
    assert len(second["posts"]) == 12
    served = {post["post_id"]: post["hls_url"] for post in second["posts"]}
    assert not served.keys() & set(taken_down)
    assert served == {p: f"https://stream.mux.com/{replaced[p]}.m3u8" for p in served}
    # A page that was served loses what was taken down since, and is filled up again.
    gone = first["posts"][3]["post_id"]
    since = len(world.mux_state.events)
    world.mux_state.delete_playback_id(*made[gone])
    world.deliver_new(since)
    again = viewer.page(session_id=UUID(first["session_id"]))
    assert len(again["posts"]) == 12
    assert gone not in {post["post_id"] for post in again["posts"]}


def test_signed_and_public_videos_stand_side_by_side(feed: Harness, world: World) -> None:
    public = publish(world, 3)
    settings = world.uploads.settings.model_copy(update={"mux_playback_policy": "signed"})
    object.__setattr__(world.uploads, "settings", settings)
    signed = publish(world, 3)
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    container = feed.new_container(MUX_SIGNING_KEY=key.decode(), MUX_SIGNING_KEY_ID="key-1")
    page = feed.viewer().page(container=container)
    assert {post["post_id"] for post in page["posts"]} == public.keys() | signed.keys()
    for post in page["posts"]:
        is_signed = post["post_id"] in signed
        assert ("?token=" in post["hls_url"]) is is_signed
        assert ("?token=" in post["thumbnail_url"]) is is_signed
        assert ("storyboard_url" in post) is is_signed
