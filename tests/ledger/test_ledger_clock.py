"""A creditor's test clock goes forward only, and one hand at a time moves it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from ledger.clock import advancing, next_instant, set_clock
from ledger.creditors import put_creditor
from ledger.errors import Conflict, NotFound
from tests.ledger.given import START, Given, ndjson, row

DAY = timedelta(days=1)
PAST_DUE = ("1", "2026-02-01", "100000")


async def code_of_advancing(given: Given, to: datetime = START + DAY, key: str | None = None) -> str:
    with pytest.raises((Conflict, NotFound)) as refused:
        async with advancing(given.ledger, key or given.key, to):
            pass
    return refused.value.code


async def test_backwards_is_a_conflict(given: Given) -> None:
    assert await code_of_advancing(given, START - DAY) == "clock.backwards"


async def test_to_the_same_instant_is_allowed(given: Given) -> None:
    async with advancing(given.ledger, given.key, START):
        pass


async def test_the_clock_never_goes_back(given: Given) -> None:
    await set_clock(given.ledger, given.key, START - DAY)
    found = await given.one("SELECT test_clock FROM creditors WHERE key = %s", given.key)
    assert found["test_clock"] == START


async def test_an_unknown_creditor_has_no_clock(given: Given) -> None:
    assert await code_of_advancing(given, key="nobody") == "creditor.unknown"


async def test_the_real_clock_cannot_be_advanced(given: Given) -> None:
    real = await Given(given.ledger).set_up(at=None)
    assert await code_of_advancing(real) == "clock.real"


async def test_two_cannot_advance_it_at_once(given: Given) -> None:
    async with advancing(given.ledger, given.key, START + DAY):
        assert await code_of_advancing(given) == "clock.busy"
    async with advancing(given.ledger, given.key, START + DAY):
        pass


async def test_it_stands_while_an_import_is_under_way(given: Given) -> None:
    import_id = await given.received(ndjson([row("A", PAST_DUE)]))
    assert await code_of_advancing(given) == "clock.importing"
    await given.finished(import_id)
    async with advancing(given.ledger, given.key, START + DAY):
        pass


async def test_the_next_instant_is_the_first_of_journeys_and_entries(given: Given) -> None:
    assert await next_instant(given.ledger, given.key) is None
    await given.imported(row("A", ("1", "2026-02-20", "100000")))
    assert await next_instant(given.ledger, given.key) == START + 13 * DAY
    await given.imported(row("B", PAST_DUE))
    assert await next_instant(given.ledger, given.key) == START + timedelta(hours=9)


class TestACreditorsSettings:
    async def put(self, given: Given, **changes: Any) -> None:
        found = await given.one("SELECT * FROM creditors WHERE key = %s", given.key)
        values = {name: found[name] for name in ("name", "pack", "currency", "playbook", "test_clock", "time_zone")}
        await put_creditor(given.ledger, given.key, **{**values, **changes})

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"currency": "USD"}, "creditor.currency_fixed"),
            ({"test_clock": None}, "creditor.clock_fixed"),
            ({"test_clock": START + DAY}, "creditor.clock_fixed"),
        ],
    )
    async def test_that_open_journeys_hang_on_are_fixed(
        self, given: Given, changes: dict[str, object], code: str
    ) -> None:
        await given.imported(row("A", PAST_DUE))
        with pytest.raises(Conflict) as refused:
            await self.put(given, **changes)
        assert refused.value.code == code

    async def test_may_change_otherwise(self, given: Given) -> None:
        await given.imported(row("A", PAST_DUE))
        await self.put(given, name="Otro nombre")

    async def test_of_the_clock_never_go_back(self, given: Given) -> None:
        with pytest.raises(Conflict) as refused:
            await self.put(given, test_clock=START - DAY)
        assert refused.value.code == "clock.backwards"
