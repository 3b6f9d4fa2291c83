"""Tells what is wrong with a page of the feed. Every program that checks pages asks here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

REPEATS: Final = frozenset({"repeat", "recycled"})
MAX_REPEATS: Final = 2
FIRST_REPEAT_POSITION: Final = 6


def page_faults(
    posts: Sequence[Mapping[str, Any]],
    size: int,
    *,
    served: Collection[str] = (),
    unwanted: Collection[str] = (),
) -> list[str]:
    """Return what is wrong with the choice of posts, in words. Nothing where all is right.

    Args:
        posts: The posts of the answer, in order.
        size: How many there should be.
        served: Ids of posts that the session has served, while others are left.
        unwanted: Ids of posts that the viewer refused.
    """
    ids = [post["post_id"] for post in posts]
    faults = []
    if len(ids) != size:
        faults.append(f"{len(ids)} posts instead of {size}")
    if len(set(ids)) != len(ids):
        faults.append("a post twice in the page")
    if not set(ids).isdisjoint(served):
        faults.append("a post twice in the session")
    if not set(ids).isdisjoint(unwanted):
        faults.append("a post that the viewer did not want")
    return faults


def label_faults(posts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what is wrong with positions and rungs, in words. Nothing where all is right."""
    faults = []
    if [post["position"] for post in posts] != list(range(len(posts))):
        faults.append("positions do not count from 0")
    repeats = [post["position"] for post in posts if post["source"] == "repeat"]
    if len(repeats) > MAX_REPEATS:
        faults.append(f"{len(repeats)} repeats")
    if any(position < FIRST_REPEAT_POSITION for position in repeats):
        faults.append(f"a repeat at position {min(repeats)}")
    marks = [post["is_repeat"] for post in posts]
    if marks != [post["source"] in REPEATS for post in posts]:
        faults.append("is_repeat is not what the source says")
    if marks != sorted(marks):
        faults.append("an unseen post behind a repeat")
    return faults
