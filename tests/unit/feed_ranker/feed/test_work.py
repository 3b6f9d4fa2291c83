from __future__ import annotations

from uuid import UUID

from functions.feed_ranker.feed.work import RankedQueue, Work
from functions.feed_ranker.ranking.queue import Queue
from functions.feed_ranker.sessions.ledger import Refused
from tests.unit.feed_ranker.generators import entry


def queue_of(count: int) -> RankedQueue:
    entries = tuple(entry(number) for number in range(count))
    return RankedQueue(Queue(entries, count, (), complete=False, page_size=1))


def test_a_queue_whose_posts_are_refused_one_by_one_is_given_up() -> None:
    work = Work(stored=None, queue=queue_of(60), queue_expired=False)
    refused = 0
    while work.queue is not None:
        post = UUID(int=refused)
        seen, gone = ({post}, set()) if refused % 2 else (set(), {post})
        work = work.after(Refused(frozenset(gone), frozenset(seen)))
        refused += 1
    assert refused == work.refusals == 8
    assert len(work.withdrawn | work.no_longer_unseen) == 8, "what was learnt is not forgotten"
