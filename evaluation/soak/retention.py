"""Shows that retention works: what a run makes old must be gone by its end."""

from __future__ import annotations

from typing import Final

import psycopg

_AGED: Final = ("feed_requests", "feed_pages")


def begin(url: str) -> int:
    """Keep requests and pages for a day, and make those of the database two days old.

    Args:
        url: The database, as the owner of the schema.

    Returns:
        The number of rows that were made old.

    Raises:
        psycopg.Error: Postgres refused a statement.
    """
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE feed_settings SET keep_requests = '1 day', keep_pages = '1 day'")
        return sum(
            connection.execute(
                f"UPDATE {table} SET created_at = created_at - interval '2 days'"  # noqa: S608  # our own tables
            ).rowcount
            for table in _AGED
        )


def left(url: str) -> int:
    """Return how many rows there are that should be gone.

    Raises:
        psycopg.Error: Postgres refused the statement.
    """
    with psycopg.connect(url) as connection:
        counts = [
            connection.execute(
                f"SELECT count(*) FROM {table} WHERE created_at < now() - interval '25 hours'"  # noqa: S608  # our own tables
            ).fetchone()
            for table in _AGED
        ]
    return sum(row[0] for row in counts if row)
