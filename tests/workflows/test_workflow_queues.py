"""A contact runs on the queue of the channel that sends it: one provider's outage holds up its own channel alone."""

from datetime import timedelta

from temporalio.api.enums.v1 import EventType

from tests.workflows.flows import CLOCK, by
from tests.workflows.world import World, channel_workers, soon_after, world
from workflows import contract

BOTH = by(("sms", "email"))
SMS, EMAIL = "senda-sms", "senda-email"


def queues(here: World, step: str) -> list[str]:
    """The queues on which a step was asked for, in order."""
    return [queue for queue, name in here.record.queues if name == f"{step}@{here.due}"]


def sent(here: World, step: str) -> int:
    """How often a step was sent."""
    return [name for _, name in here.record.sent].count(f"{step}@{here.due}")


async def test_a_contact_runs_on_the_queue_of_its_steps_first_channel() -> None:
    async with world(BOTH, channels=("sms", "email")) as here:
        assert await here.outcome() == "referred"
        assert {queue for queue, _ in here.record.queues} == {SMS}
        assert len(here.record.sent) == len(here.record.queues) == 5


async def test_a_journey_from_before_the_queues_keeps_to_the_common_one() -> None:
    async with world(BOTH) as here:
        assert await here.outcome() == "referred"
        assert {queue for queue, _ in here.record.queues} == {contract.QUEUE}


async def test_only_contacts_leave_the_common_queue() -> None:
    async with world(BOTH, channels=("sms", "email")) as here:
        await here.outcome()
        scheduled = [
            (
                event.activity_task_scheduled_event_attributes.activity_type.name,
                event.activity_task_scheduled_event_attributes.task_queue.name,
            )
            for history in await here.histories()
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        ]
        assert set(scheduled) == {(contract.CONTACT, SMS), (contract.REPORT, contract.QUEUE)}


async def test_a_step_that_another_channel_sends_moves_to_that_queue() -> None:
    async with world(BOTH, channels=("sms", "email")) as here:
        here.record.dead[f"aviso-1@{here.due}"] = {"sms"}
        await here.outcome()
        assert queues(here, "aviso-1") == [SMS, EMAIL]
        assert queues(here, "aviso-2") == [SMS], "the next step begins with its first channel again"
        assert (sent(here, "aviso-1"), len(here.record.sent)) == (1, 5)


async def test_a_step_that_no_channel_takes_is_put_off_and_begins_with_its_first_channel_again() -> None:
    async with world(BOTH, channels=("sms", "email")) as here:
        here.record.dead[f"aviso-1@{here.due}"] = {"sms", "email"}
        await here.reach(1, "09:10")
        assert queues(here, "aviso-1") == [SMS, *[EMAIL] * contract.ATTEMPTS]
        here.record.dead.clear()
        await here.outcome()
        assert queues(here, "aviso-1") == [SMS, *[EMAIL] * contract.ATTEMPTS, SMS]
        last = [at for at, name in here.record.asked if name == f"aviso-1@{here.due}"][-1]
        tries = timedelta(seconds=1 + 3 + 9 + 27)
        assert soon_after([last], [here.on(1, "09:20") + tries])
        assert sent(here, "aviso-1") == 1


async def test_a_step_that_is_sent_to_and_fro_waits_instead() -> None:
    async with world(BOTH, channels=("sms", "email")) as here:
        here.record.astray = 3
        await here.reach(-3, "09:10")
        assert queues(here, "recordatorio") == [SMS, EMAIL, SMS]
        await here.outcome()
        asked = [at for at, name in here.record.asked if name == f"recordatorio@{here.due}"]
        assert soon_after(asked[-1:], [here.on(-3, "09:15")])
        assert sent(here, "recordatorio") == 1


async def test_the_queues_outlive_a_change_of_stage() -> None:
    async with world(BOTH, channels=("sms", "email")) as here:
        await here.outcome()
        assert len(await here.histories()) == 3
        assert queues(here, "recordatorio") == queues(here, "carta") == [SMS]


async def test_a_fact_is_heard_while_a_step_waits_for_its_channels_worker() -> None:
    """Nobody works on text messages: the payment is heard, and what is sent is asked of the record anew."""
    async with world(BOTH, channels=("email",)) as here:
        due = await here.reach(-3, "09:00")
        await here.tell(here.record.pay(due, "0", None))
        await here.handled()
        (late,) = channel_workers(here.environment.client, ("sms",), here.record.contact)
        async with late:
            assert await here.outcome() == "paid"
        assert here.record.sent == []


async def test_a_step_opened_again_is_performed_once_more_under_its_new_name() -> None:
    async with world(BOTH, channels=("sms", "email")) as here:
        name = f"aviso-1@{here.due}"
        await here.reach(1, "10:00")
        await here.sent(2)
        back = here.record.tell(await here.now(), again=(name,))
        for _ in range(3):
            await here.tell(back)
        await here.outcome()
        assert [each for _, each in here.record.sent].count(name) == 1
        assert [each for _, each in here.record.sent].count(f"{name}~2") == 1
        assert len(here.record.sent) == 6


async def test_a_step_opened_again_after_its_day_is_not_sent_late() -> None:
    async with world(BOTH, channels=("sms", "email")) as here:
        name = f"aviso-1@{here.due}"
        await here.reach(2, "10:00")
        await here.tell(here.record.tell(await here.now(), again=(name,)))
        await here.outcome()
        assert f"{name}~2" not in [each for _, each in here.record.sent]
        assert f"{name}~2" in here.record.state.done


async def test_under_a_test_clock_contacts_run_on_their_channels_queue_as_well() -> None:
    async with world(BOTH, clock=CLOCK, channels=("sms", "email")) as here:
        here.record.dead[f"aviso-2@{here.due}"] = {"sms"}
        await here.advance(here.on(130))
        assert await here.outcome() == "referred"
        assert (queues(here, "aviso-1"), queues(here, "aviso-2")) == ([SMS], [SMS, EMAIL])
