"""The protocol of a direct upload: one PUT, or sequential PUTs with a Content-Range.

It is the protocol of resumable uploads to Google Cloud Storage, which Mux uses.
"""

import re
from dataclasses import dataclass

CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)\Z")


class RangeRefusedError(ValueError):
    """A Content-Range breaks the protocol. The text says how."""


@dataclass(frozen=True)
class ContentRange:
    """A parsed Content-Range. `first` and `last` are None in a status query."""

    first: int | None
    last: int | None
    total: int | None

    @property
    def length(self) -> int:
        """Return the number of bytes of the body."""
        return 0 if self.first is None or self.last is None else self.last - self.first + 1


def parse_range(header: str) -> ContentRange:
    """Parse a Content-Range.

    Raises:
        RangeRefusedError: It is malformed, or its length is not a multiple of 256 KiB although
            the chunk is not the last one.
    """
    found = _RANGE.match(header.strip())
    if not found:
        raise RangeRefusedError("Content-Range is neither bytes a-b/total nor bytes */total")
    total = None if found[3] == "*" else int(found[3])
    if found[1] is None:
        return ContentRange(None, None, total)
    first, last = int(found[1]), int(found[2])
    if last < first or (total is not None and last >= total):
        raise RangeRefusedError("Content-Range lies outside the file")
    final = total is not None and last + 1 == total
    if not final and (last - first + 1) % CHUNK:
        raise RangeRefusedError(f"Each chunk but the last is a multiple of {CHUNK} bytes")
    return ContentRange(first, last, total)


def bytes_to_skip(received: int, asked: ContentRange) -> int | None:
    """Return how many bytes of a chunk have already been received.

    Args:
        received: The bytes received so far.
        asked: The range of the chunk.

    Returns:
        The number of bytes, which is the whole length for a repeated chunk. None for a chunk that
        would leave a gap. Nothing of such a chunk is kept.
    """
    if asked.first is None or asked.first > received:
        return None
    return min(received - asked.first, asked.length)


def whole_chunks(received: int) -> int:
    """Return how many bytes of an interrupted request are kept."""
    return received // CHUNK * CHUNK


def range_header(received: int) -> dict[str, str]:
    """Return the Range header of a 308 answer. There is none before the first byte."""
    return {"range": f"bytes=0-{received - 1}"} if received else {}
