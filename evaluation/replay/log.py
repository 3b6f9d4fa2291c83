"""A log of who watched what and when, checked as it is read.

One row is one watch. The columns `viewer`, `post` and `time` are needed; `watch_ratio`, `liked`,
`creator`, `tags`, `caption`, `published_at` and `duration` (seconds) are used where they are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluation.replay.columns import (
    LogError,
    as_array,
    codes,
    parsed,
    plain,
    row_number,
    tag_list,
    times,
    truth,
)
from evaluation.replay.files import read_columns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

NEEDED = ("viewer", "post", "time")
OPTIONAL = ("watch_ratio", "liked", "creator", "tags", "caption", "published_at", "duration")
_DAY_S = 86_400.0


@dataclass(frozen=True, eq=False)
class Post:
    """What the log says of a post.

    Attributes:
        creator: Whoever made it; empty where the log does not say.
        tags: Its tags.
        published_s: When it came out, in seconds since 1970.
        duration_ms: Its length; None where the log does not say.
        caption: What its creator wrote; empty where the log does not say.
    """

    creator: str
    tags: tuple[str, ...]
    published_s: float
    duration_ms: int | None
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Log:
    """Watches in the order of their times.

    Attributes:
        viewer: Index of the viewer of each watch, shape (n,).
        post: Index of the post of each watch, shape (n,).
        at_s: Time of each watch in seconds since 1970, growing, shape (n,).
        ratio: Share of the post that was watched, in [0, 1], shape (n,).
        liked: Whether the watch came with a like, shape (n,).
        viewers: The number of viewers.
        posts: The posts by index.
    """

    viewer: NDArray[np.int64]
    post: NDArray[np.int64]
    at_s: NDArray[np.float64]
    ratio: NDArray[np.float64]
    liked: NDArray[np.bool_]
    viewers: int
    posts: tuple[Post, ...]

    def __len__(self) -> int:
        return len(self.at_s)


def read_log(path: Path) -> Log:
    """Read a log from a CSV file with a header, or from a Parquet file (`.parquet`).

    Raises:
        LogError: The file is missing or no such log; the text names the row.
    """
    return from_columns(read_columns(path))


def from_columns(columns: Mapping[str, Any]) -> Log:
    """A log of columns by name, each an Arrow array or a sequence.

    Raises:
        LogError: They make no log that can be replayed; the text names the row.
    """
    if unknown := columns.keys() - {*NEEDED, *OPTIONAL}:
        raise LogError(
            f"unknown column {min(unknown)!r:.60}: known are {', '.join((*NEEDED, *OPTIONAL))}"
        )
    if missing := [name for name in NEEDED if name not in columns]:
        raise LogError(f"the column {missing[0]!r} is missing")
    arrays = {name: plain(name, as_array(column)) for name, column in columns.items()}
    length = len(arrays["time"])
    if not length:
        raise LogError("the log has no rows")
    if uneven := [name for name, array in arrays.items() if len(array) != length]:
        raise LogError(f"the column {uneven[0]!r} is not as long as the others")
    viewer, viewers = codes("viewer", arrays["viewer"])
    post, posts = codes("post", arrays["post"])
    at_s = times("time", arrays["time"], required=True)
    backwards = np.flatnonzero(np.diff(at_s) < 0)
    if len(backwards):
        raise LogError(
            f"row {row_number(backwards[0] + 1)}: the time is before that of the row above; "
            "sort the log by time"
        )
    for name, count in (("viewer", viewers), ("post", posts)):
        if count < 2:  # noqa: PLR2004  # with one there is nothing to choose or to compare
            raise LogError(
                f"rows 2 to {row_number(length - 1)}: the log has one {name} only: nothing can be "
                "ranked"
            )
    return Log(
        viewer=viewer,
        post=post,
        at_s=at_s,
        ratio=_ratios(arrays.get("watch_ratio"), length),
        liked=_flags(arrays.get("liked"), length),
        viewers=viewers,
        posts=_posts(arrays, post, at_s),
    )


def _ratios(column: pa.Array | None, length: int) -> NDArray[np.float64]:
    """Watch ratios; a watch of which the log says no more counts as watched to the end."""
    if column is None:
        return np.ones(length)
    found = np.nan_to_num(parsed("watch_ratio", column, float), nan=1.0)
    if len(bad := np.flatnonzero((found < 0.0) | (found > 1.0))):
        raise LogError(
            f"row {row_number(bad[0])}: watch_ratio is {found[bad[0]]:g}, and must lie in [0, 1]"
        )
    return found


def _flags(column: pa.Array | None, length: int) -> NDArray[np.bool_]:
    if column is None:
        return np.zeros(length, dtype=bool)
    return np.nan_to_num(parsed("liked", column, truth)) > 0.0


def _posts(
    arrays: Mapping[str, pa.Array], post: NDArray[np.int64], at_s: NDArray[np.float64]
) -> tuple[Post, ...]:
    """What the log says of each post: the first row that says something decides."""
    _, first = np.unique(post, return_index=True)
    published = at_s[first].copy()
    if "published_at" in arrays:
        given = times("published_at", arrays["published_at"], required=False)
        known = np.flatnonzero(~np.isnan(given))[::-1]
        if len(late := np.flatnonzero(given > at_s)):
            raise LogError(
                f"row {row_number(late[0])}: the post was published after it was watched"
            )
        published[post[known]] = given[known]  # assigned from the last row to the first
    durations: dict[int, int] = {}
    if "duration" in arrays:
        seconds = parsed("duration", arrays["duration"], float)
        if len(bad := np.flatnonzero((seconds <= 0.0) | (seconds > _DAY_S))):
            raise LogError(f"row {row_number(bad[0])}: duration must lie within a day, in seconds")
        for row in np.flatnonzero(~np.isnan(seconds)):
            durations.setdefault(int(post[row]), max(round(1000 * seconds[row]), 1))
    creators = _first_values(arrays.get("creator"), post)
    tags = _first_values(arrays.get("tags"), post)
    captions = _first_values(arrays.get("caption"), post)
    return tuple(
        Post(
            str(creators[i][1]) if i in creators else "",
            tag_list(*tags[i]) if i in tags else (),
            float(published[i]),
            durations.get(i),
            str(captions[i][1]) if i in captions else "",
        )
        for i in range(len(first))
    )


def _first_values(column: pa.Array | None, post: NDArray[np.int64]) -> dict[int, tuple[int, Any]]:
    """The first value that is not empty of each post, with the index of its row."""
    found: dict[int, tuple[int, Any]] = {}
    if column is not None:
        values = zip(post.tolist(), column.to_pylist(), strict=True)
        for row, (index, value) in enumerate(values):
            if value not in (None, "", []):
                found.setdefault(index, (row, value))
    return found
