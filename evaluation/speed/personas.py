"""The kinds of viewers that are measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import NAMESPACE_URL, UUID, uuid5

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evaluation.speed.settings import Shape


@dataclass(frozen=True, slots=True)
class Persona:
    """A kind of viewer.

    The counts are for a million posts. Smaller catalogues have lower counts.

    Attributes:
        name: The name in bench.json.
        viewers: The number of viewers who take turns, so that not the same rows are read each time.
        like_others: The number of posts seen by the same popularity as those of ordinary viewers.
        hottest: The number of the hottest posts, all of which were seen.
        anything: The number of other posts seen, from anywhere in the catalogue.
        days: The number of days of which all posts were seen as well.
        follows: The number of creators whom the viewer follows.
        scales: Whether the counts of seen posts shrink with the catalogue. Where they don't, a
            catalogue under twice that size has no such viewers.
    """

    name: str
    viewers: int
    like_others: int = 0
    hottest: int = 0
    anything: int = 0
    days: int = 0
    follows: int = 0
    scales: bool = True

    def ids(self) -> list[UUID]:
        """Return the ids of the viewers."""
        return [viewer_id(self.name, number) for number in range(self.viewers)]

    def fits(self, shape: Shape) -> bool:
        """Tell whether a catalogue of this size can have such viewers."""
        return self.scales or 2 * (self.hottest + self.anything) <= shape.posts

    def statements(self, shape: Shape) -> list[tuple[str, Mapping[str, int]]]:
        """Return what makes a viewer one of this kind.

        Each entry is the name of a statement in sql/personas.sql, with its parameters.
        """

        def fitting(count: int) -> int:
            return shape.scaled(count) if self.scales else count

        seen = self.like_others + self.hottest + self.anything + self.days
        steps: list[tuple[str, Mapping[str, int]]] = []
        if self.hottest:
            steps.append(("sees_hottest", {"count": fitting(self.hottest)}))
        if self.anything:
            steps.append(("sees_anything", {"count": fitting(self.anything)}))
        if self.days:
            steps.append(("sees_since", {"days": self.days}))
        if self.like_others:
            like = {"count": min(self.like_others, shape.posts // 10), "posts": shape.posts}
            steps.append(("sees_like_others", like))
        if self.follows:
            steps.append(("follows", {"count": min(self.follows, shape.creators // 2)}))
        if seen:
            steps += [(name, {"count": 600}) for name in ("watches", "signals")]
            steps += [(name, {}) for name in ("creator_taste", "tag_taste", "context")]
        return steps


PERSONAS: Final = (
    Persona("new", viewers=20),
    Persona("typical", viewers=20, like_others=500, follows=50),
    Persona("heavy", viewers=4, hottest=10_000, anything=10_000, follows=50),
    Persona("exhausted", viewers=2, hottest=100_000, days=30, follows=50),
    Persona("follower", viewers=4, like_others=500, follows=2_000),
)
# Half of what these viewers have seen are the hottest posts, half are from anywhere.
SEEN: Final = tuple(
    Persona(f"seen {n}", viewers=2, hottest=n // 2, anything=n // 2, follows=50, scales=False)
    for n in (0, 1_000, 10_000, 100_000)
)


def viewer_id(kind: str, number: int) -> UUID:
    """Return the id of one viewer of a kind, which is the same in every run."""
    return uuid5(NAMESPACE_URL, f"bench/{kind}/{number}")
