"""Logs of a stack are kept short while their writers go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.logs import rotate

if TYPE_CHECKING:
    from pathlib import Path


def test_a_large_log_is_moved_aside_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "feed_ranker.log"
    (tmp_path / "mux.log").write_text("short\n")
    with log.open("a") as writer:
        writer.write("old line\n" * 10)
        writer.flush()
        assert rotate(tmp_path, largest=50) == [log]
        writer.write("new line\n")
    assert log.read_text() == "new line\n"
    assert (tmp_path / "feed_ranker.log.1").read_text() == "old line\n" * 10
    assert (tmp_path / "mux.log").read_text() == "short\n"


def test_the_log_before_makes_room(tmp_path: Path) -> None:
    log = tmp_path / "feed_ranker.log"
    for line in ("first\n", "second\n"):
        log.write_text(line)
        rotate(tmp_path, largest=3)
    assert (tmp_path / "feed_ranker.log.1").read_text() == "second\n"
    assert rotate(tmp_path, largest=3) == []


def test_no_folder_has_no_logs(tmp_path: Path) -> None:
    assert rotate(tmp_path / "missing") == []
