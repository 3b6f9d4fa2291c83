"""The growth of latency with the size of the catalogue and with the length of a history."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

from evaluation.speed import pages
from evaluation.speed.personas import PERSONAS, SEEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from evaluation.speed.floor import Floor
    from evaluation.speed.functions import Functions
    from evaluation.speed.settings import Shape

TYPICAL = next(kind for kind in PERSONAS if kind.name == "typical")
_WARM_UP = 3


def over_catalogues(
    by_posts: Mapping[int, tuple[Functions, Floor]], rounds: Iterable[object]
) -> list[dict[str, Any]]:
    """Measure pages of the typical viewer. Each round has one page of every catalogue.

    Args:
        by_posts: The handlers and the bare calls over each catalogue, by its number of posts.
        rounds: An iterable with as many items as there are pages to measure of each.
    """
    lines = [(functions, floor, TYPICAL.ids()) for functions, floor in by_posts.values()]
    return [
        {"posts": posts, **figures}
        for posts, figures in zip(by_posts, _together(lines, rounds), strict=True)
    ]


def over_histories(
    functions: Functions, floor: Floor, shape: Shape, rounds: Iterable[object]
) -> list[dict[str, Any]]:
    """Measure pages of viewers who have seen between no posts and 100,000 posts.

    Each round has one page of each such viewer.
    """
    kinds = [kind for kind in SEEN if kind.fits(shape)]
    lines = [(functions, floor, kind.ids()) for kind in kinds]
    return [
        {"seen": kind.hottest + kind.anything, **figures}
        for kind, figures in zip(kinds, _together(lines, rounds), strict=True)
    ]


def _together(
    lines: Sequence[tuple[Functions, Floor, Sequence[UUID]]], rounds: Iterable[object]
) -> list[dict[str, Any]]:
    """Measure all lines in turns, so that a slow moment of the machine affects all alike."""
    samples = [(pages.Samples(), pages.Samples()) for _ in lines]
    turns = [cycle(viewers) for *_, viewers in lines]
    for (functions, _, _), turn in zip(lines, turns, strict=True):
        for _ in range(_WARM_UP):
            viewer = next(turn)
            pages.page(functions, viewer, pages.page(functions, viewer))
    for _ in rounds:
        for (functions, floor, _), turn, (first, following) in zip(
            lines, turns, samples, strict=True
        ):
            pages.session(functions, floor, next(turn), first, following)
    return [{"first": first.summary(), "next": following.summary()} for first, following in samples]
