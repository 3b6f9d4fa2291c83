import uuid
from collections.abc import Iterator

import pytest

from tests.conftest import Database
from tests.integration.database.clients import operator
from tests.integration.database.feedback import World
from tests.integration.database.policies import OWN_ROWS
from tests.integration.database.sessions import Session
from tests.integration.database.strangers import VICTIM


@pytest.fixture(scope="module")
def filled(module_database: Database) -> Database:
    """A database in which every table has a row of the victim's."""
    with operator(module_database.admin_url) as connection:
        for own in OWN_ROWS.values():
            connection.execute(own.insert, {"owner": VICTIM})
        connection.execute(
            "INSERT INTO posts (creator_id, mux_ready, mux_playback_id, visibility)"
            " SELECT %s, ready, playback, visibility FROM (VALUES (true, 'p', 'public'),"
            " (false, 'p', 'public'), (true, NULL, 'public'), (true, '', 'public'),"
            " (true, 'p', 'shadow_ban'), (true, 'p', 'removed')) v(ready, playback, visibility)",
            [VICTIM],
        )
        connection.execute("INSERT INTO feature_flags (name) VALUES ('flag')")
        connection.execute("INSERT INTO watch_norms (bucket) VALUES (0)")
    return module_database


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """A session that was served nothing yet, on a catalogue of 30 posts."""
    with operator(database.admin_url) as connection:
        posts = connection.execute(
            "INSERT INTO posts (creator_id, mux_ready, mux_playback_id, mux_hls_url, caption, tags,"
            " mux_duration_ms, aspect_ratio) SELECT gen_random_uuid(), true, 'play', 'url', 'text',"
            " '{a,b}', 20000, '9:16' FROM generate_series(1, 30) RETURNING id"
        ).fetchall()
        yield Session(
            database.app_url, connection, uuid.uuid4(), uuid.uuid4(), [row["id"] for row in posts]
        )


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    """Posts, and viewers who give feedback about them."""
    with operator(database.admin_url) as connection:
        yield World(database.app_url, connection)
