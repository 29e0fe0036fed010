"""Late interest of the day: each account once, with its formula, again where a ceiling was loaded since."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from journey.money import MoneyRules
from ledger.accruing import accrue_due
from ledger.creditors import creditor, put_creditor
from ledger.reference_values import ReferenceValue, put_values
from tests.ledger.given import Given, local, row

INTEREST: dict[str, Any] = {"rates": [{"since": "2026-01-01", "annual": "0.365"}], "kind": "nominal"}
"""A thousand a day on a million."""
PAST_DUE = ("1", "2026-02-01", "1000000")


async def bears(given: Given, **changes: Any) -> None:
    """The creditor's settings with late interest, in Peru, whose pack asks for no ceiling."""
    kept = await creditor(given.ledger, given.key)
    values = {name: getattr(kept, name) for name in ("name", "pack", "currency", "playbook", "test_clock", "time_zone")}
    money = MoneyRules.model_validate({"interest": {**INTEREST, **changes}})
    await put_creditor(given.ledger, given.key, **{**values, "pack": "PE", "money": money})


@pytest.fixture
async def given(given: Given) -> Given:
    """Account A owes a million since 1 February; it is the morning of the 4th."""
    await bears(given)
    await given.imported(row("A", PAST_DUE))
    await given.clock(local(date(2026, 2, 4), 8))
    return given


async def accrues(given: Given, **changes: Any) -> int:
    return await accrue_due(given.ledger, given.key, **changes)


async def interest(given: Given, account: str = "A") -> list[dict[str, Any]]:
    """The postings of interest of an account, in order."""
    query = "SELECT * FROM postings WHERE account_id = %s AND kind = 'interest' ORDER BY id"
    return await given.all(query, await given.number(account))


async def test_the_days_up_to_today_are_posted_once(given: Given) -> None:
    assert await accrues(given) == 1
    assert await given.balance("A") == 1_003_000
    assert await accrues(given) == 0
    assert len(await interest(given)) == 1


async def test_every_day_adds_what_it_costs(given: Given) -> None:
    for day in range(4, 8):
        await given.clock(local(date(2026, 2, day), 23))
        await accrues(given)
    assert [each["amount"] for each in await interest(given)] == [3_000, 1_000, 1_000, 1_000]


async def test_a_posting_names_formula_and_inputs(given: Given) -> None:
    await accrues(given)
    (posted,) = await interest(given)
    assert (posted["component"], posted["about"]["month"]) == ("interest", "2026-02-01")
    (span,) = posted["about"]["spans"]
    assert span["formula"] == "principal * annual / 365 * days"
    assert (span["annual"], span["days"], span["after"], span["through"]) == ("0.365", "3", "2026-02-01", "2026-02-04")
    assert (Decimal(span["principal"]), Decimal(span["amount"])) == (1_000_000, 3_000)


async def test_the_journey_is_not_told_each_day(given: Given) -> None:
    before = (await given.record(given.journey("A"))).state.standing.seq
    await accrues(given)
    assert (await given.record(given.journey("A"))).state.standing.seq == before


async def test_a_creditor_without_interest_posts_none(given: Given) -> None:
    kept = await creditor(given.ledger, given.key)
    values = {name: getattr(kept, name) for name in ("name", "pack", "currency", "playbook", "test_clock", "time_zone")}
    await put_creditor(given.ledger, given.key, **values)
    assert await accrues(given) == 0
    assert await interest(given) == []


async def test_only_open_principal_that_is_past_due_bears(given: Given) -> None:
    await given.imported(row("B", ("1", "2026-02-01", "1000")), row("C", ("1", "2026-02-04", "1000")))
    await given.pays("B", "1000", paid_at=local(date(2026, 2, 1), 12))
    for day in (4, 5):
        await given.clock(local(date(2026, 2, day), 8))
        await accrues(given)
    assert [len(await interest(given, account)) for account in "ABC"] == [2, 0, 1]


async def test_a_payment_ends_it(given: Given) -> None:
    await accrues(given)
    await given.pays("A", "1003000", paid_at=local(date(2026, 2, 4), 9))
    await given.clock(local(date(2026, 2, 9), 8))
    assert await accrues(given) == 0
    assert await given.balance("A") == 0


async def test_accounts_are_found_page_by_page(given: Given) -> None:
    await given.imported(*(row(f"P{number}", PAST_DUE) for number in range(5)))
    assert await accrues(given, limit=2) == 6
    assert await accrues(given, limit=2) == 0


async def test_the_local_day_decides(given: Given) -> None:
    """In Bogotá it is still the 4th at 04:59 UTC of the 5th."""
    await given.clock(local(date(2026, 2, 5), 0) - timedelta(seconds=1))
    await accrues(given)
    assert await given.balance("A") == 1_003_000


class TestACeiling:
    @pytest.fixture
    def key(self) -> str:
        """The key of ceilings of the test's own."""
        return f"T{uuid4().hex[:10]}.usury"

    async def loads(self, given: Given, key: str, value: str) -> None:
        """A ceiling of February."""
        await put_values(given.ledger, [ReferenceValue(key, date(2026, 2, 1), Decimal(value), "resolución")], "Luisa")

    async def test_that_is_not_known_stops_it_and_once_known_it_is_made_up_for(self, given: Given, key: str) -> None:
        """The ceiling of 25 % costs 611.54 a day on a million."""
        await bears(given, ceiling=key)
        assert await accrues(given) == 0
        await self.loads(given, key, "0.25")
        assert await accrues(given) == 1
        assert await given.balance("A") == Decimal("1001834.62")
        assert await accrues(given) == 0
        (posted,) = await interest(given)
        assert (
            posted["about"]["spans"][0].items() >= {"ceiling": key, "capped": "yes", "annual": "0.2500000000"}.items()
        )

    async def test_that_is_corrected_puts_right_what_accrued(self, given: Given, key: str) -> None:
        await bears(given, ceiling=key)
        await self.loads(given, key, "0.9")
        await accrues(given)
        assert await given.balance("A") == 1_003_000
        await self.loads(given, key, "0.25")
        await accrues(given)
        assert await given.balance("A") == Decimal("1001834.62")
        assert [each["amount"] for each in await interest(given)] == [3_000, Decimal("-1165.38")]

    async def test_that_is_corrected_reaches_accounts_that_have_paid(self, given: Given, key: str) -> None:
        await bears(given, ceiling=key)
        await self.loads(given, key, "0.9")
        await given.pays("A", "1003000", paid_at=local(date(2026, 2, 4), 9))
        assert await given.balance("A") == 0
        await accrues(given)
        await self.loads(given, key, "0.25")
        await accrues(given)
        assert await given.balance("A") == Decimal("-1165.38")

    async def test_of_somebody_else_changes_nothing(self, given: Given, key: str) -> None:
        await accrues(given)
        await self.loads(given, key, "0.25")
        assert await accrues(given) == 0
        assert len(await interest(given)) == 1
