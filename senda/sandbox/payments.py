"""A payment processor of Senda's own format: links that open a page, debits by mandate, signed webhooks.

| mandate ends in | what becomes of a debit |
|---|---|
| 0051 | refused: `insufficient_funds`, another try may work |
| 0052 | two debits refused so, the third is taken |
| 0054 | refused: `expired_card`, for good |
| 0102 | `pending`; the payment is told later |
| 0408, 0429, 0499, 0500, 0503 | as of messages (`senda.sandbox.faults`) |
"""

import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, Protocol

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from senda.sandbox.accounts import PaymentsAccount
from senda.sandbox.callbacks import Callbacks, Post
from senda.sandbox.faults import Faults, after, instead
from senda.sandbox.orders import is_form, read_order
from senda.sandbox.outcomes import Impossible, Outcome
from senda.sandbox.payment_store import Kind, Link, Movement, PaymentStore
from senda.sandbox.signing import by_standard_webhooks

REFUSED = {"0051": ("insufficient_funds", True), "0054": ("expired_card", False)}
TWICE = "0052"
PENDING = "0102"
LONGEST = timedelta(days=60)


class Page(Protocol):
    """Shows a link."""

    def __call__(self, link: Link, movements: list[Movement], *, failed: bool) -> Response: ...


class _LinkOrder(BaseModel):
    model_config = ConfigDict(extra="ignore")

    creditor: str = Field(min_length=1)
    account: str = Field(min_length=1)
    name: str
    amount: Decimal = Field(gt=0)
    currency: str = Field(pattern="^[A-Z]{3}$")
    due: str | None = None
    lifetime_seconds: int = Field(default=604_800, gt=0, le=LONGEST.days * 86_400)


class _DebitOrder(BaseModel):
    model_config = ConfigDict(extra="ignore")

    mandate: str = Field(min_length=1)
    creditor: str = Field(min_length=1)
    account: str = Field(min_length=1)
    amount: Decimal = Field(gt=0)
    currency: str = Field(pattern="^[A-Z]{3}$")
    due: str | None = None
    at: AwareDatetime | None = None


class Paying(BaseModel):
    """What somebody does on the page of a link: pays all, pays `amount`, or tries with a card that is refused."""

    how: Literal["all", "part", "fail"]
    amount: Decimal | None = Field(default=None, gt=0, max_digits=17, decimal_places=2)
    paid_at: AwareDatetime | None = None


class TakingBack(BaseModel):
    """What takes a payment back, or a taking back; all of it where no amount is given."""

    kind: Literal["reversal", "chargeback", "refund", "cancellation"]
    amount: Decimal | None = Field(default=None, gt=0, max_digits=17, decimal_places=2)
    paid_at: AwareDatetime | None = None


class Payments:
    """One account at the processor. `POST /payments/links` and `POST /payments/debits` are the product's;
    `/pagar/{link}` and `POST /payments/{movement}/back` are for whoever acts in a payer's or a bank's place."""

    def __init__(
        self,
        account: PaymentsAccount | None,
        store: PaymentStore,
        callbacks: Callbacks,
        faults: Faults,
    ) -> None:
        self._account, self._store = account, store
        self._callbacks, self._faults = callbacks, faults
        self._refused: dict[str, set[str]] = {}

    def routes(self, page: Page) -> APIRouter:
        router = APIRouter()

        async def shown(name: str, fallo: bool = False) -> Response:
            return page(self._found(name), self._store.of_link(name), failed=fallo)

        router.add_api_route("/payments/links", self._make_link, methods=["POST"])
        router.add_api_route("/payments/debits", self._debit, methods=["POST"])
        router.add_api_route("/payments/{name}/back", self._take_back, methods=["POST"])
        router.add_api_route("/pagar/{name}", shown, methods=["GET"], include_in_schema=False)
        router.add_api_route("/pagar/{name}", self._pay, methods=["POST"])
        return router

    async def _make_link(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        try:
            order = _LinkOrder.model_validate_json(await request.body())
        except ValidationError:
            return _error(422, "invalid_request")
        fault = self._faults.take("payments")
        if answer := instead(fault, lambda status: _error(status, "unavailable")):
            return answer
        link = self._store.keep_link(
            Link(
                id=secrets.token_urlsafe(9),
                key=request.headers.get("idempotency-key") or secrets.token_hex(12),
                creditor=order.creditor,
                account=order.account,
                name=order.name,
                amount=order.amount,
                currency=order.currency,
                due=order.due,
                expires_at=datetime.now(UTC) + timedelta(seconds=order.lifetime_seconds),
            )
        )
        told = {"id": link.id, "url": f"{request.base_url}pagar/{link.id}", "expires_at": link.expires_at.isoformat()}
        return await after(fault, JSONResponse(told, 201))

    async def _debit(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        try:
            order = _DebitOrder.model_validate_json(await request.body())
        except ValidationError:
            return _error(422, "invalid_request")
        key = request.headers.get("idempotency-key") or secrets.token_hex(12)
        if refused := self._refused_debit(order.mandate, key):
            code, retryable = refused
            return JSONResponse({"id": None, "status": "failed", "code": code, "retryable": retryable})
        fault = self._faults.take("payments", order.mandate)
        if answer := instead(fault, lambda status: _error(status, "unavailable")):
            return answer
        movement = self._kept(
            Movement(
                id=_name(),
                key=key,
                link=None,
                kind="payment",
                creditor=order.creditor,
                account=order.account,
                amount=order.amount,
                currency=order.currency,
                due=order.due,
                reverses=None,
                paid_at=order.at or datetime.now(UTC),
            )
        )
        status = "pending" if order.mandate.endswith(PENDING) else "taken"
        return await after(fault, JSONResponse({"id": movement.id, "status": status, "code": None}))

    def _refused_debit(self, mandate: str, key: str) -> tuple[str, bool] | None:
        """Why a debit is refused, and whether another try may work; none: it is not."""
        if not mandate.endswith(TWICE):
            return REFUSED.get(mandate[-4:])
        keys = self._refused.setdefault(mandate, set())
        if len(keys) < 2:
            keys.add(key)
        return REFUSED["0051"] if key in keys else None

    def _kept(self, movement: Movement) -> Movement:
        """Keep a debit and tell of it after the provider's delay; the same key was told of before."""
        kept = self._store.keep(movement)
        if kept.id == movement.id and self._callbacks.manner("payments").mode != "manual":
            self._callbacks.later(self._posts(kept))
        return kept

    async def _pay(self, name: str, request: Request) -> Response:
        link, order = self._found(name), await read_order(request, Paying)

        async def act() -> Outcome:
            if order.how == "fail":
                return Outcome([])
            if link.is_over:
                raise Impossible("Este enlace de pago ya venció. Pida uno nuevo.")
            amount = link.amount if order.how == "all" else order.amount
            if amount is None:
                raise Impossible("Escriba cuánto quiere pagar.")
            return await self._moves(
                Movement(
                    id=_name(),
                    key=None,
                    link=link.id,
                    kind="payment",
                    creditor=link.creditor,
                    account=link.account,
                    amount=amount,
                    currency=link.currency,
                    due=link.due,
                    reverses=None,
                    paid_at=order.paid_at or datetime.now(UTC),
                )
            )

        back = f"/pagar/{link.id}" + ("?fallo=1" if order.how == "fail" else "")
        return await _answer(request, act, back)

    async def _take_back(self, name: str, request: Request) -> Response:
        taken = self._store.movement(name)
        if taken is None:
            raise HTTPException(404, "No hay un movimiento con ese nombre.")
        order = await read_order(request, TakingBack)
        kind: Kind = order.kind
        movement = Movement(
            id=_name(),
            key=None,
            link=None,
            kind=kind,
            creditor=taken.creditor,
            account=taken.account,
            amount=order.amount or taken.amount,
            currency=taken.currency,
            due=None,
            reverses=taken.id,
            paid_at=order.paid_at or datetime.now(UTC),
        )
        return await _answer(request, lambda: self._moves(movement), f"/pagar/{taken.link}" if taken.link else "/")

    async def _moves(self, movement: Movement) -> Outcome:
        """Money moves, and the product is told at once."""
        if self._account is None or self._account.webhook_url is None:
            raise Impossible("Falta decir a dónde avisa el procesador de pagos (webhook_url).")
        return Outcome(await self._callbacks.send(self._posts(self._store.keep(movement))))

    def _posts(self, movement: Movement) -> list[Post]:
        account = self._account
        if account is None or account.webhook_url is None:
            return []
        told = {
            "id": movement.id,
            "type": movement.kind,
            "creditor": movement.creditor,
            "account": movement.account,
            "amount": str(movement.amount),
            "currency": movement.currency,
            "paid_at": movement.paid_at.isoformat(),
            "reverses": movement.reverses,
            "due": movement.due,
        }
        body = json.dumps(told, ensure_ascii=False).encode()
        sign = by_standard_webhooks(f"msg_{movement.id}", body, account.secret)
        return [Post("payments", movement.kind, account.webhook_url, body, "application/json", sign, None)]

    def _found(self, name: str) -> Link:
        link = self._store.link(name)
        if link is None:
            raise HTTPException(404, "Este enlace de pago no existe.")
        return link

    def _refusal(self, request: Request) -> Response | None:
        given = request.headers.get("authorization", "").encode()
        account = self._account
        good = account is not None and secrets.compare_digest(given, f"Bearer {account.token}".encode())
        return None if good else _error(401, "unauthorized")


async def _answer(request: Request, act: Callable[[], Awaitable[Outcome]], back: str) -> Response:
    try:
        outcome = await act()
    except Impossible as error:
        raise HTTPException(409, str(error)) from error
    return RedirectResponse(back, 303) if is_form(request) else JSONResponse(outcome.as_json())


def _name() -> str:
    return f"sbx_{secrets.token_hex(10)}"


def _error(status: int, code: str) -> Response:
    return JSONResponse({"error": {"code": code}}, status)
