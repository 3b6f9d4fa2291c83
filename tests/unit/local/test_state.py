from __future__ import annotations

import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from local.errors import StackError
from local.state import exclusive, lasting_secrets, write_json, write_private

if TYPE_CHECKING:
    from pathlib import Path


def test_secrets_last_and_differ_from_one_another(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = lasting_secrets(path, ["a", "b"])
    assert lasting_secrets(path, ["b", "a"]) == first
    assert len(set(first.values())) == 2
    assert min(map(len, first.values())) >= 43
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_new_names_are_added_without_changing_the_others(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = lasting_secrets(path, ["a"])
    assert lasting_secrets(path, ["a", "b"])["a"] == first["a"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}', "null"])
def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(text)
    with pytest.raises(StackError, match="damaged"):
        lasting_secrets(path, ["a"])
    assert path.read_text() == text


def test_a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": 2})
    assert path.read_text() == '{\n  "a": 2\n}\n'
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    write_private(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_lock_keeps_others_out_until_it_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        exclusive(path, taken="held"),
        pytest.raises(StackError, match="taken"),
        exclusive(path, taken="taken"),
    ):
        pass
    with exclusive(path, taken="taken"):
        pass


def test_a_process_that_dies_lets_go_of_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = (
        "import os, sys; from pathlib import Path; from local.state import exclusive\n"
        "with exclusive(Path(sys.argv[1]), taken='taken'): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", holder, str(path)], check=False)  # noqa: S603
    with exclusive(path, taken="taken"):
        pass
