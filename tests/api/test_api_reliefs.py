"""Reliefs through HTTP: what may be offered, granting within authority, what a payment makes of it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.calls import Api, Creditor, problem_of
from tests.ledger.given import START, row

PAST_DUE = ("1", "2026-01-15", "100000")
RELIEFS: dict[str, Any] = {
    "kinds": [
        {
            "key": "descuento",
            "kind": "punctual_discount",
            "share": "0.20",
            "within_days": 5,
            "eligibility": {"risk": ["low"], "earlier_at_most": 1},
            "authority": {"agent": {"share": "0.10"}, "supervisor": {"share": "0.15"}},
        },
        {"key": "prorroga", "kind": "new_due_date", "up_to_days": 10},
    ]
}


@pytest.fixture
async def creditor(api: Api) -> Creditor:
    """Account A owes 100 000 since 15 January; its risk is low."""
    made = await api.creditor(reliefs=RELIEFS)
    await made.imports(row("A", PAST_DUE) | {"facts": {"risk": "low"}})
    return made


async def ask(creditor: Creditor, rest: str = "", **options: Any) -> httpx.Response:
    return await creditor.api.http.get(f"/v1/accounts/{creditor.key}/A/reliefs{rest}", **options)


async def post(creditor: Creditor, body: object, rest: str = "", **options: Any) -> httpx.Response:
    path = f"/v1/accounts/{creditor.key}/A/reliefs{rest}"
    return await creditor.api.http.post(path, json=body, **options)


async def test_a_creditor_keeps_its_reliefs(api: Api, creditor: Creditor) -> None:
    kept = (await api.http.get(f"/v1/creditors/{creditor.key}")).json()["reliefs"]["kinds"]
    assert [(rule["key"], rule["authority"]["supervisor"]) for rule in kept] == [
        ("descuento", {"amount": None, "share": "0.15", "days": None}),
        ("prorroga", {"amount": None, "share": None, "days": None}),
    ]


async def test_offers_say_what_whoever_asks_may_grant(api: Api, creditor: Creditor) -> None:
    _, agent = await api.key("agent")
    discount, date = (await ask(creditor, "/offers", headers=agent)).json()
    assert (discount["available"], discount["forgives"], discount["may_forgive"]) == (True, "20000.00", "10000.00")
    assert (discount["pays"], discount["last_day"]) == ("90000.00", "2026-02-07")
    assert (date["available"], date["reasons"]) == (False, ["beyond_authority"])


async def test_a_punctual_payment_closes_the_account_as_paid(creditor: Creditor) -> None:
    key = {"idempotency-key": uuid4().hex}
    made = await post(creditor, {"relief": "descuento"}, headers=key)
    assert (made.status_code, made.json()["status"], made.json()["pays"]) == (201, "accepted", "85000.00")
    assert (await post(creditor, {"relief": "descuento"}, headers=key)).json() == made.json()
    assert (await creditor.get("A"))["status"] == "promise"
    await creditor.pays("A", "85000")
    assert (await creditor.get("A"))["outcome"] == "paid"
    (kept,) = (await ask(creditor)).json()["items"]
    assert (kept["status"], len(kept["credits"])) == ("kept", 1)
    events = [each["kind"] for each in (await creditor.get("A", "/events"))["items"] if "relief" in each["kind"]]
    assert events == ["relief_offered", "relief_accepted", "relief_kept"]


async def test_without_the_payment_it_lapses_and_the_steps_go_on(api: Api, creditor: Creditor) -> None:
    await post(creditor, {"relief": "descuento", "due_date": "2026-02-03"})
    await creditor.advances(START + timedelta(days=4))
    answer = await api.http.get(f"/v1/creditors/{creditor.key}/reliefs", params={"status": "lapsed"})
    assert [each["account"] for each in answer.json()["items"]] == ["A"]
    found = await creditor.get("A")
    assert (found["status"], found["balance"]["amount"]) == ("active", "100000.00")


async def test_more_than_the_role_may_names_who_may(api: Api, creditor: Creditor) -> None:
    _, agent = await api.key("agent")
    refused = await post(creditor, {"relief": "descuento", "amount": "15000"}, headers=agent)
    assert problem_of(refused) == (403, "relief.beyond_authority")
    assert "supervisor" in refused.json()["detail"]
    nobody = await post(creditor, {"relief": "descuento", "amount": "15000.01"})
    assert problem_of(nobody) == (403, "relief.beyond_authority")
    assert "supervisor" not in nobody.json()["detail"].partition(":")[2]


async def test_cancelled_it_waits_no_more(creditor: Creditor) -> None:
    number = (await post(creditor, {"relief": "descuento"})).json()["id"]
    ended = await post(creditor, None, f"/{number}/cancel")
    assert (ended.status_code, ended.json()["status"]) == (200, "cancelled")
    assert (await creditor.get("A"))["status"] == "active"
    assert problem_of(await post(creditor, None, f"/{number}/cancel")) == (409, "relief.not_open")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"relief": "nobody-has-it"}, (422, "relief.unknown")),
        ({"relief": "descuento", "amount": "20000.01"}, (422, "relief.too_much")),
        ({"relief": "descuento", "amount": "1.001"}, (422, "relief.amount_decimals")),
        ({"relief": "descuento", "due_date": "2026-02-08"}, (422, "relief.too_late")),
        ({"relief": "descuento", "due_date": "2026-02-01"}, (422, "relief.in_past")),
        ({"relief": "descuento", "instalments": 3}, (422, "relief.not_asked")),
        ({"relief": "prorroga", "amount": "1"}, (422, "relief.not_asked")),
        ({}, (422, "request.invalid")),
    ],
)
async def test_bad_input_is_refused_with_what_to_do(creditor: Creditor, body: object, problem: tuple[int, str]) -> None:
    assert problem_of(await post(creditor, body)) == problem


async def test_another_account_or_number_is_not_found(api: Api, creditor: Creditor) -> None:
    assert problem_of(await post(creditor, None, "/0/cancel")) == (404, "relief.unknown")
    path = f"/v1/accounts/{creditor.key}/B/reliefs"
    assert problem_of(await api.http.get(path)) == (404, "account.unknown")
    assert problem_of(await api.http.get(f"{path}/offers")) == (404, "account.unknown")


async def test_who_may_not_have_it_hears_why(api: Api) -> None:
    creditor = await api.creditor(reliefs=RELIEFS)
    await creditor.imports(row("A", PAST_DUE) | {"facts": {"risk": "high"}})
    assert (await ask(creditor, "/offers")).json()[0]["reasons"] == ["risk"]
    refused = await post(creditor, {"relief": "descuento"})
    assert problem_of(refused) == (422, "relief.not_eligible")
    assert "risk" in refused.json()["detail"]
