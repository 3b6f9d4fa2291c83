"""Files of many kinds, from their bytes to the state of their posts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from local.mux.errors import MediaError
from local.mux.media.encode import RENDITION, limits, make_stream, stream_seconds
from local.mux.media.tracks import measure_tracks
from tests.integration.uploads.harness import CAP_MS, CLIPPED
from tests.media_matrix import CASES, Case, make

if TYPE_CHECKING:
    from pathlib import Path

    from local.mux.records import Media
    from tests.integration.uploads.harness import World

CAP_S = CAP_MS / 1000
BY_NAME = {case.name: case for case in CASES}
READY = [case.name for case in CASES if case.seconds is not None]
FAILED = [case.name for case in CASES if case.seconds is None]
PICTURES = [case.name for case in CASES if case.seconds is not None and "video" in case.tracks]
RECORDINGS = [name for name in PICTURES if name.startswith("browser")]
AT_ONCE = 2


@dataclass(frozen=True)
class Made:
    """What became of a file.

    Attributes:
        media: What the stand-in read of it. None where it refused it.
        message: Why it refused it.
        streamed: The seconds of the stream.
        frames: The video packets of the stream.
    """

    media: Media | None
    message: str
    streamed: float
    frames: int


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """Make every file once, and turn it into a stream."""
    folder = tmp_path_factory.mktemp("matrix")
    for case in CASES:
        make(case, folder)
    return asyncio.run(_stream_all(folder))


async def _stream_all(folder: Path) -> dict[str, Made]:
    free = asyncio.Semaphore(AT_ONCE)

    async def stream(case: Case) -> Made:
        hls = folder / f"hls-{case.name}"
        async with free:
            try:
                media = await make_stream(folder / case.name, hls)
            except MediaError as error:
                return Made(None, str(error), 0.0, 0)
            tracks = await measure_tracks(hls / RENDITION, hls / "list", limits(hls / RENDITION))
        frames = sum(track.packets for track in tracks if track.kind == "video")
        return Made(media, "", stream_seconds(hls / RENDITION), frames)

    found = await asyncio.gather(*(stream(case) for case in CASES))
    return {case.name: one for case, one in zip(CASES, found, strict=True)}


def test_the_matrix_has_files_of_many_kinds() -> None:
    assert len(BY_NAME) == len(CASES) >= 40
    assert {case.reason for case in CASES} == {None, "audio_only", "not_a_video"}


@pytest.mark.parametrize("name", READY)
def test_a_file_becomes_an_asset_as_expected(made: dict[str, Made], name: str) -> None:
    case, media = BY_NAME[name], made[name].media
    assert media is not None, made[name].message
    assert media.duration == pytest.approx(case.seconds, abs=case.within)
    assert media.aspect_ratio == case.ratio
    lengths = {"video": media.video_duration, "audio": media.audio_duration}
    assert [kind for kind, seconds in lengths.items() if seconds is not None] == case.tracks.split()
    assert media.duration == max(seconds for seconds in lengths.values() if seconds is not None)
    # The playlist plays as long as the longest track, but for a few packets of sound.
    assert made[name].streamed == pytest.approx(media.duration, abs=0.3)
    if case.rate is not None:
        assert media.stored_frame_rate == pytest.approx(case.rate, abs=case.rate_within)
    assert (media.stored_frame_rate or 0) <= 60


@pytest.mark.parametrize("name", PICTURES)
def test_a_stream_has_at_most_60_frames_a_second(made: dict[str, Made], name: str) -> None:
    media = made[name].media
    assert media is not None, made[name].message
    assert 1 <= made[name].frames <= 61 * media.duration + 2


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_recording_of_a_browser_keeps_its_frames(made: dict[str, Made], name: str) -> None:
    case = BY_NAME[name]
    assert case.rate is not None
    assert case.seconds is not None
    assert made[name].frames == pytest.approx(case.rate * case.seconds, abs=3)


@pytest.mark.parametrize("name", FAILED)
def test_a_file_that_is_no_video_is_refused_in_words(made: dict[str, Made], name: str) -> None:
    assert made[name].media is None
    assert made[name].message.startswith("The input")


def test_every_file_ends_as_a_post_or_with_its_reason(world: World, made: dict[str, Made]) -> None:
    since, posts, viewer = 0, {}, uuid4()
    for case in CASES:
        post_id, upload_id = world.begin(viewer)
        world.process(upload_id, made[case.name].media)
        since = world.deliver_new(since)
        world.finish_clips(CLIPPED)
        since = world.deliver_new(since)
        posts[case.name] = post_id
    states = {name: world.state(post_id) for name, post_id in posts.items()}
    assert states == {
        case.name: ("failed", case.reason) if case.reason else ("ready", None) for case in CASES
    }
    told = {name: world.uploads.state(viewer, post_id) for name, post_id in posts.items()}
    assert {name: answer.get("detail") for name, answer in told.items()} == {
        case.name: case.detail for case in CASES
    }
    for case in CASES:
        if not case.reason:
            _check_length(world, case, posts[case.name])


def _check_length(world: World, case: Case, post_id: UUID) -> None:
    post = world.post(post_id)
    assert post is not None
    assert case.seconds is not None
    shown = min(case.seconds, CAP_S)
    assert post["mux_duration_ms"] / 1000 == pytest.approx(shown, abs=case.within)
    assert world.clips(post_id) == (case.seconds > CAP_S + 0.5)
