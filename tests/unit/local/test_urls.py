from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from local.migrate import with_user


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://a:b@h:1/d", "postgresql://u:p%2F%40@h:1/d"),
        ("postgresql://h/d", "postgresql://u:p%2F%40@h/d"),
        ("postgres://a@h1:1,h2:2/d?x=y", "postgres://u:p%2F%40@h1:1,h2:2/d?x=y"),
        ("postgresql:///d?host=/run/pg&user=a", "postgresql://u:p%2F%40@/d?host=%2Frun%2Fpg"),
    ],
)
def test_another_user_keeps_the_rest_of_the_url(url: str, expected: str) -> None:
    assert with_user(url, "u", "p/@").replace("host=/run/pg", "host=%2Frun%2Fpg") == expected


def test_libpq_reads_the_user_the_password_and_the_options() -> None:
    url = "postgresql://a:b@h:1/d?sslmode=require&options=-c%20statement_timeout%3D5"
    read = conninfo_to_dict(with_user(url, "vroom_app", "p@:/?#% w"))
    assert (read["user"], read["password"]) == ("vroom_app", "p@:/?#% w")
    assert (read["host"], read["port"], read["dbname"]) == ("h", "1", "d")
    assert (read["sslmode"], read["options"]) == ("require", "-c statement_timeout=5")
