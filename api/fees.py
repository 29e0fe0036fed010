"""Collection fees that people charge."""

from typing import Any, Self

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, model_validator

from api.context import IdempotencyKey, PartsOf, Recorded, Supervisor, once
from api.problems import Problem
from api.shapes import Money, Shape, Words
from journey.playbook import Key
from ledger.access import Answer
from ledger.fees import FeeCharged, FeeOrder, charge_fee

router = APIRouter(
    prefix="/v1/accounts",
    route_class=Recorded,
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
    tags=["money"],
)


class FeeIn(Shape):
    """A fee of the creditor's rules, for one action that the record has: a contact or a task of the account."""

    kind: Key = Field(examples=["llamada"])
    due: Words | None = Field(default=None, description="the due's key; null: the oldest that is open")
    contact: int | None = Field(default=None, ge=1, lt=2**63, examples=[12])
    task: int | None = Field(default=None, ge=1, lt=2**63, examples=[None])

    @model_validator(mode="after")
    def _one_action(self) -> Self:
        if (self.contact is None) == (self.task is None):
            raise ValueError("name the contact or the task that the fee is for, one of them")
        return self


class FeeOut(BaseModel):
    """A fee that was charged."""

    fee: int = Field(description="the posting's number")
    kind: str = Field(examples=["llamada"])
    due: str = Field(description="the due's key")
    amount: Money
    about: dict[str, Any] = Field(description="formula and inputs, the action, the document that told of the fee")


@router.post("/{creditor}/{account}/fees", status_code=201, response_model=FeeOut)
async def charge(
    request: Request,
    creditor: str,
    account: str,
    body: FeeIn,
    here: PartsOf,
    actor: Supervisor,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Charge a collection fee for an action that was performed. To take it back, waive it."""

    async def work(command: str) -> Answer:
        order = FeeOrder(body.kind, command, body.due, body.contact, body.task)
        charged = await charge_fee(here.ledger, creditor, account, order, actor.name)
        if charged.followed is not None:
            here.follow(charged.followed)
        return Answer(201, _out(charged).model_dump(mode="json"))

    return await once(request, here, actor, idempotency_key, work)


def _out(charged: FeeCharged) -> FeeOut:
    amount = Money(amount=f"{charged.amount:f}", currency=charged.currency)
    return FeeOut(fee=charged.id, kind=charged.kind, due=charged.due, amount=amount, about=charged.about)
