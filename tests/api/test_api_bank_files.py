"""Bank files over HTTP: the creditor's mapping, rows that count once, bad rows named, other creditors out of reach."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.api.calls import Creditor, problem_of
from tests.ledger.given import row

DUE = ("1", "2026-02-01", "100000")
MAPPING: dict[str, Any] = {
    "columns": {"account": "ref", "date": "fecha", "amount": "valor", "id": "mov", "reverses": "de"},
    "currency": "COP",
    "time_zone": "America/Bogota",
}
HEADER = "ref,fecha,valor,mov,de"


@pytest.fixture
async def banked(creditor: Creditor) -> Creditor:
    """A creditor with an account A that owes 100,000, and a mapping of its bank's files."""
    await creditor.imports(row("A", DUE))
    answer = await creditor.api.http.put(f"/v1/creditors/{creditor.key}/bank-mapping", json=MAPPING)
    assert answer.status_code == 200, answer.text
    return creditor


async def send(creditor: Creditor, *lines: str, header: str = HEADER, **headers: str) -> httpx.Response:
    return await creditor.api.http.post(
        f"/v1/creditors/{creditor.key}/bank-files",
        content="\n".join((header, *lines)).encode(),
        headers={"content-type": "text/csv", **headers},
    )


async def balance(creditor: Creditor) -> Decimal:
    return Decimal((await creditor.get("A"))["balance"]["amount"])


def counts(answer: httpx.Response) -> dict[str, int]:
    assert answer.status_code == 200, answer.text
    return {name: count for name, count in answer.json().items() if name not in ("rows", "errors") and count}


async def reference(creditor: Creditor) -> str:
    [found] = await creditor.api.rows("SELECT reference FROM accounts WHERE creditor = %s", creditor.key)
    return found["reference"]


async def test_rows_pay_accounts_by_key_or_reference(banked: Creditor) -> None:
    answer = await send(banked, "A,2026-02-02,10000,m1,", f"{await reference(banked)},2026-02-02,20000,m2,")
    assert counts(answer) == {"applied": 2}
    assert await balance(banked) == 70_000


async def test_a_file_sent_again_counts_once(banked: Creditor) -> None:
    await send(banked, "A,2026-02-02,10000,m1,")
    again = await send(banked, "A,2026-02-02,10000,m1,", "A,2026-02-03,10000,m2,")
    assert counts(again) == {"applied": 1, "duplicates": 1}
    assert await balance(banked) == 80_000


async def test_money_that_went_back_takes_its_payment_back(banked: Creditor) -> None:
    answer = await send(banked, "A,2026-02-03,-10000,m2,m1", "A,2026-02-02,10000,m1,")
    assert answer.json()["rejected"] == 0
    assert await balance(banked) == 100_000


async def test_a_bad_row_is_named_and_stops_no_other(banked: Creditor) -> None:
    answer = await send(banked, "A,ayer,10000,m1,", "A,2026-02-02,10000,m2,", "A,2026-02-02,-5,m3,")
    assert counts(answer) == {"applied": 1, "rejected": 2}
    assert [(bad["row"], bad["field"], bad["code"]) for bad in answer.json()["errors"]] == [
        (1, "date", "date_invalid"),
        (3, "reverses", "reverses_missing"),
    ]


async def test_money_for_an_account_that_is_not_there_yet_is_kept(banked: Creditor) -> None:
    assert counts(await send(banked, "B,2026-02-02,10000,m1,")) == {"unapplied": 1}
    await banked.imports(row("B", DUE))
    assert Decimal((await banked.get("B"))["balance"]["amount"]) == 90_000


async def test_the_reference_of_another_creditors_account_is_refused(banked: Creditor) -> None:
    other = await banked.api.creditor()
    await other.imports(row("A", DUE))
    answer = await send(banked, f"{await reference(other)},2026-02-02,10000,m1,")
    assert counts(answer) == {"rejected": 1}
    assert answer.json()["errors"][0]["code"] == "account_unknown"
    assert await balance(other) == 100_000


async def test_many_bad_rows_are_counted_and_the_first_thousand_shown(banked: Creditor) -> None:
    answer = (await send(banked, *(f"A,ayer,1,m{number}," for number in range(1200)))).json()
    assert (answer["rows"], answer["rejected"], len(answer["errors"])) == (1200, 1200, 1000)


async def test_a_file_without_the_columns_is_refused(banked: Creditor) -> None:
    assert problem_of(await send(banked, header="ref,fecha")) == (422, "bank_file.no_column")


async def test_a_file_before_its_mapping_is_refused(creditor: Creditor) -> None:
    assert problem_of(await send(creditor)) == (404, "bank_mapping.unknown")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"currency": "USD"}, "bank_mapping.currency_mismatch"),
        ({"currency": "XQZ"}, "request.invalid"),
        ({"time_zone": "Bogota"}, "request.invalid"),
        ({"encoding": "klingon"}, "request.invalid"),
        ({"thousands_separator": "."}, "request.invalid"),
        ({"columns": {"account": "a", "date": "b"}}, "request.invalid"),
        ({"more": 1}, "request.invalid"),
    ],
)
async def test_a_mapping_that_cannot_be_is_refused(creditor: Creditor, change: dict[str, Any], code: str) -> None:
    answer = await creditor.api.http.put(f"/v1/creditors/{creditor.key}/bank-mapping", json=MAPPING | change)
    assert problem_of(answer) == (422, code)


async def test_a_mapping_is_shown_as_it_was_put(banked: Creditor) -> None:
    shown = (await banked.api.http.get(f"/v1/creditors/{banked.key}/bank-mapping")).json()
    assert shown["columns"]["account"] == "ref"


async def test_only_operators_send_bank_files(banked: Creditor) -> None:
    for role, status in (("agent", 403), ("supervisor", 403), ("operator", 200)):
        _, bearer = await banked.api.key(role)
        assert (await send(banked, **bearer)).status_code == status
