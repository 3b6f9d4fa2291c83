"""The protocol of a direct upload: one PUT, or sequential PUTs with a Content-Range.

It is that of Google Cloud Storage's resumable uploads, which Mux hands out.
"""

import re
from dataclasses import dataclass

CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)\Z")


class RangeRefusedError(ValueError):
    """A Content-Range that breaks the protocol; its text says how."""


@dataclass(frozen=True)
class ContentRange:
    """A parsed Content-Range; `first` and `last` are None in a question for the status."""

    first: int | None
    last: int | None
    total: int | None

    @property
    def length(self) -> int:
        """Return how many bytes the body has."""
        return 0 if self.first is None or self.last is None else self.last - self.first + 1


def parse_range(header: str) -> ContentRange:
    """Return what a Content-Range says.

    Raises:
        RangeRefusedError: It is malformed, or is no chunk that may be sent: only the last one may
            be other than a multiple of 256 KiB.
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
    """Return how many bytes of a chunk are already there.

    Args:
        received: Bytes received so far.
        asked: The chunk.

    Returns:
        The number, which is the chunk's length for a repeated one; None for a chunk that leaves
        a gap, of which nothing is to be kept.
    """
    if asked.first is None or asked.first > received:
        return None
    return min(received - asked.first, asked.length)


def whole_chunks(received: int) -> int:
    """Return how much of a broken-off request is kept."""
    return received // CHUNK * CHUNK


def range_header(received: int) -> dict[str, str]:
    """Return the Range header of a 308 answer; none while nothing was received."""
    return {"range": f"bytes=0-{received - 1}"} if received else {}
