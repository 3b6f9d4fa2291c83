from __future__ import annotations

import itertools
import json
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.feed_ranker.pages.cursor import Position
from functions.feed_ranker.pages.page import Page, Placed
from functions.feed_ranker.ranking.queue import Queue
from functions.feed_ranker.ranking.stream import Entry
from functions.feed_ranker.sessions.packed_content import PackedContent
from functions.feed_ranker.sessions.stored_page import (
    StoredPage,
    pack_page,
    page_document,
    read_document,
    unpack_page,
)
from functions.feed_ranker.sessions.stored_queue import (
    CachedQueue,
    pack_queue,
    posts_with_creators,
    unpack_queue,
)
from shared.evidence import Evidence
from shared.models import UNSEEN_RUNGS, Rung
from shared.ranking import Parts
from shared.ranking_config import Weights
from shared.variants import Policy
from tests.unit.feed_ranker.generators import entry

if TYPE_CHECKING:
    from collections.abc import Sequence

figures = st.floats(0, 1)
parts = st.builds(Parts, figures, figures, figures, figures)
evidence = st.builds(Evidence.of, st.floats(), st.floats(0, 1), st.floats(-1, 1), figures)
placed = st.builds(
    Placed,
    st.uuids(),
    st.uuids(),
    st.sampled_from(Rung),
    parts,
    figures,
    st.booleans(),
    st.none() | figures,
    evidence=evidence,
)
positions = st.builds(
    Position,
    session=st.uuids(),
    page_no=st.integers(1, 2**32 - 1),
    queue_page_no=st.integers(0, 2**32 - 1),
    used=st.integers(0, 2**170),
    last_creator=st.binary(min_size=8, max_size=8),
    cache_only_pages=st.booleans(),
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
    evidence=evidence,
)


# As posts_as_cached describes a post.
described = st.fixed_dictionaries(
    {
        "caption": st.none() | st.text(max_size=9),
        "tags": st.lists(st.text(max_size=5), max_size=2),
        "playback_id": st.text(max_size=5),
        "signed": st.booleans(),
        "duration_ms": st.none() | st.integers(0, 2**31),
        "aspect_ratio": st.none() | st.just("9:16"),
        "created_at": st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999),
    }
)


def columns(posts: Sequence[dict[str, Any]]) -> str:
    names = posts[0] if posts else ()
    return json.dumps({name: [post[name] for post in posts] for name in names})


@st.composite
def cached_queues(draw: st.DrawFn) -> CachedQueue:
    held = tuple(draw(st.lists(entries, max_size=8)))
    queue = Queue(
        entries=held,
        ranked_count=draw(st.integers(0, len(held))),
        seen=(),
        complete=draw(st.booleans()),
        page_size=draw(st.integers(1, 50)),
        answers=draw(st.none() | st.integers(0, 100)),
    )
    others = draw(st.lists(st.tuples(st.uuids(), st.uuids()), max_size=2))
    owned = [(e.post_id, e.creator_id) for e in held] + others
    content = PackedContent.of(owned, columns([draw(described) for _ in owned]))
    return CachedQueue(queue, content, draw(st.integers(0, 2**33)), prepared=draw(st.booleans()))


@given(page=pages, queue_expired=st.booleans())
def test_a_page_is_read_as_it_was_written(page: Page, *, queue_expired: bool) -> None:
    session, page_no = page.after.session, page.page_no
    document = json.loads(json.dumps(page_document(page, queue_expired=queue_expired)))
    stored = StoredPage(page, 3, queue_expired)
    assert read_document(document, session, page_no, 3) == stored
    packed = pack_page(page, queue_expired=queue_expired)
    assert unpack_page(packed, session, page_no, 3) == stored


@given(pages)
def test_a_lasting_page_names_no_creator_and_is_whole_again_with_its_content(page: Page) -> None:
    document = page_document(page, queue_expired=False, lasting=True)
    document["post_ids"] = [str(post_id) for post_id in page.ids]  # as commit_page adds them
    session, page_no = page.after.session, page.page_no
    text = json.dumps(document["posts"])
    assert not any(str(post.creator_id) in text or str(post.post_id) in text for post in page.posts)
    content = {p.post_id: {"creator_id": str(p.creator_id)} for p in page.posts}
    again = read_document(document, session, page_no, 1, content).page
    assert again.ids == page.ids
    assert [p.creator_id for p in again.posts] == [
        UUID(content[p.post_id]["creator_id"]) for p in page.posts
    ]
    nameless = read_document(document, session, page_no, 1).page
    stand_ins = [p.creator_id for p in nameless.posts]
    for (one, a), (other, b) in itertools.combinations(zip(page.posts, stand_ins, strict=True), 2):
        assert (one.creator_id == other.creator_id) == (a == b)


@given(cached_queues())
def test_a_queue_is_read_as_it_was_written(cached: CachedQueue) -> None:
    assert unpack_queue(pack_queue(cached)) == cached


@given(cached_queues(), st.lists(entries, min_size=1, max_size=3))
def test_posts_that_would_repeat_are_never_cached(cached: CachedQueue, seen: list[Entry]) -> None:
    with_seen = replace(cached, ranked=replace(cached.ranked, seen=tuple(seen)))
    assert unpack_queue(pack_queue(with_seen)) == cached


@given(pages, cached_queues())
def test_the_policy_is_read_as_it_was_written(page: Page, cached: CachedQueue) -> None:
    policy = Policy("newest", Weights(0.25, 0.25, 0.5, 0.0), 0.0, chronological=True)
    page, session = replace(page, policy=policy), page.after.session
    packed = pack_page(page, queue_expired=False)
    assert unpack_page(packed, session, page.page_no, 1) == StoredPage(page, 1, queue_expired=False)
    cached = replace(cached, ranked=replace(cached.ranked, policy=policy))
    assert unpack_queue(pack_queue(cached)) == cached


@given(pages)
def test_sources_are_read_as_sources_not_as_text(page: Page) -> None:
    session, page_no = page.after.session, page.page_no
    document = json.loads(json.dumps(page_document(page, queue_expired=False)))
    packed = unpack_page(pack_page(page, queue_expired=False), session, page_no, 1)
    assert packed is not None
    for again in (read_document(document, session, page_no, 1), packed):
        assert all(type(post.rung) is Rung for post in again.page.posts)


@given(st.lists(st.tuples(st.uuids(), st.uuids(), described), max_size=5))
def test_what_clients_are_shown_is_read_as_it_was_given(
    posts: list[tuple[UUID, UUID, dict[str, Any]]],
) -> None:
    held = {post_id: (creator_id, given) for post_id, creator_id, given in posts}
    owned = [(post_id, creator_id) for post_id, (creator_id, _) in held.items()]
    content = PackedContent.of(owned, columns([given for _, given in held.values()]))
    assert content.keys() == {p for p, (_, given) in held.items() if given["caption"] is not None}
    for post_id, shown in content.items():
        creator_id, given = held[post_id]
        created = datetime.fromisoformat(shown["created_at"])
        assert shown == {
            **given,
            "post_id": str(post_id),
            "creator_id": str(creator_id),
            "created_at": f"{created.replace(tzinfo=None).isoformat(timespec='microseconds')}Z",
        }
        assert created - datetime(1970, 1, 1, tzinfo=UTC) == timedelta(
            microseconds=given["created_at"]
        )


def test_the_content_of_repeats_on_the_page_is_cached_with_the_queue() -> None:
    held = tuple(entry(n) for n in range(3))
    queue = Queue(held, 3, (), complete=True, page_size=12)
    repeat = Placed(UUID(int=9), UUID(int=8), Rung.REPEAT, held[0].parts, 0.5, followed=False)
    page = Page((repeat,), 12, Position(UUID(int=1), 1), None)
    assert posts_with_creators(queue, page) == [
        *((e.post_id, e.creator_id) for e in held),
        (repeat.post_id, repeat.creator_id),
    ]


@pytest.mark.parametrize(
    "data",
    [b"", b"\x06", b"\x05\x00\x00", b"\x07\x00\x00", zlib.compress(b'{"posts":[]}'), b"not packed"],
)
def test_what_another_release_has_packed_is_not_there(data: bytes) -> None:
    assert unpack_queue(data) is None
    assert unpack_page(data, UUID(int=1), 0, 1) is None


def worst_content(count: int) -> list[dict[str, Any]]:
    """The longest captions and tags that an upload may have, of characters that hardly compress."""
    random = Random(1)  # noqa: S311  # no secret

    def text(length: int) -> str:
        return "".join(chr(random.randrange(0x4E00, 0x9FFF)) for _ in range(length))

    return [
        {
            "caption": text(2_200),
            "tags": [text(50) for _ in range(30)],
            "playback_id": f"play{random.getrandbits(200)}",
            "stream": "https://stream.example",
            "hls_url": None,
            "duration_ms": random.randrange(10**6),
            "aspect_ratio": "9:16",
            "created_at": random.randrange(10**15),
        }
        for _ in range(count)
    ]


def drawn_evidence(random: Random) -> Evidence:
    heat, likely, taste, momentum = (random.random() for _ in range(4))
    return Evidence.of(16 * heat - 8, likely, 2 * taste - 1, momentum)


@pytest.mark.parametrize("count", [64, 166])
def test_what_a_page_writes_is_bounded_whatever_its_posts_are_called(count: int) -> None:
    random = Random(2)  # noqa: S311  # no secret
    held = tuple(
        entry(0)._replace(
            post_id=UUID(int=random.getrandbits(128)),
            creator_id=UUID(int=random.getrandbits(128)),
            parts=Parts(*(round(random.random(), 6) for _ in range(4))),
            weight=round(random.random(), 6),
            evidence=drawn_evidence(random),
        )
        for _ in range(count)
    )
    worst = worst_content(count)
    content = PackedContent.of([(e.post_id, e.creator_id) for e in held], columns(worst))
    queue = Queue(held, count, (), complete=False, page_size=50)
    packed = pack_queue(CachedQueue(queue, content, 1))
    assert len(packed) <= 16_000
    known = [e.post_id for e in held if e.post_id in content]
    assert known == [e.post_id for e in held][: len(known)], "those that come next are kept"
    assert len(known) >= 12
    first = content[known[0]]
    assert first["caption"] == worst[0]["caption"][:79] + "…"
    assert first["tags"] == worst[0]["tags"][:1]


def test_content_that_fits_is_kept_as_it_is() -> None:
    held = [(UUID(int=n), UUID(int=100 + n)) for n in range(12)]
    given = [
        {**post, "caption": "x" * 2_200, "tags": ["y" * 50] * 30} for post in worst_content(12)
    ]
    content = PackedContent.of(held, columns(given))
    assert [content[post_id]["caption"] for post_id, _ in held] == ["x" * 2_200] * 12


def test_an_ordinary_page_costs_one_write_unit() -> None:
    random = Random(1)  # noqa: S311  # no secret
    posts = tuple(
        Placed(
            UUID(int=random.getrandbits(128)),
            UUID(int=random.getrandbits(128)),
            random.choice((Rung.FRESH, Rung.TRENDING)),
            Parts(*(round(random.random(), 6) for _ in range(4))),
            round(random.random(), 6),
            random.random() < 0.2,
            round(random.random(), 9) if n == 7 else None,
            random.choice(("", "", "liked_tags")),
            drawn_evidence(random),
        )
        for n in range(12)
    )
    session = UUID(int=random.getrandbits(128))
    after = Position(session, 3, 1, random.getrandbits(76), random.randbytes(8))
    ranked_by = str(UUID(int=random.getrandbits(128)))
    page = Page(posts, 12, after, None, ranked_by=ranked_by)
    # beside it: key, version, expiry, and the attributes' names
    assert len(pack_page(page, queue_expired=False)) + 130 <= 1024
