"""The bot's answers where providers fail: each at most once, in order, and no receipt of them lost."""

import asyncio

import pytest

from activities import conversing
from activities.contacting import Contacting
from senda.sandbox.entries import Entry
from tests.channels_faults.world import LOCAL_SMS, SMS, WHATSAPP, Step, Way, World, perform
from tests.eventually import assert_eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")

TALKING = (SMS, WHATSAPP, LOCAL_SMS)


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversing, "PAUSES", (0.0, 0.0))


async def written_to(world: World, way: Way) -> Step:
    """Somebody who got a message and can answer it."""
    step = await world.due(way)
    await perform(Contacting(world.ledger, lambda _: {way.channel: world.adapter(way)}), step.order)
    return step


async def writes(world: World, step: Step, text: str) -> None:
    """The person answers the first message."""
    await world.does(f"/inbox/{world.kept(step)[0].id}/reply", text=text)


def answers(world: World, step: Step) -> list[Entry]:
    """What the bot answered, as it arrived."""
    return world.kept(step)[1:]


async def replies(step: Step) -> list[tuple[str, ...]]:
    """Of each of the bot's contacts all that was told, sorted."""
    rows = await step.given.all(
        """SELECT array_agg(DISTINCT e.status ORDER BY e.status) AS told FROM contacts c
        LEFT JOIN contact_events e ON e.contact_id = c.id WHERE c.creditor = %s AND c.actor = 'bot'
        GROUP BY c.id ORDER BY c.id""",
        step.given.key,
    )
    return [tuple(each["told"]) for each in rows]


@pytest.mark.parametrize("way", TALKING, ids=str)
async def test_an_answer_whose_answer_was_lost_leaves_once_and_its_receipts_are_kept(world: World, way: Way) -> None:
    step = await written_to(world, way)
    await world.callbacks(way, "hold")
    await world.fault(way, "drop")
    await writes(world, step, "hola")
    await world.release(way)
    bots = [world.bot(), world.bot()]
    await world.answered(*bots)
    assert await replies(step) == [("unknown",)]

    await world.fault(way, "none")
    await world.answered(*bots)
    assert len(answers(world, step)) == 1
    await world.release(way)
    assert await replies(step) == [("delivered", "sent", "unknown")]


@pytest.mark.parametrize("fault", ["429", "503"])
async def test_an_answer_that_is_not_taken_at_once_leaves_once(world: World, fault: str) -> None:
    step = await written_to(world, SMS)
    await writes(world, step, "hola")
    await world.fault(SMS, fault, count=2)
    await world.answered(world.bot())
    assert len(answers(world, step)) == 1
    assert "sent" in (await replies(step))[0]


@pytest.mark.parametrize("way", TALKING, ids=str)
async def test_a_message_that_comes_twice_is_answered_once(world: World, way: Way) -> None:
    step = await written_to(world, way)
    await world.callbacks(way, "repeat")
    await writes(world, step, "hola")
    await world.answered(world.bot(), world.bot())
    assert len(answers(world, step)) == 1
    assert world.refused() == []


async def test_answers_keep_their_order_where_one_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversing, "PAUSES", (0.4, 0.4))
    step = await written_to(world, SMS)
    await world.fault(SMS, "503", count=1)
    for text in ("hola", "4567", "saldo"):
        await writes(world, step, text)
    bots = [world.bot(), world.bot()]

    async def all_there() -> None:
        await asyncio.gather(*(bot.answer_waiting() for bot in bots))
        assert len(answers(world, step)) == 3

    await assert_eventually(all_there)
    await asyncio.gather(*(bot.sent() for bot in bots))
    first, second, third = (entry.text for entry in answers(world, step))
    assert "identidad" in first
    assert "Ana" in second
    assert "100.000" in third


async def test_a_slow_provider_holds_back_nobody_elses_answer(world: World) -> None:
    slow, quick = await written_to(world, SMS), await written_to(world, WHATSAPP)
    await world.fault(SMS, "timeout")
    await writes(world, slow, "hola")
    await writes(world, quick, "hola")
    bot = world.bot()
    await bot.answer_waiting()

    async def answered() -> None:
        assert len(answers(world, quick)) == 1

    await assert_eventually(answered, seconds=5)
    assert await replies(slow) == [(None,)]
    sending = tuple(bot._sending)
    for each in sending:
        each.cancel()
    await asyncio.gather(*sending, return_exceptions=True)
