from __future__ import annotations

import pytest

from shared.postgres.statement import numbered


def test_names_become_numbers_and_a_name_that_stands_twice_is_one_parameter() -> None:
    sql = b"SELECT %(a)s, %(b)s::uuid[], %(a)s WHERE 5 %% 2 = 1"
    assert numbered(sql) == (b"SELECT $1, $2::uuid[], $1 WHERE 5 % 2 = 1", ("a", "b"))


@pytest.mark.parametrize("sql", [b"SELECT 5 % 2", b"SELECT 5 %", b"SELECT %s", b"%(a)d"])
def test_a_lone_percent_sign_is_refused(sql: bytes) -> None:
    with pytest.raises(ValueError, match="percent sign"):
        numbered(sql)
