from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from local.migrate import ROLES, derived_passwords, with_user


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


def test_passwords_are_the_same_for_all_who_hold_the_owner_s() -> None:
    one = derived_passwords("postgresql://owner:p%40ss@db.example/vroom?sslmode=require")
    same = derived_passwords("host=db.example port=5432 dbname=other user=boss password=p@ss")
    assert one is not None
    assert one == same
    assert set(one) == set(ROLES)
    assert all(len(p) == 43 and p.replace("-", "").replace("_", "").isalnum() for p in one.values())


def test_passwords_differ_by_role_server_and_key() -> None:
    urls = ["a:x@h:1", "a:x@h:2", "a:x@g:1", "a:y@h:1"]
    made = [derived_passwords(f"postgresql://{url}/d") or {} for url in urls]
    assert len({password for each in made for password in each.values()}) == len(ROLES) * len(urls)


@pytest.mark.parametrize("url", ["postgresql://owner@h/d", "postgresql://owner:@h/d", "host=h"])
def test_without_a_password_there_is_nothing_to_derive_from(url: str) -> None:
    assert derived_passwords(url) is None
