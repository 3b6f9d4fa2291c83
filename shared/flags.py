"""Feature flags: rows of feature_flags in, one viewer's policy out. Pure.

Who is in follows from a hash of the flag's name and the viewer alone, so a viewer stays where they
are, whoever asks, and nobody changes sides when a percentage grows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from shared.variants import CHRONOLOGICAL, Policy, chronological, is_experiment, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

FEED_FLAG: Final = "feed_v2_enabled"  # off for a viewer: a plain chronological feed


class Flag(NamedTuple):
    """A row of feature_flags."""

    name: str
    enabled: bool
    rollout_percentage: int
    metadata: Any


class Decision(NamedTuple):
    """What the flags say of one viewer: the policy, and what each flag that matters said."""

    policy: Policy
    flags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Experiment:
    name: str
    rollout: float  # share of viewers who are in
    arms: tuple[tuple[Policy, float], ...]

    def arm(self, viewer: UUID) -> Policy | None:
        """Return the viewer's arm; None where they are in none."""
        if place(self.name, viewer) >= self.rollout:
            return None
        point = place(self.name, viewer, b"arm")
        for policy, share in self.arms:
            point -= share
            if point < 0.0:
                return policy
        return None


@dataclass(frozen=True, slots=True)
class Flags:
    """All flags, read and checked.

    Attributes:
        base: The policy where no flag says otherwise.
        feed_rollout: Share of viewers who get the ranked feed.
        experiments: In the order of their names; the first that assigns a viewer has them.
        faults: Flags that cannot be followed, each with the reason; control for everybody.
    """

    base: Policy = field(default_factory=Policy)
    feed_rollout: float = 1.0
    experiments: tuple[_Experiment, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)

    def decide(self, viewer: UUID) -> Decision:
        """Return the viewer's policy, and what each flag said."""
        said: dict[str, str] = dict.fromkeys(self.faults, "invalid")
        if self.feed_rollout < 1.0:
            ranked = place(FEED_FLAG, viewer) < self.feed_rollout
            said[FEED_FLAG] = "on" if ranked else "off"
            if not ranked:
                return Decision(chronological(self.base), said)
        for experiment in self.experiments:
            policy = experiment.arm(viewer)
            said[experiment.name] = policy.variant if policy else "out"
            if policy:
                return Decision(policy, said)
        return Decision(self.base, said)

    def expected_shares(self) -> dict[str, float]:
        """Return the share of all viewers that each variant should have; they sum to 1."""
        shares = {CHRONOLOGICAL: 1.0 - self.feed_rollout}
        left = self.feed_rollout
        for experiment in self.experiments:
            taken = 0.0
            for policy, share in experiment.arms:
                part = left * experiment.rollout * share
                shares[policy.variant] = shares.get(policy.variant, 0.0) + part
                taken += part
            left -= taken
        shares[self.base.variant] = shares.get(self.base.variant, 0.0) + left
        return {variant: share for variant, share in shares.items() if share > 0.0}

    def arms_of(self, name: str) -> list[str]:
        """Return the variants of one experiment; none where it is off, or no experiment."""
        return [p.variant for e in self.experiments if e.name == name for p, _ in e.arms]


def read(rows: Iterable[Flag], base: Policy) -> Flags:
    """Check the rows of feature_flags.

    Args:
        rows: In any order. A flag whose metadata names no variant is none of the feed's.
        base: The policy where no flag says otherwise.
    """
    feed_rollout = 1.0
    experiments = []
    faults: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: row.name):
        rollout = min(max(row.rollout_percentage, 0), 100) / 100 if row.enabled else 0.0
        if row.name == FEED_FLAG:
            feed_rollout = rollout
        elif rollout > 0.0 and is_experiment(row.metadata):
            try:
                arms = tuple(parse(row.metadata, base))
            except ValueError as error:
                faults[row.name] = str(error)
            else:
                experiments.append(_Experiment(row.name, rollout, arms))
    return Flags(base, feed_rollout, tuple(experiments), faults)


def place(flag: str, viewer: UUID, purpose: bytes = b"rollout") -> float:
    """Return where a viewer stands among all for one flag: uniform in [0, 1), always the same."""
    digest = hashlib.blake2b(
        flag.encode() + b"\0" + viewer.bytes, digest_size=8, person=purpose
    ).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53  # a float's 53 bits: never 1.0
