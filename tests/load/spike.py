"""A spike, for any of the locustfiles: a steady crowd, five times the crowd, then as before."""

from __future__ import annotations

import os

from locust import LoadTestShape

_TIMES = 5


class Spike(LoadTestShape):
    """A third of the time each (LOAD_USERS, LOAD_SECONDS by environment)."""

    def tick(self) -> tuple[int, float] | None:
        """Users wanted now, and how many may come a second; None at the end."""
        users = int(os.environ.get("LOAD_USERS") or 10)
        third = int(os.environ.get("LOAD_SECONDS") or 60) / 3
        now = self.get_run_time()  # type: ignore[no-untyped-call]  # Locust's, without types
        if now >= 3 * third:
            return None
        wanted = users * _TIMES if third <= now < 2 * third else users
        return wanted, float(wanted)
