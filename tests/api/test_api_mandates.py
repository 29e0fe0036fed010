"""Mandates and debits, end to end: asked from the sandbox's processor, told back by a signed webhook, counted once."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.calls import Api, Creditor, plain, problem_of
from tests.eventually import assert_eventually
from tests.ledger.given import START, local, row

FIRST = local(date(2026, 2, 10), 9)
DAY = timedelta(days=1)
PLAN = {
    "instalments": [
        {"due_date": "2026-02-10", "amount": "60000.00"},
        {"due_date": "2026-03-10", "amount": "40000.00"},
    ]
}


@pytest.fixture
async def owing(creditor: Creditor) -> Creditor:
    """A creditor whose account A owes 100,000 since 1 February."""
    await creditor.imports(row("A", ("1", "2026-02-01", "100000")))
    return creditor


def path(creditor: Creditor, rest: str, account: str = "A") -> str:
    return f"/v1/accounts/{creditor.key}/{account}{rest}"


async def give(creditor: Creditor, ending: str = "0000", **changes: Any) -> httpx.Response:
    """A mandate whose token ends so; the sandbox's processor heeds the end."""
    body = {"reference": f"tok-{uuid4().hex[:8]}-x{ending}", "proof": "DOC-1", **changes}
    return await creditor.api.http.post(path(creditor, "/mandates"), json=body)


async def planned(creditor: Creditor, ending: str = "0000", **changes: Any) -> int:
    """A plan that is debited: its mandate's number."""
    given = await give(creditor, ending, **changes)
    assert given.status_code == 201, given.text
    answer = await creditor.post("A", "/plans", {**PLAN, "mandate": given.json()["id"]})
    assert answer.status_code == 201, answer.text
    assert answer.json()["mandate"] == given.json()["id"]
    return given.json()["id"]


async def debits(creditor: Creditor) -> list[tuple[str, str | None]]:
    answer = await creditor.api.http.get(path(creditor, "/debits"))
    assert answer.status_code == 200, answer.text
    return [(each["status"], each["code"]) for each in answer.json()["items"]]


async def plan_of(creditor: Creditor) -> dict[str, Any]:
    [plan] = (await creditor.get("A", "/plans"))["items"]
    return plan


async def balance(creditor: Creditor) -> Decimal:
    return Decimal((await creditor.get("A"))["balance"]["amount"])


async def faulty(creditor: Creditor, mode: str, count: int) -> None:
    async with httpx.AsyncClient(base_url=creditor.api.stack.sandbox, transport=plain()) as sandbox:
        await sandbox.put("/control/faults/payments", json={"mode": mode, "count": count})


async def test_a_plan_with_a_mandate_is_debited_on_its_days_and_goes_on_until_it_is_kept(owing: Creditor) -> None:
    await planned(owing)
    await owing.advances(FIRST)
    assert await debits(owing) == [("taken", None)]
    assert await balance(owing) == 40_000
    plan = await plan_of(owing)
    assert [each["state"] for each in plan["instalments"]] == ["paid", "pending"]
    await owing.advances(START + 45 * DAY)
    journey = await owing.get("A")
    assert (journey["status"], journey["outcome"]) == ("closed", "paid")
    assert (await plan_of(owing))["status"] == "kept"
    paid = await owing.api.rows(
        "SELECT processor, amount, paid_at FROM payments WHERE creditor = %s ORDER BY id", owing.key
    )
    assert [(each["processor"], each["amount"], each["paid_at"]) for each in paid] == [
        ("caja", 60_000, FIRST), ("caja", 40_000, local(date(2026, 3, 10), 9)),
    ]  # fmt: skip


async def test_refused_twice_it_is_taken_at_the_third_try(owing: Creditor) -> None:
    await planned(owing, "0052")
    await owing.advances(FIRST + 5 * DAY)
    assert await debits(owing) == [("failed", "insufficient_funds")] * 2 + [("taken", None)]
    assert await balance(owing) == 40_000
    assert (await plan_of(owing))["state"] == "active"
    events = (await owing.get("A", "/events"))["items"]
    assert [each["kind"] for each in events if each["kind"].startswith("debit")] == [
        "debit_failed", "debit_failed", "debit_taken",
    ]  # fmt: skip


async def test_refused_for_good_it_is_a_case_for_people(owing: Creditor) -> None:
    await planned(owing, "0054")
    await owing.advances(FIRST)
    assert await debits(owing) == [("failed", "expired_card")]
    tasks = (await owing.api.http.get("/v1/tasks", params={"creditor": owing.key})).json()["items"]
    assert [each["reason"] for each in tasks] == ["debit_failed"]


@pytest.mark.parametrize("mode", ["503", "refuse"])
async def test_a_processor_that_was_down_is_asked_again_and_takes_it(owing: Creditor, mode: str) -> None:
    await planned(owing)
    await faulty(owing, mode, 2)
    await owing.advances(FIRST + timedelta(hours=2))
    assert await debits(owing) == [("taken", None)]
    assert await balance(owing) == 40_000


async def test_a_debit_whose_answer_was_lost_is_taken_once(owing: Creditor) -> None:
    """The money may be there before the processor is asked again: then it is not asked."""
    await planned(owing)
    await faulty(owing, "drop", 1)
    await owing.advances(FIRST + timedelta(hours=2))

    async def is_told() -> None:
        assert await balance(owing) == 40_000

    await assert_eventually(is_told)
    await owing.advances(FIRST + 5 * DAY)
    assert await debits(owing) in ([("taken", None)], [("pending", "agreement_ended")])
    paid = await owing.api.rows("SELECT amount FROM payments WHERE creditor = %s", owing.key)
    assert [each["amount"] for each in paid] == [60_000]


async def test_a_debit_that_is_pending_counts_once_its_money_is_told(owing: Creditor) -> None:
    await planned(owing, "0102")
    await owing.advances(FIRST)
    assert await debits(owing) == [("pending", None)]

    async def is_told() -> None:
        assert await balance(owing) == 40_000

    await assert_eventually(is_told)


async def test_a_revoked_mandate_takes_nothing(owing: Creditor) -> None:
    mandate = await planned(owing)
    for body in (None, {"reason": "cambió de banco"}):
        answer = await owing.api.http.post(path(owing, f"/mandates/{mandate}/revoke"), json=body)
        assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (200, "revoked", None)
    await owing.advances(FIRST + DAY)
    assert await debits(owing) == []


async def test_mandates_are_listed_with_what_they_allow(owing: Creditor) -> None:
    given = (await give(owing, most="250000")).json()
    listed = (await owing.api.http.get(path(owing, "/mandates"))).json()["items"]
    assert listed == [given]
    assert (given["processor"], given["most"], given["currency"], given["status"]) == (
        "caja", "250000.00", "COP", "active",
    )  # fmt: skip


async def test_the_same_command_gives_one_mandate(owing: Creditor) -> None:
    header, body = {"idempotency-key": uuid4().hex}, {"reference": "tok", "proof": "DOC-1"}
    answers = [await owing.api.http.post(path(owing, "/mandates"), json=body, headers=header) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert len((await owing.api.http.get(path(owing, "/mandates"))).json()["items"]) == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"reference": "4111 1111 1111 1111"}, 422, "mandate.looks_like_card"),
        ({"most": "0"}, 422, "request.invalid"),
        ({"most": "1.001"}, 422, "mandate.amount_decimals"),
        ({"processor": "nobody"}, 404, "processor.unknown"),
        ({"card": "1"}, 422, "request.invalid"),
    ],
)
async def test_a_mandate_that_cannot_be_is_refused_and_its_words_are_not_repeated(
    owing: Creditor, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = await give(owing, **changes)
    assert problem_of(answer) == (status, code)
    assert "4111" not in answer.text


async def test_a_plan_needs_a_mandate_of_its_own_account_that_holds(owing: Creditor) -> None:
    mandate = (await give(owing)).json()["id"]
    await owing.api.http.post(path(owing, f"/mandates/{mandate}/revoke"))
    for number, refused in ((0, (404, "mandate.unknown")), (mandate, (409, "mandate.revoked"))):
        assert problem_of(await owing.post("A", "/plans", {**PLAN, "mandate": number})) == refused


async def test_a_promise_may_be_debited_too(owing: Creditor) -> None:
    mandate = (await give(owing)).json()["id"]
    promise = {"amount": "100000", "due_date": "2026-02-10", "mandate": mandate}
    assert (await owing.post("A", "/promises", promise)).json()["mandate"] == mandate
    await owing.advances(FIRST)
    assert (await owing.get("A"))["outcome"] == "paid"


async def test_nobody_gives_a_mandate_for_an_account_that_is_not_there(api: Api, creditor: Creditor) -> None:
    body = {"reference": "tok", "proof": "DOC-1"}
    answer = await api.http.post(path(creditor, "/mandates"), json=body)
    assert problem_of(answer) == (404, "account.unknown")
    assert problem_of(await api.http.get(path(creditor, "/debits"))) == (404, "account.unknown")
    revoked = await api.http.post(path(creditor, "/mandates/1/revoke"))
    assert problem_of(revoked) == (404, "account.unknown")


async def test_agents_end_mandates_and_compliance_only_reads(owing: Creditor) -> None:
    mandate = (await give(owing)).json()["id"]
    for role, status in (("compliance", 403), ("agent", 200)):
        _, bearer = await owing.api.key(role)
        answer = await owing.api.http.post(path(owing, f"/mandates/{mandate}/revoke"), headers=bearer)
        assert answer.status_code == status
