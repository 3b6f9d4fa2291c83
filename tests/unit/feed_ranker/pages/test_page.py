from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.feed_ranker.pages.cursor import Position
from functions.feed_ranker.pages.page import Page, assemble
from functions.feed_ranker.ranking.diversity import NO_CREATOR, creator_tag
from functions.feed_ranker.ranking.exploration import Explorer
from functions.feed_ranker.ranking.queue import Queue
from shared.cooldown import CooldownRules
from shared.models import Rung
from tests.unit.feed_ranker.generators import SESSION, entry, queues

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from functions.feed_ranker.ranking.stream import Entry

RULES = CooldownRules()
START = Position(SESSION)
page_sizes = st.integers(1, 15)
rates = st.sampled_from((0.0, 0.1, 0.5, 1.0))
positions = st.builds(
    Position,
    st.just(SESSION),
    page_no=st.integers(0, 100),
    queue_page_no=st.integers(0, 100),
    used=st.integers(0, 2**40 - 1) | st.just(0),
    last_creator=st.sampled_from([NO_CREATOR, *(creator_tag(entry(1).creator_id),)]),
    cache_only_pages=st.booleans(),
)


def page_of(
    queue: Queue,
    at: Position = START,
    size: int = 12,
    rate: float = 0.0,
    dropped: Collection[UUID] = (),
) -> Page:
    return assemble(queue, at, size, Explorer(at.session, at.page_no, rate), RULES, dropped)


def whole(*entries: Entry, seen: tuple[Entry, ...] = ()) -> Queue:
    """A queue of all the unseen posts that there are."""
    return Queue(entries, len(entries), seen, complete=True, page_size=12)


def left_of(queue: Queue, at: Position, dropped: Collection[UUID]) -> tuple[list[Entry], ...]:
    """What ranking may show, what only exploration may, and what would repeat."""
    left = [(i, e) for i, e in queue.left(at.used).items() if e.post_id not in dropped]
    return (
        [e for i, e in left if i < queue.ranked_count],
        [e for i, e in left if i >= queue.ranked_count],
        [e for e in queue.seen if e.post_id not in dropped],
    )


@st.composite
def requests(draw: st.DrawFn) -> tuple[Queue, Position, int, float, frozenset[UUID]]:
    """A queue, a place in it, a page size, a rate of exploration, and posts that were dropped."""
    queue = draw(queues())
    offered = [e.post_id for e in (*queue.entries, *queue.seen)]
    dropped = draw(st.sets(st.sampled_from(offered), max_size=5)) if offered else set()
    return queue, draw(positions), draw(page_sizes), draw(rates), frozenset(dropped)


Request = tuple[Queue, Position, int, float, frozenset["UUID"]]


@given(requests())
def test_a_page_is_filled_exactly_as_far_as_there_are_posts(request_: Request) -> None:
    queue, at, size, _, dropped = request_
    ranked, explored_only, seen = left_of(queue, at, dropped)
    page = page_of(*request_)
    assert len(page.posts) <= size
    assert len(page.posts) >= min(size, len(ranked) + len(seen))
    if queue.complete:
        assert not explored_only
        assert len(page.posts) == min(size, len(ranked) + len(seen))


@given(requests())
def test_a_page_holds_no_post_twice_and_invents_none(request_: Request) -> None:
    queue, at, _, _, dropped = request_
    ids = page_of(*request_).ids
    assert len(ids) == len(set(ids))
    assert set(ids) <= {e.post_id for part in left_of(queue, at, dropped) for e in part}


@given(requests())
def test_a_post_keeps_its_creator_its_figures_and_its_rung(request_: Request) -> None:
    queue = request_[0]
    by_id = {e.post_id: e for e in (*queue.entries, *queue.seen)}
    for placed in page_of(*request_).posts:
        offered = by_id[placed.post_id]
        assert placed[:6] == (*offered[:2], placed.rung, *offered[3:6])
        assert placed.is_repeat is (offered in queue.seen)
        assert placed.is_repeat or placed.rung in {offered.rung, Rung.EXPLORE}


@given(requests())
def test_a_page_is_the_same_however_often_it_is_assembled(request_: Request) -> None:
    assert page_of(*request_) == page_of(*request_)


@given(requests())
def test_repeats_follow_every_unseen_post_and_stand_longest_ago_first(request_: Request) -> None:
    queue, at, size, _, dropped = request_
    ranked, _, seen = left_of(queue, at, dropped)
    posts = page_of(*request_).posts
    repeats = [p for p in posts if p.is_repeat]
    assert list(posts[len(posts) - len(repeats) :]) == repeats
    assert [p.post_id for p in repeats] == [e.post_id for e in seen[: len(repeats)]]
    assert not repeats or {e.post_id for e in ranked} <= {p.post_id for p in posts}
    assert len(repeats) <= max(0, size - len(ranked))


@given(requests())
def test_controlled_repeats_keep_their_limits_and_recycling_says_so(request_: Request) -> None:
    queue, at, size, _, dropped = request_
    ranked, _, _ = left_of(queue, at, dropped)
    page = page_of(*request_)
    repeats = [i for i, p in enumerate(page.posts) if p.rung is Rung.REPEAT]
    late = [i for i, p in enumerate(page.posts) if p.is_repeat and i >= 6]
    below = queue.complete and len(ranked) < 24
    assert repeats == (late[:2] if below else [])
    if len(page.posts) < size:
        assert page.degraded == "catalogue"
    elif any(p.rung is Rung.RECYCLED for p in page.posts):
        assert page.degraded == "inventory"
    else:
        assert page.degraded is None


@given(requests())
def test_creators_vary_while_another_ones_post_is_left(request_: Request) -> None:
    queue, at, _, _, dropped = request_
    ranked, kept_for_discovery, _ = left_of(queue, at, dropped)
    left = ranked + kept_for_discovery
    page = page_of(*request_)
    last, counts = at.last_creator, Counter[bytes]()
    gave_up = False
    for placed in (p for p in page.posts if not p.is_repeat):
        creators = [creator_tag(e.creator_id) for e in left]
        creator = creator_tag(placed.creator_id)
        if creator == last or counts[creator] >= 2:
            gave_up = True
            assert placed.rung is not Rung.EXPLORE
            assert not any(c != last and counts[c] < 2 for c in creators)
        if creator == last:
            assert set(creators) == {last}
        beyond = placed.post_id in {e.post_id for e in kept_for_discovery}
        gave_up = gave_up or (beyond and placed.rung is not Rung.EXPLORE)
        left = [e for e in left if e.post_id != placed.post_id]
        last = creator
        counts[creator] += 1
    assert page.variety_exhausted is (gave_up and not queue.complete)


@given(requests())
def test_a_ranked_position_takes_the_first_of_the_queue_that_variety_allows(
    request_: Request,
) -> None:
    queue, at, _, _, dropped = request_
    ranked, kept_for_discovery, _ = left_of(queue, at, dropped)
    left = ranked + kept_for_discovery
    last, counts = at.last_creator, Counter[bytes]()

    def fault(candidate: Entry) -> int:
        creator = creator_tag(candidate.creator_id)
        return 2 if creator == last else int(counts[creator] >= 2)

    for placed in page_of(*request_).posts:
        if placed.is_repeat:
            break
        if placed.rung is not Rung.EXPLORE:
            assert placed.post_id == min(left, key=fault).post_id
        left = [e for e in left if e.post_id != placed.post_id]
        last = creator_tag(placed.creator_id)
        counts[last] += 1


@given(requests())
def test_exploration_shows_only_what_ranking_alone_would_not_have_shown(
    request_: Request,
) -> None:
    queue, at, size, rate, dropped = request_
    alone = {p.post_id for p in page_of(queue, at, size, 0.0, dropped).posts}
    explored = [(i, p) for i, p in enumerate(page_of(*request_).posts) if p.rung is Rung.EXPLORE]
    assert not alone & {p.post_id for _, p in explored}
    explorer = Explorer(at.session, at.page_no, rate)
    assert all(explorer.explores(i) for i, _ in explored)


@given(requests())
def test_only_an_explored_post_has_a_propensity(request_: Request) -> None:
    rate = request_[3]
    for placed in page_of(*request_).posts:
        if placed.rung is Rung.EXPLORE:
            assert placed.propensity is not None
            assert 0.0 < placed.propensity <= rate + 1e-12
        else:
            assert placed.propensity is None


def test_a_propensity_is_the_rate_times_the_share_of_the_weight_among_what_may_be_drawn() -> None:
    weights = {100: 0.5, 101: 0.2, 102: 0.3}
    queue = Queue(
        (entry(1), entry(2, creator=9), *(entry(n, weight=w) for n, w in weights.items())),
        ranked_count=2,
        seen=(),
        complete=False,
        page_size=1,
    )
    page = page_of(queue, size=1, rate=1.0)
    (placed,) = page.posts
    total = 0.5 + 0.2 + 0.3 + 1.0  # the second ranked post may be drawn too: it has weight 1
    weight = weights.get(placed.post_id.int, 1.0)
    assert placed.rung is Rung.EXPLORE
    assert placed.propensity == pytest.approx(weight / total)


def test_a_creator_who_may_not_stand_next_is_not_drawn() -> None:
    at = replace(START, last_creator=creator_tag(entry(1).creator_id))
    queue = whole(entry(2), entry(3, creator=10**6 + 1))
    page = page_of(queue, at, size=1, rate=1.0)
    assert [p.post_id.int for p in page.posts] == [2]
    assert page.posts[0].rung is Rung.FRESH


@given(requests())
def test_the_place_of_the_next_page_marks_what_was_taken_and_what_was_dropped(
    request_: Request,
) -> None:
    queue, at, _, _, dropped = request_
    page = page_of(*request_)
    gone = {*page.ids, *dropped}
    mask = sum(1 << i for i, e in enumerate(queue.entries) if e.post_id in gone)
    last = creator_tag(page.posts[-1].creator_id) if page.posts else at.last_creator
    assert page.after == replace(at, page_no=at.page_no + 1, used=at.used | mask, last_creator=last)


@given(queues(), page_sizes, rates)
def test_consecutive_pages_of_a_queue_never_repeat_and_show_all_of_it(
    queue: Queue, size: int, rate: float
) -> None:
    queue = replace(queue, ranked_count=len(queue.entries), seen=(), complete=True)
    at = START
    shown: list[UUID] = []
    while len(shown) < len(queue.entries):
        page = page_of(queue, at, size, rate)
        assert len(page.posts) == min(size, len(queue.entries) - len(shown))
        shown += page.ids
        at = page.after
    assert sorted(shown) == sorted(e.post_id for e in queue.entries)
    assert page_of(queue, at, size, rate).posts == ()


def test_posts_kept_for_discovery_fill_a_page_that_nothing_else_fills() -> None:
    queue = Queue((entry(1), entry(2), entry(3)), 1, (), complete=False, page_size=3)
    assert [p.post_id.int for p in page_of(queue, size=3).posts] == [1, 2, 3]


@pytest.mark.parametrize(("unseen", "labels"), [(23, ["repeat", "repeat"]), (24, ["recycled"])])
def test_controlled_repeats_begin_below_the_waterline(unseen: int, labels: list[str]) -> None:
    seen = tuple(entry(1_000 + n) for n in range(9))
    queue = whole(*(entry(n) for n in range(unseen)), seen=seen)
    page = page_of(queue, size=25)
    assert [p.rung for p in page.posts if p.is_repeat] == labels
    assert page.degraded == ("inventory" if "recycled" in labels else None)


def test_recycled_posts_stand_around_the_controlled_repeats() -> None:
    queue = whole(entry(1), entry(2), seen=tuple(entry(1_000 + n) for n in range(20)))
    page = page_of(queue)
    assert [str(p.rung) for p in page.posts] == (
        ["fresh"] * 2 + ["recycled"] * 4 + ["repeat"] * 2 + ["recycled"] * 4
    )
    assert [p.post_id.int for p in page.posts[2:]] == list(range(1_000, 1_010))


def test_an_empty_catalogue_gives_an_empty_page_that_says_so() -> None:
    page = page_of(whole())
    assert (page.posts, page.degraded) == ((), "catalogue")
    assert page.after == replace(START, page_no=1)


def test_what_a_page_shows_for_the_first_time_is_told_apart_from_its_repeats() -> None:
    page = page_of(whole(entry(1), seen=(entry(1_000),)))
    assert [i.int for i in page.ids] == [1, 1_000]
    assert [i.int for i in page.unseen_ids] == [1]
