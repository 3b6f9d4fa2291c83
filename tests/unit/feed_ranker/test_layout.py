"""The layout of feed_ranker: how many levels and arrows its packages and modules make."""

from __future__ import annotations

from pathlib import Path

import grimp
import pytest

ROOT = "functions.feed_ranker"
MOST_FILES = 10  # side by side: what one look takes in
# The settings know the keys of signed playback, which takes an arrow of its own.
LEVELS, ARROWS = 7, 29  # lower them where the code allows it; a new arrow needs a reason


def levels_and_arrows(graph: grimp.ImportGraph) -> tuple[list[set[str]], set[tuple[str, str]]]:
    """The children of feed_ranker, the importless ones first, and which of them imports which."""
    children = {name: graph.find_descendants(name) | {name} for name in graph.find_children(ROOT)}
    owner = {module: name for name, modules in children.items() for module in modules}
    arrows = {
        (name, owner[imported])
        for name, modules in children.items()
        for module in modules
        for imported in graph.find_modules_directly_imported_by(module)
        if imported in owner and owner[imported] != name
    }
    levels: list[set[str]] = []
    left = set(children)
    while left:
        lowest = {n for n in left if not any(a == n and b in left for a, b in arrows)}
        if not lowest:
            pytest.fail(f"an import cycle among {sorted(left)}")
        levels.append(lowest)
        left -= lowest
    return levels, arrows


def test_neither_levels_nor_arrows_grow() -> None:
    graph = grimp.build_graph("functions", cache_dir=None)
    levels, arrows = levels_and_arrows(graph)
    for number, names in enumerate(levels):
        print(f"level {number}:", ", ".join(sorted(n.removeprefix(f"{ROOT}.") for n in names)))  # noqa: T201
    for importer, imported in sorted(arrows):
        print(f"{importer.removeprefix(ROOT)} -> {imported.removeprefix(ROOT)}")  # noqa: T201
    print(f"{len(levels)} levels, {len(arrows)} arrows")  # noqa: T201
    assert len(levels) <= LEVELS
    assert len(arrows) <= ARROWS


def test_no_folder_holds_more_files_than_one_look_takes_in() -> None:
    top = Path(__file__).parents[3] / "functions" / "feed_ranker"
    for folder in (top, *(path for path in top.iterdir() if path.is_dir())):
        files = [path.name for path in folder.glob("*.py")]
        assert len(files) <= MOST_FILES, folder.name
