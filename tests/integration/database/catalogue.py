"""Random catalogues and histories of one viewer, and how they get into a database."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, LiteralString
from uuid import UUID

from tests.integration.database.clients import Connection

AT = datetime(2026, 6, 15, 12, tzinfo=UTC)
COOLDOWN = timedelta(days=30)
FRESH = timedelta(days=7)


@dataclass(frozen=True)
class Post:
    """A row of posts."""

    id: UUID
    no: int
    creator: UUID
    visibility: str
    ready: bool
    playback: str | None
    created_at: datetime
    published_at: datetime | None

    @property
    def since(self) -> datetime:
        """When it could first be seen."""
        return self.published_at or self.created_at

    @property
    def showable(self) -> bool:
        """Whether anybody may see it."""
        return self.visibility == "public" and self.ready and bool(self.playback)


@dataclass(frozen=True)
class World:
    """A catalogue and one viewer's history with it; times are given, none is now."""

    viewer: UUID
    session: UUID
    posts: list[Post]
    follows: set[UUID] = field(default_factory=set)
    feedback: list[tuple[str, UUID | None, UUID | None, bool]] = field(default_factory=list)
    impressions: list[tuple[UUID, UUID, datetime]] = field(default_factory=list)
    pages: list[list[UUID]] = field(default_factory=list)
    served: list[tuple[UUID, int]] = field(default_factory=list)


# Which of the posts the viewer has seen, by a draw for each.
HISTORIES: dict[str, Callable[[Random, Post], bool]] = {
    "nothing": lambda _draw, _post: False,
    "half": lambda draw, _post: draw.random() < 0.5,
    "all but a few": lambda draw, _post: draw.random() < 0.97,
    "everything": lambda _draw, _post: True,
    "everything newer": lambda _draw, post: post.since > AT - timedelta(days=9),
    "everything older": lambda _draw, post: post.since <= AT - timedelta(days=5),
}

# How long ago the viewer saw what they saw, in days.
PACES: dict[str, Callable[[Random], float]] = {
    "lately": lambda draw: draw.uniform(0.01, 29.9),
    "long ago": lambda draw: draw.uniform(30.1, 60),
    "around the cooldown": lambda draw: draw.choice([29.99, 30, 30.01, draw.uniform(1, 60)]),
}


def make_world(draw: Random, size: int, history: str, pace: str) -> World:
    """A catalogue of `size` posts with a bit of everything, from a seeded source of chance."""
    creators = [_uuid(draw) for _ in range(size // 8 + 2)]
    viewer = creators[0]
    posts: list[Post] = []
    number, longest_gap = draw.randrange(3000), 300 if size < 30 else 3
    for _ in range(size):
        number += draw.randint(1, longest_gap)
        posts.append(_post(draw, number, draw.choice(creators)))
    ids = [post.id for post in posts]
    seen = [post.id for post in posts if HISTORIES[history](draw, post)]
    world = World(viewer, _uuid(draw), posts, follows=set(_some(draw, creators, 0.2)))
    since = {post.id: post.since for post in posts}
    for post in seen:
        # Seen between now and its publication.
        moment = max(AT - timedelta(days=PACES[pace](draw)), since[post])
        world.impressions.append((_uuid(draw), post, moment))
        while draw.random() < 0.2:  # seen again, perhaps in the same instant
            moment -= timedelta(days=draw.choice([0, 0.5, 25]))
            world.impressions.append((_uuid(draw), post, moment))
    draw.shuffle(world.impressions)
    for creator in _some(draw, creators, 0.05):
        world.feedback.append(("hide_creator", None, creator, draw.random() < 0.3))
    for post in _some(draw, ids, 0.05):
        action = draw.choice(["not_interested", "not_interested", "report"])
        world.feedback.append((action, post, None, draw.random() < 0.3))
    for page in range(draw.randrange(4)):
        world.pages.append(_some(draw, ids, min(1, 12 / (size + 1))))
        world.served.extend(
            (post, page * 64 + place)
            for place, post in enumerate(_some(draw, ids, min(0.5, 6 / (size + 1))))
        )
    return world


def load(connection: Connection, world: World) -> None:
    """Empties the database and puts the world into it, with others' rows beside it.

    What is derived (post_stats, post_blocks, viewer_seen) is left to the triggers.
    """
    connection.execute(
        "TRUNCATE posts, creator_quality, follows, feedback, user_post_impressions, feed_pages"
    )
    add_posts(connection, world.posts)
    follows = [(world.viewer, creator) for creator in world.follows]
    _add(connection, "follows", follows, " (follower_id, creator_id)")
    other, session = UUID(int=1), UUID(int=2)
    columns = " (user_id, action, post_id, creator_id, undone_at)"
    feedback = [(world.viewer, *row[:3], AT if row[3] else None) for row in world.feedback]
    strange = [(other, "not_interested", post.id, None, None) for post in world.posts[:3]]
    _add(connection, "feedback", feedback + strange, columns)
    add_impressions(connection, world.viewer, world.impressions)
    add_impressions(connection, other, [(post.id, post.id, AT) for post in world.posts[:5]])
    pages = [
        *((world.viewer, world.session, no, page) for no, page in enumerate(world.pages)),
        (world.viewer, session, 0, [post.id for post in world.posts[:2]]),
        (other, world.session, 0, [post.id for post in world.posts[-2:]]),
    ]
    columns = " (user_id, session_id, page_no, post_ids, version, entries)"
    _add(connection, "feed_pages", [(*page, 1, "[]") for page in pages], columns)


def add_posts(connection: Connection, posts: Sequence[Post]) -> None:
    """Inserts posts by one statement."""
    rows = [
        (p.id, p.no, p.creator, p.visibility, p.ready, p.playback, p.created_at, p.published_at)
        for p in posts
    ]
    columns = (
        " (id, post_no, creator_id, visibility, mux_ready, mux_playback_id, created_at,"
        " published_at)"
    )
    _add(connection, "posts", rows, columns)


def add_impressions(
    connection: Connection, viewer: UUID, impressions: Sequence[tuple[UUID, UUID, datetime]]
) -> None:
    """Inserts (event, post, seen at) by one statement."""
    rows = [(viewer, *impression) for impression in impressions]
    _add(connection, "user_post_impressions", rows, " (user_id, event_id, post_id, seen_at)")


def candidates(
    connection: Connection, world: World, *, want: int, page_size: int, walk: int = 500
) -> list[dict[str, Any]]:
    """What feed_candidates finds in the world."""
    return connection.execute(
        "SELECT * FROM feed_candidates(%s, %s, %s, %s, %s, %s, %s, %s::uuid[], %s::integer[], %s)",
        [
            *(world.viewer, world.session, want, page_size, COOLDOWN, FRESH, AT),
            [post for post, _ in world.served],
            [place for _, place in world.served],
            walk,
        ],
    ).fetchall()


def _add(
    connection: Connection,
    table: LiteralString,
    rows: Sequence[tuple[Any, ...]],
    columns: LiteralString,
) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table}{columns} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _post(draw: Random, number: int, creator: UUID) -> Post:
    boundary = 7 + draw.choice([-1, 0, 1]) / 86400
    age = draw.choice([draw.uniform(0, 14), draw.uniform(0, 14), boundary, draw.uniform(0, 300)])
    usual = draw.random() < 0.8
    since = AT - timedelta(days=age)
    return Post(
        id=_uuid(draw),
        no=number,
        creator=creator,
        visibility="public" if usual else draw.choice(["public", "shadow_ban", "removed"]),
        ready=usual or draw.random() < 0.5,
        playback="playback" if usual else draw.choice(["playback", "", None]),
        created_at=since if usual else since - timedelta(days=10),
        published_at=draw.choice([None, since]) if usual else since,
    )


def _some(draw: Random, items: list[UUID], share: float) -> list[UUID]:
    chosen = [item for item in items if draw.random() < share]
    draw.shuffle(chosen)
    return chosen


def _uuid(draw: Random) -> UUID:
    return UUID(int=draw.getrandbits(128), version=4)
