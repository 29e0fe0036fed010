"""Wompi (Colombia): events with a checksum, payment links, transactions from payment sources.

Sources, pages of docs.wompi.co/docs/colombia: eventos (the body, `signature.properties`, SHA256 over their values, the
timestamp and the events secret; retried after 30 minutes, 3 hours and 24 hours), metodos-de-pago (the final statuses
APPROVED, DECLINED, VOIDED, ERROR), links-de-pago (`POST /payment_links`, opened at checkout.wompi.co/l/{id}),
fuentes-de-pago and widget-checkout-web (`POST /transactions` with `payment_source_id`, `recurrent`, and the integrity
signature: SHA256 over reference, amount in cents, currency and the integrity secret).
"""

import hashlib
from datetime import UTC, datetime
from typing import Any, cast

import httpx

from channels.callbacks import Callback
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

COVERED = frozenset({"transaction.id", "transaction.status", "transaction.amount_in_cents"})
"""What a checksum must cover. The event itself names what it covers: one over less could say anything."""

CENTS = 2


class Wompi:
    """One merchant. `tolerance`: seconds by which an event's timestamp may be old (Wompi does not say whether its
    retries bear a new one). `receipts_to`: the mail address that Wompi asks for with each debit."""

    def __init__(
        self,
        key: str,
        *,
        events_secret: str,
        integrity_secret: str,
        private_key: str,
        base_url: str,
        checkout_url: str,
        receipts_to: str,
        tolerance: int = protocol.TOLERANCE,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.key = key
        self._events_secret, self._integrity_secret = events_secret, integrity_secret
        self._base_url, self._checkout_url = base_url.rstrip("/"), checkout_url.rstrip("/")
        self._receipts_to = receipts_to
        self._tolerance = tolerance
        self._client = httpx.AsyncClient(
            timeout=protocol.TIMEOUT, headers={"Authorization": f"Bearer {private_key}"}, transport=transport
        )

    async def read(self, callback: Callback) -> list[Event]:
        """An approved transaction is a payment, a voided one cancels its payment, a declined one never comes."""
        told = protocol.parsed(callback.body)
        signed_at = self._verify(told)
        kind = protocol.words(told, "event")
        if kind != "transaction.updated":
            return [Ignored(hashlib.sha256(callback.body).hexdigest(), kind)]
        it = protocol.inner(told, "data", "transaction")
        name, status = protocol.words(it, "id"), protocol.words(it, "status")
        match status:
            case "APPROVED":
                finalized = it.get("finalized_at")
                paid_at = protocol.instant(finalized, "finalized_at") if finalized else signed_at
                return [self._money(it, name, "payment", paid_at)]
            case "VOIDED":
                return [self._money(it, name, "cancellation", signed_at)]
            case "DECLINED" | "ERROR":
                return [Declined(name, f"{kind}:{status}", status.lower())]
            case _:
                return [Ignored(f"{name}:{status}", f"{kind}:{status}")]

    def _money(self, it: dict[str, Any], name: str, kind: Any, paid_at: datetime) -> Money:
        cancels = kind == "cancellation"
        return Money(
            id=f"{name}:voided" if cancels else name,
            type=f"transaction.updated:{it['status']}",
            kind=kind,
            amount=protocol.from_minor(it.get("amount_in_cents"), CENTS, "amount_in_cents"),
            currency=protocol.words(it, "currency"),
            paid_at=paid_at,
            whose=Whose.read(it.get("reference"), it.get("payment_link_id")),
            reverses=name if cancels else None,
        )

    async def link(self, wanted: LinkWanted) -> PaymentLink:
        """A link for one payment. Wompi gives its transactions references of its own: they name the link."""
        expires_at = datetime.now(UTC).replace(microsecond=0) + wanted.lifetime
        body = {
            "name": f"Pago a {wanted.name}",
            "description": f"Pago a {wanted.name}",
            "single_use": True,
            "collect_shipping": False,
            "currency": wanted.currency,
            "amount_in_cents": protocol.to_minor(wanted.amount, CENTS, wanted.currency),
            "expires_at": expires_at.strftime("%Y-%m-%dT%H:%M:%S"),
            "sku": wanted.reference,
        }
        made = protocol.answered(await protocol.ask(self._client, f"{self._base_url}/payment_links", json=body))
        data = protocol.table(made.get("data"))
        if not data.get("id"):
            raise protocol.refused()
        name = protocol.words(data, "id")
        return PaymentLink(f"{self._checkout_url}/l/{name}", name, expires_at)

    async def debit(self, wanted: DebitWanted) -> DebitAnswer:
        """A transaction from a payment source (`mandate`: its number). The reference is made of the key, and Wompi
        takes a reference once."""
        if not wanted.mandate.isdecimal():
            return DebitAnswer("failed", code="mandate_unknown")
        cents = protocol.to_minor(wanted.amount, CENTS, wanted.currency)
        reference = f"{wanted.reference}.{hashlib.sha256(wanted.key.encode()).hexdigest()[:16]}"
        body = {
            "amount_in_cents": cents,
            "currency": wanted.currency,
            "signature": self._integrity(reference, cents, wanted.currency),
            "customer_email": self._receipts_to,
            "reference": reference,
            "payment_source_id": int(wanted.mandate),
            "payment_method": {"installments": 1},
            "recurrent": True,
        }
        answer = await protocol.ask_debit(self._client, f"{self._base_url}/transactions", json=body)
        return answer if isinstance(answer, DebitAnswer) else _debited(answer)

    async def close(self) -> None:
        await self._client.aclose()

    def _verify(self, told: dict[str, Any]) -> datetime:
        """Check the checksum; returns the signed instant."""
        signature = protocol.table(told.get("signature"))
        if not signature:
            raise protocol.missing("signature")
        properties, checksum, stamp = signature.get("properties"), signature.get("checksum"), told.get("timestamp")
        if not isinstance(properties, list) or not isinstance(checksum, str) or not isinstance(stamp, int | str):
            raise protocol.invalid("signature")
        names = [str(name) for name in cast("list[Any]", properties)]
        covered = "".join(_value(told, name) for name in names)
        expected = hashlib.sha256(f"{covered}{stamp}{self._events_secret}".encode("utf-8", "replace")).hexdigest()
        protocol.require_same(checksum.lower(), expected, "signature.checksum")
        if told.get("event") == "transaction.updated" and not set(names) >= COVERED:
            raise protocol.invalid("signature.properties")
        return protocol.require_recent(str(stamp), self._tolerance)

    def _integrity(self, reference: str, cents: int, currency: str) -> str:
        return hashlib.sha256(f"{reference}{cents}{currency}{self._integrity_secret}".encode()).hexdigest()


def _value(told: dict[str, Any], name: str) -> str:
    """The value within `data` that a property names, as Wompi writes it when it joins them."""
    found: object = told.get("data")
    for part in name.split("."):
        found = protocol.table(found).get(part)
    if not isinstance(found, str | int) or isinstance(found, bool):
        raise protocol.invalid("signature.properties")
    return str(found)


def _debited(answer: httpx.Response) -> DebitAnswer:
    data = protocol.table(protocol.answered(answer).get("data"))
    if answer.status_code >= 400 or not data:
        return DebitAnswer("failed", code="refused")
    name = protocol.text(data.get("id"))
    match protocol.text(data.get("status")):
        case "APPROVED":
            return DebitAnswer("taken", name)
        case "PENDING":
            return DebitAnswer("pending", name)
        case "DECLINED":
            return DebitAnswer("failed", name, "declined", retryable=True)
        case _:
            return DebitAnswer("failed", name, "error", retryable=True)
