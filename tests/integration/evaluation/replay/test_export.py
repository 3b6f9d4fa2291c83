"""The export that docs/replay.md describes gives a log that can be read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg

from evaluation.replay.log import read_log
from local.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Database

APPLICATION = """
CREATE SCHEMA application;
SET search_path = application;
CREATE TABLE posts (
  id bigint PRIMARY KEY, user_id uuid, seconds float, tags text[], caption text,
  created_at timestamptz);
CREATE TABLE watches (
  user_id uuid, post_id bigint, seconds double precision, liked boolean, created_at timestamptz);
INSERT INTO posts VALUES
  (1, gen_random_uuid(), 20, '{cats,köln}', 'Dom, with cats', '2026-01-01 08:00+01'),
  (2, gen_random_uuid(), 40, '{}', NULL, '2026-01-01 09:00+01');
INSERT INTO watches VALUES
  (gen_random_uuid(), 2, 10, true, '2026-01-02 10:00:00.25+01'),
  (gen_random_uuid(), 1, 30, false, '2026-01-02 09:00+01');
"""


def test_the_export_of_the_docs_can_be_replayed(database: Database, tmp_path: Path) -> None:
    docs = (ROOT / "docs/replay.md").read_text(encoding="utf-8")
    exports = re.findall(r"^\\copy \((.*)\) TO 'watches.csv' CSV HEADER$", docs, re.MULTILINE)
    assert len(exports) == 1
    path = tmp_path / "watches.csv"
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(APPLICATION)
        copy = f"COPY ({exports[0]}) TO STDOUT CSV HEADER".encode()
        with connection.cursor().copy(copy) as rows:
            path.write_bytes(b"".join(rows))
        connection.rollback()
    log = read_log(path)
    assert log.ratio.tolist() == [1.0, 0.25]
    assert log.liked.tolist() == [False, True]
    assert (log.at_s[1] - log.at_s[0]) == 3_600.25
    assert [post.tags for post in log.posts] == [("cats", "köln"), ()]
    assert [post.duration_ms for post in log.posts] == [20_000, 40_000]
    assert log.posts[0].creator != log.posts[1].creator
