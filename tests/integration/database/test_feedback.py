import uuid
from typing import LiteralString
from uuid import UUID

import psycopg
import pytest

from tests.integration.database.clients import at_once, call
from tests.integration.database.feedback import THRESHOLD, World

VIEWER, CREATOR = uuid.uuid4(), uuid.uuid4()


@pytest.mark.parametrize("action", ["not_interested", "hide_creator", "report"])
def test_the_same_feedback_again_changes_nothing_and_grows_no_row(
    world: World, action: str
) -> None:
    post = world.post(CREATOR, "cats")
    steps = [(False, "given"), (False, "unchanged"), (True, "undone"), (True, "unchanged")]
    for undo, outcome in steps * 3:
        before = (world.affinities(VIEWER), world.queued())
        assert world.give(VIEWER, action, post, undo=undo) == outcome
        if outcome == "unchanged":
            assert (world.affinities(VIEWER), world.queued()) == before
    (row,) = world.operator.execute("SELECT count(*) AS rows FROM feedback")
    assert row["rows"] == 1


def test_undoing_what_was_never_given_does_nothing(world: World) -> None:
    post = world.post(CREATOR, "cats")
    for action in ("not_interested", "hide_creator", "report"):
        assert world.give(VIEWER, action, post, undo=True) == "unchanged"
    assert world.affinities(VIEWER) == {}
    assert world.queued() == []


def test_what_is_unknown_is_said_to_be(world: World) -> None:
    nobody = uuid.uuid4()
    for action in ("not_interested", "hide_creator", "report"):
        for undo in (False, True):
            assert world.give(VIEWER, action, nobody, undo=undo) == "unknown"
    for action in ("hide_creator", "report"):
        assert world.give(VIEWER, action, creator=nobody) == "unknown"
    rows = world.operator.execute("SELECT FROM feedback").fetchall()
    assert rows == []


@pytest.mark.parametrize(
    ("action", "post", "creator"),
    [
        ("not_interested", None, CREATOR),
        ("hide_creator", None, None),
        ("report", CREATOR, CREATOR),
        ("like", CREATOR, None),
        (None, CREATOR, None),
    ],
)
def test_no_such_feedback_is_refused(
    world: World, action: str, post: UUID | None, creator: UUID | None
) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        world.give(VIEWER, action, post, creator)


def test_hiding_a_posts_creator_is_hiding_the_creator(world: World) -> None:
    post, other = world.post(CREATOR), world.post(CREATOR)
    assert world.give(VIEWER, "hide_creator", post) == "given"
    assert world.give(VIEWER, "hide_creator", other) == "unchanged"
    assert world.give(VIEWER, "hide_creator", creator=CREATOR) == "unchanged"
    assert world.candidates(VIEWER) == set()
    assert world.give(VIEWER, "hide_creator", creator=CREATOR, undo=True) == "undone"
    assert world.candidates(VIEWER) == {post, other}


def test_feedback_on_a_post_that_is_gone_can_be_undone(world: World) -> None:
    post = world.post(CREATOR, "cats")
    kept = world.post(CREATOR)
    for action in ("not_interested", "hide_creator", "report"):
        world.give(VIEWER, action, post)
    world.operator.execute("DELETE FROM posts WHERE id = %s", [post])
    assert world.candidates(VIEWER) == set()
    for action in ("not_interested", "hide_creator", "report"):
        assert world.give(VIEWER, action, post) == "unknown"
        assert world.give(VIEWER, action, post, undo=True) == "undone"
    assert world.candidates(VIEWER) == {kept}
    assert world.affinities(VIEWER) == pytest.approx({str(CREATOR): 0, "cats": 0}, abs=1e-6)


def test_not_interested_lowers_the_creator_and_shares_among_the_tags(world: World) -> None:
    world.likes(VIEWER, CREATOR, 2.0, cats=0.25)
    world.give(VIEWER, "not_interested", world.post(CREATOR, "cats", "dogs", "cats"))
    expected = {str(CREATOR): 0.5, "cats": -0.5, "dogs": -0.75}
    assert world.affinities(VIEWER) == pytest.approx(expected, abs=1e-4)


def test_not_interested_in_a_post_without_tags_lowers_the_words_that_others_bear_too(
    world: World,
) -> None:
    world.post(CREATOR, "cats")
    world.post(CREATOR, caption="Sleepy dogs")
    post = world.post(CREATOR, caption="My dogs and cats, Zorro and Zelda")
    world.give(VIEWER, "not_interested", post)
    expected = {str(CREATOR): -1.5, "cats": -0.75, "dogs": -0.75}
    assert world.affinities(VIEWER) == pytest.approx(expected, abs=1e-4)
    world.give(VIEWER, "not_interested", post, undo=True)
    assert world.affinities(VIEWER) == pytest.approx(dict.fromkeys(expected, 0), abs=1e-4)


def test_undoing_gives_back_exactly_what_was_taken_and_decays_it_likewise(world: World) -> None:
    world.likes(VIEWER, CREATOR, 2.0, cats=-4.5)
    post = world.post(CREATOR, "cats")
    world.give(VIEWER, "not_interested", post)
    taken = world.affinities(VIEWER)
    assert taken == pytest.approx({str(CREATOR): 0.5, "cats": -5.0}, abs=1e-4)
    world.pass_days(14)
    world.give(VIEWER, "not_interested", post, undo=True)
    # As if nothing had ever been taken: half of what there was before.
    assert world.affinities(VIEWER) == pytest.approx({str(CREATOR): 1.0, "cats": -2.25}, abs=1e-4)


def test_an_affinity_that_is_gone_meanwhile_is_not_raised_by_an_undo(world: World) -> None:
    post = world.post(CREATOR, "cats")
    world.give(VIEWER, "not_interested", post)
    world.operator.execute("DELETE FROM viewer_creator_affinity")
    world.operator.execute("DELETE FROM viewer_tag_affinity")
    world.give(VIEWER, "not_interested", post, undo=True)
    assert world.affinities(VIEWER) == {}


def test_creators_neither_lower_nor_report_themselves(world: World) -> None:
    post = world.post(CREATOR, "cats")
    assert world.give(CREATOR, "not_interested", post) == "given"
    assert world.give(CREATOR, "report", post) == "given"
    assert world.give(CREATOR, "report", creator=CREATOR) == "given"
    assert world.affinities(CREATOR) == {}
    assert world.queued() == []


def test_a_viewers_report_counts_once_however_often_it_is_given_at_once(world: World) -> None:
    post = world.post(CREATOR)
    outcomes = at_once([lambda: world.give(VIEWER, "report", post) for _ in range(8)])
    assert sorted(outcomes) == ["given"] + 7 * ["unchanged"]
    assert world.queued() == [(post, CREATOR, 1)]
    world.give(VIEWER, "report", post, undo=True)
    assert world.queued() == [(post, CREATOR, 1), (post, CREATOR, -1)]


def test_feedback_of_all_kinds_at_once_ends_as_the_same_one_by_one(world: World) -> None:
    posts = [world.post(CREATOR, "cats", str(i)) for i in range(3)]
    tasks = [
        lambda p=post, u=undo: world.give(VIEWER, "not_interested", p, undo=u)
        for post in posts
        for undo in (False, True)
    ]
    at_once(tasks)
    rows = world.operator.execute("SELECT post_id, undone_at FROM feedback").fetchall()
    in_force = [row["post_id"] for row in rows if row["undone_at"] is None]
    held = world.affinities(VIEWER)
    assert held[str(CREATOR)] == pytest.approx(-1.5 * len(in_force), abs=1e-3)
    assert held["cats"] == pytest.approx(-0.75 * len(in_force), abs=1e-3)
    assert world.candidates(VIEWER) == set(posts) - set(in_force)


def test_five_viewers_reports_take_a_post_off_the_feed_and_four_do_not(world: World) -> None:
    post, other = world.post(CREATOR), world.post(CREATOR)
    world.reported(post, THRESHOLD - 1)
    world.roll_up()
    assert world.state(post) == ("public", 4)
    world.reported(post, 1)
    world.roll_up()
    assert world.state(post) == ("shadow_ban", 5)
    assert world.candidates(VIEWER) == {other}
    (row,) = world.operator.execute("SELECT post_id, reports, reviewed_at FROM post_reviews")
    assert (row["post_id"], row["reports"], row["reviewed_at"]) == (post, 5, None)


def test_viewers_who_never_saw_a_post_cannot_take_it_off_the_feed(world: World) -> None:
    post = world.post(CREATOR)
    for _ in range(THRESHOLD):
        assert world.give(uuid.uuid4(), "report", post, unseen=True) == "given"
    world.roll_up()
    assert world.state(post) == ("public", 0)
    # Each of them is still rid of it.
    viewer = uuid.uuid4()
    world.give(viewer, "report", post, unseen=True)
    assert post not in world.candidates(viewer)


def test_one_viewer_cannot_take_a_post_off_the_feed(world: World) -> None:
    post = world.post(CREATOR)
    for _ in range(4):
        world.give(VIEWER, "report", post)
        world.give(VIEWER, "report", post, undo=True)
    world.give(VIEWER, "report", post)
    world.roll_up()
    assert world.state(post) == ("public", 1)


def test_one_viewer_who_erases_themselves_cannot_take_a_post_off_the_feed(world: World) -> None:
    post = world.post(CREATOR)
    for _ in range(THRESHOLD + 1):
        assert world.give(VIEWER, "report", post) == "given"
        world.roll_up()
        call(world.url, VIEWER, "SELECT * FROM erase_viewer(%s, true)", [VIEWER])
        world.roll_up()
    assert world.state(post) == ("public", 0)


def test_erasing_takes_back_what_reports_have_counted_and_no_more(world: World) -> None:
    post, reviewed = world.post(CREATOR), world.post(CREATOR)
    others = world.reported(post, 2)
    for target in (post, reviewed):
        world.give(VIEWER, "report", target)
    world.roll_up()
    world.review(reviewed, "restored")
    for viewer in (VIEWER, others[0]):
        world.give(viewer, "report", post, undo=True)
        world.give(viewer, "report", post)
    call(world.url, VIEWER, "SELECT * FROM erase_viewer(%s, true)", [VIEWER])
    world.roll_up()
    assert world.state(post) == ("public", 2)
    assert world.state(reviewed) == ("public", 0)


def test_a_report_that_did_not_count_takes_none_back(world: World) -> None:
    post = world.post(CREATOR)
    world.reported(post, 2)
    call(world.url, VIEWER, "SELECT * FROM erase_viewer(%s, true)", [VIEWER])
    world.give(VIEWER, "report", post)
    assert world.candidates(VIEWER) == set(), "it holds for themselves"
    world.operator.execute("UPDATE erasures SET counts_again_at = now()")
    world.give(VIEWER, "report", post, undo=True)
    world.roll_up()
    assert world.state(post) == ("public", 2)
    world.give(VIEWER, "report", post)
    world.roll_up()
    assert world.state(post) == ("public", 3)


def test_a_restored_post_comes_back_and_old_reports_count_no_more(world: World) -> None:
    post = world.post(CREATOR)
    old = world.reported(post, THRESHOLD)
    world.roll_up()
    pending = world.reported(post, 2)  # in the queue as it is looked at
    world.review(post, "restored")
    assert world.state(post) == ("public", 0)
    assert world.candidates(VIEWER) == {post}
    assert world.candidates(old[0]) == set(), "not for those who reported it"
    for viewer in (*old, *pending):
        world.give(viewer, "report", post, undo=True)
        world.give(viewer, "report", post)
    world.roll_up()
    assert world.state(post) == ("public", 0)
    world.reported(post, THRESHOLD - 1)
    world.roll_up()
    assert world.state(post) == ("public", 4)
    world.reported(post, 1)
    world.roll_up()
    assert world.state(post) == ("shadow_ban", 5)
    for viewer in old:
        world.give(viewer, "report", post, undo=True)
    world.roll_up()
    assert world.state(post) == ("shadow_ban", 5), "what was reviewed is not subtracted either"


def test_a_removed_post_stays_away_whatever_is_reported(world: World) -> None:
    post = world.post(CREATOR)
    world.reported(post, THRESHOLD)
    world.roll_up()
    world.review(post, "removed")
    world.reported(post, THRESHOLD)
    world.roll_up()
    assert world.state(post)[0] == "removed"
    (row,) = world.operator.execute("SELECT verdict FROM post_reviews")
    assert row["verdict"] == "removed"
    world.review(post, "restored")
    assert world.state(post) == ("public", 0)


def test_reviews_need_a_verdict_and_a_post(world: World) -> None:
    post = world.post(CREATOR)
    for verdict in ("banned", None):
        with pytest.raises(psycopg.errors.InvalidParameterValue):
            world.operator.execute("SELECT review_post(%s, %s)", [post, verdict])
    with pytest.raises(psycopg.errors.NoDataFound):
        world.review(uuid.uuid4(), "removed")


def test_reports_of_posts_and_of_creators_count_on_the_creators_rate(world: World) -> None:
    world.post(CREATOR)
    assert world.give(VIEWER, "report", creator=CREATOR) == "given"
    assert world.queued() == [(None, CREATOR, 1)]
    world.roll_up()
    (row,) = world.operator.execute("SELECT rolling_report_rate, reports FROM creator_quality")
    assert (row["rolling_report_rate"], row["reports"]) == (1.0, 1.0)


def test_feedback_on_posts_long_gone_is_retired_and_no_other(world: World) -> None:
    gone, kept = world.post(CREATOR), world.post(CREATOR)
    for post in (gone, kept):
        world.give(VIEWER, "not_interested", post)
    world.give(VIEWER, "hide_creator", gone)
    world.operator.execute("DELETE FROM posts WHERE id = %s", [gone])
    retire: LiteralString = "SELECT vroom_private.retire_feedback(2, %s) AS gone"

    def retired(age: str) -> int:
        """How many went in a round: two looked at a call, so the second call is the last."""
        return sum(row["gone"] for _ in range(2) for row in world.operator.execute(retire, [age]))

    assert [retired(age) for age in ("1 day", "0", "0")] == [0, 1, 0]
    left = world.operator.execute("SELECT action, post_id FROM feedback ORDER BY action")
    assert [(row["action"], row["post_id"]) for row in left] == [
        ("hide_creator", gone),
        ("not_interested", kept),
    ]


def test_checking_a_page_probes_feedback_instead_of_reading_it(world: World) -> None:
    posts = [world.post(uuid.uuid4()) for _ in range(12)]
    world.operator.execute(
        "INSERT INTO feedback (user_id, action, post_id) SELECT %(viewer)s, a, gen_random_uuid()"
        " FROM unnest(ARRAY['not_interested', 'report']) a, generate_series(1, 2500)",
        {"viewer": VIEWER},
    )
    world.operator.execute(
        "INSERT INTO feedback (user_id, action, creator_id)"
        " SELECT %s, 'hide_creator', gen_random_uuid() FROM generate_series(1, 5000)",
        [VIEWER],
    )
    world.operator.execute("ANALYZE feedback")
    read: LiteralString = (
        "SELECT seq_tup_read + idx_tup_fetch AS rows FROM pg_stat_xact_user_tables"
        " WHERE relname = 'feedback'"
    )
    with world.operator.transaction():
        (before,) = world.operator.execute(read)
        (row,) = world.operator.execute(
            "SELECT vroom_private.still_eligible(%s, %s) AS left", [VIEWER, posts]
        )
        (after,) = world.operator.execute(read)
    assert set(row["left"]) == set(posts)
    assert after["rows"] - before["rows"] <= len(posts)
