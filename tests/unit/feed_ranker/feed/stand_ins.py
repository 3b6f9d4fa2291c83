"""A Postgres and a session store that answer as a test scripts them, and note each call."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared import sql
from shared.errors import CacheUnavailableError, DatabaseUnavailableError
from tests.unit.shared.generators import post

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from functions.feed_ranker.sessions.session_store import Item
    from shared.postgres import Statement

SIZE = 12
_NAMES = {text: name for name, text in sql.FEED.items()}


@dataclass(frozen=True)
class Reply:
    """What a commit answers.

    Attributes:
        status: As commit_page gives it; `gone` where Postgres does not answer.
        withdrawn: Places of posts, on the page given or the one that stands, that may not be shown.
        seen: Places of posts that may be shown as repeats alone.
        document: The page that stands, where another one does.
        version: Of the page that stands.
        eligible: How many posts a short page could hold, where it is not what the posts tell.
    """

    status: str = "committed"
    withdrawn: tuple[int, ...] = ()
    seen: tuple[int, ...] = ()
    document: dict[str, Any] | None = None
    version: int = 0
    eligible: int | None = None


@dataclass
class ScriptedDatabase:
    """A catalogue of posts, and commits that end as the script says; `committed` without one.

    Attributes:
        calls: Shared with the store: `retrieve` and `commit`, in order; `find` where a page that
            stands is answered in the place of candidates.
        posts: The numbers of the eligible posts; those that are withdrawn leave it.
        seen: The numbers of those that the viewer has seen on another device.
        script: What the next commits answer.
        gone: Whether nothing answers.
    """

    calls: list[str]
    posts: list[int] = field(default_factory=lambda: list(range(100)))
    seen: list[int] = field(default_factory=list)
    complete: bool = False
    script: list[Reply] = field(default_factory=list)
    gone: bool = False
    revision: int = 0
    commits: list[dict[str, Any]] = field(default_factory=list)
    stored: dict[int, list[UUID]] = field(default_factory=dict)
    documents: dict[int, dict[str, Any]] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)

    def run(self, *statements: Statement, viewer: UUID | None, budget_s: float) -> list[list[Any]]:
        assert viewer is not None
        assert budget_s > 0
        return [
            [statement.make_row(*row) for row in self._rows(_NAMES[statement.sql], statement)]
            for statement in statements
        ]

    def _rows(self, name: str, statement: Statement) -> Sequence[Sequence[Any]]:
        if name == "standing_page":
            if self.gone:
                self.calls.append("retrieve")
                raise DatabaseUnavailableError
            if statement.params["page_no"] not in self.stored:
                return []
            self.calls.append("find")
            return [self._standing(statement.params["page_no"])]
        if name == "candidates" and statement.params["unless_page"] in self.stored:
            return []
        if name in {"candidates", "commit_page"}:
            self.calls.append({"candidates": "retrieve", "commit_page": "commit"}[name])
            if self.gone:
                raise DatabaseUnavailableError
        if name == "candidates":
            served = [i.int for _, shown in sorted(self.stored.items()) for i in shown]
            unseen = [n for n in self.posts if n not in self.seen and n not in served]
            found = [post(n) for n in unseen[: statement.params["want"]]]
            if len(unseen) < SIZE:
                earlier = [n for n in self.seen if n not in served]
                again = [n for n in earlier + served if n in self.posts][:SIZE]
                found += [post(n, rung="seen", seen_rank=i) for i, n in enumerate(again)]
            return [(self.complete, *candidate, {"walked": 1}) for candidate in found]
        if name == "commit_page":
            self.commits.append(dict(statement.params))
            return [self._commit(statement.params)]
        return {"feedback_revision": [(self.revision,)], "signals": []}[name]

    def _standing(self, page_no: int) -> Sequence[Any]:
        reply = self.script.pop(0) if self.script else Reply("existing")
        if reply.status == "gone":
            raise DatabaseUnavailableError
        shown = self.stored[page_no]
        withdrawn = [shown[place] for place in reply.withdrawn]
        self.posts = [n for n in self.posts if UUID(int=n) not in withdrawn]
        content = [content_of(i) for i in shown if i not in withdrawn]
        eligible = self._eligible(reply, shown)
        document = {**self.documents[page_no], "post_ids": [str(post) for post in shown]}
        version = self.versions[page_no]
        return "existing", version, document, withdrawn, [], content, None, eligible

    def _eligible(self, reply: Reply, shown: Sequence[UUID]) -> int | None:
        if len(shown) >= SIZE:
            return None
        return min(SIZE, len(self.posts)) if reply.eligible is None else reply.eligible

    def _commit(self, given: Any) -> Sequence[Any]:  # noqa: ANN401  # a statement's parameters
        reply = self.script.pop(0) if self.script else Reply()
        if reply.status == "gone":
            raise DatabaseUnavailableError
        shown = [UUID(post) for post in reply.document["post_ids"]] if reply.document else None
        shown = shown if shown is not None else given["shown"]
        withdrawn = [shown[place] for place in reply.withdrawn]
        seen = [shown[place] for place in reply.seen]
        self.posts = [n for n in self.posts if UUID(int=n) not in withdrawn]
        self.seen += [i.int for i in seen]
        version = reply.version or given["expected"]
        if reply.status == "committed" and self.stored.get(given["page_no"]) != shown:
            self.stored[given["page_no"]] = shown
            self.documents[given["page_no"]] = given["described"].obj
            version += 1
            self.versions[given["page_no"]] = version
        content = [content_of(i) for i in shown if i not in withdrawn]
        columns = json.dumps(columns_of(given["hydrate"])) if given["hydrate"] else None
        eligible = self._eligible(reply, shown)
        document = reply.document or {}
        return reply.status, version, document, withdrawn, seen, content, columns, eligible


@dataclass
class MemoryFeedback:
    """How far a viewer's feedback has come, in a variable."""

    revision: int = 0

    def noted(self, viewer: UUID, now: int) -> int:
        del viewer, now
        return self.revision


@dataclass
class MemoryStore:
    """A session store in a dictionary.

    Attributes:
        calls: Shared with the database: `read`, `read all` and `write`, in order.
        items: By page.
        gone: The calls that get no answer.
        before_write: An item that another request writes first.
    """

    calls: list[str]
    items: dict[int, Item] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    feedback: MemoryFeedback = field(default_factory=MemoryFeedback)
    before_write: Item | None = None

    def read(
        self, viewer: UUID, session: UUID, pages: Collection[int], now: int
    ) -> dict[int, Item]:
        del viewer, session, now
        self._call("read")
        return {n: item for n, item in self.items.items() if n in pages}

    def read_all(self, viewer: UUID, session: UUID, now: int) -> dict[int, Item]:
        del viewer, session, now
        self._call("read all")
        return dict(self.items)

    def write(
        self, viewer: UUID, session: UUID, page: int, item: Item, **condition: int | None
    ) -> Item | None:
        del viewer, session
        self._call("write")
        if self.before_write is not None:
            self.items[page] = self.before_write
        found = self.items.get(page)
        if found is not None and found.version not in {None, condition["expected"]}:
            return found
        self.items[page] = item
        return None

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.gone:
            raise CacheUnavailableError


def content_of(post_id: UUID) -> dict[str, Any]:
    """What clients are shown of a post."""
    return {
        "post_id": str(post_id),
        "creator_id": str(UUID(int=10**6 + post_id.int)),
        "caption": f"post {post_id.int}",
        "playback_id": "play",
        "signed": False,
    }


def columns_of(post_ids: Sequence[UUID]) -> dict[str, list[Any]]:
    """The same of several posts, as the cache holds it."""
    return {
        "caption": [f"post {i.int}" for i in post_ids],
        "playback_id": ["play"] * len(post_ids),
        "signed": [False] * len(post_ids),
        "created_at": [0] * len(post_ids),
    }
