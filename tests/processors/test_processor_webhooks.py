"""The webhooks of processors: money counts once in whatever order it is told, and nothing that is told is lost."""

import asyncio
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest

from channels.processors import taking
from ledger.processing import KeptLink, keep_event, keep_link
from tests.ledger.given import Given, row
from tests.processors.conftest import Webhooks
from tests.processors.signed import mp_notice, mp_payment, stripe_event, wompi_event

DUE = ("1", "2026-02-01", "100000")


async def account(given: Given, key: str = "A") -> str:
    """An account that owes 100,000: its reference."""
    await given.imported(row(key, DUE))
    found = await given.one("SELECT reference FROM accounts WHERE creditor = %s AND key = %s", given.key, key)
    return found["reference"]


def intent(reference: str, name: str, amount: int = 40_000) -> dict[str, Any]:
    return {
        "id": name,
        "amount_received": amount * 100,
        "currency": "cop",
        "metadata": {"senda_account": reference},
    }


def back(name: str, payment: str, amount: int, **more: Any) -> dict[str, Any]:
    return {"id": name, "amount": amount * 100, "currency": "cop", "payment_intent": payment, **more}


async def test_a_payment_counts_once(webhooks: Webhooks, given: Given) -> None:
    told = stripe_event("payment_intent.succeeded", intent(await account(given), f"pi_{uuid4().hex}"))
    first, again = await webhooks.hear("tarjetas", told), await webhooks.hear("tarjetas", told)
    assert first.json() == {"applied": True, "status": "applied", "code": None}
    assert again.json() == {"applied": False, "status": "duplicate", "code": None}
    assert await given.balance("A") == 60_000


async def test_the_balance_is_right_in_whatever_order_money_is_told(webhooks: Webhooks, given: Given) -> None:
    """A payment of 40,000, 10,000 of it refunded, the rest charged back and given back again; each told twice."""
    for number, order in enumerate(permutations(range(4))):
        key = f"A{number}"
        payment, refund, dispute = (f"{kind}_{uuid4().hex}" for kind in ("pi", "re", "dp"))
        told = [
            stripe_event("payment_intent.succeeded", intent(await account(given, key), payment)),
            stripe_event("refund.created", back(refund, payment, 10_000, status="succeeded")),
            stripe_event("charge.dispute.funds_withdrawn", back(dispute, payment, 30_000)),
            stripe_event("charge.dispute.funds_reinstated", back(dispute, payment, 30_000)),
        ]
        for place in (*order, *order):
            assert (await webhooks.hear("tarjetas", told[place])).status_code == 200
        assert await given.balance(key) == 70_000, order


async def test_the_balance_is_right_when_all_is_told_at_once(webhooks: Webhooks, given: Given) -> None:
    for number in range(8):
        key = f"A{number}"
        payment, refund, dispute = (f"{kind}_{uuid4().hex}" for kind in ("pi", "re", "dp"))
        told = [
            stripe_event("payment_intent.succeeded", intent(await account(given, key), payment)),
            stripe_event("refund.created", back(refund, payment, 10_000, status="succeeded")),
            stripe_event("charge.dispute.funds_withdrawn", back(dispute, payment, 30_000)),
            stripe_event("charge.dispute.funds_reinstated", back(dispute, payment, 30_000)),
        ]
        answers = await asyncio.gather(*(webhooks.hear("tarjetas", each) for each in (*told, *reversed(told))))
        assert {answer.status_code for answer in answers} == {200}
        assert await given.balance(key) == 70_000


async def test_money_back_that_comes_first_waits_and_is_shown(webhooks: Webhooks, given: Given) -> None:
    reference, payment, refund = await account(given), f"pi_{uuid4().hex}", f"re_{uuid4().hex}"
    early = await webhooks.hear(
        "tarjetas", stripe_event("refund.created", back(refund, payment, 40_000, status="succeeded"))
    )
    assert early.json() == {"applied": False, "status": "unapplied", "code": "payment.unknown_account"}
    [kept] = await webhooks.events("tarjetas", refund)
    assert (kept["code"], kept["waits_for"]) == ("payment.unknown_account", payment)
    await webhooks.hear("tarjetas", stripe_event("payment_intent.succeeded", intent(reference, payment)))
    assert await given.balance("A") == 100_000


async def test_a_payment_that_comes_while_its_refund_is_put_aside_meets_it(
    webhooks: Webhooks, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference, payment, refund = await account(given), f"pi_{uuid4().hex}", f"re_{uuid4().hex}"

    async def overtaken(*values: Any) -> bool:
        monkeypatch.setattr(taking, "keep_event", keep_event)
        await webhooks.hear("tarjetas", stripe_event("payment_intent.succeeded", intent(reference, payment)))
        return await keep_event(*values)

    monkeypatch.setattr(taking, "keep_event", overtaken)
    told = stripe_event("refund.created", back(refund, payment, 40_000, status="succeeded"))
    assert (await webhooks.hear("tarjetas", told)).json()["applied"] is True
    assert await given.balance("A") == 100_000


async def test_an_unknown_event_is_acknowledged_and_recorded_once(webhooks: Webhooks) -> None:
    kind = f"v9.{uuid4().hex}"
    for _ in range(2):
        answer = await webhooks.hear("tarjetas", stripe_event(kind, {"id": "x"}))
        assert answer.json() == {"applied": False, "status": "ignored", "code": None}
    assert [(event["type"], event["code"]) for event in await webhooks.events("tarjetas", f"evt_{kind}")] == [
        (kind, None)
    ]


async def test_a_bad_signature_is_refused_and_leaves_nothing(webhooks: Webhooks, given: Given) -> None:
    bad = stripe_event("payment_intent.succeeded", intent(await account(given), "pi_x"), secret="whsec_otro")
    answer = await webhooks.hear("tarjetas", bad)
    assert (answer.status_code, answer.json()["code"]) == (401, "signature.invalid")
    assert await given.balance("A") == 100_000


async def test_a_processor_that_nobody_configured_is_unknown(webhooks: Webhooks) -> None:
    answer = await webhooks.hear("nadie", stripe_event("x", {}))
    assert (answer.status_code, answer.json()["code"]) == (404, "processor.unknown")


async def test_money_in_another_currency_is_kept_aside(webhooks: Webhooks, given: Given) -> None:
    payment = f"pi_{uuid4().hex}"
    told = intent(await account(given), payment) | {"currency": "usd"}
    answer = await webhooks.hear("tarjetas", stripe_event("payment_intent.succeeded", told))
    assert answer.json() == {"applied": False, "status": "unapplied", "code": "payment.currency_mismatch"}
    [kept] = await webhooks.events("tarjetas", payment)
    assert (kept["data"]["amount"], kept["data"]["currency"]) == ("40000.00", "USD")
    assert await given.balance("A") == 100_000


async def test_the_reference_of_a_creditor_that_the_processor_does_not_serve_pays_nothing(
    webhooks: Webhooks, given: Given
) -> None:
    told = stripe_event("payment_intent.succeeded", intent(await account(given), f"pi_{uuid4().hex}"))
    answer = await webhooks.hear("ajeno", told)
    assert answer.json() == {"applied": False, "status": "unapplied", "code": "payment.other_creditor"}
    assert await given.balance("A") == 100_000


async def test_money_of_nobody_is_kept_aside(webhooks: Webhooks) -> None:
    payment = f"pi_{uuid4().hex}"
    answer = await webhooks.hear("tarjetas", stripe_event("payment_intent.succeeded", intent("pedido 7", payment)))
    assert answer.json()["code"] == "payment.unknown_account"
    assert len(await webhooks.events("tarjetas", payment)) == 1


async def test_money_by_a_link_of_the_processor_is_the_links_accounts(webhooks: Webhooks, given: Given) -> None:
    await account(given)
    link, name = f"l{uuid4().hex[:8]}", uuid4().hex
    it = {"id": name, "amount_in_cents": 4_000_000, "payment_link_id": link, "reference": "test_1_2"}
    await keep_link(
        given.ledger,
        KeptLink(
            key=uuid4().hex,
            creditor=given.key,
            account_id=await given.number("A"),
            processor="wompi",
            link=link,
            url="https://checkout.invalid/l/x",
            amount=(await given.balance("A")),
            currency="COP",
            due=None,
            actor="ana",
            expires_at=None,
        ),
    )
    assert (await webhooks.hear("wompi", wompi_event(it))).json()["applied"] is True
    assert await given.balance("A") == 60_000
    assert (await webhooks.hear("wompi", wompi_event({**it, "status": "VOIDED"}))).json()["applied"] is True
    assert await given.balance("A") == 100_000


async def test_a_link_of_another_processor_names_nobody(webhooks: Webhooks, given: Given) -> None:
    await account(given)
    link = f"l{uuid4().hex[:8]}"
    where = {"creditor": given.key, "account_id": await given.number("A"), "processor": "mp", "link": link}
    money = {"amount": await given.balance("A"), "currency": "COP", "due": None, "expires_at": None}
    await keep_link(given.ledger, KeptLink(key=uuid4().hex, url="https://x.invalid", actor="ana", **where, **money))
    told = wompi_event({"id": uuid4().hex, "payment_link_id": link, "reference": "x"})
    assert (await webhooks.hear("wompi", told)).json()["code"] == "payment.unknown_account"


async def test_a_chargeback_and_its_end_follow_what_mercado_pago_says_of_the_payment(
    webhooks: Webhooks, given: Given
) -> None:
    name = str(uuid4().int)[:18]
    paid = mp_payment(id=int(name), transaction_amount=40_000, external_reference=await account(given))
    for status, balance in (("approved", 60_000), ("charged_back", 100_000), ("approved", 60_000)):
        webhooks.mp.answers.append((200, paid | {"status": status}))
        answer = await webhooks.hear("mp", mp_notice(name))
        assert answer.json()["applied"] is True
        assert await given.balance("A") == balance


async def test_a_processor_that_does_not_answer_asks_for_the_notification_again(webhooks: Webhooks) -> None:
    webhooks.mp.answers.append((500, {}))
    answer = await webhooks.hear("mp", mp_notice())
    assert (answer.status_code, answer.json()["code"]) == (503, "processor.unreachable")
