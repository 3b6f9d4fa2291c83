"""Count the requests to the API."""

from collections import Counter, deque

from local.mux.records import Json

KEPT = 1000


class Calls:
    """The number of requests by verb and by the status of the answer. 0 means no answer."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, int]] = Counter()
        self._recent: deque[Json] = deque(maxlen=KEPT)

    def add(self, at: float, method: str, path: str, status: int) -> None:
        """Count a request."""
        self._counts[method, status] += 1
        self._recent.append({"at": at, "method": method, "path": path, "status": status})

    def view(self) -> Json:
        """Return the counts by verb, by verb and status, and the latest requests, oldest first."""
        by_verb: Counter[str] = Counter()
        by_status: dict[str, dict[str, int]] = {}
        for (method, status), count in self._counts.items():
            by_verb[method] += count
            by_status.setdefault(method, {})[str(status)] = count
        return {"by_verb": dict(by_verb), "by_status": by_status, "recent": list(self._recent)}

    def clear(self) -> None:
        """Set all counts to 0."""
        self._counts.clear()
        self._recent.clear()
