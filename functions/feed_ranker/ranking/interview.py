"""The interview: how the first pages of a viewer find out their taste. Pure.

Of a new viewer nothing is known but what they make of the posts that they are shown. So their first
pages ask about many things: a page holds posts of different neighbourhoods, each popular within its
own. And each page is ranked when most of the one before was watched, so that it answers to it.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import chain, groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from uuid import UUID

    from functions.feed_ranker.ranking.stream import Entry
    from shared.models import Candidate, Signals

ItemT = TypeVar("ItemT")

ANSWERS: Final = 48  # watches until which a viewer is interviewed: four pages
TELLING: Final = 6  # watches that a ranking did not know and from which it is outdated
_LIKED: Final = 0.2  # the taste from which a post is no question any more, but an answer


def is_interviewed(signals: Signals) -> bool:
    """Return whether the viewer's taste is still being found out."""
    return signals.samples < ANSWERS


def neighbourhoods_of(candidates: Iterable[Candidate]) -> dict[UUID, Collection[str]]:
    """Return the neighbourhoods of each post: its tags, or else its creator alone."""
    return {c.post_id: c.neighbourhoods or (str(c.creator_id),) for c in candidates}


def spread(
    entries: Iterable[Entry], neighbourhoods: Mapping[UUID, Collection[str]], page_size: int
) -> Iterator[Entry]:
    """Give entries so that the first page of them asks about many neighbourhoods.

    Rung by rung, the page takes the best post of those whose neighbourhoods stand on it least often
    so far. A post that the viewer is known to like may stand beside others of its kind. The page's
    posts come first, and they and the others stand in order of rank. Of each rung, no more entries
    are read than it takes to choose, because it costs something to make one.

    Args:
        entries: In order of rank.
        neighbourhoods: Those of each post, at least one.
        page_size: So many entries make the page.
    """
    page: Counter[str] = Counter()
    left = page_size
    for _, rung in groupby(entries, attrgetter("rung")):
        coming = enumerate(rung)
        chosen: list[tuple[int, Entry]] = []
        others: list[tuple[int, Entry]] = []
        while left and (at := _least_asked(others, coming, neighbourhoods, page)) is not None:
            place, entry = others.pop(at)
            page.update(neighbourhoods[entry.post_id])
            chosen.append((place, entry))
            left -= 1
        yield from (entry for _, entry in chain(sorted(chosen), others, coming))


def _least_asked(
    others: list[tuple[int, Entry]],
    coming: Iterator[tuple[int, Entry]],
    neighbourhoods: Mapping[UUID, Collection[str]],
    page: Counter[str],
) -> int | None:
    """Return the index in `others` of the first entry about which the page asks least often.

    What is looked at of those that are `coming` joins the others. None is returned where no entry
    is left.
    """
    least, found = math.inf, None
    for i, (_, entry) in enumerate(_looked_at(others, coming)):
        asked = _asked(entry, neighbourhoods, page)
        if asked < least:
            least, found = asked, i
            if not asked:
                break
    return found


def _looked_at(others: list[ItemT], coming: Iterator[ItemT]) -> Iterator[ItemT]:
    yield from others
    for item in coming:
        others.append(item)
        yield item


def _asked(entry: Entry, neighbourhoods: Mapping[UUID, Collection[str]], page: Counter[str]) -> int:
    """Return how often the page asks about an entry's neighbourhoods already."""
    if entry.evidence.taste >= _LIKED:
        return 0
    return max(page[name] for name in neighbourhoods[entry.post_id])
