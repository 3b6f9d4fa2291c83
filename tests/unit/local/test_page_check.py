"""What is wrong with a page is told in words."""

from __future__ import annotations

from typing import Any

import pytest

from local.page_check import label_faults, page_faults


def page(*sources: str) -> list[dict[str, Any]]:
    return [
        {
            "post_id": f"post {n}",
            "position": n,
            "source": source,
            "is_repeat": source in {"repeat", "recycled"},
        }
        for n, source in enumerate(sources)
    ]


RIGHT = page(*["fresh"] * 6, "trending", "repeat", "repeat", "recycled")


def test_a_right_page_has_no_faults() -> None:
    assert page_faults(RIGHT, 10, served={"post 11"}, unwanted={"post 12"}) == []
    assert label_faults(RIGHT) == []


def test_each_fault_of_the_choice_is_told() -> None:
    wrong = [*RIGHT[:5], RIGHT[0]]
    assert page_faults(wrong, 10, served={"post 1"}, unwanted={"post 2"}) == [
        "6 posts instead of 10",
        "a post twice in the page",
        "a post twice in the session",
        "a post that the viewer did not want",
    ]


@pytest.mark.parametrize(
    ("posts", "fault"),
    [
        (RIGHT[1:], "positions do not count from 0"),
        (page(*["fresh"] * 6, *["repeat"] * 3), "3 repeats"),
        (page(*["fresh"] * 5, "repeat"), "a repeat at position 5"),
        ([{**RIGHT[0], "is_repeat": True}], "is_repeat is not what the source says"),
        (page(*["fresh"] * 6, "repeat", "fresh"), "an unseen post behind a repeat"),
    ],
)
def test_each_fault_of_the_labels_is_told(posts: list[dict[str, Any]], fault: str) -> None:
    assert label_faults(posts) == [fault]
