"""The demo on a stack with viewer cells: viewers of all cells scroll, and the catalogue counts."""

from __future__ import annotations

import time
from functools import partial
from http import HTTPStatus
from statistics import median
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import psycopg

from local.catalogue import seed
from local.demo.checks_pages import acknowledged
from local.demo.client import Viewer
from local.demo.observed import ObservedState
from local.demo.promises import Finding, Promise
from local.demo.session import PAGE_SIZE, Session
from local.errors import StackError
from local.gateway.cells import home
from local.take_downs import TakeDowns

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from local.demo.context import Context

STEPS: Final = 6
POSTS: Final = 300
VIEWERS, PAGES = 3, 3  # of each cell, and of each viewer
RACERS: Final = 4
TAKE_DOWNS: Final = 20
_LONGEST_LAG_MS: Final = 10_000
_PATIENCE_S: Final = 60.0
_SCHEDULE: Final = {"source": "aws.scheduler"}
_COUNTED: Final = "SELECT sum(impressions), sum(plays) FROM post_stats"
_TAKEN: Final = "SELECT id FROM posts WHERE visibility = 'public' ORDER BY id DESC LIMIT %s"


def play(context: Context) -> None:
    """Go through all steps after the start of the stack."""
    display = context.display
    with display.step(f"A catalogue of {POSTS} posts reaches every cell"):
        seed(context.observed.admin_url, posts=POSTS)
        for number in _numbers(context):
            _wait_for(partial(_posts, context, number), POSTS)
        before = _figures(context)
        display.say(f"{POSTS} posts in {len(_numbers(context))} cells")
    with display.step("Viewers of all cells scroll, and report what they saw and watched"):
        sessions = [session for number in _numbers(context) for session in _scroll(context, number)]
    with display.step("The catalogue counts every event once"):
        _count(context, sessions, before)
    with display.step("Posts that are taken down leave every cell"):
        _take_down(context, sessions)
    with display.step("The catalogue is killed: feeds go on, uploads say so"):
        _lose_catalogue(context, sessions)


def _numbers(context: Context) -> list[int]:
    return [cell["number"] for cell in context.stack.info["cells"]]


def _url(context: Context, number: int) -> str:
    """Return the URL of a cell for its owner."""
    (cell,) = (each for each in context.stack.info["cells"] if each["number"] == number)
    return str(cell["admin_database_url"])


def _rows(url: str, query: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode(), parameters).fetchall()


def _posts(context: Context, number: int) -> int:
    return int(_rows(_url(context, number), "SELECT count(*) FROM post_stats")[0][0])


def _wait_for(ask: Callable[[], object], wanted: object) -> None:
    """Ask until the answer is the wanted one. Replication takes a moment.

    Raises:
        StackError: It is still another one after a minute.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while (answer := ask()) != wanted:
        if time.monotonic() > deadline:
            raise StackError(f"a cell has {answer} where {wanted} is expected")
        time.sleep(0.02)


def _scroll(context: Context, number: int) -> list[Session]:
    """Let viewers of one cell scroll. Every page is checked against what there was for it."""
    observed, sessions = ObservedState(_url(context, number)), []
    numbers = _numbers(context)
    for nth in range(VIEWERS):
        viewer_id = uuid4()
        while home(viewer_id, numbers) != number:
            viewer_id = uuid4()
        session = Session(Viewer(context.http, viewer_id), observed, context.tally)
        for page_no in range(PAGES):
            # One of the pages is asked for by several requests at once.
            page = session.next(RACERS if (nth, page_no) == (0, 1) else 1)
            session.record(page)
            watched = session.viewer.watched(page.posts)
            if watched is not None:
                context.tally.add([acknowledged(watched, len(page.posts))])
        if nth == 0:
            context.display.page(f"Cell {number}", session.pages[-1], session.entries[-1])
        sessions.append(session)
    return sessions


def _figures(context: Context) -> tuple[int, int]:
    """Return how many impressions and plays the catalogue has counted."""
    impressions, plays = _rows(context.observed.admin_url, _COUNTED)[0]
    return int(impressions), int(plays)


def _count(context: Context, sessions: list[Session], before: tuple[int, int]) -> None:
    """Let the catalogue count until it has all events, and look whether it has none twice."""
    posts = sum(len(session.served) for session in sessions)

    def counted() -> tuple[int, int]:
        context.stack.invoke("feed_ranker", _SCHEDULE)
        return _figures(context)

    wanted = (before[0] + posts, before[1] + posts)
    deadline = time.monotonic() + _PATIENCE_S
    while counted() != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    # Cells remove what they have sent, and nothing comes a second time.
    for number in _numbers(context):
        context.stack.invoke(f"feed_ranker-cell-{number}", _SCHEDULE)
    found = counted()
    context.display.say(f"{posts} impressions and {posts} watches of {len(sessions)} viewers")
    context.tally.add(
        [
            Finding(
                Promise.CELLS,
                "the catalogue counts each event of each cell once",
                found == wanted,
                f"{found} instead of {wanted}",
            )
        ]
    )


def _take_down(context: Context, sessions: list[Session]) -> None:
    """Take posts down, one of them on a page that was served, and measure the cells' lag."""
    cells = [_url(context, number) for number in _numbers(context)]
    watched: dict[UUID, list[Session]] = {}
    for session in sessions:
        for post in session.pages[-1].ids:
            watched.setdefault(post, []).append(session)
    shown = next(iter(watched))
    others = [row[0] for row in _rows(context.observed.admin_url, _TAKEN, (TAKE_DOWNS,))]
    take_downs = TakeDowns.connect(context.observed.admin_url, cells)
    try:
        lags = [lag for post in [shown, *others] for lag in take_downs.lags(post)]
    finally:
        take_downs.close()
    context.display.say(
        f"in force in every cell after {median(lags):.1f} ms (median of {len(lags)}),"
        f" {max(lags):.0f} ms at most"
    )
    context.tally.add(
        Finding(
            Promise.CELLS,
            "a take-down is in force in every cell within ten seconds",
            lag < _LONGEST_LAG_MS,
            f"{lag:.0f} ms",
        )
        for lag in lags
    )
    for session in watched[shown]:
        again = session.replay(len(session.pages) - 1)
        context.tally.add(
            [
                Finding(
                    Promise.CELLS,
                    "a page that is asked for again has lost the post, and is full",
                    shown not in again.ids and len(again.ids) == PAGE_SIZE,
                    f"{len(again.ids)} posts, {shown} among them: {shown in again.ids}",
                )
            ]
        )


def _lose_catalogue(context: Context, sessions: list[Session]) -> None:
    """Kill the catalogue's server: pages stay whole, an upload is refused, and all comes back."""
    stack = context.stack
    of_each_cell = sessions[::VIEWERS]
    stack.kill_cell(0)
    try:
        for session in of_each_cell:
            page = session.next()
            session.record(page)
            context.tally.add(
                [
                    Finding(
                        Promise.CELLS,
                        "without the catalogue a page is whole",
                        page.degraded is None and len(page.ids) == PAGE_SIZE,
                        f"{page.degraded}, {len(page.ids)} posts",
                    )
                ]
            )
        refused = _upload(of_each_cell[0].viewer)
    finally:
        stack.start_cell(0)
    context.tally.add(
        [
            Finding(
                Promise.CELLS,
                "without the catalogue an upload is 503",
                refused == HTTPStatus.SERVICE_UNAVAILABLE,
                str(refused),
            )
        ]
    )
    _wait_for(partial(_upload, of_each_cell[0].viewer), HTTPStatus.CREATED)


def _upload(viewer: Viewer) -> int:
    body = {"content": {"caption": "a cat"}, "size_bytes": 9, "duration_ms": 9}
    return viewer.request("POST", "/v1/uploads", json=body).status_code
