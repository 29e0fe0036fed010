"""Wompi: what each status means, which checksums are believed, what is asked."""

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from channels.callbacks import CallbackRefused, CallbackUnreadable
from channels.processors.events import DebitWanted, Declined, Ignored, LinkWanted, Money, Whose
from tests.processors.signed import (
    REFERENCE,
    WOMPI_COVERED,
    WOMPI_INTEGRITY,
    Server,
    callback,
    wompi_at,
    wompi_event,
)


async def refusal(told: Any, **more: Any) -> str:
    with pytest.raises(CallbackRefused) as refused:
        await wompi_at(**more).read(told)
    return refused.value.code


async def test_an_approved_transaction_is_a_payment() -> None:
    assert await wompi_at().read(wompi_event({})) == [
        Money(
            id="1-2-3",
            type="transaction.updated:APPROVED",
            kind="payment",
            amount=Decimal(185_000),
            currency="COP",
            paid_at=datetime(2026, 3, 5, 17, tzinfo=UTC),
            whose=Whose(reference=REFERENCE),
        )
    ]


async def test_a_voided_transaction_cancels_its_payment() -> None:
    [money] = await wompi_at().read(wompi_event({"status": "VOIDED"}))
    assert isinstance(money, Money)
    assert (money.id, money.kind, money.reverses) == ("1-2-3:voided", "cancellation", "1-2-3")


async def test_a_payment_by_a_link_is_its_links() -> None:
    """Wompi gives such transactions references of its own."""
    [money] = await wompi_at().read(wompi_event({"reference": "test_ab_1769_xyz", "payment_link_id": "3Z0Cfi"}))
    assert isinstance(money, Money)
    assert money.whose == Whose(link="3Z0Cfi")


async def test_a_pending_transaction_moves_nothing() -> None:
    expected = Ignored("1-2-3:PENDING", "transaction.updated:PENDING")
    assert await wompi_at().read(wompi_event({"status": "PENDING"})) == [expected]


@pytest.mark.parametrize("status", ["DECLINED", "ERROR"])
async def test_a_transaction_that_was_declined_never_comes(status: str) -> None:
    expected = Declined("1-2-3", f"transaction.updated:{status}", status.lower())
    assert await wompi_at().read(wompi_event({"status": status})) == [expected]


async def test_other_events_are_acknowledged() -> None:
    [event] = await wompi_at().read(wompi_event({}, kind="nequi_token.updated"))
    assert isinstance(event, Ignored)
    assert event.type == "nequi_token.updated"


async def test_a_checksum_of_another_secret_is_refused() -> None:
    assert await refusal(wompi_event({}, secret="otro")) == "signature.invalid"


@pytest.mark.parametrize(("at", "code"), [(-310, "signature.too_old"), (310, "signature.from_future")])
async def test_an_event_of_another_time_is_refused(at: int, code: str) -> None:
    assert await refusal(wompi_event({}, at=at)) == code


async def test_an_older_event_is_believed_where_the_configuration_says_so() -> None:
    assert len(await wompi_at(tolerance=90_000).read(wompi_event({}, at=-86_400))) == 1


async def test_a_checksum_that_covers_less_than_the_money_is_refused() -> None:
    """The event names what its checksum covers: one that joins all into the id could say any amount."""
    assert await refusal(wompi_event({}, covered=["transaction.id"])) == "signature.invalid"


async def test_a_checksum_over_more_is_believed() -> None:
    assert len(await wompi_at().read(wompi_event({}, covered=[*WOMPI_COVERED, "transaction.reference"]))) == 1


async def test_a_changed_amount_is_refused() -> None:
    told = wompi_event({})
    assert await refusal(callback(told.body.replace(b"18500000", b"99999999"))) == "signature.invalid"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"'])
async def test_a_body_that_is_none_is_unreadable(body: bytes) -> None:
    with pytest.raises(CallbackUnreadable):
        await wompi_at().read(callback(body))


@pytest.mark.parametrize(
    "change", [{"signature": None}, {"signature": {"properties": "x", "checksum": "y"}}, {"timestamp": None}]
)
async def test_an_event_without_a_signature_is_refused(change: dict[str, Any]) -> None:
    told = json.loads(wompi_event({}).body) | change
    assert (await refusal(callback(json.dumps(told).encode()))).startswith("signature.")


async def test_a_link_names_the_creditor_and_tells_no_account() -> None:
    server = Server((201, {"data": {"id": "3Z0Cfi"}}))
    made = await wompi_at(server).link(
        LinkWanted("k1", "amable", "CR-1", REFERENCE, "Crédito Amable", Decimal("185000.00"), "COP")
    )
    body = json.loads(server.asked[0].content)
    assert (made.url, made.id) == ("https://checkout.invalid/l/3Z0Cfi", "3Z0Cfi")
    assert (body["amount_in_cents"], body["single_use"], body["sku"]) == (18_500_000, True, REFERENCE)
    assert "CR-1" not in server.asked[0].content.decode()


def debit(mandate: str = "3891") -> DebitWanted:
    return DebitWanted("k1", "amable", "CR-1", REFERENCE, mandate, Decimal(5000), "COP", "SENDA-1")


async def test_a_debit_is_signed_and_its_reference_is_made_of_the_key() -> None:
    server = Server((201, {"data": {"id": "t-1", "status": "PENDING"}}), (201, {"data": {"status": "PENDING"}}))
    wompi = wompi_at(server)
    answered = await wompi.debit(debit())
    await wompi.debit(debit())
    first, second = (json.loads(request.content) for request in server.asked)
    integrity = hashlib.sha256(f"{first['reference']}500000COP{WOMPI_INTEGRITY}".encode()).hexdigest()
    assert (answered.status, answered.id) == ("pending", "t-1")
    assert first["signature"] == integrity
    assert first["reference"] == second["reference"]
    assert Whose.read(first["reference"]) == Whose(reference=REFERENCE)


@pytest.mark.parametrize(
    ("answer", "status", "retryable"),
    [
        ((201, {"data": {"id": "t", "status": "APPROVED"}}), "taken", False),
        ((201, {"data": {"id": "t", "status": "DECLINED"}}), "failed", True),
        ((422, {"error": {}}), "failed", False),
        ((502, {}), "pending", True),
    ],
)
async def test_a_debit_answers_whether_the_money_came(answer: Any, status: str, retryable: bool) -> None:
    answered = await wompi_at(Server(answer)).debit(debit())
    assert (answered.status, answered.retryable) == (status, retryable)


async def test_a_mandate_that_is_no_payment_source_is_refused() -> None:
    assert (await wompi_at().debit(debit("cus_1"))).code == "mandate_unknown"
