from __future__ import annotations

import math
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.feed_ranker.pages.cursor import Position
from functions.feed_ranker.pages.page import assemble
from functions.feed_ranker.ranking.diversity import NO_CREATOR, PageVariety
from functions.feed_ranker.ranking.exploration import Explorer
from functions.feed_ranker.ranking.ladder import Maker, by_ladder
from functions.feed_ranker.ranking.queue import Queue, build, ranked_length, wanted
from shared.cooldown import CooldownRules
from shared.models import UNSEEN_RUNGS, Candidate, Retrieved, Rung
from shared.ranking_config import Weights
from shared.variants import Policy
from tests.unit.feed_ranker.generators import DISCOVERY, PLAIN, SESSION, Catalogue, queues
from tests.unit.shared.generators import NOW, post

if TYPE_CHECKING:
    from uuid import UUID

    from functions.feed_ranker.ranking.stream import Entry


@st.composite
def unseen(draw: st.DrawFn, max_size: int = 40) -> list[Candidate]:
    """Candidates of few creators, some with equal scores, some with figures that are no numbers."""
    few = draw(st.integers(1, 8))
    served = draw(st.lists(st.integers(0, 3), min_size=few, max_size=few))
    numbers = draw(st.lists(st.integers(0, 999), unique=True, max_size=max_size))
    return [
        post(
            number,
            creator=(creator := draw(st.integers(0, few - 1))),
            rung=draw(st.sampled_from(UNSEEN_RUNGS)),
            published_at=NOW - timedelta(hours=draw(st.integers(0, 5))),
            impressions=draw(st.integers(0, 3)) * 100,
            plays=100,
            likes=draw(st.integers(0, 2)) * 10,
            watch_ratio_sum=draw(st.sampled_from((0.0, 40.0, math.nan, math.inf))),
            creator_served=served[creator],
        )
        for number in numbers
    ]


def naive_ladder(candidates: list[Candidate]) -> list[tuple[UUID, float]]:
    """Rung by rung, at each step the best of what is left; equal scores by id."""
    served = {c.creator_id: c.creator_served for c in candidates}
    order = []
    for rung in UNSEEN_RUNGS:
        left = [c for c in candidates if c.rung == rung]
        while left:
            best = min(left, key=lambda c: (-score(c, served[c.creator_id]), c.post_id))
            order.append((best.post_id, score(best, served[best.creator_id])))
            served[best.creator_id] += 1
            left.remove(best)
    return order


def score(candidate: Candidate, served: int) -> float:
    return PLAIN.parts(candidate, served).total(Weights())


def built(
    candidates: list[Candidate],
    *,
    page_size: int = 12,
    seen: tuple[Candidate, ...] = (),
    complete: bool = True,
) -> Queue:
    retrieval = Retrieved(tuple(candidates), seen, complete)
    return build(retrieval, PLAIN, page_size, NO_CREATOR, DISCOVERY)


def ids(entries: tuple[Entry, ...] | list[Candidate]) -> list[UUID]:
    return [e.post_id for e in entries]


def unexplored(made: Queue, page_size: int, count: int) -> list[UUID]:
    """Return what pages show of a queue, up to the page that reaches `count` posts."""
    shown: list[UUID] = []
    at = Position(SESSION)
    while len(shown) < count:
        page = assemble(made, at, page_size, Explorer(SESSION, at.page_no, 0.0), CooldownRules())
        shown += page.ids
        at = page.after
    return shown


@given(unseen())
def test_the_lazy_choice_of_the_best_is_the_naive_one(candidates: list[Candidate]) -> None:
    entries = list(by_ladder(candidates, Maker(PLAIN, DISCOVERY)))
    expected = naive_ladder(candidates)
    assert [e.post_id for e in entries] == [post_id for post_id, _ in expected]
    assert [e.score for e in entries] == [
        round(value, 6) if math.isfinite(value) else 0.0 for _, value in expected
    ]


@given(unseen(), st.integers(1, 15))
@settings(max_examples=60)
def test_unexplored_pages_are_the_ladder_with_creator_variety_page_by_page(
    candidates: list[Candidate], page_size: int
) -> None:
    left = list(by_ladder(candidates, Maker(PLAIN, DISCOVERY)))
    expected: list[UUID] = []
    last = NO_CREATOR
    while left:
        variety = PageVariety(last)
        for _ in range(min(page_size, len(left))):
            chosen = variety.first(left)
            assert chosen is not None
            left.remove(chosen)
            expected.append(chosen.post_id)
            variety.take(chosen.creator_id)
        last = variety.last_creator
    made = built(candidates, page_size=page_size)
    assert unexplored(made, page_size, len(candidates)) == expected


@given(
    candidates=unseen(),
    page_size=st.integers(1, 15),
    length=st.integers(1, 30),
    complete=st.booleans(),
)
def test_the_posts_of_ranked_positions_stand_in_the_ladders_order(
    candidates: list[Candidate], page_size: int, length: int, *, complete: bool
) -> None:
    retrieval = Retrieved(tuple(candidates), (), complete)
    made = build(retrieval, PLAIN, page_size, NO_CREATOR, DISCOVERY, length=length)
    ladder = [e.post_id for e in by_ladder(candidates, Maker(PLAIN, DISCOVERY))]
    ranked = ids(made.entries[: made.ranked_count])
    assert ranked == [post_id for post_id in ladder if post_id in set(ranked)]


@given(unseen(), st.integers(1, 15), st.integers(1, 4))
def test_a_post_that_a_draw_displaced_waits_behind_the_higher_rungs(
    candidates: list[Candidate], page_size: int, pages: int
) -> None:
    made = built(candidates, page_size=page_size)
    at = Position(SESSION)
    for _ in range(pages):
        at = assemble(
            made, at, page_size, Explorer(SESSION, at.page_no, 0.5), CooldownRules()
        ).after
    page = assemble(made, at, page_size, Explorer(SESSION, at.page_no, 0.0), CooldownRules())
    left = {e.post_id: e for e in made.left(at.used).values()}
    variety = PageVariety(at.last_creator)
    for placed in page.posts:
        allowed = [e.rung for e in left.values() if variety.allows(e.creator_id)]
        if allowed:
            assert placed.rung is min(allowed, key=UNSEEN_RUNGS.index)
        del left[placed.post_id]
        variety.take(placed.creator_id)


@given(
    candidates=unseen(),
    repeats=st.integers(0, 8),
    page_size=st.integers(1, 50),
    complete=st.booleans(),
)
def test_a_queue_loses_no_candidate_and_invents_none(
    candidates: list[Candidate], repeats: int, page_size: int, *, complete: bool
) -> None:
    seen = tuple(post(2_000 + n, rung="seen", seen_rank=n) for n in range(repeats))
    made = built(candidates, page_size=page_size, seen=seen, complete=complete)
    assert Counter(ids(made.entries)) == Counter(ids(candidates))
    assert ids(made.seen) == [c.post_id for c in seen]
    assert made.complete is complete
    assert made.page_size == page_size


@pytest.mark.parametrize("size", [47, 48, 49, 64, 65, 300])
def test_a_queue_says_complete_only_if_it_holds_every_unseen_post(size: int) -> None:
    made = built(Catalogue.of(size).posts)
    assert len(made.entries) == len(set(ids(made.entries))) == min(size, 64)
    assert made.complete is (size <= 64)
    assert made.ranked_count == (size if size <= 64 else 48)


def test_a_queue_of_an_incomplete_retrieval_is_incomplete() -> None:
    assert not built(Catalogue.of(5).posts, complete=False).complete


def test_rungs_stand_in_order_where_no_creator_stands_twice() -> None:
    entries = built(Catalogue.of(64).posts).entries
    rungs = [UNSEEN_RUNGS.index(e.rung) for e in entries]
    assert rungs == sorted(rungs)
    assert set(rungs) == {0, 1, 2}
    for before, after in pairwise(entries):
        assert before.rung is not after.rung or before.score >= after.score


def test_a_queue_that_holds_every_unseen_post_keeps_to_the_ladder_to_its_end() -> None:
    made = built(Catalogue.of(63).posts)
    assert made.complete
    rungs = [UNSEEN_RUNGS.index(e.rung) for e in made.entries]
    assert rungs == sorted(rungs)


def test_an_entry_keeps_the_rung_that_its_candidate_came_from() -> None:
    posts = Catalogue.of(64).posts
    rung_of = {c.post_id: c.rung for c in posts}
    assert all(e.rung == rung_of[e.post_id] for e in built(posts).entries)


def test_a_queue_ends_with_the_likeliest_discoveries_among_what_ranking_left_out() -> None:
    posts = Catalogue.of(200).posts
    made = built(posts)
    everything = {e.post_id: e for e in by_ladder(posts, Maker(PLAIN, DISCOVERY))}
    ranked, discovery = made.entries[:48], made.entries[48:]
    left_out = [e.weight for i, e in everything.items() if i not in ids(made.entries)]
    assert ids(ranked) == list(everything)[:48]
    assert made.ranked_count == 48
    assert len(discovery) == 16
    assert min(e.weight for e in discovery) >= max(left_out)


def test_a_creator_with_many_good_posts_does_not_take_the_whole_rung() -> None:
    prolific = [post(n, creator=1, impressions=100, plays=100, likes=10) for n in range(10)]
    others = [post(100 + n, impressions=100, plays=100, likes=5) for n in range(10)]
    scored = list(by_ladder([*prolific, *others], Maker(PLAIN, DISCOVERY)))
    assert [e.creator_id.int == 1 for e in scored].index(True) == 0
    assert sum(e.creator_id.int == 1 for e in scored[:11]) == 1


def test_what_the_session_was_served_of_a_creator_counts_against_the_next_post() -> None:
    known, new = post(1, creator=1, creator_served=3), post(2, creator=2)
    assert ids(built([known, new]).entries) == [new.post_id, known.post_id]


def test_posts_with_figures_that_are_no_numbers_sink_and_equal_ones_stand_by_id() -> None:
    posts = [post(3), post(1, watch_ratio_sum=math.nan), post(2)]
    entries = built(posts).entries
    assert [e.post_id.int for e in entries] == [2, 3, 1]
    assert entries[-1].score == entries[-1].parts.engagement == 0.0


def test_the_order_in_which_candidates_arrive_does_not_matter() -> None:
    posts = Catalogue.of(150, creators=9).posts
    assert built(posts) == built(posts[::-1])


def test_seen_posts_keep_the_order_of_retrieval_and_are_scored_too() -> None:
    seen = tuple(post(n, rung="seen", seen_rank=n, creator_served=1) for n in (9, 4, 7))
    entries = built([], seen=seen).seen
    assert ids(entries) == [c.post_id for c in seen]
    assert all(e.rung is Rung.RECYCLED and e.parts.diversity == 0.5 for e in entries)


@pytest.mark.parametrize(
    ("page_size", "length"), [(1, 48), (12, 48), (13, 52), (37, 148), (38, 150), (50, 150)]
)
def test_a_queue_holds_four_pages_within_bounds(page_size: int, length: int) -> None:
    assert ranked_length(page_size) == length


@pytest.mark.parametrize(
    ("page_size", "length"), [(1, 48), (4, 48), (5, 50), (12, 120), (15, 150), (50, 150)]
)
def test_a_queue_for_a_viewer_who_outran_the_last_one_is_longer(
    page_size: int, length: int
) -> None:
    assert ranked_length(page_size, used_up_early=True) == length


def test_half_as_many_candidates_again_are_wanted() -> None:
    assert [wanted(length) for length in (48, 49, 120)] == [72, 73, 180]


@given(candidates=unseen(120), page_size=st.integers(1, 50), length=st.integers(1, 150))
def test_a_queue_is_as_long_as_asked_for_and_its_pages_are_those_of_a_shorter_one(
    candidates: list[Candidate], page_size: int, length: int
) -> None:
    """Compare what pages show: a post that variety passed over may stand at another place."""
    retrieval = Retrieved(tuple(candidates), (), complete=False)
    short, long = (
        build(retrieval, PLAIN, page_size, NO_CREATOR, DISCOVERY, length=n)
        for n in (length, length + page_size)
    )
    assert short.ranked_count <= length
    whole_pages = min(short.ranked_count, length) // page_size * page_size
    assert unexplored(short, page_size, whole_pages) == unexplored(long, page_size, whole_pages)


@given(queues(), st.integers(0, 2**60))
def test_what_is_left_is_what_the_mask_does_not_name(made: Queue, used: int) -> None:
    left = made.left(used)
    assert list(left) == [i for i in range(len(made.entries)) if not used & 2**i]
    assert all(made.entries[i] is e for i, e in left.items())


def test_a_post_shown_however_often_can_still_be_drawn() -> None:
    old = post(1, impressions=10**7, published_at=NOW - timedelta(days=400))
    (made,) = built([old]).entries
    assert made.weight > 0.0


CHRONOLOGICAL = Policy(variant="chronological", exploration_rate=0.0, chronological=True)


def chronological(candidates: list[Candidate], page_size: int, *, complete: bool) -> Queue:
    retrieval = Retrieved(tuple(candidates), (), complete)
    return build(retrieval, PLAIN, page_size, NO_CREATOR, DISCOVERY, CHRONOLOGICAL)


@given(candidates=unseen(120), page_size=st.integers(1, 50), complete=st.booleans())
def test_a_chronological_queue_is_the_newest_first_whatever_the_rung_score_and_creator(
    candidates: list[Candidate], page_size: int, *, complete: bool
) -> None:
    made = chronological(candidates, page_size, complete=complete)
    newest = sorted(candidates, key=lambda c: (-c.published_at.timestamp(), c.post_id))
    assert ids(made.entries) == ids(newest)[: len(made.entries)]
    assert len(made.entries) == min(len(candidates), ranked_length(page_size) + 16)
    assert made.ranked_count == len(made.entries)
    assert made.policy is CHRONOLOGICAL


def test_reasons_of_taste_are_kept_with_the_entry() -> None:
    posts = [
        post(1, source="covisit", follows=0.3, creator_affinity=1.0),
        post(2, source="tag", creator_affinity=0.3, tag_affinity=2.0),
        post(3, source="tag", tag_affinity=0.3),
        post(4, source="hot", creator_affinity=0.2, tag_affinity=-3.0),
    ]
    because = {entry.post_id.int: entry.reason for entry in built(posts).entries}
    assert because == {1: "similar_to_watched", 2: "liked_creator", 3: "liked_tags", 4: ""}
