"""One viewer with several devices, against a model that knows what each page may hold.

Rules do what viewers, creators and clocks do, in any order. After every step the pages that were
answered are checked against the feed's promises: exact fill, no post twice, never-repeat, and pages
that are written once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from functions.feed_ranker.requests import ImpressionBatch
from shared.errors import UnavailableError
from tests.integration.feed.harness import Viewer, check_page, ids
from tests.integration.feed.lives import asks

if TYPE_CHECKING:
    from datetime import datetime

    from functions.feed_ranker.container import Container
    from tests.integration.feed.harness import Harness

EXAMPLES, STEPS = 80, 40
QUEUE_LIVES = timedelta(seconds=60)
SIZES = st.sampled_from((1, 3, 6, 12, 20))
CLOCKS = st.sampled_from(
    (
        *(timedelta(minutes=m) for m in (0, 2.5, -3)),
        *(timedelta(days=d) for d in (31, -31, 3650, -3650)),
    )
)


# What there is to pick from depends on what the feed has answered, which the drawing must not.
PICKS = st.integers(0, 9_999)


def one_of(ids: set[str], pick: int) -> str:
    """The id that a pick means."""
    return sorted(ids)[pick % len(ids)]


@dataclass
class Page:
    """A page as it was answered last."""

    cursor: str | None
    size: int
    answer: dict[str, Any]


@dataclass
class Session:
    """One session on one device."""

    viewer: Viewer
    ranked_at: datetime  # when its last queue was ranked
    pages: list[Page] = field(default_factory=list)
    served: set[str] = field(default_factory=set)  # on any version of any page
    cache_only: set[int] = field(default_factory=set)  # pages that only the cache knows


class Watching(RuleBasedStateMachine):
    """What may happen to one viewer's feed."""

    harness: Harness  # these are set by the test
    without_cache: Container
    without_database: Container

    steps = 0

    sessions: Bundle[Session] = Bundle("sessions")

    @initialize(count=st.integers(0, 50), creators=st.integers(1, 12))
    def begin(self, count: int, creators: int) -> None:
        feed = self.harness
        feed.execute("DELETE FROM posts")
        self.viewer_id = uuid4()
        self.public = {str(i) for i in feed.add_posts(count, creators=creators)} if count else set()
        self.removed: set[str] = set()
        self.refused: set[str] = set()
        self.hidden: set[str] = set()
        self.seen: set[str] = set()

    @invariant()
    def a_step_was_taken(self) -> None:
        type(self).steps += 1

    # What the model knows.

    def creator_of(self) -> dict[str, str]:
        rows = self.harness.admin.execute("SELECT id, creator_id FROM posts").fetchall()
        return {str(post): str(creator) for post, creator in rows}

    def eligible(self) -> set[str]:
        creators = self.creator_of()
        return {p for p in self.public - self.refused if creators[p] not in self.hidden}

    def check(self, page: dict[str, Any], size: int, before: set[str]) -> None:
        """Check an answered page, given what the session was served before it."""
        eligible = self.eligible()
        check_page(page, size, len(eligible), without=page["degraded"] == "cache")
        shown = set(ids(page))
        assert shown <= eligible, "only what may be shown"
        unserved = eligible - before
        again = shown & before
        assert not again or unserved <= shown, "no post twice while another is unserved"
        for post in page["posts"]:
            known = post["post_id"] in self.seen or post["post_id"] in before
            assert post["is_repeat"] is known, "a repeat is what was seen or served, and no other"
        unseen = eligible - self.seen - before
        repeats = {p["post_id"] for p in page["posts"] if p["is_repeat"]}
        assert not repeats or unseen <= shown, "repeats come once nothing unseen is left"

    # What may happen.

    @rule(target=sessions, size=SIZES)
    def opens_a_session(self, size: int) -> Session:
        session = Session(Viewer(self.harness, self.viewer_id), self.harness.now)
        page = session.viewer.next(size)
        self.check(page, size, set())
        assert page["stale_cursor"] is False
        session.pages.append(Page(None, size, page))
        session.served |= set(ids(page))
        return session

    @rule(session=sessions, other_size=st.none() | SIZES)
    def scrolls(self, session: Session, other_size: int | None) -> None:
        size = other_size or session.pages[-1].size
        cursor = session.viewer.cursor
        page = session.viewer.next(size)
        self.check(page, size, set(session.served))
        if self.harness.now - session.ranked_at < QUEUE_LIVES:
            assert page["stale_cursor"] is False, "the queue has not expired"
        if page["cache"] == "miss":
            session.ranked_at = self.harness.now
        session.pages.append(Page(cursor, size, page))
        session.served |= set(ids(page))

    @rule(size=st.sampled_from((6, 12, 20)), pages=st.integers(1, 4))
    def watches_on_another_device(self, size: int, pages: int) -> None:
        other = Session(Viewer(self.harness, self.viewer_id), self.harness.now)
        for _ in range(pages):
            page = other.viewer.next(size)
            self.check(page, size, set(other.served))
            other.served |= set(ids(page))
            if page["posts"]:
                other.viewer.records(page)
            self.seen |= set(ids(page))

    @rule(session=sessions, size=SIZES)
    def scrolls_without_dynamodb(self, session: Session, size: int) -> None:
        if session.cache_only:
            return  # nobody can know what these pages held
        cursor = session.viewer.cursor
        page = session.viewer.next(size, container=self.without_cache)
        assert page["degraded"] == "cache"
        self.check(page, size, set(session.served))
        session.ranked_at = self.harness.now - QUEUE_LIVES  # its queue is known to nobody
        session.pages.append(Page(cursor, size, page))
        session.served |= set(ids(page))

    @rule(session=sessions, size=SIZES)
    def scrolls_without_postgres(self, session: Session, size: int) -> None:
        cursor = session.viewer.cursor
        try:
            page = session.viewer.next(size, container=self.without_database)
        except UnavailableError:
            return
        assert page["degraded"] == "database"
        shown = ids(page)
        assert 0 < len(shown) == len(set(shown)) <= size
        assert not set(shown) & session.served
        session.cache_only.add(len(session.pages))
        session.pages.append(Page(cursor, size, page))
        session.served |= set(shown)

    @rule(session=sessions, back=st.integers(0, 3), size=SIZES)
    def asks_again(self, session: Session, back: int, size: int) -> None:
        number = max(len(session.pages) - 1 - back, 0)
        stored = session.pages[number]
        given = (
            {"cursor": stored.cursor}
            if stored.cursor
            else {"session_id": stored.answer["session_id"]}
        )
        page = session.viewer.page(size, **given)
        eligible = self.eligible()
        shown, before = ids(page), ids(stored.answer)
        assert len(shown) == min(stored.size, len(eligible)), "filled exactly"
        assert len(set(shown)) == len(shown)
        assert set(shown) <= eligible
        kept = [i for i in before if i in eligible]
        assert [i for i in shown if i in before] == kept, "the page as it was, in its order"
        for post in page["posts"]:
            if post["post_id"] not in before:
                known = post["post_id"] in self.seen or post["post_id"] in session.served
                assert post["is_repeat"] is known
        assert page["next_cursor"] == stored.answer["next_cursor"]
        stored.answer = page
        session.cache_only.discard(number)
        session.served |= set(shown)

    @rule(
        session=sessions, back=st.integers(0, 3), off=CLOCKS, share=st.sampled_from((0.3, 1.0, 1.0))
    )
    def reports(self, session: Session, back: int, off: timedelta, share: float) -> None:
        page = session.pages[max(len(session.pages) - 1 - back, 0)].answer
        posts = page["posts"][: round(share * len(page["posts"]))]
        if not posts:
            return
        rows = [
            {
                "event_id": str(uuid4()),
                "post_id": post["post_id"],
                "source": post["source"],
                "position": post["position"],
                "visible_ms": 900,
                "seen_at": (self.harness.now + off).isoformat(),
            }
            for post in posts
        ]
        done = self.harness.container.take_impressions(
            self.viewer_id,
            ImpressionBatch.model_validate({"session_id": page["session_id"], "impressions": rows}),
            str(uuid4()),
            self.harness.now,
        )
        assert done == {"accepted": len(rows), "duplicates": 0, "rejected": []}
        self.seen |= {post["post_id"] for post in posts}

    @rule(seconds=st.sampled_from((5, 30, 61)))
    def time_passes(self, seconds: int) -> None:
        self.harness.now += timedelta(seconds=seconds)

    @rule(pick=PICKS)
    def a_post_goes(self, pick: int) -> None:
        if self.public:
            post = one_of(self.public, pick)
            self.harness.execute("UPDATE posts SET visibility = 'removed' WHERE id = %s", post)
            self.public.remove(post)
            self.removed.add(post)

    @rule(pick=PICKS)
    def a_post_comes_back(self, pick: int) -> None:
        if self.removed:
            post = one_of(self.removed, pick)
            self.harness.execute("UPDATE posts SET visibility = 'public' WHERE id = %s", post)
            self.removed.remove(post)
            self.public.add(post)

    @rule(count=st.integers(1, 8))
    def posts_come(self, count: int) -> None:
        self.public |= {str(i) for i in self.harness.add_posts(count, creators=5)}

    @rule(session=sessions, hide=st.booleans(), pick=PICKS)
    def refuses(self, session: Session, hide: bool, pick: int) -> None:  # noqa: FBT001
        posts = session.pages[-1].answer["posts"]
        if posts:
            post = posts[pick % len(posts)]
            if hide:
                asks(session.viewer, "hide_creator", creator_id=post["creator_id"])
                self.hidden.add(post["creator_id"])
            else:
                asks(session.viewer, "not_interested", post_id=post["post_id"])
                self.refused.add(post["post_id"])

    @rule(session=sessions, pick=PICKS)
    def takes_back(self, session: Session, pick: int) -> None:
        given = sorted([(i, True) for i in self.hidden] + [(i, False) for i in self.refused])
        if given:
            about, hidden = given[pick % len(given)]
            if hidden:
                asks(session.viewer, "hide_creator", undo=True, creator_id=about)
            else:
                asks(session.viewer, "not_interested", undo=True, post_id=about)
            (self.hidden if hidden else self.refused).remove(about)


@pytest.mark.timeout(1_200)
def test_the_promises_hold_whatever_one_viewers_devices_do(feed: Harness) -> None:
    class Here(Watching):
        harness = feed
        without_cache = feed.new_container(DYNAMODB_ENDPOINT_URL="http://127.0.0.1:9")
        without_database = feed.new_container(
            DATABASE_URL="postgresql://vroom_app@127.0.0.1:9/vroom"
        )

    run_state_machine_as_test(  # each rule checks what it was answered
        Here,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Here.steps >= 2_000
