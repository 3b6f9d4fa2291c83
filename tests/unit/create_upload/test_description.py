"""What is told about an upload stands in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

from functions.create_upload.description import OTHER_REASON, REASONS

API = Path(__file__).parents[3] / "docs" / "api.md"


def test_the_table_of_reasons_lists_every_sentence_and_no_other() -> None:
    table = API.read_text().partition("| `reason` | what happened |")[2].partition("\n\n")[0]
    listed = re.findall(r"^\| ([^|]+\.) \|", table, re.MULTILINE)
    assert sorted(listed) == sorted({*REASONS.values(), OTHER_REASON})
