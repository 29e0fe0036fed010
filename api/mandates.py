"""For agents, operators and supervisors: mandates, by which a debtor lets a processor take money, and their debits."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from api.context import Caller, IdempotencyKey, Parts, PartsOf, Reader, Recorded, once
from api.problems import Problem
from api.shapes import PageOf, Shape, Words
from ledger import views
from ledger.access import Answer
from ledger.debit_views import DebitStatus, list_debits
from ledger.errors import NotFound
from ledger.mandates import NewMandate, give_mandate, list_mandates, revoke_mandate
from ledger.rows import Amount

router = APIRouter(
    prefix="/v1/accounts/{creditor}/{account}",
    tags=["payments"],
    route_class=Recorded,
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
)

Limit = Annotated[int, Query(ge=1, le=views.LONGEST_PAGE)]


class MandateIn(Shape):
    """A mandate that a debtor gave."""

    processor: Words | None = Field(
        default=None, examples=[None], description="none: the one that takes the creditor's debits"
    )
    reference: Words = Field(
        examples=["pm_7c21"], description="the processor's reference of it; never the number of a card or account"
    )
    most: Amount | None = Field(default=None, examples=["250000.00"], description="of a debit, at most")
    proof: Words = Field(examples=["DOC-2026-0311"], description="where the debtor's word is kept")


class RevokeIn(Shape):
    """The end of a mandate. Nobody has to say why."""

    reason: Words | None = Field(default=None, examples=[None])


class MandateOut(BaseModel):
    """A mandate. What is `revoked` takes nothing any more."""

    id: int = Field(examples=[12])
    status: Literal["active", "revoked"]
    processor: str
    reference: str
    most: str | None = Field(examples=["250000.00"])
    currency: str
    proof: str
    actor: str = Field(description="who noted it")
    given_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None
    reason: str | None


class DebitOut(BaseModel):
    """A debit: what a processor was asked to take. The money itself is a payment, told by its callback."""

    id: int = Field(examples=[31])
    plan: int | None = Field(description="whose instalment it is")
    promise: int | None
    instalment: int = Field(examples=[1])
    attempt: int = Field(examples=[1])
    mandate: int
    processor: str
    amount: str = Field(examples=["60000.00"])
    currency: str
    status: DebitStatus = Field(
        description="asked: no answer yet; pending: the processor does not know yet, or nobody can tell"
    )
    status_at: datetime
    code: str | None = Field(examples=["insufficient_funds"], description="why, stable")
    reference: str | None = Field(description="the payment's at the processor")
    asked_at: datetime


@router.post("/mandates", status_code=201, response_model=MandateOut)
async def give(
    request: Request,
    creditor: str,
    account: str,
    body: MandateIn,
    here: PartsOf,
    actor: Caller,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Note that the debtor lets a processor take money. Nothing is taken by it alone: plans and promises name it.

    422 where the reference looks like a card number, 409 where nobody takes debits for the creditor.
    """

    async def work(command: str) -> Answer:
        processor = _processor(here, creditor, body.processor)
        new = NewMandate(processor, body.reference, body.most, body.proof, command, actor.name)
        number = await give_mandate(here.ledger, creditor, account, new)
        return Answer(201, await _mandate(here, creditor, account, number))

    return await once(request, here, actor, idempotency_key, work)


@router.post("/mandates/{mandate}/revoke", response_model=MandateOut)
async def revoke(
    request: Request,
    creditor: str,
    account: str,
    mandate: int,
    here: PartsOf,
    actor: Caller,
    body: RevokeIn | None = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """End a mandate at once: nothing more is asked for by it. Revoked again it stays as it is."""

    async def work(command: str) -> Answer:
        await revoke_mandate(here.ledger, creditor, account, mandate, actor.name, body.reason if body else None)
        return Answer(200, await _mandate(here, creditor, account, mandate))

    return await once(request, here, actor, idempotency_key, work)


@router.get("/mandates")
async def get_mandates(
    creditor: str, account: str, actor: Reader, here: PartsOf, cursor: str | None = None, limit: Limit = 100
) -> PageOf[MandateOut]:
    """An account's mandates in the order in which they were given."""
    await _require_account(here, creditor, account)
    page = await list_mandates(here.ledger, creditor, account, cursor, limit)
    return PageOf[MandateOut].model_validate(page, from_attributes=True)


@router.get("/debits")
async def get_debits(
    creditor: str, account: str, actor: Reader, here: PartsOf, cursor: str | None = None, limit: Limit = 100
) -> PageOf[DebitOut]:
    """An account's debits in the order in which they were asked for."""
    await _require_account(here, creditor, account)
    page = await list_debits(here.ledger, creditor, account, cursor, limit)
    return PageOf[DebitOut].model_validate(page, from_attributes=True)


def _processor(here: Parts, creditor: str, key: str | None) -> str:
    if key is None:
        return here.processors.asked("debits", creditor).key
    if here.processors.get(key) is None or not here.processors.serves(key, creditor):
        raise NotFound("processor.unknown", "no processor of this key takes the creditor's money", "processor")
    return key


async def _mandate(here: Parts, creditor: str, account: str, number: int) -> Any:
    page = await list_mandates(here.ledger, creditor, account, number=number)
    return jsonable_encoder(MandateOut.model_validate(page.items[0]))


async def _require_account(here: Parts, creditor: str, account: str) -> None:
    if await views.account_exists(here.ledger, creditor, account) is None:
        raise NotFound("account.unknown", "no such account: import it first", "account")
