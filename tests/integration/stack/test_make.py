"""The targets of make: what a signal does to what they start, and what the list of them says."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from local.services.processes import free_port
from tests.integration.stack.commands import run

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
TARGET = re.compile(r"^([a-z][a-z-]*(?: [a-z][a-z-]*)*):", re.MULTILINE)


@pytest.fixture
def make_dev(scratch: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A `make dev` that has said that it is ready, and its port."""
    port = free_port()
    command = ["make", "dev", f"PORT={port}", f"STATE_DIR={scratch / f'make-dev-{port}'}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # the project's own command
        assert process.stdout is not None
        try:
            assert any(line.startswith("ready ") for line in process.stdout)
            yield process, port
        finally:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()


def test_sigterm_to_make_alone_ends_all_of_the_stack_and_frees_its_port(
    make_dev: tuple[subprocess.Popen[str], int],
) -> None:
    make, port = make_dev
    family = psutil.Process(make.pid).children(recursive=True)
    assert len(family) >= 4
    make.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(family, 120)
    assert alive == []
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_every_target_is_listed_with_what_it_does() -> None:
    listed = run(["make", "help"], folder=ROOT)
    makefiles = "".join((ROOT / name).read_text("utf-8") for name in ("Makefile", "build.mk"))
    targets = {name for line in TARGET.findall(makefiles) for name in line.split()}
    assert {"dev", "demo", "load-mixed", "sizes"} <= targets
    missing = [
        name for name in sorted(targets) if not re.search(rf"^{name} ", listed, re.MULTILINE)
    ]
    assert missing == []
