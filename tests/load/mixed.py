"""Mixed traffic (`make load-mixed`): pages, and what viewers do with them."""

from __future__ import annotations

from locust import task

from tests.load.checks import PAGE_SIZE
from tests.load.viewers import Viewer


class Visitor(Viewer):
    """Scrolls, watches, and now and then does not want a post."""

    def on_start(self) -> None:
        """Open the feed."""
        super().on_start()
        self.scroll_on()

    @task(10)
    def scroll_on(self) -> None:
        """The next page; what it shows is seen and some of it watched."""
        self.next_page()
        self.send_impressions(PAGE_SIZE)

    @task(6)
    def watch(self) -> None:
        """A few watches."""
        self.send_watches(4)

    @task(1)
    def refuse(self) -> None:
        """Not this one."""
        self.refuse_a_post()
