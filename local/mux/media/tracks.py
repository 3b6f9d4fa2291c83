"""Measure the tracks of a file by reading all of its packets, without decoding them."""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from local.mux.media.ffmpeg import run_ffmpeg

_TIME_BASE = re.compile(r"#tb (\d+): (\d+)/(\d+)")
_KIND = re.compile(r"#media_type (\d+): (\w+)")


@dataclass
class Track:
    """A track of a file. Times are seconds.

    Attributes:
        kind: `video` or `audio`.
        start: The time of its first packet.
        last: The time of its last packet.
        end: The end of its last packet.
        packets: The number of its packets.
    """

    kind: str
    start: float
    last: float
    end: float
    packets: int


async def measure_tracks(
    source: Path, listing: Path, opened: tuple[str, ...], chosen: tuple[str, ...] = ()
) -> list[Track]:
    """Return the tracks of a file that have packets.

    Args:
        source: The file.
        listing: A path for the list of packets, which is deleted again.
        opened: The options with which the file is opened.
        chosen: The options that choose tracks. By default they are the best of each kind.
    """
    try:
        await run_ffmpeg(
            *("-v", "error"),
            *opened,
            *("-i", source),
            *chosen,
            *("-c", "copy", "-f", "framecrc", listing),
        )
        return parse_packets(_read(listing))
    finally:
        _delete(listing)


def parse_packets(text: str) -> list[Track]:
    """Return the tracks in a list of packets, as ffmpeg's `framecrc` format writes it."""
    bases: dict[str, Fraction] = {}
    kinds: dict[str, str] = {}
    tracks: dict[str, Track] = {}
    for line in text.splitlines():
        if base := _TIME_BASE.match(line):
            bases[base[1]] = Fraction(int(base[2]), int(base[3]))
        elif kind := _KIND.match(line):
            kinds[kind[1]] = kind[2]
        elif line and not line.startswith("#"):
            stream, _, shown, length, *_ = (field.strip() for field in line.split(","))
            start = float(int(shown) * bases[stream])
            end = start + float(int(length) * bases[stream])
            track = tracks.setdefault(stream, Track(kinds.get(stream, ""), start, start, end, 0))
            track.start, track.last = min(track.start, start), max(track.last, start)
            track.end = max(track.end, end)
            track.packets += 1
    return list(tracks.values())


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _delete(path: Path) -> None:
    path.unlink(missing_ok=True)
