"""Personal positions: posts that are this viewer's own, among those that the ranking shows. Pure.

One position in five of a queue is taken by the post that neighbours, tags and creators speak for
most, of those that the ranking would not show on that page. Since exploration takes positions of
its own, a page so holds one in six at least.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functions.feed_ranker.ranking.stream import Entry

EVERY: Final = 5


class Weaver:
    """Puts personal posts between ranked ones, and counts on how many a creator has.

    Args:
        scored_after: Returns an entry as it scores after so many posts of its creator in the queue.
    """

    def __init__(self, scored_after: Callable[[Entry, int], Entry]) -> None:
        self._scored_after = scored_after
        self._woven: list[Entry] = []
        self._placed: set[int] = set()
        self._of_creator: Counter[int] = Counter()

    def weave(
        self, ranked: Sequence[Entry], personal: Sequence[Entry], page_size: int
    ) -> list[Entry]:
        """Put personal posts between ranked ones.

        Args:
            ranked: In order of rank.
            personal: The viewer's own posts, the best first. Some may be ranked, too.
            page_size: So many ranked posts come soon anyway, and take no personal position.

        Returns:
            All ranked posts and the personal ones that were put between them, each once. Each is
            scored with the posts of its creator that stand before it. A ranked post whose creator
            took a personal position may so fall behind others of its rung.
        """
        coming = list(reversed(ranked))
        waiting = list(personal)
        while coming:
            if len(self._woven) % EVERY == EVERY - 1:
                soon = {entry.post_id.int for entry in coming[-page_size:]}
                own = next((e for e in waiting if e.post_id.int not in self._placed | soon), None)
                if own is not None:
                    self._place(self._scored_now(own))
                    continue
            entry = coming.pop()
            if entry.post_id.int in self._placed:
                continue
            scored = self._scored_now(entry)
            if scored.score < entry.score:
                _put_back(coming, scored)
            else:
                self._place(scored)
        return self._woven

    def _scored_now(self, entry: Entry) -> Entry:
        return self._scored_after(entry, self._of_creator[entry.creator_id.int])

    def _place(self, entry: Entry) -> None:
        self._placed.add(entry.post_id.int)
        self._of_creator[entry.creator_id.int] += 1
        self._woven.append(entry)


def _put_back(coming: list[Entry], entry: Entry) -> None:
    """Insert an entry that lost of its score into `coming`, whose last is the next."""
    place = len(coming)
    while place and coming[place - 1].rung == entry.rung and coming[place - 1].score > entry.score:
        place -= 1
    coming.insert(place, entry)
