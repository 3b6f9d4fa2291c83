"""Errors that the stand-in answers with, in Mux's shape."""


class MuxError(Exception):
    """A refused request.

    Args:
        status: HTTP status of the answer.
        kind: Mux's error type, such as `invalid_parameters`.
        messages: What is wrong, one sentence each.
    """

    def __init__(self, status: int, kind: str, *messages: str) -> None:
        super().__init__(f"{status} {kind}: {'; '.join(messages)}")
        self.status = status
        self.kind = kind
        self.messages = list(messages)

    def body(self) -> dict[str, object]:
        """Return the JSON body of the answer."""
        return {"error": {"type": self.kind, "messages": self.messages}}


class InvalidParametersError(MuxError):
    """The request breaks a rule about its fields (400, or 422 for an unknown resolution tier)."""

    def __init__(self, *messages: str, status: int = 400) -> None:
        super().__init__(status, "invalid_parameters", *messages)


class NotFoundError(MuxError):
    """Nothing of this kind has this id (404)."""

    def __init__(self, what: str, key: str) -> None:
        super().__init__(404, "not_found", f"There is no {what} with the id {key!r}")


class MediaError(Exception):
    """A file that ffmpeg cannot read or turn into a stream; its text says why."""
