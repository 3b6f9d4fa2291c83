"""How rows of posts become bytes: DynamoDB charges by the kilobyte.

A version byte comes first, then the ids as they are, since no compressor finds anything in them,
then a compressed text. Columns compress better than rows, and whole millionths better than decimal
fractions.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, SafeUUID

from functions.feed_ranker.sessions.packed_content import deflated, inflated
from shared.evidence import Evidence, packed, unpacked
from shared.models import Rung
from shared.ranking import Parts, weighted
from shared.ranking_config import Weights
from shared.variants import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from functions.feed_ranker.pages.page import Placed
    from functions.feed_ranker.ranking.stream import Entry
    from shared.ranking import PlainParts

_VERSION: Final = 6
_HEAD: Final = struct.Struct(">BH")  # version, how many posts
_ID: Final = 16
_MILLIONTHS: Final = 1_000_000
_RUNGS: Final = {rung.value: rung for rung in Rung}
_new, _set = object.__new__, object.__setattr__


# What a stored page and a stored queue say of a post alike: post, creator, rung, the parts of its
# score, the score, whether the creator is followed, the reason and the evidence.
Row = tuple[UUID, UUID, Rung, Parts, float, bool, str, Evidence]


def joined(posts_with_creators: Sequence[tuple[UUID, UUID]], document: list[Any]) -> bytes:
    """Put ids and a document into bytes."""
    ids = b"".join(post.bytes + creator.bytes for post, creator in posts_with_creators)
    text = json.dumps(document, separators=(",", ":"))
    return _HEAD.pack(_VERSION, len(posts_with_creators)) + ids + deflated(text)


def split(data: bytes) -> tuple[list[tuple[UUID, UUID]], Any, bytes] | None:
    """Read posts with their creators, the document, and what follows it.

    Returns:
        None where another release has written the bytes in a form of its own.
    """
    if len(data) < _HEAD.size:
        return None
    version, count = _HEAD.unpack_from(data)
    if version != _VERSION:
        return None
    end = _HEAD.size + 2 * count * _ID
    ids = [_uuid(data[at : at + _ID]) for at in range(_HEAD.size, end, _ID)]
    document, rest = inflated(data[end:])
    return list(zip(ids[::2], ids[1::2], strict=True)), json.loads(document), rest


def _uuid(data: bytes) -> UUID:
    """Make a UUID of its bytes without the checks of its arguments, which take most of the time."""
    made = _new(UUID)
    _set(made, "int", int.from_bytes(data, "big"))
    _set(made, "is_safe", SafeUUID.unknown)
    return made


def columns_of(posts: Sequence[Entry | Placed], weights: Weights) -> list[Any]:
    """Make columns of rungs, reasons, evidence, who is followed, and scores, then of each part.

    A score in whole millionths stands as its distance from what its parts give, which is next to
    nothing.
    """
    given, values = [post.parts for post in posts], weights.values
    parts = [whole_figures(column) for column in zip(*given, strict=True)]
    return [
        [post.rung for post in posts],
        [post.reason for post in posts],
        packed(post.evidence for post in posts),
        [int(post.followed) for post in posts],
        [
            score - _expected(own, values) if isinstance(score, int) else score
            for own, score in zip(given, whole_figures(post.score for post in posts), strict=True)
        ],
        *(parts or [[] for _ in Parts._fields]),
    ]


def rows_of(
    posts_with_creators: Sequence[tuple[UUID, UUID]], columns: Sequence[Any], weights: Weights
) -> Iterator[Row]:
    """Read the rows that `columns_of` made columns of."""
    rungs, reasons, evidence, followed, scores, *parts = columns
    values = weights.values
    given = list(map(Parts, *map(read_figures, parts)))
    for (post, creator), rung, own, off, follows, reason, why in zip(
        posts_with_creators,
        rungs,
        given,
        scores,
        followed,
        reasons,
        unpacked(evidence),
        strict=True,
    ):
        score = (_expected(own, values) + off) / _MILLIONTHS if type(off) is int else off
        yield post, creator, _RUNGS[rung], own, score, bool(follows), reason, why


def _expected(parts: Parts, weights: PlainParts) -> int:
    """Return the score that parts give, in millionths."""
    total = weighted(parts, weights)
    return round(total * _MILLIONTHS) if math.isfinite(total) else 0


def whole_figures(values: Iterable[float | None]) -> list[Any]:
    """Turn figures of six decimals into whole millionths, and leave any other as it is."""
    return [
        whole
        if value is not None
        and 0.0 <= value < _MILLIONTHS
        and (whole := round(value * _MILLIONTHS)) / _MILLIONTHS == value
        else value
        for value in values
    ]


def read_figures(values: Iterable[Any]) -> list[Any]:
    """Read the figures that `whole_figures` has turned into whole millionths."""
    return [value / _MILLIONTHS if type(value) is int else value for value in values]


def packed_policy(policy: Policy) -> list[Any]:
    """Pack what pages need of a policy: its tuning has done its work by then."""
    weights = list(astuple(policy.weights))
    return [policy.variant, weights, policy.exploration_rate, int(policy.chronological)]


def read_policy(packed: list[Any]) -> Policy:
    """Read the policy that `packed_policy` has packed."""
    variant, weights, rate, chronological = packed
    return Policy(variant, Weights(*weights), rate, bool(chronological))
