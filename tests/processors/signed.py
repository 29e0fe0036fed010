"""Callbacks as each processor sends them, with its signature."""

import hashlib
import hmac
import json
import time
from typing import Any

import httpx
import stripe

from channels.callbacks import Callback
from channels.processors.mercadopago import MercadoPago
from channels.processors.stripe import Stripe
from channels.processors.wompi import Wompi

REFERENCE = "0123456789abcdef0123456789abcdef"
STRIPE_SECRET = "whsec_prueba"
WOMPI_SECRET = "test_events_prueba"
WOMPI_INTEGRITY = "test_integrity_prueba"
MP_SECRET = "secreto-de-prueba"


def now(seconds: int = 0) -> int:
    return int(time.time()) + seconds


def callback(body: bytes, headers: dict[str, str] | None = None, query: dict[str, str] | None = None) -> Callback:
    return Callback("POST", "https://senda.example/v1/webhooks/payments/x", "", query or {}, headers or {}, body)


class Server:
    """A processor's HTTP side: what it was asked, and what it answers."""

    def __init__(self, *answers: tuple[int, Any] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def transport(self) -> httpx.MockTransport:
        def answer(request: httpx.Request) -> httpx.Response:
            self.asked.append(request)
            told = self.answers.pop(0)
            if isinstance(told, Exception):
                raise told
            return httpx.Response(told[0], json=told[1])

        return httpx.MockTransport(answer)


def stripe_at(server: Server | None = None) -> Stripe:
    return Stripe(
        "tarjetas",
        secret=STRIPE_SECRET,
        api_key="sk_test_x",
        return_url="https://acreedor.example/gracias",
        base_url="https://stripe.invalid",
        transport=(server or Server()).transport(),
    )


def stripe_event(kind: str, it: dict[str, Any], *, at: int = 0, secret: str = STRIPE_SECRET) -> Callback:
    event = {"id": f"evt_{kind}", "object": "event", "type": kind, "created": 1_790_000_000, "data": {"object": it}}
    body = json.dumps(event)
    header = stripe.WebhookSignature.generate_signature_header(body, secret, now(at))
    return callback(body.encode(), {"stripe-signature": header})


def wompi_at(server: Server | None = None, **more: Any) -> Wompi:
    return Wompi(
        "wompi",
        events_secret=WOMPI_SECRET,
        integrity_secret=WOMPI_INTEGRITY,
        private_key="prv_test_x",
        base_url="https://wompi.invalid/v1",
        checkout_url="https://checkout.invalid",
        receipts_to="caja@acreedor.invalid",
        transport=(server or Server()).transport(),
        **more,
    )


WOMPI_COVERED = ["transaction.id", "transaction.status", "transaction.amount_in_cents"]


def wompi_event(
    transaction: dict[str, Any],
    *,
    kind: str = "transaction.updated",
    at: int = 0,
    secret: str = WOMPI_SECRET,
    covered: list[str] = WOMPI_COVERED,
) -> Callback:
    it = {
        "id": "1-2-3",
        "status": "APPROVED",
        "amount_in_cents": 18_500_000,
        "currency": "COP",
        "reference": REFERENCE,
        "finalized_at": "2026-03-05T17:00:00.000Z",
        **transaction,
    }
    stamp = now(at)
    values = "".join(str(it[name.removeprefix("transaction.")]) for name in covered)
    checksum = hashlib.sha256(f"{values}{stamp}{secret}".encode()).hexdigest()
    event = {
        "event": kind,
        "data": {"transaction": it},
        "timestamp": stamp,
        "signature": {"properties": covered, "checksum": checksum},
    }
    return callback(json.dumps(event).encode())


def mercadopago_at(server: Server | None = None) -> MercadoPago:
    return MercadoPago(
        "mp",
        secret=MP_SECRET,
        access_token="APP_USR-x",
        base_url="https://mp.invalid",
        callback_url="https://senda.example/v1/webhooks/payments/mp",
        return_url="https://acreedor.example/gracias",
        transport=(server or Server()).transport(),
    )


def mp_notice(
    payment: str = "77", *, kind: str = "payment", at: int = 0, secret: str = MP_SECRET, request: str = "r-1"
) -> Callback:
    stamp = now(at) * 1000
    manifest = f"id:{payment.lower()};" + (f"request-id:{request};" if request else "") + f"ts:{stamp};"
    signature = hmac.new(secret.encode(), manifest.encode(), hashlib.sha256).hexdigest()
    headers = {"x-signature": f"ts={stamp},v1={signature}", **({"x-request-id": request} if request else {})}
    body = json.dumps({"id": 991, "type": kind, "action": "payment.updated", "data": {"id": payment}})
    return callback(body.encode(), headers, {"data.id": payment, "type": kind})


def mp_payment(**changes: Any) -> dict[str, Any]:
    return {
        "id": 77,
        "status": "approved",
        "status_detail": "accredited",
        "currency_id": "COP",
        "transaction_amount": 185000.5,
        "external_reference": REFERENCE,
        "date_approved": "2026-03-05T12:00:00.000-05:00",
        "date_last_updated": "2026-03-08T12:00:00.000-05:00",
        "refunds": [],
        **changes,
    }
