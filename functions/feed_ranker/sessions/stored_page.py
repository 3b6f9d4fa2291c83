"""How a page is stored: as JSON in Postgres, where operators read it, and as bytes in DynamoDB."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from functions.feed_ranker.pages.cursor import Position
from functions.feed_ranker.pages.page import Page, Placed
from functions.feed_ranker.sessions.columns import (
    columns_of,
    joined,
    packed_policy,
    read_figures,
    read_policy,
    rows_of,
    split,
    whole_figures,
)
from shared.evidence import Evidence
from shared.models import Rung
from shared.ranking import Parts
from shared.ranking_config import Weights
from shared.variants import Policy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.feed_ranker.sessions.packed_content import Content


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page that stands.

    Attributes:
        page: The page.
        version: It grows when the page is refilled.
        queue_expired: Whether its cursor's queue had expired when the page was made.
    """

    page: Page
    version: int
    queue_expired: bool


def page_document(page: Page, *, queue_expired: bool, lasting: bool = False) -> dict[str, Any]:
    """Describe a page as JSON.

    In a `lasting` document a stand-in takes each creator's place: creators may have themselves
    erased, and nobody could find them in all the pages that their posts ever stood on. It leaves
    the posts' ids out, since they stand in a column of their own beside it.
    """
    creator = _stand_in if lasting else str
    weights = list(astuple(page.policy.weights))
    return {
        "page_size": page.page_size,
        "degraded": page.degraded,
        "queue_expired": queue_expired,
        "policy": {
            "variant": page.policy.variant,
            "weights": weights,
            "exploration_rate": page.policy.exploration_rate,
            "chronological": page.policy.chronological,
        },
        "ranked_by": page.ranked_by,
        "posts": [
            [
                None if lasting else str(p.post_id),
                creator(p.creator_id),
                p.rung,
                list(p.parts),
                p.score,
                p.followed,
                p.propensity,
                p.reason,
                list(p.evidence),
            ]
            for p in page.posts
        ],
        "next": _place(page.after),
    }


def read_document(
    document: Mapping[str, Any],
    session: UUID,
    page_no: int,
    version: int,
    content: Content | None = None,
) -> StoredPage:
    """Read what `page_document` described.

    Args:
        document: The description. A lasting one comes with `post_ids`, the ids in their order.
        session: The session of the page.
        page_no: The number of the page.
        version: The version that stands.
        content: What knows the creators of a lasting one.
    """
    known = content or {}
    ids = document.get("post_ids") or [row[0] for row in document["posts"]]
    policy = {**document["policy"], "weights": Weights(*document["policy"]["weights"])}
    page = Page(
        posts=tuple(
            _read_post(UUID(post), row, known)
            for post, row in zip(ids, document["posts"], strict=True)
        ),
        page_size=document["page_size"],
        after=read_place(document["next"], session, page_no),
        degraded=document["degraded"],
        policy=Policy(**policy),
        ranked_by=document["ranked_by"],
    )
    return StoredPage(page, version, document["queue_expired"])


def _read_post(post_id: UUID, row: Sequence[Any], content: Content) -> Placed:
    _, creator, rung, parts, score, followed, propensity, reason, evidence = row
    if post_id in content:
        creator = content[post_id]["creator_id"]
    return Placed(
        post_id,
        UUID(int=creator) if isinstance(creator, int) else UUID(creator),
        Rung(rung),
        Parts(*parts),
        score,
        followed,
        propensity,
        reason,
        Evidence(*evidence),
    )


def pack_page(page: Page, *, queue_expired: bool) -> bytes:
    """Pack a page into bytes."""
    posts = page.posts
    head = [
        page.page_size,
        page.degraded,
        queue_expired,
        packed_policy(page.policy),
        page.ranked_by,
        list(_place(page.after).values()),
    ]
    columns = [
        whole_figures(p.propensity for p in posts),
        *columns_of(posts, page.policy.weights),
    ]
    return joined([(post.post_id, post.creator_id) for post in posts], [head, columns])


def unpack_page(data: bytes, session: UUID, page_no: int, version: int) -> StoredPage | None:
    """Read what `pack_page` has packed; None where another release has, in a form of its own."""
    found = split(data)
    if found is None:
        return None
    posts_with_creators, (head, (propensities, *columns)), _ = found
    page_size, degraded, queue_expired, packed, ranked_by, place = head
    policy = read_policy(packed)
    posts = tuple(
        Placed(post, creator, rung, parts, score, followed, propensity, reason, evidence)
        for (post, creator, rung, parts, score, followed, reason, evidence), propensity in zip(
            rows_of(posts_with_creators, columns, policy.weights),
            read_figures(propensities),
            strict=True,
        )
    )
    page = Page(
        posts=posts,
        page_size=page_size,
        after=read_place(dict(zip(_PLACE, place, strict=True)), session, page_no),
        degraded=degraded,
        policy=policy,
        ranked_by=ranked_by,
    )
    return StoredPage(page, version, queue_expired)


_PLACE = ("queue_page_no", "used", "last_creator", "cache_only_pages")


def _place(after: Position) -> dict[str, Any]:
    """Describe where the next page begins; session and page number stand in the key."""
    values = (
        after.queue_page_no,
        f"{after.used:x}",
        after.last_creator.hex(),
        after.cache_only_pages,
    )
    return dict(zip(_PLACE, values, strict=True))


def read_place(place: Mapping[str, Any], session: UUID, page_no: int) -> Position:
    """Read where the page behind page `page_no` begins."""
    return Position(
        session=session,
        page_no=page_no + 1,
        queue_page_no=place["queue_page_no"],
        used=int(place["used"], 16),
        last_creator=bytes.fromhex(place["last_creator"]),
        cache_only_pages=place["cache_only_pages"],
    )


def _stand_in(creator_id: UUID) -> int:
    """Return the same for the same creator, from which nobody gets the creator back.

    It only has to tell the creators of one page apart, and is short, because it is stored with
    every post of every page.
    """
    return int.from_bytes(hashlib.blake2b(creator_id.bytes, digest_size=6).digest())
