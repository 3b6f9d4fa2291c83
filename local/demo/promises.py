"""What the feed promises, and the book of how often that was checked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


class Promise(StrEnum):
    """The promises, in order."""

    EXACT_FILL = "1 Exact fill"
    NO_POST_TWICE = "2 No post twice"
    NEVER_REPEAT = "3 Never-repeat"
    RANKING = "4 Ranking"
    EXPLORATION = "5 Exploration"
    DETERMINISTIC_PAGES = "6 Deterministic pages"
    HONEST_DEGRADATION = "7 Honest degradation"
    TWO_DEVICES = "Two devices"
    READ_ONLY = "A read-only server"
    UPLOADS = "Uploads"
    CELLS = "Viewer cells"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one promise.

    Attributes:
        promise: Which.
        claim: What was to hold, the same text for each check of its kind.
        holds: Whether it did.
        detail: What was found; matters where it did not hold.
    """

    promise: Promise
    claim: str
    holds: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """The checks of one claim."""

    promise: Promise
    claim: str
    checks: int
    failures: int


# What a stack with one server is checked for, and one with viewer cells.
OF_ONE_SERVER: Final = tuple(promise for promise in Promise if promise is not Promise.CELLS)
OF_CELLS: Final = (
    Promise.EXACT_FILL,
    Promise.NO_POST_TWICE,
    Promise.NEVER_REPEAT,
    Promise.RANKING,
    Promise.EXPLORATION,
    Promise.DETERMINISTIC_PAGES,
    Promise.CELLS,
)


@dataclass(slots=True)
class Tally:
    """All findings of a run.

    Attributes:
        findings: The findings so far.
        promises: What has to be checked at least once.
    """

    findings: list[Finding] = field(default_factory=list)
    promises: tuple[Promise, ...] = OF_ONE_SERVER

    def add(self, findings: Iterable[Finding]) -> None:
        """Book findings."""
        self.findings.extend(findings)

    def lines(self) -> list[Line]:
        """The claims in the order of promises, each with its counts."""
        checks = Counter((f.promise, f.claim) for f in self.findings)
        failures = Counter((f.promise, f.claim) for f in self.failures())
        order = list(Promise)
        claims = sorted(checks, key=lambda key: order.index(key[0]))
        return [Line(*key, checks[key], failures[key]) for key in claims]

    def failures(self) -> list[Finding]:
        """The findings that did not hold."""
        return [finding for finding in self.findings if not finding.holds]

    def unchecked(self) -> list[Promise]:
        """Promises of which nothing was checked."""
        checked = {finding.promise for finding in self.findings}
        return [promise for promise in self.promises if promise not in checked]
