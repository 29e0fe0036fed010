"""Mercado Pago: a notification names a payment, which is fetched; links by Checkout Pro.

Sources, pages of mercadopago.com.co/developers/es/docs: your-integrations/notifications/webhooks (`x-signature`:
HMAC-SHA256 over `id:…;request-id:…;ts:…;`, `data.id` from the address and in lower case, parts that are absent left
out; answered with 200, retried every 15 minutes), checkout-api-payments/response-handling (the statuses), and of the
reference payments/get and preferences/create. It has no debits by mandate that need no card data of the payer each
time, so none are taken here.
"""

import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx

from channels.callbacks import Callback
from channels.processors import protocol
from channels.processors.events import (
    DebitAnswer,
    DebitWanted,
    Event,
    Ignored,
    LinkWanted,
    Money,
    PaymentLink,
    Whose,
    no_debits,
)
from ledger.book import PaymentKind

PAID = frozenset({"approved", "refunded", "charged_back", "cancelled"})


class MercadoPago:
    """One application. `secret`: of its webhooks; `access_token`: APP_USR-…"""

    def __init__(
        self,
        key: str,
        *,
        secret: str,
        access_token: str,
        base_url: str,
        callback_url: str,
        return_url: str,
        tolerance: int = protocol.TOLERANCE,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.key = key
        self._secret = secret
        self._base_url = base_url.rstrip("/")
        self._callback_url, self._return_url = callback_url, return_url
        self._tolerance = tolerance
        self._client = httpx.AsyncClient(
            timeout=protocol.TIMEOUT, headers={"Authorization": f"Bearer {access_token}"}, transport=transport
        )

    async def read(self, callback: Callback) -> list[Event]:
        """What the payment is now, whole: its money and all that went back. Other topics: nothing."""
        name = callback.query.get("data.id") or callback.query.get("id") or ""
        self._verify(callback, name)
        told = protocol.parsed(callback.body)
        topic = callback.query.get("type") or told.get("type") or callback.query.get("topic")
        topic = topic if isinstance(topic, str) and topic.isprintable() else "unknown"
        if topic != "payment" or not re.fullmatch(r"[0-9]{1,30}", name):
            return [Ignored(f"{topic}:{told.get('id', name)}"[:200], topic[:100])]
        payment = await self._fetch(name)
        if payment is None:
            return [Ignored(f"payment:{name}:unknown", "payment:unknown")]
        return _events(name, payment)

    async def link(self, wanted: LinkWanted) -> PaymentLink:
        """A preference of Checkout Pro."""
        expires_at = datetime.now(UTC).replace(microsecond=0) + wanted.lifetime
        body: dict[str, Any] = {
            "items": [
                {
                    "title": f"Pago a {wanted.name}",
                    "quantity": 1,
                    "currency_id": wanted.currency,
                    "unit_price": "PRICE",
                }
            ],
            "external_reference": wanted.reference,
            "metadata": {"senda_due": wanted.due} if wanted.due else {},
            "notification_url": self._callback_url,
            "back_urls": {"success": self._return_url},
            "expires": True,
            "expiration_date_to": expires_at.isoformat(timespec="milliseconds"),
        }
        # The price is a JSON number there: written as it is, never through a float
        content = json.dumps(body, ensure_ascii=False).replace('"PRICE"', f"{wanted.amount:f}")
        response = await protocol.ask(
            self._client,
            f"{self._base_url}/checkout/preferences",
            content=content,
            headers={"Content-Type": "application/json", "X-Idempotency-Key": wanted.key},
        )
        made = protocol.answered(response)
        address, name = protocol.text(made.get("init_point")), protocol.text(made.get("id"))
        if address is None or name is None:
            raise protocol.refused()
        return PaymentLink(address, name, expires_at)

    async def debit(self, wanted: DebitWanted) -> DebitAnswer:
        raise no_debits(self.key)

    async def close(self) -> None:
        await self._client.aclose()

    def _verify(self, callback: Callback, name: str) -> None:
        header = callback.headers.get("x-signature")
        if not header:
            raise protocol.missing("x-signature")
        parts = dict(part.strip().split("=", 1) for part in header.split(",") if "=" in part)
        stamp, given = parts.get("ts", ""), parts.get("v1", "")
        request_id = callback.headers.get("x-request-id", "")
        covered = {"id": name.lower(), "request-id": request_id, "ts": stamp}
        manifest = "".join(f"{part}:{value};" for part, value in covered.items() if value)
        expected = hmac.new(self._secret.encode(), manifest.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
        protocol.require_same(given, expected, "x-signature")
        protocol.require_recent(stamp, self._tolerance)

    async def _fetch(self, name: str) -> dict[str, Any] | None:
        """The payment as it is now; none where there is none of this number (notifications of a test)."""
        try:
            response = await self._client.get(f"{self._base_url}/v1/payments/{name}")
        except httpx.RequestError:
            raise protocol.down() from None
        if response.status_code == 404:
            return None
        if response.status_code != 200:
            raise protocol.down()
        return protocol.parsed(response.content)


def _events(name: str, payment: dict[str, Any]) -> list[Event]:
    status = protocol.words(payment, "status")
    approved = payment.get("date_approved")
    if status not in PAID or not approved:
        return [Ignored(f"payment:{name}:{status}", f"payment:{status}")]
    told = _Told(name, f"payment:{status}", payment)
    amount = _amount(payment, "transaction_amount")
    found: list[Event] = [told.money("payment", name, amount, protocol.instant(approved, "date_approved"))]
    refunds = [each for each in protocol.tables(payment.get("refunds")) if each.get("status", "approved") == "approved"]
    returned = Decimal(0)
    for refund in refunds:
        back = _amount(refund, "amount")
        returned += back
        at = protocol.instant(refund.get("date_created"), "refunds.date_created")
        found.append(told.money("refund", f"{name}:refund:{protocol.words(refund, 'id')}", back, at, name))
    changed = protocol.instant(payment.get("date_last_updated") or approved, "date_last_updated")
    left = amount - returned
    chargeback = f"{name}:chargeback"
    match status:
        case "charged_back" if left > 0:
            found.append(told.money("chargeback", chargeback, left, changed, name))
        case "cancelled" if left > 0:
            found.append(told.money("cancellation", f"{name}:cancelled", left, changed, name))
        case "refunded" if left > 0 and not refunds:
            found.append(told.money("refund", f"{name}:refunded", left, changed, name))
        case "approved" if left > 0:  # what was charged back before stands again
            found.append(told.money("reversal", f"{chargeback}:undone", left, changed, chargeback, only_after=True))
        case _:
            pass
    return found


class _Told:
    """A payment, and what is the same in all that is told of it."""

    def __init__(self, name: str, kind: str, payment: dict[str, Any]) -> None:
        self._kind = kind
        self._currency = protocol.words(payment, "currency_id")
        self._whose = Whose.read(payment.get("external_reference"))
        self._due = protocol.text(protocol.table(payment.get("metadata")).get("senda_due"))

    def money(
        self,
        kind: PaymentKind,
        name: str,
        amount: Decimal,
        at: datetime,
        reverses: str | None = None,
        *,
        only_after: bool = False,
    ) -> Money:
        return Money(
            id=name,
            type=self._kind,
            kind=kind,
            amount=amount,
            currency=self._currency,
            paid_at=at,
            whose=self._whose,
            reverses=reverses,
            due=self._due if kind == "payment" else None,
            only_after=only_after,
        )


def _amount(it: dict[str, Any], name: str) -> Decimal:
    value = it.get(name)
    if not isinstance(value, int | Decimal) or isinstance(value, bool) or not value > 0 or value > 10**15:
        raise protocol.unreadable(name)
    return Decimal(value)
