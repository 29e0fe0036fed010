"""A provider that fails again and again is left in peace: steps go elsewhere at once, one probe finds out."""

import asyncio
from dataclasses import dataclass

import pytest

from activities.contacting import Contacting
from channels.breaker import FAILURES, SHORTEST, Breaker, Guarded
from channels.message import Unreachable
from tests.channels_faults.world import EMAIL, HASTY, SMS, VOICE, Step, World, attempt, perform

pytestmark = pytest.mark.asyncio(loop_scope="package")


@dataclass
class Clock:
    """A clock that stands still unless it is moved."""

    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Around:
    """SMS behind a breaker with a clock of its own, e-mail beside it."""

    world: World
    clock: Clock
    acting: Contacting

    @classmethod
    def of(cls, world: World, timeout: float = 8.0) -> "Around":
        clock = Clock()
        sms, email = Guarded(world.adapter(SMS, timeout), Breaker(clock)), world.adapter(EMAIL)
        return cls(world, clock, Contacting(world.ledger, lambda _: {"sms": sms, "email": email}))

    async def performed(self) -> Step:
        """One more step by SMS, else by e-mail."""
        step = await self.world.due(SMS, EMAIL)
        await perform(self.acting, step.order, attempts=1)
        return step

    async def opened(self) -> None:
        """The provider failed until the breaker was open."""
        await self.world.fault(SMS, "503")
        for _ in range(FAILURES):
            step = await self.performed()
            assert await step.statuses() == [("sms", "failed"), ("email", "sent")]


async def test_after_five_failures_steps_go_to_the_next_channel_without_trying(world: World) -> None:
    around = Around.of(world)
    await around.opened()
    await world.fault(SMS, "none")
    for _ in range(2):
        step = await around.performed()
        assert await step.statuses() == [("email", "sent")]


async def test_answers_that_do_not_come_open_it_too(world: World) -> None:
    around = Around.of(world, HASTY)
    await world.fault(SMS, "timeout")
    steps = [await world.due(SMS, EMAIL) for _ in range(FAILURES)]
    answers = await asyncio.gather(*(perform(around.acting, step.order, attempts=1) for step in steps))
    assert {answer.status for answer in answers} == {"unknown"}
    assert await (await around.performed()).statuses() == [("email", "sent")]


async def test_where_there_is_no_other_channel_a_step_waits_and_no_permit_is_wasted(world: World) -> None:
    around = Around.of(world)
    await around.opened()
    step = await world.due(SMS)
    with pytest.raises(Unreachable):
        await attempt(around.acting, step.order)
    assert await step.statuses() == []


async def test_after_its_pause_one_probe_closes_it(world: World) -> None:
    around = Around.of(world)
    await around.opened()
    await world.fault(SMS, "none")
    around.clock.at += SHORTEST
    for _ in range(2):
        assert [channel for channel, _ in await (await around.performed()).statuses()] == ["sms"]


async def test_a_probe_that_fails_doubles_the_pause(world: World) -> None:
    around = Around.of(world)
    await around.opened()
    around.clock.at += SHORTEST
    assert await (await around.performed()).statuses() == [("sms", "failed"), ("email", "sent")]
    await world.fault(SMS, "none")
    around.clock.at += 2 * SHORTEST - 0.1
    assert await (await around.performed()).statuses() == [("email", "sent")]
    around.clock.at += 0.1
    assert [channel for channel, _ in await (await around.performed()).statuses()] == ["sms"]


async def test_a_step_that_sends_nothing_does_not_use_up_the_probe(world: World) -> None:
    around = Around.of(world)
    await around.opened()
    await world.fault(SMS, "none")
    around.clock.at += SHORTEST
    step = await world.due(SMS, EMAIL)
    of = "SELECT p.key FROM people p JOIN journeys j ON j.person_id = p.id WHERE j.id = %s"
    person = await step.given.one(of, step.order.journey_id)
    await step.given.says(person["key"], {("channel", "sms"): "revoked"})
    await perform(around.acting, step.order, attempts=1)
    assert [channel for channel, _ in await step.statuses()] == ["email"]
    assert [channel for channel, _ in await (await around.performed()).statuses()] == ["sms"]


async def test_a_provider_that_refuses_one_message_is_well(world: World) -> None:
    around = Around.of(world)
    for _ in range(FAILURES + 1):
        step = await world.due(SMS, EMAIL, ending="0404")
        await perform(around.acting, step.order, attempts=1)
        assert await step.statuses() == [("sms", "failed"), ("email", "sent")]


async def test_each_provider_has_a_breaker_of_its_own(world: World) -> None:
    around = Around.of(world)
    await around.opened()
    await world.fault(SMS, "none")
    call = await world.due(VOICE)
    voice = Guarded(world.adapter(VOICE), Breaker(around.clock))
    assert (await perform(Contacting(world.ledger, lambda _: {"call": voice}), call.order)).status == "sent"
