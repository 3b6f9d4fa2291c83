import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from local.mux.errors import MediaError
from local.mux.media.encode import MASTER, RENDITION, make_stream
from local.mux.media.ffmpeg import run_ffmpeg
from local.mux.media.pictures import make_animation, make_picture
from local.mux.media.probe import probe
from tests.media import make_audio, make_video, media_seconds


def test_a_video_becomes_a_stream_of_the_same_length(
    videos: dict[str, Path], tmp_path: Path
) -> None:
    media = asyncio.run(make_stream(videos["short"], tmp_path / "hls"))
    assert media.duration == pytest.approx(4, abs=0.1)
    assert (media.width, media.height, media.aspect_ratio) == (128, 72, "16:9")
    assert (media.frame_rate, media.channels) == (5, 1)
    assert media_seconds(tmp_path / "hls" / RENDITION) == pytest.approx(4, abs=0.2)
    assert 'CODECS="avc1' in (tmp_path / "hls" / MASTER).read_text()


def test_a_large_video_is_made_smaller_and_keeps_its_shape(tmp_path: Path) -> None:
    large = make_video(tmp_path / "large.mp4", 1, size="722x1280", fps=2, with_audio=False)
    media = asyncio.run(make_stream(large, tmp_path / "hls"))
    assert (media.width, media.height) == (722, 1280)
    shown = asyncio.run(probe(tmp_path / "hls" / "00000.ts")).media
    assert (shown.width, shown.height) == (360, 640)


def test_a_cut_is_as_long_as_asked_for_from_a_file_and_from_a_stream(
    videos: dict[str, Path], tmp_path: Path
) -> None:
    media = asyncio.run(make_stream(videos["short"], tmp_path / "one", (0.4, 2.4)))
    assert media.duration == pytest.approx(2, abs=0.2)
    media = asyncio.run(make_stream(tmp_path / "one" / RENDITION, tmp_path / "two", (0.6, None)))
    assert media.duration == pytest.approx(1.4, abs=0.3)


@pytest.mark.parametrize("clip", [(0, 3), (0.5, 4), (4, 6)])
def test_a_clip_lasts_as_long_as_its_sound_also_behind_the_end_of_the_picture(
    tmp_path: Path, clip: tuple[float, float]
) -> None:
    source = make_video(tmp_path / "a.mp4", 1, audio_seconds=8, fps=10)
    media = asyncio.run(make_stream(source, tmp_path / "hls", clip))
    assert media.duration == pytest.approx(clip[1] - clip[0], abs=0.2)
    assert media_seconds(tmp_path / "hls" / RENDITION) == pytest.approx(media.duration, abs=0.2)
    assert media.aspect_ratio == "16:9"
    assert not (tmp_path / "hls-whole").exists()


def test_a_file_without_sound_or_without_picture_is_streamed(
    videos: dict[str, Path], tmp_path: Path
) -> None:
    silent = asyncio.run(make_stream(videos["silent"], tmp_path / "silent"))
    assert (silent.aspect_ratio, silent.channels) == ("9:16", None)
    audio = asyncio.run(make_stream(videos["audio"], tmp_path / "audio"))
    assert (audio.width, audio.channels) == (None, 1)
    assert audio.duration == pytest.approx(3, abs=0.2)


def test_what_is_no_media_file_is_refused(videos: dict[str, Path], tmp_path: Path) -> None:
    whole = videos["short"].read_bytes()
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("Dear Mux, here is a video.\n" * 100)
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    address = "#EXTM3U\n#EXTINF:4,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"
    (tmp_path / "playlist").write_text(address)
    for path in [videos["broken"], *(tmp_path / n for n in ("empty", "text", "half", "playlist"))]:
        with pytest.raises(MediaError) as refused:
            asyncio.run(make_stream(path, tmp_path / "hls"))
        assert str(tmp_path) not in str(refused.value)


def test_a_file_cut_off_in_the_middle_is_as_long_as_what_can_be_decoded(
    videos: dict[str, Path], tmp_path: Path
) -> None:
    media = asyncio.run(make_stream(videos["cut"], tmp_path / "hls"))
    assert 2 < media.duration < 6
    assert media.damaged


def test_the_stream_of_a_damaged_file_is_whole(videos: dict[str, Path], tmp_path: Path) -> None:
    asyncio.run(make_stream(videos["cut"], tmp_path / "hls"))
    clip = asyncio.run(make_stream(tmp_path / "hls" / RENDITION, tmp_path / "clip", (0.5, 2)))
    assert not clip.damaged


def test_pictures_are_taken_anywhere_even_past_the_last_frame(
    videos: dict[str, Path], tmp_path: Path
) -> None:
    asyncio.run(make_stream(videos["short"], tmp_path / "hls"))
    playlist = tmp_path / "hls" / RENDITION
    asyncio.run(make_picture(playlist, tmp_path / "a.webp", 1.5, "64:-2"))
    asyncio.run(make_picture(playlist, tmp_path / "b.jpg", 4.0, "64:-2"))
    asyncio.run(make_animation(playlist, tmp_path / "c.webp", (1, 3), 64, 5))
    assert (tmp_path / "a.webp").read_bytes()[8:12] == b"WEBP"
    assert (tmp_path / "b.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert b"ANIM" in (tmp_path / "c.webp").read_bytes()[:64]


@pytest.mark.parametrize("kind", ["both", "silent", "audio"])
@pytest.mark.parametrize("seconds", [0.04, 0.12, 0.5])
def test_the_playlists_of_the_shortest_video_are_whole(
    tmp_path: Path, seconds: float, kind: str
) -> None:
    if kind == "audio":
        make_audio(tmp_path / "a.m4a", seconds)
    else:
        make_video(tmp_path / "a.mp4", seconds, fps=25, with_audio=kind == "both")
    (source,) = tmp_path.glob("a.*")
    media = asyncio.run(make_stream(source, tmp_path / "hls"))
    master = (tmp_path / "hls" / MASTER).read_text()
    (variant,) = re.findall(rf"#EXT-X-STREAM-INF:(.*)\n{RENDITION}\n", master)
    assert int(re.search(r"(?<![-A-Z])BANDWIDTH=(\d+)", variant)[1]) > 0  # type: ignore[index]
    assert ("avc1.42" in variant) == ("RESOLUTION=128x72" in variant) == (kind != "audio")
    assert ("mp4a.40.2" in variant) == (kind != "silent")
    assert "#EXT-X-TARGETDURATION:1\n" in (tmp_path / "hls" / RENDITION).read_text()
    assert 0 < media_seconds(tmp_path / "hls" / MASTER) <= media.duration + 0.1


@pytest.mark.parametrize(("seconds", "fps"), [(0.12, 25), (2, 1)])
def test_a_picture_is_found_in_the_shortest_video_however_long_its_sound(
    tmp_path: Path, seconds: float, fps: int
) -> None:
    source = make_video(tmp_path / "a.mp4", seconds, fps=fps, audio_seconds=20)
    media = asyncio.run(make_stream(source, tmp_path / "hls"))
    playlist = tmp_path / "hls" / RENDITION
    for n, at in enumerate((0.0, media.duration / 2, media.duration)):
        asyncio.run(make_picture(playlist, tmp_path / f"{n}.jpg", at, "64:-2"))
        assert (tmp_path / f"{n}.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_where_frames_are_far_apart_the_first_one_is_the_picture(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mkv", 40, fps=1, with_audio=False)
    asyncio.run(make_stream(source, tmp_path / "hls"))
    playlist = tmp_path / "hls" / RENDITION
    # As if only the first segment held any.
    first, *others = sorted((tmp_path / "hls").glob("*.ts"))
    for other in others:
        other.write_bytes(b"")
    asyncio.run(make_picture(playlist, tmp_path / "a.jpg", 20.0, "64:-2"))
    assert (tmp_path / "a.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert first.stat().st_size


def test_there_is_no_picture_of_a_sound(videos: dict[str, Path], tmp_path: Path) -> None:
    asyncio.run(make_stream(videos["audio"], tmp_path / "hls"))
    with pytest.raises(MediaError):
        asyncio.run(make_picture(tmp_path / "hls" / RENDITION, tmp_path / "a.jpg", 1, "64:-2"))
    assert not list(tmp_path.glob("*.jpg"))


def test_ffmpeg_ends_with_its_caller(tmp_path: Path) -> None:
    endless = ("-re", "-f", "lavfi", "-i", "testsrc=size=64x36:rate=1", tmp_path / "endless.mkv")
    begin = asyncio.create_subprocess_exec

    async def break_off() -> asyncio.subprocess.Process:
        begun: asyncio.Queue[asyncio.subprocess.Process] = asyncio.Queue()

        async def remembered(*command: str, **options: Any) -> asyncio.subprocess.Process:  # noqa: ANN401 - passed on
            child = await begin(*command, **options)
            begun.put_nowait(child)
            return child

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(asyncio, "create_subprocess_exec", remembered)
            task = asyncio.create_task(run_ffmpeg(*endless))
            child = await begun.get()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return child

    assert asyncio.run(break_off()).returncode == -9
