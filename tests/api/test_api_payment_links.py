"""Payment links: asked from the creditor's processor, paid at the sandbox, and told back by a signed webhook."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.calls import Api, Creditor, plain, problem_of
from tests.ledger.given import START, row

DUES = (("1", "2026-02-01", "100000"), ("2", "2026-03-01", "50000"))


@pytest.fixture
async def owing(creditor: Creditor) -> Creditor:
    """A creditor whose account A owes 100,000 and 50,000."""
    await creditor.imports(row("A", *DUES))
    return creditor


async def ask(creditor: Creditor, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/v1/accounts/{creditor.key}/A/payment-links"
    return await creditor.api.http.post(path, json=body or {}, headers=named)


async def pay(url: str, **order: Any) -> dict[str, Any]:
    """Somebody pays on the page of a link."""
    async with httpx.AsyncClient(transport=plain(), timeout=30) as browser:
        answer = await browser.post(url, json={"paid_at": START.isoformat(), **order})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def balance(creditor: Creditor) -> Decimal:
    return Decimal((await creditor.get("A"))["balance"]["amount"])


async def test_a_link_for_all_that_is_owed_is_paid(owing: Creditor) -> None:
    answer = await ask(owing)
    assert answer.status_code == 201
    link = answer.json()
    assert (link["amount"], link["currency"], link["processor"], link["due"]) == ("150000.00", "COP", "caja", None)
    told = await pay(link["url"], how="all")
    assert told["status"] == 200
    assert await balance(owing) == 0


async def test_a_link_for_a_due_is_for_what_is_open_on_it(owing: Creditor) -> None:
    link = (await ask(owing, {"due": "2"})).json()
    assert (link["amount"], link["due"]) == ("50000.00", "2")


async def test_a_link_may_be_paid_in_part_and_more_than_once(owing: Creditor) -> None:
    link = (await ask(owing, {"amount": "90000"})).json()
    await pay(link["url"], how="part", amount="20000")
    await pay(link["url"], how="part", amount="30000")
    assert await balance(owing) == 100_000


async def test_a_payment_that_fails_moves_nothing(owing: Creditor) -> None:
    told = await pay((await ask(owing)).json()["url"], how="fail")
    assert told["callbacks"] == []
    assert await balance(owing) == 150_000


async def test_a_chargeback_at_the_processor_takes_the_payment_back_and_its_end_pays_again(owing: Creditor) -> None:
    link = (await ask(owing)).json()
    await pay(link["url"], how="all")
    processor = httpx.AsyncClient(base_url=owing.api.stack.sandbox, transport=plain(), timeout=30)
    async with processor:
        for kind, left in (("chargeback", 150_000), ("reversal", 0)):
            [last] = await owing.api.rows(
                "SELECT external_id FROM payments WHERE creditor = %s ORDER BY id DESC LIMIT 1", owing.key
            )
            order = {"kind": kind, "paid_at": START.isoformat()}
            answer = await processor.post(f"/payments/{last['external_id']}/back", json=order)
            assert answer.json()["status"] == 200
            assert await balance(owing) == left


async def test_the_same_command_makes_one_link(owing: Creditor) -> None:
    key = uuid4().hex
    first, again = await ask(owing, idempotency_key=key), await ask(owing, idempotency_key=key)
    assert again.json() == first.json()
    assert len(await owing.api.rows("SELECT FROM payment_links WHERE creditor = %s", owing.key)) == 1


async def test_links_differ_from_one_command_to_the_next(owing: Creditor) -> None:
    assert (await ask(owing)).json()["url"] != (await ask(owing)).json()["url"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"amount": "0"}, 422, "request.invalid"),
        ({"amount": "1.005"}, 422, "payment.amount_decimals"),
        ({"due": "9"}, 404, "due.unknown"),
        ({"sum": "1"}, 422, "request.invalid"),
    ],
)
async def test_a_link_for_what_cannot_be_is_refused(
    owing: Creditor, body: dict[str, Any], status: int, code: str
) -> None:
    assert problem_of(await ask(owing, body)) == (status, code)


async def test_a_link_for_an_account_that_owes_nothing_is_refused(owing: Creditor) -> None:
    await owing.pays("A", "150000")
    assert problem_of(await ask(owing, {"amount": "5"})) == (409, "account.owes_nothing")


async def test_a_link_for_an_account_that_nobody_knows_is_refused(creditor: Creditor) -> None:
    assert problem_of(await ask(creditor)) == (404, "account.unknown")


async def test_agents_ask_for_links_and_compliance_does_not(owing: Creditor) -> None:
    for role, status in (("agent", 201), ("operator", 201), ("compliance", 403)):
        _, bearer = await owing.api.key(role)
        assert (await ask(owing, **bearer)).status_code == status


async def test_the_page_of_a_link_says_what_is_paid_to_whom(owing: Creditor) -> None:
    link = (await ask(owing)).json()
    async with httpx.AsyncClient(transport=plain(), timeout=30) as browser:
        page = (await browser.get(link["url"])).text
        failed = await browser.post(link["url"], data={"how": "fail"}, follow_redirects=True)
        unknown = await browser.get(f"{owing.api.stack.sandbox}/pagar/no", headers={"accept": "text/html"})
    assert "Pago a Crédito Amable" in page
    assert "150.000" in page
    assert "No se le cobró nada" in failed.text
    assert (unknown.status_code, "no existe" in unknown.text) == (404, True)


async def test_a_processor_that_is_down_makes_no_link(owing: Creditor) -> None:
    async with httpx.AsyncClient(base_url=owing.api.stack.sandbox, transport=plain()) as sandbox:
        await sandbox.put("/control/faults/payments", json={"mode": "503", "count": 1})
    assert problem_of(await ask(owing)) == (503, "processor.unreachable")
    assert (await ask(owing)).status_code == 201


async def test_what_processors_tell_beside_payments_is_listed(api: Api) -> None:
    answer = await api.http.get("/v1/processor-events", params={"processor": f"p-{uuid4().hex}"})
    assert answer.json() == {"items": [], "next_cursor": None}
    _, agent = await api.key("agent")
    assert (await api.http.get("/v1/processor-events", headers=agent)).status_code == 403
