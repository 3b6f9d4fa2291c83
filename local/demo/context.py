"""What all steps of the demo work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from local.demo.display import Display
    from local.demo.observed import ObservedState
    from local.demo.promises import Tally
    from local.stack import Stack


@dataclass(frozen=True)
class Context:
    """The running stack and the demo's own things.

    Attributes:
        stack: The stack.
        http: A client of its gateway.
        mux: A client of the Mux stand-in's API, with its credentials.
        observed: Postgres.
        tally: Takes the findings.
        display: The terminal.
        folder: For files made on the spot.
        own_parts: Whether Postgres and DynamoDB are the stack's own, to be stopped and started.
    """

    stack: Stack
    http: httpx.Client
    mux: httpx.Client
    observed: ObservedState
    tally: Tally
    display: Display
    folder: Path
    own_parts: bool
