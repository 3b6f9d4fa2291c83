"""Pages as Postgres keeps them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any
from uuid import UUID

from functions.feed_ranker.pages.cursor import Position
from functions.feed_ranker.pages.page import Page, Placed
from shared.models import Source
from shared.ranking import Parts
from shared.ranking_config import Weights
from shared.variants import Policy

Content = Mapping[UUID, dict[str, Any]]


def page_document(page: Page, *, stale: bool, lasting: bool = False) -> dict[str, Any]:
    """A page as JSON. `posts` rows are as read_page reads them.

    In a `lasting` document a stand-in takes the creator's place: creators may have themselves
    erased, and nobody could find them in all the pages that their posts ever stood on.
    """
    after = page.after
    creator = _stand_in if lasting else str
    return {
        "page_size": page.page_size,
        "degraded": page.degraded,
        "stale": stale,
        "policy": _policy_document(page.policy),
        "ranked_by": page.ranked_by,
        "posts": [
            [
                str(p.post_id),
                creator(p.creator_id),
                p.source,
                list(p.parts),
                p.score,
                p.followed,
                p.propensity,
                p.because,
            ]
            for p in page.posts
        ],
        "next": {
            "built": after.built,
            "used": f"{after.used:x}",
            "last_creator": after.last_creator.hex(),
            "gap": after.gap,
        },
    }


def read_page(
    document: Mapping[str, Any], session: UUID, page_no: int, content: Content | None = None
) -> Page:
    """The page that `page_document` described; `content` knows the creators in a lasting one."""
    after = document["next"]
    known = content or {}
    return Page(
        posts=tuple(
            Placed(
                post_id,
                UUID(known[post_id]["creator_id"]) if post_id in known else UUID(creator),
                Source(source),
                Parts(*parts),
                score,
                followed,
                propensity,
                because,
            )
            for post, creator, source, parts, score, followed, propensity, because in document[
                "posts"
            ]
            for post_id in (UUID(post),)
        ),
        page_size=document["page_size"],
        after=Position(
            session=session,
            page_no=page_no + 1,
            built=after["built"],
            used=int(after["used"], 16),
            last_creator=bytes.fromhex(after["last_creator"]),
            gap=after["gap"],
        ),
        degraded=document["degraded"],
        policy=_read_policy(document["policy"]),
        ranked_by=document["ranked_by"],
    )


def _policy_document(policy: Policy) -> dict[str, Any]:
    """What pages need of a policy: its tuning has done its work by then."""
    return {
        "variant": policy.variant,
        "weights": list(astuple(policy.weights)),
        "exploration_rate": policy.exploration_rate,
        "chronological": policy.chronological,
    }


def _read_policy(document: Mapping[str, Any]) -> Policy:
    """The policy that `_policy_document` described."""
    return Policy(**{**document, "weights": Weights(*document["weights"])})


def _stand_in(creator_id: UUID) -> str:
    """The same for the same creator, and no way back."""
    return str(UUID(bytes=hashlib.blake2b(creator_id.bytes, digest_size=16).digest()))


def content_by_id(posts: list[dict[str, Any]]) -> dict[UUID, dict[str, Any]]:
    """What clients are shown of posts, by id."""
    return {UUID(post["post_id"]): post for post in posts}
