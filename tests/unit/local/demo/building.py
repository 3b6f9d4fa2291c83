"""Pages, entries and stock as the demo's checks take them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from local.demo.answers import WEIGHTS, Entry, Page, Parts, Post, Stock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from local.demo.promises import Finding

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PARTS = Parts(0.8, 0.5, 0.6, 1.0)


def post_id(number: int) -> UUID:
    return UUID(int=number)


def creator_id(number: int) -> UUID:
    return UUID(int=1_000_000 + number)


def total(parts: Parts) -> float:
    return round(sum(w * p for w, p in zip(WEIGHTS, parts, strict=True)), 6)


def entry(
    number: int,
    source: str = "trending",
    *,
    creator: int | None = None,
    parts: Parts = PARTS,
    followed: bool = False,
    propensity: float | None = None,
) -> Entry:
    by = creator_id(number if creator is None else creator)
    return Entry(post_id(number), by, source, parts, total(parts), followed, propensity)


def page(
    entries: Sequence[Entry], *, degraded: str | None = None, reasons: Sequence[str] | None = None
) -> Page:
    """A page of entries, with positions, marks and reasons as they should be."""
    return Page(
        session_id=UUID(int=9),
        posts=tuple(
            Post(
                post_id=e.post_id,
                creator_id=e.creator_id,
                caption="a caption",
                hls_url="http://127.0.0.1/a.m3u8",
                thumbnail_url="http://127.0.0.1/a/thumbnail.webp",
                duration_ms=20_000,
                created_at=NOW - timedelta(days=10),
                position=position,
                source=e.source,
                is_repeat=e.source in {"repeat", "recycled"},
                score=e.score,
                reasons=tuple(true_reasons(e) if reasons is None else reasons),
            )
            for position, e in enumerate(entries)
        ),
        next_cursor="cursor",
        cache="hit",
        stale_cursor=False,
        degraded=degraded,
    )


def true_reasons(e: Entry) -> list[str]:
    first = {"explore": ["exploration"], "repeat": ["seen_before"], "recycled": ["seen_before"]}
    followed = ["followed_creator"] if e.followed else []
    gave = {
        name: w * p for name, w, p in zip(e.parts._fields, WEIGHTS, e.parts, strict=True) if p > 0
    }
    return first.get(e.source, []) + followed + sorted(gave, key=lambda name: -gave[name])


def stock(
    numbers: Iterable[int],
    *,
    age: timedelta = timedelta(days=10),
    seen: Sequence[int] = (),
    served: Sequence[int] = (),
    followed: Iterable[int] = (),
) -> Stock:
    """Stock of eligible posts; `seen` is in the order in which it was seen, an hour apart."""
    return Stock(
        eligible={post_id(number): NOW - age for number in numbers},
        followed=frozenset(creator_id(number) for number in followed),
        seen={post_id(n): NOW - timedelta(days=9, hours=-i) for i, n in enumerate(seen)},
        served=tuple(post_id(number) for number in served),
        now=NOW,
    )


def broken(findings: Iterable[Finding]) -> set[str]:
    """The claims that do not hold."""
    return {finding.claim for finding in findings if not finding.holds}
