"""Checks of replays, refusals, lost parts and uploads. Pure: data in, findings out."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from local.demo.promises import Finding, Promise

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from uuid import UUID

    from local.demo.answers import Page

LENGTH_TOLERANCE_S = 0.5
_STATES = ("waiting", "processing", "trimming", "ready")


def same_page(first: Page, again: Page, claim: str) -> Finding:
    """Two answers for one cursor are one page."""
    return Finding(
        Promise.DETERMINISTIC_PAGES,
        claim,
        first.posts == again.posts and first.next_cursor == again.next_cursor,
        f"{first.ids} became {again.ids}",
    )


def refused(status: int, problem: Mapping[str, Any], claim: str) -> Finding:
    """A cursor that is not the viewer's own is a 400 that names the field."""
    named = [error.get("field") for error in problem.get("errors", [])]
    return Finding(
        Promise.DETERMINISTIC_PAGES,
        claim,
        status == HTTPStatus.BAD_REQUEST and named == ["cursor"],
        f"{status}: {problem}",
    )


def refilled(
    before: Page, after: Page, removed: UUID, elsewhere: Collection[UUID]
) -> list[Finding]:
    """A replayed page without a removed post: full, else the same, refilled with unserved posts."""
    kept = [post for post in before.ids if post != removed]
    added = [post for post in after.ids if post not in before.ids]
    return [
        Finding(
            Promise.EXACT_FILL,
            "a removed post is gone from a replayed page",
            removed not in after.ids,
            f"{removed} is still there",
        ),
        Finding(
            Promise.EXACT_FILL,
            "a replayed page is refilled",
            len(after.ids) == len(before.ids) and not set(added) & set(elsewhere),
            f"{len(after.ids)} posts after {len(before.ids)}, added {added}",
        ),
        Finding(
            Promise.DETERMINISTIC_PAGES,
            "a refilled page else stays as it was",
            [post for post in after.ids if post in before.ids] == kept,
            f"{kept} became {after.ids}",
        ),
    ]


def degraded_page(
    page: Page,
    word: str | None,
    served: Collection[UUID],
    claim: str,
    promise: Promise = Promise.HONEST_DEGRADATION,
) -> Finding:
    """A page served without a part says so, and repeats nothing."""
    again = set(page.ids) & set(served)
    return Finding(
        promise,
        claim,
        page.degraded == word and bool(page.posts) and not again,
        f"{len(page.posts)} posts, degraded {page.degraded!r}, again {sorted(again)}",
    )


def unavailable(
    status: int,
    headers: Mapping[str, str],
    problem: Mapping[str, Any],
    claim: str = "with both gone: 503 with Retry-After",
    promise: Promise = Promise.HONEST_DEGRADATION,
) -> Finding:
    """Check that an answer is a 503 that says when to come back."""
    return Finding(
        promise,
        claim,
        status == problem["status"] == HTTPStatus.SERVICE_UNAVAILABLE
        and headers.get("retry-after", "").isdigit(),
        f"{status}: {dict(headers)}",
    )


def acknowledged(answer: Mapping[str, Any], sent: int) -> Finding:
    """Good events are accepted, all of them."""
    return Finding(
        Promise.HONEST_DEGRADATION,
        "what viewers report is acknowledged",
        answer["accepted"] == sent and not answer["rejected"],
        f"{sent} sent, answered {answer}",
    )


def nothing_lost(acknowledged_ids: Collection[UUID], recorded: Collection[UUID]) -> Finding:
    """What was acknowledged is in the database."""
    lost = set(acknowledged_ids) - set(recorded)
    return Finding(
        Promise.HONEST_DEGRADATION,
        "nothing acknowledged is lost",
        not lost and len(recorded) == len(acknowledged_ids),
        f"{len(lost)} of {len(acknowledged_ids)} lost, {len(recorded)} recorded",
    )


def upload_states(states: Sequence[str], last: str) -> Finding:
    """An upload ends as it should, and its states never go back."""
    order = [_STATES.index(state) for state in states if state in _STATES]
    return Finding(
        Promise.UPLOADS,
        "states move forward and end right",
        bool(states) and states[-1] == last and order == sorted(order),
        f"{' → '.join(states)} instead of {last}",
    )


def failed_with_reason(answer: Mapping[str, Any]) -> Finding:
    """A file that is no video fails, and its owner learns why."""
    return Finding(
        Promise.UPLOADS,
        "what is no video fails with a reason",
        answer["state"] == "failed" and bool(answer["reason"]),
        f"{answer}",
    )


def plays(name: str, seconds: float, expected: float) -> Finding:
    """A stream plays for as long as it should, to half a second."""
    return Finding(
        Promise.UPLOADS,
        "the stream plays in its whole length",
        abs(seconds - expected) <= LENGTH_TOLERANCE_S,
        f"{name} plays {seconds} s instead of {expected}",
    )


def published(name: str, duration_ms: int | None, expected: float, cap_ms: int) -> Finding:
    """A published video is as long as it should be, at most the cap."""
    holds = duration_ms is not None and duration_ms <= cap_ms
    return Finding(
        Promise.UPLOADS,
        "finished videos appear in another viewer's feed, at most 3 minutes long",
        holds and abs((duration_ms or 0) / 1000 - expected) <= LENGTH_TOLERANCE_S,
        f"{name}: {duration_ms} ms instead of {expected} s",
    )


def assets_left(name: str, assets: Sequence[Mapping[str, Any]], *, clips: int, own: int) -> Finding:
    """What Mux keeps of an upload: `own` uploaded assets and `clips` clips."""
    found = [bool(asset.get("source_asset_id")) for asset in assets]
    return Finding(
        Promise.UPLOADS,
        "Mux keeps what is shown and nothing else",
        found.count(True) == clips and found.count(False) == own,
        f"{name}: {found.count(True)} clips and {found.count(False)} uploaded assets",
    )
