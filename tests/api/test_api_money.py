"""An account's money through HTTP: statements, credit notes, waivers, write-offs, refunds."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.calls import Api, Creditor, problem_of
from tests.ledger.given import START, row

PAST_DUE = ("1", "2026-01-15", "100000")


async def post(creditor: Creditor, rest: str, body: object = None, **headers: str) -> httpx.Response:
    named = {"idempotency-key": uuid4().hex} | {name.replace("_", "-"): value for name, value in headers.items()}
    return await creditor.api.http.post(f"/v1/accounts/{creditor.key}/A{rest}", json=body, headers=named)


async def statement(creditor: Creditor, **params: Any) -> dict[str, Any]:
    answer = await creditor.api.http.get(f"/v1/accounts/{creditor.key}/A/statement", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_credit_note_clears_once_applied_and_reopens_once_cancelled(creditor: Creditor) -> None:
    await creditor.imports(row("A", PAST_DUE))
    issued = await post(creditor, "/credit-notes", {"amount": "100000", "reason": "returned goods"})
    assert (issued.status_code, issued.json()["status"]) == (201, "issued")
    assert (await creditor.get("A"))["status"] == "active"
    number = issued.json()["id"]
    applied = await post(creditor, f"/credit-notes/{number}/apply")
    assert (applied.status_code, applied.json()["status"]) == (200, "applied")
    assert (await creditor.get("A"))["outcome"] == "paid"
    assert (await post(creditor, f"/credit-notes/{number}/cancel")).json()["status"] == "undone"
    await creditor.advances(START + timedelta(hours=1))
    again = await creditor.get("A")
    assert (again["episode"], again["status"], again["balance"]["amount"]) == (2, "active", "100000.00")


async def test_a_write_off_ends_the_journey_and_undone_it_goes_on_where_it_belongs(creditor: Creditor) -> None:
    await creditor.imports(row("A", ("1", "2025-11-20", "100000")))
    off = await post(creditor, "/write-offs", {"reason": "uncollectible"})
    assert (off.status_code, (await creditor.get("A"))["outcome"]) == (201, "written_off")
    assert (await post(creditor, f"/write-offs/{off.json()['id']}/cancel")).status_code == 200
    await creditor.advances(START + timedelta(hours=1))
    again = await creditor.get("A")
    assert (again["episode"], again["stage"], again["days_past_due"]) == (2, "prejuridical", 74)


async def test_a_statement_shows_parts_lines_and_what_was_known(creditor: Creditor) -> None:
    account = row("A", PAST_DUE)
    account["dues"][0]["interest"] = "20000"
    await creditor.imports(account)
    await creditor.pays("A", "30000", id=f"{creditor.key}:p")
    await creditor.advances(START + timedelta(days=1))
    await creditor.pays("A", "30000", reverses=f"{creditor.key}:p")
    now, then = await statement(creditor), await statement(creditor, known_at=START.isoformat())
    assert (now["principal"], now["interest"], now["balance"]) == ("80000.00", "20000.00", "100000.00")
    assert (then["principal"], then["interest"], then["balance"]) == ("70000.00", "0.00", "70000.00")
    assert [line["kind"] for line in now["lines"]][-2:] == ["reversal", "reversal"]


async def test_no_more_is_given_back_than_was_paid_too_much(creditor: Creditor) -> None:
    await creditor.imports(row("A", PAST_DUE))
    await creditor.pays("A", "120000")
    assert (await statement(creditor))["unapplied_credit"] == "20000.00"
    refused = await post(creditor, "/refunds", {"amount": "20000.01"})
    assert problem_of(refused) == (409, "refund.too_much")
    given = await post(creditor, "/refunds", {"amount": "20000"}, idempotency_key="r")
    assert (given.status_code, given.json()["unapplied_credit"]) == (201, "0.00")
    assert (await post(creditor, "/refunds", {"amount": "20000"}, idempotency_key="r")).json() == given.json()


@pytest.mark.parametrize(
    ("rest", "body", "problem"),
    [
        ("/credit-notes", {"amount": "0.001", "reason": "x"}, (422, "credit.amount_decimals")),
        ("/credit-notes", {"amount": "10", "reason": "x", "due": "none"}, (404, "due.unknown")),
        ("/credit-notes/1/apply", None, (404, "credit.unknown")),
        ("/credit-notes", {"amount": "-1", "reason": "x"}, (422, "request.invalid")),
        ("/waivers", {"amount": "10", "reason": "x", "of": ["principal"]}, (422, "request.invalid")),
    ],
)
async def test_bad_input_is_refused_with_what_to_do(
    creditor: Creditor, rest: str, body: object, problem: tuple[int, str]
) -> None:
    await creditor.imports(row("A", PAST_DUE))
    assert problem_of(await post(creditor, rest, body)) == problem


async def test_agents_read_a_statement_and_change_nothing(api: Api, creditor: Creditor) -> None:
    await creditor.imports(row("A", PAST_DUE))
    _, agent = await api.key("agent")
    path = f"/v1/accounts/{creditor.key}/A"
    assert (await api.http.get(f"{path}/statement", headers=agent)).status_code == 200
    for rest, body in [("/credit-notes", {"amount": "1", "reason": "x"}), ("/write-offs", {"reason": "x"})]:
        assert problem_of(await api.http.post(path + rest, json=body, headers=agent)) == (403, "auth.role")
