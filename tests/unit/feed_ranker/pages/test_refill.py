from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import assume, given
from hypothesis import strategies as st

from functions.feed_ranker.pages.cursor import Position
from functions.feed_ranker.pages.page import Page, Placed, assemble
from functions.feed_ranker.pages.refill import refill
from functions.feed_ranker.ranking.exploration import Explorer
from functions.feed_ranker.ranking.queue import Queue
from shared.cooldown import CooldownRules
from shared.models import Rung
from tests.unit.feed_ranker.generators import SESSION, entry, queues

if TYPE_CHECKING:
    from uuid import UUID

    from functions.feed_ranker.ranking.stream import Entry

RULES = CooldownRules()
Loss = tuple[Page, frozenset["UUID"], Queue]


def whole(unseen: int, seen: int = 0) -> Queue:
    """A queue of all the posts that there are, each by a creator of its own."""
    return Queue(
        tuple(entry(n) for n in range(unseen)),
        unseen,
        tuple(entry(1_000 + n) for n in range(seen)),
        complete=True,
        page_size=12,
    )


def page_of(queue: Queue, size: int = 12, rate: float = 0.0) -> Page:
    return assemble(queue, Position(SESSION), size, Explorer(SESSION, 0, rate), RULES)


def afterwards(queue: Queue, page: Page, lost: frozenset[UUID] = frozenset()) -> Queue:
    """What retrieval finds once the page was served: its posts then count as seen."""
    gone = lost | set(page.ids)
    entries = tuple(e for e in queue.entries if e.post_id not in gone)
    served = tuple(e for e in queue.entries if e.post_id in page.ids)
    seen = tuple(e for e in (*queue.seen, *served) if e.post_id not in lost)
    return replace(queue, entries=entries, ranked_count=len(entries), seen=seen)


def refilled(queue: Queue, lost: set[int], size: int = 12) -> Page:
    """The first page of `queue`, refilled after the posts of these numbers were lost."""
    page = page_of(queue, size)
    ids = frozenset(i for i in page.ids if i.int in lost)
    return refill(page, ids, afterwards(queue, page, ids), RULES)


@st.composite
def losses(draw: st.DrawFn) -> Loss:
    """A page, some of its posts that are lost, and what there is to refill it from."""
    queue = draw(queues())
    queue = replace(queue, ranked_count=len(queue.entries), complete=True)
    page = page_of(queue, draw(st.integers(1, 15)), draw(st.sampled_from((0.0, 0.3))))
    assume(page.posts)
    lost = frozenset(draw(st.sets(st.sampled_from(page.ids), max_size=6)))
    return page, lost, afterwards(queue, page, lost)


def spare(page: Page, queue: Queue) -> list[Entry]:
    """Posts that would repeat and do not stand on the page."""
    return [e for e in queue.seen if e.post_id not in page.ids]


@given(losses())
def test_nothing_lost_leaves_the_page_as_it_was(loss: Loss) -> None:
    page, _, queue = loss
    assert refill(page, (), queue, RULES) == page


@given(losses())
def test_a_mended_page_is_as_long_as_it_was_wherever_posts_are_left(loss: Loss) -> None:
    page, lost, queue = loss
    survivors = len(page.posts) - len(lost)
    available = survivors + len(queue.entries) + len(spare(page, queue))
    assert len(refill(page, lost, queue, RULES).posts) == min(len(page.posts), available)


@given(losses())
def test_a_mended_page_holds_nothing_lost_nothing_twice_and_nothing_invented(loss: Loss) -> None:
    page, lost, queue = loss
    ids = refill(page, lost, queue, RULES).ids
    offered = {e.post_id for e in (*queue.entries, *queue.seen)}
    assert len(ids) == len(set(ids))
    assert set(ids) <= (set(page.ids) | offered) - lost
    assert set(page.ids) - lost <= set(ids)


@given(losses())
def test_posts_that_stay_keep_their_order_and_what_is_known_of_them(loss: Loss) -> None:
    page, lost, queue = loss
    again = [nameless(p) for p in refill(page, lost, queue, RULES).posts if p.post_id in page.ids]
    assert again == [nameless(p) for p in page.posts if p.post_id not in lost]


def nameless(placed: Placed) -> Placed:
    """The post, whichever kind of repeat it is."""
    return placed._replace(rung=Rung.REPEAT) if placed.is_repeat else placed


@given(losses())
def test_unseen_posts_that_stay_do_not_move_while_gaps_can_be_filled(loss: Loss) -> None:
    page, many, queue = loss
    lost = sorted(many)[: len(queue.entries)]
    again = refill(page, lost, queue, RULES).posts
    for position, placed in enumerate(page.posts):
        if placed.post_id not in lost and not placed.is_repeat:
            assert again[position] == placed


@given(losses())
def test_gaps_are_filled_with_unseen_posts_before_any_repeat(loss: Loss) -> None:
    page, lost, queue = loss
    again = refill(page, lost, queue, RULES).posts
    added = [p for p in again if p.post_id not in page.ids]
    unseen = [p for p in added if not p.is_repeat]
    assert len(unseen) == min(len(lost), len(queue.entries))
    assert {p.post_id for p in unseen} <= {e.post_id for e in queue.entries}
    further = [p.post_id for p in added if p.is_repeat]
    assert further == [e.post_id for e in spare(page, queue)][: len(further)]
    assert all(p.propensity is None for p in added)


@given(losses())
def test_repeats_of_a_mended_page_keep_to_their_place_and_their_number(loss: Loss) -> None:
    posts = refill(*loss, RULES).posts
    first = next((i for i, p in enumerate(posts) if p.is_repeat), len(posts))
    assert all(p.is_repeat for p in posts[first:])
    repeats = [i for i, p in enumerate(posts) if p.rung is Rung.REPEAT]
    assert repeats == list(range(max(first, 6), len(posts)))[:2]


@given(losses())
def test_a_mended_page_says_anew_why_it_is_less_than_promised(loss: Loss) -> None:
    again = refill(*loss, RULES)
    recycled = any(p.rung is Rung.RECYCLED for p in again.posts)
    short = len(again.posts) < again.page_size
    assert again.degraded == ("catalogue" if short else "inventory" if recycled else None)


@given(losses())
def test_mending_does_not_move_the_place_of_the_next_page(loss: Loss) -> None:
    again = refill(*loss, RULES)
    assert (again.after, again.page_size) == (loss[0].after, loss[0].page_size)


@given(st.lists(st.integers(1, 6), min_size=2, max_size=25), st.data())
def test_a_gap_goes_to_a_creator_who_fits_while_one_is_left(
    creators: list[int], data: st.DataObject
) -> None:
    entries = tuple(entry(n, creator=creator) for n, creator in enumerate(creators))
    queue = Queue(entries, len(entries), (), complete=True, page_size=12)
    page = page_of(queue, data.draw(st.integers(1, min(15, len(entries) - 1))))
    gap = data.draw(st.integers(0, len(page.posts) - 1))
    queue = afterwards(queue, page, frozenset({page.ids[gap]}))
    filled = refill(page, {page.ids[gap]}, queue, RULES).posts[gap]

    kept = [p.creator_id for i, p in enumerate(page.posts) if i != gap]
    around = {p.creator_id for i, p in enumerate(page.posts) if abs(i - gap) == 1}

    def fault(candidate: Entry) -> int:
        if candidate.creator_id in around:
            return 2
        return int(kept.count(candidate.creator_id) >= 2)

    assert filled.post_id == min(queue.entries, key=fault).post_id


def test_a_lost_repeat_gives_way_to_an_unseen_post_that_came_meanwhile() -> None:
    page = page_of(whole(8, seen=4))
    lost = {page.ids[9]}
    queue = replace(whole(0), entries=(entry(77),), ranked_count=1)
    posts = refill(page, lost, queue, RULES).posts
    assert [p.post_id.int for p in posts] == [*range(8), 77, 1_000, 1_002, 1_003]
    assert [p.rung for p in posts[8:]] == ["fresh", "repeat", "repeat", "recycled"]


def test_posts_of_the_page_that_retrieval_offers_again_are_not_placed_twice() -> None:
    queue = whole(14, seen=4)
    page = page_of(queue)
    again = refill(page, {page.ids[0], page.ids[5], page.ids[7]}, queue, RULES)
    assert [i.int for i in again.ids] == [12, 1, 2, 3, 4, 13, 6, 8, 9, 10, 11, 1_000]


def test_a_repeat_that_moves_up_before_position_6_is_called_recycled() -> None:
    page = page_of(whole(6, seen=2), size=8)
    assert [str(p.rung) for p in page.posts[6:]] == ["repeat", "repeat"]
    again = refilled(whole(6, seen=2), {3}, size=8)
    assert [str(p.rung) for p in again.posts[5:]] == ["recycled", "repeat"]
    assert again.degraded == "catalogue"


def test_a_page_whose_posts_are_all_lost_is_empty_and_says_so() -> None:
    again = refilled(whole(3), {0, 1, 2})
    assert (again.posts, again.degraded) == ((), "catalogue")


def test_a_full_page_stays_full_when_one_post_of_many_is_lost() -> None:
    again = refilled(whole(40), {4})
    assert [i.int for i in again.ids] == [0, 1, 2, 3, 12, 5, 6, 7, 8, 9, 10, 11]
    assert again.degraded is None


def test_posts_that_stay_are_called_what_they_were_called() -> None:
    page = page_of(whole(30, seen=30), size=50)
    assert {str(p.rung) for p in page.posts[30:]} == {"recycled"}
    again = refilled(whole(30, seen=30), {1_019}, size=50)
    assert again.posts[:49] == page.posts[:49]
