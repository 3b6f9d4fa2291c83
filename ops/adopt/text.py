"""The type of composed SQL that a connection takes."""

from __future__ import annotations

from typing import TypeAlias

from psycopg import sql

Text: TypeAlias = sql.SQL | sql.Composed
