"""Tell from what ffmpeg prints whether a file that it could encode is damaged."""

import re

# These lines say that a file ends within its media, or that its structure or a coded picture breaks
# off. Other errors are no signs of damage, because whole files cause them too. One is a recording
# of a broadcast that begins between two key frames: decoders refuse its first packets.
_SIGNS = (
    r": partial file$",
    r"File ended prematurely",
    r"EBML number's first byte .* exceeds max length",
    r"exceeds containing master element",
    r"Invalid NAL unit size",
    r"Error splitting the input into NAL units",
    r"error while decoding MB",
    r"Error at MB",
    r"Failed to parse temporal unit",
    r"LZW decode failed",
)
_ANY_SIGN = re.compile("|".join(_SIGNS), re.MULTILINE)


def shows_damage(text: str) -> bool:
    """Return whether the text that ffmpeg wrote to stderr shows that its input is damaged."""
    return _ANY_SIGN.search(text) is not None
