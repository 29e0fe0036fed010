"""Stripe: what each event means, whose signatures are believed, how amounts are written, what is asked."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.callbacks import CallbackRefused, CallbackUnreadable
from channels.processors.events import (
    DebitWanted,
    Declined,
    Ignored,
    LinkWanted,
    Money,
    ProcessorDown,
    ProcessorRefused,
    Whose,
)
from channels.processors.protocol import to_minor
from channels.processors.stripe import THREE_DECIMALS, ZERO_DECIMALS, exponent
from tests.processors.signed import REFERENCE, Server, callback, stripe_at, stripe_event

INTENT = {
    "id": "pi_1",
    "amount_received": 18_500_000,
    "currency": "cop",
    "metadata": {"senda_account": REFERENCE, "senda_due": "3"},
}
DISPUTE = {"id": "dp_1", "amount": 18_500_000, "currency": "cop", "payment_intent": "pi_1", "charge": "ch_1"}
REFUND = {"id": "re_1", "amount": 5_000_000, "currency": "cop", "payment_intent": "pi_1", "status": "succeeded"}


async def only(kind: str, it: dict[str, Any]) -> Money:
    [money] = await stripe_at().read(stripe_event(kind, it))
    assert isinstance(money, Money)
    return money


async def test_a_payment_intent_that_succeeded_is_a_payment() -> None:
    assert await only("payment_intent.succeeded", INTENT) == Money(
        id="pi_1",
        type="payment_intent.succeeded",
        kind="payment",
        amount=Decimal(185_000),
        currency="COP",
        paid_at=datetime.fromtimestamp(1_790_000_000, UTC),
        whose=Whose(reference=REFERENCE),
        due="3",
    )


async def test_an_account_may_be_named_by_its_keys() -> None:
    money = await only("payment_intent.succeeded", INTENT | {"metadata": {"senda_account": "amable/CR-1"}})
    assert money.whose == Whose("amable", "CR-1")


@pytest.mark.parametrize("kind", ["refund.created", "refund.updated", "charge.refund.updated"])
async def test_a_refund_that_was_made_takes_its_payment_back_under_its_own_id(kind: str) -> None:
    money = await only(kind, REFUND)
    assert (money.id, money.kind, money.amount, money.reverses) == ("re_1", "refund", Decimal(50_000), "pi_1")


async def test_a_refunded_charge_that_lists_its_refunds_tells_of_each() -> None:
    listed = {"id": "ch_1", "refunds": {"data": [REFUND, REFUND | {"id": "re_2"}]}}
    events = await stripe_at().read(stripe_event("charge.refunded", listed))
    assert [event.id for event in events] == ["re_1", "re_2"]


async def test_a_refund_that_is_on_its_way_moves_nothing_yet() -> None:
    events = await stripe_at().read(stripe_event("refund.created", REFUND | {"status": "pending"}))
    assert events == [Ignored("evt_refund.created", "refund.created")]


async def test_a_refund_that_failed_is_taken_back() -> None:
    money = await only("refund.failed", REFUND | {"status": "failed"})
    assert (money.id, money.kind, money.reverses) == ("re_1:failed", "reversal", "re_1")


async def test_a_dispute_takes_the_payment_back_and_its_end_takes_back_the_dispute() -> None:
    withdrawn = await only("charge.dispute.funds_withdrawn", DISPUTE)
    assert (withdrawn.id, withdrawn.kind, withdrawn.reverses) == ("dp_1", "chargeback", "pi_1")
    reinstated = await only("charge.dispute.funds_reinstated", DISPUTE)
    assert (reinstated.id, reinstated.kind, reinstated.reverses) == ("dp_1:reinstated", "reversal", "dp_1")


@pytest.mark.parametrize(("decline", "later"), [("insufficient_funds", True), ("stolen_card", False)])
async def test_a_payment_that_failed_never_comes_and_says_whether_another_may(decline: str, later: bool) -> None:
    told = stripe_event(
        kind := "payment_intent.payment_failed", {"id": "pi_1", "last_payment_error": {"decline_code": decline}}
    )
    assert await stripe_at().read(told) == [Declined("pi_1", kind, decline, later)]


@pytest.mark.parametrize("kind", ["payment_intent.canceled", "charge.succeeded", "charge.refunded", "v9.unheard_of"])
async def test_other_events_are_acknowledged_by_their_id(kind: str) -> None:
    assert await stripe_at().read(stripe_event(kind, {"id": "x"})) == [Ignored(f"evt_{kind}", kind)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"secret": "whsec_otro"}, "signature.invalid"),
        ({"at": -301}, "signature.too_old"),
    ],
)
async def test_a_signature_of_another_secret_or_time_is_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(CallbackRefused) as refused:
        await stripe_at().read(stripe_event("payment_intent.succeeded", INTENT, **change))
    assert refused.value.code == code


async def test_another_body_under_the_same_signature_is_refused() -> None:
    told = stripe_event("payment_intent.succeeded", INTENT)
    with pytest.raises(CallbackRefused) as refused:
        await stripe_at().read(callback(told.body.replace(b"18500000", b"99999999"), dict(told.headers)))
    assert refused.value.code == "signature.invalid"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "signature.missing"),
        ({"stripe-signature": "nonsense"}, "signature.invalid"),
        ({"stripe-signature": "t=1,v0=a"}, "signature.invalid"),
    ],
)
async def test_a_callback_without_a_good_header_is_refused(headers: dict[str, str], code: str) -> None:
    with pytest.raises(CallbackRefused) as refused:
        await stripe_at().read(callback(b"{}", headers))
    assert refused.value.code == code


@pytest.mark.parametrize("change", [{"amount_received": 0}, {"amount_received": "100"}, {"currency": None}])
async def test_money_that_cannot_be_read_is_no_money(change: dict[str, Any]) -> None:
    with pytest.raises(CallbackUnreadable):
        await stripe_at().read(stripe_event("payment_intent.succeeded", INTENT | change))


@pytest.mark.parametrize(
    ("currency", "minor", "amount"),
    [("cop", 100, "1"), ("jpy", 500, "500"), ("clp", 500, "500"), ("isk", 500, "5"), ("kwd", 5120, "5.12")],
)
async def test_amounts_are_whole_numbers_of_the_smallest_unit(currency: str, minor: int, amount: str) -> None:
    money = await only("payment_intent.succeeded", INTENT | {"currency": currency, "amount_received": minor})
    assert money.amount == Decimal(amount)


@given(
    currency=st.sampled_from(sorted({"COP", "USD", "ISK", "UGX"} | ZERO_DECIMALS | THREE_DECIMALS)),
    minor=st.integers(1, 10**12),
)
def test_an_amount_comes_back_as_it_went(currency: str, minor: int) -> None:
    places = exponent(currency)
    assert to_minor(Decimal(minor).scaleb(-places), places, currency) == minor


def link(**changes: Any) -> LinkWanted:
    values = {"key": "k1", "creditor": "amable", "account": "CR-1", "reference": REFERENCE, "name": "Crédito Amable"}
    return LinkWanted(**{**values, "amount": Decimal("185000.00"), "currency": "COP", "due": "3", **changes})


def debit(**changes: Any) -> DebitWanted:
    values = {"key": "k1", "creditor": "amable", "account": "CR-1", "reference": REFERENCE, "mandate": "cus_1/pm_1"}
    money = {"amount": Decimal(5000), "currency": "COP", "description": "SENDA-1"}
    return DebitWanted(**{**values, **money, **changes})


async def test_a_link_is_a_checkout_session_whose_payment_names_the_account() -> None:
    server = Server((200, {"id": "cs_1", "url": "https://checkout.invalid/cs_1"}))
    made = await stripe_at(server).link(link())
    form = {name: values[0] for name, values in parse_qs(server.asked[0].content.decode()).items()}
    assert (made.url, made.id) == ("https://checkout.invalid/cs_1", "cs_1")
    assert form["payment_intent_data[metadata][senda_account]"] == REFERENCE
    assert form["line_items[0][price_data][unit_amount]"] == "18500000"
    assert "CR-1" not in server.asked[0].content.decode()


async def test_a_link_lasts_no_longer_than_stripe_allows() -> None:
    server = Server((200, {"id": "cs_1", "url": "https://checkout.invalid/cs_1"}))
    made = await stripe_at(server).link(link())
    assert made.expires_at is not None
    assert 23 * 3600 < (made.expires_at - datetime.now(UTC)).total_seconds() < 24 * 3600


async def test_a_fraction_that_stripe_cannot_write_is_refused_before_it_is_asked() -> None:
    with pytest.raises(ProcessorRefused):
        await stripe_at().link(link(amount=Decimal("500.5"), currency="JPY"))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((400, {"error": {"message": "no"}}), ProcessorRefused),
        ((503, {}), ProcessorDown),
        (httpx.ConnectError("down"), ProcessorDown),
        ((200, {}), ProcessorRefused),
    ],
)
async def test_a_link_that_is_not_made_says_why(answer: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        await stripe_at(Server(answer)).link(link())


@pytest.mark.parametrize(
    ("answer", "status", "code", "retryable"),
    [
        ((200, {"id": "pi_1", "status": "succeeded"}), "taken", None, False),
        ((200, {"id": "pi_1", "status": "processing"}), "pending", None, False),
        ((200, {"id": "pi_1", "status": "requires_action"}), "failed", "authentication_required", False),
        (
            (402, {"error": {"code": "card_declined", "decline_code": "insufficient_funds"}}),
            *("failed", "insufficient_funds", True),
        ),
        (
            (402, {"error": {"code": "card_declined", "decline_code": "stolen_card"}}),
            *("failed", "stolen_card", False),
        ),
        ((500, {}), "pending", "processor.no_answer", True),
        ((429, {}), "failed", "processor.busy", True),
        (httpx.ReadTimeout("late"), "pending", "processor.no_answer", True),
        (httpx.ConnectError("down"), "failed", "processor.unreachable", True),
    ],
)
async def test_a_debit_answers_whether_the_money_came(answer: Any, status: str, code: str, retryable: bool) -> None:
    server = Server(answer)
    answered = await stripe_at(server).debit(debit())
    assert (answered.status, answered.code, answered.retryable) == (status, code, retryable)
    assert server.asked[0].headers["idempotency-key"] == "k1"


async def test_a_mandate_that_is_none_is_refused_for_good() -> None:
    answered = await stripe_at().debit(debit(mandate="pm_1"))
    assert (answered.status, answered.retryable) == ("failed", False)
