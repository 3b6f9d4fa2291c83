import json
import uuid
from datetime import UTC, datetime
from typing import LiteralString

import psycopg
import pytest

from tests.integration.database.sessions import Session, content


def test_the_first_commit_writes_the_page_and_its_request(session: Session) -> None:
    shown, hydrate = session.posts[:3], session.posts[3:5]
    answer = session.commit(0, 0, shown, hydrate=hydrate)
    assert (answer["status"], answer["version"], answer["withdrawn"]) == ("committed", 1, [])
    assert content(answer) == {*shown}
    assert json.loads(answer["content_columns"])["playback_id"] == ["play", "play"]
    assert session.pages() == {0: shown}
    (request,) = session.requests()
    assert (request["session_id"], request["page_no"], request["page_size"]) == (session.id, 0, 3)
    assert (request["cache_hit"], request["variant"]) == (False, "control")
    assert request["sources"] == {"fresh": 3}
    assert request["response_time_ms"] >= 12.5


def test_the_content_of_a_post_is_what_clients_are_shown(session: Session) -> None:
    (post,) = session.commit(0, 0, session.posts[:1])["posts"]
    created = datetime.fromisoformat(post.pop("created_at"))
    assert created.tzinfo == UTC
    assert post.pop("creator_id")
    assert post == {
        "post_id": str(session.posts[0]),
        "caption": "text",
        "tags": ["a", "b"],
        "playback_id": "play",
        "signed": False,
        "duration_ms": 20000,
        "aspect_ratio": "9:16",
    }


def test_a_page_is_written_once_and_others_get_the_one_that_stands(session: Session) -> None:
    first, second = session.posts[:3], session.posts[3:6]
    session.commit(0, 0, first)
    answer = session.commit(0, 0, second, note="second")
    assert (answer["status"], answer["version"]) == ("existing", 1)
    assert answer["entries"]["note"] == "first"
    assert content(answer) == set(first)
    assert session.pages() == {0: first}


def test_the_same_page_again_changes_neither_the_page_nor_its_version(session: Session) -> None:
    session.commit(0, 0, session.posts[:3])
    answer = session.commit(0, 1, session.posts[:3], claimed_unseen=[])
    assert (answer["status"], answer["version"]) == ("committed", 1)
    assert answer["content_columns"] is None, "nothing was asked for"
    assert len(session.requests()) == 2


def test_a_repaired_page_replaces_the_version_it_names_and_no_other(session: Session) -> None:
    session.commit(0, 0, session.posts[:3])
    repaired = [*session.posts[:2], session.posts[4]]
    answer = session.commit(0, 1, repaired, claimed_unseen=[session.posts[4]], note="repaired")
    assert (answer["status"], answer["version"]) == ("committed", 2)
    assert session.pages() == {0: repaired}
    late = session.commit(0, 1, session.posts[5:8], note="late")
    assert (late["status"], late["version"]) == ("existing", 2)
    assert late["entries"]["note"] == "repaired"
    assert session.pages() == {0: repaired}


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE posts SET visibility = 'removed' WHERE id = %(post)s",
        "UPDATE posts SET visibility = 'shadow_ban' WHERE id = %(post)s",
        "UPDATE posts SET mux_ready = false WHERE id = %(post)s",
        "UPDATE posts SET mux_playback_id = NULL WHERE id = %(post)s",
        "UPDATE posts SET creator_id = %(viewer)s WHERE id = %(post)s",
        "DELETE FROM posts WHERE id = %(post)s",
        """INSERT INTO feedback (user_id, action, post_id)
           VALUES (%(viewer)s, 'not_interested', %(post)s)""",
        """INSERT INTO feedback (user_id, action, post_id)
           VALUES (%(viewer)s, 'report', %(post)s)""",
        """INSERT INTO feedback (user_id, action, creator_id)
           SELECT %(viewer)s, 'hide_creator', creator_id FROM posts WHERE id = %(post)s""",
        "INSERT INTO user_post_impressions (user_id, post_id) VALUES (%(viewer)s, %(post)s)",
    ],
)
def test_a_post_that_may_no_longer_be_shown_rejects_the_page_and_leaves_no_trace(
    session: Session, spoil: LiteralString
) -> None:
    shown = session.posts[:3]
    session.operator.execute(spoil, {"post": shown[1], "viewer": session.viewer})
    answer = session.commit(0, 0, shown)
    assert (answer["status"], answer["version"]) == ("rejected", 0)
    named = "no_longer_unseen" if "impressions" in spoil else "withdrawn"
    assert answer[named] == [shown[1]]
    assert len(answer["withdrawn"]) + len(answer["no_longer_unseen"]) == 1
    assert answer["posts"] == answer["entries"] == []
    assert session.pages() == {}
    assert session.requests() == []


def test_a_repeat_may_have_been_seen_but_an_unseen_post_may_not(session: Session) -> None:
    shown = session.posts[:3]
    session.operator.execute(
        "INSERT INTO user_post_impressions (user_id, post_id, seen_at) VALUES"
        " (%(viewer)s, %(repeat)s, now()), (%(viewer)s, %(old)s, now() - interval '31 days')",
        {"viewer": session.viewer, "repeat": shown[0], "old": shown[1]},
    )
    assert session.commit(0, 0, shown, claimed_unseen=shown[1:])["status"] == "committed"


def test_feedback_undone_or_of_another_viewer_rejects_nothing(session: Session) -> None:
    session.operator.execute(
        "INSERT INTO feedback (user_id, action, post_id, undone_at) VALUES"
        " (%(viewer)s, 'not_interested', %(post)s, now()), (%(viewer)s, 'report', %(post)s, now()),"
        " (gen_random_uuid(), 'not_interested', %(post)s, NULL)",
        {"viewer": session.viewer, "post": session.posts[0]},
    )
    assert session.commit(0, 0, session.posts[:3])["status"] == "committed"


def test_a_post_served_on_another_page_of_the_session_rejects_the_page(session: Session) -> None:
    session.commit(0, 0, session.posts[:3])
    overlapping = session.posts[2:5]
    answer = session.commit(1, 0, overlapping)
    assert (answer["status"], answer["withdrawn"]) == ("rejected", [])
    assert answer["no_longer_unseen"] == [session.posts[2]]
    # As a repeat it may come again, where the caller says so.
    answer = session.commit(1, 0, overlapping, claimed_unseen=overlapping[1:])
    assert answer["status"] == "committed"
    assert session.pages() == {0: session.posts[:3], 1: overlapping}


def test_pages_of_other_sessions_and_viewers_stand_apart(session: Session) -> None:
    shown = session.posts[:3]
    session.commit(0, 0, shown)
    other_session = Session(
        session.url, session.operator, session.viewer, uuid.uuid4(), session.posts
    )
    assert other_session.commit(0, 0, shown)["status"] == "committed"
    # The same session id in another viewer's hands is another session.
    other_viewer = Session(session.url, session.operator, uuid.uuid4(), session.id, session.posts)
    assert other_viewer.commit(0, 0, session.posts[5:7])["status"] == "committed"
    assert other_viewer.commit(1, 0, shown)["status"] == "committed"


def test_a_standing_page_names_what_of_it_may_no_longer_be_shown(session: Session) -> None:
    shown = session.posts[:3]
    session.commit(0, 0, shown)
    session.operator.execute(
        "UPDATE posts SET visibility = 'removed' WHERE id = %s", [session.posts[1]]
    )
    answer = session.commit(0, 0, session.posts[5:8])
    assert (answer["status"], answer["withdrawn"]) == ("existing", [session.posts[1]])
    assert content(answer) == {session.posts[0], session.posts[2]}
    assert len(session.requests()) == 1
    answer = session.commit(0, 1, shown, claimed_unseen=[])
    assert (answer["status"], answer["withdrawn"]) == ("rejected", [session.posts[1]])


def test_a_request_is_written_once_however_often_it_is_sent(session: Session) -> None:
    request_id = uuid.uuid4()
    for _ in range(3):
        session.commit(0, 0, session.posts[:3], request_id=request_id)
    (request,) = session.requests()
    assert request["request_id"] == request_id


def test_a_page_number_below_zero_is_refused(session: Session) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        session.commit(-1, 0, session.posts[:3])


def test_what_a_page_served_stays_served_when_it_is_refilled(session: Session) -> None:
    first, second = session.posts[:3], [session.posts[0], session.posts[3], session.posts[2]]
    session.commit(0, 0, first)
    assert session.commit(0, 1, second, claimed_unseen=[session.posts[3]])["version"] == 2
    for page, expected, shown in ((1, 0, [session.posts[1]]), (0, 2, [*second, session.posts[1]])):
        answer = session.commit(page, expected, shown, claimed_unseen=[session.posts[1]])
        assert answer["status"] == "rejected"
        assert answer["no_longer_unseen"] == [session.posts[1]]


def test_a_short_page_says_how_many_posts_the_viewer_may_be_shown(session: Session) -> None:
    described = {"page_size": 12}
    assert session.commit(0, 0, session.posts[:12], described=described)["eligible"] is None
    assert session.commit(1, 0, session.posts[12:15], described=described)["eligible"] == 12
    session.operator.execute(
        "UPDATE posts SET visibility = 'removed' WHERE id <> ALL (%s)", [session.posts[20:24]]
    )
    assert session.commit(2, 0, session.posts[20:24], described=described)["eligible"] == 4
    assert session.commit(2, 0, session.posts[5:6], described=described)["eligible"] == 4
