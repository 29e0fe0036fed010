"""Stripe: events signed with the endpoint's secret, links by Checkout, debits by off-session payment intents.

Sources, pages of docs.stripe.com: webhooks/signature (the header, five minutes, a new timestamp for each retry),
api/events/types (which event means what), api/refunds/object and api/disputes/object (their fields and statuses),
currencies#minor-units, #zero-decimal and #special-cases (amounts), api/checkout/sessions/create (a session ends 30
minutes to 24 hours after it was made), payments/save-and-reuse ("charge the saved payment method later": `off_session`
and `confirm`), declines/codes (which refusals may pass by themselves).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import stripe

from channels.callbacks import Callback, CallbackRefused
from channels.processors import protocol
from channels.processors.events import (
    DebitAnswer,
    DebitWanted,
    Declined,
    Event,
    Ignored,
    LinkWanted,
    Money,
    PaymentLink,
    Whose,
)
from ledger.book import PaymentKind

ZERO_DECIMALS = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
)
"""Currencies whose smallest unit is the whole one. ISK and UGX have no decimals either, but are written with two."""

THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})

LONGEST_SESSION = timedelta(hours=23, minutes=55)

PASSING = frozenset(
    {
        *("approve_with_id", "insufficient_funds", "issuer_not_available", "processing_error", "reenter_transaction"),
        *("try_again_later", "lock_timeout", "rate_limit"),
    }
)
"""Decline and error codes after which the same debit may work later."""


def exponent(currency: str) -> int:
    """How many decimals an amount of a currency has in Stripe's integers."""
    return 0 if currency in ZERO_DECIMALS else 3 if currency in THREE_DECIMALS else 2


class Stripe:
    """One Stripe account. `secret`: of the webhook endpoint (whsec_…); `api_key`: sk_… or rk_…; `return_url`: where a
    payer lands after paying. A mandate is written `customer/payment_method` (`cus_…/pm_…`)."""

    def __init__(
        self,
        key: str,
        *,
        secret: str,
        api_key: str,
        return_url: str,
        base_url: str,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.key = key
        self._secret = secret
        self._return_url = return_url
        self._base_url = base_url.rstrip("/")
        self._client = httpx.AsyncClient(
            timeout=protocol.TIMEOUT, headers={"Authorization": f"Bearer {api_key}"}, transport=transport
        )

    async def read(self, callback: Callback) -> list[Event]:
        """The money that an event tells of; of all other events, and of refunds not yet made, nothing."""
        self._verify(callback)
        event = protocol.parsed(callback.body)
        name, kind = protocol.words(event, "id"), protocol.words(event, "type")
        created = event.get("created")
        if not isinstance(created, int):
            raise protocol.unreadable("created")
        told = _Told(kind, datetime.fromtimestamp(created, UTC), protocol.inner(event, "data", "object"))
        return told.events() or [Ignored(name, kind)]

    async def link(self, wanted: LinkWanted) -> PaymentLink:
        """A Checkout session; it ends within a day."""
        expires_at = datetime.now(UTC).replace(microsecond=0) + min(wanted.lifetime, LONGEST_SESSION)
        form = {
            "mode": "payment",
            "success_url": self._return_url,
            "client_reference_id": wanted.reference,
            "expires_at": str(int(expires_at.timestamp())),
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": wanted.currency.lower(),
            "line_items[0][price_data][unit_amount]": str(_minor(wanted.amount, wanted.currency)),
            "line_items[0][price_data][product_data][name]": f"Pago a {wanted.name}",
            **_metadata("payment_intent_data[metadata]", wanted.reference, wanted.due),
        }
        url = f"{self._base_url}/v1/checkout/sessions"
        # The key covers the whole request at Stripe: one more try a moment later has another end and makes another link
        made = protocol.answered(await protocol.ask(self._client, url, data=form))
        address, name = protocol.text(made.get("url")), protocol.text(made.get("id"))
        if address is None or name is None:
            raise protocol.refused()
        return PaymentLink(address, name, expires_at)

    async def debit(self, wanted: DebitWanted) -> DebitAnswer:
        """An off-session payment intent, confirmed at once; the same key takes the money once."""
        customer, slash, method = wanted.mandate.partition("/")
        if not slash:
            return DebitAnswer("failed", code="mandate_unknown")
        form = {
            "amount": str(_minor(wanted.amount, wanted.currency)),
            "currency": wanted.currency.lower(),
            "customer": customer,
            "payment_method": method,
            "off_session": "true",
            "confirm": "true",
            "description": wanted.description,
            **_metadata("metadata", wanted.reference, wanted.due),
        }
        answer = await protocol.ask_debit(
            self._client,
            f"{self._base_url}/v1/payment_intents",
            data=form,
            headers={"Idempotency-Key": wanted.key},
        )
        return answer if isinstance(answer, DebitAnswer) else _debited(answer)

    async def close(self) -> None:
        await self._client.aclose()

    def _verify(self, callback: Callback) -> None:
        header = callback.headers.get("stripe-signature")
        if not header:
            raise protocol.missing("Stripe-Signature")
        try:
            stripe.WebhookSignature.verify_header(  # pyright: ignore[reportUnknownMemberType]
                callback.body, header, self._secret, protocol.TOLERANCE
            )
        except stripe.SignatureVerificationError as error:
            if "tolerance" in str(error):
                text = f"signed more than {protocol.TOLERANCE} seconds ago: sign anew"
                raise CallbackRefused("signature.too_old", text) from None
            raise protocol.invalid("Stripe-Signature") from None
        except ValueError:  # a body that is no text
            raise protocol.invalid("Stripe-Signature") from None


class _Told:
    """An event's object, read by the event's type."""

    def __init__(self, kind: str, at: datetime, it: dict[str, Any]) -> None:
        self._kind, self._at, self._it = kind, at, it

    def events(self) -> list[Event]:
        match self._kind:
            case "payment_intent.succeeded":
                return [self._payment()]
            case "payment_intent.payment_failed":
                code = _decline_code(protocol.table(self._it.get("last_payment_error")))
                return [Declined(protocol.words(self._it, "id"), self._kind, code, code in PASSING)]
            case "refund.created" | "refund.updated" | "charge.refund.updated" | "refund.failed":
                return self._refund(self._it)
            case "charge.refunded":
                listed = protocol.tables(protocol.table(self._it.get("refunds")).get("data"))
                return [money for refund in listed for money in self._refund(refund)]
            case "charge.dispute.funds_withdrawn":
                return [self._back("chargeback", self._it, protocol.words(self._it, "id"), _paid(self._it))]
            case "charge.dispute.funds_reinstated":
                dispute = protocol.words(self._it, "id")
                return [self._back("reversal", self._it, f"{dispute}:reinstated", dispute)]
            case _:
                return []

    def _payment(self) -> Money:
        it = self._it
        return Money(
            id=protocol.words(it, "id"),
            type=self._kind,
            kind="payment",
            amount=_amount(it, "amount_received"),
            currency=_currency(it),
            paid_at=self._at,
            whose=_whose(it),
            due=_data(it, "senda_due"),
        )

    def _refund(self, refund: dict[str, Any]) -> list[Event]:
        """A refund counts when it is made; one that fails later, as some do, is taken back."""
        name, status = protocol.words(refund, "id"), refund.get("status")
        if status == "succeeded":
            return [self._back("refund", refund, name, _paid(refund))]
        if status == "failed":
            return [self._back("reversal", refund, f"{name}:failed", name)]
        return []

    def _back(self, kind: PaymentKind, it: Mapping[str, Any], name: str, reverses: str) -> Money:
        return Money(
            id=name,
            type=self._kind,
            kind=kind,
            amount=_amount(it, "amount"),
            currency=_currency(it),
            paid_at=self._at,
            whose=_whose(it),
            reverses=reverses,
        )


def _amount(it: Mapping[str, Any], name: str) -> Decimal:
    return protocol.from_minor(it.get(name), exponent(_currency(it)), name)


def _minor(amount: Decimal, currency: str) -> int:
    return protocol.to_minor(amount, exponent(currency), currency)


def _currency(it: Mapping[str, Any]) -> str:
    return protocol.words(it, "currency").upper()


def _paid(it: Mapping[str, Any]) -> str:
    """What a refund or a dispute is about: the payment intent, or of old integrations the charge."""
    return protocol.words(it, "payment_intent" if it.get("payment_intent") else "charge")


def _data(it: Mapping[str, Any], name: str) -> str | None:
    return protocol.text(protocol.table(it.get("metadata")).get(name))


def _whose(it: Mapping[str, Any]) -> Whose:
    return Whose.read(_data(it, "senda_account"))


def _metadata(prefix: str, reference: str, due: str | None) -> dict[str, str]:
    return {f"{prefix}[senda_account]": reference, **({f"{prefix}[senda_due]": due} if due else {})}


def _debited(answer: httpx.Response) -> DebitAnswer:
    told = protocol.answered(answer)
    if answer.status_code < 300:
        name = protocol.text(told.get("id"))
        match told.get("status"):
            case "succeeded":
                return DebitAnswer("taken", name)
            case "processing":
                return DebitAnswer("pending", name)
            case _:
                return DebitAnswer("failed", name, "authentication_required")
    error = protocol.table(told.get("error"))
    name = protocol.text(protocol.table(error.get("payment_intent")).get("id"))
    code = _decline_code(error)
    return DebitAnswer("failed", name, code, code in PASSING)


def _decline_code(error: Mapping[str, Any]) -> str:
    return protocol.text(error.get("decline_code")) or protocol.text(error.get("code")) or "refused"
