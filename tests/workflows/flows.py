"""The main courses that a journey can take, each to its end: recorded as golden histories, and measured."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from temporalio.client import WorkflowHistory

from journey.playbook import Channel, Playbook
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


async def queued(here: World) -> None:
    """Contacts on their channel's own queue, the whole timeline; one payment on the way."""
    await here.tell(here.record.pay(await here.reach(2, "12:00"), "400000", here.due))
    await here.outcome()


async def moved(here: World) -> None:
    """A step goes elsewhere, another one finds no channel for a while, and one waits for what the policy allows."""
    here.record.dead[f"aviso-1@{here.due}"] = {"sms"}
    here.record.dead[f"aviso-2@{here.due}"] = {"sms", "email"}
    here.record.put_off[f"carta@{here.due}"] = timedelta(hours=22)
    await here.reach(5, "10:40")
    del here.record.dead[f"aviso-2@{here.due}"]
    await here.outcome()


async def returned(here: World) -> None:
    """Messages come back: a step is tried once more, and then once more."""
    for again in ((f"aviso-1@{here.due}",), (f"aviso-1@{here.due}", f"aviso-1@{here.due}~2")):
        await here.reach(1, "10:00" if len(again) == 1 else "11:00")
        await here.tell(here.record.tell(await here.now(), again=again))
        await here.handled()
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
    "queued": queued,
    "moved": moved,
    "returned": returned,
}
"""The flows whose histories are kept in `histories/`."""

QUEUED: dict[Flow, tuple[Channel, ...]] = dict.fromkeys((queued, moved, returned), ("sms", "email"))
"""Flows of journeys whose contacts run on their channel's own queue, with the channels that they use."""


async def course(flow: Flow, playbook: Playbook = PLAYBOOK) -> list[WorkflowHistory]:
    """Take a journey through a flow; returns the history of each of its runs."""
    channels = QUEUED.get(flow, ())
    if channels:
        playbook = by(channels)
    async with world(playbook, clock=CLOCK if flow is clocked else None, channels=channels) as here:
        await flow(here)
        return await here.histories()


def by(channels: tuple[Channel, ...]) -> Playbook:
    """The playbook of these flows with steps by other channels."""
    return PLAYBOOK.model_copy(
        update={
            "stages": tuple(
                plan.model_copy(
                    update={"steps": tuple(step.model_copy(update={"channels": channels}) for step in plan.steps)}
                )
                for plan in PLAYBOOK.stages
            )
        }
    )


async def typical_course(*channels: Channel) -> tuple[World, list[WorkflowHistory]]:
    """The typical journey under the playbook that Senda comes with; on queues of these channels, if any."""
    async with world(STANDARD, channels=channels) as here:
        await typical(here)
        return here, await here.histories()
