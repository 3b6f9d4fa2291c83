"""Exploration: positions drawn for discovery, seeded by session, with their propensities. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

T = TypeVar("T")

_RECENCY_DAYS = 7.0
_SHOWN_HALF = 50.0  # impressions at which a post is half as likely to be drawn
_OLD_POSTS = 0.05  # what is left of the weight of a post however old
_SECONDS_PER_DAY = 86_400.0


def weight(published_at: datetime, impressions: int, now: datetime) -> float:
    """How likely discovery draws a post, relative to others: newer and less shown ones more."""
    age_days = max((now - published_at).total_seconds(), 0.0) / _SECONDS_PER_DAY
    recency = _OLD_POSTS + (1.0 - _OLD_POSTS) * 2.0 ** (-age_days / _RECENCY_DAYS)
    return float(recency * _SHOWN_HALF / (_SHOWN_HALF + max(impressions, 0)))


class Explorer:
    """The draws of one page: the same session and page draw the same."""

    def __init__(self, session: UUID, page_no: int, rate: float) -> None:
        self._seed = session.bytes + page_no.to_bytes(4, "big")
        self._rate = rate

    def explores(self, position: int) -> bool:
        """Whether this position is drawn for discovery."""
        return self._uniform(position, b"whether") < self._rate

    def draw(self, position: int, items: Sequence[T], weights: Sequence[float]) -> tuple[T, float]:
        """Draw one of `items` (not empty) by weight.

        Returns:
            The item, and its propensity: the probability that this policy shows it here.
        """
        whole = sum(weights)
        if whole <= 0.0:
            weights, whole = [1.0] * len(items), float(len(items))
        point = self._uniform(position, b"which") * whole
        for item, share in zip(items, weights, strict=True):
            point -= share
            if point < 0.0:
                return item, self._rate * (share / whole)
        return items[-1], self._rate * (weights[-1] / whole)

    def _uniform(self, position: int, purpose: bytes) -> float:
        """A number in [0, 1) that depends on session, page, position and purpose alone."""
        digest = hashlib.blake2b(
            self._seed + position.to_bytes(2, "big"), digest_size=8, person=purpose
        ).digest()
        return (int.from_bytes(digest, "big") >> 11) / 2**53  # a float's 53 bits: never 1.0
