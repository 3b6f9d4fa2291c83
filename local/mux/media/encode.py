"""Turn files into HLS streams, as Mux would stream them. The encoding is quick, not good."""

import math
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from local.mux.errors import MediaError
from local.mux.media.damage import shows_damage
from local.mux.media.ffmpeg import last_line, run_ffmpeg
from local.mux.media.playlists import make_whole
from local.mux.media.probe import INPUT_LIMITS, Contents, probe
from local.mux.media.tracks import measure_tracks
from local.mux.records import MOST_FRAMES, Media

MASTER = "master.m3u8"
RENDITION = "rendition.m3u8"
LONGEST_SIDE = 640
MOST_CHANNELS = 2
# Headers of browsers' recordings hold a clock, or nothing, in the place of the frame rate.
HIGHEST_RATE = 120
USUAL_RATE = 25
UNKNOWN_RATE = -1.0
# Sound always ends a few packets after the picture. More than this has to be padded.
LONGER_SOUND = 0.25
# Keep the shape, make pixels square, never enlarge, and give x264 the even sides that it needs.
_LONGER = f"min(1,{LONGEST_SIDE}/max(iw*sar,ih))"
_SCALE = f"scale=w='max(2,trunc(iw*sar*{_LONGER}/2)*2)':h='max(2,trunc(ih*{_LONGER}/2)*2)',setsar=1"
_VIDEO = (
    *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "30"),
    *("-pix_fmt", "yuv420p", "-force_key_frames", "expr:gte(t,n_forced*4)"),
)
# The fast coder takes half the time of the one that sounds better.
_AUDIO = ("-c:a", "aac", "-aac_coder", "fast", "-b:a", "64k")
_HLS = ("-f", "hls", "-hls_time", "4", "-hls_list_size", "0", "-hls_playlist_type", "vod")
_SEGMENT_SECONDS = re.compile(r"#EXTINF:([\d.]+)")


@dataclass(frozen=True)
class Job:
    """One encoding.

    Attributes:
        source: An uploaded file, or the rendition playlist of another stream.
        folder: The folder for `MASTER`, `RENDITION` and the segments.
        contents: What the source holds.
        clip: The start and end in seconds of the source. An end of None means its end.
    """

    source: Path
    folder: Path
    contents: Contents
    clip: tuple[float, float | None]


async def make_stream(
    source: Path, folder: Path, clip: tuple[float, float | None] | None = None
) -> Media:
    """Encode a file, or a part of it, into an HLS stream.

    Args:
        source: An uploaded file, or the rendition playlist of another stream.
        folder: The folder for `MASTER`, `RENDITION` and the segments.
        clip: The start and end in seconds of the source, accurate to the frame. An end of None
            means its end.

    Returns:
        What the stream holds. The durations are those of what could be decoded. They differ from
        the headers of the file by rounding, and by more where the file was cut off.

    Raises:
        MediaError: The file cannot be read or decoded.
    """
    contents = await (_probe_stream(source) if _is_playlist(source) else probe(source))
    both = contents.video is not None and contents.audio is not None
    try:
        return await _make(Job(source, folder, contents, clip or (0.0, None)))
    except MediaError:
        if clip is None or not both or _is_playlist(source):
            raise
    # The picture may end before the clip begins. In the whole stream its last frame is repeated.
    whole = folder.with_name(f"{folder.name}-whole")
    try:
        await make_stream(source, whole)
        return await make_stream(whole / RENDITION, folder, clip)
    finally:
        shutil.rmtree(whole, ignore_errors=True)


async def _make(job: Job) -> Media:
    folder, contents, media = job.folder, job.contents, job.contents.media
    _empty(folder)
    if contents.video is not None and not 0 < (media.frame_rate or 0) <= HIGHEST_RATE:
        media.frame_rate = await _measured_rate(job)
    media.damaged = await _encode(job)
    picture = stream_seconds(folder / RENDITION)
    sound = await _sound_seconds(folder)
    if contents.video is not None and sound > picture + LONGER_SOUND:
        await _encode(job, padding=sound - picture)
    make_whole(folder / MASTER, folder / RENDITION, media, _scaled(media))
    media.video_duration = picture if contents.video is not None else None
    media.audio_duration = sound if contents.audio is not None else None
    media.duration = round(max(picture, sound), 6)
    return media


def stream_seconds(playlist: Path) -> float:
    """Return the length of an HLS stream in seconds, or 0 where there is none."""
    if not playlist.exists():
        return 0.0
    return round(sum(map(float, _SEGMENT_SECONDS.findall(playlist.read_text()))), 6)


def limits(source: Path) -> tuple[str, ...]:
    """Return the options that limit what ffmpeg may open. Playlists are our own."""
    if _is_playlist(source):
        # Few frames beside a long sound come late in the stream. ffmpeg has to look for them.
        return ("-protocol_whitelist", "file", "-analyzeduration", "1G", "-probesize", "1G")
    return INPUT_LIMITS


async def _encode(job: Job, padding: float = 0.0) -> bool:
    """Run one encoding, and return whether the source turned out to be damaged.

    `padding` repeats the last frame for so many seconds.
    """
    start, end = job.clip
    seek = ("-ss", f"{start:.3f}") if start else ()
    cut = ("-t", f"{end - start:.3f}") if end is not None else ()
    folder = job.folder
    _empty(folder)
    code, text = await run_ffmpeg(
        *("-v", "error", "-threads", "1", *limits(job.source), *seek, *cut, "-i", job.source),
        *_video_options(job.contents, padding),
        *_audio_options(job.contents),
        *(*cut, "-threads", "1", *_HLS, "-master_pl_name", MASTER),
        *("-hls_segment_filename", folder / "%05d.ts", folder / RENDITION),
    )
    whole = (folder / MASTER).exists() and stream_seconds(folder / RENDITION) > 0
    if code or not whole:
        raise MediaError(f"The input could not be decoded: {last_line(text)}")
    return shows_damage(text)


def _video_options(contents: Contents, padding: float) -> tuple[str, ...]:
    if contents.video is None:
        return ("-vn",)
    rate = contents.media.frame_rate or 0
    frames = rate if 1 <= rate <= MOST_FRAMES else float(USUAL_RATE)
    filters = _SCALE
    if padding:
        # tpad repeats frames at the rate of its input, which may be a clock's.
        filters += f",fps={frames:.3f},tpad=stop_mode=clone:stop_duration={padding:.3f}"
    most = min(MOST_FRAMES, max(1, math.ceil(rate))) if rate > 0 else MOST_FRAMES
    chosen = ("-map", f"0:{contents.video}", "-vf", filters, "-fpsmax", str(most))
    return (*chosen, *_VIDEO)


def _audio_options(contents: Contents) -> tuple[str, ...]:
    if contents.audio is None:
        return ("-an",)
    channels = min(contents.media.channels or 1, MOST_CHANNELS)
    return ("-map", f"0:{contents.audio}", *_AUDIO, "-ac", str(channels))


async def _measured_rate(job: Job) -> float:
    """Return the frames a second of a source whose header does not say them, or `UNKNOWN_RATE`."""
    listing, chosen = job.folder / "packets.txt", ("-map", f"0:{job.contents.video}")
    tracks = await measure_tracks(job.source, listing, limits(job.source), chosen)
    if not tracks or tracks[0].last <= tracks[0].start:
        return UNKNOWN_RATE
    # The header may not say either how long the last frame lasts.
    rate = (tracks[0].packets - 1) / (tracks[0].last - tracks[0].start)
    return round(min(rate, HIGHEST_RATE), 3)


async def _sound_seconds(folder: Path) -> float:
    """Return where the sound of a stream ends, in seconds from the stream's start."""
    playlist = folder / RENDITION
    tracks = await measure_tracks(playlist, folder / "packets.txt", limits(playlist))
    sound = [track.end for track in tracks if track.kind == "audio"]
    return round(max(sound) - min(track.start for track in tracks), 6) if sound else 0.0


async def _probe_stream(playlist: Path) -> Contents:
    segments = sorted(playlist.parent.glob("*.ts"))
    if not segments:
        raise MediaError("The source has no stream")
    return await probe(segments[0])


def _scaled(media: Media) -> tuple[int, int] | None:
    """Return width and height as `_SCALE` makes them. None without a picture."""
    if media.width is None or media.height is None:
        return None
    factor = min(1.0, LONGEST_SIDE / max(media.width, media.height))
    width, height = (max(2, int(side * factor / 2) * 2) for side in (media.width, media.height))
    return width, height


def _is_playlist(source: Path) -> bool:
    return source.suffix == ".m3u8"


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
