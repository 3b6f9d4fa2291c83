"""Errors of the stand-in, and their answers in Mux's form."""


class MuxError(Exception):
    """A request that is refused.

    Args:
        status: The HTTP status of the answer.
        kind: Mux's error type, such as `invalid_parameters`.
        messages: One sentence for each thing that is wrong.
    """

    def __init__(self, status: int, kind: str, *messages: str) -> None:
        super().__init__(f"{status} {kind}: {'; '.join(messages)}")
        self.status = status
        self.kind = kind
        self.messages = list(messages)

    def body(self) -> dict[str, object]:
        """Return the JSON body of the answer."""
        return {"error": {"type": self.kind, "messages": self.messages}}


class TooManyRequestsError(MuxError):
    """The account has made too many requests (429). The answer has a form of its own."""

    def __init__(self) -> None:
        super().__init__(429, "too_many_requests", "Too many requests, retry later.")

    def body(self) -> dict[str, object]:
        """Return the JSON body of the answer."""
        return {"errors": self.messages}


class InvalidParametersError(MuxError):
    """A field of the request is invalid (400, or 422 for an unknown resolution tier)."""

    def __init__(self, *messages: str, status: int = 400) -> None:
        super().__init__(status, "invalid_parameters", *messages)


class NotFoundError(MuxError):
    """No object of this kind has this id (404)."""

    def __init__(self, what: str, key: str) -> None:
        super().__init__(404, "not_found", f"There is no {what} with the id {key!r}")


class MediaError(Exception):
    """ffmpeg cannot read a file or make a stream of it. The text says why."""
