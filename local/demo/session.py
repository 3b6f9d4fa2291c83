"""A viewer who scrolls: every page asked for is checked against what there was for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from local.demo.checks import check_page
from local.demo.checks_pages import acknowledged, same_page
from local.demo.checks_ranking import check_ranking

if TYPE_CHECKING:
    from local.demo.answers import Entry, Page
    from local.demo.client import Viewer
    from local.demo.observed import ObservedState
    from local.demo.promises import Tally

PAGE_SIZE = 12
_OTHERS = 3 * PAGE_SIZE  # so many unseen posts leave creator variety its choice


@dataclass
class Session:
    """A session of one viewer.

    Attributes:
        viewer: Who scrolls.
        observed: The other side of what the viewer is told.
        tally: Takes the findings.
        id: The session's id; the draws of exploration hang on it.
        pages: The pages served so far.
        entries: The same as Postgres keeps them.
        cursors: The cursor that each page was asked with.
    """

    viewer: Viewer
    observed: ObservedState
    tally: Tally
    id: UUID = field(default_factory=uuid4)
    pages: list[Page] = field(default_factory=list)
    entries: list[tuple[Entry, ...]] = field(default_factory=list)
    cursors: list[str | None] = field(default_factory=list)

    @property
    def served(self) -> list[UUID]:
        """All posts of the session so far, in order."""
        return [post_id for page in self.pages for post_id in page.ids]

    @property
    def cursor(self) -> str | None:
        """The cursor of the next page."""
        return self.pages[-1].next_cursor if self.pages else None

    def next(self, racers: int = 1) -> Page:
        """Ask for the next page, `racers` times at once, and check it.

        Raises:
            StackError: An answer is no page.
        """
        cursor, page_no = self.cursor, len(self.pages)
        stock = self.observed.stock(self.viewer.id, self.served)
        with ThreadPoolExecutor(racers) as pool:
            asked = [pool.submit(self._ask, cursor) for _ in range(racers)]
        page, *others = [answer.result() for answer in asked]
        entries = self.observed.entries(self.viewer.id, self.id, page_no)
        earlier = list(chain.from_iterable(self.entries))
        remain = len(stock.unseen) >= _OTHERS
        self.tally.add(same_page(page, other, "racing requests get one page") for other in others)
        self.tally.add(check_page(page, stock, PAGE_SIZE))
        self.tally.add(check_ranking(page, entries, earlier, others_remain=remain))
        self.pages.append(page)
        self.entries.append(entries)
        self.cursors.append(cursor)
        return page

    def replay(self, page_no: int) -> Page:
        """Ask for a page again, by the cursor that it was first asked with."""
        return self._ask(self.cursors[page_no])

    def record(self, page: Page) -> None:
        """Report that all posts of a page were seen, one after the other, just now."""
        now = datetime.now(UTC)
        posts = [(post.post_id, post.source, post.position) for post in page.posts]
        at = [now - timedelta(milliseconds=len(posts) - i) for i in range(len(posts))]
        self.tally.add([acknowledged(self.viewer.saw(self.id, posts, at), len(posts))])

    def _ask(self, cursor: str | None) -> Page:
        return self.viewer.feed(self.id, cursor, PAGE_SIZE)
