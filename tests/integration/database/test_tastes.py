"""What a viewer is known to like decides what is found, and what ranking is told of it."""

import hashlib
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import Database
from tests.integration.database.catalogue import (
    AT,
    HISTORIES,
    PACES,
    add_impressions,
    candidates,
    load,
    make_world,
)
from tests.integration.database.clients import Connection, call, operator
from tests.integration.database.reference import check
from tests.integration.database.tastes import covisit, favour, finish, like_creators, like_tags

VIEWER, SESSION = uuid.uuid4(), uuid.uuid4()
OLD = 1_200  # posts that no walk but those of taste reaches are older than as many others


@pytest.fixture(scope="module")
def connection(module_database: Database) -> Iterator[Connection]:
    with operator(module_database.admin_url) as open_connection:
        yield open_connection


@pytest.fixture
def posts(connection: Connection) -> list[UUID]:
    """1,500 proven posts, the hottest and newest first; post n has the tags `t<n>` and `odd`."""
    forget(connection)
    rows = connection.execute(
        "INSERT INTO posts (id, creator_id, mux_ready, mux_playback_id, tags, created_at)"
        " SELECT gen_random_uuid(), md5(n::text)::uuid, true, 'p',"
        "        CASE WHEN n %% 2 = 1 THEN ARRAY['t' || n, 'odd'] ELSE ARRAY['t' || n] END,"
        "        %s::timestamptz - interval '8 days' - n * interval '1 hour'"
        " FROM generate_series(0, 1499) n RETURNING id, created_at",
        [AT],
    ).fetchall()
    connection.execute("UPDATE post_stats SET impressions = 500, plays = 500")
    return [row["id"] for row in sorted(rows, key=lambda row: row["created_at"], reverse=True)]


def forget(connection: Connection) -> None:
    connection.execute(
        "TRUNCATE posts, creator_quality, follows, feedback, user_post_impressions, feed_pages,"
        " viewer_watches, viewer_creator_affinity, viewer_tag_affinity, viewer_context,"
        " post_covisits, cohort_posts, user_interest_signals"
    )


def creator(number: int) -> UUID:
    """The creator of the fixture's post of this number."""
    return UUID(hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest())


def found(
    connection: Connection, viewer: UUID = VIEWER, context: str | None = None
) -> dict[UUID, dict[str, Any]]:
    """The candidates by post."""
    rows = connection.execute(
        "SELECT * FROM feed_candidates(%s, %s, 120, 12, at => %s, context => %s)",
        [viewer, SESSION, AT, context],
    ).fetchall()
    assert len({row["post_id"] for row in rows}) == len(rows), "a post came twice"
    return {row["post_id"]: row for row in rows}


def by_source(rows: dict[UUID, dict[str, Any]], source: str) -> set[UUID]:
    return {post for post, row in rows.items() if row["source"] == source}


def test_without_signals_no_walk_of_taste_finds_anything(
    connection: Connection, posts: list[UUID]
) -> None:
    covisit(connection, posts[0], posts[OLD:])
    favour(connection, "phone/evening/", posts[OLD:])
    rows = found(connection)
    assert {row["source"] for row in rows.values()} == {"hot", "interview"}
    assert {(row["creator_affinity"], row["tag_affinity"]) for row in rows.values()} == {
        (None, None)
    }


def test_what_others_watched_after_the_posts_finished_last_is_found_the_best_first(
    connection: Connection, posts: list[UUID]
) -> None:
    finish(connection, VIEWER, posts[:6])
    covisit(connection, posts[0], posts[OLD : OLD + 5])  # the sixth last: too long ago
    covisit(connection, posts[5], posts[OLD + 10 : OLD + 40])
    rows = found(connection)
    assert by_source(rows, "covisit") == set(posts[OLD + 10 : OLD + 40])
    likely = [rows[post]["follows"] for post in posts[OLD + 10 : OLD + 40]]
    assert likely == sorted(likely, reverse=True)
    assert all(row["follows"] is None for post, row in rows.items() if post in posts[:OLD])


def test_the_newest_unseen_posts_of_the_creators_liked_most_are_found(
    connection: Connection, posts: list[UUID]
) -> None:
    fans = {creator(n): 3.0 - n / 1000 for n in range(OLD, OLD + 11)}
    like_creators(connection, VIEWER, {**fans, creator(OLD + 20): -4.0})
    favourite = [posts[n] for n in range(OLD + 30, OLD + 50)]
    connection.execute(
        "UPDATE posts SET creator_id = %s WHERE id = ANY (%s)", [creator(OLD), favourite]
    )
    add_impressions(
        connection, VIEWER, [(post, post, AT - timedelta(days=1)) for post in favourite[:3]]
    )
    rows = found(connection)
    creators = Counter(row["creator_id"] for row in rows.values() if row["source"] == "creator")
    assert set(creators) == {creator(n) for n in range(OLD, OLD + 10)}
    assert creators[creator(OLD)] == 6
    assert set(favourite[3:8]) <= by_source(rows, "creator")


def test_the_hottest_unseen_posts_of_the_tags_liked_most_are_found(
    connection: Connection, posts: list[UUID]
) -> None:
    like_tags(connection, VIEWER, {f"t{OLD + n}": 3.0 - n / 100 for n in range(9)})
    like_tags(connection, VIEWER, {f"t{OLD + 20}": -1.0, "nowhere": 5.0})
    rows = found(connection)
    assert by_source(rows, "tag") == {posts[n] for n in range(OLD, OLD + 8)}


@pytest.mark.parametrize("gone", [1, 8, 20])
def test_liked_tags_that_no_post_bears_any_more_take_no_other_tag_s_place(
    connection: Connection, posts: list[UUID], gone: int
) -> None:
    like_tags(connection, VIEWER, {f"gone{n}": 5.0 for n in range(gone)})
    like_tags(connection, VIEWER, {"odd": 1.0, f"t{OLD}": 0.5})
    assert by_source(found(connection), "tag") == {*posts[1:124:2], posts[OLD]}


def test_a_viewer_who_likes_only_tags_that_no_post_bears_is_shown_what_others_are(
    connection: Connection, posts: list[UUID]
) -> None:
    without = found(connection)
    assert without.keys() <= set(posts)
    like_tags(connection, VIEWER, {f"gone{n}": 5.0 for n in range(30)})
    rows = found(connection)
    assert rows.keys() == without.keys()
    assert {row["tag_affinity"] for row in rows.values()} == {None}


def test_among_seen_posts_of_a_tag_the_next_hottest_are_found(
    connection: Connection, posts: list[UUID]
) -> None:
    odd = posts[1::2]
    like_tags(connection, VIEWER, {"odd": 1.0})
    add_impressions(connection, VIEWER, [(p, p, AT - timedelta(days=1)) for p in odd[:10]])
    assert by_source(found(connection), "tag") == set(odd[10:72])


def test_below_the_top_of_several_tags_the_hottest_unseen_posts_come_first(
    connection: Connection, posts: list[UUID]
) -> None:
    """The viewer has seen the 300 hottest posts of each of two tags, and likes one more."""
    connection.execute("UPDATE posts SET tags = ARRAY['even'] WHERE NOT 'odd' = ANY(tags)")
    even, odd = posts[0::2], posts[1::2]
    like_tags(connection, VIEWER, {"odd": 2.0, "even": 1.0})
    seen = odd[:300:2] + odd[1:300:2] + even[:300]
    add_impressions(connection, VIEWER, [(p, p, AT - timedelta(days=1)) for p in seen])
    of_tags = by_source(found(connection), "tag")
    for tag in (odd, even):
        shown = of_tags & set(tag)
        assert shown == set(tag[300 : 300 + len(shown)])
    assert len(of_tags & set(odd)) > len(of_tags & set(even)) > 0


def test_taste_does_not_dry_out_before_the_tag_does(
    connection: Connection, posts: list[UUID]
) -> None:
    """The viewer has seen all posts of a tag but seven, which are its coldest."""
    odd = posts[1::2]
    like_tags(connection, VIEWER, {"odd": 1.0})
    add_impressions(connection, VIEWER, [(p, p, AT - timedelta(days=1)) for p in odd[:-7]])
    assert by_source(found(connection), "tag") == set(odd[-7:])


@pytest.mark.parametrize(("samples", "helped"), [(0, True), (19, True), (20, False)])
def test_viewers_of_whom_little_is_known_get_what_works_for_their_cohort(
    connection: Connection, posts: list[UUID], samples: int, *, helped: bool
) -> None:
    connection.execute(
        "INSERT INTO user_interest_signals (user_id, samples) VALUES (%s, %s)", [VIEWER, samples]
    )
    connection.execute(
        "INSERT INTO viewer_context (user_id, device, daypart) VALUES (%s, 'tv', 'late')", [VIEWER]
    )
    like_tags(connection, VIEWER, {"nowhere": 1.0, "weaker": 0.5})
    favour(connection, "tv/late/", posts[OLD : OLD + 40])
    favour(connection, "tv/late/nowhere", posts[OLD + 100 : OLD + 110])
    favour(connection, "tv/late/weaker", posts[OLD + 150 : OLD + 160])
    favour(connection, "phone/morning/", posts[OLD + 200 : OLD + 210])
    own = {*posts[OLD : OLD + 31], *posts[OLD + 100 : OLD + 110]}
    assert by_source(found(connection), "cohort") == (own if helped else set())
    given = by_source(found(connection, context="phone/morning"), "cohort")
    assert given == (set(posts[OLD + 200 : OLD + 210]) if helped else set())


def test_a_viewer_who_likes_three_tags_needs_no_cohort(
    connection: Connection, posts: list[UUID]
) -> None:
    favour(connection, "tv/late/", posts[OLD : OLD + 5])
    like_tags(connection, VIEWER, {"nowhere": 1.0, "weaker": 0.5, "disliked": -1.0})
    assert by_source(found(connection, context="tv/late"), "cohort") == set(posts[OLD : OLD + 5])
    like_tags(connection, VIEWER, {"third": 0.2})
    assert by_source(found(connection, context="tv/late"), "cohort") == set()


def test_a_viewer_without_any_page_gets_what_works_for_the_requests_cohort(
    connection: Connection, posts: list[UUID]
) -> None:
    favour(connection, "tv/late/", posts[OLD : OLD + 5])
    assert by_source(found(connection), "cohort") == set()
    assert by_source(found(connection, context="tv/late"), "cohort") == set(posts[OLD : OLD + 5])


def test_the_newest_posts_that_few_have_seen_are_found(
    connection: Connection, posts: list[UUID]
) -> None:
    new = [*posts[OLD : OLD + 70], posts[3]]
    connection.execute("UPDATE post_stats SET impressions = 99 WHERE post_id = ANY (%s)", [new])
    assert by_source(found(connection), "unproven") == {posts[3], *posts[OLD : OLD + 14]}


def test_affinities_are_told_decayed_and_summed_over_a_posts_tags(
    connection: Connection, posts: list[UUID]
) -> None:
    like_creators(connection, VIEWER, {creator(1): 2.0, creator(2): -0.5})
    like_tags(connection, VIEWER, {"t1": 1.0, "odd": -0.25}, days_ago=14)
    rows = found(connection)
    affinities = [(rows[p]["creator_affinity"], rows[p]["tag_affinity"]) for p in posts[:4]]
    assert affinities == [(None, None), (2.0, 0.375), (-0.5, None), (None, -0.125)]


def test_anothers_taste_is_no_taste_of_the_viewers(
    connection: Connection, posts: list[UUID]
) -> None:
    other = uuid.uuid4()
    finish(connection, other, posts[:3])
    covisit(connection, posts[0], posts[OLD:])
    like_creators(connection, other, {creator(OLD): 1.0})
    like_tags(connection, other, {"odd": 1.0})
    rows = found(connection)
    assert {row["source"] for row in rows.values()} == {"hot", "interview"}
    assert {row["tag_affinity"] for row in rows.values()} == {None}


def test_a_creators_rates_are_those_of_the_decayed_sums(
    connection: Connection, posts: list[UUID]
) -> None:
    figures = [(0, 10, 5, 2, 1), (1, 0, 0, 0, 3), (2, 0, 0, 0, 0)]
    for n, plays, watched, likes, reports in figures:
        connection.execute(
            "UPDATE creator_quality SET plays = %s, watch_ratio_sum = %s, likes = %s, reports = %s"
            " WHERE creator_id = %s",
            [plays, watched, likes, reports, creator(n)],
        )
    rows = found(connection)
    names = ("creator_watch_ratio", "creator_like_rate", "creator_report_rate", "creator_samples")
    told = [tuple(rows[posts[n]][name] for name in names) for n, *_ in figures]
    assert told == [(0.5, 0.2, 0.1, 10), (None, None, 1.0, 3), (None, None, None, 0)]


def test_what_each_filter_took_is_counted_once_a_post(
    connection: Connection, posts: list[UUID]
) -> None:
    connection.execute(
        "INSERT INTO feedback (user_id, action, post_id, creator_id) VALUES"
        " (%(v)s, 'hide_creator', NULL, %(c)s), (%(v)s, 'not_interested', %(p)s, NULL)",
        {"v": VIEWER, "c": creator(0), "p": posts[1]},
    )
    connection.execute("UPDATE posts SET creator_id = %s WHERE id = %s", [VIEWER, posts[2]])
    connection.execute(
        "INSERT INTO feed_pages (user_id, session_id, page_no, version, post_ids, entries)"
        " VALUES (%s, %s, 0, 1, %s, '[]')",
        [VIEWER, SESSION, posts[3:5]],
    )
    add_impressions(connection, VIEWER, [(p, p, AT - timedelta(days=1)) for p in posts[5:8]])
    connection.execute("UPDATE posts SET visibility = 'removed' WHERE id = %s", [posts[8]])
    finish(connection, VIEWER, posts[20:21])
    covisit(connection, posts[20], posts[:9])  # walked here, by heat and by age
    rows = found(connection)
    expected = {
        "own": 1,
        "hidden": 1,
        "not_interested": 1,
        "served": 2,
        "seen": 3,
        "ineligible": 1,
        "walked": 9 + len(rows),
    }
    assert [row["filtered"] for row in rows.values()] == [expected] * len(rows)


def test_what_a_walk_passes_over_because_it_was_seen_is_counted_too(
    connection: Connection, posts: list[UUID]
) -> None:
    tagged = posts[OLD : OLD + 8]  # which no other walk reaches
    connection.execute("UPDATE posts SET tags = '{rare}' WHERE id = ANY (%s)", [tagged])
    like_tags(connection, VIEWER, {"rare": 1.0})
    add_impressions(connection, VIEWER, [(p, p, AT - timedelta(days=1)) for p in tagged[:5]])
    rows = found(connection)
    assert by_source(rows, "tag") == set(tagged[5:])
    (filtered,) = {str(row["filtered"]) for row in rows.values()}
    assert filtered == str({"seen": 5, "walked": 5 + len(rows)})


def test_the_functions_role_finds_what_an_operator_finds(
    connection: Connection, posts: list[UUID], module_database: Database
) -> None:
    finish(connection, VIEWER, posts[:2])
    covisit(connection, posts[0], posts[OLD : OLD + 5])
    like_tags(connection, VIEWER, {"odd": 1.0})
    statement = (
        "SELECT * FROM feed_candidates(%s, %s, 120, 12, at => %s, context => %s) ORDER BY post_id"
    )
    parameters = [VIEWER, SESSION, AT, "tv/late"]
    rows = connection.execute(statement, parameters).fetchall()
    assert call(module_database.app_url, VIEWER, statement, parameters) == rows
    assert {row["source"] for row in rows} >= {"covisit", "tag"}


@settings(max_examples=30)
@given(
    size=st.sampled_from([12, 25, 150, 300]),
    history=st.sampled_from(sorted(HISTORIES)),
    pace=st.sampled_from(sorted(PACES)),
    seed=st.integers(0, 2**32),
)
def test_taste_changes_no_promise_of_retrieval(
    connection: Connection, size: int, history: str, pace: str, seed: int
) -> None:
    draw = Random(seed)  # noqa: S311  (no secret)
    world = make_world(draw, size, history, pace)
    forget(connection)
    load(connection, world)
    shown = [post.id for post in world.posts]
    tags = ["a", "b", "c"]
    for post in shown:
        connection.execute(
            "UPDATE posts SET tags = %s WHERE id = %s",
            [draw.sample(tags, draw.randint(0, 3)), post],
        )
    finish(connection, world.viewer, draw.sample(shown, 8))
    for post in shown[:40]:
        covisit(connection, post, draw.sample(shown, 6))
    like_tags(connection, world.viewer, {tag: draw.uniform(-1, 2) for tag in tags})
    creators = {post.creator for post in world.posts}
    like_creators(connection, world.viewer, {c: draw.uniform(-2, 2) for c in creators})
    for walk in (20, 100, 500):
        rows = candidates(connection, world, want=24, page_size=12, walk=walk)
        check(world, rows, want=24, page_size=12)
