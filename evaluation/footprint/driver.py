"""A program that serves watched pages of one build.

It runs inside the checkout of that build, as evaluation/speed/driver.py does. Each line of the
input is a number of steps, or asks for a run of the upkeep. A step is a page, and the impressions
and watches of the page before it. The first line of the output says how to reach Postgres, and each
further line answers a line of the input: with the number of steps, or with that of the events that
the upkeep counted. It ends when its input ends.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID, uuid4

_MODULES = ("dataset", "pages", "recording", "run", "servers", "settings")
UPKEEP: Final = "upkeep"  # the line that asks for it
_UPKEEP_S = 600.0
_VIEWERS = 300
_SESSION_PAGES = 10


class Viewer:
    """A viewer who watches page after page, in sessions of ten pages."""

    def __init__(self, functions: Any, number: int) -> None:  # noqa: ANN401  # of the other build
        self._functions = functions
        self._id = UUID(int=(0xF007 << 112) + number)
        self._pages = 0
        self._last: dict[str, Any] | None = None

    def step(self) -> None:
        """Report the last page, and ask for the next."""
        query: dict[str, object] = {}
        if self._last is not None:
            self._report(self._last)
            if self._pages % _SESSION_PAGES:
                query = {"cursor": self._last["next_cursor"]}
        answered = self._functions.get("/v1/feed", self._id, page_size=12, **query)
        self._last = answered.body
        self._pages += 1

    def _report(self, page: dict[str, Any]) -> None:
        now = datetime.now(UTC).isoformat()
        seen = [
            {
                "event_id": str(uuid4()),
                "post_id": post["post_id"],
                "source": post["source"],
                "position": post["position"],
                "visible_ms": 1_500,
                "seen_at": now,
            }
            for post in page["posts"]
        ]
        watched = [
            {
                "event_id": str(uuid4()),
                "post_id": post["post_id"],
                "play_ms": post["duration_ms"] // (1 + n % 3),
                "duration_ms": post["duration_ms"],
                "liked": n % 10 == 0,
                "commented": False,
                "shared": n % 25 == 0,
            }
            for n, post in enumerate(page["posts"])
        ]
        body = {"session_id": page["session_id"], "impressions": seen}
        self._functions.post("/v1/impressions", json.dumps(body).encode(), self._id)
        body = {"events": watched}
        self._functions.post("/v1/watch-progress", json.dumps(body).encode(), self._id)


def main(folder: Path, posts: int) -> None:
    """Build the data set where it is missing, then take steps until the input ends."""
    from rich.console import Console  # noqa: PLC0415  # of the other build's environment

    bench = SimpleNamespace(
        **{name: importlib.import_module(f"evaluation.speed.{name}") for name in _MODULES}
    )
    upkeep = importlib.import_module("functions.feed_ranker.upkeep")
    shown = importlib.import_module("evaluation.progress").steps
    shape = bench.settings.Shape(posts, 10 * posts)
    folder.mkdir(parents=True, exist_ok=True)
    recorder = bench.recording.Recorder()
    draw = random.Random(1)
    with ExitStack() as stack:
        steps = stack.enter_context(shown(Console(file=sys.stderr, quiet=True)))
        with bench.servers.run_postgres(folder, durable=False) as server:
            passwords = bench.servers.role_passwords(folder)
            bench.dataset.provide(server, shape, passwords, steps)
        servers = stack.enter_context(bench.servers.run_servers(folder))
        data = bench.dataset.provide(servers.postgres, shape, servers.passwords, steps)
        functions, _ = stack.enter_context(bench.run.over(data, servers, recorder))
        viewers = [Viewer(functions, number) for number in range(_VIEWERS)]
        place = {"url": data.admin_url, "data": str(servers.postgres.data_dir)}
        print(json.dumps(place), flush=True)
        for line in sys.stdin:
            asked = json.loads(line)
            if asked == UPKEEP:
                database = functions.database("feed_ranker")
                answer = upkeep.run(database, upkeep.UpkeepRules(), _UPKEEP_S).events
            else:
                answer = asked
                for _ in range(asked):
                    draw.choice(viewers).step()
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
