"""What people command: pause, resume, close; and what a journey refuses."""

from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from tests.workflows.billing import count_actions
from tests.workflows.world import soon_after, world
from workflows import contract


async def test_a_paused_journey_contacts_nobody_until_it_is_resumed() -> None:
    async with world() as here:
        await here.order(contract.PAUSE, here.record.pause(await here.reach(3, "12:00")))
        await here.reach(20, "12:00")
        assert len(here.record.sent) == 2

        await here.order(contract.RESUME, here.record.resume(await here.now()))
        assert await here.outcome() == "referred"

        assert [name for _, name in here.record.sent[2:]] == [f"carta@{here.due}", f"aviso-final@{here.due}"]
        assert f"aviso-2@{here.due}" in (here.record.state.done)


async def test_a_pause_with_an_end_ends_by_itself() -> None:
    async with world() as here:
        ends = here.on(5, "15:00")
        await here.order(contract.PAUSE, here.record.pause(await here.reach(3, "12:00"), ends))
        await here.outcome()

        # The step of 10:30 on that day leaves when the pause is over, not sooner.
        asked = [at for at, name in here.record.asked if name == f"aviso-2@{here.due}"]
        assert soon_after(asked, [ends])


async def test_a_payment_in_full_ends_a_paused_journey() -> None:
    async with world() as here:
        await here.order(contract.PAUSE, here.record.pause(await here.reach(3, "12:00")))
        await here.tell(here.record.pay(await here.reach(30, "12:00"), "0", None))

        assert await here.outcome() == "paid"


async def test_the_stage_goes_on_during_a_pause() -> None:
    async with world() as here:
        await here.order(contract.PAUSE, here.record.pause(await here.reach(3, "12:00")))
        await here.reach(62, "12:00")

        assert (await here.state()).stage == here.record.state.stage == "prejuridical"
        assert soon_after(here.record.reported, [here.on(61)])


async def test_people_can_close_a_journey() -> None:
    async with world() as here:
        closed = here.record.tell(await here.reach(3, "12:00"), outcome="withdrawn")
        await here.order(contract.CLOSE, closed)

        assert await here.outcome() == "withdrawn"
        assert len(here.record.sent) == 2
        assert here.record.reported == []


@pytest.mark.parametrize("command", [contract.PAUSE, contract.RESUME, contract.CLOSE])
async def test_a_command_that_is_known_is_refused_and_leaves_no_event(command: str) -> None:
    async with world() as here:
        known = here.record.pause(await here.reach(3, "12:00"))
        await here.order(contract.PAUSE, known, "pause-1")
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await here.order(command, known, "another-key")

        assert isinstance(refused.value.cause, ApplicationError)
        assert refused.value.cause.type == "known"
        events = [event.event_type for history in await here.histories() for event in history.events]
        assert events.count(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED) == 1  # the first
        assert EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_REJECTED not in events


async def test_a_command_repeated_with_its_key_counts_once() -> None:
    async with world() as here:
        pause = here.record.pause(await here.reach(3, "12:00"))
        for _ in range(3):
            await here.order(contract.PAUSE, pause, "pause-1")

        assert count_actions(await here.histories())["updates"] == 1


async def test_a_journey_that_has_ended_takes_no_command() -> None:
    async with world() as here:
        await here.order(contract.CLOSE, here.record.tell(await here.reach(3, "12:00"), outcome="withdrawn"))
        await here.outcome()

        late = here.record.state.standing.model_copy(update={"seq": 9, "at": here.on(3, "12:01")})
        with pytest.raises(RPCError):
            await here.order(contract.PAUSE, late)


async def test_a_resumed_journey_goes_on_at_the_instants_it_had() -> None:
    async with world() as here:
        await here.order(contract.PAUSE, here.record.pause(await here.reach(2, "12:00")))
        await here.order(contract.RESUME, here.record.resume(await here.reach(4, "12:00")))
        await here.outcome()

        assert here.record.sent[2][0] == here.on(5, "10:30")
        assert len(here.record.sent) == 5
        assert here.on(5, "10:30") - here.on(4, "12:00") < timedelta(days=1)
