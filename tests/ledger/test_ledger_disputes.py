"""Disputes: nobody is contacted until people resolve them; money does not move."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from ledger.errors import Conflict, NotFound
from ledger.opening import due_to_enter
from ledger.views import journey
from tests.ledger.agreed import Agreed
from tests.ledger.given import START, Given, local, row

DAY = timedelta(days=1)


@pytest.fixture
async def given(given: Given) -> Given:
    """With account A, which owes 100 000; its notices fall due on 2, 6 and 13 February."""
    await given.imported(row("A", ("1", "2026-02-01", "100000")))
    return given


@pytest.fixture
def agreed(given: Given) -> Agreed:
    return Agreed(given)


async def status(given: Given) -> str:
    found = await journey(given.ledger, given.key, "A")
    assert found is not None
    return found["status"]


async def test_a_dispute_keeps_everybody_silent_without_end(given: Given, agreed: Agreed) -> None:
    await agreed.disputes("A", "not_mine")
    assert await given.lives(local(date(2026, 5, 20), 0)) == []
    assert await status(given) == "paused"


async def test_resolved_the_journey_goes_on_where_it_belongs(given: Given, agreed: Agreed) -> None:
    number = await agreed.disputes("A")
    await given.lives(local(date(2026, 2, 6), 8))
    await agreed.resolves("A", number)
    assert await status(given) == "active"
    await given.lives(local(date(2026, 2, 6), 12))
    assert [each["step"] for each in await given.decisions("A")] == ["aviso-5"]


@pytest.mark.parametrize("outcome", ["upheld", "rejected", "withdrawn"])
async def test_no_outcome_moves_money(given: Given, agreed: Agreed, outcome: str) -> None:
    await agreed.resolves("A", await agreed.disputes("A"), outcome)  # type: ignore[arg-type]
    assert await given.balance("A") == Decimal(100000)
    (dispute,) = await agreed.shown_disputes()
    assert (dispute["status"], dispute["resolved_by"], dispute["resolved_at"]) == (outcome, "Luisa", START)


async def test_its_facts_name_reason_and_outcome(given: Given, agreed: Agreed) -> None:
    number = await agreed.disputes("A", "already_paid", origin="bot")
    await agreed.resolves("A", number, "upheld")
    facts = [(each["kind"], each["data"]) for each in await given.events("A") if each["kind"].startswith("dispute")]
    assert facts == [
        ("dispute_opened", {"dispute": number, "reason": "already_paid", "origin": "bot"}),
        ("dispute_resolved", {"dispute": number, "outcome": "upheld"}),
    ]


async def test_a_second_one_is_a_conflict_until_the_first_is_resolved(given: Given, agreed: Agreed) -> None:
    number = await agreed.disputes("A")
    with pytest.raises(Conflict) as refused:
        await agreed.disputes("A")
    assert refused.value.code == "dispute.open"
    await agreed.resolves("A", number)
    await agreed.disputes("A")
    assert [each["status"] for each in await agreed.shown_disputes()] == ["rejected", "open"]
    assert [each["status"] for each in await agreed.shown_disputes(status="open")] == ["open"]


async def test_it_is_resolved_once(given: Given, agreed: Agreed) -> None:
    number = await agreed.disputes("A")
    await agreed.resolves("A", number, key=f"{given.key}:r")
    await agreed.resolves("A", number, key=f"{given.key}:r")
    with pytest.raises(Conflict) as refused:
        await agreed.resolves("A", number, "upheld")
    assert refused.value.code == "dispute.resolved"
    assert await agreed.facts("A", "dispute") == ["dispute_opened", "dispute_resolved"]


async def test_the_same_command_again_is_the_same_dispute(given: Given, agreed: Agreed) -> None:
    first = await agreed.disputes("A", key=f"{given.key}:d")
    assert await agreed.disputes("A", key=f"{given.key}:d") == first
    assert len(await agreed.shown_disputes()) == 1


async def test_it_is_the_accounts_own(given: Given, agreed: Agreed) -> None:
    await given.imported(row("B", ("1", "2026-02-01", "100000")))
    with pytest.raises(NotFound) as refused:
        await agreed.resolves("B", await agreed.disputes("A"))
    assert refused.value.code == "dispute.unknown"


async def test_it_may_be_said_while_a_promise_is_open(given: Given, agreed: Agreed) -> None:
    await agreed.promises("A", "50000", "2026-02-04")
    number = await agreed.disputes("A")
    assert await status(given) == "paused"
    await agreed.resolves("A", number)
    assert await status(given) == "promise"


async def test_it_outlives_a_cure_and_holds_the_next_journey(given: Given, agreed: Agreed) -> None:
    number = await agreed.disputes("A")
    await given.pays("A", "100000", id=f"{given.key}-p")
    await given.reverses("A", f"{given.key}-p", "100000")
    await given.opened(await due_to_enter(given.ledger, given.key, 10))
    assert (await status(given), await given.lives(START + 20 * DAY)) == ("paused", [])
    await agreed.resolves("A", number)
    assert await status(given) == "active"


async def test_it_may_be_resolved_after_the_journey_ended(given: Given, agreed: Agreed) -> None:
    number = await agreed.disputes("A")
    await given.closes("A", "withdrawn")
    await agreed.resolves("A", number, "upheld")
    assert await agreed.facts("A", "dispute") == ["dispute_opened", "dispute_resolved"]


async def test_without_an_open_journey_there_is_nothing_to_dispute(given: Given, agreed: Agreed) -> None:
    await given.closes("A", "withdrawn")
    with pytest.raises(Conflict, match="no open journey"):
        await agreed.disputes("A")
