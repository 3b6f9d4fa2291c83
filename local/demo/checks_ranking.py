"""Checks of scores, order, variety and exploration. Pure: data in, findings out."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from local.demo.answers import EXPLORE, RUNGS, WEIGHTS, Entry, Page
from local.demo.promises import Finding, Promise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

EXPLORATION_RATE = 0.10
MAX_PER_CREATOR = 2
POPULAR_FROM = 2.0  # doublings
_RANKED = frozenset({"fresh", "following", "trending"})
_PERSONAL = 0.6  # of a queue's positions, where the viewer loves posts of later rungs
_ROUNDING = 2e-6  # parts and score are rounded to 6 digits each


def check_ranking(
    page: Page, entries: Sequence[Entry], earlier: Sequence[Entry], *, others_remain: bool
) -> Iterator[Finding]:
    """Everything of promises 4 and 5 that one page shows.

    Args:
        page: The page.
        entries: The same page as Postgres keeps it.
        earlier: The entries of the session's earlier pages, in order.
        others_remain: Whether there are posts enough for creator variety.
    """
    yield same_entries(page, entries)
    yield from scores(entries)
    yield from reasons(page, entries)
    yield rank_order(entries, earlier)
    yield from variety_counts_on(entries, earlier)
    yield from propensities(entries)
    if others_remain:
        yield creator_variety(entries, earlier)


def same_entries(page: Page, entries: Sequence[Entry]) -> Finding:
    """Clients read what Postgres keeps."""
    shown = [(post.post_id, post.source, post.score) for post in page.posts]
    kept = [(entry.post_id, entry.source, entry.score) for entry in entries]
    return Finding(
        Promise.DETERMINISTIC_PAGES,
        "the answer is the page that was written",
        shown == kept,
        f"{shown} was answered, {kept} is kept",
    )


def scores(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Each part lies in [0, 1]; the score is their weighted sum."""
    for entry in entries:
        total = sum(w * part for w, part in zip(WEIGHTS, entry.parts, strict=True))
        yield Finding(
            Promise.RANKING,
            "0.40 engagement + 0.30 freshness + 0.20 context + 0.10 diversity",
            all(0.0 <= part <= 1.0 for part in entry.parts)
            and abs(total - entry.score) <= _ROUNDING,
            f"{entry.post_id}: {entry.score} of {entry.parts}",
        )


def reasons(page: Page, entries: Sequence[Entry]) -> Iterator[Finding]:
    """The codes say how a post came to its place, then its score's parts by weight."""
    for post, entry in zip(page.posts, entries, strict=False):
        expected = [
            code
            for code, applies in (
                ("exploration", entry.source == EXPLORE),
                ("seen_before", post.is_repeat),
                (entry.reason, entry.reason != ""),
                ("popular_right_now", entry.heat >= POPULAR_FROM and entry.source in _RANKED),
                ("followed_creator", entry.followed),
            )
            if applies
        ]
        gave = [
            (-weight * part, name)
            for name, weight, part in zip(entry.parts._fields, WEIGHTS, entry.parts, strict=True)
            if part > 0.0
        ]
        expected += [name for _, name in sorted(gave, key=lambda pair: pair[0])]
        yield Finding(
            Promise.RANKING,
            "reasons name the parts in order of what they gave",
            list(post.reasons) == expected,
            f"{post.post_id}: {post.reasons} instead of {expected}",
        )


def rank_order(entries: Sequence[Entry], earlier: Sequence[Entry]) -> Finding:
    """By rung, then by score, but for personal positions; creator variety may hold a post back.

    A personal position shows a post that the viewer's taste speaks for before its turn. One in five
    posts of a queue is such a post, and two more of five may be where the viewer loves posts that
    only the order of rungs holds back.
    """
    ranked = [(i, e) for i, e in enumerate(entries) if e.source in RUNGS]
    inverted = []
    for (i, first), (_, second) in combinations(ranked, 2):
        shown_before = {e.creator_id for e in (*earlier, *entries[:i])}
        if _rank(second) < _rank(first) and second.creator_id not in shown_before:
            inverted.append((first, second))
    before_their_turn = {first.post_id for first, _ in inverted if first.reason}
    unexplained = [first.post_id for first, _ in inverted if not first.reason]
    return Finding(
        Promise.RANKING,
        "by rung, then by score, but for creator variety and personal positions",
        not unexplained and len(before_their_turn) <= _PERSONAL * len(entries) + 1,
        f"in the wrong order: {unexplained}, before their turn: {before_their_turn}",
    )


def _rank(entry: Entry) -> tuple[int, float]:
    return RUNGS.index(entry.source), -entry.score


def creator_variety(entries: Sequence[Entry], earlier: Sequence[Entry]) -> Finding:
    """No neighbours by one creator, also across pages, and at most two a page."""
    creators = [entry.creator_id for entry in entries]
    row = [entry.creator_id for entry in earlier[-1:]] + creators
    neighbours = [a for a, b in pairwise(row) if a == b]
    crowded = {c for c in creators if creators.count(c) > MAX_PER_CREATOR}
    return Finding(
        Promise.RANKING,
        "no neighbours and at most two a page by one creator",
        not neighbours and not crowded,
        f"neighbours {neighbours}, crowded {sorted(crowded)}",
    )


def variety_counts_on(entries: Sequence[Entry], earlier: Sequence[Entry]) -> Iterator[Finding]:
    """A creator's further posts in a session lose of their diversity part."""
    met: set[UUID] = {entry.creator_id for entry in earlier if entry.source in RUNGS}
    for entry in entries:
        if entry.source not in RUNGS:
            continue
        if entry.creator_id in met:
            yield Finding(
                Promise.RANKING,
                "diversity falls with each post of a creator in the session",
                entry.parts.diversity < 1.0,
                f"{entry.post_id}: {entry.parts}",
            )
        met.add(entry.creator_id)


def propensities(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Explored posts, and they alone, carry the probability of having been drawn."""
    for entry in entries:
        if entry.source == EXPLORE:
            holds = entry.propensity is not None and 0.0 < entry.propensity <= EXPLORATION_RATE
        else:
            holds = entry.propensity is None
        yield Finding(
            Promise.EXPLORATION,
            "a propensity on explored posts, and on them alone",
            holds,
            f"{entry.post_id}: {entry.source}, {entry.propensity}",
        )


def explored_share(entries: Sequence[Entry]) -> Finding:
    """About a tenth of many positions are drawn for discovery."""
    explored = sum(1 for entry in entries if entry.source == EXPLORE)
    share = explored / len(entries) if entries else 0.0
    return Finding(
        Promise.EXPLORATION,
        "some of a session's positions, never most",
        0.0 < share <= 3 * EXPLORATION_RATE,
        f"{explored} of {len(entries)} positions",
    )
