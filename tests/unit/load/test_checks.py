from __future__ import annotations

from typing import Any

from tests.load.checks import PAGE_SIZE, Scroll, batch_faults


def page(start: int, count: int = PAGE_SIZE, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    posts = [{"post_id": f"post {start + n}"} for n in range(count)]
    usual = {"session_id": "s", "next_cursor": f"after {start}", "degraded": None, "posts": posts}
    return {**usual, **changes}


def test_full_pages_of_different_posts_are_right() -> None:
    scroll = Scroll()

    assert scroll.take(page(0)) == []
    assert scroll.take(page(12)) == []
    assert scroll.query() == {"page_size": "12", "cursor": "after 12"}
    assert (scroll.pages, len(scroll.served)) == (2, 24)


def test_a_short_page_is_found() -> None:
    assert Scroll().take(page(0, count=11)) == ["11 posts instead of 12"]


def test_a_post_twice_in_a_page_is_found() -> None:
    posts = [*page(0)["posts"][:11], {"post_id": "post 0"}]

    assert Scroll().take(page(0, posts=posts)) == ["a post twice in the page"]


def test_a_post_twice_in_a_session_is_found() -> None:
    scroll = Scroll()
    scroll.take(page(0))

    assert scroll.take(page(11)) == ["a post twice in the session"]


def test_an_unwanted_post_is_found() -> None:
    assert Scroll(unwanted={"post 3"}).take(page(0)) == ["a post that the viewer did not want"]


def test_a_degraded_page_and_another_session_are_found() -> None:
    scroll = Scroll()
    scroll.take(page(0))

    faults = scroll.take(page(12, degraded="cache", session_id="other"))
    assert faults == ["degraded: cache", "another session"]


def test_a_batch_must_be_accepted_as_a_whole() -> None:
    right = {"accepted": 3, "duplicates": 0, "rejected": []}

    assert batch_faults(right, accepted=3, duplicates=0) == []
    assert batch_faults(right, accepted=0, duplicates=3) == [
        "3 accepted, 0 duplicates instead of 0 and 3"
    ]


def test_a_rejected_row_is_found() -> None:
    answer = {"accepted": 2, "duplicates": 0, "rejected": [{"index": 0, "reason": "bad"}]}

    assert batch_faults(answer, accepted=2, duplicates=0) == ["rejected: bad"]
