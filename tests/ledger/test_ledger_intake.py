"""Imports: good rows come in whatever stands beside them, a row seen before updates, and nothing is half received."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from ledger import intake
from ledger.creditors import creditor
from ledger.intake import Import, get_import
from ledger.views import import_faults
from policy.errors import SendaError
from tests.ledger.given import Given, local, ndjson, row, streamed

DUE = ("1", "2026-02-01", "100000")
HEADER = "account,debtor,name,due,due_date,amount"


def csv(*lines: str, header: str = HEADER) -> AsyncIterator[bytes]:
    return streamed(line.encode() for line in (header, *lines))


async def import_of(given: Given, import_id: str) -> Import:
    found = await get_import(given.ledger, import_id)
    assert found is not None
    return found


async def faults(given: Given, import_id: str) -> list[tuple[int, str | None, str]]:
    found = await import_faults(given.ledger, import_id, (-1, 0), 1000)
    return [(each["row"], each["field"], each["code"]) for each in found]


async def accounts(given: Given) -> list[str]:
    found = await given.all("SELECT key FROM accounts WHERE creditor = %s ORDER BY 1", given.key)
    return [each["key"] for each in found]


class TestAFile:
    async def test_with_a_bad_row_brings_its_good_rows(self, given: Given) -> None:
        bad = row("B", ("1", "no date", "1"))
        import_id = await given.imported(row("A", DUE), bad, row("C", DUE))
        assert await accounts(given) == ["A", "C"]
        assert await faults(given, import_id) == [(2, "dues.0.due_date", "date_invalid")]
        done = await import_of(given, import_id)
        assert (done.status, done.rows, done.accepted, done.rejected) == ("done", 3, 2, 1)

    async def test_leaves_no_rows_behind_once_it_is_done(self, given: Given) -> None:
        import_id = await given.imported(row("A", DUE))
        assert await given.all("SELECT FROM import_rows WHERE import_id = %s", import_id) == []

    async def test_with_an_account_twice_takes_the_first(self, given: Given) -> None:
        import_id = await given.imported(row("A", DUE), row("A", ("1", "2026-02-01", "999")))
        assert await given.balance("A") == 100000
        assert await faults(given, import_id) == [(2, "account", "account_duplicate")]
        assert (await import_of(given, import_id)).rejected == 1

    async def test_of_many_batches_comes_whole(self, given: Given) -> None:
        import_id = await given.received(ndjson(row(f"A-{n}", DUE) for n in range(2 * intake.MERGE_BATCH + 1)))
        await given.merged(import_id)
        assert (await import_of(given, import_id)).accepted == 2001
        assert len(await accounts(given)) == 2001

    async def test_with_more_faults_than_are_kept_in_memory_tells_them_all(self, given: Given) -> None:
        import_id = await given.received(streamed(b"{" for _ in range(2500)))
        assert (await import_of(given, import_id)).rejected == 2500
        last = await import_faults(given.ledger, import_id, (2500, -1), 10)
        assert [each["row"] for each in last] == [2500]

    async def test_without_rows_is_an_import_of_nothing(self, given: Given) -> None:
        assert asdict(await import_of(given, await given.imported())) | {"import_id": ""} == {
            "import_id": "", "creditor": given.key, "status": "done", "rate": None,
            "rows": 0, "accepted": 0, "rejected": 0, "started": 0,
        }  # fmt: skip


class TestARowSeenBefore:
    async def test_changes_nothing_when_it_says_the_same(self, given: Given) -> None:
        account = row("A", DUE)
        for _ in range(3):
            await given.imported(account)
        assert [each["kind"] for each in await postings(given)] == ["charge"]

    async def test_with_another_amount_is_an_adjustment(self, given: Given) -> None:
        account = row("A", DUE)
        await given.imported(account)
        await given.imported({**account, "dues": [{"key": "1", "due_date": "2026-02-01", "amount": "80000"}]})
        assert [(each["kind"], each["amount"]) for each in await postings(given)] == [
            ("charge", Decimal(100000)),
            ("adjustment", Decimal(-20000)),
        ]

    async def test_with_another_amount_after_a_payment_leaves_the_difference(self, given: Given) -> None:
        account = row("A", DUE)
        await given.imported(account)
        await given.pays("A", "30000")
        await given.imported({**account, "dues": [{"key": "1", "due_date": "2026-02-01", "amount": "120000"}]})
        assert await given.balance("A") == 90000

    async def test_with_another_due_date_moves_the_due_and_tells_the_journey(self, given: Given) -> None:
        account = row("A", DUE)
        await given.imported(account)
        await given.imported({**account, "dues": [{"key": "1", "due_date": "2026-01-20", "amount": "100000"}]})
        assert (await given.record(given.journey("A"))).state.standing.oldest_due == date(2026, 1, 20)
        assert await given.balance("A") == 100000

    async def test_with_one_more_due_adds_it(self, given: Given) -> None:
        account = row("A", DUE)
        await given.imported(account)
        account["dues"].append({"key": "2", "due_date": "2026-03-01", "amount": "5000"})
        await given.imported(account)
        assert await given.balance("A") == 105000
        assert (await given.record(given.journey("A"))).state.standing.balance == 105000

    async def test_with_other_facts_about_the_person_replaces_them(self, given: Given) -> None:
        account = row("A", DUE)
        await given.imported(account)
        account["debtor"]["addresses"] = {"email": "otra@correo.invalid"}
        await given.imported(account)
        (known,) = await given.all("SELECT addresses FROM debtors WHERE creditor = %s", given.key)
        assert known["addresses"] == {"email": "otra@correo.invalid"}

    async def test_starts_no_second_journey(self, given: Given) -> None:
        account = row("A", DUE)
        await given.imported(account)
        await given.imported(account)
        assert len(await given.journeys("A")) == 1

    async def test_of_another_debtor_is_refused(self, given: Given) -> None:
        await given.imported(row("A", DUE, person=f"{given.key}-one"))
        import_id = await given.imported(row("A", DUE, person=f"{given.key}-two"), row("B", DUE))
        assert await faults(given, import_id) == [(1, "debtor.key", "account_of_another")]
        done = await import_of(given, import_id)
        assert (done.accepted, done.rejected) == (1, 1)
        assert await accounts(given) == ["A", "B"]


async def postings(given: Given) -> list[dict[str, Any]]:
    query = "SELECT kind, amount FROM postings WHERE account_id = %s ORDER BY id"
    return await given.all(query, await given.number("A"))


async def test_a_merge_that_is_repeated_goes_on_where_the_last_one_ended(given: Given) -> None:
    import_id = await given.received(ndjson([row("A", DUE)]))
    for _ in range(2):
        await given.merged(import_id)
    assert (await import_of(given, import_id)).accepted == 1
    assert await given.balance("A") == 100000


async def test_two_imports_of_the_same_rows_at_once_do_not_double(given: Given) -> None:
    rows = [row(f"A-{n}", DUE) for n in range(50)]
    await asyncio.gather(*(given.imported(*rows) for _ in range(3)))
    total = await given.one(
        "SELECT sum(p.amount) AS sum FROM postings p JOIN accounts a ON a.id = p.account_id WHERE a.creditor = %s",
        given.key,
    )
    assert total["sum"] == 50 * 100000


class TestAnUploadThatBreaksOff:
    async def test_leaves_nothing(self, given: Given) -> None:
        async def lines() -> AsyncIterator[bytes]:
            async for line in ndjson(row(f"A-{n}", DUE) for n in range(500)):
                yield line
            raise ConnectionError("the sender is gone")

        import_id = uuid4().hex
        await intake.begin(given.ledger, import_id, given.key, "ndjson", None)
        with pytest.raises(ConnectionError):
            await intake.receive(given.ledger, import_id, await creditor(given.ledger, given.key), "ndjson", lines())
        await intake.fail(given.ledger, import_id)
        assert (await import_of(given, import_id)).status == "failed"
        assert await given.all("SELECT FROM import_rows WHERE import_id = %s", import_id) == []
        assert import_id not in [each.import_id for each in await intake.waiting_imports(given.ledger)]


class TestCsv:
    async def test_brings_accounts_with_several_dues(self, given: Given) -> None:
        lines = csv("A,p,Ana,1,2026-02-01,1000", "A,p,Ana,2,2026-03-01,2000", "B,q,Luis,1,2026-02-01,3000")
        import_id = await given.finished(await given.received(lines, "csv"))
        assert await given.open_dues("A") == {"1": Decimal(1000), "2": Decimal(2000)}
        assert (await import_of(given, import_id)).accepted == 3

    async def test_with_the_same_due_twice_takes_the_first(self, given: Given) -> None:
        lines = csv("A,p,Ana,1,2026-02-01,1000", "A,p,Ana,1,2026-02-01,2000")
        import_id = await given.finished(await given.received(lines, "csv"))
        assert await given.balance("A") == 1000
        assert await faults(given, import_id) == [(2, "account", "account_duplicate")]

    async def test_with_an_account_under_two_debtors_takes_the_first(self, given: Given) -> None:
        one, two = f"{given.key}-one", f"{given.key}-two"
        lines = csv(f"A,{one},Ana,1,2026-02-01,1000", f"A,{two},Luis,2,2026-03-01,2000")
        import_id = await given.finished(await given.received(lines, "csv"))
        assert await faults(given, import_id) == [(2, "debtor.key", "account_of_another")]
        assert await given.balance("A") == 1000
        owner = await given.one(
            "SELECT p.key FROM accounts a JOIN people p ON p.id = a.person_id WHERE a.id = %s", await given.number("A")
        )
        assert owner["key"] == one

    async def test_may_hold_line_breaks_within_quotes(self, given: Given) -> None:
        lines = csv('A,p,"Ana', 'Gómez",1,2026-02-01,1000', "B,q,Luis,1,2026-02-01,3000")
        import_id = await given.finished(await given.received(lines, "csv"))
        assert await accounts(given) == ["A", "B"]
        assert (await import_of(given, import_id)).rows == 2

    async def test_may_have_the_line_ends_of_windows(self, given: Given) -> None:
        lines = csv("A,p,Ana,1,2026-02-01,1000\r", "B,q,Luis,1,2026-02-01,3000\r", header=HEADER + "\r")
        await given.finished(await given.received(lines, "csv"))
        assert await accounts(given) == ["A", "B"]

    @pytest.mark.parametrize(
        ("broken", "code"),
        [
            ('B,q,"Luis,1,2026-02-01,1000', "row_not_csv"),
            ('B,q,"Lu"is,1,2026-02-01,1000', "row_not_csv"),
            (f"B,q,{'x' * 140_000},1,2026-02-01,1000", "row_not_csv"),
            ("B,q,Lu\ris,1,2026-02-01,1000", "row_not_csv"),
            ("B,q,Luis,1,2026-02-01", "row_width"),
            ("B,q,Luis,1,2026-02-01,1000,extra", "row_width"),
            ("B,q,Lu\x00is,1,2026-02-01,1000", "character_invalid"),
        ],
    )
    @pytest.mark.parametrize("after", [0, 1, 60], ids=["last", "last but one", "amid many"])
    async def test_with_a_broken_row_brings_all_others(self, given: Given, broken: str, code: str, after: int) -> None:
        following = [f"C-{n},r-{n},Eva,1,2026-02-01,1000" for n in range(after)]
        lines = csv("A,p,Ana,1,2026-02-01,1000", broken, *following)
        import_id = await given.finished(await given.received(lines, "csv"))
        assert len(await accounts(given)) == 1 + after
        assert await faults(given, import_id) == [(2, None, code)]
        assert (await import_of(given, import_id)).rows == 2 + after

    async def test_that_is_not_utf_8_names_the_row(self, given: Given) -> None:
        latin = "B,q,Peña,1,2026-02-01,1000".encode("latin-1")
        lines = streamed([HEADER.encode(), b"A,p,Ana,1,2026-02-01,1000", latin])
        import_id = await given.finished(await given.received(lines, "csv"))
        assert await faults(given, import_id) == [(2, None, "row_not_utf8")]

    @pytest.mark.parametrize(
        ("header", "code", "field"),
        [
            ("account,debtor,due_date,amount,saldo", "import.column_unknown", "saldo"),
            ("account,debtor,due_date", "import.column_missing", "amount"),
            ("", "import.empty", None),
        ],
    )
    async def test_with_a_bad_header_is_refused_whole(
        self, given: Given, header: str, code: str, field: str | None
    ) -> None:
        with pytest.raises(SendaError) as refused:
            await given.received(csv(header=header), "csv")
        assert (refused.value.code, refused.value.field) == (code, field)


async def test_an_account_without_dues_waits_for_them(given: Given) -> None:
    account = row("A")
    await given.imported(account)
    assert await given.journeys("A") == []
    account["dues"] = [{"key": "1", "due_date": "2026-02-20", "amount": "5000"}]
    await given.imported(account)
    await given.lives(local(date(2026, 2, 16), 0))
    assert len(await given.journeys("A")) == 1


async def test_people_are_one_across_creditors(given: Given) -> None:
    other = await Given(given.ledger).set_up()
    person = f"{given.key}-person"
    for each in (given, other):
        await each.imported(row("A", DUE, person=person))
    found = await given.all("SELECT DISTINCT person_id FROM accounts WHERE creditor IN (%s, %s)", given.key, other.key)
    assert len(found) == 1


async def test_a_large_file_takes_no_longer_a_row_than_a_small_one(given: Given) -> None:
    """Also right after the planner has learned that the table of rows is empty."""
    await given.imported(row("A", DUE))
    async with given.ledger.transaction() as tx:
        await tx.execute("ANALYZE import_rows")
    async with asyncio.timeout(15):
        await given.received(streamed(many(10_000)))


async def test_a_large_import_into_an_empty_ledger_takes_no_longer_with_each_batch(given: Given) -> None:
    """The planner has learned that all tables are empty: without news of their growth this takes minutes."""
    async with given.ledger.transaction() as tx:
        await tx.execute("ANALYZE")
    import_id = await given.received(streamed(many(6 * intake.MERGE_BATCH)))
    async with asyncio.timeout(40):
        await given.merged(import_id)


LINE = (
    b'{"account": "A-%d", "debtor": {"key": "p-%d", "name": "Ana"},'
    b' "dues": [{"key": "1", "due_date": "2026-02-01", "amount": "1000"}]}'
)


def many(count: int) -> Iterable[bytes]:
    for number in range(count):
        yield LINE % (number, number)


async def test_memory_does_not_grow_with_the_file(given: Given) -> None:
    async def peak(rows: int) -> int:
        tracemalloc.start()
        await given.received(streamed(many(rows)))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    await peak(100)  # what is made once
    small, large = await peak(1_000), await peak(10_000)
    assert large < small * 1.5
