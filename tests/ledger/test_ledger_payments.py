"""Payments count once, go to the oldest due, wait for their account, and come back when reversed."""

import asyncio
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from psycopg import Rollback

from ledger.payments import Posted
from ledger.views import list_payments
from policy.errors import SendaError
from tests.eventually import assert_eventually
from tests.ledger.given import Given, local, row

TWO_DUES = (("1", "2026-02-01", "100000"), ("2", "2026-03-01", "100000"))


async def lock_waits(given: Given) -> int:
    query = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return (await given.one(query))["n"]


async def someone_waits(given: Given) -> None:
    assert await lock_waits(given) == 1


async def ended_or_waits(given: Given, task: "asyncio.Task[Any]") -> None:
    assert task.done() or await lock_waits(given) == 2


async def test_a_part_pays_the_oldest_due_first(given: Given) -> None:
    await given.imported(row("A", *TWO_DUES))
    assert (await given.pays("A", "130000")).status == "applied"
    assert await given.open_dues("A") == {"2": Decimal(70000)}
    assert await given.balance("A") == 70000


async def test_a_payment_told_twice_counts_once(given: Given) -> None:
    await given.imported(row("A", *TWO_DUES))
    answers = [(await given.pays("A", "50000", id=f"{given.key}:same")).status for _ in range(2)]
    assert answers == ["applied", "duplicate"]
    assert await given.balance("A") == 150000


async def test_a_payment_told_many_times_at_once_counts_once(given: Given) -> None:
    await given.imported(row("A", *TWO_DUES))
    answers = await asyncio.gather(*(given.pays("A", "50000", id=f"{given.key}:same") for _ in range(8)))
    assert sorted(answer.status for answer in answers) == ["applied"] + ["duplicate"] * 7
    assert await given.balance("A") == 150000


async def test_the_same_number_from_another_processor_is_another_payment(given: Given) -> None:
    await given.imported(row("A", *TWO_DUES))
    for processor in ("generic", "another"):
        assert (await given.pays("A", "50000", id=f"{given.key}:same", processor=processor)).status == "applied"
    assert await given.balance("A") == 100000


async def test_many_payments_at_once_are_all_allocated(given: Given) -> None:
    await given.imported(row("A", *TWO_DUES))
    await asyncio.gather(*(given.pays("A", "17000") for _ in range(10)))
    assert await given.balance("A") == 30000
    assert await given.open_dues("A") == {"2": Decimal(30000)}


async def test_what_is_paid_too_much_stays_as_credit_without_a_due(given: Given) -> None:
    await given.imported(row("A", *TWO_DUES))
    await given.pays("A", "250000")
    credit = await given.one(
        "SELECT sum(amount) AS sum FROM postings WHERE account_id = %s AND due_id IS NULL", await given.number("A")
    )
    assert credit["sum"] == -50000
    assert await given.balance("A") == -50000
    assert await given.open_dues("A") == {}


async def test_a_payment_of_everything_ends_the_journey_as_paid(given: Given) -> None:
    await given.imported(row("A", *TWO_DUES))
    posted = await given.pays("A", "200000")
    assert posted.told is not None
    (journey,) = await given.journeys("A")
    assert (journey["closed"], journey["outcome"], journey["wake_at"]) == (True, "paid", None)


async def test_a_payment_of_what_is_past_due_ends_the_journey_as_cured(given: Given) -> None:
    await given.imported(row("A", *TWO_DUES))
    await given.pays("A", "100000")
    (journey,) = await given.journeys("A")
    assert (journey["closed"], journey["outcome"]) == (True, "cured")


async def test_a_part_leaves_the_journey_open_and_tells_it(given: Given) -> None:
    await given.imported(row("A", *TWO_DUES))
    posted = await given.pays("A", "60000")
    assert posted.told is not None
    assert posted.told.standing.balance == 140000
    assert posted.told.standing.oldest_due == date(2026, 2, 1)
    (journey,) = await given.journeys("A")
    assert journey["closed"] is False


async def test_a_payment_in_another_currency_is_refused_and_nothing_is_written(given: Given) -> None:
    await given.imported(row("A", *TWO_DUES))
    with pytest.raises(SendaError) as refused:
        await given.pays("A", "100", currency="USD")
    assert refused.value.code == "payment.currency_mismatch"
    assert await given.all("SELECT FROM payments WHERE creditor = %s", given.key) == []
    assert await given.balance("A") == 200000


class TestAPaymentForAnUnknownAccount:
    async def test_is_kept_unapplied(self, given: Given) -> None:
        posted = await given.pays("NOBODY", "5000")
        assert posted == Posted("unapplied", "payment.unknown_account")
        kept = await given.one("SELECT amount, account FROM payments WHERE creditor = %s", given.key)
        assert kept == {"amount": Decimal(5000), "account": "NOBODY"}

    async def test_told_again_is_a_duplicate(self, given: Given) -> None:
        await given.pays("NOBODY", "5000", id=f"{given.key}:x")
        assert (await given.pays("NOBODY", "5000", id=f"{given.key}:x")).status == "duplicate"

    async def test_is_applied_when_an_import_brings_the_account(self, given: Given) -> None:
        await given.pays("A", "100000")
        await given.imported(row("A", *TWO_DUES))
        assert await given.balance("A") == 100000
        assert await given.open_dues("A") == {"2": Decimal(100000)}
        assert await given.journeys("A") == []

    async def test_is_applied_once_though_the_account_comes_twice(self, given: Given) -> None:
        await given.pays("A", "30000")
        account = row("A", *TWO_DUES)
        await given.imported(account)
        await given.imported(account)
        assert await given.balance("A") == 170000

    async def test_in_another_currency_than_the_account_that_comes_stays_unapplied(self, given: Given) -> None:
        await given.pays("A", "100", currency="USD")
        await given.imported(row("A", *TWO_DUES))
        assert await given.balance("A") == 200000
        assert [each["status"] for each in (await list_payments(given.ledger, given.key, None, None, 9)).items] == [
            "unapplied"
        ]

    async def test_that_is_reversed_before_the_account_comes_leaves_nothing_paid(self, given: Given) -> None:
        await given.pays("A", "100000", id=f"{given.key}:p")
        await given.reverses("A", f"{given.key}:p", "100000")
        await given.imported(row("A", *TWO_DUES))
        assert await given.balance("A") == 200000

    async def test_crossing_the_import_that_brings_the_account_is_applied_all_the_same(self, given: Given) -> None:
        """The payment looks for the account, the import commits, and only then is the payment written."""
        name = f"{given.key}:crossing"
        async with given.ledger.transaction() as tx:
            await tx.execute(
                """INSERT INTO payments (processor, external_id, kind, creditor, account, amount, currency, paid_at)
                VALUES ('generic', %s, 'payment', 'x', 'x', 1, 'COP', now())""",
                [name],
            )
            paying = asyncio.create_task(given.pays("A", "100000", id=name))  # waits for this very row
            await assert_eventually(partial(someone_waits, given))
            importing = asyncio.create_task(given.imported(row("A", *TWO_DUES)))
            await assert_eventually(partial(ended_or_waits, given, importing))
            raise Rollback
        await asyncio.gather(paying, importing)
        assert await given.balance("A") == 100000


class TestAReversal:
    async def test_opens_again_what_the_payment_paid(self, given: Given) -> None:
        await given.imported(row("A", *TWO_DUES))
        await given.pays("A", "130000", id=f"{given.key}:p")
        assert (await given.reverses("A", f"{given.key}:p", "130000")).status == "applied"
        assert await given.open_dues("A") == {"1": Decimal(100000), "2": Decimal(100000)}

    async def test_of_a_part_opens_the_newest_due_first(self, given: Given) -> None:
        await given.imported(row("A", *TWO_DUES))
        await given.pays("A", "130000", id=f"{given.key}:p")
        await given.reverses("A", f"{given.key}:p", "40000")
        assert await given.open_dues("A") == {"1": Decimal(10000), "2": Decimal(100000)}

    async def test_told_twice_counts_once(self, given: Given) -> None:
        await given.imported(row("A", *TWO_DUES))
        await given.pays("A", "100000", id=f"{given.key}:p")
        told = [await given.reverses("A", f"{given.key}:p", "100000", id=f"{given.key}:r") for _ in range(2)]
        assert [posted.status for posted in told] == ["applied", "duplicate"]
        assert await given.balance("A") == 200000

    async def test_never_takes_back_more_than_was_paid(self, given: Given) -> None:
        await given.imported(row("A", *TWO_DUES))
        await given.pays("A", "100000", id=f"{given.key}:p")
        await given.reverses("A", f"{given.key}:p", "70000")
        await given.reverses("A", f"{given.key}:p", "70000")
        assert await given.balance("A") == 200000

    async def test_of_an_unknown_payment_is_kept_unapplied(self, given: Given) -> None:
        await given.imported(row("A", *TWO_DUES))
        posted = await given.reverses("A", "nobody-knows-it", "100000")
        assert posted == Posted("unapplied", "payment.nothing_to_reverse")
        assert await given.balance("A") == 200000

    async def test_that_comes_before_its_payment_is_applied_with_it(self, given: Given) -> None:
        await given.imported(row("A", *TWO_DUES))
        await given.reverses("A", f"{given.key}:p", "100000")
        assert (await given.pays("A", "100000", id=f"{given.key}:p")).status == "applied"
        assert await given.balance("A") == 200000
        (journey,) = await given.journeys("A")
        assert (journey["closed"], journey["outcome"]) == (False, None)

    async def test_after_a_cure_opens_a_new_episode(self, given: Given) -> None:
        await given.imported(row("A", *TWO_DUES))
        await given.pays("A", "100000", id=f"{given.key}:p")
        posted = await given.reverses("A", f"{given.key}:p", "100000")
        assert posted.opens is not None
        assert await given.opened([posted.opens]) == [given.journey("A", 2)]

    async def test_while_the_journey_runs_moves_it_back_at_once(self, given: Given) -> None:
        await given.imported(row("A", ("1", "2026-01-05", "100000"), ("2", "2026-02-01", "100000")))
        await given.pays("A", "100000", id=f"{given.key}:p")
        assert (await given.record(given.journey("A"))).state.standing.oldest_due == date(2026, 2, 1)
        posted = await given.reverses("A", f"{given.key}:p", "100000")
        assert posted.told is not None
        assert posted.told.standing.oldest_due == date(2026, 1, 5)


class TestAfterPeopleClosedTheJourney:
    """An outcome that people decided holds until people decide anew."""

    async def test_a_part_payment_starts_nothing(self, given: Given) -> None:
        await given.imported(row("A", *TWO_DUES))
        await given.closes("A", "withdrawn")
        assert (await given.pays("A", "1000")).opens is None
        await given.lives(local(date(2026, 2, 20), 12))
        assert len(await given.journeys("A")) == 1

    async def test_the_account_imported_again_starts_nothing(self, given: Given) -> None:
        account = row("A", *TWO_DUES)
        await given.imported(account)
        await given.closes("A", "written_off")
        await given.imported(account)
        await given.lives(local(date(2026, 2, 20), 12))
        assert len(await given.journeys("A")) == 1
