"""The bodies that the control API accepts."""

from pydantic import BaseModel, ConfigDict, Field

from local.mux.records import Json
from local.mux.webhooks.faults import MadeUpKind


class Body(BaseModel):
    """A body that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid")


class Seed(Body):
    """The seed of the fault rules."""

    seed: int


class Seconds(Body):
    """The longest time to wait."""

    seconds: float = Field(default=60, ge=0)


class Message(Body):
    """The message of an error."""

    message: str = "The input could not be processed"


class EventId(Body):
    """The id of an event."""

    event_id: str


class MadeUp(Body):
    """An event about an object that the stand-in does not hold."""

    kind: MadeUpKind


class Custom(Body):
    """An event of the caller's own. The envelope is added."""

    type: str = Field(pattern=r"^\w+\.\w+\.")
    data: Json
