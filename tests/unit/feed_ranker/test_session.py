from __future__ import annotations

import itertools
import json
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.feed_ranker.cursor import Position
from functions.feed_ranker.page import Page, Placed
from functions.feed_ranker.queue import Entry, Queue
from functions.feed_ranker.session import (
    CachedQueue,
    content_by_id,
    pack,
    page_document,
    queue_document,
    read_page,
    read_queue,
    unpack,
)
from shared.models import UNSEEN_RUNGS, Source
from shared.ranking import Parts
from tests.unit.feed_ranker.generators import Catalogue, entry

figures = st.floats(0, 1)
parts = st.builds(Parts, figures, figures, figures, figures)
placed = st.builds(
    Placed,
    st.uuids(),
    st.uuids(),
    st.sampled_from(Source),
    parts,
    figures,
    st.booleans(),
    st.none() | figures,
)
positions = st.builds(
    Position,
    session=st.uuids(),
    page_no=st.integers(1, 2**32 - 1),
    built=st.integers(0, 2**32 - 1),
    used=st.integers(0, 2**170),
    last_creator=st.binary(min_size=8, max_size=8),
    gap=st.booleans(),
)
pages = st.builds(
    Page,
    st.lists(placed, max_size=8).map(tuple),
    st.integers(1, 50),
    positions,
    st.sampled_from((None, "inventory", "catalogue", "database")),
)
entries = st.builds(
    Entry,
    st.uuids(),
    st.uuids(),
    st.sampled_from(UNSEEN_RUNGS),
    parts,
    figures,
    st.booleans(),
    figures,
)


@st.composite
def cached_queues(draw: st.DrawFn) -> CachedQueue:
    held = tuple(draw(st.lists(entries, max_size=8)))
    queue = Queue(
        entries=held,
        ranked=draw(st.integers(0, len(held))),
        seen=(),
        complete=draw(st.booleans()),
        page_size=draw(st.integers(1, 50)),
    )
    content = content_by_id(
        [{"post_id": str(e.post_id), "caption": draw(st.text(max_size=9))} for e in held]
    )
    return CachedQueue(queue, content, draw(st.integers(0, 2**33)))


@given(page=pages, stale=st.booleans())
def test_a_page_is_read_as_it_was_written(page: Page, *, stale: bool) -> None:
    document = unpack(pack(page_document(page, stale=stale)))
    assert read_page(document, page.after.session, page.after.page_no - 1) == page
    assert document["stale"] is stale


@given(pages)
def test_a_lasting_page_names_no_creator_and_is_whole_again_with_its_content(page: Page) -> None:
    document = page_document(page, stale=False, lasting=True)
    session, page_no = page.after.session, page.after.page_no - 1
    creators = {post.creator_id for post in page.posts}
    assert not any(
        str(creator) in json.dumps(document["posts"]) for creator in creators - set(page.ids)
    )
    content = {p.post_id: {"creator_id": str(p.creator_id)} for p in page.posts}
    assert [p.creator_id for p in read_page(document, session, page_no, content).posts] == [
        UUID(content[p.post_id]["creator_id"]) for p in page.posts
    ]
    stand_ins = [p.creator_id for p in read_page(document, session, page_no).posts]
    for (one, a), (other, b) in itertools.combinations(zip(page.posts, stand_ins, strict=True), 2):
        assert (one.creator_id == other.creator_id) == (a == b)


@given(cached_queues())
def test_a_queue_is_read_as_it_was_written(cached: CachedQueue) -> None:
    assert read_queue(unpack(pack(queue_document(cached)))) == cached


@given(cached_queues(), st.lists(entries, min_size=1, max_size=3))
def test_posts_that_would_repeat_are_never_cached(cached: CachedQueue, seen: list[Entry]) -> None:
    with_seen = replace(cached, queue=replace(cached.queue, seen=tuple(seen)))
    assert read_queue(queue_document(with_seen)) == cached


@given(pages)
def test_sources_are_read_as_sources_not_as_text(page: Page) -> None:
    document = unpack(pack(page_document(page, stale=False)))
    again = read_page(document, page.after.session, page.after.page_no - 1)
    assert all(type(post.source) is Source for post in again.posts)


documents = st.dictionaries(st.text(), st.none() | st.text() | st.integers() | st.floats(0, 1))


@given(documents)
def test_a_packed_document_is_unpacked_as_it_was(document: dict[str, object]) -> None:
    assert unpack(pack(document)) == document


def test_the_largest_queue_fits_an_item_of_the_cache() -> None:
    held = tuple(entry(n) for n in range(166))
    content = {
        e.post_id: {"post_id": str(e.post_id), "caption": f"{p.post_id}" * 60, "tags": ["a"] * 10}
        for e, p in zip(held, Catalogue.of(166).posts, strict=True)
    }
    document = queue_document(CachedQueue(Queue(held, 150, (), False, 50), content, 1))
    assert len(pack(document)) < 400_000 / 4
    assert len(pack(document)) < len(json.dumps(document)) / 2


@pytest.mark.parametrize("data", [b"", b"not compressed"])
def test_what_was_never_packed_is_not_taken_for_a_document(data: bytes) -> None:
    with pytest.raises(Exception, match=r"(?i)decompress"):
        unpack(data)
