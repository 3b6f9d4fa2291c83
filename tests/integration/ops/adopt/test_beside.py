"""An application with a `posts` table of its own: before, during and after the feed moves in."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb
from rich.console import Console

from local.migrate import migrate
from local.paths import MIGRATIONS
from local.services.pgwheel import PSQL
from ops.adopt.__main__ import show
from ops.adopt.apply import apply
from ops.adopt.inspection import RefusedError
from ops.adopt.mapping import Mapping
from ops.adopt.undo import undo

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = {
    "POSTS": "public.posts",
    "CREATOR": "user_id",
    "CAPTION": "content",
    "VIDEO_URL": "video_url",
    "DELETED": "deleted_at",
    "FOLLOWS": "public.follows(followed=following_id)",
    "LIKES": "public.likes",
    "IMPRESSIONS": "public.post_views",
}
MAPPING = Mapping.from_settings(SETTINGS)
APP = (Path(__file__).parent / "app.sql").read_text()
VIEWER = UUID("00000000-0000-4000-8000-000000000003")
# What the application can see of its own database, catalogues included.
OUTLINE = """
SELECT 'column', table_schema || '.' || table_name || '.' || column_name,
       concat_ws(' ', data_type, is_nullable, column_default)
FROM information_schema.columns WHERE table_schema IN ('public', 'auth', 'vroom_private')
UNION ALL SELECT 'policy', schemaname || '.' || tablename, concat_ws(' ', policyname, roles, qual)
FROM pg_policies
UNION ALL SELECT 'index', schemaname || '.' || tablename, indexdef FROM pg_indexes
WHERE schemaname = 'public'
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function', pronamespace::regnamespace::text, proname FROM pg_proc
WHERE pronamespace::regnamespace::text IN ('public', 'auth', 'vroom_private')
UNION ALL SELECT 'security', relname::text, relrowsecurity::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
UNION ALL SELECT 'grants', relname::text, relacl::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""


@pytest.fixture
def url(empty_database: str) -> str:
    """Return the URL of a database that holds the application alone."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(APP)
    return empty_database


@pytest.fixture
def owner(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def outline(owner: psycopg.Connection[Any]) -> set[tuple[Any, ...]]:
    return set(owner.execute(OUTLINE).fetchall())


def rows(owner: psycopg.Connection[Any], table: str, columns: str) -> list[tuple[Any, ...]]:
    return owner.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2").fetchall()  # noqa: S608  # fixed names


def test_the_plan_changes_nothing(owner: psycopg.Connection[Any]) -> None:
    before = outline(owner)
    console = Console(record=True, width=160)
    show(owner, MAPPING, console)
    text = console.export_text()
    assert "creator_id" in text
    assert "touch" in text
    assert "Nothing was changed" in text
    assert outline(owner) == before


def test_the_application_s_posts_can_be_shown_and_its_columns_are_as_they_were(
    url: str, owner: psycopg.Connection[Any]
) -> None:
    own = "id, user_id, content, video_url, draft, deleted_at, created_at, updated_at"
    before = rows(owner, "posts", own)
    likes, follows = rows(owner, "likes", "*"), rows(owner, "follows", "follower_id, following_id")
    assert apply(url, MAPPING, Console(quiet=True))

    assert rows(owner, "posts", own) == before
    assert rows(owner, "likes", "*") == likes
    assert rows(owner, "follows", "follower_id, creator_id") == follows
    example = owner.execute(
        "SELECT creator_id = user_id, caption, visibility FROM posts WHERE content = 'post 41'"
    ).fetchone()
    assert example == (True, "post 41", "removed")
    # Nothing is eligible before its video is at Mux, and everything else is in place then.
    assert owner.execute("SELECT count(*) FROM post_stats WHERE eligible").fetchone() == (0,)
    owner.execute("UPDATE posts SET mux_ready = true, mux_playback_id = 'p'")
    counted = owner.execute(
        "SELECT (SELECT count(*) FROM post_stats WHERE eligible),"
        " (SELECT count(*) FROM posts WHERE visibility = 'public'),"
        " (SELECT sum(bit_count(eligible)) FROM post_blocks)"
    ).fetchone()
    assert counted == (4875, 4875, 4875)
    # Taste knows these posts by what their creators wrote, also where the application changes it.
    terms = "SELECT DISTINCT t.tag FROM post_tags t JOIN posts p ON p.id = t.post_id"
    assert owner.execute(terms).fetchall() == [("post",)]
    owner.execute("UPDATE posts SET content = 'Ramen 41' WHERE content = 'post 42'")
    assert owner.execute(terms + " WHERE content = 'Ramen 41'").fetchall() == [("ramen",)]
    page = owner.execute(
        "SELECT post_id FROM get_personalized_feed(%s, 12, NULL)", [VIEWER]
    ).fetchall()
    assert len(page) == 12


def test_likes_and_views_are_counted_once_however_often_it_runs(
    url: str, owner: psycopg.Connection[Any]
) -> None:
    assert apply(url, MAPPING, Console(quiet=True))
    figures = "SELECT sum(likes), sum(impressions), sum(plays) FROM post_stats"
    first = owner.execute(figures).fetchone()
    assert first is not None
    assert first[0] == 5000
    seen = owner.execute("SELECT count(DISTINCT (user_id, post_id)) FROM post_views").fetchone()
    assert seen is not None
    assert first[1] == seen[0]
    before = outline(owner)
    assert apply(url, MAPPING, Console(quiet=True))
    assert owner.execute(figures).fetchone() == first
    assert outline(owner) == before


def test_comments_and_watches_are_counted_once_as_well(
    url: str, owner: psycopg.Connection[Any]
) -> None:
    owner.execute("CREATE TABLE comments AS SELECT * FROM likes LIMIT 700")
    owner.execute(
        "CREATE TABLE plays AS SELECT l.*, 5000 AS play_ms, 10000 AS duration_ms"
        " FROM likes l OFFSET 4000 LIMIT 300"
    )
    given = {name: SETTINGS[name] for name in ("POSTS", "CREATOR", "FOLLOWS")}
    mapping = Mapping.from_settings(given | {"COMMENTS": "comments", "WATCHES": "plays"})
    figures = "SELECT sum(comments), sum(plays) FROM post_stats"
    for _ in range(2):
        assert apply(url, mapping, Console(quiet=True))
        assert owner.execute(figures).fetchone() == (700, 1000)


def test_undo_takes_everything_back(url: str, owner: psycopg.Connection[Any]) -> None:
    before, posts = outline(owner), rows(owner, "posts", "*")
    assert apply(url, MAPPING, Console(quiet=True))
    undo(owner, sorted(MIGRATIONS.glob("*.sql")))
    assert outline(owner) == before
    assert rows(owner, "posts", "*") == posts


def test_the_application_writes_all_the_time_and_nothing_of_it_is_lost(
    url: str, owner: psycopg.Connection[Any]
) -> None:
    stop, written, errors = threading.Event(), [], []

    def write() -> None:
        with psycopg.connect(url, autocommit=True) as app:
            while not stop.is_set():
                try:
                    with app.transaction():
                        app.execute("SET LOCAL ROLE authenticated")
                        user = uuid4()
                        claims = Jsonb({"sub": str(user)})
                        app.execute(
                            "SELECT set_config('request.jwt.claims', %s::text, true)", [claims]
                        )
                        row = app.execute(
                            "INSERT INTO posts (user_id, content, video_url)"
                            " VALUES (%s, 'new', '/v.mp4') RETURNING id",
                            [user],
                        ).fetchone()
                        assert row is not None
                        app.execute("UPDATE posts SET content = 'edited' WHERE id = %s", [row[0]])
                        written.append((row[0], user))
                except psycopg.Error as error:
                    errors.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        agreed = apply(url, MAPPING, Console(quiet=True))
    finally:
        stop.set()
        thread.join()
    assert errors == []
    assert agreed
    assert written
    found = owner.execute(
        "SELECT p.id, p.creator_id FROM posts p JOIN post_stats s ON s.post_id = p.id"
        " WHERE caption = 'edited' ORDER BY 1"
    ).fetchall()
    assert found == sorted(written)


def test_the_application_s_policies_decide_alone_for_its_own_roles(
    url: str, owner: psycopg.Connection[Any]
) -> None:
    assert apply(url, MAPPING, Console(quiet=True))
    owner.execute("UPDATE posts SET mux_ready = true, mux_playback_id = 'p'")
    with owner.transaction():
        owner.execute("SET LOCAL ROLE authenticated")
        owner.execute(
            "SELECT set_config('request.jwt.claims', %s::text, true)", [Jsonb({"sub": str(VIEWER)})]
        )
        drafts = owner.execute(
            "SELECT count(*) FROM posts WHERE draft AND user_id <> %s", [VIEWER]
        ).fetchone()
    assert drafts == (0,)


def test_psql_refuses_by_name_what_it_does_not_understand(
    url: str, owner: psycopg.Connection[Any]
) -> None:
    before = outline(owner)
    with pytest.raises(psycopg.Error, match=r"public\.follows, public\.posts exists already"):
        migrate(url)
    for file in sorted(MIGRATIONS.glob("*.sql")):
        command = [str(PSQL), "-X", "-q", "-d", url, "-f", str(file)]
        subprocess.run(command, capture_output=True, check=True)  # noqa: S603  # fixed arguments
    kinds = {"column", "policy", "index", "trigger", "security"}
    notes = "vroom_migrations"  # the tool's own table, in which nothing is noted
    after = {row for row in outline(owner) if row[0] in kinds and notes not in str(row)}
    assert after == {row for row in before if row[0] in kinds}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("ALTER TABLE posts ALTER COLUMN user_id TYPE text", "user_id is text"),
        ("ALTER TABLE posts ADD COLUMN tags jsonb", "tags is jsonb"),
        ("ALTER TABLE posts FORCE ROW LEVEL SECURITY", "FORCE ROW LEVEL SECURITY"),
        ("ALTER TABLE posts RENAME COLUMN content TO body", "no column content"),
        ("ALTER TABLE likes RENAME COLUMN post_id TO video_id", "no column post_id"),
    ],
)
def test_what_the_feed_cannot_work_with_is_refused_by_name(
    url: str, owner: psycopg.Connection[Any], change: str, word: str
) -> None:
    owner.execute('DROP POLICY "own posts" ON posts')
    owner.execute(change)
    before = outline(owner)
    with pytest.raises(RefusedError, match=word):
        apply(url, MAPPING, Console(quiet=True))
    assert outline(owner) == before
