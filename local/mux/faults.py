"""Faults of the API: rules that refuse, slow down, hang or cut off requests."""

import random
from typing import Literal

from pydantic import Field

from local.mux.rules import Rule


class FaultRule(Rule):
    """A rule about requests to the API.

    Attributes:
        kind: `status` answers with `status`; `slow` answers after `seconds`; `hang` gives no
            answer for `seconds`, then closes the connection; `cut` closes it at once.
        done: True if the request is carried out all the same, so that only its answer is lost.
            A `slow` one always is.
        method: The verb that it is about, `*` = every one.
        path: How the path begins.
        status: 429, 500 and the like.
        retry_after: Seconds for a Retry-After header; None = no such header.
    """

    kind: Literal["status", "slow", "hang", "cut"]
    done: bool = False
    method: str = "*"
    path: str = "/video/"
    status: int = Field(default=500, ge=400, le=599)
    retry_after: int | None = Field(default=None, ge=0)
    seconds: float = Field(default=60, ge=0)

    def matches(self, method: str, path: str) -> bool:
        """Tell whether the rule is about such a request."""
        return self.method.upper() in {"*", method.upper()} and path.startswith(self.path)


class Faults:
    """The fault rules in force."""

    def __init__(self, rng: random.Random) -> None:
        self.rules: list[FaultRule] = []
        self._rng = rng

    def bite(self, method: str, path: str) -> FaultRule | None:
        """Return the first rule that bites on a request, None if none does."""
        for rule in self.rules:
            if rule.matches(method, path) and rule.bite(self._rng):
                return rule
        return None
