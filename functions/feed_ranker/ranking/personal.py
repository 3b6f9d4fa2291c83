"""Personal positions: posts that are this viewer's own, among those that the ranking shows. Pure.

One position in five of a queue is taken by the post that neighbours, tags and creators speak for
most, of those that the ranking would not show on that page. Since exploration takes positions of
its own, a page so holds one in six at least.

Two more of five go to posts that the viewer loves, where only the order of rungs holds them back:
the post is of a later rung than the ranked one, and scores better. A taste so does not wait until
everything else that is fresh was shown.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from shared.models import UNSEEN_RUNGS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from functions.feed_ranker.ranking.stream import Entry
    from shared.models import Rung

EVERY: Final = 5
OFTEN: Final = (1, 3)  # of each five positions: further ones that a loved post may take
LOVED: Final = 0.5  # the taste for its creator and tags from which a post is loved
_ORDER: Final = {rung: place for place, rung in enumerate(UNSEEN_RUNGS)}


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
        self._loved: dict[Rung, list[Entry]] = {}  # those of later rungs than a rung

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
        loved = [entry for entry in waiting if entry.evidence.taste >= LOVED]
        self._loved = {
            rung: [entry for entry in loved if _ORDER[entry.rung] > order]
            for rung, order in _ORDER.items()
        }
        while coming:
            own = self._own(coming, waiting, page_size)
            if own is not None:
                self._place(own)
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

    def _own(
        self, coming: Sequence[Entry], waiting: Sequence[Entry], page_size: int
    ) -> Entry | None:
        """Return the personal post that takes the next position, if one does."""
        place, next_ranked = len(self._woven) % EVERY, coming[-1]
        is_personal = place == EVERY - 1
        candidates: Sequence[Entry] = ()
        if is_personal:
            candidates = waiting
        elif place in OFTEN:
            candidates = self._loved[next_ranked.rung]
        soon: set[int] = set()  # worked out where a post can take the position at all
        for entry in candidates:
            number = entry.post_id.int
            if number in self._placed:
                continue
            soon = soon or {entry.post_id.int for entry in coming[-page_size:]}
            if number not in soon:
                own = self._scored_now(entry)
                if is_personal or own.score > next_ranked.score:
                    return own
        return None

    def _scored_now(self, entry: Entry) -> Entry:
        return self._scored_after(entry, self._of_creator.get(entry.creator_id.int, 0))

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
