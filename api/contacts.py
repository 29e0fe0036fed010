"""For agents and their dialers: ask before a contact, report after it. For compliance: why it was decided so."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, StreamingResponse

from api.context import Caller, IdempotencyKey, PartsOf, Reader, Recorded, once
from api.people import OutcomeIn, OutcomeOut, PermitIn, PermitOut, Refused
from api.problems import Problem
from api.shapes import Instant, Slug
from ledger import asking, cases
from ledger.access import Answer
from policy import Language

router = APIRouter(
    prefix="/v1/contacts",
    route_class=Recorded,
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
    tags=["contacts"],
)

InLanguage = Annotated[Language, Query(description="of the explanation")]


@router.post("/permits", status_code=201, response_model=PermitOut, responses={409: {"model": Refused}})
async def ask_permit(
    request: Request,
    body: PermitIn,
    here: PartsOf,
    actor: Caller,
    language: InLanguage = "es",
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Ask before dialling: 201 with a permit that must be used before it expires, 409 where the contact is refused.

    Permit and refusal are recorded, and a permit counts as a contact until its outcome says that none happened.
    """

    async def work(command: str) -> Answer:
        asked = asking.Asked(request=command, **body.model_dump(), actor=actor.name)
        verdict = await asking.ask(here.ledger, asked)
        return Answer(*_answer(verdict, language))

    return await once(request, here, actor, idempotency_key, work)


def _answer(verdict: asking.Verdict, language: Language) -> tuple[int, Any]:
    if verdict.allowed and verdict.expires_at is not None:
        permit = PermitOut(
            id=verdict.contact_id,
            channel=verdict.channel,
            decided_at=verdict.decided_at,
            expires_at=verdict.expires_at,
            why=verdict.sentence(language),
        )
        return 201, jsonable_encoder(permit)
    refused = Refused(
        title="Conflict",
        status=409,
        detail=f"do not contact: {verdict.reason or ', '.join(verdict.rules)}",
        code="contact.refused",
        id=verdict.contact_id,
        rules=list(verdict.rules),
        reason=verdict.reason,
        next_allowed_at=verdict.next_allowed_at,
        why=verdict.sentence(language),
    )
    return 409, jsonable_encoder(refused, exclude={"field", "problems"})


@router.post("/{contact}/outcome", status_code=201, response_model=OutcomeOut)
async def report_outcome(
    request: Request,
    contact: int,
    body: OutcomeIn,
    here: PartsOf,
    actor: Caller,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Report what came of a permitted contact, once. 409 where another outcome stands."""

    async def work(command: str) -> Answer:
        reported = asking.Reported(contact, body.disposition, body.at, actor.name)
        kept = await asking.report(here.ledger, reported)
        out = OutcomeOut(
            id=kept.contact_id, status=kept.status, disposition=kept.disposition, at=kept.at, late=kept.late
        )
        return Answer(201, jsonable_encoder(out))

    return await once(request, here, actor, idempotency_key, work)


@router.get("/cases", response_class=StreamingResponse)
async def get_cases(
    here: PartsOf,
    actor: Reader,
    since: Annotated[Instant, Query(alias="from")],
    until: Annotated[Instant, Query(alias="to")],
    creditor: Slug | None = None,
    decision: Literal["permitted", "refused"] | None = None,
    days: Annotated[int, Query(ge=1, le=366, description="how far back each case's log reaches")] = 10,
) -> StreamingResponse:
    """NDJSON: every contact decided from `from` on and before `to`, as a case that can be judged again.

    A line has the contact's id, creditor, account, decision and rules, the packs' hashes, and the `case` in the
    form of `senda policy check`. No names or addresses.
    """
    wanted = cases.Wanted(since, until, creditor, decision, days)

    async def lines() -> AsyncGenerator[bytes]:
        async for found in cases.read(here.ledger, wanted):
            yield orjson.dumps(found, option=orjson.OPT_APPEND_NEWLINE)

    return StreamingResponse(lines(), media_type="application/x-ndjson")
