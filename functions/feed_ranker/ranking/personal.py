"""Personal positions: posts that are this viewer's own, among those that the ranking shows. Pure.

One position in five of a queue is taken by the post that neighbours, tags and creators speak for
most, of those that the ranking would not show on that page. Since exploration takes positions of
its own, a page so holds one in six at least.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.feed_ranker.ranking.stream import Entry

EVERY: Final = 5


def weave(ranked: Sequence[Entry], personal: Sequence[Entry], page_size: int) -> list[Entry]:
    """Put personal posts between ranked ones.

    Args:
        ranked: In order of rank.
        personal: The viewer's own posts, the best first. Some may be ranked, too.
        page_size: So many ranked posts come soon anyway, and take no personal position.

    Returns:
        All ranked posts and the personal ones that were put between them, each once.
    """
    coming = list(reversed(ranked))
    waiting = list(personal)
    taken: set[int] = set()
    woven: list[Entry] = []
    while coming:
        if len(woven) % EVERY == EVERY - 1 and waiting:
            soon = {entry.post_id.int for entry in coming[-page_size:]}
            entry = next((e for e in waiting if e.post_id.int not in soon), None)
            if entry is not None:
                waiting.remove(entry)
                taken.add(entry.post_id.int)
                woven.append(entry)
                continue
        entry = coming.pop()
        if entry.post_id.int not in taken:
            taken.add(entry.post_id.int)
            woven.append(entry)
            waiting = [e for e in waiting if e.post_id.int != entry.post_id.int]
    return woven
