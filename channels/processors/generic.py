"""Any processor that speaks Senda's own format: webhooks as Standard Webhooks says, links and debits over JSON."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import httpx
import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

from channels.callbacks import Callback, CallbackRefused, CallbackUnreadable
from channels.processors import protocol
from channels.processors.events import (
    DebitAnswer,
    DebitWanted,
    Event,
    LinkWanted,
    Money,
    PaymentLink,
    Whose,
    no_debits,
    no_links,
)
from ledger.book import PaymentKind
from ledger.creditors import decimals
from ledger.rows import Amount
from policy.errors import SendaError

_Instant = Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC))]
_Words = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]


class PaymentIn(BaseModel):
    """What a payment processor tells."""

    model_config = ConfigDict(extra="forbid")

    id: _Words = Field(examples=["pay_81273"])
    type: PaymentKind
    creditor: _Words = Field(max_length=63, examples=["amable"])
    account: _Words = Field(max_length=128, examples=["CR-10024"])
    amount: Amount = Field(examples=["185000.00"])
    currency: str = Field(pattern="^[A-Z]{3}$", examples=["COP"])
    paid_at: _Instant = Field(examples=["2026-03-05T12:00:00-05:00"])
    reverses: _Words | None = Field(
        default=None, examples=[None], description="the id of what it takes back; of all types but payment"
    )
    due: _Words | None = Field(
        default=None, max_length=128, examples=[None], description="the key of the due that it is meant for"
    )


class Generic:
    """One processor of this format. `url`: where it makes links (`POST {url}/links`) and takes debits
    (`POST {url}/debits`), opened by `token`; without it, it only tells of payments."""

    def __init__(
        self,
        key: str,
        secret: str,
        *,
        url: str | None = None,
        token: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.key = key
        try:
            self._webhook = Webhook(secret)
        except (EmptyWebhookSecretError, ValueError):
            raise SendaError(
                "processors.bad_config", f"{key}: the secret is none of Standard Webhooks (whsec_…)", "secret"
            ) from None
        self._url = url.rstrip("/") if url else None
        headers = {"Authorization": f"Bearer {token}"} if token else None
        self._client = httpx.AsyncClient(timeout=protocol.TIMEOUT, headers=headers, transport=transport)

    async def read(self, callback: Callback) -> list[Event]:
        """A payment, or what takes one back. Raises also `SendaError`: `payment.invalid` and its kind."""
        self._verify(callback)
        try:
            told = PaymentIn.model_validate(orjson.loads(callback.body))
        except orjson.JSONDecodeError:
            raise CallbackUnreadable("payment.not_json", "the body is no JSON object") from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or None
            raise SendaError("payment.invalid", f"{place}: {first['msg']}", field=place) from None
        if told.type != "payment" and told.reverses is None:
            raise SendaError(
                "payment.reverses_missing", f"a {told.type} names the payment it reverses", field="reverses"
            )
        exponent = told.amount.as_tuple().exponent
        if isinstance(exponent, int) and -exponent > decimals(told.currency):
            raise SendaError("payment.amount_decimals", f"too many decimals for {told.currency}", field="amount")
        return [
            Money(
                id=told.id,
                type=told.type,
                kind=told.type,
                amount=told.amount,
                currency=told.currency,
                paid_at=told.paid_at.astimezone(UTC),
                whose=Whose(told.creditor, told.account),
                reverses=told.reverses,
                due=told.due,
            )
        ]

    async def link(self, wanted: LinkWanted) -> PaymentLink:
        """`POST {url}/links` → `{"id","url","expires_at"}`."""
        if self._url is None:
            raise no_links(self.key)
        body: dict[str, Any] = {
            "creditor": wanted.creditor,
            "account": wanted.account,
            "reference": wanted.reference,
            "name": wanted.name,
            "amount": str(wanted.amount),
            "currency": wanted.currency,
            "due": wanted.due,
            "lifetime_seconds": int(wanted.lifetime.total_seconds()),
        }
        headers = {"Idempotency-Key": wanted.key}
        made = _Link.read(await protocol.ask(self._client, f"{self._url}/links", json=body, headers=headers))
        return PaymentLink(made.url, made.id, made.expires_at)

    async def debit(self, wanted: DebitWanted) -> DebitAnswer:
        """`POST {url}/debits` → `{"id","status","code","retryable"}`, as `DebitAnswer` says."""
        if self._url is None:
            raise no_debits(self.key)
        body = {
            "mandate": wanted.mandate,
            "creditor": wanted.creditor,
            "account": wanted.account,
            "reference": wanted.reference,
            "amount": str(wanted.amount),
            "currency": wanted.currency,
            "description": wanted.description,
            "due": wanted.due,
            "at": wanted.at.isoformat() if wanted.at else None,
        }
        headers = {"Idempotency-Key": wanted.key}
        answer = await protocol.ask_debit(self._client, f"{self._url}/debits", json=body, headers=headers)
        return answer if isinstance(answer, DebitAnswer) else _Debit.read(answer)

    async def close(self) -> None:
        await self._client.aclose()

    def _verify(self, callback: Callback) -> None:
        try:
            self._webhook.verify(callback.body, dict(callback.headers), json_parse=False)
        except WebhookVerificationError as error:
            reason = str(error).lower()
            if "timestamp" in reason and "old" in reason:
                text = "the signature is older than five minutes: sign anew"
                raise CallbackRefused("signature.too_old", text) from None
            if "timestamp" in reason and "new" in reason:
                raise CallbackRefused("signature.from_future", "the signature's time lies in the future") from None
            if "missing" in reason:
                raise CallbackRefused(
                    "signature.missing", "send webhook-id, webhook-timestamp, webhook-signature"
                ) from None
            raise CallbackRefused("signature.invalid", "the signature does not fit the body") from None
        except ValueError:  # the header or the body is of a form that no signature has
            raise CallbackRefused("signature.invalid", "the signature cannot be read") from None


class _Link(BaseModel):
    id: _Words
    url: str = Field(pattern=r"^https?://\S+$")
    expires_at: AwareDatetime | None = None

    @staticmethod
    def read(answer: httpx.Response) -> "_Link":
        try:
            return _Link.model_validate_json(answer.content)
        except ValidationError:
            raise protocol.refused() from None


class _Debit(BaseModel):
    status: Literal["taken", "pending", "failed"]
    id: _Words | None = None
    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.-]{1,60}$")] | None = None
    retryable: bool = False

    @staticmethod
    def read(answer: httpx.Response) -> DebitAnswer:
        try:
            told = _Debit.model_validate_json(answer.content)
        except ValidationError:
            return DebitAnswer("failed", code="processor.refused")
        return DebitAnswer(told.status, told.id, told.code, told.retryable)
