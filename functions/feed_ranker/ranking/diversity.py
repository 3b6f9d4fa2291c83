"""Creator variety within a page: no two neighbours, at most two posts, while others remain."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

MAX_PER_PAGE = 2
NO_CREATOR = bytes(8)


def creator_tag(creator_id: UUID) -> bytes:
    """Eight bytes that stand for a creator within a cursor."""
    return hashlib.blake2b(creator_id.bytes, digest_size=8).digest()


class HasCreator(Protocol):
    """Anything by a creator."""

    @property
    def creator_id(self) -> UUID:
        """Its creator."""


ItemT = TypeVar("ItemT", bound=HasCreator)


class PageVariety:
    """The creators of one page as it fills."""

    def __init__(self, last_creator: bytes, *, limited: bool = True) -> None:
        """Begin a page after a post of `last_creator` (a creator tag).

        Args:
            last_creator: The creator tag of the post before the page.
            limited: False on a page that takes posts as they come.
        """
        self._before = last_creator
        self._limited = limited
        self._last: UUID | None = None
        self._counts: Counter[UUID] = Counter()

    @property
    def last_creator(self) -> bytes:
        """The tag of the creator that the next post should not have."""
        return self._before if self._last is None else creator_tag(self._last)

    def neighbours(self, creator_id: UUID) -> bool:
        """Whether the last post has this creator."""
        if self._last is None:
            return creator_tag(creator_id) == self._before
        return creator_id == self._last

    def allows(self, creator_id: UUID) -> bool:
        """Whether a post of this creator may stand next."""
        if not self._limited:
            return True
        return self._counts[creator_id] < MAX_PER_PAGE and not self.neighbours(creator_id)

    def first(self, items: Iterable[ItemT]) -> ItemT | None:
        """The first item that may stand next; else the first no neighbour; else the first."""
        first = apart = None
        for item in items:
            if self.allows(item.creator_id):
                return item
            if apart is None and not self.neighbours(item.creator_id):
                apart = item
            if first is None:
                first = item
        return first if apart is None else apart

    def take(self, creator_id: UUID) -> None:
        """Note that a post of this creator stands next."""
        self._counts[creator_id] += 1
        self._last = creator_id
