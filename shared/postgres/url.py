"""The setting that says where Postgres is."""

from __future__ import annotations

from typing import Annotated

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, BeforeValidator, SecretStr

from shared.settings import without_blanks

_MAX_PORT = 65_535


def _accepted_by_libpq(url: SecretStr) -> SecretStr:
    try:
        given = conninfo_to_dict(url.get_secret_value())
    except psycopg.ProgrammingError:
        given = {}  # its text repeats the URL, password and all
    ports = [port for port in str(given.get("port") or "").split(",") if port]
    if not given or not all(p.isdecimal() and 0 < int(p) <= _MAX_PORT for p in ports):
        raise ValueError("is not a Postgres URL")
    return url


DatabaseUrl = Annotated[
    SecretStr, BeforeValidator(without_blanks), AfterValidator(_accepted_by_libpq)
]
