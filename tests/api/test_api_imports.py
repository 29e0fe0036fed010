"""Imports through HTTP: good rows come in whatever stands beside them, errors can be read line by line."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import orjson
import pytest

from tests.api.calls import CSV, NDJSON, Api, Creditor, problem_of
from tests.eventually import assert_eventually
from tests.ledger.given import row

PAST_DUE = ("1", "2026-02-01", "100000")


async def errors(api: Api, import_id: str) -> list[dict[str, object]]:
    answer = await api.http.get(f"/v1/imports/{import_id}/errors")
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [orjson.loads(line) for line in answer.text.splitlines()]


async def test_bad_rows_of_ndjson_are_told_one_by_one(api: Api, creditor: Creditor) -> None:
    lines = [
        row("A", PAST_DUE),
        row("B", ("1", "31/02/2026", "100000")),
        row("C", ("1", "2026-02-01", "100.005")),
        {**row("D", PAST_DUE), "currency": "USD"},
        row("A", PAST_DUE),
        {**row("E", PAST_DUE), "color": "rojo"},
        row("F", PAST_DUE),
    ]
    content = b"\n".join([*(orjson.dumps(line) for line in lines), b"{broken", b""])
    import_id = await creditor.posts(content)
    status = await creditor.done(import_id)
    assert (status.rows, status.accepted, status.rejected, status.started) == (8, 2, 6, 2)
    assert [(error["row"], error["field"], error["code"]) for error in await errors(api, import_id)] == [
        (2, "dues.0.due_date", "date_invalid"),
        (3, "dues.0.amount", "amount_decimals"),
        (4, "currency", "currency_mismatch"),
        (5, "account", "account_duplicate"),
        (6, "color", "field_unknown"),
        (8, None, "row_not_json"),
    ]
    page = (await api.http.get("/v1/journeys", params={"creditor": creditor.key})).json()
    assert [item["account"] for item in page["items"]] == ["A", "F"]


async def test_a_broken_row_of_csv_costs_no_other(api: Api, creditor: Creditor) -> None:
    content = "\r\n".join(
        [
            "account,debtor,name,email,authorised_channels,due,due_date,amount",
            "A,p-a,Ana,ana@correo.invalid,email,1,2026-02-01,1000.50",
            'B,p-b,"Luis,luis@correo.invalid,email,1,2026-02-01,1000',
            "C,p-c,Eva,eva@correo.invalid,email,1,2026-02-01",
            '"D",p-d,"Pérez, ""El Mono""",d@correo.invalid,email,1,2026-02-01,1000',
        ]
    )
    import_id = await creditor.posts(content.encode(), CSV)
    status = await creditor.done(import_id)
    assert (status.rows, status.accepted, status.rejected) == (4, 2, 2)
    assert [(error["row"], error["code"]) for error in await errors(api, import_id)] == [
        (2, "row_not_csv"),
        (3, "row_width"),
    ]
    assert (await creditor.get("A"))["balance"]["amount"] == "1000.50"
    assert (await creditor.get("D"))["balance"]["amount"] == "1000.00"


async def test_a_zero_character_costs_its_own_row_only(api: Api, creditor: Creditor) -> None:
    content = orjson.dumps(row("A", PAST_DUE, name="Ana\x00")) + b"\n" + orjson.dumps(row("B", PAST_DUE))
    import_id = await creditor.posts(content)
    assert (await creditor.done(import_id)).accepted == 1
    assert [error["code"] for error in await errors(api, import_id)] == ["character_invalid"]


async def test_the_same_file_again_doubles_nothing(api: Api, creditor: Creditor) -> None:
    rows = [row(f"A-{number}", PAST_DUE) for number in range(20)]
    await creditor.imports(*rows)
    await creditor.imports(*rows)
    summary = (await api.http.get(f"/v1/creditors/{creditor.key}/summary")).json()
    assert (summary["accounts"], summary["journeys"]["total"], summary["balance"]["amount"]) == (20, 20, "2000000.00")


async def test_a_file_is_read_as_it_comes(creditor: Creditor) -> None:
    """The sender waits for nothing between its chunks, however they cut the lines."""
    content = b"".join(
        orjson.dumps(row(f"A-{number}", PAST_DUE), option=orjson.OPT_APPEND_NEWLINE) for number in range(30)
    )

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 100):
            yield content[start : start + 100]

    answer = await creditor.api.http.post(
        "/v1/imports", params={"creditor": creditor.key}, content=chunks(), headers=NDJSON
    )
    assert (await creditor.done(answer.json()["import_id"])).accepted == 30


async def test_an_upload_that_breaks_off_leaves_nothing(api: Api, creditor: Creditor) -> None:
    class GoneError(Exception):
        pass

    async def chunks() -> AsyncIterator[bytes]:
        for number in range(200):
            yield orjson.dumps(row(f"A-{number}", PAST_DUE), option=orjson.OPT_APPEND_NEWLINE)
        raise GoneError

    with pytest.raises(GoneError):
        await api.http.post("/v1/imports", params={"creditor": creditor.key}, content=chunks(), headers=NDJSON)

    async def failed() -> None:
        (found,) = await api.rows("SELECT id, status FROM imports WHERE creditor = %s", creditor.key)
        assert found["status"] == "failed"
        assert await api.rows("SELECT FROM import_rows WHERE import_id = %s", found["id"]) == []

    await assert_eventually(failed)
    assert await api.rows("SELECT FROM accounts WHERE creditor = %s", creditor.key) == []


async def test_two_imports_at_once_both_come_in(creditor: Creditor) -> None:
    both = await asyncio.gather(
        creditor.imports(*(row(f"A-{number}", PAST_DUE) for number in range(30))),
        creditor.imports(*(row(f"B-{number}", PAST_DUE) for number in range(30))),
    )
    assert [status.accepted for status in both] == [30, 30]


async def test_the_clock_stands_while_an_import_is_under_way(api: Api, creditor: Creditor) -> None:
    content = b"".join(
        orjson.dumps(row(f"A-{number}", PAST_DUE), option=orjson.OPT_APPEND_NEWLINE) for number in range(12)
    )
    answer = await api.http.post(
        "/v1/imports", params={"creditor": creditor.key, "rate": "6"}, content=content, headers=NDJSON
    )
    clock = await api.http.post(f"/v1/creditors/{creditor.key}/clock", json={"advance_to": "2026-02-03T00:00:00Z"})
    assert problem_of(clock) == (409, "clock.importing")
    assert (await creditor.done(answer.json()["import_id"])).started == 12


async def test_a_connection_without_a_key_sends_nothing(api: Api, creditor: Creditor) -> None:
    async with httpx.AsyncClient(base_url=api.stack.api) as stranger:
        answer = await stranger.post("/v1/imports", params={"creditor": creditor.key}, content=b"{}", headers=NDJSON)
    assert problem_of(answer) == (401, "auth.missing")
    assert await api.rows("SELECT FROM imports WHERE creditor = %s", creditor.key) == []
