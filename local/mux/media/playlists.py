"""Complete, cut and address the playlists of streams."""

import math
import re
from pathlib import Path

from local.mux.records import Media

_NO_TARGET = "#EXT-X-TARGETDURATION:0\n"
_VARIANT = "#EXT-X-STREAM-INF:"
_SOUND = "mp4a.40.2"
# The parameter set that an H.264 stream begins with: profile, constraints and level.
_PARAMETERS = re.compile(rb"\x00\x00\x01[\x67\x47\x27](...)", re.DOTALL)
_SEGMENT = re.compile(
    r"(?:#EXT-X-DISCONTINUITY\n)?#EXTINF:(?P<seconds>[\d.]+),[^\n]*\n(?P<name>[^#\n][^\n]*)\n"
)


def make_whole(
    master: Path, rendition: Path, media: Media, picture: tuple[int, int] | None
) -> None:
    """Add what ffmpeg leaves out of the playlists of streams of half a second and less.

    ffmpeg counts such a stream as 0 seconds long. It then knows no bandwidth, and leaves a
    variant without a bandwidth out of the master playlist.

    Args:
        master: The master playlist.
        rendition: The playlist of the only rendition, beside its segments.
        media: What the stream holds.
        picture: Width and height in pixels. None without a picture.
    """
    text = rendition.read_text()
    if _NO_TARGET in text:
        rendition.write_text(text.replace(_NO_TARGET, "#EXT-X-TARGETDURATION:1\n"))
    seconds = sum(float(segment["seconds"]) for segment in _SEGMENT.finditer(text))
    text = master.read_text()
    if _VARIANT in text:
        return
    stream = b"".join(part.read_bytes() for part in sorted(rendition.parent.glob("*.ts")))
    bandwidth = math.ceil(len(stream) * 8 / seconds)
    about = [f"BANDWIDTH={bandwidth}", f"AVERAGE-BANDWIDTH={bandwidth}"]
    codecs = []
    if picture:
        about.append(f"RESOLUTION={picture[0]}x{picture[1]}")
        found = _PARAMETERS.search(stream)
        codecs += [f"avc1.{found[1].hex()}"] if found else []
    if media.channels is not None:
        codecs.append(_SOUND)
    about.append(f'CODECS="{",".join(codecs)}"')
    master.write_text(f"{text.rstrip()}\n{_VARIANT}{','.join(about)}\n{rendition.name}\n")


def cut_playlist(text: str, start: float, end: float) -> str:
    """Return a rendition playlist with only the segments that overlap a part of the stream.

    Args:
        text: The rendition playlist.
        start: The start of the part, in seconds.
        end: Its end.
    """
    at = 0.0

    def kept(segment: re.Match[str]) -> str:
        nonlocal at
        begins, at = at, at + float(segment["seconds"])
        return segment[0] if begins < end and at > start else ""

    return _SEGMENT.sub(kept, text)


def with_query(text: str, query: str) -> str:
    """Return a rendition playlist whose segments carry a query."""
    return _SEGMENT.sub(lambda segment: f"{segment[0].rstrip()}?{query}\n", text)
