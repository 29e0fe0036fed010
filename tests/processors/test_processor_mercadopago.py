"""Mercado Pago: notifications that name a payment, and what the payment is when it is fetched."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from channels.callbacks import Callback, CallbackRefused
from channels.processors.events import DebitWanted, Ignored, LinkWanted, Money, ProcessorDown, ProcessorUnable, Whose
from tests.processors.signed import REFERENCE, Server, mercadopago_at, mp_notice, mp_payment


async def told(payment: dict[str, Any]) -> list[Any]:
    return await mercadopago_at(Server((200, payment))).read(mp_notice())


def in_short(events: list[Any]) -> list[tuple[str, str, str, str | None]]:
    return [(event.id, event.kind, str(event.amount), event.reverses) for event in events]


STANDS = ("77:chargeback:undone", "reversal", "185000.5", "77:chargeback")
PAID = ("77", "payment", "185000.5", None)


async def test_an_approved_payment_is_a_payment_and_ends_a_chargeback_there_may_have_been() -> None:
    payment, stands = await told(mp_payment())
    assert payment == Money(
        id="77",
        type="payment:approved",
        kind="payment",
        amount=Decimal("185000.5"),
        currency="COP",
        paid_at=datetime(2026, 3, 5, 17, tzinfo=UTC),
        whose=Whose(reference=REFERENCE),
    )
    assert in_short([stands]) == [STANDS]
    assert stands.only_after


async def test_each_part_that_was_refunded_is_a_refund_of_its_own() -> None:
    refunds = [
        {"id": 1, "amount": 100.25, "status": "approved", "date_created": "2026-03-06T12:00:00.000-05:00"},
        {"id": 2, "amount": 50, "status": "approved", "date_created": "2026-03-07T12:00:00.000-05:00"},
        {"id": 3, "amount": 9, "status": "rejected", "date_created": "2026-03-07T12:00:00.000-05:00"},
    ]
    events = await told(mp_payment(status_detail="partially_refunded", refunds=refunds))
    assert in_short(events)[:3] == [
        PAID,
        ("77:refund:1", "refund", "100.25", "77"),
        ("77:refund:2", "refund", "50", "77"),
    ]


@pytest.mark.parametrize(
    ("status", "back"),
    [
        ("charged_back", ("77:chargeback", "chargeback", "185000.5", "77")),
        ("cancelled", ("77:cancelled", "cancellation", "185000.5", "77")),
        ("refunded", ("77:refunded", "refund", "185000.5", "77")),
    ],
)
async def test_what_went_back_whole_takes_the_payment_back(status: str, back: tuple[Any, ...]) -> None:
    assert in_short(await told(mp_payment(status=status))) == [PAID, back]


@pytest.mark.parametrize("status", ["pending", "rejected", "in_process", "in_mediation", "authorized"])
async def test_a_payment_that_is_none_yet_moves_nothing(status: str) -> None:
    assert await told(mp_payment(status=status)) == [Ignored(f"payment:77:{status}", f"payment:{status}")]


async def test_a_payment_that_was_cancelled_before_it_was_one_moves_nothing() -> None:
    events = await told(mp_payment(status="cancelled", date_approved=None))
    assert events == [Ignored("payment:77:cancelled", "payment:cancelled")]


async def test_other_topics_are_acknowledged_and_nothing_is_fetched() -> None:
    server = Server()
    events = await mercadopago_at(server).read(mp_notice(kind="merchant_order"))
    assert events == [Ignored("merchant_order:991", "merchant_order")]
    assert server.asked == []


async def test_a_payment_that_mercado_pago_does_not_know_is_acknowledged() -> None:
    events = await mercadopago_at(Server((404, {}))).read(mp_notice())
    assert events == [Ignored("payment:77:unknown", "payment:unknown")]


@pytest.mark.parametrize("answer", [(500, {}), (401, {}), httpx.ConnectError("down"), httpx.ReadTimeout("late")])
async def test_a_payment_that_cannot_be_fetched_is_asked_for_again(answer: Any) -> None:
    with pytest.raises(ProcessorDown):
        await mercadopago_at(Server(answer)).read(mp_notice())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"secret": "otro"}, "signature.invalid"),
        ({"at": -310}, "signature.too_old"),
        ({"at": 310}, "signature.from_future"),
    ],
)
async def test_a_signature_of_another_secret_or_time_is_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(CallbackRefused) as refused:
        await mercadopago_at().read(mp_notice(**change))
    assert refused.value.code == code


async def test_a_notification_of_another_payment_under_the_same_signature_is_refused() -> None:
    good = mp_notice("77")
    bad = Callback(good.method, good.url, "", {**good.query, "data.id": "78"}, good.headers, good.body)
    with pytest.raises(CallbackRefused):
        await mercadopago_at().read(bad)


async def test_a_part_of_the_manifest_that_is_absent_is_left_out() -> None:
    events = await mercadopago_at(Server((200, mp_payment()))).read(mp_notice(request=""))
    assert events[0].id == "77"


async def test_a_link_is_a_preference_with_an_exact_price() -> None:
    server = Server((201, {"id": "p-1", "init_point": "https://mp.invalid/pay/p-1"}))
    wanted = LinkWanted("k1", "amable", "CR-1", REFERENCE, 'El "PRICE"', Decimal("185000.10"), "COP")
    made = await mercadopago_at(server).link(wanted)
    body = json.loads(server.asked[0].content, parse_float=Decimal)
    assert made.url == "https://mp.invalid/pay/p-1"
    assert body["items"][0]["unit_price"] == Decimal("185000.10")
    assert body["external_reference"] == REFERENCE
    assert "CR-1" not in server.asked[0].content.decode()


async def test_debits_are_routed_elsewhere() -> None:
    with pytest.raises(ProcessorUnable) as refused:
        await mercadopago_at().debit(
            DebitWanted("k1", "amable", "CR-1", REFERENCE, "m", Decimal(5000), "COP", "SENDA-1")
        )
    assert refused.value.code == "processor.no_debits"
