"""Faults of the API: rules that refuse requests, slow them down, or leave them unanswered."""

import random
from typing import Literal

from pydantic import Field

from local.mux.fault_rules import Rule


class ApiFault(Rule):
    """A rule about requests to the API.

    Attributes:
        kind: `status` answers with `status`. `slow` answers after `seconds`. `hang` gives no
            answer for `seconds` and then closes the connection. `cut` closes it at once.
        done: True if the request is carried out all the same, so that only its answer is lost.
            A `slow` request is always carried out.
        method: The verb that the rule matches. `*` matches every verb.
        path: The beginning of the paths that the rule matches: `/video/`, `/system/` or `/upload/`.
        status: The status of the answer, such as 429 or 500.
        retry_after: The seconds in the Retry-After header. None means no such header.
    """

    kind: Literal["status", "slow", "hang", "cut"]
    done: bool = False
    method: str = "*"
    path: str = "/video/"
    status: int = Field(default=500, ge=400, le=599)
    retry_after: int | None = Field(default=None, ge=0)
    seconds: float = Field(default=60, ge=0)

    def matches(self, method: str, path: str) -> bool:
        """Return whether the rule matches such a request."""
        return self.method.upper() in {"*", method.upper()} and path.startswith(self.path)


class ApiFaults:
    """The rules about the API that are in force."""

    def __init__(self, rng: random.Random) -> None:
        self.rules: list[ApiFault] = []
        self._rng = rng

    def find(self, method: str, path: str) -> ApiFault | None:
        """Return the first rule that applies to a request, or None."""
        for rule in self.rules:
            if rule.matches(method, path) and rule.applies(self._rng):
                return rule
        return None
