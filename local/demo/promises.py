"""What the feed promises, and the book of how often that was checked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

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
    UPLOADS = "Uploads"


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


@dataclass(slots=True)
class Tally:
    """All findings of a run."""

    findings: list[Finding] = field(default_factory=list)

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
        return [promise for promise in Promise if promise not in checked]
