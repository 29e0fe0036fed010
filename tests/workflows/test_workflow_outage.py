"""Refusals, outages and lost answers: a step is tried again later, never again and again, and never twice."""

from datetime import timedelta

from tests.journey.cases import book, step
from tests.workflows.world import PLAYBOOK, soon_after, world

ATTEMPTS = 5
"""Attempts of one activity."""

TRIES = timedelta(seconds=1 + 3 + 9 + 27)
"""How long they take."""


async def test_a_refused_step_is_asked_for_again_when_the_policy_allows_it() -> None:
    async with world() as here:
        name = f"aviso-1@{here.due}"
        here.record.put_off[name] = timedelta(hours=22)
        await here.outcome()

        asked = [at for at, asked_for in here.record.asked if asked_for == name]
        assert soon_after(asked, [here.on(1, "09:00"), here.on(2, "07:00")])
        assert (here.on(2, "07:00"), name) in here.record.sent


async def test_a_step_refused_until_the_next_one_is_overtaken() -> None:
    async with world() as here:
        name = f"aviso-1@{here.due}"
        here.record.put_off[name] = timedelta(days=5)
        await here.outcome()

        assert [asked_for for _, asked_for in here.record.asked].count(name) == 1
        assert name not in [sent for _, sent in here.record.sent]
        assert name in here.record.state.done


async def test_an_activity_that_fails_for_good_is_tried_again_a_quarter_of_an_hour_later() -> None:
    async with world() as here:
        name = f"aviso-1@{here.due}"
        here.record.down[name] = ATTEMPTS
        await here.outcome()

        asked = [at for at, asked_for in here.record.asked if asked_for == name]
        again = here.on(1, "09:15") + TRIES
        assert len(asked) == ATTEMPTS + 1
        assert soon_after(asked[-1:], [again])
        assert soon_after([at for at, sent in here.record.sent if sent == name], [again])


async def test_an_outage_that_passes_is_not_noticed() -> None:
    async with world() as here:
        name = f"aviso-1@{here.due}"
        here.record.down[name] = ATTEMPTS - 1
        await here.outcome()

        assert (here.on(1, "09:00"), name) in here.record.sent


async def test_an_outage_past_midnight_costs_the_step_and_nothing_else() -> None:
    # The record holds the step's day for over, the workflow has put the step off to the next day.
    late = book(step("aviso-1", 1, "23:50"), step("aviso-2", 5, "09:00"))
    async with world(late, first_day=1) as here:
        here.record.down[f"aviso-1@{here.due}"] = ATTEMPTS
        await here.outcome()

        asked = [name for _, name in here.record.asked]
        assert asked == [f"aviso-1@{here.due}"] * (ATTEMPTS + 1) + [f"aviso-2@{here.due}"]
        assert here.record.sent == [(here.on(5, "09:00"), f"aviso-2@{here.due}")]


async def test_a_refusal_whose_answer_was_lost_is_heard_by_the_next_try() -> None:
    async with world() as here:
        name = f"aviso-1@{here.due}"
        here.record.put_off[name] = timedelta(hours=22)
        here.record.lost.add(name)
        await here.outcome()

        asked = [at for at, asked_for in here.record.asked if asked_for == name]
        assert soon_after(asked, [here.on(1, "09:00"), here.on(1, "09:00") + timedelta(seconds=1), here.on(2, "07:00")])
        assert [sent for _, sent in here.record.sent].count(name) == 1


async def test_a_contact_whose_answer_was_lost_does_not_leave_twice() -> None:
    async with world() as here:
        name = f"aviso-1@{here.due}"
        here.record.lost.add(name)
        await here.outcome()

        assert [asked for _, asked in here.record.asked].count(name) == 2
        assert [sent for _, sent in here.record.sent].count(name) == 1


async def test_a_record_that_wants_something_else_is_not_asked_again_and_again() -> None:
    async with world() as here:
        here.record.contrary = 3
        await here.reach(-2, "12:00")

        asked = [at for at, _ in here.record.asked]
        quarters = [here.on(-3, "09:00") + timedelta(minutes=15 * number) for number in range(4)]
        assert soon_after(asked, quarters)
        assert await here.outcome() == "referred"
        assert len(here.record.sent) == sum(len(stage.steps) for stage in PLAYBOOK.stages)
