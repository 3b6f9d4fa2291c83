"""One soak, from the start of the stack to the figures."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg

from evaluation.other_build import this_build
from evaluation.percentiles import percentile
from evaluation.soak import retention
from evaluation.soak.creators import Creators
from evaluation.soak.crowd import Crowd
from evaluation.soak.observer import Observer
from evaluation.speed.gateway import stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evaluation.progress import Steps
    from evaluation.soak.crowd import Sample
    from evaluation.soak.settings import SoakSettings

_CAPACITY_S = 20.0
_WINDOWS: Final = (
    6  # the run is split into so many parts, of which the first and the last are compared
)
_LOOKS: Final = 120


def run(settings: SoakSettings, steps: Steps) -> dict[str, Any]:
    """Run a stack under load, and return what was measured.

    Raises:
        StackError: The stack did not start.
        psycopg.Error: Postgres refused a statement.
    """
    folder = settings.state_dir.resolve() / "soak"
    with ExitStack() as open_:
        with steps.step("the local stack"):
            running = open_.enter_context(stack(this_build(), folder, settings.posts))
        info = json.loads((folder / "stack.json").read_text(encoding="utf-8"))
        crowd = Crowd(running.base_url, settings.viewers)
        open_.callback(crowd.close)
        with steps.step("what the machine does"):
            capacity = crowd.capacity(_CAPACITY_S)
        aged = retention.begin(info["admin_database_url"])
        crowd.samples.clear()
        rate = settings.steps_per_second or capacity / 2
        seconds = settings.minutes * 60
        creators = Creators(info["admin_database_url"])
        creators.start()
        with steps.step(f"{settings.warm_up_minutes:g} minutes of warm-up"):
            crowd.run(rate, settings.warm_up_minutes * 60)
        warm_up = _by_kind(crowd.samples)
        crowd.samples.clear()
        observer = Observer(info, running.family, max(seconds / _LOOKS, 1.0))
        observer.start()
        title = f"{settings.minutes:g} minutes at {rate:.1f} steps/s"
        with (
            steps.step(title),
            _forgotten_transaction(
                info["admin_database_url"], settings.open_transaction_minutes * 60
            ),
        ):
            count = crowd.run(rate, seconds)
        creators.end()
        observer.end()
        kept = retention.left(info["admin_database_url"])
    return {
        "minutes": settings.minutes,
        "warm_up_minutes": settings.warm_up_minutes,
        "posts": settings.posts,
        "capacity_steps_per_second": round(capacity, 2),
        "steps_per_second": round(rate, 2),
        "steps": count,
        "errors": crowd.errors[:20],
        "error_count": len(crowd.errors),
        "published": creators.published,
        "removed": creators.removed,
        "retention": {"aged_rows": aged, "left": kept},
        "warm_up": {kind: drift(of, settings.warm_up_minutes * 60) for kind, of in warm_up.items()},
        "requests": {kind: drift(of, seconds) for kind, of in _by_kind(crowd.samples).items()},
        "minutes_p50": _by_minute(crowd.samples, seconds),
        "looks": observer.looks,
    }


def drift(samples: Sequence[Sample], seconds: float) -> dict[str, float | int | None]:
    """Compare the last sixth of a run with the first.

    Args:
        samples: The requests of one kind.
        seconds: The length of the run.

    Returns:
        The percentiles of the whole run, the p50 of the first and of the last sixth, and their
        ratio. They are None where a sixth has no sample.
    """
    part = seconds / _WINDOWS
    first = [s.milliseconds for s in samples if s.at_s < part]
    last = [s.milliseconds for s in samples if s.at_s >= seconds - part]
    everything = [s.milliseconds for s in samples]
    begin = percentile(first, 50) if first else None
    end = percentile(last, 50) if last else None
    return {
        "n": len(samples),
        "p50_ms": round(percentile(everything, 50), 2),
        "p95_ms": round(percentile(everything, 95), 2),
        "first_p50_ms": None if begin is None else round(begin, 2),
        "last_p50_ms": None if end is None else round(end, 2),
        "drift": None if begin is None or end is None else round(end / begin, 3),
    }


def _by_kind(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    kinds: dict[str, list[Sample]] = {}
    for sample in samples:
        kinds.setdefault(sample.kind, []).append(sample)
    return dict(sorted(kinds.items()))


def _by_minute(samples: Sequence[Sample], seconds: float) -> dict[str, list[float | None]]:
    """Return for each kind the median of each of sixty equal parts of the run."""
    width = seconds / 60
    found: dict[str, list[float | None]] = {}
    for kind, of in _by_kind(samples).items():
        parts: list[list[float]] = [[] for _ in range(60)]
        for sample in of:
            parts[min(int(sample.at_s / width), 59)].append(sample.milliseconds)
        found[kind] = [round(percentile(part, 50), 2) if part else None for part in parts]
    return found


@contextmanager
def _forgotten_transaction(url: str, seconds: float) -> Iterator[None]:
    """Leave somebody's transaction open for so many seconds, from the second minute on."""
    ended = threading.Event()

    def forget() -> None:
        if ended.wait(60.0):
            return
        with psycopg.connect(url) as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.execute("SELECT count(*) FROM feature_flags")
            ended.wait(seconds)

    if seconds <= 0:
        yield
        return
    thread = threading.Thread(target=forget, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
