"""For operators, agents and compliance: journeys, their contacts and events, and what people command."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse

from activities.launching import enter
from api.context import IdempotencyKey, Manager, PartsOf, Reader, Recorded, Supervisor, once
from api.problems import Forbidden, Problem
from api.shapes import (
    CloseIn,
    ContactOut,
    EventOut,
    HoldOut,
    JourneyIn,
    JourneyOut,
    PageOf,
    PauseIn,
    PaymentOut,
    ResumeIn,
)
from journey.playbook import Outcome, Stage
from journey.state import Status
from ledger import commands, holds, views
from ledger.access import Answer
from ledger.commands import Pause
from ledger.errors import Conflict, NotFound
from ledger.holds import LASTING, HoldKind
from ledger.why import in_words, whys
from policy import Language

router = APIRouter(
    prefix="/v1",
    route_class=Recorded,
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
)

Limit = Annotated[int, Query(ge=1, le=views.LONGEST_PAGE)]
PATH = "/journeys/{creditor}/{account}"
LIFTING = ("operator", "supervisor", "admin")
"""Roles that may lift a pause that outlives its journey."""


@router.post("/journeys", status_code=201, tags=["journeys"], response_model=JourneyOut)
async def start_journey(
    request: Request, body: JourneyIn, here: PartsOf, actor: Supervisor, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Start an account's journey: 201, or 200 with the one that runs."""

    async def work(command: str) -> Answer:
        account = await _account(here, body.creditor, body.account)
        launched = await enter(here.ledger, here.engine, [account], actor.name)
        found = await views.journey(here.ledger, body.creditor, body.account)
        if found is None or (not launched and found["status"] == "closed"):
            raise Conflict("journey.nothing_due", "the account is not in its playbook's days, or owes nothing")
        return Answer(201 if launched else 200, jsonable_encoder(found))

    return await once(request, here, actor, idempotency_key, work)


@router.get("/journeys", tags=["journeys"])
async def list_journeys(
    here: PartsOf,
    actor: Reader,
    creditor: str | None = None,
    stage: Stage | None = None,
    status: Status | None = None,
    outcome: Outcome | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> PageOf[JourneyOut]:
    """Journeys, filtered, page by page."""
    page = await views.list_journeys(
        here.ledger, creditor=creditor, stage=stage, status=status, outcome=outcome, cursor=cursor, limit=limit
    )
    return PageOf[JourneyOut].model_validate(page, from_attributes=True)


@router.get(PATH, tags=["journeys"])
async def get_journey(creditor: str, account: str, here: PartsOf, actor: Reader) -> JourneyOut:
    """An account's last journey."""
    return JourneyOut.model_validate(await _journey(here, creditor, account))


@router.get(PATH + "/contacts", tags=["journeys"])
async def get_contacts(
    creditor: str, account: str, here: PartsOf, actor: Reader, language: Language = "es"
) -> list[ContactOut]:
    """Every decision on a contact: what was sent, refused (by which rules, until when, why), skipped."""
    await _account(here, creditor, account)
    found = await views.list_contacts(here.ledger, creditor, account)
    async with here.ledger.transaction() as tx:
        reasons = await whys(tx, found)
    return [
        ContactOut.model_validate({**row, "why": in_words(row["reason"], why, language)})
        for row, why in zip(found, reasons, strict=True)
    ]


@router.get(PATH + "/events", tags=["journeys"])
async def get_events(
    creditor: str, account: str, here: PartsOf, actor: Reader, cursor: str | None = None, limit: Limit = 500
) -> PageOf[EventOut]:
    """Everything that happened, in order."""
    await _account(here, creditor, account)
    page = await views.list_events(here.ledger, creditor, account, cursor, limit)
    return PageOf[EventOut].model_validate(page, from_attributes=True)


@router.get(PATH + "/holds", tags=["journeys"])
async def get_holds(
    creditor: str, account: str, here: PartsOf, actor: Reader, cursor: str | None = None, limit: Limit = 100
) -> PageOf[HoldOut]:
    """The pauses that concern an account, also those of its person, in the order in which they were noted."""
    await _account(here, creditor, account)
    page = await holds.list_holds(here.ledger, creditor, account, cursor, limit)
    return PageOf[HoldOut].model_validate(page, from_attributes=True)


@router.post(PATH + "/pause", status_code=201, tags=["commands"], response_model=JourneyOut | PageOf[HoldOut])
async def pause(
    request: Request,
    creditor: str,
    account: str,
    body: PauseIn,
    here: PartsOf,
    actor: Manager,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Hold the journey: no contacts in that time. 409 where another pause covers part of it.

    An account that has had no journey yet answers with what holds it.
    """

    async def work(command: str) -> Answer:
        order = Pause(id=command, starts=body.starts, ends=body.until, reason=body.reason, kind=body.kind)
        for told in await commands.pause(here.ledger, creditor, account, order, actor.name):
            here.tell(told)
        return Answer(201, await _held(here, creditor, account))

    return await once(request, here, actor, idempotency_key, work)


@router.post(PATH + "/resume", tags=["commands"], response_model=JourneyOut | PageOf[HoldOut])
async def resume(
    request: Request,
    creditor: str,
    account: str,
    here: PartsOf,
    actor: Manager,
    body: ResumeIn | None = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """End the pause that holds now, of several the lightest or the one of a kind. 409 where none does."""

    def admit(kind: HoldKind) -> None:
        if kind in LASTING and actor.role not in LIFTING:
            raise Forbidden("auth.role", f"only supervisors and operators lift a pause of kind {kind}")

    async def work(command: str) -> Answer:
        kind = body.kind if body is not None else None
        for told in await commands.resume(here.ledger, creditor, account, command, actor.name, kind, admit):
            here.tell(told)
        return Answer(200, await _held(here, creditor, account))

    return await once(request, here, actor, idempotency_key, work)


@router.post(PATH + "/close", tags=["commands"], response_model=JourneyOut)
async def close(
    request: Request,
    creditor: str,
    account: str,
    body: CloseIn,
    here: PartsOf,
    actor: Supervisor,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """End the journey with an outcome that people decide."""

    async def work(command: str) -> Answer:
        here.tell(await commands.close(here.ledger, creditor, account, body.outcome, command, actor.name))
        return Answer(200, await _encoded(here, creditor, account))

    return await once(request, here, actor, idempotency_key, work)


@router.get("/payments", tags=["payments"])
async def list_payments(
    here: PartsOf,
    actor: Manager,
    creditor: str | None = None,
    status: Annotated[str | None, Query(pattern="^(applied|unapplied)$")] = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> PageOf[PaymentOut]:
    """Payments and reversals; `status=unapplied` shows money whose account is not known yet."""
    page = await views.list_payments(here.ledger, creditor, status, cursor, limit)
    return PageOf[PaymentOut].model_validate(page, from_attributes=True)


async def _account(here: PartsOf, creditor: str, account: str) -> int:
    found = await views.account_exists(here.ledger, creditor, account)
    if found is None:
        raise NotFound("account.unknown", "no such account: import it first", "account")
    return found


async def _journey(here: PartsOf, creditor: str, account: str) -> dict[str, Any]:
    found = await views.journey(here.ledger, creditor, account)
    if found is None:
        await _account(here, creditor, account)
        raise NotFound("journey.unknown", "the account has had no journey yet", "account")
    return found


async def _held(here: PartsOf, creditor: str, account: str) -> Any:
    """The account's last journey; where it has had none, what holds it."""
    found = await views.journey(here.ledger, creditor, account)
    page = None if found else await holds.list_holds(here.ledger, creditor, account, None, views.LONGEST_PAGE)
    return jsonable_encoder(found or PageOf[HoldOut].model_validate(page, from_attributes=True))


async def _encoded(here: PartsOf, creditor: str, account: str) -> Any:
    return jsonable_encoder(await _journey(here, creditor, account))
