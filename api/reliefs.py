"""For agents, operators and supervisors: reliefs that an account may have, granting and cancelling them."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse

from api.context import Caller, IdempotencyKey, Parts, PartsOf, Reader, Recorded, once
from api.problems import Problem
from api.relief_shapes import FinancedOut, OfferOut, ReliefIn, ReliefOut
from api.shapes import PageOf
from journey.relief_rules import GrantingRole
from journey.reliefs import Offer, Wish
from ledger import reliefs, views
from ledger.access import Actor, Answer
from ledger.agreement_views import Wanted
from ledger.creditors import creditor as creditor_of
from ledger.errors import NotFound
from ledger.relief_keeping import ReliefStatus
from ledger.relief_views import list_reliefs
from ledger.reliefs import Granter
from ledger.views import plain

router = APIRouter(
    prefix="/v1",
    tags=["reliefs"],
    route_class=Recorded,
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
)

PATH = "/accounts/{creditor}/{account}/reliefs"
Limit = Annotated[int, Query(ge=1, le=views.LONGEST_PAGE)]


@router.get(PATH + "/offers")
async def get_offers(creditor: str, account: str, here: PartsOf, actor: Caller) -> list[OfferOut]:
    """All of the creditor's reliefs for this account now: what whoever asks may grant, and why not the others."""
    found = await reliefs.offers(here.ledger, creditor, account, _role(actor))
    currency = (await creditor_of(here.ledger, creditor)).currency
    return [_offer(each, currency) for each in found]


@router.post(PATH, status_code=201, response_model=ReliefOut)
async def grant_relief(
    request: Request,
    creditor: str,
    account: str,
    body: ReliefIn,
    here: PartsOf,
    actor: Caller,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Grant a relief that the debtor accepts. With a condition it is a promise to pay the rest, and acts once kept.

    403 `relief.beyond_authority` where somebody else may grant so much, 422 where the account may not have it.
    """

    async def work(command: str) -> Answer:
        wish = Wish(body.relief, body.amount, body.due_date, body.instalments)
        granted = await reliefs.grant(here.ledger, creditor, account, wish, _granter(command, actor))
        here.follow(granted.followed)
        return await _answer(here, creditor, account, granted.id, 201)

    return await once(request, here, actor, idempotency_key, work)


@router.post(PATH + "/{relief}/cancel", response_model=ReliefOut)
async def cancel_relief(
    request: Request,
    creditor: str,
    account: str,
    relief: int,
    here: PartsOf,
    actor: Caller,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """End a relief that waits for its promise; supervisors may take back one that had no condition.

    409 where it has lapsed, was kept by a payment, or restructured the debt.
    """

    async def work(command: str) -> Answer:
        followed = await reliefs.cancel(here.ledger, creditor, account, relief, _granter(command, actor))
        here.follow(followed)
        return await _answer(here, creditor, account, relief, 200)

    return await once(request, here, actor, idempotency_key, work)


@router.get(PATH)
async def get_reliefs(
    creditor: str,
    account: str,
    here: PartsOf,
    actor: Reader,
    status: ReliefStatus | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> PageOf[ReliefOut]:
    """An account's reliefs in the order in which they were granted."""
    if await views.account_exists(here.ledger, creditor, account) is None:
        raise NotFound("account.unknown", "no such account: import it first", "account")
    return await _page(here, Wanted(creditor, account, status, cursor, limit))


@router.get("/creditors/{creditor}/reliefs")
async def list_all_reliefs(
    creditor: str,
    here: PartsOf,
    actor: Reader,
    status: ReliefStatus | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> PageOf[ReliefOut]:
    """A creditor's reliefs, page by page."""
    return await _page(here, Wanted(creditor, None, status, cursor, limit))


def _role(actor: Actor) -> GrantingRole:
    return "agent" if actor.role == "agent" else "supervisor"


def _granter(command: str, actor: Actor) -> Granter:
    return Granter(command, actor.name, _role(actor))


async def _answer(here: Parts, creditor: str, account: str, number: int, status: int) -> Answer:
    (row,) = (await list_reliefs(here.ledger, Wanted(creditor, account, number=number))).items
    return Answer(status, jsonable_encoder(ReliefOut.model_validate(row)))


async def _page(here: Parts, wanted: Wanted) -> PageOf[ReliefOut]:
    page = await list_reliefs(here.ledger, wanted)
    return PageOf(items=[ReliefOut.model_validate(row) for row in page.items], next_cursor=page.next_cursor)


def _offer(offer: Offer, currency: str) -> OfferOut:
    def money(amount: Decimal) -> str:
        return plain(amount, currency)

    return OfferOut(
        relief=offer.relief,
        kind=offer.kind,
        available=not offer.reasons,
        reasons=list(offer.reasons),
        forgives=money(offer.forgives),
        may_forgive=money(offer.may_forgive),
        pays=money(offer.pays) if offer.pays is not None else None,
        last_day=offer.last_day,
        financed=[
            FinancedOut(
                instalments=each.instalments,
                amount=money(each.amount),
                last_amount=money(each.last_amount),
                total=money(each.total),
            )
            for each in offer.financed
        ],
        currency=currency,
    )
