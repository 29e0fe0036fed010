"""Journeys under a test clock: the clock's word instead of timers, everything else the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from temporalio.client import WorkflowUpdateFailedError

from journey.state import Standing
from tests.workflows.billing import count_actions
from tests.workflows.flows import CLOCK
from tests.workflows.world import World, world
from workflows import contract


@pytest.fixture
async def here() -> AsyncIterator[World]:
    """A journey of a creditor whose clock stands in February 2026; each of its tasks replays what was before."""
    async with world(clock=CLOCK, cached=0) as opened:
        yield opened


async def test_nothing_happens_while_the_clock_stands(here: World) -> None:
    assert await here.tick(here.on(-5, "12:00"))

    assert here.record.asked == []


async def test_a_tick_is_answered_once_all_that_is_due_was_done(here: World) -> None:
    assert await here.tick(here.on(-3, "09:00"))

    assert here.record.sent == [(here.on(-3, "09:00"), f"recordatorio@{here.due}")]


async def test_the_clock_advanced_over_the_whole_timeline_gives_every_contact_its_own_instant(here: World) -> None:
    await here.advance(here.on(130))

    assert here.record.sent == [
        (here.on(-3, "09:00"), f"recordatorio@{here.due}"),
        (here.on(1, "09:00"), f"aviso-1@{here.due}"),
        (here.on(5, "10:30"), f"aviso-2@{here.due}"),
        (here.on(61, "09:00"), f"carta@{here.due}"),
        (here.on(75, "10:00"), f"aviso-final@{here.due}"),
    ]
    assert here.record.asked == here.record.sent
    assert here.record.state.outcome == "referred"
    assert await here.outcome() == "referred"


async def test_no_timer_is_ever_armed(here: World) -> None:
    await here.advance(here.on(130))

    assert count_actions(await here.histories())["timers"] == 0


async def test_a_tick_that_changes_the_stage_asks_for_another_one(here: World) -> None:
    await here.advance(here.on(-1))

    assert not await here.tick(here.on(1, "09:00"))
    assert await here.tick(here.on(1, "09:00"))
    assert [name for _, name in here.record.sent] == [f"recordatorio@{here.due}", f"aviso-1@{here.due}"]


async def test_the_clock_does_not_go_back(here: World) -> None:
    await here.advance(here.on(-1))
    sent = list(here.record.sent)

    assert await here.tick(here.on(-4))
    assert here.record.sent == sent


async def test_a_payment_counts_at_the_clocks_instant(here: World) -> None:
    paid = here.on(3, "12:00")
    await here.advance(paid)
    await here.tell(here.record.pay(paid, "0", None))

    assert await here.outcome() == "paid"
    assert here.record.state.since == paid


async def test_a_fact_that_comes_before_its_tick_moves_the_journeys_time_along(here: World) -> None:
    # The record's clock is set first, the journey is ticked afterwards: a payment may come in between.
    await here.advance(here.on(2))
    at = here.on(5, "10:30")
    here.record.clock = at
    fact = here.record.pay(at, "500000", here.due)
    await here.tell(fact)
    await here.sent(3)

    assert here.record.sent[-1] == (at, f"aviso-2@{here.due}")
    assert await here.tick(at)


async def test_a_paused_journey_settles_at_once(here: World) -> None:
    await here.advance(here.on(2))
    await here.order(contract.PAUSE, here.record.pause(here.on(2)))
    await here.advance(here.on(40))

    assert len(here.record.sent) == 2
    assert await here.tick(here.on(40) + timedelta(hours=1))


async def test_two_ticks_at_once_are_both_answered(here: World) -> None:
    at = here.on(-3, "09:00")

    assert await asyncio.gather(here.tick(at), here.tick(at)) == [True, True]
    assert len(here.record.sent) == 1


async def test_a_journey_that_wakes_two_stages_late_contacts_once_and_in_the_right_stage(here: World) -> None:
    await here.advance(here.on(0, "12:00"))
    late = here.on(61, "11:00")
    while not await here.tick(late):
        pass

    assert here.record.asked[1:] == [(late, f"carta@{here.due}")]
    assert [name for _, name in here.record.sent[1:]] == [f"carta@{here.due}"]


async def both_at_once(here: World, at: datetime, told: Standing) -> None:
    """The worker, away until now, hears of a fact and of the time that passed since in one and the same task."""
    await here.stop_worker()
    ticking = asyncio.create_task(here.tick(at))
    await here.tell(told)
    await here.start_worker()
    with suppress(WorkflowUpdateFailedError):
        await ticking


async def test_an_end_that_time_brought_is_reported_though_a_late_fact_is_heard_with_it(here: World) -> None:
    await here.advance(here.on(119, "12:00"))
    paid = here.record.pay(here.on(119, "23:00"), "500000", here.due)
    await both_at_once(here, here.on(120, "08:00"), paid)

    assert await here.outcome() == "referred"
    assert here.record.state.outcome == "referred"


async def test_a_stage_that_time_brought_is_reported_though_a_late_fact_is_heard_with_it(here: World) -> None:
    await here.advance(here.on(60, "12:00"))
    paid = here.record.pay(here.on(60, "23:00"), "500000", here.due)
    await both_at_once(here, here.on(61, "08:00"), paid)
    await here.handled()

    assert here.record.state.stage == "prejuridical"


async def test_an_outage_holds_the_clock_up_and_costs_no_step(here: World) -> None:
    # The clock stands still meanwhile: were the step put off by a quarter of an hour, that would never come.
    name = f"recordatorio@{here.due}"
    here.record.down[name] = 7
    ticking = asyncio.create_task(here.tick(here.on(-3, "09:00")))
    await here.environment.sleep(timedelta(minutes=5))  # the engine's time, in which the activity is tried again

    assert await ticking
    assert here.record.sent == [(here.on(-3, "09:00"), name)]
