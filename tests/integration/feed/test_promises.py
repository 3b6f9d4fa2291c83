"""The promises of the feed, over catalogues of every awkward size."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from tests.integration.feed.harness import (
    Harness,
    assert_no_repeat_while_unserved,
    check_page,
    ids,
)

PAGES = 31


@pytest.mark.parametrize("page_size", [1, 6, 12, 50])
@pytest.mark.parametrize("eligible", [0, 1, 11, 12, 13, 23, 24, 25, 300])
def test_every_page_is_full_and_nothing_comes_twice_while_something_is_unserved(
    feed: Harness, eligible: int, page_size: int
) -> None:
    feed.add_posts(eligible)
    viewer = feed.viewer()
    for page in viewer.scroll(PAGES, page_size):
        check_page(page, page_size, eligible)
    assert_no_repeat_while_unserved(viewer.pages, eligible)
    assert len({i for p in viewer.pages for i in ids(p)}) == min(eligible, PAGES * page_size)


@pytest.mark.parametrize("page_size", [1, 6, 12, 50])
def test_a_large_catalogue_is_scrolled_without_a_repeat(feed: Harness, page_size: int) -> None:
    feed.add_posts(10_000, creators=2_000)
    viewer = feed.viewer()
    for page in viewer.scroll(PAGES, page_size):
        check_page(page, page_size, 10_000)
        assert not any(post["is_repeat"] for post in page["posts"])
    assert_no_repeat_while_unserved(viewer.pages, 10_000)


def test_page_sizes_may_change_within_a_session(feed: Harness) -> None:
    feed.add_posts(100)
    viewer = feed.viewer()
    for page_size in [12, 1, 50, 6, 12, 3, 12]:
        check_page(viewer.next(page_size), page_size, 100)
    assert_no_repeat_while_unserved(viewer.pages, 100)


def test_only_eligible_posts_are_shown(feed: Harness) -> None:
    good = {str(post) for post in feed.add_posts(30)}
    viewer = feed.viewer()
    feed.add_posts(5, creator=viewer.id)
    for column, value in [
        ("visibility", "'removed'"),
        ("visibility", "'shadow_ban'"),
        ("mux_ready", "false"),
        ("mux_playback_id", "NULL"),
        ("mux_playback_id", "''"),
    ]:
        bad = feed.add_posts(3)
        feed.execute(f"UPDATE posts SET {column} = {value} WHERE id = ANY (%s)", bad)  # noqa: S608
    hidden = feed.add_posts(4, creator=feed.viewer().id)
    feed.execute(
        "INSERT INTO feedback (user_id, action, creator_id)"
        " SELECT %s, 'hide_creator', creator_id FROM posts WHERE id = %s",
        viewer.id,
        hidden[0],
    )
    (refused,) = feed.add_posts(1)
    feed.execute(
        "INSERT INTO feedback (user_id, action, post_id) VALUES (%s, 'not_interested', %s)",
        viewer.id,
        refused,
    )
    for page in viewer.scroll(4, 50):
        check_page(page, 50, len(good))
        assert set(ids(page)) <= good


def test_the_rungs_follow_in_order(feed: Harness) -> None:
    viewer = feed.viewer()
    followed = [feed.viewer().id, feed.viewer().id]
    fresh = feed.add_posts(12, creators=12, age=timedelta(days=2))
    feed.add_posts(12, creators=12, age=timedelta(days=30))
    mine = [feed.add_posts(1, creator=c, age=timedelta(days=40))[0] for c in followed]
    for _ in range(2):
        feed.add_posts(1, creator=feed.viewer().id, age=timedelta(days=6, hours=23))
    feed.execute("INSERT INTO follows SELECT %s, unnest(%s::uuid[])", viewer.id, followed)
    plain = feed.new_container(EXPLORATION_RATE="0")
    first = viewer.next(container=plain)
    second = viewer.next(container=plain)
    assert [p["source"] for p in first["posts"]] == ["fresh"] * 12
    assert [p["source"] for p in second["posts"][:4]] == ["fresh"] * 2 + ["following"] * 2
    assert [p["source"] for p in second["posts"][4:]] == ["trending"] * 8
    assert {str(p) for p in mine} == {p["post_id"] for p in second["posts"][2:4]}
    assert len({str(p) for p in fresh} & {*ids(first), *ids(second)}) == 12
    assert "followed_creator" in second["posts"][2]["reasons"]


def test_no_creator_stands_twice_in_a_row_nor_thrice_on_a_page_while_others_remain(
    feed: Harness,
) -> None:
    prolific = feed.viewer().id
    feed.add_posts(200, creator=prolific, age=timedelta(hours=1))
    feed.add_posts(200, creators=50, age=timedelta(days=12))
    viewer = feed.viewer()
    before = None
    for page in viewer.scroll(15):
        creators = [post["creator_id"] for post in page["posts"]]
        assert max(creators.count(c) for c in creators) <= 2
        assert all(a != b for a, b in zip([before, *creators], creators, strict=False))
        before = creators[-1]


def test_exploration_takes_its_share_and_only_of_unseen_posts(feed: Harness) -> None:
    feed.add_posts(2_000, creators=500)
    explored = shown = 0
    for _ in range(8):
        viewer = feed.viewer()
        for page in viewer.scroll(10):
            explored += sum(post["source"] == "explore" for post in page["posts"])
            shown += len(page["posts"])
            assert not any(p["is_repeat"] for p in page["posts"] if p["source"] == "explore")
    # 960 draws at 0.1: five standard deviations are 46.
    assert abs(explored - shown * 0.1) < 47


def test_a_viewer_sees_nothing_twice_in_new_sessions_while_unseen_posts_last(
    feed: Harness,
) -> None:
    feed.add_posts(120)
    viewer = feed.viewer()
    seen: set[str] = set()
    while len(seen) < 120:
        viewer.restart()
        for page in viewer.scroll(2):
            unseen = 120 - len(seen)
            new = [post for post in page["posts"] if not post["is_repeat"]]
            assert len(new) == min(12, unseen)
            assert not {post["post_id"] for post in new} & seen
            assert viewer.records(page)["accepted"] == 12
            seen |= set(ids(page))
    viewer.restart()
    check_page(viewer.next(), 12, 120)
    assert all(post["is_repeat"] for post in viewer.pages[0]["posts"])


def test_posts_may_come_back_once_the_cooldown_is_over(feed: Harness) -> None:
    feed.add_posts(60, age=timedelta(days=2))
    viewer = feed.viewer()
    first = viewer.next(50)
    viewer.records(first)
    feed.now += timedelta(days=29, hours=23)
    viewer.restart()
    again = viewer.next(10)
    assert not set(ids(first)) & set(ids(again))
    feed.now += timedelta(hours=2)
    viewer.restart()
    assert not any(post["is_repeat"] for post in viewer.next(50)["posts"])


def test_repeats_come_the_longest_ago_first_and_earlier_sessions_first(feed: Harness) -> None:
    posts = feed.add_posts(30)
    viewer = feed.viewer()
    feed.sees(viewer.id, posts[:20])
    order = [str(post) for post in posts]
    first = viewer.next()
    unseen = [p["post_id"] for p in first["posts"] if not p["is_repeat"]]
    assert set(unseen) == set(order[20:])
    assert ids(first)[len(unseen) :] == order[:2]
    assert [p["source"] for p in first["posts"][10:]] == ["repeat", "repeat"]
    assert first["degraded"] is None
    second = viewer.next()
    assert ids(second) == order[2:14]
    third = viewer.next()
    assert ids(third)[:6] == order[14:20]
    assert ids(third)[6:] == unseen[:6]
    assert [p["source"] for p in third["posts"]] == ["recycled"] * 6 + ["repeat"] * 2 + [
        "recycled"
    ] * 4
    assert third["degraded"] == "inventory"


def test_no_controlled_repeat_while_the_inventory_is_above_the_waterline(feed: Harness) -> None:
    posts = feed.add_posts(60)
    viewer = feed.viewer()
    feed.sees(viewer.id, posts[:30])
    page = viewer.next(50)
    assert [p["source"] for p in page["posts"]].count("recycled") == 20
    assert "repeat" not in {p["source"] for p in page["posts"]}


def test_one_unseen_post_among_thousands_seen_is_found(feed: Harness) -> None:
    posts = feed.add_posts(5_000, creators=900, spread=timedelta(days=300))
    viewer = feed.viewer()
    hidden_gems = {posts[17], posts[2_500], posts[4_999]}
    feed.sees(viewer.id, [p for p in posts if p not in hidden_gems])
    page = viewer.next()
    check_page(page, 12, 5_000)
    assert {p["post_id"] for p in page["posts"] if not p["is_repeat"]} == {
        str(p) for p in hidden_gems
    }


def test_the_answer_has_every_field_of_the_contract(feed: Harness) -> None:
    feed.add_posts(12)
    page = feed.viewer().next()
    assert set(page) == {
        "request_id", "session_id", "posts", "next_cursor", "cache", "stale_cursor",
        "degraded", "variant",
    }  # fmt: skip
    for post in page["posts"]:
        assert set(post) == {
            "post_id", "creator_id", "caption", "tags", "hls_url", "thumbnail_url", "duration_ms",
            "aspect_ratio", "created_at", "position", "source", "is_repeat", "score", "reasons",
        }  # fmt: skip
        assert 0 <= post["score"] <= 1
        assert post["created_at"].endswith("Z")
        assert {"engagement", "context"} <= set(post["reasons"])


def test_other_creators_are_found_behind_one_who_holds_the_top(feed: Harness) -> None:
    prolific = feed.viewer().id
    feed.add_posts(3_000, creator=prolific, age=timedelta(hours=1))
    feed.add_posts(1_000, creators=300, age=timedelta(days=15))
    viewer = feed.viewer()
    for page in viewer.scroll(12):
        creators = [post["creator_id"] for post in page["posts"]]
        assert max(creators.count(c) for c in creators) <= 2
        assert all(a != b for a, b in pairwise(creators))
