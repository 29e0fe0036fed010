"""Strict replay against the SDK's own replayer, on the histories of real journeys of this very run."""

from collections.abc import AsyncIterator
from time import perf_counter

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from benchmarks.rounds import Figure, Site
from compliance.histories import complete_part
from compliance.strict import replay_all
from workflows import contract
from workflows.journey import Journey

HISTORIES = 500


async def measure(site: Site) -> Figure:
    """Events a second: both replayers in turns over the same histories, sealed as they are; the better of two."""
    histories: list[WorkflowHistory] = []
    async for execution in site.sealed.list_workflows(f"WorkflowType = '{contract.JOURNEY}'", limit=HISTORIES):
        handle = site.sealed.get_workflow_handle(execution.id, run_id=execution.run_id)
        histories.append(complete_part(await handle.fetch_history()))
    events = sum(len(history.events) for history in histories)
    stock: list[float] = []
    strict: list[float] = []
    for _ in range(2):
        began = perf_counter()
        await _stock(site, histories)
        stock.append(perf_counter() - began)
        began = perf_counter()
        replayed = await replay_all(histories, site.sealed.data_converter)
        strict.append(perf_counter() - began)
        if any(one.difference for one in replayed):
            raise RuntimeError("a history differs")
    value, floor = events / min(strict), events / min(stock)
    return Figure("strict replay", value, "events/s", floor, value / floor)


async def _stock(site: Site, histories: list[WorkflowHistory]) -> None:
    replayer = Replayer(
        workflows=[Journey],
        workflow_runner=UnsandboxedWorkflowRunner(),
        data_converter=site.sealed.data_converter,
        debug_mode=True,
    )

    async def each() -> AsyncIterator[WorkflowHistory]:
        for history in histories:
            yield history

    await replayer.replay_workflows(each())
