"""For payment processors: signed webhooks. The signature is the authentication."""

from datetime import UTC
from typing import Any

import orjson
from fastapi import APIRouter, Request
from pydantic import ValidationError
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from api.context import PartsOf, RefusalsRecorded
from api.problems import BadRequest, Problem, Unauthenticated
from api.shapes import PaymentIn, PaymentTaken
from ledger.creditors import decimals
from ledger.payments import Payment, post_payment
from policy.errors import SendaError

router = APIRouter(
    prefix="/v1/webhooks/payments",
    tags=["payments"],
    route_class=RefusalsRecorded,
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
)


@router.post(
    "/generic",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": PaymentIn.model_json_schema()}},
        }
    },
)
async def generic(request: Request, here: PartsOf) -> PaymentTaken:
    """A payment or a reversal, signed as Standard Webhooks says over the raw body.

    Answered with 200 once it is stored for good; sent again it changes nothing. The same `id` is the same payment.
    """
    raw = await request.body()
    _verify(here.processor_secret, raw, dict(request.headers))
    try:
        told = PaymentIn.model_validate(orjson.loads(raw))
    except orjson.JSONDecodeError:
        raise BadRequest("payment.not_json", "the body is no JSON object") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or None
        raise SendaError("payment.invalid", f"{place}: {first['msg']}", field=place) from None
    if told.type == "reversal" and told.reverses is None:
        raise SendaError("payment.reverses_missing", "a reversal names the payment it reverses", field="reverses")
    exponent = told.amount.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > decimals(told.currency):
        raise SendaError("payment.amount_decimals", f"too many decimals for {told.currency}", field="amount")
    posted = await post_payment(
        here.ledger,
        Payment(
            processor="generic",
            id=told.id,
            kind=told.type,
            creditor=told.creditor,
            account=told.account,
            amount=told.amount,
            currency=told.currency,
            paid_at=told.paid_at.astimezone(UTC),
            reverses=told.reverses,
        ),
    )
    if posted.told is not None:
        await here.tell_promptly(posted.told)
    if posted.opens is not None:
        here.open(posted.opens)
    return PaymentTaken(applied=posted.status == "applied", status=posted.status, code=posted.code)


def _verify(secret: str, raw: bytes, headers: dict[str, Any]) -> None:
    try:
        Webhook(secret).verify(raw, headers, json_parse=False)
    except WebhookVerificationError as error:
        reason = str(error).lower()
        if "timestamp" in reason and "old" in reason:
            raise Unauthenticated("signature.too_old", "the signature is older than five minutes: sign anew") from None
        if "timestamp" in reason and "new" in reason:
            raise Unauthenticated("signature.from_future", "the signature's time lies in the future") from None
        if "missing" in reason:
            raise Unauthenticated(
                "signature.missing", "send webhook-id, webhook-timestamp, webhook-signature"
            ) from None
        raise Unauthenticated("signature.invalid", "the signature does not fit the body") from None
    except ValueError:  # the header or the body is of a form that no signature has
        raise Unauthenticated("signature.invalid", "the signature cannot be read") from None
