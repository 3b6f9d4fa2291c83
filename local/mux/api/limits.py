"""Rate limits as Mux has them: requests a second in the long run, and a short burst."""

from collections.abc import Callable

from local.mux.settings import Tunables


class Bucket:
    """A token bucket that starts full."""

    def __init__(self) -> None:
        self._tokens: float | None = None
        self._filled_at = 0.0

    def take(self, now: float, rate: float, burst: int) -> bool:
        """Take a token. Return False where none is left.

        Args:
            now: Seconds of a clock that never goes back.
            rate: The tokens that arrive a second. 0 means no limit.
            burst: The most tokens that the bucket holds.
        """
        if not rate:
            return True
        if self._tokens is None:
            self._tokens, self._filled_at = float(burst), now
        self._tokens = min(float(burst), self._tokens + (now - self._filled_at) * rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Limits:
    """The limits of one account: a bucket for POST and a bucket for all other verbs."""

    def __init__(self, clock: Callable[[], float], tunables: Tunables) -> None:
        self._clock = clock
        self._tunables = tunables
        self._post = Bucket()
        self._other = Bucket()

    def allow(self, method: str) -> bool:
        """Count a request. Return False where it is above the limit."""
        tunables = self._tunables
        if method == "POST":
            return self._post.take(self._clock(), tunables.post_rate, tunables.post_burst)
        return self._other.take(self._clock(), tunables.other_rate, tunables.other_burst)

    def refill(self) -> None:
        """Fill both buckets."""
        self._post, self._other = Bucket(), Bucket()
