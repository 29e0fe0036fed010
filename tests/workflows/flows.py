"""The main courses that a journey can take, each to its end: recorded as golden histories, and measured."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from temporalio.client import WorkflowHistory

from journey.playbook import Playbook
from tests.journey.cases import STANDARD
from tests.workflows.world import PLAYBOOK, World, world
from workflows import contract

Flow = Callable[[World], Awaitable[object]]

CLOCK = datetime(2026, 2, 23, 15, 0, tzinfo=UTC)


async def referred(here: World) -> None:
    """Nobody pays: the whole timeline."""
    await here.outcome()


async def paid(here: World) -> None:
    """A part is paid, then all of it."""
    await here.tell(here.record.pay(await here.reach(2, "12:00"), "400000", here.due))
    await here.tell(here.record.pay(await here.reach(6, "12:00"), "0", None))
    await here.outcome()


async def cured(here: World) -> None:
    """What was past due is paid, the next instalment is not due yet."""
    await here.tell(here.record.pay(await here.reach(3, "12:00"), "400000", here.due + timedelta(days=30)))
    await here.outcome()


async def paused(here: World) -> None:
    """People pause, a step's day passes, they resume; then all is paid."""
    await here.order(contract.PAUSE, here.record.pause(await here.reach(3, "12:00")), "pause-1")
    await here.order(contract.RESUME, here.record.resume(await here.reach(20, "12:00")), "resume-2")
    await here.tell(here.record.pay(await here.reach(62, "12:00"), "0", None))
    await here.outcome()


async def closed(here: World) -> None:
    """People end the journey."""
    await here.order(contract.CLOSE, here.record.tell(await here.reach(3, "12:00"), outcome="withdrawn"), "close-1")
    await here.outcome()


async def reversed_(here: World) -> None:
    """The oldest due is paid, the payment goes back: the journey comes to its stage at once."""
    await here.tell(here.record.pay(await here.reach(45, "12:00"), "500000", here.due + timedelta(days=41)))
    await here.handled()
    await here.tell(here.record.pay(await here.reach(70, "12:00"), "900000", here.due))
    await here.outcome()


async def troubled(here: World) -> None:
    """A refusal, an answer that is lost, an outage, a payment of which the engine has not heard."""
    here.record.put_off[f"recordatorio@{here.due}"] = timedelta(hours=22)
    here.record.lost.add(f"aviso-1@{here.due}")
    here.record.down[f"aviso-2@{here.due}"] = 5
    await here.reach(6, "12:00")
    here.record.pay(here.on(6, "12:00"), "0", None)
    await here.outcome()


async def clocked(here: World) -> None:
    """The same timeline under a test clock, with a payment on the way."""
    await here.advance(here.on(4))
    await here.tell(here.record.pay(here.on(4), "400000", here.due))
    await here.handled()
    await here.advance(here.on(130))
    await here.outcome()


async def typical(here: World) -> None:
    """Twelve contacts, three payments, a pause and its end, three stages: what the budget is measured by."""
    await here.tell(here.record.pay(await here.reach(7, "12:00"), "600000", here.due))
    await here.order(contract.PAUSE, here.record.pause(await here.reach(12, "12:00")), "pause-2")
    await here.order(contract.RESUME, here.record.resume(await here.reach(16, "12:00")), "resume-3")
    await here.tell(here.record.pay(await here.reach(70, "12:00"), "300000", here.due))
    await here.tell(here.record.pay(await here.reach(110, "12:00"), "0", None))
    await here.outcome()


GOLDEN: dict[str, Flow] = {
    "referred": referred,
    "paid": paid,
    "cured": cured,
    "paused": paused,
    "closed": closed,
    "reversed": reversed_,
    "troubled": troubled,
    "clocked": clocked,
}
"""The flows whose histories are kept in `histories/`."""


async def course(flow: Flow, playbook: Playbook = PLAYBOOK) -> list[WorkflowHistory]:
    """Take a journey through a flow; returns the history of each of its runs."""
    async with world(playbook, clock=CLOCK if flow is clocked else None) as here:
        await flow(here)
        return await here.histories()


async def typical_course() -> tuple[World, list[WorkflowHistory]]:
    """The typical journey under the playbook that Senda comes with."""
    async with world(STANDARD) as here:
        await typical(here)
        return here, await here.histories()
