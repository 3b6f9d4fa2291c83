"""Find the stream of a playback id, and check that the request may have it."""

from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from local.mux.errors import MediaError, MuxError
from local.mux.media.encode import RENDITION
from local.mux.media.samples import CLIP_SECONDS, Sample, SampleClips, parse_sample_id
from local.mux.playback.parameters import Parameters
from local.mux.playback.tokens import verify
from local.mux.records import Asset
from local.mux.stand_in import StandIn


@dataclass(frozen=True)
class Stream:
    """What a playback id plays.

    Attributes:
        playback_id: The playback id.
        folder: The folder of the master playlist, the segments and the pictures.
        playlist: The text of the rendition playlist.
        duration: The length in seconds.
        size: Width and height in pixels as displayed. None without a picture.
        period: The seconds after which the pictures repeat. None where they do not repeat.
    """

    playback_id: str
    folder: Path
    playlist: str
    duration: float
    size: tuple[int, int] | None
    period: float | None = None

    @property
    def rendition(self) -> Path:
        """The path of the rendition playlist, from which pictures are taken."""
        return self.folder / RENDITION

    def picture_span(self, start: float, end: float) -> tuple[float, float]:
        """Return the part of `rendition` that shows what the stream shows in a span."""
        if self.period is None:
            return start, end
        length = min(end - start, self.period)
        start = min(start % self.period, self.period - length)
        return start, start + length


class Streams:
    """The streams of the assets and of the samples."""

    def __init__(self, stand_in: StandIn) -> None:
        self._state = stand_in.state
        self._files = stand_in.files
        self._samples: SampleClips = stand_in.samples

    async def find(self, request: Request, kind: str) -> tuple[Stream, Parameters]:
        """Return the stream of a request, and the parameters that apply to it.

        Args:
            request: A request with the path parameter `playback_id`.
            kind: What is asked for, a key of `tokens.AUDIENCES`.

        Raises:
            MuxError: There is no such stream (404), the request may not have it (403), or it is
                not ready (412).
        """
        playback_id = request.path_params["playback_id"]
        sample = parse_sample_id(playback_id)
        if sample is not None:
            return await self._sample(playback_id, sample), Parameters(request.query_params)
        asset, playback = self._state.find_playback(playback_id)
        token = request.query_params.get("token", "")
        if playback.policy == "signed":
            claims = verify(token, playback_id, kind, self._state.signing_keys)
            parameters = Parameters(claims, token)
        elif token:
            raise MuxError(403, "forbidden", "A public playback id takes no token")
        else:
            parameters = Parameters(request.query_params)
        return self._stream(playback_id, asset), parameters

    def _stream(self, playback_id: str, asset: Asset) -> Stream:
        media = asset.media
        if asset.status != "ready" or media is None:
            raise MuxError(412, "not_ready", f"The asset is {asset.status}")
        folder = self._files.stream(asset.id)
        size = (media.width, media.height) if media.width and media.height else None
        text = (folder / RENDITION).read_text()
        return Stream(playback_id, folder, text, media.duration, size)

    async def _sample(self, playback_id: str, sample: Sample) -> Stream:
        try:
            folder = await self._samples.folder(sample.clip)
        except MediaError as error:
            raise MuxError(500, "internal", str(error)) from error
        seconds, size = float(sample.seconds), sample.clip.size
        return Stream(playback_id, folder, sample.playlist(), seconds, size, CLIP_SECONDS)
