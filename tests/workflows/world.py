"""One journey on the time-skipping engine: the real workflow, sandbox and codec, and the record's double behind it."""

import sys
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle, WorkflowHistory, WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from journey.planning import Contact, Move, Wait, entry
from journey.playbook import Channel, Playbook
from journey.state import JourneyState, Standing, Terms
from policy import local_date, local_instant
from tests.eventually import assert_eventually
from tests.journey.cases import ALWAYS, ZONE, book, step
from tests.workflows.record_double import RecordDouble
from worker import runner
from workflows import contract
from workflows.codec import data_converter
from workflows.contract import Tell, Tick, Ticked
from workflows.journey import Journey

KEY = "tests:" + "c2VuZGEgZ29sZGVuIGhpc3RvcmllcywgMzIgYnl0ZXM="
"""A key for tests alone: it seals the golden histories, so that they can be read again."""

CONVERTER = data_converter([KEY])
SERVER = Path(sys.executable).parent / "temporal-test-server"
BALANCE = Decimal("987654.32")

PLAYBOOK = book(
    step("recordatorio", -3, "09:00"),
    step("aviso-1", 1, "09:00"),
    step("aviso-2", 5, "10:30"),
    step("carta", 61, "09:00"),
    step("aviso-final", 75, "10:00"),
)
"""Five steps in the three stages; the second and third stage start with a step on their first day."""


TAKEN = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
}
"""What a workflow is told, and that it has taken it in."""


def soon_after(found: Sequence[datetime], expected: Sequence[datetime]) -> bool:
    """Whether each instant is the expected one, or follows it within the time that the machine takes."""
    return len(found) == len(expected) and all(
        timedelta(0) <= one - other < timedelta(seconds=10) for one, other in zip(found, expected, strict=True)
    )


def channel_workers(client: Client, channels: Collection[Channel], contact: Callable[..., object]) -> list[Worker]:
    """A worker for the contacts of each channel, as the real worker has them."""
    return [Worker(client, task_queue=contract.channel_queue(channel), activities=[contact]) for channel in channels]


@dataclass
class World:
    """The engine, the record and the journey between them. Its due date lies six days after the engine's start."""

    environment: WorkflowEnvironment
    record: RecordDouble
    due: date
    handle: WorkflowHandle[Any, Any]
    cached: int
    channels: tuple[Channel, ...] = ()
    workers: list[Worker] = field(default_factory=list[Worker])

    def on(self, day: int, at: str = "00:00") -> datetime:
        """The instant of a local time on a day past due."""
        return local_instant(self.due + timedelta(days=day), time.fromisoformat(at), ZONE)

    async def now(self) -> datetime:
        """The engine's time."""
        return await self.environment.get_current_time()

    async def reach(self, day: int, at: str = "00:00") -> datetime:
        """Let time pass until an instant; the journey does what is due before it. Returns the instant."""
        instant = self.on(day, at)
        await self.environment.sleep(instant - await self.now())
        return instant

    async def start_worker(self) -> None:
        """Start a worker: a new process, for all that the journey can tell."""
        common = Worker(
            self.environment.client,
            task_queue=contract.QUEUE,
            workflows=[Journey],
            activities=[self.record.contact, self.record.report],
            workflow_runner=runner(),
            max_cached_workflows=self.cached,
        )
        self.workers = [common, *channel_workers(self.environment.client, self.channels, self.record.contact)]
        for worker in self.workers:
            await worker.__aenter__()

    async def stop_worker(self) -> None:
        """End the worker; the engine lives on."""
        for worker in self.workers:
            await worker.__aexit__(None, None, None)

    async def tell(self, standing: Standing) -> None:
        """The signal that follows a payment."""
        await self.handle.signal(contract.FACT, Tell(standing=standing))

    async def order(self, command: str, standing: Standing, key: str | None = None) -> None:
        """The update that follows a command."""
        await self.handle.execute_update(command, Tell(standing=standing), id=key)  # pyright: ignore[reportUnknownMemberType]

    async def tick(self, at: datetime) -> bool:
        """Tick the test clock once; whether the journey settled within its run."""
        self.record.clock = at
        ticked: Ticked = await self.handle.execute_update(  # pyright: ignore[reportUnknownMemberType]
            contract.TICK, Tick(at=at), result_type=Ticked
        )
        return ticked.settled

    async def advance(self, to: datetime) -> None:
        """Advance the test clock as `activities.clock` does: from one due instant to the next, until settled."""
        while (at := wake_at(self.record.move)) is not None and at <= to:
            while (due := wake_at(self.record.move)) is not None and due <= at:
                with suppress(WorkflowUpdateFailedError):  # the run ended while the tick waited: the next one answers
                    await self.tick(at)
        self.record.clock = to

    async def state(self) -> JourneyState:
        """What the workflow knows."""
        return await self.handle.query(contract.STATE, result_type=JourneyState)

    async def handled(self) -> None:
        """Wait until the workflow has taken in all that reached it (a query would hang where the run just ends)."""

        async def check() -> None:
            kinds = [event.event_type for event in (await self.histories())[-1].events]
            taken = [kind for kind in kinds if kind in TAKEN]
            assert taken[-1:] == [EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED]

        await assert_eventually(check)

    async def sent(self, number: int) -> None:
        """Wait until so many contacts have left."""

        async def check() -> None:
            assert len(self.record.sent) >= number

        await assert_eventually(check)

    async def outcome(self) -> str:
        """Let time pass to the journey's end."""
        return await self.handle.result()

    async def ended_at(self) -> datetime:
        """When the last run ended."""
        last = (await self.histories())[-1].events[-1]
        return last.event_time.ToDatetime(UTC)

    async def histories(self) -> list[WorkflowHistory]:
        """The history of each run, from the first on, opened by nobody yet: its payloads are sealed."""
        found: list[WorkflowHistory] = []
        run_id = self.handle.first_execution_run_id
        while run_id:
            handle = self.environment.client.get_workflow_handle(self.handle.id, run_id=run_id)
            found.append(await handle.fetch_history())
            last = found[-1].events[-1]
            run_id = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        return found


def wake_at(move: Move) -> datetime | None:
    """When the record has something to do next."""
    match move:
        case Wait(until=until):
            return until
        case Contact(due=due):
            return due
        case _:
            return None


@asynccontextmanager
async def world(
    playbook: Playbook = PLAYBOOK,
    *,
    first_day: int | None = None,
    clock: datetime | None = None,
    cached: int = 10,
    channels: tuple[Channel, ...] = (),
) -> AsyncGenerator[World]:
    """A fresh engine with one journey that starts at the playbook's first day (or `first_day` past due).

    With a `clock`, a journey of a creditor with a test clock that stands there, six days before the due date.
    The worker keeps `cached` journeys in memory; with none, each of its tasks replays the whole history.
    With `channels` the journey is one whose contacts run on their channel's queue, and these have workers.
    """
    async with await WorkflowEnvironment.start_time_skipping(
        data_converter=CONVERTER, identity="tests", test_server_existing_path=str(SERVER)
    ) as environment:
        due = local_date(clock or await environment.get_current_time(), ZONE) + timedelta(days=6)
        opened = entry(playbook, ZONE, due)
        if first_day is not None:
            opened = local_instant(due + timedelta(days=first_day), time(), ZONE)
        terms = Terms(creditor="banco", account="C-77001", episode=1, currency="COP", playbook=playbook, hours=ALWAYS)
        standing = Standing(seq=0, at=opened, balance=BALANCE, oldest_due=due)
        state = JourneyState(standing=standing, since=opened)
        record = RecordDouble(terms, state, clock and opened, channel_queues=bool(channels))
        if clock is None:
            await environment.sleep(opened - await environment.get_current_time())
        handle = await environment.client.start_workflow(
            contract.JOURNEY, record.start, id=terms.journey_id, task_queue=contract.QUEUE, result_type=str
        )
        here = World(environment, record, due, handle, cached, channels)
        await here.start_worker()
        try:
            yield here
        finally:
            await here.stop_worker()
