"""When an account's journey opens, by itself and by command, and when none does."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest

from ledger.opening import due_to_enter, not_launched, open_journeys
from tests.ledger.given import START, Given, local, ndjson, playbook, row

DAY = timedelta(days=1)


def one_line() -> AsyncIterator[bytes]:
    return ndjson([row("A", ("1", "2026-02-01", "100000"))])


async def test_an_account_within_the_timeline_opens_with_the_import(given: Given) -> None:
    await given.imported(row("A", ("1", "2026-02-05", "100000")))
    (journey,) = await given.journeys("A")
    assert (journey["id"], journey["stage"], journey["opened_at"]) == (given.journey("A"), "preventive", START)
    assert (journey["due_date"], journey["opening_balance"]) == (date(2026, 2, 5), 100000)


async def test_an_account_that_is_not_due_yet_enters_at_the_start_of_its_day(given: Given) -> None:
    await given.imported(row("A", ("1", "2026-02-20", "100000")))
    assert await given.journeys("A") == []
    await given.lives(START + 30 * DAY)
    (journey,) = await given.journeys("A")
    assert journey["opened_at"] == local(date(2026, 2, 15), 0)


async def test_an_account_that_is_paid_before_its_day_never_enters(given: Given) -> None:
    await given.imported(row("A", ("1", "2026-02-20", "100000")))
    await given.pays("A", "100000")
    await given.lives(START + 90 * DAY)
    assert await given.journeys("A") == []


async def test_without_a_preventive_stage_an_account_enters_on_its_first_day_past_due(given: Given) -> None:
    stages = [{"stage": "administrative", "from_day": 1}]
    late = await Given(given.ledger).set_up(playbook(f"{given.key}-late", stages=stages))
    await late.imported(row("A", ("1", "2026-02-05", "100000")), row("B", ("1", "2026-02-05", "100000")))
    await late.lives(local(date(2026, 2, 5), 23))
    await late.pays("B", "100000")
    await late.lives(local(date(2026, 2, 6), 0))
    assert [journey["opened_at"] for journey in await late.journeys("A")] == [local(date(2026, 2, 6), 0)]
    assert await late.journeys("B") == []


async def test_the_next_due_after_a_cure_is_a_new_episode(given: Given) -> None:
    await given.imported(row("A", ("1", "2026-02-01", "100000"), ("2", "2026-03-01", "100000")))
    await given.pays("A", "100000")
    await given.lives(START + 40 * DAY)
    first, second = await given.journeys("A")
    assert (first["outcome"], second["episode"]) == ("cured", 2)
    assert second["opened_at"] == local(date(2026, 2, 24), 0)


async def test_an_account_below_the_playbooks_minimum_opens_none(given: Given) -> None:
    await given.imported(row("A", ("1", "2026-02-01", "999.99")))
    assert await given.opened([await given.number("A")]) == []
    await given.lives(START + 20 * DAY)
    assert await given.journeys("A") == []


async def test_an_account_that_owes_nothing_opens_none(given: Given) -> None:
    await given.imported(row("A"))
    assert await given.opened([await given.number("A")]) == []


async def test_opening_the_same_account_many_times_at_once_opens_one(given: Given) -> None:
    await given.merged(await given.received(one_line()))
    number = await given.number("A")
    opened = await asyncio.gather(*(open_journeys(given.ledger, [number]) for _ in range(8)))
    assert [len(launches) for launches in opened].count(1) == 1
    assert len(await given.journeys("A")) == 1


async def test_a_journey_that_was_opened_and_never_launched_is_found(given: Given) -> None:
    await given.merged(await given.received(one_line()))
    await open_journeys(given.ledger, [await given.number("A")])
    assert given.journey("A") in await not_launched(given.ledger, timedelta(0), 1000)


async def test_accounts_of_an_import_under_way_do_not_enter_by_themselves(given: Given) -> None:
    """Their journeys start at the import's own rate."""
    await given.merged(await given.received(one_line()))
    assert await due_to_enter(given.ledger, given.key, 10) == []


async def test_a_timeline_of_ten_years_opens(given: Given) -> None:
    book = playbook(f"{given.key}-long", ends={"day": 3650, "outcome": "written_off"})
    long = await Given(given.ledger).set_up(book)
    await long.imported(row("A", ("1", "2026-02-01", "100000")))
    assert len(await long.journeys("A")) == 1


@pytest.mark.parametrize(("day", "balance"), [("2026-02-01", "100000"), ("2026-02-05", "5000")])
async def test_the_opening_is_the_first_fact(given: Given, day: str, balance: str) -> None:
    await given.imported(row("A", ("1", day, balance)))
    first = (await given.events("A"))[0]
    assert (first["kind"], first["at"], first["data"]["due_date"]) == ("started", START, day)


async def test_a_step_that_an_earlier_episode_contacted_is_not_repeated_after_a_reversal(given: Given) -> None:
    await given.imported(row("A", ("1", "2026-02-01", "100000")))
    await given.lives(local(date(2026, 2, 2), 10))
    await given.pays("A", "100000", id=f"{given.key}:paid")
    await given.reverses("A", f"{given.key}:paid", "100000")
    await given.lives(local(date(2026, 2, 5), 10))
    _, second = await given.journeys("A")
    assert (second["episode"], second["closed"]) == (2, False)
    assert [contact["step"] for contact in await given.decisions("A")] == ["aviso-1"]
