"""A log is checked as it is read, and an error names the row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyarrow import parquet

from evaluation.replay.columns import LogError
from evaluation.replay.log import from_columns, read_log

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "viewer,post,time\na,x,100\nb,y,160\n"


def _read(tmp_path: Path, text: str) -> object:
    path = tmp_path / "log.csv"
    path.write_text(text, encoding="utf-8")
    return read_log(path)


def test_a_log_needs_no_more_than_viewer_post_and_time(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(GOOD)
    log = read_log(path)
    assert log.viewer.tolist() == [0, 1]
    assert log.post.tolist() == [0, 1]
    assert log.at_s.tolist() == [100.0, 160.0]
    assert log.ratio.tolist() == [1.0, 1.0]
    assert log.liked.tolist() == [False, False]
    assert [post.published_s for post in log.posts] == [100.0, 160.0]


def test_what_the_log_says_of_posts_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "viewer,post,time,watch_ratio,liked,creator,tags,published_at,duration\n"
        "a,x,2026-01-01T00:00:10Z,0.5,true,c,news|köln,2026-01-01,12.5\n"
        "b,x,2026-01-01T00:00:20Z,,no,,,,\n"
        "b,y,2026-01-01T00:00:30Z,1,1,d,,,\n"
    )
    log = read_log(path)
    first, second = log.posts
    assert first.creator == "c"
    assert first.tags == ("news", "köln")
    assert first.duration_ms == 12_500
    assert log.at_s[0] - first.published_s == 10.0
    assert second.tags == ()
    assert log.ratio.tolist() == [0.5, 1.0, 1.0]
    assert log.liked.tolist() == [True, False, True]


def test_csv_and_parquet_read_alike(tmp_path: Path) -> None:
    table = pa.table(
        {
            "viewer": ["a", "b"],
            "post": [7, 8],
            "time": pa.array([100_000_000, 160_000_000], pa.timestamp("us")),
            "tags": [["x", "y"], []],
        }
    )
    parquet.write_table(table, tmp_path / "log.parquet")
    (tmp_path / "log.csv").write_text("viewer,post,time,tags\na,7,100,x|y\nb,8,160,\n")
    one, other = read_log(tmp_path / "log.parquet"), read_log(tmp_path / "log.csv")
    assert one.at_s.tolist() == other.at_s.tolist()
    assert [p.tags for p in one.posts] == [p.tags for p in other.posts]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("viewer,post,time,mood\na,x,1,good\n", "unknown column 'mood'"),
        ("viewer,post\na,x\n", "the column 'time' is missing"),
        ("viewer,post,time\n", "no rows"),
        ("viewer,post,time\na,x,5\nb,y,4\n", "row 3: the time is before"),
        ("viewer,post,time\na,x,5\na,y,6\n", "one viewer only"),
        ("viewer,post,time\na,x,5\nb,x,6\n", "one post only"),
        ("viewer,post,time\na,x,5\nb,y,soon\n", "row 3: time is 'soon'"),
        ("viewer,post,time\na,x,5\n,y,6\n", "row 3: viewer is empty"),
        ("viewer,post,time\na,x,1700000000000\nb,y,1700000000001\n", "not milliseconds"),
        ("viewer,post,time\na,x,5\nb,y,inf\n", "row 3: time must be finite"),
        ("viewer,post,time,watch_ratio\na,x,5,1\nb,y,6,1.5\n", "row 3: watch_ratio is 1.5"),
        ("viewer,post,time,watch_ratio\na,x,5,-1\nb,y,6,1\n", "row 2: watch_ratio is -1"),
        ("viewer,post,time,liked\na,x,5,maybe\nb,y,6,no\n", "row 2: liked is 'maybe'"),
        ("viewer,post,time,duration\na,x,5,0\nb,y,6,5\n", "row 2: duration must lie"),
        ("viewer,post,time,published_at\na,x,5,6\nb,y,6,6\n", "row 2: the post was published"),
    ],
)
def test_a_bad_log_is_refused_by_name_and_row(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(LogError, match=said.replace("'", ".")):
        _read(tmp_path, text)


def test_a_file_that_is_not_there_is_no_crash(tmp_path: Path) -> None:
    with pytest.raises(LogError):
        read_log(tmp_path / "none.csv")
    with pytest.raises(LogError):
        read_log(tmp_path / "none.parquet")


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(LogError, match="not as long as"):
        from_columns({"viewer": ["a", "b"], "post": ["x"], "time": [1.0, 2.0]})
