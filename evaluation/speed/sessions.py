"""What a session of ten pages costs in counts: `make sessions`.

A catalogue of POSTS posts as people write them, and VIEWERS viewers with three sessions each, in
simulated time and through the real handler. Once they watch each post for ten seconds, so that a
page takes two minutes, and once they ask for ten pages at once. Rankings, calls and units are the
same on every machine.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import psycopg
from rich.console import Console
from rich.table import Table

from evaluation.backends import backend, server
from evaluation.clock import START, Clock, moment
from evaluation.counting import Work, counted
from evaluation.handler import Handler
from evaluation.percentiles import mean
from evaluation.speed.capacity import dollars
from local.catalogue import seed
from local.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evaluation.handler import Backend

PAGES: Final = 10
PAGE_SIZE: Final = 12
EACH_S: Final = 10.0  # for which a viewer who watches looks at a post
_PREFETCHED: Final = 3  # posts that are left of a page when a client asks for the next one
_SESSIONS: Final = 3
_BREAK_S: Final = 3_600.0


@dataclass(slots=True)
class Sessions:
    """Sessions of one kind, and what they cost.

    Attributes:
        work: What the feed did for all of them.
        count: The number of sessions.
        hits: For each page number, the number of sessions for which the page was a hit.
    """

    work: Work
    count: int = 0
    hits: list[int] = field(default_factory=lambda: [0] * PAGES)

    def document(self) -> dict[str, float]:
        """Return the means of a session."""
        work, count = self.work, self.count
        return {
            "pages": PAGES,
            "hits": sum(self.hits) / count,
            "hits_after_first": sum(self.hits[1:]) / count / (PAGES - 1),
            "rankings": work.rankings / count,
            "rankings_per_page": work.rankings / count / PAGES,
            "reads": work.reads / count,
            "writes": work.writes / count,
            "read_units": work.read_units / count,
            "write_units": work.write_units / count,
            "first_bytes": mean(work.first_bytes),
            "later_bytes": mean(work.later_bytes) if work.later_bytes else 0.0,
            "dollars_per_million": dollars(work.read_units, work.write_units) / count,
        }


class Phone:
    """A client that reports what its viewer watches, at the time at which it happens."""

    def __init__(self, handler: Handler, clock: Clock, viewer: UUID, ids: Random) -> None:
        self._handler = handler
        self._clock = clock
        self._viewer = viewer
        self._ids = ids

    def watched(self, sessions: Sessions, now_s: float) -> float:
        """Watch ten pages, each asked for when three posts of the last one are left.

        Returns:
            When the session ended.
        """
        cursor, posts = None, []
        for number in range(PAGES):
            page = self._page(sessions, number, cursor, now_s)
            posts += [(page["session_id"], post) for post in page["posts"]]
            cursor = page["next_cursor"]
            left = _PREFETCHED if number < PAGES - 1 else 0
            while len(posts) > left:
                self._watch(*posts.pop(0), now_s)
                now_s += EACH_S
        return now_s

    def at_once(self, sessions: Sessions, now_s: float) -> float:
        """Ask for ten pages, one after the other within a second.

        Returns:
            When the session ended.
        """
        cursor = None
        for number in range(PAGES):
            cursor = self._page(sessions, number, cursor, now_s + number / PAGES)["next_cursor"]
        return now_s + 1.0

    def _page(
        self, sessions: Sessions, number: int, cursor: str | None, now_s: float
    ) -> dict[str, Any]:
        self._clock.set(now_s)
        query = {"page_size": str(PAGE_SIZE)} | ({"cursor": cursor} if cursor else {})
        page = self._handler.call("GET", "/v1/feed", self._viewer, query=query)
        sessions.hits[number] += page["cache"] == "hit"
        return page

    def _watch(self, session: str, post: Mapping[str, Any], now_s: float) -> None:
        """Report the impression when it counts, and the watch when the next post comes."""
        seen = {
            "event_id": self._id(),
            "post_id": post["post_id"],
            "source": post["source"],
            "position": post["position"],
            "visible_ms": 900,
            "seen_at": moment(now_s).isoformat(),
        }
        self._post("/v1/impressions", {"session_id": session, "impressions": [seen]}, now_s + 1.0)
        watch = {
            "event_id": self._id(),
            "post_id": post["post_id"],
            "play_ms": min(int(EACH_S * 1000), post["duration_ms"]),
            "duration_ms": post["duration_ms"],
        }
        self._post("/v1/watch-progress", {"events": [watch]}, now_s + EACH_S)

    def _post(self, path: str, body: Mapping[str, Any], now_s: float) -> None:
        self._clock.set(now_s)
        self._handler.call("POST", path, self._viewer, body=body)

    def _id(self) -> str:
        return str(UUID(int=self._ids.getrandbits(128), version=4))


def measure(place: Backend, viewers: int) -> dict[str, dict[str, float]]:
    """Return the means of the sessions of each kind, over a catalogue that is there."""
    return {
        "two minutes a page": _sessions(place, "watched", viewers),
        "ten pages at once": _sessions(place, "at_once", viewers),
    }


def _sessions(place: Backend, kind: str, viewers: int) -> dict[str, float]:
    ids = Random(f"sessions/{kind}")
    people = [UUID(int=ids.getrandbits(128), version=4) for _ in range(viewers)]
    with opened(place, ids) as (handler, clock), counted() as work:
        sessions, now_s = Sessions(work), 0.0
        for _ in range(_SESSIONS):
            for viewer in people:
                phone = Phone(handler, clock, viewer, ids)
                now_s = getattr(phone, kind)(sessions, now_s)
                sessions.count += 1
            now_s += _BREAK_S
            handler.keep_up()
    return sessions.document()


@contextmanager
def opened(place: Backend, ids: Random) -> Iterator[tuple[Handler, Clock]]:
    """Yield the handler and its clock, which starts anew."""
    with psycopg.connect(place.admin_url, autocommit=True) as owner:
        clock = Clock(owner)
        with Handler(
            place, {}, clock, lambda: UUID(int=ids.getrandbits(128), version=4)
        ) as handler:
            yield handler, clock


def table(found: Mapping[str, Mapping[str, float]]) -> Table:
    """Lay out the means of a session, one column for each kind."""
    rows = (
        ("pages", "pages", "{:.0f}"),
        ("hits", "… that are cache hits", "{:.1f}"),
        ("hits_after_first", "… of those after the first", "{:.1%}"),
        ("rankings", "rankings", "{:.1f}"),
        ("rankings_per_page", "… for each page", "{:.2f}"),
        ("reads", "reads of DynamoDB", "{:.1f}"),
        ("writes", "writes of DynamoDB", "{:.1f}"),
        ("read_units", "read units", "{:.1f}"),
        ("write_units", "write units", "{:.1f}"),
        ("first_bytes", "bytes of a first page's item", "{:,.0f}"),
        ("later_bytes", "bytes of a later queue's item", "{:,.0f}"),
        ("dollars_per_million", "$ of DynamoDB for a million sessions", "{:.2f}"),
    )
    made = Table(title=f"A session of {PAGES} pages of {PAGE_SIZE} posts", title_justify="left")
    made.add_column("")
    for kind in found:
        made.add_column(kind, justify="right")
    for name, title, form in rows:
        made.add_row(title, *(form.format(means[name]) for means in found.values()))
    return made


def main() -> int:
    """Print what sessions cost."""
    try:
        posts, viewers = (_number(*given) for given in (("POSTS", 3_000), ("VIEWERS", 6)))
        with server() as host, backend(host, "sessions") as place:
            seed(place.admin_url, posts=posts, now=START)
            found = measure(place, viewers)
    except StackError as error:
        print(error, file=sys.stderr)
        return 2
    Console(width=None if sys.stdout.isatty() else 100).print(table(found))
    return 0


def _number(name: str, usual: int) -> int:
    text = os.environ.get(name) or str(usual)
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise StackError(f"{name}={text} is no whole number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
