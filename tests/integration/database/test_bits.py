import uuid
from collections.abc import Iterator
from functools import partial
from random import Random
from typing import LiteralString
from uuid import UUID

import pytest
from psycopg import sql

from tests.conftest import Database
from tests.integration.database.bits import check
from tests.integration.database.clients import Connection, at_once, operator

CHANGES: list[LiteralString] = [
    "UPDATE posts SET visibility = 'removed' WHERE id = %s",
    "UPDATE posts SET visibility = 'public' WHERE id = %s",
    "UPDATE posts SET mux_ready = NOT mux_ready WHERE id = %s",
    "UPDATE posts SET mux_playback_id = NULL WHERE id = %s",
    "UPDATE posts SET mux_playback_id = 'p', mux_ready = true, visibility = 'public' WHERE id = %s",
    "UPDATE posts SET created_at = created_at + interval '3 days' WHERE id = %s",
    "UPDATE posts SET published_at = now() - interval '100 days' WHERE id = %s",
    "UPDATE posts SET published_at = now() WHERE id = %s",
    "UPDATE posts SET mux_duration_ms = 5, creator_id = gen_random_uuid() WHERE id = %s",
    "UPDATE posts SET caption = 'new' WHERE id = %s",
]
RECORD: LiteralString = (
    "INSERT INTO user_post_impressions (user_id, event_id, post_id) VALUES (%s, %s, %s)"
)
FORGET: LiteralString = "DELETE FROM user_post_impressions WHERE user_id = %s AND event_id = %s"
AGE: LiteralString = (
    "UPDATE user_post_impressions SET seen_at = seen_at + %s * interval '1 day'"
    " WHERE user_id = %s AND event_id = %s"
)
MOVE: LiteralString = (
    "UPDATE user_post_impressions SET post_id = %s WHERE user_id = %s AND event_id = %s"
)
VIEWERS = [uuid.uuid4() for _ in range(3)]


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with operator(database.admin_url) as open_connection:
        yield open_connection


def insert(draw: Random, count: int) -> sql.Composed:
    """Posts over several blocks, some of them eligible from the start."""
    return sql.SQL(
        "INSERT INTO posts (post_no, creator_id, visibility, mux_ready, mux_playback_id,"
        " mux_duration_ms, created_at) SELECT no, gen_random_uuid(),"
        " (ARRAY['public', 'public', 'public', 'removed'])[1 + no % 4], no % 5 > 0,"
        " CASE WHEN no % 7 > 0 THEN 'p' END, 1000 + no, now() - no * interval '1 hour'"
        " FROM (SELECT DISTINCT (random() * 5000)::integer AS no FROM generate_series(1, {}),"
        " (SELECT setseed({})) seeded) drawn ON CONFLICT DO NOTHING"
    ).format(count, draw.uniform(-1, 1))


def operations(draw: Random, posts: list[UUID]) -> Iterator[tuple[LiteralString, list[object]]]:
    """Endless random changes of one row each."""
    impressions: list[tuple[UUID, UUID]] = []
    while True:
        viewer, post, event = (
            draw.choice(VIEWERS),
            draw.choice(posts),
            UUID(int=draw.getrandbits(128)),
        )
        match draw.randrange(7):
            case 0 | 1:
                yield draw.choice(CHANGES), [post]
            case 2 | 3:
                impressions.append((viewer, event))
                yield RECORD, [viewer, event, post]
            case 4 if impressions:
                yield AGE, [draw.choice([-40, -1, 1]), *draw.choice(impressions)]
            case 5 if impressions:
                yield MOVE, [post, *draw.choice(impressions)]
            case _ if impressions:
                yield FORGET, [*impressions.pop(draw.randrange(len(impressions)))]
            case _:
                yield "DELETE FROM posts WHERE id = %s", [post]


@pytest.mark.parametrize("seed", range(3))
def test_the_bits_stay_exact_under_any_change_of_posts_and_impressions(
    connection: Connection, seed: int
) -> None:
    draw = Random(seed)  # noqa: S311  (no secret)
    connection.execute(insert(draw, 40))
    posts = [row["id"] for row in connection.execute("SELECT id FROM posts ORDER BY post_no")]
    changes = operations(draw, posts)
    for _ in range(60):
        statement, parameters = next(changes)
        connection.execute(statement, parameters)
        check(connection)


def test_the_bits_stay_exact_under_statements_of_many_rows(connection: Connection) -> None:
    connection.execute(insert(Random(7), 300))  # noqa: S311  (no secret)
    statements: list[LiteralString] = [
        "UPDATE posts SET visibility = 'public', mux_ready = true, mux_playback_id = 'p'",
        """INSERT INTO user_post_impressions (user_id, post_id)
           SELECT v, id FROM posts, unnest(%(viewers)s::uuid[]) v, generate_series(1, 2)""",
        "UPDATE posts SET visibility = 'removed' WHERE post_no %% 3 = 0",
        """DELETE FROM user_post_impressions i USING posts p
           WHERE p.id = i.post_id AND p.post_no %% 2 = 0""",
        """DELETE FROM user_post_impressions WHERE (user_id, event_id) IN (
             SELECT DISTINCT ON (user_id, post_id) user_id, event_id FROM user_post_impressions)""",
        "UPDATE user_post_impressions SET seen_at = seen_at - interval '31 days'",
        "UPDATE user_post_impressions SET user_id = md5(user_id::text)::uuid",
        "DELETE FROM posts WHERE post_no BETWEEN 1000 AND 3000",
        """UPDATE posts SET visibility =
             CASE visibility WHEN 'public' THEN 'shadow_ban' ELSE 'public' END""",
        "DELETE FROM user_post_impressions",
        "UPDATE posts SET caption = 'x' WHERE false",
        "DELETE FROM posts",
    ]
    for statement in statements:
        connection.execute(statement, {"viewers": VIEWERS})
        check(connection)


def test_emptied_tables_leave_no_bits_behind(connection: Connection) -> None:
    connection.execute(insert(Random(3), 50))  # noqa: S311  (no secret)
    connection.execute(
        "INSERT INTO user_post_impressions (user_id, post_id) SELECT %s, id FROM posts",
        [VIEWERS[0]],
    )
    connection.execute("TRUNCATE user_post_impressions")
    check(connection)
    connection.execute("TRUNCATE posts")
    check(connection)
    connection.execute(insert(Random(4), 50))  # noqa: S311  (no secret)
    connection.execute(
        "TRUNCATE posts, post_stats, post_blocks, user_post_impressions, viewer_seen"
    )
    check(connection)


def test_sixteen_writers_at_once_leave_the_bits_exact(
    connection: Connection, database: Database
) -> None:
    draw = Random(11)  # noqa: S311  (no secret)
    connection.execute(insert(draw, 60))
    posts = [row["id"] for row in connection.execute("SELECT id FROM posts ORDER BY post_no")]

    def write(seed: int) -> None:
        changes = operations(Random(seed), posts)  # noqa: S311  (no secret)
        with operator(database.admin_url) as own:
            for _ in range(40):
                statement, parameters = next(changes)
                own.execute(statement, parameters)
            own.execute(insert(Random(seed), 5))  # noqa: S311  (no secret)

    # Other seeds than the first posts', whose numbers must not be given again.
    at_once([partial(write, seed) for seed in range(100, 116)])
    check(connection)
