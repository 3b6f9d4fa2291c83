"""Creator variety in a page: no neighbours, and two posts at most, while others remain. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

MAX_PER_PAGE: Final = 2
NO_CREATOR: Final = bytes(8)


def creator_tag(creator_id: UUID) -> bytes:
    """Return the eight bytes that stand for a creator within a cursor."""
    return hashlib.blake2b(creator_id.bytes, digest_size=8).digest()


class HasCreator(Protocol):
    """Anything that a creator has made."""

    @property
    def creator_id(self) -> UUID:
        """The creator."""


ItemT = TypeVar("ItemT", bound=HasCreator)


class PageVariety:
    """The creators of one page, as the page fills from its first position to its last."""

    def __init__(
        self, last_creator: bytes, *, limited: bool = True, held: Iterable[UUID] = ()
    ) -> None:
        """Begin a page.

        Args:
            last_creator: The creator tag of the post before the page.
            limited: False on a page that takes posts as they come.
            held: The creators of posts that the page holds already, wherever they stand.
        """
        self._before = last_creator
        self._limited = limited
        self._last: UUID | None = None
        # By the creator's number: a UUID takes many times as long to be hashed and compared.
        self._counts: Counter[int] = Counter(creator_id.int for creator_id in held)

    @property
    def last_creator(self) -> bytes:
        """The tag of the creator that the next post should not have."""
        return self._before if self._last is None else creator_tag(self._last)

    def _neighbours(self, creator_id: UUID, following: UUID | None) -> bool:
        """Whether the post before, or the one that follows, has this creator."""
        if following is not None and creator_id.int == following.int:
            return True
        if self._last is None:
            return creator_tag(creator_id) == self._before
        return creator_id.int == self._last.int

    def allows(self, creator_id: UUID, following: UUID | None = None) -> bool:
        """Whether a post of this creator may stand next, before a post of `following`."""
        if not self._limited:
            return True
        return self._counts.get(creator_id.int, 0) < MAX_PER_PAGE and not self._neighbours(
            creator_id, following
        )

    def first(self, items: Iterable[ItemT], following: UUID | None = None) -> ItemT | None:
        """Return the first item that may stand next.

        Where none may, it is the first that has no neighbour of its own creator, and where each has
        one, the first of all.
        """
        first = apart = None
        for item in items:
            if self.allows(item.creator_id, following):
                return item
            if apart is None and not self._neighbours(item.creator_id, following):
                apart = item
            if first is None:
                first = item
        return first if apart is None else apart

    def take(self, creator_id: UUID) -> None:
        """Note that a post of this creator stands next."""
        self._counts[creator_id.int] += 1
        self._last = creator_id

    def pass_by(self, creator_id: UUID) -> None:
        """Note that a post of this creator, which is among those `held`, stands next."""
        self._last = creator_id
