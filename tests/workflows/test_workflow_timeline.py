"""A journey's whole timeline on the engine: contacts at their instants, stages as runs of their own, the end."""

from datetime import timedelta

from temporalio.api.enums.v1 import EventType

from tests.journey.cases import book, step
from tests.workflows.world import soon_after, world
from workflows import contract


async def test_a_journey_nobody_pays_runs_its_timeline_and_is_referred() -> None:
    async with world() as here:
        assert await here.outcome() == "referred"

        assert here.record.sent == [
            (here.on(-3, "09:00"), f"recordatorio@{here.due}"),
            (here.on(1, "09:00"), f"aviso-1@{here.due}"),
            (here.on(5, "10:30"), f"aviso-2@{here.due}"),
            (here.on(61, "09:00"), f"carta@{here.due}"),
            (here.on(75, "10:00"), f"aviso-final@{here.due}"),
        ]
        assert here.record.state.outcome == "referred"


async def test_each_contact_is_asked_for_once_and_when_it_falls_due() -> None:
    async with world() as here:
        await here.outcome()

        assert soon_after([at for at, _ in here.record.asked], [due for due, _ in here.record.sent])


async def test_each_stage_is_a_run_of_its_own() -> None:
    async with world() as here:
        await here.outcome()
        histories = await here.histories()

        assert len(histories) == 3
        last = [history.events[-1].event_type for history in histories]
        assert last == [
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
            EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
        ]


async def test_what_a_run_knew_the_next_one_knows() -> None:
    async with world() as here:
        await here.reach(1, "12:00")
        await here.sent(2)

        known = await here.state()

        assert known.stage == "administrative"
        assert known.done == (f"recordatorio@{here.due}", f"aviso-1@{here.due}")
        assert known.standing == here.record.state.standing


async def test_the_record_hears_of_the_end_that_time_alone_brought() -> None:
    async with world() as here:
        await here.outcome()

        # Each stage starts with a contact, whose transaction brings the record up to date: only the end is reported.
        assert soon_after(here.record.reported, [here.on(120)])


async def test_the_record_hears_of_a_stage_that_starts_without_a_contact() -> None:
    playbook = book(step("recordatorio", -3, "09:00"), step("aviso-1", 2, "09:00"), step("carta", 65, "09:00"))
    async with world(playbook) as here:
        await here.outcome()

        assert soon_after(here.record.reported, [here.on(1), here.on(61), here.on(120)])


async def test_a_sleeper_wakes_at_least_every_thirty_days() -> None:
    async with world() as here:
        await here.outcome()
        sleeps = [
            event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
            for history in await here.histories()
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED
        ]

        assert max(sleeps) == timedelta(days=30)


async def test_queries_tell_what_the_journey_knows() -> None:
    async with world() as here:
        await here.reach(2, "12:00")
        fact = here.record.pay(await here.now(), "500000", here.due)
        await here.tell(fact)
        await here.handled()

        assert await here.handle.query(contract.APPLIED, result_type=int) == 1
        assert await here.state() == here.record.state
