from functools import partial

from tests.integration.database.clients import at_once
from tests.integration.database.sessions import Session, content


def test_sixteen_racers_for_one_page_all_get_the_same_one(session: Session) -> None:
    offers = [session.posts[n : n + 6] for n in range(16)]
    answers = at_once(
        [partial(session.commit, 0, 0, shown, note=str(n)) for n, shown in enumerate(offers)]
    )
    (winner,) = (n for n, answer in enumerate(answers) if answer["status"] == "committed")
    assert [answer["status"] for answer in answers].count("existing") == 15
    assert session.pages() == {0: offers[winner]}
    for answer in answers:
        assert answer["entries"]["note"] == str(winner)
        assert answer["version"] == 1
        assert content(answer) == set(offers[winner])
    assert len(session.requests()) == 16


def test_sixteen_pages_of_one_session_written_at_once_share_no_post(session: Session) -> None:
    offers = [session.posts[n : n + 4] for n in range(16)]
    answers = at_once([partial(session.commit, n, 0, shown) for n, shown in enumerate(offers)])
    committed = [n for n, answer in enumerate(answers) if answer["status"] == "committed"]
    assert session.pages() == {n: offers[n] for n in committed}
    served = [post for n in committed for post in offers[n]]
    assert len(served) == len(set(served)) > 0
    for n in set(range(16)) - set(committed):
        assert answers[n]["status"] == "rejected"
        # Those that were written by then; others may have followed.
        assert set() < set(answers[n]["no_longer_unseen"]) <= set(offers[n]) & set(served)


def test_sixteen_repairs_of_one_version_end_in_one(session: Session) -> None:
    session.commit(0, 0, session.posts[:6])
    offers = [[*session.posts[:5], session.posts[10 + n]] for n in range(16)]
    answers = at_once(
        [
            partial(session.commit, 0, 1, shown, claimed_unseen=shown[5:], note=str(n))
            for n, shown in enumerate(offers)
        ]
    )
    (winner,) = (n for n, answer in enumerate(answers) if answer["status"] == "committed")
    assert {answer["version"] for answer in answers} == {2}
    assert session.pages() == {0: offers[winner]}
