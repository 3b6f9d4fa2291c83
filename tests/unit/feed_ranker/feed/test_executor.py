"""What comes of one request for a page: by what the cache holds and how commits end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from functions.feed_ranker.feed.drafting import Drafter
from functions.feed_ranker.feed.executor import Feed
from functions.feed_ranker.feed.queue_builder import QueueBuilder
from functions.feed_ranker.feed.request import FeedRequest, Served
from functions.feed_ranker.pages.cursor import Position
from functions.feed_ranker.retrieval.candidates import Retrieval
from functions.feed_ranker.retrieval.flag_reader import FlagReader
from functions.feed_ranker.sessions.cache import Cache
from functions.feed_ranker.sessions.ledger import Ledger
from functions.feed_ranker.sessions.stored_page import page_document
from shared.cooldown import CooldownRules
from shared.errors import UnavailableError
from shared.ranking_config import RankingConfig
from shared.variants import Policy
from tests.unit.feed_ranker.feed.stand_ins import SIZE, MemoryStore, Reply, ScriptedDatabase
from tests.unit.feed_ranker.generators import SESSION, VIEWER
from tests.unit.shared.generators import MOMENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.feed_ranker.pages.page import Page
    from functions.feed_ranker.sessions.session_store import SessionStore
    from shared.postgres import Postgres

COMMITTED = Reply()
OUTDATED = Reply("outdated")
GONE = Reply("gone")


def rejected(*places: int) -> Reply:
    return Reply("rejected", places)


class Session:
    """One viewer's session with a feed whose Postgres and DynamoDB are stand-ins."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.database = ScriptedDatabase(self.calls)
        self.store = MemoryStore(self.calls)
        self.at = Position(SESSION)
        self.moment = MOMENT
        self.pages: list[Served] = []
        flags = cast("FlagReader", _Unflagged(self.database))
        cache = Cache(cast("SessionStore", self.store), ttl_s=60)
        retrieval = Retrieval(flags, timedelta(days=30), timedelta(days=7), 1.0)
        ledger = Ledger(flags, 1.0)
        drafter = Drafter(QueueBuilder(retrieval, ledger, flags), CooldownRules())
        self.feed = Feed(ledger, cache, drafter, timedelta(days=30))

    def page(self, at: Position | None = None, size: int = SIZE) -> Served:
        at = at or self.at
        served = self.feed.page(
            FeedRequest(
                viewer=VIEWER,
                at=at,
                resumed=bool(self.pages) or at.page_no > 0,
                page_size=size,
                moment=self.moment,
                request_id="6f1c4c5e-0000-4000-8000-000000000001",
                elapsed_ms=lambda: 1.0,
            )
        )
        self.pages.append(served)
        self.at = served.page.after
        return served

    def begins(self) -> None:
        """The first page is served and cached, with the queue of the next ones."""
        self.page()
        self.calls.clear()
        self.database.commits.clear()

    def waits(self, seconds: float) -> None:
        self.moment = replace(self.moment, now=self.moment.now + timedelta(seconds=seconds))

    def asks_again(self) -> None:
        """The next request is for the first page once more."""
        self.at = Position(SESSION)


class _Unflagged(FlagReader):
    """Hands on to the stand-in; there are no flags."""

    def __init__(self, database: ScriptedDatabase) -> None:
        super().__init__(
            cast("Postgres", database), Policy(exploration_rate=0.0), RankingConfig(), print
        )
        self.run = database.run  # type: ignore[method-assign]  # flags are not read


@dataclass(frozen=True)
class Outcome:
    """One row of the table.

    Attributes:
        name: What happens.
        prepare: What the session has behind it.
        script: How the commits end.
        calls: What is called, in order.
        reason: Why there is no page; empty where there is one.
    """

    name: str
    prepare: Callable[[Session], Any]
    calls: str
    script: tuple[Reply, ...] = ()
    from_cache: bool = False
    queue_expired: bool = False
    degraded: str | None = None
    posts: int = SIZE
    reason: str = ""


def new(session: Session) -> None:
    session.database.commits.clear()


def begun(session: Session) -> None:
    session.begins()


def again(session: Session) -> None:
    session.begins()
    session.asks_again()


def kept(page: Page) -> dict[str, Any]:
    """Return a page as commit_page answers it where it stands."""
    document = page_document(page, queue_expired=False, lasting=True)
    return {**document, "post_ids": [str(post_id) for post_id in page.ids]}


def again_later(session: Session) -> None:
    """The second page is asked for once more."""
    session.begins()
    at = session.at
    page = session.page().page
    document = kept(page)
    session.database.script = [Reply("existing", document=document, version=1)]
    session.at = at
    session.calls.clear()


def again_much_later(session: Session) -> None:
    again_later(session)
    session.database.script = []
    session.waits(61)


def again_without_cache_item(session: Session) -> None:
    again(session)
    session.store.items.clear()


def others_page(session: Session) -> None:
    """Another request has written page 1 meanwhile."""
    session.begins()
    other = Session()
    other.database.posts = list(range(50, 100))
    other.page()
    there = replace(other.pages[0].page, after=replace(session.at, page_no=2))
    document = kept(there)
    session.database.script = [Reply("existing", document=document, version=1)]


def others_page_with_a_lost_post(session: Session) -> None:
    others_page(session)
    session.database.script = [replace(session.database.script[0], withdrawn=(3,))]


def nearly_used_up(session: Session) -> None:
    """There are 24 posts, of which the first page has shown 12."""
    session.database.posts, session.database.complete = list(range(24)), True
    session.begins()


def expired(session: Session) -> None:
    session.begins()
    session.waits(61)


def forgotten(session: Session) -> None:
    session.begins()
    session.store.items.clear()


def cache_gone(session: Session) -> None:
    session.begins()
    session.store.gone = {"read", "write", "read all"}


def cache_cannot_be_written(session: Session) -> None:
    session.begins()
    session.store.gone = {"write"}


def database_gone(session: Session) -> None:
    session.begins()
    session.database.gone = True


def database_gone_at_first(session: Session) -> None:
    session.database.gone = True


def database_gone_for_long(session: Session) -> None:
    database_gone(session)
    session.waits(61 + 600)


def database_gone_after_feedback(session: Session) -> None:
    database_gone(session)
    session.store.feedback.revision = 1


def database_gone_in_a_race(session: Session) -> None:
    """Another request writes page 1 alone first."""
    database_gone(session)
    other = Session()
    other.begins()
    other.database.gone = True
    other.page()
    session.store.before_write = other.store.items[1]


def database_gone_and_again(session: Session) -> None:
    again(session)
    session.database.gone = True


def both_gone(session: Session) -> None:
    cache_gone(session)
    session.database.gone = True


def other_size(session: Session) -> None:
    session.page(size=6)
    session.calls.clear()


REJECTED = rejected(2)
SEEN = Reply("rejected", seen=(2,))
TABLE = [
    Outcome("a first page", new, "retrieve commit write"),
    Outcome("a first page, a post lost late", new, "retrieve commit retrieve commit write",
            (REJECTED,)),
    Outcome("a first page, feedback meanwhile", new, "retrieve commit retrieve commit write",
            (OUTDATED,)),
    Outcome("a first page while the cache cannot be written",
            lambda s: s.store.gone.add("write"), "retrieve commit write", degraded="cache"),
    Outcome("a first page while Postgres is gone", database_gone_at_first, "retrieve",
            reason="nothing_cached"),
    Outcome("the next page, from the queue", begun, "read commit", from_cache=True),
    Outcome("a post lost late, the queue has others", begun, "read commit commit write",
            (REJECTED,), from_cache=True),
    Outcome("posts lost late twice, the queue has others", begun, "read commit commit commit write",
            (REJECTED, REJECTED), from_cache=True),
    Outcome("posts seen on another device, the queue has others", begun, "read commit commit write",
            (SEEN,), from_cache=True),
    Outcome("all of the queue seen on another device", nearly_used_up,
            "read commit retrieve commit write", (Reply("rejected", seen=tuple(range(12))),),
            degraded="inventory"),
    Outcome("a first page, some of it seen on another device meanwhile", new,
            "retrieve commit retrieve commit write", (SEEN,)),
    Outcome("feedback that the queue does not know", begun, "read commit retrieve commit write",
            (OUTDATED,)),
    Outcome("another request was first", others_page, "read commit", from_cache=True),
    Outcome("another request was first, its page has lost a post", others_page_with_a_lost_post,
            "read commit read all retrieve commit write", from_cache=True),
    Outcome("posts lost without end", begun, "", (REJECTED,) * 40, reason="posts_keep_changing"),
    Outcome("the queue has expired", expired, "read retrieve commit write", queue_expired=True),
    Outcome("the cache has forgotten", forgotten, "read retrieve commit write", queue_expired=True),
    Outcome("another page size than the queue's", other_size, "read commit write", from_cache=True),
    Outcome("the cache is gone", cache_gone, "read retrieve commit", degraded="cache"),
    Outcome("the cache cannot be written", cache_cannot_be_written, "read commit commit write",
            (REJECTED,), from_cache=True, degraded="cache"),
    Outcome("a retry of the first page", again, "find", from_cache=True),
    Outcome("a retry of the first page, a post lost since", again,
            "find read read all retrieve commit write", (REJECTED,), from_cache=True),
    Outcome("a retry of a later page", again_later, "read commit", from_cache=True),
    Outcome("a retry of a later page whose queue has expired", again_much_later, "read find",
            from_cache=True),
    Outcome("a retry, posts lost without end", again, "", (REJECTED,) * 40,
            reason="posts_keep_changing"),
    Outcome("a retry of what the cache has forgotten", again_without_cache_item,
            "find", from_cache=True),
    Outcome("Postgres is gone", database_gone, "read commit write", from_cache=True,
            degraded="database"),
    Outcome("Postgres is gone, a retry", database_gone_and_again, "retrieve read write",
            from_cache=True, degraded="database"),
    Outcome("Postgres is gone, another request was first", database_gone_in_a_race,
            "read commit write", from_cache=True, degraded="database"),
    Outcome("Postgres goes while a queue is ranked anew", expired,
            "read retrieve commit write", (GONE,), from_cache=True, degraded="database"),
    Outcome("Postgres has been gone for long", database_gone_for_long, "read retrieve",
            reason="queue_too_old"),
    Outcome("Postgres is gone, the queue knows not the latest feedback",
            database_gone_after_feedback, "read commit", reason="feedback_not_in_queue"),
    Outcome("both are gone", both_gone, "read retrieve", reason="nothing_cached"),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_request_ends_as_the_table_says(row: Outcome) -> None:
    session = Session()
    row.prepare(session)
    session.database.script += row.script
    if row.reason:
        with pytest.raises(UnavailableError) as raised:
            session.page()
        assert raised.value.reason == row.reason
        assert row.calls in {"", " ".join(session.calls)}
        return
    served = session.page()
    assert " ".join(session.calls) == row.calls
    assert (served.from_cache, served.queue_expired) == (row.from_cache, row.queue_expired)
    assert served.degraded == row.degraded
    assert len(served.page.posts) == row.posts
    assert set(served.page.ids) <= set(served.content)


def test_what_is_asked_again_is_answered_alike() -> None:
    session = Session()
    first = session.page()
    assert session.page(Position(SESSION)).page.ids == first.page.ids


def test_a_page_that_another_request_wrote_first_is_the_page() -> None:
    session = Session()
    others_page(session)
    document = session.database.script[0].document
    assert document
    assert [str(i) for i in session.page().page.ids] == document["post_ids"]


def test_a_page_is_committed_with_what_must_hold_of_it() -> None:
    session = Session()
    session.page()
    (first,) = session.database.commits
    assert (first["page_no"], first["expected"], first["revision"]) == (0, 0, None)
    assert set(first["claimed_unseen"]) == set(first["shown"])
    assert len(first["hydrate"]) > SIZE, "the whole queue's content is cached"
    session.page()
    second = session.database.commits[1]
    assert (second["page_no"], second["expected"], second["revision"]) == (1, 0, 0)
    assert second["hydrate"] == []


def test_a_post_that_is_lost_late_is_shown_nowhere() -> None:
    session = Session()
    session.begins()
    session.database.script = [rejected(0, 5)]
    served = session.page()
    lost = {session.database.commits[0]["shown"][place] for place in (0, 5)}
    assert not lost & set(served.page.ids)
    assert served.withdrawn == 2


def test_what_was_seen_on_another_device_is_repeated_where_nothing_else_is_left() -> None:
    session = Session()
    nearly_used_up(session)
    session.database.script = [Reply("rejected", seen=tuple(range(12)))]
    served = session.page()
    assert len(served.page.posts) == SIZE
    assert all(post.is_repeat for post in served.page.posts)
    assert (served.withdrawn, served.underfilled) == (0, False)


def test_a_refilled_page_keeps_the_queue_of_its_session() -> None:
    session = Session()
    first = session.page()
    queue = session.store.items[0].queue
    session.database.script = [rejected(3)]
    refilled = session.page(Position(SESSION))
    assert refilled.page.ids != first.page.ids
    assert session.store.items[0].queue == queue is not None
    session.calls.clear()
    assert session.page(first.page.after).from_cache
    assert "retrieve" not in session.calls


def test_a_page_made_without_postgres_is_whole_again_when_all_is_well() -> None:
    session = Session()
    session.begins()
    at = session.at
    session.database.gone = True
    queue = session.store.items[0].queue
    assert queue is not None
    cut_off = session.page(at)
    assert cut_off.degraded == "database"
    session.database.gone = False
    again = session.page(at)
    assert again.degraded is None
    assert again.page.ids == cut_off.page.ids
    assert session.page(at).degraded is None


def test_a_viewer_with_nothing_to_see_is_not_told_of_an_expired_queue() -> None:
    session = Session()
    session.database.posts, session.database.complete = [], True
    for _ in range(3):
        served = session.page()
        assert (served.page.posts, served.degraded) == ((), "catalogue")
        assert not served.queue_expired
        assert not served.underfilled


def test_a_page_that_was_short_is_filled_on_the_next_request() -> None:
    session = Session()
    session.database.posts, session.database.complete = list(range(5)), True
    at = session.at
    assert len(session.page(at).page.posts) == 5
    session.database.posts = list(range(30))
    again = session.page(at)
    assert len(again.page.posts) == SIZE
    assert again.page.ids[:5] == session.pages[0].page.ids
    assert again.degraded is None


def test_a_page_that_is_short_without_need_is_counted() -> None:
    session = Session()
    session.database.posts, session.database.complete = list(range(5)), True
    session.database.script = [Reply(eligible=9)]
    assert session.page().underfilled
