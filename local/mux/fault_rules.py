"""Fault rules: the part that rules about webhooks and rules about the API share."""

import random
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field


class Rule(BaseModel):
    """A rule that applies to what it matches, at random or an exact number of times.

    Attributes:
        fraction: The probability that the rule applies to a match.
        skip: The number of matches that it lets pass first.
        count: The number of times that it applies before it is used up. None means for ever.
        applied: The number of times that it has applied so far.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    fraction: float = Field(default=1, ge=0, le=1)
    skip: int = Field(default=0, ge=0)
    count: int | None = Field(default=None, ge=1)
    applied: int = Field(default=0, ge=0)

    def applies(self, rng: random.Random) -> bool:
        """Return whether the rule applies to one match, and count it."""
        if self.count is not None and self.applied >= self.count:
            return False
        if self.skip:
            self.skip -= 1
            return False
        applies = self.fraction >= 1 or rng.random() < self.fraction
        self.applied += applies
        return applies


def seeded(seed: int | None) -> random.Random:
    """Return the random numbers of the rules. The same seed gives the same numbers."""
    return random.Random(seed)  # noqa: S311 - decides about faults, keeps no secrets
