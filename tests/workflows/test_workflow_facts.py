"""What a journey hears of payments: at once, once, in any order, and around the change of a run."""

import asyncio
from datetime import timedelta

from temporalio.api.enums.v1 import EventType

from tests.workflows.billing import count_actions
from tests.workflows.flows import CLOCK
from tests.workflows.world import soon_after, world


async def test_a_payment_in_full_ends_the_journey_at_once() -> None:
    async with world() as here:
        paid = await here.reach(3, "12:00")
        await here.tell(here.record.pay(paid, "0", None))

        assert await here.outcome() == "paid"
        assert [name for _, name in here.record.sent] == [f"recordatorio@{here.due}", f"aviso-1@{here.due}"]
        assert soon_after([await here.ended_at()], [paid])


async def test_what_a_payment_ended_is_not_reported_back_to_the_record() -> None:
    async with world() as here:
        await here.tell(here.record.pay(await here.reach(3, "12:00"), "0", None))
        await here.outcome()

        assert here.record.reported == []


async def test_signals_repeated_and_out_of_order_change_nothing_more() -> None:
    async with world() as here:
        paid = await here.reach(3, "12:00")
        first, second, third = (here.record.pay(paid, balance, here.due) for balance in ("900000", "800000", "700000"))
        for fact in (second, first, third, third, second, first):
            await here.tell(fact)
        await here.handled()

        assert await here.state() == here.record.state
        assert await here.outcome() == "referred"
        assert len(here.record.sent) == 5


async def test_a_small_payment_wakes_the_journey_without_a_new_timer() -> None:
    async with world() as here:
        for day in (6, 7, 8):
            fact = here.record.pay(await here.reach(day, "12:00"), f"{90 - day}0000", here.due)
            await here.tell(fact)
            await here.handled()
        await here.outcome()

        actions = count_actions(await here.histories())
        assert actions["signals"] == 3
        assert actions["timers"] == 8  # five contacts, the end, and two wakings after thirty days


async def test_when_the_oldest_due_is_paid_the_steps_count_from_the_next() -> None:
    async with world() as here:
        second = here.due + timedelta(days=1)
        fact = here.record.pay(await here.reach(3, "12:00"), "500000", second)
        await here.tell(fact)
        await here.outcome()

        assert here.record.sent[2:4] == [
            (here.on(6, "10:30"), f"aviso-2@{second}"),
            (here.on(62, "09:00"), f"carta@{second}"),
        ]


async def test_a_reversal_moves_the_journey_on_to_its_stage() -> None:
    async with world() as here:
        second = here.due + timedelta(days=41)
        paid = here.record.pay(await here.reach(45, "12:00"), "500000", second)
        await here.tell(paid)
        await here.handled()
        back = here.record.pay(await here.reach(70, "12:00"), "900000", here.due)
        await here.tell(back)
        await here.handled()

        assert (await here.state()).stage == "prejuridical"
        assert await here.outcome() == "referred"
        names = [name for _, name in here.record.sent]
        assert names == [
            f"recordatorio@{here.due}",
            f"aviso-1@{here.due}",
            f"aviso-2@{here.due}",
            f"aviso-2@{second}",  # the day after the payment
            f"aviso-final@{here.due}",  # the letter's day has passed
        ]


async def test_a_payment_that_the_engine_has_not_heard_of_stops_the_contact() -> None:
    async with world() as here:
        here.record.pay(await here.reach(4, "12:00"), "0", None)  # its signal is lost

        assert await here.outcome() == "paid"
        assert f"aviso-2@{here.due}" in [name for _, name in here.record.asked]
        assert f"aviso-2@{here.due}" not in [name for _, name in here.record.sent]


async def test_a_new_due_date_that_the_engine_has_not_heard_of_is_learnt_with_the_contact() -> None:
    async with world() as here:
        second = here.due + timedelta(days=2)
        here.record.pay(await here.reach(4, "12:00"), "500000", second)  # its signal is lost
        await here.outcome()

        assert here.record.sent[2:3] == [(here.on(7, "10:30"), f"aviso-2@{second}")]


async def test_no_signal_is_lost_around_the_change_of_a_run() -> None:
    async with world(clock=CLOCK) as here:
        told = 0
        for day in (1, 61):
            await here.advance(here.on(day) - timedelta(minutes=1))
            at = here.on(day, "09:00")
            facts = [here.record.pay(here.on(day), str(900000 - told - number), here.due) for number in range(40)]
            told += len(facts)
            await asyncio.gather(
                *(here.tell(fact) for fact in facts[:20]), here.advance(at), *map(here.tell, facts[20:])
            )
            await here.handled()
            await here.advance(at)

        signals = [
            event
            for history in await here.histories()
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
        ]
        assert len(signals) == told == 80
        assert (await here.state()).standing.balance == 900000 - 79
        assert len(await here.histories()) == 3
