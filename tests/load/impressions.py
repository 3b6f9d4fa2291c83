"""Impression batches (`make load-impressions`): a hundred at once, every other batch sent twice."""

from __future__ import annotations

from locust import task

from tests.load.viewers import BATCH, PAGES_PER_SESSION, Viewer


class Reporter(Viewer):
    """Has scrolled, and reports it again and again."""

    retries = False  # whether the last batch was sent twice

    def on_start(self) -> None:
        """Scroll as far as one session goes."""
        super().on_start()
        for _ in range(PAGES_PER_SESSION):
            self.next_page()

    @task
    def report(self) -> None:
        """A batch, and the retry of every other one."""
        self.retries = not self.retries
        self.send_impressions(BATCH, retry=self.retries)
