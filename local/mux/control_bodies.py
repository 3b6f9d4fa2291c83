"""Bodies of the control API."""

from pydantic import BaseModel, ConfigDict, Field

from local.mux.manners import MadeUpKind
from local.mux.records import Json


class Body(BaseModel):
    """A body without unknown fields."""

    model_config = ConfigDict(extra="forbid")


class Seed(Body):
    """Where the chance of the rules begins."""

    seed: int


class Seconds(Body):
    """How long to wait at most."""

    seconds: float = Field(default=60, ge=0)


class Message(Body):
    """Why something errors."""

    message: str = "The input could not be processed"


class EventId(Body):
    """The event that is meant."""

    event_id: str


class MadeUp(Body):
    """An event about nothing in the books."""

    kind: MadeUpKind


class Custom(Body):
    """An event as the caller wants it; the envelope is added."""

    type: str = Field(pattern=r"^\w+\.\w+\.")
    data: Json
