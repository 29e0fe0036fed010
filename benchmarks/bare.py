"""The floor: the smallest workflows that the engine can run, on a worker with Senda's own settings."""

import asyncio
import os
import signal
from datetime import timedelta

import uvloop
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

QUEUE = "bench-bare"


@workflow.defn(name="BareSleeper")
class BareSleeper:
    """Sleeps until it is signalled: what a journey is at the least."""

    def __init__(self) -> None:
        self._heard = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._heard, timeout=timedelta(days=30))

    @workflow.signal
    def hear(self) -> None:
        """End."""
        self._heard = True


@activity.defn(name="bare")
async def bare() -> None:
    """Nothing."""


@workflow.defn(name="BareContact")
class BareContact:
    """One activity: what a contact is at the least."""

    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity("bare", start_to_close_timeout=timedelta(seconds=20))


async def main() -> None:
    """Work until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await Client.connect(os.environ["SENDA_TEMPORAL_ADDRESS"])
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[BareSleeper, BareContact],
        activities=[bare],
        max_cached_workflows=1000,
        max_concurrent_workflow_tasks=16,
        max_concurrent_activities=24,
        max_concurrent_workflow_task_polls=10,
        nonsticky_to_sticky_poll_ratio=0.5,
        max_concurrent_activity_task_polls=10,
    ):
        await stop.wait()


if __name__ == "__main__":
    uvloop.run(main())
