"""Providers that are slow, down, overloaded or lose their answers: no message twice, no receipt lost."""

from datetime import timedelta

import pytest

from activities.contacting import Contacting
from channels import mail
from channels.callbacks import Provider
from channels.message import Unreachable
from journey.planning import Contact
from tests.channels_faults.world import (
    EMAIL,
    HASTY,
    LOCAL_SMS,
    OVER_HTTP,
    PATIENT,
    SMS,
    VOICE,
    WAYS,
    WHATSAPP,
    Way,
    World,
    attempt,
    perform,
)

pytestmark = pytest.mark.asyncio(loop_scope="package")


def contacting(world: World, **adapters: Provider) -> Contacting:
    """The activity with these adapters by channel."""
    return Contacting(world.ledger, lambda _: adapters)


def by(world: World, way: Way, timeout: float = PATIENT) -> Contacting:
    """The activity with one way only."""
    return contacting(world, **{way.channel: world.adapter(way, timeout)})


@pytest.fixture
def hasty_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "TIMEOUT", HASTY)


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_a_slow_provider_gets_its_message_once(world: World, way: Way) -> None:
    step = await world.due(way)
    await world.fault(way, "slow", seconds=0.2)
    acting = by(world, way)
    for _ in range(2):
        assert (await perform(acting, step.order)).status == "sent"
    assert len(world.kept(step)) == 1


UNKNOWN = [
    *((way, "timeout", 0) for way in WAYS),
    *((way, "slow", 1) for way in WAYS),
    *((way, "drop", 1) for way in WAYS),
    *((way, "500", 0) for way in OVER_HTTP),
]


@pytest.mark.parametrize(("way", "fault", "kept"), UNKNOWN, ids=str)
async def test_where_nobody_can_tell_it_is_unknown_and_not_sent_again(
    world: World, way: Way, fault: str, kept: int, hasty_mail: None
) -> None:
    step = await world.due(way, *([EMAIL] if way is not EMAIL else []))
    await world.callbacks(way, "manual")
    await world.fault(way, fault, **({"seconds": 1.5} if fault == "slow" else {}))
    acting = contacting(
        world,
        **{EMAIL.channel: world.adapter(EMAIL)},
        **({} if way is EMAIL else {way.channel: world.adapter(way, PATIENT if fault in ("drop", "500") else HASTY)}),
    )

    first = await perform(acting, step.order)
    await world.fault(way, "none")
    again = [await attempt(acting, step.order, number) for number in (2, 5)]

    assert [answer.status for answer in (first, *again)] == ["unknown"] * 3
    assert await step.statuses() == [(way.channel, "unknown")]
    assert len(world.kept(step)) == kept


NOT_NOW = [(way, fault) for way in WAYS for fault in ("429", "503", "refuse")] + [(EMAIL, "500")]


@pytest.mark.parametrize(("way", "fault"), NOT_NOW, ids=str)
async def test_what_was_certainly_not_taken_is_tried_again_and_leaves_once(world: World, way: Way, fault: str) -> None:
    step = await world.due(way)
    acting = by(world, way)
    await world.fault(way, fault)
    for number in (1, 2):
        with pytest.raises(Unreachable):
            await attempt(acting, step.order, number)
    assert world.kept(step) == []
    assert {status for _, status in await step.statuses()} <= {"failed"}

    await world.fault(way, "none")
    for number in (3, 4):
        assert (await attempt(acting, step.order, number)).status == "sent"
    assert len(world.kept(step)) == 1


@pytest.mark.parametrize(("way", "fault"), [each for each in NOT_NOW if each[0] is not EMAIL], ids=str)
async def test_the_next_channel_takes_over_at_once(world: World, way: Way, fault: str) -> None:
    step = await world.due(way, EMAIL)
    await world.fault(way, fault)
    acting = contacting(world, **{each.channel: world.adapter(each) for each in (way, EMAIL)})
    for _ in range(2):
        assert (await perform(acting, step.order, attempts=1)).status == "sent"
    assert await step.statuses() == [(way.channel, "failed"), ("email", "sent")]
    assert [entry.channel for entry in world.kept(step)] == ["email"]


async def test_a_mail_server_that_is_down_costs_no_permit_and_the_next_channel_takes_over(world: World) -> None:
    step = await world.due(EMAIL, SMS)
    await world.fault(EMAIL, "refuse")
    acting = contacting(world, email=world.adapter(EMAIL), sms=world.adapter(SMS))
    assert (await perform(acting, step.order, attempts=1)).status == "sent"
    assert [channel for channel, _ in await step.statuses()] == ["sms"]


async def test_where_all_are_down_the_step_waits_and_the_record_knows_until_when(world: World) -> None:
    step = await world.on_the_real_clock(SMS, EMAIL)
    for way in (SMS, EMAIL):
        await world.fault(way, "refuse")
    acting = contacting(world, sms=world.adapter(SMS), email=world.adapter(EMAIL))

    first = await perform(acting, step.order)
    again = await attempt(acting, step.order)
    assert [(answer.status, answer.until) for answer in (first, again)] == [("refused", first.until)] * 2
    assert world.kept(step) == []

    record = await step.given.record(step.order.journey_id)
    assert first.until is not None
    assert record.wake_at == first.until
    assert timedelta(minutes=14) < first.until - record.now <= timedelta(minutes=15)
    (fact,) = [event for event in await step.given.events("A") if event["kind"] == "step_put_off"]
    assert fact["data"]["occurrence"] == step.order.occurrence


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_a_step_that_was_put_off_leaves_once_when_its_provider_takes_messages_again(
    world: World, way: Way
) -> None:
    step = await world.due(way)
    acting = by(world, way)
    await world.fault(way, "503")
    put_off = await perform(acting, step.order)
    assert put_off.status == "refused"
    assert put_off.until is not None
    assert {status for _, status in await step.statuses()} == {"failed"}

    await world.fault(way, "none")
    await step.given.clock(put_off.until)
    for _ in range(2):
        assert (await perform(acting, step.order)).status == "sent"
    assert len(world.kept(step)) == 1


@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_a_receipt_of_a_message_whose_answer_was_lost_is_not_lost(world: World, way: Way) -> None:
    step = await world.due(way)
    await world.callbacks(way, "hold")
    await world.fault(way, "drop")
    assert (await perform(by(world, way), step.order)).status == "unknown"
    assert (await step.contact())["status"] == "unknown"

    (entry,) = world.kept(step)
    if way is VOICE:
        await world.does(f"/calls/{entry.ref}/answer")
        await world.does(f"/calls/{entry.ref}/hangup")
    elif way is EMAIL:
        await world.does(f"/inbox/{entry.id}/report", status="delivered")
    await world.release(way)

    contact = await step.contact()
    assert contact["status"] == "delivered"
    assert contact["template"]
    assert (await attempt(by(world, way), step.order, 2)).status == "sent"
    assert len(world.kept(step)) == 1


@pytest.mark.parametrize("way", [SMS, LOCAL_SMS, WHATSAPP], ids=str)
@pytest.mark.parametrize("manner", ["repeat", "reorder"])
async def test_callbacks_that_come_twice_or_in_the_wrong_order_say_the_same(
    world: World, way: Way, manner: str
) -> None:
    step = await world.due(way)
    await world.callbacks(way, manner)
    assert (await perform(by(world, way), step.order)).status == "sent"
    await step.becomes("delivered")
    await world.quiet()
    contact = await step.contact()
    assert await step.told_of(contact["id"]) == ["delivered", "sent"]
    assert contact["template"]
    assert world.refused() == []


async def test_receipts_that_are_quicker_than_the_answer_take_nothing_from_the_record(world: World) -> None:
    step = await world.due(SMS)
    await world.fault(SMS, "slow", seconds=1)
    assert (await perform(by(world, SMS), step.order)).status == "sent"
    await step.becomes("delivered")
    contact = await step.contact()
    assert contact["template"]
    assert contact["content_sha256"]


@pytest.mark.parametrize(("way", "ending"), [(SMS, "0035"), (LOCAL_SMS, "0035"), (WHATSAPP, "0404")], ids=str)
async def test_a_number_where_nobody_is_becomes_known_even_where_the_answer_was_lost(
    world: World, way: Way, ending: str
) -> None:
    step = await world.due(way, EMAIL, ending=ending)
    await world.fault(way, "drop")
    acting = contacting(world, **{each.channel: world.adapter(each) for each in (way, EMAIL)})
    assert (await perform(acting, step.order)).status == "unknown"
    await step.becomes("failed")
    assert [told.kind for told in world.engine.told if told.journey_id == step.order.journey_id] == ["again"]
    record = await step.given.record(step.order.journey_id)
    assert isinstance(record.move, Contact)
    again = step.order.model_copy(update={"occurrence": record.move.occurrence, "due": record.move.due})
    assert (await perform(acting, again)).status == "sent"
    assert [entry.channel for entry in world.kept(step)] == [way.channel, "email"]
