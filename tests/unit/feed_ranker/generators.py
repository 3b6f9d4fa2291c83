"""Entries, queues and a simulated catalogue for the tests of the feed's pure parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from hypothesis import strategies as st

from functions.feed_ranker.ranking.exploration import Discovery
from functions.feed_ranker.ranking.queue import Queue, ranked_length, wanted
from functions.feed_ranker.ranking.stream import Entry
from shared.models import UNSEEN_RUNGS, Candidate, Retrieved, Rung, Signals
from shared.ranking import Parts, Ranker
from shared.ranking_config import RankingConfig
from tests.unit.shared.generators import MOMENT, NOW, post, varied

if TYPE_CHECKING:
    from functions.feed_ranker.pages.page import Page

SESSION = UUID("5e551011-0000-4000-8000-000000000001")
VIEWER = UUID("0b7f3c1e-58a5-4f3c-9d3b-4a8a2f6f5c11")
PLAIN = Ranker(RankingConfig(), Signals(), MOMENT)
DISCOVERY = Discovery(SESSION, 0, NOW)
PARTS = Parts(0.5, 0.5, 0.5, 1.0)


def entry(
    number: int,
    *,
    creator: int | None = None,
    rung: Rung = Rung.FRESH,
    weight: float = 1.0,
) -> Entry:
    """Entry `number`, of a creator of its own unless one is given."""
    creator_id = UUID(int=10**6 + number if creator is None else creator)
    return Entry(UUID(int=number), creator_id, rung, PARTS, 0.5, followed=False, weight=weight)


@st.composite
def queues(draw: st.DrawFn, max_size: int = 40) -> Queue:
    """A queue with few creators, so that variety has something to do."""
    few = st.integers(1, draw(st.integers(1, 12)))
    unseen = [
        entry(
            number,
            creator=draw(few),
            rung=draw(st.sampled_from(UNSEEN_RUNGS)),
            weight=draw(st.floats(1e-6, 1.0)),
        )
        for number in range(draw(st.integers(0, max_size)))
    ]
    seen = [
        entry(1_000 + number, creator=draw(few), rung=Rung.RECYCLED)
        for number in range(draw(st.integers(0, 20)))
    ]
    complete = draw(st.booleans())
    ranked = len(unseen) if complete else draw(st.integers(0, len(unseen)))
    return Queue(tuple(unseen), ranked, tuple(seen), complete, page_size=12)


@dataclass
class Catalogue:
    """Posts and one viewer's session with them, retrieved as Postgres retrieves them.

    Attributes:
        posts: All eligible posts.
        before: Those seen before the session, the longest ago first.
        served: Those the session was served, each at its last place.
    """

    posts: list[Candidate]
    before: list[UUID] = field(default_factory=list)
    served: dict[UUID, int] = field(default_factory=dict)

    @classmethod
    def of(cls, size: int, seen: int = 0, creators: int = 1_000) -> Catalogue:
        """`size` posts over all rungs and 40 days, of which `seen` were seen before."""
        posts = [
            post(
                number,
                creator=number * 7 % creators,
                rung=UNSEEN_RUNGS[number * 5 % 3],
                published_at=NOW - timedelta(hours=number * 37 % 960),
                impressions=number * 61 % 900,
                plays=number * 61 % 900,
                likes=number * 13 % 50,
                watch_ratio_sum=number * 31 % 300,
                duration_ms=5_000 + number * 977 % 170_000,
            )
            for number in range(size)
        ]
        return cls(posts, [p.post_id for p in posts[:seen]][::-1])

    @property
    def unseen(self) -> list[Candidate]:
        """Neither seen before nor served."""
        gone = {*self.before, *self.served}
        return [p for p in self.posts if p.post_id not in gone]

    @property
    def repeats(self) -> list[Candidate]:
        """Those of earlier sessions, then those of this one, the longest ago first."""
        by_id = {p.post_id: p for p in self.posts}
        order = [i for i in self.before if i not in self.served]
        order += sorted(self.served, key=self.served.__getitem__)
        return [
            varied(by_id[i]._replace(rung="seen", in_session=i in self.served), "seen_rank", rank)
            for rank, i in enumerate(order, start=1)
        ]

    def retrieve(self, page_size: int) -> Retrieved:
        """Enough unseen candidates; seen ones where they do not fill a page."""
        unseen, want = self.unseen, wanted(ranked_length(page_size))
        seen = self.repeats[:page_size] if len(unseen) < page_size else []
        return Retrieved.of(unseen[:want] + seen, complete=len(unseen) <= want)

    def serve(self, page: Page) -> None:
        """Note what the session was served."""
        for position, post_id in enumerate(page.ids):
            self.served[post_id] = page.after.page_no * 64 + position
