"""A log is checked as it is read, and an error names the row."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyarrow import parquet

from evaluation.replay.__main__ import main
from evaluation.replay.columns import LogError
from evaluation.replay.log import Log, from_columns, read_log

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "viewer,post,time\na,x,100\nb,y,160\n"


def _read(tmp_path: Path, text: str) -> Log:
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
        "viewer,post,time,watch_ratio,liked,creator,tags,published_at,duration,caption\n"
        "a,x,2026-01-01T00:00:10Z,0.5,true,c,news|köln,2026-01-01,12.5,\n"
        "b,x,2026-01-01T00:00:20Z,,no,,,,,Дом|сад\n"
        "b,y,2026-01-01T00:00:30Z,1,1,d,,,,\n"
    )
    log = read_log(path)
    first, second = log.posts
    assert first.creator == "c"
    assert first.tags == ("news", "köln")
    assert first.duration_ms == 12_500
    assert log.at_s[0] - first.published_s == 10.0
    assert second.tags == ()
    assert (first.caption, second.caption) == ("Дом|сад", "")
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


HEAD = b"viewer,post,time\n"
LONG = b"x" * 10_001
PUBLISHED = b"viewer,post,time,published_at\n"
TAGGED = b"viewer,post,time,tags\na,x,1,\nb,y,2,"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (HEAD + b"a,x,1\nb,y\n", "row 3: Expected 3 columns, got 2"),
        (HEAD + b"a,x,1\nb,y,2,3\n", "row 3: Expected 3 columns, got 4"),
        (HEAD + b'a,x,1\n"b,y,2\n', "row 3: Expected 3 columns"),
        (HEAD + b"a,x,1\nb,y\0,2\n", "row 3: post holds a NUL"),
        (HEAD + b"a,x,1\nb,y\xff,2\n", "row 3: post is not UTF-8"),
        (HEAD + b"a,x,1\n" + LONG + b",y,2\n", "row 3: viewer is longer than 10,000 bytes"),
        (HEAD + b"a,x,1\nb,y,nan\n", "row 3: time is no time"),
        (HEAD + b"a,x,1\nb,y,=1+1\n", "row 3: time is '=1+1'"),
        (HEAD + b"a,x,-1e300\nb,y,1\n", "row 2: time is no time"),
        (HEAD + b"a,x,1\nb,y,9999-99-99\n", "row 3: time is '9999-99-99'"),
        (b"viewer,viewer,post,time\na,a,x,1\nb,b,y,2\n", "'viewer' stands there twice"),
        (b"\xff\xfeviewer,post,time\na,x,1\n", "row 1: the header cannot be read"),
        (b"viewer\0,post,time\na,x,1\n", "unknown column 'viewer\\x00'"),
        (b"v" * 20_000 + b",post,time\na,x,1\n", "row 1: the header is longer"),
        (b"=cmd(),post,time\na,x,1\n", "unknown column '=cmd()'"),
        (b"", "Empty CSV file"),
        (TAGGED + b"|".join(b"t%d" % i for i in range(31)) + b"\n", "row 3: tags are more than"),
        (TAGGED + b"t" * 401 + b"\n", "row 3: tags hold"),
        (b"viewer,post,time,duration\na,x,1,5\nb,y,2,-3\n", "row 3: duration must lie"),
        (PUBLISHED + b"a,x,1,-1e15\nb,y,2,\n", "row 2: published_at is no time"),
        (b"viewer,post,time,liked\na,x,1," + b"y" * 5_000 + b"\nb,y,2,1\n", "row 2: liked is 'yyy"),
    ],
)  # fmt: skip
def test_a_hostile_file_is_refused_by_row_and_column_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes, said: str
) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(data)
    assert main([str(path)], {"STATE_DIR": str(tmp_path)}) == 2
    shown = " ".join(capsys.readouterr().out.split())
    assert said in shown
    assert len(shown) < 400, "an error is no place for the whole cell"


def test_text_that_a_table_program_would_take_for_a_formula_is_an_id_like_any_other(
    tmp_path: Path,
) -> None:
    log = _read(tmp_path, 'viewer,post,time\n=1+1,"@sum(a)",5\n"-2\n+3",y,6\n')
    assert (log.viewers, len(log.posts)) == (2, 2)


def odd(**columns: pa.Array) -> dict[str, pa.Array]:
    plain = {
        "viewer": pa.array(["a", "b"]),
        "post": pa.array(["x", "y"]),
        "time": pa.array([100.0, 160.0]),
    }
    return {**plain, **columns}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (odd(viewer=pa.array([{"id": 1}, {"id": 2}])), "row 2: viewer holds struct"),
        (odd(viewer=pa.array([[1], [2]])), "row 2: viewer holds list"),
        (odd(viewer=pa.nulls(2)), "row 2: viewer is empty"),
        (odd(post=pa.array(["x", None])), "row 3: post is empty"),
        (odd(time=pa.array([1, 2], pa.duration("s"))), "row 2: time is"),
        (odd(time=pa.array([1, 2], pa.time32("s"))), "row 2: time is"),
        (odd(time=pa.array([100.0, float("nan")])), "row 3: time is no time"),
        (odd(time=pa.array([1.7e12, 1.8e12])), "row 2: time wants seconds"),
        (odd(watch_ratio=pa.array([[1.0], [0.5]])), "row 2: watch_ratio holds list"),
        (odd(tags=pa.array([[1], [2]])), "row 2: tags holds list<"),
        (odd(tags=pa.array([[], ["a\0b"]])), "row 3: tags hold a NUL"),
        (odd(liked=pa.array([{"a": 1}, None])), "row 2: liked holds struct"),
        (odd(creator=pa.array([b"\xff", b"c"])), "row 2: creator is not UTF-8"),
    ],
)
def test_parquet_of_an_odd_type_is_refused_by_row_and_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], columns: dict[str, pa.Array], said: str
) -> None:
    path = tmp_path / "log.parquet"
    parquet.write_table(pa.table(columns), path)
    assert main([str(path)], {"STATE_DIR": str(tmp_path)}) == 2
    shown = " ".join(capsys.readouterr().out.split())
    assert said in shown


@pytest.mark.parametrize(
    "columns",
    [
        odd(viewer=pa.array(["a", "b"]).dictionary_encode()),
        odd(viewer=pa.array([b"a", b"b"]), post=pa.array(["x", "y"], pa.large_string())),
        odd(viewer=pa.array([b"a" * 16, b"b" * 16], pa.binary(16))),
        odd(time=pa.array([Decimal("100.0"), Decimal("160.0")])),
        odd(time=pa.array([100_000_000_001, 160_000_000_001], pa.timestamp("ns"))),
        odd(time=pa.array([100, 160], pa.uint16()), watch_ratio=pa.array([1, 0.5], pa.float16())),
        odd(tags=pa.array([None, None])),
        odd(tags=pa.array([[], [None]], pa.list_(pa.null()))),
        odd(liked=pa.array([True, None])),
    ],
)
def test_parquet_of_types_that_mean_the_same_is_read(
    tmp_path: Path, columns: dict[str, pa.Array]
) -> None:
    path = tmp_path / "log.parquet"
    parquet.write_table(pa.table(columns), path)
    log = read_log(path)
    assert (log.viewers, len(log.posts)) == (2, 2)
    assert log.at_s[1] - log.at_s[0] == pytest.approx(60.0, abs=100.0)


def test_a_dictionary_with_entries_that_no_row_has_counts_the_rows_alone() -> None:
    codes = pa.DictionaryArray.from_arrays(pa.array([2, 0]), pa.array(["y", "unused", "x"]))
    log = from_columns(odd(post=codes))
    assert log.post.tolist() == [0, 1]
    assert len(log.posts) == 2


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"WINDOW": "0.001"}, "widen it"),
        ({"WINDOW": "24"}, "as long as the log"),
        ({"WINDOW": "nan"}, "WINDOW is nan"),
        ({"WINDOW": "-1"}, "WINDOW is -1"),
        ({"EVENTS": "none"}, "EVENTS is 'none'"),
        ({"FLAG": "{"}, "FLAG is no JSON"),
        ({"FLAG": "[]"}, "FLAG must be an object"),
        ({"FLAG": '{"parameters": 1}'}, "FLAG must be an object"),
    ],
)
def test_an_empty_window_or_a_bad_option_is_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    environment: dict[str, str],
    said: str,
) -> None:
    path = tmp_path / "log.csv"
    path.write_text("viewer,post,time\na,x,100\nb,y,3700\na,y,7200\na,y,7300\n")
    assert main([str(path)], {"STATE_DIR": str(tmp_path), **environment}) == 2
    assert said in " ".join(capsys.readouterr().out.split())


def test_a_file_that_is_not_there_is_no_crash(tmp_path: Path) -> None:
    with pytest.raises(LogError):
        read_log(tmp_path / "none.csv")
    with pytest.raises(LogError):
        read_log(tmp_path / "none.parquet")


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(LogError, match="not as long as"):
        from_columns({"viewer": ["a", "b"], "post": ["x"], "time": [1.0, 2.0]})
