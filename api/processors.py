"""For payment processors: signed webhooks. The signature is the authentication."""

from fastapi import APIRouter, Request

from api.context import Parts, PartsOf, RefusalsRecorded
from api.problems import Problem, TooLarge, Unauthenticated
from api.shapes import PaymentTaken
from channels.callbacks import Callback, CallbackRefused
from channels.processors.events import Event
from channels.processors.generic import Generic, PaymentIn
from channels.processors.kinds import GENERIC
from channels.processors.taking import Taken, take, take_strictly
from ledger.errors import NotFound
from ledger.payments import Posted

LARGEST = 1024 * 1024
"""Bytes of a callback."""

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
    """A payment, or what takes one back, signed as Standard Webhooks says over the raw body.

    Answered with 200 once it is stored for good; sent again it changes nothing. The same `id` is the same payment.
    """
    return await _hear(request, here, GENERIC)


@router.post("/{processor}")
async def hear(request: Request, processor: str, here: PartsOf) -> PaymentTaken:
    """What a configured processor tells, in its own format and with its own signature.

    Answered with 200 once it is stored for good. Events that move no money of ours are recorded and answered with
    `ignored`. Money whose account is not known, or is another creditor's, is recorded and answered with `unapplied`.
    """
    return await _hear(request, here, processor)


async def tell(here: Parts, posted: Posted) -> None:
    """Let the engine hear of a posting."""
    if posted.told is not None:
        await here.tell_promptly(posted.told)
    if posted.opens is not None:
        here.open(posted.opens)


async def _hear(request: Request, here: Parts, key: str) -> PaymentTaken:
    processor = here.processors.get(key)
    if processor is None:
        raise NotFound("processor.unknown", "no processor of this key is configured", "processor")
    callback = Callback(
        method=request.method,
        url=f"{here.public_url}{request.url.path}",
        path="",
        query=dict(request.query_params),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await _body(request),
    )
    try:
        events = await processor.read(callback)
    except CallbackRefused as error:
        raise Unauthenticated(error.code, error.message) from None
    taken = [await _take(here, key, event, isinstance(processor, Generic)) for event in events]
    for each in taken:
        for posted in each.posted:
            await tell(here, posted)
    return _answer(taken)


async def _take(here: Parts, key: str, event: Event, hears_refusals: bool) -> Taken:
    def serves(creditor: str) -> bool:
        return here.processors.serves(key, creditor)

    if hears_refusals:
        return await take_strictly(here.ledger, key, event, serves)
    return await take(here.ledger, key, event, serves)


def _answer(taken: list[Taken]) -> PaymentTaken:
    """Of several events in one callback the one that did most."""
    order = ("applied", "unapplied", "duplicate", "ignored")
    first = min(taken, key=lambda each: order.index(each.status), default=Taken("ignored"))
    return PaymentTaken(applied=first.status == "applied", status=first.status, code=first.code)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise TooLarge("callback.too_large", f"a callback has at most {LARGEST} bytes")
    return bytes(body)
