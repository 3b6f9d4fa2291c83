"""Drives the feed function's parts as one container would, and makes catalogues for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID, uuid4

import psycopg

from functions.feed_ranker.container import Container
from functions.feed_ranker.requests import FeedQuery, ImpressionBatch, WatchBatch
from functions.feed_ranker.settings import FeedSettings
from local.page_check import label_faults, page_faults
from shared.observability import Telemetry
from shared.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.conftest import Database


class Harness:
    """One catalogue, any number of viewers.

    `containers` makes further containers, as Lambda does for concurrent requests.
    """

    def __init__(self, database: Database, dynamodb_endpoint: str, table: str) -> None:
        self.environ = {
            "DATABASE_URL": database.app_url,
            "SESSION_TABLE": table,
            "CURSOR_SECRET": "a-secret-of-the-tests",
            "DYNAMODB_ENDPOINT_URL": dynamodb_endpoint,
            # A busy machine is no lost dependency. Tests of lost ones set budgets of their own.
            "DATABASE_BUDGET_MS": "10000",
            "CACHE_BUDGET_MS": "10000",
            "PREPARE_BUDGET_MS": "10000",
        }
        self.table = table
        self.now = datetime.now(UTC)
        self.admin = psycopg.connect(database.admin_url, autocommit=True)
        self._containers: list[Container] = []
        self.container = self.new_container()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.admin.close()
        for container in self._containers:
            container.database.close()

    def new_container(self, **environ: str) -> Container:
        settings = load(FeedSettings, {**self.environ, **environ})
        container = Container(settings, Telemetry("feed", level="ERROR"))
        self._containers.append(container)
        return container

    def add_posts(
        self,
        count: int,
        *,
        creators: int = 40,
        creator: UUID | None = None,
        age: timedelta | None = None,
        spread: timedelta = timedelta(days=20),
    ) -> list[UUID]:
        """Eligible posts: all of `age`, or aged up to `spread`."""
        rows = []
        # The harness's clock may be ahead of the server's, for which such a post has yet to come.
        now = min(self.now, datetime.now(UTC))
        for i in range(count):
            old = age if age is not None else spread * ((i * 7919 % count) / count)
            owner = creator or UUID(int=10_000 + i * 31 % creators)
            rows.append((uuid4(), owner, now - old))
        with (
            self.admin.cursor() as cursor,
            cursor.copy(
                "COPY posts (id, creator_id, created_at, mux_ready, mux_playback_id,"
                " mux_duration_ms) FROM STDIN"
            ) as copy,
        ):
            for post, owner, created in rows:
                copy.write_row((post, owner, created, True, f"play-{post.hex[:8]}", 30_000))
        return [row[0] for row in rows]

    def sees(
        self, viewer: UUID, posts: Iterable[UUID], *, ago: timedelta = timedelta(hours=1)
    ) -> None:
        """Put impressions straight into the table, in order, the first the longest ago."""
        posts = list(posts)
        with (
            self.admin.cursor() as cursor,
            cursor.copy(
                "COPY user_post_impressions (user_id, post_id, seen_at) FROM STDIN"
            ) as copy,
        ):
            for i, post in enumerate(posts):
                copy.write_row((viewer, post, self.now - ago + timedelta(milliseconds=i)))

    def execute(self, statement: str, *params: object) -> None:
        self.admin.execute(statement, params)

    def viewer(self) -> Viewer:
        return Viewer(self, uuid4())


@dataclass
class Viewer:
    """A viewer who scrolls."""

    harness: Harness
    id: UUID
    session: UUID | None = None
    cursor: str | None = None
    pages: list[dict[str, Any]] = field(default_factory=list)

    def page(
        self,
        page_size: int = 12,
        *,
        cursor: str | None = None,
        container: Container | None = None,
        **query: Any,  # noqa: ANN401  # any query parameter
    ) -> dict[str, Any]:
        """The page at `cursor`, without moving on; the first of a new session without one."""
        given = {"page_size": page_size, "cursor": cursor, **query}
        return (container or self.harness.container).page(
            self.id,
            FeedQuery.model_validate({k: v for k, v in given.items() if v is not None}),
            str(uuid4()),
            self.harness.now,
            lambda: 1.0,
        )

    def next(self, page_size: int = 12, **query: Any) -> dict[str, Any]:  # noqa: ANN401
        """The next page of the session."""
        page = self.page(page_size, cursor=self.cursor, **query)
        self.cursor, self.session = page["next_cursor"], UUID(page["session_id"])
        self.pages.append(page)
        return page

    def scroll(self, pages: int, page_size: int = 12) -> Iterator[dict[str, Any]]:
        for _ in range(pages):
            yield self.next(page_size)

    def restart(self) -> None:
        """Begin a new session with the next page."""
        self.session = self.cursor = None
        self.pages = []

    def records(
        self,
        page: dict[str, Any],
        *,
        posts: slice = slice(None),
        container: Container | None = None,
    ) -> dict[str, Any]:
        """Record impressions of posts of a page, of all of them unless some are named."""
        batch = ImpressionBatch.model_validate(
            {
                "session_id": page["session_id"],
                "impressions": [
                    {
                        "event_id": str(uuid4()),
                        "post_id": post["post_id"],
                        "source": post["source"],
                        "position": post["position"],
                        "visible_ms": 900,
                        "seen_at": self.harness.now.isoformat(),
                    }
                    for post in page["posts"][posts]
                ],
            }
        )
        return (container or self.harness.container).take_impressions(
            self.id, batch, str(uuid4()), self.harness.now
        )

    def watches(
        self,
        page: dict[str, Any],
        *,
        posts: slice = slice(None),
        container: Container | None = None,
    ) -> dict[str, Any]:
        """Report that posts of a page were watched to the end."""
        rows = [
            {
                "event_id": str(uuid4()),
                "post_id": post["post_id"],
                "play_ms": post["duration_ms"],
                "duration_ms": post["duration_ms"],
            }
            for post in page["posts"][posts]
        ]
        return (container or self.harness.container).take_watches(
            self.id, WatchBatch(events=rows), str(uuid4()), self.harness.now
        )


def ids(page: dict[str, Any]) -> list[str]:
    return [post["post_id"] for post in page["posts"]]


def check_page(
    page: dict[str, Any], page_size: int, eligible: int, *, without: bool = False
) -> None:
    """What holds of every page, whatever the catalogue and the history."""
    posts = page["posts"]
    assert page_faults(posts, min(page_size, eligible)) == []
    assert label_faults(posts) == []
    assert page["next_cursor"]
    recycled = any(p["source"] == "recycled" for p in posts)
    if without:
        assert page["degraded"] in {"cache", "database"}
    elif eligible < page_size:
        assert page["degraded"] == "catalogue"
    else:
        assert page["degraded"] == ("inventory" if recycled else None)


def assert_no_repeat_while_unserved(pages: Sequence[dict[str, Any]], eligible: int) -> None:
    """No post twice in a session while an eligible one is unserved in it."""
    served: set[str] = set()
    for page in pages:
        for post in ids(page):
            assert post not in served or len(served) == eligible
            served.add(post)
