"""The pace of a session: how far its viewer is through the last page that it was served. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from shared.models import Connection, Device

if TYPE_CHECKING:
    from functions.feed_ranker.pages.cursor import Position

_PREFETCHED: Final = 3  # posts that are left of a page when a client asks for the next one
_PREFETCHED_SHARE: Final = 4  # of a small page, a quarter
_LEAD_S: Final = 40.0  # well below the 60 s that a queue lives, since some posts take longer
_INTERVIEW_LEAD_S: Final = 25.0  # time for some batches, when most of the page is known
_LAST_LEAD_S: Final = 55.0  # of the last post before the request: no later batch may come


class Asked(NamedTuple):
    """What the request for a page said of itself, kept with the page.

    Attributes:
        at: When it came, in Unix seconds.
        device: On what the viewer watches.
        connection: Over which connection.
        timezone: In which IANA time zone.
        fresh_until: Unix seconds until which the queue of that page serves.
        answers: In an interview, how many watches of the viewer that queue knew; else None.
    """

    at: float
    device: Device
    connection: Connection
    timezone: str
    fresh_until: int
    answers: int | None = None

    def document(self) -> list[Any]:
        """Describe it as JSON."""
        return [round(self.at), *self[1:]]

    @classmethod
    def read(cls, document: list[Any]) -> Asked:
        """Read what `document` described."""
        at, device, connection, *rest = document
        return cls(at, Device(device), Connection(connection), *rest)


@dataclass(frozen=True, slots=True)
class Pace:
    """How far a viewer is through the last page of a session.

    Attributes:
        following: Where the next page begins.
        page_size: How many posts the page was asked for.
        posts: How many it holds.
        seen: How many of them the viewer has seen in this session.
        asked: What the request for it said.
        interviewed: Whether so little is known of the viewer that the next page is to answer to
            this one.
        outdated: Whether the viewer has watched so much since the page's queue was ranked that it
            no longer serves.
    """

    following: Position
    page_size: int
    posts: int
    seen: int
    asked: Asked
    interviewed: bool = False
    outdated: bool = False

    def needs_queue(self, now_s: float) -> bool:
        """Return whether the next queue is to be ranked now, ahead of the request for it.

        Clients ask for a page when three posts are left of the last one. By the time that the
        posts so far took each, that is in so many seconds. A queue is ranked ahead where the one
        that there is will have expired by then, and as late as a batch that comes every few
        seconds allows: early enough to be there, and late enough that it does not expire itself.
        During the last post before that request any batch may be the last one. What arrives long
        after it was watched predicts a time far ahead, and causes no work. In an interview a queue
        is ranked later, when most of the page was watched.
        """
        prefetched = min(_PREFETCHED, self.posts // _PREFETCHED_SHARE)
        # When the page was answered, as many of the page before were still to be watched.
        watched = self.seen + (prefetched if self.following.page_no > 1 else 0)
        each_s = max(now_s - self.asked.at, 0.0) / watched
        coming = max(self.posts - prefetched - self.seen, 0) + 1  # the one on the screen, too
        lead_s = coming * each_s
        most_s = _INTERVIEW_LEAD_S if self.interviewed else _LEAD_S
        if coming == 1:
            most_s = _LAST_LEAD_S
        expired = now_s + lead_s >= self.asked.fresh_until
        return lead_s <= most_s and (expired or self.outdated)
