from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.models import UNSEEN_RUNGS, Candidate, Connection, Retrieved, Rung
from tests.unit.shared.generators import post


def test_the_ladder_has_the_prescribed_rungs_in_order() -> None:
    assert list(Rung) == ["fresh", "following", "trending", "repeat", "recycled", "explore"]
    assert UNSEEN_RUNGS == (Rung.FRESH, Rung.FOLLOWING, Rung.TRENDING)


def test_connections_stand_from_best_to_worst() -> None:
    assert list(Connection) == ["wifi", "5g", "4g", "3g", "2g"]


@given(ranks=st.lists(st.none() | st.integers(1, 50), max_size=30), complete=st.booleans())
def test_splitting_candidates_loses_none_and_invents_none(
    ranks: list[int | None], *, complete: bool
) -> None:
    candidates = [
        post(number, rung="fresh" if rank is None else "seen", seen_rank=rank)
        for number, rank in enumerate(ranks)
    ]
    retrieval = Retrieved.of(candidates, complete=complete)
    assert sorted((*retrieval.unseen, *retrieval.seen), key=by_id) == candidates
    assert all(c.seen_rank is None for c in retrieval.unseen)
    assert retrieval.complete is complete


@given(st.permutations(range(1, 12)))
def test_seen_candidates_stand_from_the_longest_ago_on(ranks: list[int]) -> None:
    seen = [post(100 - rank, rung="seen", seen_rank=rank) for rank in ranks]
    retrieval = Retrieved.of(seen, complete=True)
    assert [c.seen_rank for c in retrieval.seen] == list(range(1, 12))


def by_id(candidate: Candidate) -> int:
    return candidate.post_id.int
