from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

from deploy.artifacts import runtime

if TYPE_CHECKING:
    from pathlib import Path

TOGETHER = 16
CLIENT = {"awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py"}


def links(folder: Path) -> dict[str, Path]:
    return {link.name.partition(".")[0]: link.readlink() for link in folder.iterdir()}


def test_the_clients_folder_holds_links_to_its_packages_and_nothing_else(tmp_path: Path) -> None:
    made = links(runtime.client_folder(tmp_path / "client"))
    assert made.keys() == CLIENT
    assert all(target.exists() for target in made.values())


def test_containers_that_start_side_by_side_share_one_folder(tmp_path: Path) -> None:
    barrier = Barrier(TOGETHER)

    def make(attempt: int) -> None:
        barrier.wait()
        runtime.client_folder(tmp_path / f"client-{attempt}")

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(TOGETHER) as pool:
            for attempt in range(20):
                list(pool.map(make, [attempt] * TOGETHER))
                assert links(tmp_path / f"client-{attempt}").keys() == CLIENT
    finally:
        sys.setswitchinterval(interval)


def test_links_left_over_from_another_venv_are_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "client"
    fresh = links(runtime.client_folder(folder))
    for link in folder.iterdir():
        link.unlink()
        link.symlink_to(tmp_path / "gone")
    assert links(runtime.client_folder(folder)) == fresh
