"""Feed scrolling (`make load-feed`): sessions of nine pages, every page full, no post twice."""

from __future__ import annotations

from locust import task

from tests.load.viewers import Viewer


class Scroller(Viewer):
    """Scrolls."""

    @task
    def scroll_on(self) -> None:
        """The next page."""
        self.next_page()
