"""Viewers who scroll: through a rich catalogue, in a new session, and where little is left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from local.catalogue import follow
from local.demo import checks_pages as checks
from local.demo.checks import none_recorded_before
from local.demo.checks_ranking import explored_share
from local.demo.client import MAX_BATCH, Viewer
from local.demo.promises import Promise
from local.demo.session import PAGE_SIZE, Session
from local.demo.uploading import check_in_feed

if TYPE_CHECKING:
    from local.demo.answers import Page, Post
    from local.demo.context import Context
    from local.demo.uploading import Upload

PAGES, MOST_PAGES = 6, 10
RACERS = 8
THIN = 20
_FOLLOWED = 6
# Fixed, so that every run draws the same positions for discovery.
_SESSION = UUID("5eed0000-0000-4000-8000-000000000001")
_THIN_SPAN = timedelta(days=20)


def scroll(context: Context, uploads: list[Upload]) -> Session:
    """A viewer scrolls until the uploads have come by, at least six pages; all is reported back."""
    viewer = Viewer(context.http)
    creators = context.observed.liked_creators(_FOLLOWED)
    follow(context.observed.admin_url, viewer.id, creators)
    context.display.say(f"viewer {viewer.id} follows {len(creators)} creators")
    session = Session(viewer, context.observed, context.tally, id=_SESSION)
    wanted = {upload.post_id for upload in uploads}
    while len(session.pages) < PAGES or not wanted <= set(session.served):
        if len(session.pages) >= MOST_PAGES:
            break
        # One of the pages is asked for by several requests at once.
        page = session.next(RACERS if len(session.pages) == 1 else 1)
        context.display.page(f"Page {len(session.pages)}", page, session.entries[-1])
        session.record(page)
        watched = viewer.watched(page.posts)
        if watched is not None:
            context.tally.add([checks.acknowledged(watched, len(page.posts))])
    context.tally.add([explored_share(list(chain.from_iterable(session.entries)))])
    shown: dict[UUID, Post] = {p.post_id: p for page in session.pages for p in page.posts}
    for upload in uploads:
        check_in_feed(context, upload, shown.get(upload.post_id))
    return session


def replay(context: Context, session: Session, spared: set[UUID]) -> None:
    """The same cursors again, cursors that are not one's own, and a post that is taken down.

    Args:
        context: The demo's things.
        session: With some pages.
        spared: Posts that are not to be taken down.
    """
    for page_no in (0, len(session.pages) - 1):
        again = session.replay(page_no)
        context.tally.add([checks.same_page(session.pages[page_no], again, "a replay is the page")])
    _try_bad_cursors(context, session)

    page_no = 1
    before = session.pages[page_no]
    removed = next(p for p in before.posts[2:] if p.post_id not in spared)
    context.display.say(f"post {removed.post_id} at position {removed.position} is taken down")
    context.observed.remove(removed.post_id)
    after = session.replay(page_no)
    entries = context.observed.entries(session.viewer.id, session.id, page_no)
    context.display.page(f"Page {page_no + 1}, replayed without it", after, entries)
    elsewhere = [p for n, page in enumerate(session.pages) if n != page_no for p in page.ids]
    context.tally.add(checks.refilled(before, after, removed.post_id, elsewhere))
    # Its entries stay: queues that are cached know nothing of the refill's creators.
    session.pages[page_no] = after
    again = session.replay(page_no)
    context.tally.add([checks.same_page(after, again, "a refilled page stays, too")])
    session.next()


def _try_bad_cursors(context: Context, session: Session) -> None:
    cursor = session.cursor or ""
    middle = len(cursor) // 2
    altered = f"{cursor[:middle]}{'A' if cursor[middle] != 'A' else 'B'}{cursor[middle + 1 :]}"
    attempts = (
        (session.viewer, session.id, altered, "an altered cursor is refused"),
        (session.viewer, session.id, cursor[:-4], "a truncated cursor is refused"),
        (session.viewer, uuid4(), cursor, "another session's cursor is refused"),
        (Viewer(context.http), session.id, cursor, "another viewer's cursor is refused"),
    )
    for viewer, session_id, text, claim in attempts:
        answer = viewer.try_feed(session_id, text, PAGE_SIZE)
        context.tally.add([checks.refused(answer.status_code, answer.json(), claim)])


def return_later(context: Context, session: Session) -> None:
    """The same viewer in a new session: nothing of what was seen comes back."""
    later = Session(session.viewer, context.observed, context.tally)
    recorded = context.observed.recorded(session.viewer.id)
    for _ in range(3):
        page = later.next()
        context.tally.add([none_recorded_before(page, recorded)])
    context.display.say(f"3 pages without any of the {len(recorded)} posts seen before")
    context.tally.add([checks.nothing_lost(session.viewer.acknowledged, recorded)])


def run_thin(context: Context) -> None:
    """A viewer who has seen all but a few posts runs into repeats and recycling."""
    session = Session(nearly_done(context), context.observed, context.tally)
    for number in range(1, 4):
        page = session.next()
        context.display.page(f"Thin catalogue, page {number}", page, session.entries[-1])
        session.record(page)


def nearly_done(context: Context) -> Viewer:
    """Return somebody new who has seen all but a few posts."""
    viewer = Viewer(context.http)
    stock = context.observed.stock(viewer.id, ())
    seen = sorted(stock.unseen)[THIN:]
    context.display.say(
        f"viewer {viewer.id} has seen all but {THIN} of {len(stock.eligible)} posts"
    )
    start, earlier = datetime.now(UTC) - _THIN_SPAN - timedelta(hours=1), uuid4()
    rows = iter(enumerate(seen))
    while batch := list(islice(rows, MAX_BATCH)):
        posts = [(post_id, "trending", i % PAGE_SIZE) for i, post_id in batch]
        at = [start + _THIN_SPAN * (i / len(seen)) for i, _ in batch]
        context.tally.add([checks.acknowledged(viewer.saw(earlier, posts, at), len(posts))])
    return viewer


def lose_parts(context: Context) -> None:
    """DynamoDB goes, Postgres goes, both go, and return, all in the middle of one session."""
    if not context.own_parts:
        context.display.say("left out: a given server is not stopped")
        return
    stack, viewer = context.stack, Viewer(context.http)
    session = Session(viewer, context.observed, context.tally)
    session.record(session.next())

    context.display.say("DynamoDB is stopped")
    stack.stop_dynamodb()
    page = _page_without(context, session, "cache", "without DynamoDB the feed comes from Postgres")
    context.display.page("Without DynamoDB", page, session.entries[-1])
    stack.start_dynamodb()
    session.record(session.next())

    context.display.say("Postgres is stopped")
    stack.stop_postgres()
    _page_without(context, session, "database", "without Postgres the queue goes on")
    context.display.say("Postgres and DynamoDB are stopped")
    stack.stop_dynamodb()
    answer = viewer.try_feed(session.id, session.cursor, PAGE_SIZE)
    context.tally.add([checks.unavailable(answer.status_code, answer.headers, answer.json())])

    stack.start_postgres()
    stack.start_dynamodb()
    _page_without(context, session, None, "after both return all is normal")
    for page in session.pages:
        session.record(page)
    recorded = context.observed.recorded(viewer.id)
    context.tally.add([checks.nothing_lost(viewer.acknowledged, recorded)])


def turn_read_only(context: Context) -> None:
    """The server refuses every write, as a demoted one does, and takes them again."""
    if not context.own_parts:
        context.display.say("left out: a given server is not made read-only")
        return
    viewer = Viewer(context.http)
    session = Session(viewer, context.observed, context.tally)
    session.record(session.next())
    context.stack.set_read_only(read_only=True)
    try:
        claim = "on a read-only server the queue goes on"
        _page_without(context, session, "database", claim, Promise.READ_ONLY)
        answer = viewer.try_feed(uuid4(), None, PAGE_SIZE)
        claim = "a new session on a read-only server: 503 with Retry-After"
        problem = (answer.status_code, answer.headers, answer.json())
        context.tally.add([checks.unavailable(*problem, claim, Promise.READ_ONLY)])
    finally:
        context.stack.set_read_only(read_only=False)
    claim = "the first request finds the writer again"
    _page_without(context, session, None, claim, Promise.READ_ONLY)
    for page in session.pages:
        session.record(page)
    recorded = context.observed.recorded(viewer.id)
    context.tally.add([checks.nothing_lost(viewer.acknowledged, recorded)])


def _page_without(
    context: Context,
    session: Session,
    word: str | None,
    claim: str,
    promise: Promise = Promise.HONEST_DEGRADATION,
) -> Page:
    cursor = session.cursor
    page = session.viewer.feed(session.id, cursor, PAGE_SIZE)
    context.tally.add([checks.degraded_page(page, word, session.served, claim, promise)])
    written = word != "database"
    session.entries.append(
        context.observed.entries(session.viewer.id, session.id, len(session.pages))
        if written
        else ()
    )
    session.pages.append(page)
    session.cursors.append(cursor)
    return page
