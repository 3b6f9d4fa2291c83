"""Files of history as they come: each fault is told with its row and column."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from ops.adopt.history.csv_file import CsvError, read_rows
from ops.adopt.mapping import MappedFile, Mapping, MappingError

if TYPE_CHECKING:
    from pathlib import Path

ID = "6f1c4c5e-0000-4000-8000-000000000001"
SEEN = {"user": "viewer", "post": "post", "at": "at"}
WATCHED = SEEN | {"play_ms": "play_ms", "duration_ms": "duration_ms"}
UUIDS = {"user": "uuid", "post": "uuid"}
NUMBERS = {"user": "integer", "post": "bigint"}
TEXTS = {"user": "text", "post": "text"}


def written(folder: Path, content: bytes | str) -> Path:
    path = folder / "seen.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_rows_are_read_by_the_names_of_their_columns(tmp_path: Path) -> None:
    upper = ID.upper()
    path = written(
        tmp_path,
        f'\ufeffat,note,post,viewer\r\n2026-11-01T12:00:00Z,"a,\n""b""",{upper},{ID}\r\n'
        f"2026-11-01 12:00:00.5+02,,{ID},{ID}\r\n",
    )
    first, second = read_rows(path, SEEN, UUIDS)
    assert first == (ID, ID, datetime(2026, 11, 1, 12, tzinfo=UTC))
    two = timezone(timedelta(hours=2))
    assert second == (ID, ID, datetime(2026, 11, 1, 12, 0, 0, 500_000, tzinfo=two))


def test_a_number_is_one_key_however_it_is_written(tmp_path: Path) -> None:
    path = written(tmp_path, "viewer,post,at\n007,-12,2026-11-01T12:00:00Z\n")
    assert next(iter(read_rows(path, SEEN, NUMBERS)))[:2] == ("7", "-12")


@pytest.mark.parametrize(
    ("content", "keys", "fault"),
    [
        ("", UUIDS, "row 1, column viewer: the first row does not name it"),
        ("viewer;post;at\n", UUIDS, "row 1, column viewer: the first row does not name it"),
        ("viewer,post,at,at\n", UUIDS, "row 1, column at: there are two of it"),
        (f"viewer,post,at\n{ID},{ID}\n", UUIDS, "row 2: it has 2 fields"),
        ("viewer,post,at\n\n", UUIDS, "row 2: it has 0 fields"),
        (f"viewer,post,at\n{ID},x' OR 1=1,now\n", UUIDS, r"row 2, column post: .* is no UUID"),
        (f"viewer,post,at\n{ID},{{{ID}}},now\n", UUIDS, r"row 2, column post: .* is no UUID"),
        (f"viewer,post,at\n{ID},{ID},now\n", UUIDS, "row 2, column at: 'now' is no time"),
        (f"viewer,post,at\n{ID},{ID},2026-11-01\n", UUIDS, "row 2, column at: .* no time zone"),
        (f"viewer,post,at\n{ID},{ID},infinity\n", UUIDS, "row 2, column at: .* is no time"),
        ("viewer,post,at\n1_0,1,x\n", NUMBERS, "row 2, column viewer: '1_0' is no whole number"),
        ("viewer,post,at\n1,\u0661,x\n", NUMBERS, "row 2, column post: .* is no whole number"),
        ("viewer,post,at\n,1,x\n", TEXTS, "row 2, column viewer: '' is no key"),
        ("viewer,post,at\na\0b,1,x\n", TEXTS, "row 2(, column viewer: .* is no key|: .*NUL)"),
        (f"viewer,post,at\n{'a' * 300},1,x\n", TEXTS, "row 2, column viewer: 'a{40}…' is no key"),
        (f'viewer,post,at\n{ID},"{ID},x\n', UUIDS, "row 2: unexpected end of data"),
        (f'viewer,post,at\n{ID},"{ID}"x,y\n', UUIDS, "row 2: ',' expected after"),
        (f"viewer,post,at\n{'x' * 20_000},1,x\n", TEXTS, "row 2: field larger than field limit"),
        (b"viewer,post,at\n\xff,1,x\n", TEXTS, "it is not UTF-8"),
        ("viewer,post,at\n".encode("utf-16"), TEXTS, "it is not UTF-8"),
    ],
)
def test_a_fault_is_told_with_its_row_and_column(
    tmp_path: Path, content: bytes | str, keys: dict[str, str], fault: str
) -> None:
    with pytest.raises(CsvError, match=rf"^seen\.csv, {fault}|^seen\.csv.*{fault}$"):
        list(read_rows(written(tmp_path, content), SEEN, keys))


@pytest.mark.parametrize(
    ("play", "duration", "column"),
    [("-1", "1000", "play_ms"), ("1.5", "1000", "play_ms"), ("1", "0", "duration_ms")],
)
def test_watches_of_no_possible_length_are_faults(
    tmp_path: Path, play: str, duration: str, column: str
) -> None:
    head = "viewer,post,at,play_ms,duration_ms"
    path = written(tmp_path, f"{head}\n{ID},{ID},2026-11-01T12:00:00Z,{play},{duration}\n")
    with pytest.raises(CsvError, match=f"row 2, column {column}: "):
        list(read_rows(path, WATCHED, UUIDS))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="cannot be read: No such file"):
        list(read_rows(tmp_path / "seen.csv", SEEN, UUIDS))


def test_a_setting_names_a_file_where_its_path_ends_in_csv() -> None:
    given = {"POSTS": "posts", "IMPRESSIONS": "old/seen.csv(user=viewer)", "WATCHES": "w.csv"}
    mapping = Mapping.from_settings(given)
    assert isinstance(mapping.impressions, MappedFile)
    assert str(mapping.impressions.path) == "old/seen.csv"
    assert mapping.impressions.columns == {
        "user": "viewer",
        "post": "post_id",
        "at": "created_at",
    }
    assert list(mapping.histories) == ["impressions", "watches"]
    with pytest.raises(MappingError, match=r"IMPRESSIONS.*the roles are user, post, at"):
        Mapping.from_settings({"POSTS": "posts", "IMPRESSIONS": "seen.csv(who=x)"})


def test_columns_with_counts_have_names_alone() -> None:
    mapping = Mapping.from_settings({"POSTS": "posts", "VIEW_COUNT": "views", "LIKE_COUNT": "n"})
    assert mapping.counts == {"impressions": "views", "likes": "n"}
    with pytest.raises(MappingError, match="no name of a column"):
        Mapping.from_settings({"POSTS": "posts", "SHARE_COUNT": "1); DROP"})
