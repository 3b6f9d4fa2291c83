from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evaluation.speed.recording import Recorder
from shared.postgres import OptionalWork, Postgres, Statement

if TYPE_CHECKING:
    import pytest


def test_a_round_trip_that_preparing_makes_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def run(_: Postgres, *statements: Statement, optional: bool = False, **__: Any) -> list[Any]:  # noqa: ANN401
        asked.append(optional)
        return [[] for _ in statements]

    monkeypatch.setattr(Postgres, "run", run)
    postgres, recorder = Postgres("postgresql://nobody@127.0.0.1:9/none"), Recorder()
    statement = Statement(b"SELECT true", {}, bool)
    with recorder.installed(), recorder.invocation() as calls:
        postgres.run(statement, viewer=None, budget_s=1.0)
        OptionalWork(postgres).run(statement, statement, viewer=None, budget_s=1.0)
    assert calls.postgres == [1, 2]
    assert asked == [False, True]
    assert 0.0 < calls.postgres_ms == calls.ms
