"""Money that is known late or that makes no sense at first: found by the random sequences of `test_ledger_model.py`."""

import asyncio
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from journey.interest import InterestRules, Rate
from journey.money import MoneyRules
from ledger.book import owed_now
from ledger.creditors import creditor, put_creditor
from ledger.statements import Asked, statement
from tests.ledger.agreed import Agreed
from tests.ledger.given import START, Given, local, row

DAY = timedelta(days=1)
PAST_DUE = ("1", "2026-01-23", "100000")


async def with_interest(given: Given, rules: InterestRules | None) -> None:
    """A thousandth a day, in Peru, whose pack asks for no ceiling."""
    kept = await creditor(given.ledger, given.key)
    values = {name: getattr(kept, name) for name in ("name", "currency", "playbook", "test_clock", "time_zone")}
    money = MoneyRules(interest=rules)
    await put_creditor(given.ledger, given.key, **values, pack="PE", money=money)


RULES = InterestRules(rates=(Rate(since=date(2026, 1, 1), annual=Decimal("0.365")),), kind="nominal")


async def totals(given: Given, **when: Any) -> dict[str, str]:
    found = await statement(given.ledger, Asked(given.key, "A", **when))
    return {name: found[name] for name in ("balance", "interest")}


class TestMoreTakenBackThanThereWas:
    async def test_is_not_forgotten_while_it_changes_nothing(self, given: Given) -> None:
        """Two refunds of 60 000 take 100 000; of both a part comes back, first one that is swallowed."""
        await given.imported(row("A", PAST_DUE))
        name = given.key
        await given.pays("A", "100000", id=f"{name}:p")
        for number in ("r1", "r2"):
            await given.reverses("A", f"{name}:p", "60000", kind="refund", id=f"{name}:{number}")
        swallowed = await given.reverses("A", f"{name}:r1", "10000", id=f"{name}:w1")
        assert (swallowed.status, await given.balance("A")) == ("applied", 100_000)
        await given.reverses("A", f"{name}:r2", "20000", id=f"{name}:w2")
        assert await given.balance("A") == 90_000
        again = await given.reverses("A", f"{name}:r1", "10000", id=f"{name}:w3")
        assert (again.status, await given.balance("A")) == ("applied", 80_000)
        assert (await owed_now(given.ledger, name, "A")).balance == 80_000
        assert (await totals(given))["balance"] == "80000.00"

    async def test_is_kept_once_although_no_money_moved(self, given: Given) -> None:
        await given.imported(row("A", PAST_DUE))
        await given.pays("A", "100000", id=f"{given.key}:p")
        for number in ("r1", "r2"):
            await given.reverses("A", f"{given.key}:p", "60000", id=f"{given.key}:{number}")
        await given.reverses("A", f"{given.key}:r1", "10000", id=f"{given.key}:w")
        await given.pays("A", "1000")
        (journey,) = [each for each in await given.journeys("A") if each["episode"] == 1]
        told = [each["kind"] for each in await given.events("A") if each["kind"] in ("payment", "reversal")]
        assert (journey["outcome"], told) == ("paid", ["payment"])
        posted = await given.all(
            "SELECT payment_id, sum(amount) AS amount FROM postings WHERE account_id = %s AND kind = 'reversal' "
            "GROUP BY 1 ORDER BY 1",
            await given.number("A"),
        )
        assert [each["amount"] for each in posted] == [60_000, 40_000, 0]


class TestAPaymentThatIsDatedAhead:
    async def test_counts_from_when_it_was_told(self, given: Given) -> None:
        """Two clocks differ: nobody pays tomorrow."""
        await with_interest(given, RULES)
        await given.imported(row("A", PAST_DUE))
        await given.pays("A", "101000", paid_at=START + 40 * DAY)
        assert await totals(given) == {"balance": "0.00", "interest": "0.00"}
        await given.clock(START + 20 * DAY)
        assert (await owed_now(given.ledger, given.key, "A")).balance == 0
        assert await totals(given) == {"balance": "0.00", "interest": "0.00"}

    async def test_keeps_a_promise(self, given: Given) -> None:
        await given.imported(row("A", PAST_DUE))
        await Agreed(given).promises("A", "50000", "2026-02-04")
        await given.pays("A", "50000", paid_at=START + 40 * DAY)
        assert await Agreed(given).statuses("promise") == ["kept"]


class TestInterestThatACreditorGivesUp:
    async def test_accrues_no_more_and_what_accrued_stays_owed(self, given: Given) -> None:
        await with_interest(given, RULES)
        await given.imported(row("A", PAST_DUE))
        assert (await owed_now(given.ledger, given.key, "A")).balance == 101_000
        await with_interest(given, None)
        await given.clock(START + 10 * DAY)
        assert (await owed_now(given.ledger, given.key, "A")).balance == await given.balance("A") == 101_000
        await given.pays("A", "101000", paid_at=START + 10 * DAY)
        assert await given.balance("A") == 0
        assert await given.open_dues("A") == {}


class TestAPromiseOfAnEarlierJourney:
    async def test_is_open_again_once_its_payment_is_taken_back_in_the_next_one(self, given: Given) -> None:
        account = row("A", PAST_DUE)
        await given.imported(account)
        await given.clock(local(date(2026, 2, 2), 8))
        await Agreed(given).promises("A", "100000", "2026-02-10")
        await given.pays("A", "100000", id=f"{given.key}:p", paid_at=local(date(2026, 2, 2), 8))
        account["dues"].append({"key": "2", "due_date": "2026-01-30", "amount": "50000"})
        await given.imported(account)
        assert (await Agreed(given).statuses("promise"), len(await given.journeys("A"))) == (["kept"], 2)
        await given.reverses("A", f"{given.key}:p", "100000", kind="chargeback")
        assert await Agreed(given).statuses("promise") == ["open"]
        record = await given.record(given.journey("A", 2))
        assert [hold.ends for hold in record.state.standing.holds] == [local(date(2026, 2, 12), 0)]


class TestAStatement:
    async def test_that_is_read_while_payments_come_shows_all_or_nothing_of_each(self, given: Given) -> None:
        await given.imported(row("A", PAST_DUE))
        reading = True

        async def reads() -> int:
            number = 0
            while reading:
                found = await statement(given.ledger, Asked(given.key, "A"))
                assert Decimal(found["balance"]) == sum(Decimal(line["amount"]) for line in found["lines"])
                number += 1
            return number

        readers = [asyncio.create_task(reads()) for _ in range(3)]
        for _ in range(40):
            await given.pays("A", "1000")
        reading = False
        assert min(await asyncio.gather(*readers)) > 0
