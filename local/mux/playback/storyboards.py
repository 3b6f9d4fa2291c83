"""Storyboards: many small pictures of a stream in one, and where each of them is."""

from dataclasses import dataclass
from urllib.parse import urlencode

from local.mux.playback.streams import Stream
from local.mux.records import Json

COLUMNS = 5
TILE_HEIGHT = 160
LONG_SECONDS = 900
TILES, TILES_OF_LONG = 50, 100


@dataclass(frozen=True)
class Storyboard:
    """The storyboard of a part of a stream.

    Attributes:
        stream: A stream with a picture.
        span: The part, in seconds.
    """

    stream: Stream
    span: tuple[float, float]

    @property
    def tile_size(self) -> tuple[int, int]:
        """Width and height of a tile in pixels. The width is even, as encoders need it."""
        width, height = self.stream.size or (1, 1)
        return max(2, round(TILE_HEIGHT * width / height / 2) * 2), TILE_HEIGHT

    @property
    def source_span(self) -> tuple[float, float]:
        """The part of the stream's files that the picture shows."""
        if self.stream.period is None:
            return self.span
        return 0.0, self.stream.period

    @property
    def source_tiles(self) -> int:
        """The number of tiles of the picture: at most one a second."""
        start, end = self.source_span
        most = TILES if self.stream.duration < LONG_SECONDS else TILES_OF_LONG
        return max(1, min(most, int(end - start)))

    def tiles(self) -> list[Json]:
        """Return the start of each tile in seconds, and its place in the picture in pixels."""
        start, end = self.span
        most = TILES if self.stream.duration < LONG_SECONDS else TILES_OF_LONG
        count = max(1, min(most, int(end - start)))
        width, height = self.tile_size
        tiles = []
        for number in range(count):
            at = (end - start) * number / count
            source, period = number, self.stream.period
            if period is not None:
                source = int((start + at) % period / period * self.source_tiles)
            place = {"x": source % COLUMNS * width, "y": source // COLUMNS * height}
            tiles.append({"start": round(at, 3), **place})
        return tiles

    def json(self, url: str) -> Json:
        """Return the description of the storyboard as JSON."""
        width, height = self.tile_size
        start, end = self.span
        return {
            "url": url,
            "tile_width": width,
            "tile_height": height,
            "duration": round(end - start, 6),
            "tiles": self.tiles(),
        }

    def vtt(self, url: str) -> str:
        """Return the description of the storyboard as WebVTT."""
        width, height = self.tile_size
        tiles = self.tiles()
        ends = [tile["start"] for tile in tiles[1:]] + [self.span[1] - self.span[0]]
        cues = [
            f"{_clock(tile['start'])} --> {_clock(end)}\n"
            f"{url}#xywh={tile['x']},{tile['y']},{width},{height}\n"
            for tile, end in zip(tiles, ends, strict=True)
        ]
        return "WEBVTT\n\n" + "\n".join(cues)


def picture_url(base_url: str, playback_id: str, suffix: str, query: dict[str, object]) -> str:
    """Return the address of a storyboard's picture."""
    asked = f"?{urlencode(query)}" if query else ""
    return f"{base_url}/{playback_id}/storyboard.{suffix}{asked}"


def _clock(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
