"""For providers: what they tell of messages and calls. The signature is the authentication."""

import asyncio

from fastapi import APIRouter, Request, Response

from activities.hearing import Hearing
from activities.speaking import Speaking
from api.context import Parts, PartsOf, RefusalsRecorded
from api.problems import Problem, TooLarge, status_of
from channels.callbacks import Answer, Callback, CallTurn, Event, Heard, Provider, Receipt, Reply
from ledger.access import note
from ledger.errors import NotFound
from policy.errors import SendaError

ACTION = "POST /v1/webhooks/providers/{provider}/{path}"
LARGEST = 11 * 1024 * 1024
"""Bytes of a callback: a mail that comes back is the largest."""

router = APIRouter(
    prefix="/v1/webhooks/providers",
    tags=["providers"],
    route_class=RefusalsRecorded,
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
)


@router.get("/{provider}")
@router.get("/{provider}/{path:path}")
async def get_callback(request: Request, provider: str, here: PartsOf, path: str = "") -> Response:
    """A provider asks whether this address is ours (Meta's verification)."""
    return await _hear(request, here, provider, path)


@router.post("/{provider}")
@router.post("/{provider}/{path:path}")
async def post_callback(request: Request, provider: str, here: PartsOf, path: str = "") -> Response:
    """Receipts, replies and calls. Answered with 200 once they are stored for good; sent again they change nothing.

    Of several events in one callback those that are ours are kept, and each of the others is recorded as refused; the
    callback is refused where all of them are.
    """
    return await _hear(request, here, provider, path)


async def _hear(request: Request, here: Parts, key: str, path: str) -> Response:
    provider = here.providers.get(key)
    if provider is None:
        raise NotFound("provider.unknown", "no provider of this key is configured", "provider")
    url = f"{here.public_url}{request.url.path}" + (f"?{request.url.query}" if request.url.query else "")
    callback = Callback(
        method=request.method,
        url=url,
        path=path,
        query=dict(request.query_params),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await _body(request),
    )
    heard = await asyncio.to_thread(provider.read, callback)  # a hostile mail may take seconds
    answer = await _keep(here, provider, heard, path)
    return Response(answer.body, media_type=answer.content_type)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise TooLarge("callback.too_large", f"a callback has at most {LARGEST} bytes")
    return bytes(body)


async def _keep(here: Parts, provider: Provider, heard: Heard, path: str) -> Answer:
    answer, refusals = heard.answer, list[SendaError]()
    for event in heard.events:
        try:
            answer = await _keep_one(here, provider, event, path) or answer
        except SendaError as error:
            refusals.append(error)
    if refusals and len(refusals) == len(heard.events):
        raise refusals[0]
    subject = ":".join(filter(None, (provider.key, path)))
    for refused in refusals:
        status, code = status_of(refused)
        await note(here.ledger, None, ACTION, subject, status, code)
    return answer


async def _keep_one(here: Parts, provider: Provider, event: Event, path: str) -> Answer | None:
    hearing = Hearing(here.ledger, here.engine, here.providers)
    match event:
        case Receipt():
            await hearing.receipt(provider.key, event)
        case Reply():
            await hearing.reply(provider, event)
        case CallTurn():
            speaking = Speaking(here.ledger, here.engine, here.providers)
            action = f"{here.public_url}{router.prefix}/{provider.key}/{path}"
            return Answer(await speaking.speak(provider.key, event, action), "text/xml")
    return None
