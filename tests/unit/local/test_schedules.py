from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from local.errors import StackError
from local.gateway.schedules import running_schedules, scheduled_event
from local.gateway.template import load_template
from local.gateway.workers import HandlerError
from local.paths import TEMPLATE

if TYPE_CHECKING:
    from pathlib import Path

    from local.gateway.workers import WorkerPool


def test_the_event_is_the_schedulers() -> None:
    event = scheduled_event(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
    assert event["source"] == "aws.scheduler"
    assert event["time"] == "2026-03-01T12:00:00Z"
    assert event["detail-type"] == "Scheduled Event"


def test_the_sweep_and_the_upkeep_are_scheduled_every_minute() -> None:
    functions = load_template(TEMPLATE, {}).functions
    assert functions["MuxWebhookFunction"].schedules == (60.0,)
    assert functions["FeedRankerFunction"].schedules == (60.0,)


def test_a_schedule_that_is_no_rate_is_refused(tmp_path: Path) -> None:
    text = TEMPLATE.read_text(encoding="utf-8").replace("rate(1 minute)", "cron(0 * * * ? *)")
    (tmp_path / "template.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(StackError, match="cron"):
        load_template(tmp_path / "template.yaml", {})


def test_a_schedule_goes_on_after_an_event_that_failed() -> None:
    events: list[dict[str, Any]] = []
    third = asyncio.Event()

    async def invoke(event: dict[str, Any]) -> None:
        events.append(event)
        if len(events) == 3:
            third.set()
        raise HandlerError("no luck")

    async def run() -> None:
        function = SimpleNamespace(schedules=(60.0,), logical_id="Sweeper")
        pool = cast("WorkerPool", SimpleNamespace(function=function, invoke=invoke))
        async with running_schedules([pool], speed=60_000):
            await asyncio.wait_for(third.wait(), 10)

    asyncio.run(run())
    assert {event["source"] for event in events} == {"aws.scheduler"}
