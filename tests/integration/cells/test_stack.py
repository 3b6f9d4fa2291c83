"""`make dev CELLS=2`: viewers of two cells scroll, and a server that is gone takes nobody else."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from local.gateway.cells import home
from local.services.pgwheel import EMBEDDED
from local.settings import StackSettings
from local.stack import Stack
from ops.cells.servers import open_server
from ops.move import move
from tests.integration.cells.conftest import eventually
from tests.versions.servers import given_binaries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The stack starts servers of the one version that it carries.
pytestmark = pytest.mark.skipif(
    given_binaries() != EMBEDDED, reason="test-versions runs servers of its own"
)
PAGES, SIZE = 5, 12
SCHEDULE = {"source": "aws.scheduler"}
# A busy machine is no lost dependency.
PATIENT = {"DATABASE_BUDGET_MS": "10000", "CACHE_BUDGET_MS": "10000"}


@dataclass
class Scroller:
    """A viewer who scrolls and reports what they saw."""

    stack: Stack
    client: httpx.Client
    cell: int
    id: UUID = field(default_factory=uuid4)
    cursor: str | None = None
    session: str | None = None
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        while home(self.id, (1, 2)) != self.cell:
            self.id = uuid4()

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401
        token = self.stack.token(str(self.id))
        return self.client.request(
            method, path, headers={"authorization": f"Bearer {token}"}, **more
        )

    def page(self) -> httpx.Response:
        query = {"cursor": self.cursor} if self.cursor else {"page_size": SIZE}
        return self.ask("GET", "/v1/feed", params=query)

    def scroll(self) -> dict[str, Any]:
        """Ask for the next page and report its posts as seen."""
        answer = self.page()
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        self.cursor, self.session = page["next_cursor"], page["session_id"]
        ids = [post["post_id"] for post in page["posts"]]
        self.seen += ids
        rows = [
            {"event_id": str(uuid4()), "post_id": post, "source": "fresh", "position": at}
            | {"visible_ms": 900, "seen_at": "2026-01-01T00:00:00Z"}
            for at, post in enumerate(ids)
        ]
        body = {"session_id": self.session, "impressions": rows}
        reported = self.ask("POST", "/v1/impressions", json=body)
        assert reported.status_code == 200, reported.text
        assert reported.json()["accepted"] == len(ids)
        return page


@dataclass
class Running:
    """The stack, and how to ask its servers."""

    stack: Stack
    client: httpx.Client

    def viewers(self, cell: int, count: int) -> list[Scroller]:
        return [Scroller(self.stack, self.client, cell) for _ in range(count)]

    def one(self, cell: int, query: str, *parameters: object) -> Any:  # noqa: ANN401
        url = self.stack.info["admin_database_url"]
        if cell:
            url = self.stack.info["cells"][cell - 1]["admin_database_url"]
        with psycopg.connect(url) as connection:
            row = connection.execute(query.encode(), parameters).fetchone()
        return None if row is None else row[0]

    def counted(self) -> int:
        """Run the upkeep of the catalogue, and return the impressions that posts have got."""
        self.stack.invoke("feed_ranker", SCHEDULE)
        return int(self.one(0, "SELECT sum(impressions) FROM post_stats"))

    def has_sent_all(self, cell: int) -> bool:
        """Run the upkeep of a cell, and tell whether its queue is empty."""
        self.stack.invoke(f"feed_ranker-cell-{cell}", SCHEDULE)
        return bool(self.one(cell, "SELECT count(*) = 0 FROM engagement_queue"))

    def settled(self) -> int:
        """Wait until all that was reported so far is counted, and return the impressions."""
        for cell in (1, 2):
            eventually(partial(self.has_sent_all, cell))
        arrived = "SELECT count(*) = 0 FROM engagement_queue"
        eventually(lambda: (self.counted(), self.one(0, arrived)), lambda found: bool(found[1]))
        return self.counted()

    def upload(self, viewer: Scroller) -> int:
        body = {"content": {"caption": "c"}, "size_bytes": 9, "duration_ms": 9}
        return viewer.ask("POST", "/v1/uploads", json=body).status_code


@pytest.fixture(scope="module")
def running(scratch: Path) -> Iterator[Running]:
    settings = StackSettings(
        state_dir=scratch / "stack-of-cells",
        cells=2,
        workers={"feed_ranker": 2},
        environment=PATIENT,
    )
    with (
        Stack(settings) as stack,
        httpx.Client(base_url=stack.base_url, timeout=30, trust_env=False) as client,
    ):
        with psycopg.connect(stack.info["admin_database_url"]) as owner:
            owner.execute(
                "INSERT INTO posts (creator_id, mux_ready, mux_playback_id, mux_duration_ms)"
                " SELECT gen_random_uuid(), true, 'p' || n, 20000 FROM generate_series(1, 400) n"
            )
        world = Running(stack, client)
        for cell in (1, 2):
            eventually(partial(world.one, cell, "SELECT count(*) = 400 FROM posts"))
        yield world


def test_twelve_viewers_of_two_cells_scroll_and_every_event_is_counted_once(
    running: Running,
) -> None:
    before = running.settled()
    viewers = running.viewers(1, 6) + running.viewers(2, 6)
    for _ in range(PAGES):
        for viewer in viewers:
            page = viewer.scroll()
            assert len(page["posts"]) == SIZE
            assert page["degraded"] is None
            assert not any(post["is_repeat"] for post in page["posts"])
    for viewer in viewers:
        assert len(set(viewer.seen)) == PAGES * SIZE
        stored = "SELECT count(*) FROM user_post_impressions WHERE user_id = %s"
        assert running.one(viewer.cell, stored, viewer.id) == PAGES * SIZE
        assert running.one(3 - viewer.cell, stored, viewer.id) == 0
    events = len(viewers) * PAGES * SIZE
    eventually(lambda: running.counted() == before + events)
    assert running.counted() == before + events
    for cell in (1, 2):
        eventually(partial(running.has_sent_all, cell))


def test_a_post_that_is_taken_down_leaves_the_pages_of_every_cell(running: Running) -> None:
    viewers = running.viewers(1, 1) + running.viewers(2, 1)
    for viewer in viewers:
        viewer.scroll()
    shared = viewers[0].seen[0]
    with psycopg.connect(running.stack.info["admin_database_url"], autocommit=True) as owner:
        owner.execute("UPDATE posts SET visibility = 'removed' WHERE id = %s", [shared])
        gone = "SELECT visibility = 'removed' FROM posts WHERE id = %s"
        for cell in (1, 2):
            eventually(partial(running.one, cell, gone, shared))
    newcomers = running.viewers(1, 1) + running.viewers(2, 1)
    for viewer in newcomers:
        for _ in range(PAGES):
            viewer.scroll()
        assert shared not in viewer.seen


def test_a_viewer_who_is_moved_scrolls_on_in_the_other_cell(running: Running) -> None:
    (viewer,) = running.viewers(1, 1)
    for _ in range(2):
        viewer.scroll()
    first, second = (cell["admin_database_url"] for cell in running.stack.info["cells"])
    catalogue = running.stack.info["admin_database_url"]

    def refused(line: str) -> None:
        if "on the way" in line:
            answer = viewer.page()
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "1"

    servers = [open_server(url) for url in (catalogue, first, second)]
    with servers[0].connection, servers[1].connection, servers[2].connection:
        move(servers[0], servers[1], servers[2], viewer.id, refused)
    for _ in range(3):
        page = viewer.scroll()
        assert len(page["posts"]) == SIZE
        assert page["degraded"] is None
    assert len(set(viewer.seen)) == PAGES * SIZE
    stored = "SELECT count(*) FROM user_post_impressions WHERE user_id = %s"
    assert running.one(1, stored, viewer.id) == 0
    assert running.one(2, stored, viewer.id) == PAGES * SIZE


def test_a_creator_of_a_cell_sees_and_erases_what_the_catalogue_keeps(running: Running) -> None:
    (creator,) = running.viewers(1, 1)
    post = uuid4()
    with psycopg.connect(running.stack.info["admin_database_url"], autocommit=True) as owner:
        owner.execute("INSERT INTO posts (id, creator_id) VALUES (%s, %s)", [post, creator.id])
    known = "SELECT count(*) FROM posts WHERE id = %s"
    eventually(partial(running.one, 1, known, post))
    creator.scroll()
    exported = creator.ask("GET", "/v1/me/data").json()["tables"]
    assert [row["id"] for row in exported["posts"]["rows"]] == [str(post)]
    assert exported["user_post_impressions"]["total"] == SIZE
    running.stack.stop_cell(0)
    try:
        answer = creator.ask("DELETE", "/v1/me")
        assert answer.status_code == 200
        assert not answer.json()["complete"], "the catalogue has the post, and is gone"
        left = creator.ask("GET", "/v1/me/data").json()["tables"]
        assert left["user_post_impressions"]["total"] == 0
    finally:
        running.stack.start_cell(0)

    def erased() -> bool:
        running.stack.invoke("feed_ranker", SCHEDULE)
        return bool(creator.ask("DELETE", "/v1/me").json()["complete"])

    eventually(erased)
    assert running.one(0, known, post) == running.one(1, known, post) == 0
    # Replication takes the deletion to the other cells, which nobody waits for.
    eventually(lambda: running.one(2, known, post) == 0)


@pytest.mark.parametrize("end", ["stop_cell", "kill_cell"])
def test_a_cell_that_is_gone_takes_nobody_else_with_it(running: Running, end: str) -> None:
    (mine,), (other,) = running.viewers(1, 1), running.viewers(2, 1)
    before = running.settled()
    mine.scroll()
    other.scroll()
    getattr(running.stack, end)(1)
    try:
        answer = mine.page()
        assert answer.status_code == 503 or answer.json()["degraded"] == "database"
        (newcomer,) = running.viewers(1, 1)
        assert newcomer.page().status_code == 503
        assert other.scroll()["degraded"] is None
        assert running.upload(other) == running.upload(mine) == 201
    finally:
        running.stack.start_cell(1)
    eventually(lambda: mine.page().status_code == 200 and mine.page().json()["degraded"] is None)
    mine.scroll()
    eventually(lambda: running.counted() >= before + 4 * SIZE)
    eventually(partial(running.has_sent_all, 1))
    assert running.counted() == before + 4 * SIZE


@pytest.mark.parametrize("end", ["stop_cell", "kill_cell"])
def test_feeds_go_on_while_the_catalogue_is_gone(running: Running, end: str) -> None:
    viewers = running.viewers(1, 1) + running.viewers(2, 1)
    before = running.settled()
    getattr(running.stack, end)(0)
    try:
        for viewer in viewers:
            for _ in range(2):
                page = viewer.scroll()
                assert len(page["posts"]) == SIZE
                assert page["degraded"] is None
        assert running.upload(viewers[0]) == 503
    finally:
        running.stack.start_cell(0)
    eventually(lambda: running.upload(viewers[0]) == 201)
    eventually(lambda: running.counted() == before + len(viewers) * 2 * SIZE)
