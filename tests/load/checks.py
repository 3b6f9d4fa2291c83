"""What the load tests check of every answer. Free of Locust, so that the checks are tested too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.page_check import page_faults

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAGE_SIZE = 12


@dataclass
class Scroll:
    """One session of one viewer.

    Attributes:
        session_id: The session, once its first page has come.
        cursor: Where the next page begins.
        served: Posts of all pages so far, in order.
        pages: How many pages have come.
        unwanted: Posts that must not come again.
    """

    session_id: str | None = None
    cursor: str | None = None
    served: list[dict[str, Any]] = field(default_factory=list)
    pages: int = 0
    unwanted: set[str] = field(default_factory=set)

    def query(self) -> dict[str, str]:
        """The next page's query."""
        return {"page_size": str(PAGE_SIZE)} | ({"cursor": self.cursor} if self.cursor else {})

    def take(self, page: Mapping[str, Any]) -> list[str]:
        """Move on to the next page; what is wrong with this one, in words."""
        posts: Sequence[dict[str, Any]] = page["posts"]
        before = {post["post_id"] for post in self.served}
        faults = page_faults(posts, PAGE_SIZE, served=before, unwanted=self.unwanted)
        if page["degraded"] is not None:
            faults.append(f"degraded: {page['degraded']}")
        if self.session_id not in {None, page["session_id"]}:
            faults.append("another session")
        self.session_id, self.cursor = page["session_id"], page["next_cursor"]
        self.served += posts
        self.pages += 1
        return faults


def batch_faults(answer: Mapping[str, Any], *, accepted: int, duplicates: int) -> list[str]:
    """What is wrong with the answer to a batch, in words."""
    faults = []
    if answer["rejected"]:
        faults.append(f"rejected: {answer['rejected'][0]['reason']}")
    if answer["accepted"] != accepted or answer["duplicates"] != duplicates:
        counts = f"{answer['accepted']} accepted, {answer['duplicates']} duplicates"
        faults.append(f"{counts} instead of {accepted} and {duplicates}")
    return faults
