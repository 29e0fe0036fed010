"""From the webhook's 200 to the journey's end, against a bare signal to a bare workflow."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from statistics import median
from time import perf_counter
from typing import Any

from temporalio.client import WorkflowHandle

from benchmarks.bare import QUEUE, BareSleeper
from benchmarks.rounds import Figure, Site, side_by_side
from senda.client import Posting

TRIES = 40


async def _react(handle: WorkflowHandle[Any, Any], act: Callable[[], Awaitable[Any]]) -> float:
    """Seconds from the answer to the workflow's end; whoever waits for the end waits already."""
    done = asyncio.Event()

    async def watch() -> None:
        try:
            await handle.result()
        finally:
            done.set()

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0.02)  # until the long poll stands
    await act()
    answered = perf_counter()
    await done.wait()
    await watcher
    return perf_counter() - answered


async def floor(site: Site, number: int) -> float:
    """Median seconds from a signal's answer to a bare workflow's end."""
    prefix = secrets.token_hex(4)

    async def start(which: int) -> None:
        await site.engine.start_workflow(BareSleeper.run, id=f"hear-{prefix}-{which}", task_queue=QUEUE)

    await side_by_side(start, range(TRIES))
    await asyncio.sleep(0.5)  # their first tasks are done
    times: list[float] = []
    for which in range(TRIES):
        handle: WorkflowHandle[Any, Any] = site.engine.get_workflow_handle(f"hear-{prefix}-{which}")
        times.append(await _react(handle, lambda handle=handle: handle.signal(BareSleeper.hear)))
    return median(times)


async def product(site: Site, number: int) -> float:
    """Median seconds from the 200 of a payment that clears the account to the end of its journey."""
    creditor = await site.creditor("react")
    await site.load(creditor, TRIES)
    await asyncio.sleep(0.5)
    times: list[float] = []
    for which in range(TRIES):
        handle: WorkflowHandle[Any, Any] = site.sealed.get_workflow_handle(f"journey:{creditor}:a{which}:1")
        posting = Posting(f"{creditor}-{which}", creditor, f"a{which}", Decimal("100000.00"), "COP", datetime.now(UTC))
        times.append(await _react(handle, lambda posting=posting: site.client.pay(posting)))
    return median(times)


def figure(medians: tuple[float, float]) -> Figure:
    """Less is better: the ratio is the floor's share."""
    bare, ours = medians
    return Figure("from a payment's 200 to the journey's reaction", ours * 1000, "ms", bare * 1000, bare / ours)
