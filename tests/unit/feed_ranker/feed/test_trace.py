from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from functions.feed_ranker.feed import trace
from functions.feed_ranker.ranking.queue import Queue
from shared.flags import Decision
from shared.models import Candidate, Retrieved
from shared.variants import Policy
from tests.unit.shared.generators import post

QUEUE = Queue((), 0, (), complete=False, page_size=12)
DECISION = Decision(Policy(), {})


def text_of(candidates: list[Candidate]) -> str:
    retrieved = Retrieved.of(candidates, complete=False)
    return json.dumps(trace.of_queue(retrieved, QUEUE, DECISION))


found = st.builds(
    post,
    st.integers(0, 99),
    rung=st.sampled_from(["fresh", "following", "trending", "seen"]),
    source=st.sampled_from(["", "hot", "heat", "tag", "unproven"]),
)


@given(st.lists(found, max_size=25).flatmap(lambda c: st.tuples(st.just(c), st.permutations(c))))
def test_a_trace_does_not_depend_on_the_order_in_which_postgres_gave_the_candidates(
    orders: tuple[list[Candidate], list[Candidate]],
) -> None:
    one, other = orders
    assert text_of(one) == text_of(other)
