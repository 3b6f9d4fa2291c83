"""A page of a session, and how one is assembled from a queue. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from functions.feed_ranker.ranking.diversity import PageVariety
from functions.feed_ranker.ranking.stream import Draw, RankedStream, fill, no_draw
from shared.cooldown import CooldownRules, label_repeats
from shared.evidence import Evidence
from shared.models import Rung
from shared.variants import Policy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from uuid import UUID

    from functions.feed_ranker.pages.cursor import Position
    from functions.feed_ranker.ranking.exploration import Explorer
    from functions.feed_ranker.ranking.queue import Queue
    from functions.feed_ranker.ranking.stream import Entry
    from shared.ranking import Parts

REPEATS = frozenset({Rung.REPEAT, Rung.RECYCLED})


class Placed(NamedTuple):
    """A post at its place on a page."""

    post_id: UUID
    creator_id: UUID
    rung: Rung
    parts: Parts
    score: float
    followed: bool
    propensity: float | None = None  # of explored posts only
    reason: str = ""  # what of the viewer's taste speaks for it: a reason's code
    evidence: Evidence = Evidence()

    @property
    def is_repeat(self) -> bool:
        """Whether the viewer has seen it, or this session has served it."""
        return self.rung in REPEATS


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a session.

    Attributes:
        posts: The posts in order.
        page_size: How many were asked for.
        after: Where the next page begins.
        degraded: `inventory` where posts were recycled, `catalogue` where there are too few posts,
            `database` where it was made without Postgres; None where it is all that is promised.
        variety_exhausted: Whether the ranked posts of its queue gave no variety, though more unseen
            posts exist than the queue holds.
        policy: The policy that its queue was ranked under.
        ranked_by: The request that ranked its queue.
    """

    posts: tuple[Placed, ...]
    page_size: int
    after: Position
    degraded: str | None
    variety_exhausted: bool = False
    policy: Policy = field(default_factory=Policy)
    ranked_by: str = ""

    @property
    def page_no(self) -> int:
        """The page's number, from 0."""
        return self.after.page_no - 1

    @property
    def ids(self) -> list[UUID]:
        """The posts' ids in order."""
        return [post.post_id for post in self.posts]

    @property
    def unseen_ids(self) -> list[UUID]:
        """The ids of the posts that no other page of the session may hold."""
        return [post.post_id for post in self.posts if not post.is_repeat]


def assemble(
    queue: Queue,
    at: Position,
    page_size: int,
    explorer: Explorer,
    rules: CooldownRules,
    without: Collection[UUID] = (),
) -> Page:
    """Take the page at `at` from `queue`.

    Unseen posts come first, by rank, with exploration's draws among those that ranking would not
    have shown. Repeats follow only where unseen posts do not fill the page.

    Args:
        queue: Where the posts are taken from.
        at: Which page it is, and which of the queue's entries are used up.
        page_size: How many posts the page holds, where there are as many.
        explorer: The page's draws.
        rules: The limits on repeats.
        without: Posts that must not stand on it.
    """
    dropped = {post_id.int for post_id in without}
    left = [e for e in queue.left(at.used).values() if e.post_id.int not in dropped]
    stream = RankedStream(left)
    variety = PageVariety(at.last_creator, limited=not queue.policy.chronological)
    draw: Draw = no_draw
    if not queue.policy.chronological:
        draw = _draws(left, at.last_creator, page_size, stream, variety, explorer)
    positions = list(fill(stream, variety, page_size, draw=draw))
    posts = [
        placed(entry, entry.rung if propensity is None else Rung.EXPLORE, propensity)
        for entry, propensity, _ in positions
    ]
    # Those kept for discovery stand last: a page takes one where the ranked ones give no variety.
    ranked = {entry.post_id.int for entry in queue.entries[: queue.ranked_count]}
    exhausted = any(
        filled.propensity is None and not (filled.varied and filled.entry.post_id.int in ranked)
        for filled in positions
    )
    taken = {*without, *(post.post_id for post in posts)}
    inventory = len(left) + (0 if queue.complete else rules.waterline)
    repeats = [placed(e, e.rung) for e in repeats_of(queue.seen, page_size - len(posts), taken)]
    for post in labelled(repeats, len(posts), inventory, rules):
        posts.append(post)
        variety.take(post.creator_id)
    taken.update(post.post_id for post in posts)
    return Page(
        posts=tuple(posts),
        page_size=page_size,
        after=replace(
            at,
            page_no=at.page_no + 1,
            used=at.used | queue.mask(taken),
            last_creator=variety.last_creator,
        ),
        degraded=degradation(posts, page_size),
        variety_exhausted=exhausted and not queue.complete,
        policy=queue.policy,
        ranked_by=queue.ranked_by,
    )


def placed(entry: Entry, rung: Rung, propensity: float | None = None) -> Placed:
    """Put an entry at a place."""
    return Placed(
        entry.post_id,
        entry.creator_id,
        rung,
        entry.parts,
        entry.score,
        entry.followed,
        propensity,
        entry.reason,
        entry.evidence,
    )


def repeats_of(seen: Iterable[Entry], count: int, taken: Collection[UUID]) -> list[Entry]:
    """Return the first `count` posts that would repeat and are not taken."""
    return [entry for entry in seen if entry.post_id not in taken][: max(count, 0)]


def labelled(
    repeats: list[Placed], first_position: int, inventory: int, rules: CooldownRules
) -> list[Placed]:
    """Name each repeat by its rung; `inventory` is how many unseen posts there were before."""
    labels = label_repeats(first_position, len(repeats), inventory, rules)
    return [post._replace(rung=label) for post, label in zip(repeats, labels, strict=True)]


def degradation(posts: Collection[Placed], page_size: int) -> str | None:
    """Return the word for what a page lacks of the promise; None where it lacks nothing."""
    if len(posts) < page_size:
        return "catalogue"
    return "inventory" if any(p.rung is Rung.RECYCLED for p in posts) else None


def _ranking_alone(left: list[Entry], last_creator: bytes, page_size: int) -> set[int]:
    """Return the numbers of the posts that the page would hold if nothing were explored."""
    positions = fill(RankedStream(left), PageVariety(last_creator), page_size)
    return {filled.entry.post_id.int for filled in positions}


def _draws(
    left: list[Entry],
    last_creator: bytes,
    page_size: int,
    stream: RankedStream,
    variety: PageVariety,
    explorer: Explorer,
) -> Draw:
    """Return what exploration draws, position by position, of posts that ranking leaves out."""
    ranking_alone: set[int] = set()  # worked out where a position is drawn at all

    def draw(position: int) -> tuple[Entry, float] | None:
        if not explorer.explores(position):
            return None
        if not ranking_alone:
            ranking_alone.update(_ranking_alone(left, last_creator, page_size))
        left_out = (e for e in stream if e.post_id.int not in ranking_alone)
        pool = [e for e in left_out if variety.allows(e.creator_id)]
        return explorer.draw(position, pool, [e.weight for e in pool]) if pool else None

    return draw
