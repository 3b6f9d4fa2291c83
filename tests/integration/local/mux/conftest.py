from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.local.mux.running import Receiver, Running
from tests.media import make_audio, make_broken, make_video


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("videos")
    whole = make_video(folder / "whole.mkv", 8).read_bytes()
    (folder / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    return {
        "short": make_video(folder / "short.mp4", 4),
        "long": make_video(folder / "long.mp4", 200, size="64x36", fps=2),
        "silent": make_video(folder / "silent.mkv", 2, with_audio=False, size="72x128"),
        "audio": make_audio(folder / "audio.mp3", 3),
        "cut": folder / "cut.mkv",
        "broken": make_broken(folder / "broken.mp4"),
    }


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    taking = Receiver()
    yield taking
    taking.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("state"))
    yield running
    assert running.end() == 0


@pytest.fixture
def mux(shared: Running, receiver: Receiver) -> Iterator[Running]:
    """A stand-in with empty state, whose webhooks the receiver takes."""
    shared.control("reset")
    shared.control("settings", {"webhook_url": receiver.url}, "PATCH")
    yield shared
    shared.control("reset")
