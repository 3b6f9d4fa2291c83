"""Pages: taken from a queue, filled exactly, or mended after a post was lost. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from functions.feed_ranker.ranking.diversity import MAX_PER_PAGE, PageVariety
from shared.cooldown import CooldownRules, label_repeats
from shared.models import Source
from shared.variants import Policy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from uuid import UUID

    from functions.feed_ranker.pages.cursor import Position
    from functions.feed_ranker.ranking.exploration import Explorer
    from functions.feed_ranker.ranking.ladder import Entry
    from functions.feed_ranker.ranking.queue import Queue
    from shared.ranking import Parts

REPEATS = frozenset({Source.REPEAT, Source.RECYCLED})


class Placed(NamedTuple):
    """A post at its place on a page."""

    post_id: UUID
    creator_id: UUID
    source: Source
    parts: Parts
    score: float
    followed: bool
    propensity: float | None = None  # explored posts only
    because: str = ""  # what of the viewer's taste speaks for it: a reason's code

    @property
    def is_repeat(self) -> bool:
        """Whether the viewer has seen it, or this session has served it."""
        return self.source in REPEATS


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a session.

    Attributes:
        posts: In order.
        page_size: What was asked for.
        after: Where the next page begins.
        uniform: The queue's ranked posts gave no variety, though it does not hold all unseen posts.
        degraded: `inventory` where posts were recycled, `catalogue` where there are too few.
        policy: What its queue was ranked under.
        ranked_by: The request that ranked its queue.
    """

    posts: tuple[Placed, ...]
    page_size: int
    after: Position
    degraded: str | None
    uniform: bool = False
    policy: Policy = field(default_factory=Policy)
    ranked_by: str = ""

    @property
    def ids(self) -> list[UUID]:
        """The posts' ids in order."""
        return [post.post_id for post in self.posts]

    @property
    def unseen_ids(self) -> list[UUID]:
        """Those that no other page of the session may hold."""
        return [post.post_id for post in self.posts if not post.is_repeat]


def assemble(
    queue: Queue,
    at: Position,
    page_size: int,
    explorer: Explorer,
    rules: CooldownRules,
    dropped: Collection[UUID] = (),
) -> Page:
    """Take the page at `at` from `queue`.

    Unseen posts come first, by rank, with exploration's draws among those that ranking would not
    have shown; repeats follow only where unseen posts do not fill the page.

    Args:
        queue: Where from.
        at: Which page, and which of the queue's entries are used up.
        page_size: How many posts, where there are as many.
        explorer: The page's draws.
        rules: The limits on repeats.
        dropped: Posts that are no longer eligible or were served elsewhere.
    """
    left = {i: e for i, e in queue.left(at.used).items() if e.post_id not in dropped}
    inventory = len(left) + (0 if queue.complete else rules.waterline)
    rest = {entry.post_id: entry for entry in left.values()}
    ranked = {entry.post_id for entry in queue.entries[: queue.ranked]}
    varied = not queue.policy.chronological
    would_show = _ranking_alone(rest, at.last_creator, page_size) if varied else rest.keys()
    discoveries = {e.post_id: e for e in rest.values() if e.post_id not in would_show}

    variety = PageVariety(at.last_creator, limited=varied)
    posts: list[Placed] = []
    uniform = False
    while rest and len(posts) < page_size:
        pool = []
        if explorer.explores(len(posts)):
            pool = [e for e in discoveries.values() if variety.allows(e.creator_id)]
        if pool:
            entry, propensity = explorer.draw(len(posts), pool, [e.weight for e in pool])
            posts.append(_placed(entry, Source.EXPLORE, propensity))
        else:
            # Those kept for discovery come last: only where the ranked ones give no variety, or
            # none is left of them.
            entry = _first(variety, rest.values())
            uniform = uniform or entry.post_id not in ranked or not variety.allows(entry.creator_id)
            posts.append(_placed(entry, entry.source))
        del rest[entry.post_id]
        discoveries.pop(entry.post_id, None)
        variety.take(entry.creator_id)
    taken = {post.post_id for post in posts}

    repeats = _repeats(queue.seen, page_size - len(posts), {*dropped, *taken})
    labels = label_repeats(len(posts), len(repeats), inventory, rules)
    for entry, label in zip(repeats, labels, strict=True):
        posts.append(_placed(entry, label))
        variety.take(entry.creator_id)

    used = at.used
    for i, entry in enumerate(queue.entries):
        if entry.post_id in taken or entry.post_id in dropped:
            used |= 1 << i
    after = replace(at, page_no=at.page_no + 1, used=used, last_creator=variety.last_creator)
    return Page(
        posts=tuple(posts),
        page_size=page_size,
        after=after,
        degraded=_degraded(posts, page_size),
        uniform=uniform and not queue.complete,
        policy=queue.policy,
        ranked_by=queue.ranked_by,
    )


def mend(page: Page, lost: Collection[UUID], queue: Queue, rules: CooldownRules) -> Page:
    """The same page without the posts in `lost`, refilled from `queue` as far as it goes.

    Posts that stay keep their order; a gap among unseen posts is filled where it is, so that no
    repeat moves up (on a chronological page after the unseen ones that stay). The place of the next
    page does not change.
    """
    kept = [p for p in page.posts if p.post_id not in lost]
    taken = {p.post_id for p in page.posts}
    fresh = {e.post_id: e for e in queue.entries if e.post_id not in taken}
    inventory = (
        len(fresh)
        + sum(not p.is_repeat for p in page.posts)
        + (0 if queue.complete else rules.waterline)
    )
    unseen: list[Placed | None] = [
        None if p.post_id in lost else p for p in page.posts if not p.is_repeat
    ]
    if page.policy.chronological:
        unseen = [p for p in unseen if p is not None]  # what fills the page is older
    unseen += [None] * (len(page.posts) - len(kept) - unseen.count(None))
    for i, post in enumerate(unseen):
        if post is None and fresh:
            if page.policy.chronological:
                entry = next(iter(fresh.values()))
            else:
                entry = _fitting(fresh.values(), unseen, i)
            unseen[i] = _placed(entry, entry.source)
            del fresh[entry.post_id]
    posts = [p for p in unseen if p is not None]

    repeats = [p for p in kept if p.is_repeat]
    missing = len(page.posts) - len(posts) - len(repeats)
    repeats += [_placed(e, e.source) for e in _repeats(queue.seen, missing, taken)]
    labels = label_repeats(len(posts), len(repeats), inventory, rules)
    posts += [p._replace(source=label) for p, label in zip(repeats, labels, strict=True)]
    return replace(page, posts=tuple(posts), degraded=_degraded(posts, page.page_size))


def _ranking_alone(rest: dict[UUID, Entry], last_creator: bytes, size: int) -> set[UUID]:
    variety = PageVariety(last_creator)
    rest = dict(rest)
    shown: set[UUID] = set()
    while rest and len(shown) < size:
        entry = _first(variety, rest.values())
        variety.take(entry.creator_id)
        shown.add(entry.post_id)
        del rest[entry.post_id]
    return shown


def _first(variety: PageVariety, entries: Collection[Entry]) -> Entry:
    entry = variety.first(entries)
    if entry is None:
        raise ValueError("no entry to choose from")
    return entry


def _fitting(entries: Iterable[Entry], posts: list[Placed | None], i: int) -> Entry:
    """The first entry whose creator fits the gap `i`; else the first."""
    around = {p.creator_id for p in (*posts[max(i - 1, 0) : i], *posts[i + 1 : i + 2]) if p}
    creators = [p.creator_id for p in posts if p]
    entries = list(entries)
    for entry in entries:
        if entry.creator_id not in around and creators.count(entry.creator_id) < MAX_PER_PAGE:
            return entry
    return next((e for e in entries if e.creator_id not in around), entries[0])


def _repeats(seen: Iterable[Entry], count: int, taken: Collection[UUID]) -> list[Entry]:
    return [entry for entry in seen if entry.post_id not in taken][: max(count, 0)]


def _placed(entry: Entry, source: Source, propensity: float | None = None) -> Placed:
    return Placed(
        entry.post_id,
        entry.creator_id,
        source,
        entry.parts,
        entry.score,
        entry.followed,
        propensity,
        entry.because,
    )


def _degraded(posts: Collection[Placed], page_size: int) -> str | None:
    if len(posts) < page_size:
        return "catalogue"
    return "inventory" if any(p.source is Source.RECYCLED for p in posts) else None
