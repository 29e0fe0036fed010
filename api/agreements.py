"""For agents, operators and supervisors: promises to pay, payment plans, disputes."""

from dataclasses import asdict, replace
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse

from api.agreement_shapes import (
    DisputeIn,
    DisputeOut,
    DisputeStatus,
    PlanIn,
    PlanOut,
    ProjectionOut,
    PromiseIn,
    PromiseOut,
    ResolveIn,
)
from api.context import Caller, IdempotencyKey, Manager, Parts, PartsOf, Reader, Recorded, once
from api.problems import Forbidden, Problem
from api.shapes import PageOf
from journey.keeping import AgreementStatus
from journey.limits import Instalment
from ledger import agreements, disputes, views
from ledger.access import Actor, Answer
from ledger.agreement_views import Wanted, list_agreements, list_disputes
from ledger.agreements import Word
from ledger.disputes import Resolution
from ledger.errors import NotFound
from ledger.projection import project

router = APIRouter(
    prefix="/v1",
    tags=["agreements"],
    route_class=Recorded,
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
)

Limit = Annotated[int, Query(ge=1, le=views.LONGEST_PAGE)]
PATH = "/journeys/{creditor}/{account}"
BEYOND = ("operator", "supervisor", "admin")
"""Roles that may agree to more than a creditor's limits."""


@router.post(PATH + "/promises", status_code=201, response_model=PromiseOut)
async def make_promise(
    request: Request,
    creditor: str,
    account: str,
    body: PromiseIn,
    here: PartsOf,
    actor: Caller,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Note a promise to pay. Steps wait until the day after its day and the playbook's grace.

    422 where the creditor's limits do not allow it, 409 where an agreement or a dispute is open.
    """

    async def work(command: str) -> Answer:
        word = _word(command, actor, body.override, body.mandate)
        made = await agreements.promise(here.ledger, creditor, account, body.amount, body.due_date, word)
        here.tell(made.told)
        return Answer(201, await _promise(here, made.id))

    return await once(request, here, actor, idempotency_key, work)


@router.post(PATH + "/promises/{promise}/cancel", response_model=PromiseOut)
async def cancel_promise(
    request: Request,
    creditor: str,
    account: str,
    promise: int,
    here: PartsOf,
    actor: Caller,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """End an open promise: steps wait no longer. To agree anew, cancel first."""

    async def work(command: str) -> Answer:
        word = _word(command, actor)
        here.tell(await agreements.cancel(here.ledger, creditor, account, "promise", promise, word))
        return Answer(200, await _promise(here, promise))

    return await once(request, here, actor, idempotency_key, work)


@router.post(PATH + "/promises/{promise}/renegotiate", status_code=201, response_model=PromiseOut)
async def renegotiate_promise(
    request: Request,
    creditor: str,
    account: str,
    promise: int,
    body: PromiseIn,
    here: PartsOf,
    actor: Caller,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """End an open promise and make another in its place, at once; what was paid stays with the old one.

    422 where the creditor's limits do not allow it, 409 where the promise is not open.
    """

    async def work(command: str) -> Answer:
        word = _word(command, actor, body.override, body.mandate)
        made = await agreements.renegotiate(here.ledger, creditor, account, promise, body.amount, body.due_date, word)
        here.tell(made.told)
        return Answer(201, await _promise(here, made.id))

    return await once(request, here, actor, idempotency_key, work)


@router.post(PATH + "/plans", status_code=201, response_model=PlanOut)
async def make_plan(
    request: Request,
    creditor: str,
    account: str,
    body: PlanIn,
    here: PartsOf,
    actor: Caller,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Note a payment plan. Steps wait for its next unpaid instalment and the playbook's grace.

    422 where the creditor's limits do not allow it, 409 where an agreement or a dispute is open.
    """

    async def work(command: str) -> Answer:
        instalments = [Instalment(each.due_date, each.amount) for each in body.instalments]
        word = _word(command, actor, body.override, body.mandate)
        made = await agreements.plan(here.ledger, creditor, account, instalments, word)
        here.tell(made.told)
        return Answer(201, await _plan(here, made.id))

    return await once(request, here, actor, idempotency_key, work)


@router.post(PATH + "/plans/{plan}/cancel", response_model=PlanOut)
async def cancel_plan(
    request: Request,
    creditor: str,
    account: str,
    plan: int,
    here: PartsOf,
    actor: Caller,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """End an open plan: steps wait no longer. To agree anew, cancel first."""

    async def work(command: str) -> Answer:
        word = _word(command, actor)
        here.tell(await agreements.cancel(here.ledger, creditor, account, "plan", plan, word))
        return Answer(200, await _plan(here, plan))

    return await once(request, here, actor, idempotency_key, work)


@router.post(PATH + "/disputes", status_code=201, response_model=DisputeOut)
async def open_dispute(
    request: Request,
    creditor: str,
    account: str,
    body: DisputeIn,
    here: PartsOf,
    actor: Caller,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Note that the debtor disputes the debt: no contacts until it is resolved. 409 where a dispute is open."""

    async def work(command: str) -> Answer:
        made = await disputes.dispute(here.ledger, creditor, account, body.reason, _word(command, actor))
        here.tell(made.told)
        return Answer(201, await _dispute(here, made.id))

    return await once(request, here, actor, idempotency_key, work)


@router.post(PATH + "/disputes/{dispute}/resolve", response_model=DisputeOut)
async def resolve_dispute(
    request: Request,
    creditor: str,
    account: str,
    dispute: int,
    body: ResolveIn,
    here: PartsOf,
    actor: Manager,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Resolve a dispute: contacts go on. No money moves: what is upheld, the creditor adjusts."""

    async def work(command: str) -> Answer:
        resolution = Resolution(body.outcome, command, actor.name)
        here.tell(await disputes.resolve(here.ledger, creditor, account, dispute, resolution))
        return Answer(200, await _dispute(here, dispute))

    return await once(request, here, actor, idempotency_key, work)


async def of_account(
    creditor: str, account: str, here: PartsOf, cursor: str | None = None, limit: Limit = 100
) -> Wanted:
    """A page of one account's; raises `NotFound` with `account.unknown`."""
    if await views.account_exists(here.ledger, creditor, account) is None:
        raise NotFound("account.unknown", "no such account: import it first", "account")
    return Wanted(creditor, account, None, cursor, limit)


def of_all(creditor: str | None = None, cursor: str | None = None, limit: Limit = 100) -> Wanted:
    """A page of all, or of one creditor's."""
    return Wanted(creditor, None, None, cursor, limit)


OfAccount = Annotated[Wanted, Depends(of_account)]
OfAll = Annotated[Wanted, Depends(of_all)]


@router.get(PATH + "/promises")
async def get_promises(
    actor: Reader, here: PartsOf, wanted: OfAccount, status: AgreementStatus | None = None
) -> PageOf[PromiseOut]:
    """An account's promises in the order in which they were made."""
    return await _promises(here, replace(wanted, status=status))


@router.get("/promises")
async def list_promises(
    actor: Reader, here: PartsOf, wanted: OfAll, status: AgreementStatus | None = None
) -> PageOf[PromiseOut]:
    """Promises to pay, filtered, page by page."""
    return await _promises(here, replace(wanted, status=status))


@router.get(PATH + "/plans")
async def get_plans(
    actor: Reader, here: PartsOf, wanted: OfAccount, status: AgreementStatus | None = None
) -> PageOf[PlanOut]:
    """An account's payment plans in the order in which they were made."""
    return await _plans(here, replace(wanted, status=status))


@router.get("/plans")
async def list_plans(
    actor: Reader, here: PartsOf, wanted: OfAll, status: AgreementStatus | None = None
) -> PageOf[PlanOut]:
    """Payment plans, filtered, page by page."""
    return await _plans(here, replace(wanted, status=status))


@router.get(PATH + "/disputes")
async def get_disputes(
    actor: Reader, here: PartsOf, wanted: OfAccount, status: DisputeStatus | None = None
) -> PageOf[DisputeOut]:
    """An account's disputes in the order in which they were opened."""
    return await _disputes(here, replace(wanted, status=status))


@router.get("/disputes")
async def list_all_disputes(
    actor: Reader, here: PartsOf, wanted: OfAll, status: DisputeStatus | None = None
) -> PageOf[DisputeOut]:
    """Disputes, filtered, page by page."""
    return await _disputes(here, replace(wanted, status=status))


@router.get("/creditors/{creditor}/promises/projection", tags=["creditors"])
async def get_projection(
    creditor: str,
    actor: Reader,
    here: PartsOf,
    first: Annotated[date | None, Query(alias="from", description="a due date; today where none is given")] = None,
    last: Annotated[date | None, Query(alias="to", description="31 days later where none is given")] = None,
) -> ProjectionOut:
    """Open promises by due date, weighted by the share of promised amounts that was kept in the last 180 days."""
    found = await project(here.ledger, creditor, first, last)
    rate = f"{found.kept_rate:.4f}" if found.kept_rate is not None else None
    return ProjectionOut.model_validate({**asdict(found), "kept_rate": rate})


def _word(command: str, actor: Actor, override: bool = False, mandate: int | None = None) -> Word:
    if override and actor.role not in BEYOND:
        raise Forbidden("auth.role", "only supervisors and operators may agree to more than the creditor's limits")
    return Word(command, actor.name, beyond_limits=override, mandate=mandate)


async def _promises(here: Parts, wanted: Wanted) -> PageOf[PromiseOut]:
    page = await list_agreements(here.ledger, "promise", wanted)
    return PageOf[PromiseOut].model_validate(page, from_attributes=True)


async def _plans(here: Parts, wanted: Wanted) -> PageOf[PlanOut]:
    page = await list_agreements(here.ledger, "plan", wanted)
    return PageOf[PlanOut].model_validate(page, from_attributes=True)


async def _disputes(here: Parts, wanted: Wanted) -> PageOf[DisputeOut]:
    page = await list_disputes(here.ledger, wanted)
    return PageOf[DisputeOut].model_validate(page, from_attributes=True)


async def _promise(here: Parts, number: int) -> Any:
    found = await _promises(here, Wanted(number=number))
    return jsonable_encoder(found.items[0])


async def _plan(here: Parts, number: int) -> Any:
    found = await _plans(here, Wanted(number=number))
    return jsonable_encoder(found.items[0])


async def _dispute(here: Parts, number: int) -> Any:
    found = await _disputes(here, Wanted(number=number))
    return jsonable_encoder(found.items[0])
