"""The costs of a page by the size of the catalogue, tiny: the results, and never their times."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console

from evaluation.progress import steps
from evaluation.speed.catalogues import measure, table
from evaluation.speed.personas import PERSONAS
from evaluation.speed.settings import BenchSettings, Shape

if TYPE_CHECKING:
    from pathlib import Path

POSTS = (1_500, 3_000)


class TwoSizes(BenchSettings):
    """Two catalogues that are quickly made."""

    def growth(self) -> list[Shape]:
        return [Shape(posts, 1_000) for posts in POSTS]


def test_every_kind_of_viewer_is_measured_on_every_catalogue(scratch: Path) -> None:
    settings = TwoSizes(Shape(POSTS[-1], 1_000), samples=2, state_dir=scratch / "catalogues")
    with steps(Console(quiet=True)) as shown:
        kinds = measure(settings, shown)

    assert set(kinds) == {kind.name for kind in PERSONAS}
    for small, large in kinds.values():
        assert (small["posts"], large["posts"]) == POSTS
        for page in ("first", "next"):
            assert large[page]["buffers"] > 0
            assert large[page]["rows"] > 0
            assert "p50_ratio" not in small[page]
            middle, low, high = large[page]["wall_ratio"]
            assert 0 < low <= middle <= high
    text = StringIO()
    Console(width=200, file=text).print(table(kinds))
    assert "3,000" in text.getvalue()
