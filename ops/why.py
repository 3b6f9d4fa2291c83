"""An explanation of a page, by `python -m ops.why REQUEST` (make why REQUEST=…).

It shows a request from what was stored of it. feed_requests holds the request, and the one that
ranked its queue. feed_pages holds the posts with their parts, weights and propensities. The
functions need not run.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row = dict[str, Any]

_PARTS = ("engagement", "freshness", "context", "diversity")
_EVIDENCE = ("heat", "neighbours", "taste", "momentum")

_REQUEST = """
SELECT user_id, request_id, session_id, page_no, page_size, response_time_ms, cache_hit, prepared,
       stale_cursor, degraded, variant, sources, trace, created_at
FROM feed_requests
WHERE request_id = %s
"""
_PAGE = """
SELECT version, post_ids, entries
FROM feed_pages
WHERE user_id = %s AND session_id = %s AND page_no = %s
"""


class NothingStoredError(Exception):
    """No request of this id is stored. It was never made, failed, or is past its retention."""


@dataclass(frozen=True, slots=True)
class Story:
    """The stored data of a request.

    Attributes:
        request: Its row of feed_requests.
        ranking: The row of the request that ranked its queue. It is None where that row is gone.
        page: The present row of the page in feed_pages. It is None where that row is gone.
        creators: The creators of its posts, as far as the posts still exist.
    """

    request: Row
    ranking: Row | None
    page: Row | None
    creators: Mapping[UUID, UUID]


def story(connection: psycopg.Connection[Row], request_id: UUID) -> Story:
    """Read what is stored of a request. The connection must be one of the schema's owner.

    Raises:
        NothingStoredError: Nothing is stored of the request.
    """
    request = connection.execute(_REQUEST, [request_id]).fetchone()
    if request is None:
        raise NothingStoredError
    page = connection.execute(
        _PAGE, [request["user_id"], request["session_id"], request["page_no"]]
    ).fetchone()
    ranked_by = request["trace"].get("ranked_by")
    ranking: Row | None = request
    if ranked_by:
        # A queue that was prepared is described by the pages that were taken from it.
        prepared = "found" in request["trace"]
        ranking = request if prepared else connection.execute(_REQUEST, [ranked_by]).fetchone()
    creators: dict[UUID, UUID] = {}
    if page is not None:
        made = "SELECT id, creator_id FROM posts WHERE id = ANY(%s)"
        found = connection.execute(made, [page["post_ids"]]).fetchall()
        creators = {row["id"]: row["creator_id"] for row in found}
    return Story(request, ranking, page, creators)


def show(console: Console, told: Story) -> None:
    """Print the request, how its queue was made, and the score of each post."""
    console.print(_facts("Request", _asked(told.request)))
    if told.ranking is None:
        console.print("The request that ranked the queue is past its retention.")
    else:
        console.print(_facts("Ranking", _ranked(told)))
    if told.page is None:
        console.print("The page is past its retention.")
        return
    if told.page["version"] > 1:
        console.print(
            "The page was refilled since it was first served: posts taken down are replaced."
        )
    console.print(_posts(told.page["post_ids"], told.page["entries"], told))


def _asked(request: Row) -> dict[str, object]:
    return {
        "request": request["request_id"],
        "viewer": request["user_id"],
        "session": f"{request['session_id']}, page {request['page_no']}",
        "at": f"{request['created_at']:%Y-%m-%d %H:%M:%S} ({request['response_time_ms']:.1f} ms)",
        "page size": request["page_size"],
        "served from": _served_from(request),
        "stale cursor": request["stale_cursor"],
        "degraded": request["degraded"] or "no",
        "variant": request["variant"] or "none",
        "posts by source": _counts(request["sources"]),
        "withdrawn while it was made": request["trace"].get("withdrawn", 0),
    }


def _served_from(request: Row) -> str:
    if request["prepared"]:
        return "a queue ranked ahead, while the viewer watched"
    return "what was stored" if request["cache_hit"] else "a queue ranked anew"


def _interview(answers: int | None) -> str:
    return "no" if answers is None else f"of a new viewer, {answers} of whose watches were known"


def _ranked(told: Story) -> dict[str, object]:
    ranking = told.ranking or {}
    trace = ranking["trace"]
    policy = (told.page or {}).get("entries", {}).get("policy", {})
    weights = dict(zip(_PARTS, policy.get("weights", []), strict=False))
    return {
        "ranked by": trace.get("ranked_by") or "this request"
        if ranking is told.request
        else ranking["request_id"],
        "candidates by rung": _counts(trace.get("found")),
        "found by": _counts(trace.get("found_by")),
        "met and filtered": _counts(trace.get("filtered")),
        "all unseen posts found": trace.get("complete", "?"),
        "ranked": trace.get("ranked", "?"),
        "for discovery": trace.get("for_discovery", "?"),
        "flags": _counts(trace.get("flags")),
        "weights": _counts(weights),
        "decided by": _decided(trace.get("decided")),
        "interview": _interview(trace.get("answers")),
        "exploration": _exploration(told, policy),
    }


def _decided(shares: Sequence[float] | None) -> str:
    """Name the parts of the score by how far they set the candidates apart."""
    named = zip(_PARTS, shares or (), strict=False)
    return ", ".join(f"{part} {share:.0%}" for part, share in named) or "nothing"


def _exploration(told: Story, policy: Mapping[str, Any]) -> str:
    """Describe the draws. Their seed is the session, the page number and the position."""
    rate = f"rate {policy['exploration_rate']:g}, " if policy else ""
    draws = told.request["trace"].get("draws", [])
    drawn = ", ".join(f"position {position} (p = {chance:.3g})" for position, chance in draws)
    seed = f"seed {told.request['session_id']}/{told.request['page_no']}"
    return f"{rate}{seed}: {drawn or 'nothing drawn by this request'}"


def _posts(ids: Sequence[UUID], entries: Row, told: Story) -> Table:
    table = Table(title=f"Page {told.request['page_no']}")
    table.add_column("#", justify="right")
    for column in ("post", "creator", "source"):
        table.add_column(column)
    for column in ("score", *_PARTS, *_EVIDENCE, "p"):
        table.add_column(column, justify="right")
    table.add_column("reasons")
    for position, (post, row) in enumerate(zip(ids, entries["posts"], strict=True)):
        _, _, source, parts, score, followed, propensity, reason, evidence = row
        reasons = [text for text in ("followed" if followed else "", reason) if text]
        table.add_row(
            str(position),
            str(post),
            str(told.creators.get(post, "gone")),
            source,
            f"{score:.3f}",
            *(f"{part:.2f}" for part in parts),
            *_spoke(evidence),
            "" if propensity is None else f"{propensity:.3g}",
            ", ".join(reasons),
        )
    return table


def _spoke(evidence: Sequence[float]) -> list[str]:
    """Write what spoke for a post: heat as a multiple of the average candidate's."""
    heat, neighbours, taste, momentum = evidence
    return [f"{2.0**heat:.3g}x", f"{neighbours:.3f}", f"{taste:+.2f}", f"{momentum:.2f}"]


def _facts(title: str, facts: Mapping[str, object]) -> Table:
    table = Table(title=title, show_header=False)
    for name, value in facts.items():
        table.add_row(name, str(value))
    return table


def _counts(counted: Mapping[str, object] | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in (counted or {}).items()) or "nothing"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print why a request was answered as it was. Return 1 where nothing is stored of it."""
    parser = argparse.ArgumentParser(description="Why a request was answered as it was.")
    parser.add_argument("request", type=UUID, help="the answer's request_id")
    parser.add_argument("--database-url", default=os.environ.get("DATABASE_URL"))
    given = parser.parse_args(arguments)
    if not given.database_url:
        parser.error("DATABASE_URL is not set")
    with psycopg.connect(given.database_url, row_factory=dict_row) as connection:
        try:
            told = story(connection, given.request)
        except NothingStoredError:
            Console(stderr=True).print(f"Nothing is stored of request {given.request}.")
            return 1
    show(Console(), told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
