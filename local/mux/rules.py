"""What the rules of bad manners and of faults have in common: when they bite."""

import random
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field


class Rule(BaseModel):
    """Bites on what matches, at random or exactly so many times.

    Attributes:
        fraction: How likely it bites on each match.
        skip: How many matches it lets pass first.
        count: How often it bites before it is used up; None = for ever.
        bites: How often it has bitten.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    fraction: float = Field(default=1, ge=0, le=1)
    skip: int = Field(default=0, ge=0)
    count: int | None = Field(default=None, ge=1)
    bites: int = Field(default=0, ge=0)

    def bite(self, rng: random.Random) -> bool:
        """Tell for one match whether the rule bites, and keep count."""
        if self.count is not None and self.bites >= self.count:
            return False
        if self.skip:
            self.skip -= 1
            return False
        bitten = self.fraction >= 1 or rng.random() < self.fraction
        self.bites += bitten
        return bitten


def seeded(seed: int | None) -> random.Random:
    """Return the randomness of the rules, the same for the same seed."""
    return random.Random(seed)  # noqa: S311 - chooses misfortunes, keeps no secrets
