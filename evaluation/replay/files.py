"""Reads a log's file into columns: CSV with a header, or Parquet. Any file may be hostile."""

from __future__ import annotations

import csv as plain_csv
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from pyarrow import csv, parquet

from evaluation.replay.columns import LogError

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_HEADER: Final = 10_000  # bytes
_LONGEST_ROW: Final = 16 * 1024 * 1024  # bytes
_SHOWN: Final = 200  # characters of what a library says


def read_columns(path: Path) -> dict[str, pa.Array | pa.ChunkedArray]:
    """Read a CSV file with a header, or a Parquet file (`.parquet`), as columns by name.

    All columns of a CSV file come as bytes: a cell that is no number then has a row to name.

    Raises:
        LogError: The file is missing or broken; the text says where, as far as that is known.
    """
    try:
        table = parquet.read_table(path) if path.suffix == ".parquet" else _read_csv(path)
        names = table.column_names
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise LogError(f"{path}: {_first_line(error)}") from error
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise LogError(f"the column {twice[0]!r:.60} stands there twice")
    return {name: table[name] for name in names}


def _read_csv(path: Path) -> pa.Table:
    options = csv.ConvertOptions(
        column_types=dict.fromkeys(_header(path), pa.binary()),
        strings_can_be_null=True,
        null_values=[""],
    )
    return csv.read_csv(
        path,
        # With several threads, errors would not name the row.
        read_options=csv.ReadOptions(use_threads=False, block_size=_LONGEST_ROW),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=options,
    )


def _header(path: Path) -> list[str]:
    with path.open("rb") as file:
        line = file.readline(_LONGEST_HEADER)
    if len(line) == _LONGEST_HEADER:
        raise LogError(f"row 1: the header is longer than {_LONGEST_HEADER:,} bytes")
    try:
        rows = list(plain_csv.reader([line.decode("utf-8-sig")]))
    except (UnicodeDecodeError, plain_csv.Error) as error:
        raise LogError(f"row 1: the header cannot be read: {_first_line(error)}") from error
    return rows[0] if rows else []


def _first_line(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text[:_SHOWN].replace("CSV parse error: Row #", "row ")
