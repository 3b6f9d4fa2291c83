"""`python -m evaluation.replay.movielens WHEEL LOG`: MovieLens-100k as a log.

The wheel of `recbole` carries the ratings. They came in over seven months; divided by 168 the
times pass as fast as those of a short-video app. A rating stands for how much was watched.
"""

from __future__ import annotations

import csv
import io
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import parquet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FOLDER = "recbole/dataset_example/ml-100k/ml-100k"
_COMPRESSED = 168.0  # a week passes in an hour
_START_S = datetime(2039, 12, 1, tzinfo=UTC).timestamp()
_WATCHED = {1: 0.1, 2: 0.3, 3: 0.6, 4: 0.9, 5: 1.0}  # share of a film that a rating stands for
_LIKED = 5


def convert(wheel: Path) -> pa.Table:
    """The ratings in the wheel as the columns of a log, in the order of their times."""
    with zipfile.ZipFile(wheel) as archive:
        ratings = [
            (float(at), user, item, round(float(rating)))
            for user, item, rating, at in _rows(archive, ".inter")
        ]
        kinds = {row[0]: row[3].split() for row in _rows(archive, ".item")}
    ratings.sort(key=lambda row: row[0])  # stable: equal times keep their order
    first_s = ratings[0][0]
    return pa.table(
        {
            "viewer": [user for _, user, _, _ in ratings],
            "post": [item for _, _, item, _ in ratings],
            "time": [_START_S + (at - first_s) / _COMPRESSED for at, _, _, _ in ratings],
            "watch_ratio": [_WATCHED[rating] for _, _, _, rating in ratings],
            "liked": [rating == _LIKED for _, _, _, rating in ratings],
            "tags": [kinds.get(item, []) for _, _, item, _ in ratings],
        }
    )


def _rows(archive: zipfile.ZipFile, suffix: str) -> Iterator[list[str]]:
    """The rows of one of the set's files, without its header."""
    text = archive.read(_FOLDER + suffix).decode()
    rows = csv.reader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    next(rows)
    yield from rows


def main(arguments: Sequence[str]) -> int:
    """Write the log; returns the exit status."""
    wheel, target = map(Path, arguments)
    parquet.write_table(convert(wheel), target)
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
