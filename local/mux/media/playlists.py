"""Makes whole what ffmpeg leaves out of the playlists of streams of half a second and less.

It counts such a stream as 0 seconds long, knows no bandwidth then, and leaves out a variant without
one.
"""

import math
import re
from pathlib import Path

from local.mux.records import Media

_NO_TARGET = "#EXT-X-TARGETDURATION:0\n"
_VARIANT = "#EXT-X-STREAM-INF:"
_SOUND = "mp4a.40.2"
# The parameter set that an H.264 stream begins with: profile, constraints and level.
_PARAMETERS = re.compile(rb"\x00\x00\x01[\x67\x47\x27](...)", re.DOTALL)


def make_whole(
    master: Path, rendition: Path, media: Media, picture: tuple[int, int] | None
) -> None:
    """See that the master names its rendition, and that the target duration is 1 at least.

    Args:
        master: The master playlist.
        rendition: The only rendition's playlist, beside its segments.
        media: What the stream holds.
        picture: Its width and height in pixels; None without a picture.
    """
    text = rendition.read_text()
    if _NO_TARGET in text:
        rendition.write_text(text.replace(_NO_TARGET, "#EXT-X-TARGETDURATION:1\n"))
    text = master.read_text()
    if _VARIANT in text:
        return
    stream = b"".join(part.read_bytes() for part in sorted(rendition.parent.glob("*.ts")))
    bandwidth = math.ceil(len(stream) * 8 / media.duration)
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
