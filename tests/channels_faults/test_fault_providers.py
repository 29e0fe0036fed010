"""Providers that are slow, down, overloaded or lose their answers: no message twice, no receipt lost."""

import pytest

from activities.contacting import Contacting
from channels import mail
from channels.callbacks import Provider
from channels.message import Unreachable
from tests.channels_faults.world import (
    EMAIL,
    HASTY,
    OVER_HTTP,
    PATIENT,
    WAYS,
    Step,
    Way,
    World,
    attempt,
    perform,
)

IMPATIENT = ("timeout", "slow-for-ever")


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
    await world.fault(way, fault, **({"seconds": 3} if fault == "slow" else {}))
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
async def test_what_was_certainly_not_taken_is_tried_again_and_leaves_once(
    world: World, way: Way, fault: str
) -> None:
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
