"""A whole account replayed strictly: every run of every journey, archived or still in the engine."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from temporalio.client import Client, WorkflowHistory
from temporalio.converter import DataConverter

from compliance.archive import Run
from compliance.errors import Damaged
from compliance.rerun import rerun
from compliance.runs import check_chain, episodes, inputs_match, runs_of
from compliance.strict import Difference, clear, judged
from ledger.database import Ledger
from ledger.errors import NotFound

Answer = TypeVar("Answer")

_one_at_a_time = ThreadPoolExecutor(max_workers=1, thread_name_prefix="replay")


@dataclass(frozen=True, slots=True)
class Checked:
    """An account that was replayed. `difference`: the first one, none where everything is as it was recorded."""

    journeys: int
    runs: int
    archived: int
    events: int
    commands: int
    difference: Difference | None = None


async def check(ledger: Ledger, client: Client, creditor: str, account: str) -> Checked:
    """Replay all journeys of an account. Raises `NotFound`; what is wrong with a run is a difference."""
    found = await episodes(ledger, creditor, account)
    runs = [await runs_of(ledger, client, journey) for journey in found]
    return await aside(lambda: _check(runs, client.data_converter))


async def aside(work: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
    """Do CPU work on a thread with a loop of its own, one at a time, so that this loop goes on."""
    return await asyncio.get_running_loop().run_in_executor(_one_at_a_time, lambda: asyncio.run(work()))


async def _check(journeys: list[list[Run]], converter: DataConverter) -> Checked:
    events = commands = 0
    difference: Difference | None = None
    for runs in journeys:
        try:
            histories = await opened_runs(runs, converter)
        except (Damaged, NotFound) as error:
            run_id = (error.run_id if isinstance(error, Damaged) else None) or ""
            event = error.event if isinstance(error, Damaged) else None
            difference = difference or Difference(run_id, error.code, error.message, event)
            continue
        for run in await rerun(histories, converter):
            replayed = judged(run)
            events, commands = events + replayed.events, commands + replayed.commands
            difference = difference or replayed.difference
    every = [run for runs in journeys for run in runs]
    kept = sum(run.archived for run in every)
    return Checked(len(journeys), len(every), kept, events, commands, difference)


async def opened_runs(runs: list[Run], converter: DataConverter) -> list[WorkflowHistory]:
    """The histories of a journey's runs in the clear, as far as they are complete. Raises `Damaged`, `NotFound`."""
    check_chain(runs)
    histories: dict[str, WorkflowHistory] = {}
    for run in runs:
        try:
            histories[run.run_id] = await clear(run.history, converter)
        except Damaged as error:
            error.run_id = run.run_id
            raise
    by_id = {run.run_id: run for run in runs}
    for run in runs:
        later = by_id.get(run.next_run_id or "")
        if later is not None and not inputs_match(run, later, histories):
            text = f"run {later.run_id} did not begin with what run {run.run_id} handed on"
            raise Damaged("replay.unsound", text, event=1, run_id=later.run_id)
    return list(histories.values())
