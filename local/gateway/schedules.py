"""EventBridge Scheduler for local use: functions are invoked as the template's schedules say."""

from __future__ import annotations

import asyncio
import sys
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.gateway.workers import InvocationError
from local.services.aws import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from local.gateway.workers import WorkerPool


def scheduled_event(now: datetime) -> dict[str, Any]:
    """What EventBridge Scheduler sends to a target for which no input was set."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": ACCOUNT,
        "time": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/local"],
        "detail": "{}",
    }


@asynccontextmanager
async def running_schedules(
    pools: Iterable[WorkerPool], *, speed: float = 1.0
) -> AsyncIterator[None]:
    """Keeps the schedules of all functions while the context lasts.

    Args:
        pools: the functions.
        speed: how much faster than the template says.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_keep(pool, interval / speed))
            for pool in pools
            for interval in pool.function.schedules
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def _keep(pool: WorkerPool, interval_s: float) -> None:
    while True:
        await asyncio.sleep(interval_s)
        try:
            await pool.invoke(scheduled_event(datetime.now(UTC)))
        except InvocationError as error:
            # The next one comes on time, as on AWS.
            print(f"{pool.function.logical_id}: scheduled event failed: {error}", file=sys.stderr)
