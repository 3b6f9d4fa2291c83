from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.demo.videos import make_broken, make_video, seconds_played
from local.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_video_plays_as_long_as_was_asked_for(tmp_path: Path) -> None:
    assert seconds_played(str(make_video(tmp_path / "a.mp4", 3))) == pytest.approx(3, abs=0.2)


def test_a_broken_file_does_not_play_and_needs_several_chunks(tmp_path: Path) -> None:
    path = make_broken(tmp_path / "b.mp4")
    assert path.stat().st_size > 512 * 1024
    with pytest.raises(StackError, match="ffmpeg failed"):
        seconds_played(str(path))
