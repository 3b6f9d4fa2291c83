"""Lock files say what is installed. From which registry it comes is for each machine to say."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESS = re.compile(r"://|^git@|^file:")
# What says where a package of pip comes from: an option, or an address.
SOURCE = re.compile(
    r"://|^\s*(?:-i|-f|--(?:extra-)?index-url|--find-links|--trusted-host)\b", re.MULTILINE
)
SCHEME = "https:"  # apart from the rest, since no file of the repository holds such an address
# People read these; npm does not fetch from them.
PROSE = {"funding", "deprecated"}


def files(pattern: str) -> list[str]:
    """List the repository's own files, without those of folders that tools fill."""
    found: list[str] = []
    for folder, below, names in os.walk(ROOT):
        below[:] = [name for name in below if name != "node_modules" and not name.startswith(".")]
        paths = (Path(folder, name).relative_to(ROOT) for name in names)
        found += [str(path) for path in paths if path.match(pattern)]
    return sorted(found)


def addresses(value: Any) -> Iterator[str]:  # noqa: ANN401  # whatever JSON holds
    """Find the addresses from which a lock file of npm has packages fetched."""
    if isinstance(value, dict):
        for name, part in value.items():
            if name not in PROSE:
                yield from addresses(part)
    elif isinstance(value, list):
        for part in value:
            yield from addresses(part)
    elif isinstance(value, str) and ADDRESS.search(value):
        yield value


NPM_LOCKS = files("package-lock.json")
PIP_LOCKS = files("requirements/*.txt") + files("requirements.txt")


def test_every_kind_of_lock_file_is_found() -> None:
    assert {
        "client/package-lock.json",
        "client/native/example/package-lock.json",
        "tests/browser/package-lock.json",
    } <= set(NPM_LOCKS)
    assert {"requirements/dev.txt", "functions/feed_ranker/requirements.txt"} <= set(PIP_LOCKS)


@pytest.mark.parametrize("path", NPM_LOCKS)
def test_no_lock_file_of_npm_holds_an_address(path: str) -> None:
    packages = json.loads((ROOT / path).read_text(encoding="utf-8"))["packages"]
    assert len(packages) > 1
    assert list(addresses(packages)) == []


@pytest.mark.parametrize("path", PIP_LOCKS)
def test_no_lock_file_of_pip_holds_an_address(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert "--hash=sha256:" in text
    assert SOURCE.search(text) is None


@pytest.mark.parametrize(
    "package",
    [
        {"resolved": f"{SCHEME}//packages.example/a/-/a-1.0.0.tgz"},
        {"dependencies": {"a": "git+ssh://git@code.example/a.git"}},
        {"version": "file:../a-1.0.0.tgz"},
    ],
)
def test_an_address_is_found_wherever_npm_writes_one(package: dict[str, Any]) -> None:
    assert list(addresses({"node_modules/a": package}))
    assert not list(addresses({"node_modules/a": {"funding": {"url": "https://a.example"}}}))
