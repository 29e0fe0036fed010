"""For operators and supervisors: statements, credit notes, waivers, write-offs, refunds."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime

from api.context import IdempotencyKey, Parts, PartsOf, Reader, Recorded, Supervisor, once
from api.money_shapes import CreditNoteIn, CreditOut, ReasonIn, RefundIn, StatementOut, WaiverIn
from api.problems import Problem
from ledger import credits
from ledger.access import Answer
from ledger.credits import CreditKind, Given, NewCredit
from ledger.errors import NotFound
from ledger.refunds import refund
from ledger.statements import Asked, list_credits, statement
from ledger.views import account_exists

router = APIRouter(
    prefix="/v1/accounts/{creditor}/{account}",
    tags=["money"],
    route_class=Recorded,
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
)

FORGIVEN: tuple[CreditKind, ...] = ("waiver", "discount")


@router.get("/statement")
async def get_statement(
    creditor: str,
    account: str,
    here: PartsOf,
    actor: Reader,
    on: Annotated[date | None, Query(description="at the end of this local day; today")] = None,
    known_at: Annotated[AwareDatetime | None, Query(description="by what was known then; now")] = None,
) -> StatementOut:
    """The debt in its parts on any day, and all postings. A payment that was taken back counts as never made.

    With `known_at` it is shown as it was known then, before payments and reversals that came later.
    """
    asked = Asked(creditor, account, on, known_at.astimezone(UTC) if known_at else None)
    return StatementOut.model_validate(await statement(here.ledger, asked))


@router.get("/credits")
async def get_credits(creditor: str, account: str, here: PartsOf, actor: Reader) -> list[CreditOut]:
    """Credit notes, waivers, discounts and write-offs of an account."""
    if await account_exists(here.ledger, creditor, account) is None:
        raise NotFound("account.unknown", "no such account: import it first", "account")
    return [CreditOut.model_validate(row) for row in await list_credits(here.ledger, creditor, account)]


@router.post("/credit-notes", status_code=201, response_model=CreditOut)
async def issue_credit_note(
    request: Request,
    creditor: str,
    account: str,
    body: CreditNoteIn,
    here: PartsOf,
    actor: Supervisor,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Issue a credit note. It clears nothing until it is applied."""

    async def work(command: str) -> Answer:
        new = NewCredit(
            "credit_note", body.amount, body.reason, command, actor.name, body.due, effective_at=_utc(body.effective_at)
        )
        return await _answer(here, creditor, account, await credits.issue(here.ledger, creditor, account, new), 201)

    return await once(request, here, actor, idempotency_key, work)


@router.post("/credit-notes/{credit}/apply", response_model=CreditOut)
async def apply_credit_note(
    request: Request,
    creditor: str,
    account: str,
    credit: int,
    here: PartsOf,
    actor: Supervisor,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Apply a credit note: from now on it lowers the debt, since its own date."""

    async def work(command: str) -> Answer:
        given = await credits.apply_credit(here.ledger, creditor, account, credit, command, actor.name)
        return await _answer(here, creditor, account, given)

    return await once(request, here, actor, idempotency_key, work)


@router.post("/credit-notes/{credit}/cancel", response_model=CreditOut)
async def cancel_credit_note(
    request: Request,
    creditor: str,
    account: str,
    credit: int,
    here: PartsOf,
    actor: Supervisor,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Cancel a credit note, applied or not: what it had cleared is owed again."""
    return await _undo(request, creditor, account, credit, here, actor, idempotency_key, ("credit_note",))


@router.post("/waivers", status_code=201, response_model=CreditOut)
async def give_waiver(
    request: Request,
    creditor: str,
    account: str,
    body: WaiverIn,
    here: PartsOf,
    actor: Supervisor,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Forgive interest or fees. What is not owed of them any more when it counts, lapses."""

    async def work(command: str) -> Answer:
        new = NewCredit("waiver", body.amount, body.reason, command, actor.name, body.due, tuple(body.of))
        return await _answer(here, creditor, account, await credits.give(here.ledger, creditor, account, new), 201)

    return await once(request, here, actor, idempotency_key, work)


@router.post("/waivers/{credit}/cancel", response_model=CreditOut)
async def cancel_waiver(
    request: Request,
    creditor: str,
    account: str,
    credit: int,
    here: PartsOf,
    actor: Supervisor,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Take a waiver or a discount back."""
    return await _undo(request, creditor, account, credit, here, actor, idempotency_key, FORGIVEN)


@router.post("/write-offs", status_code=201, response_model=CreditOut)
async def write_off(
    request: Request,
    creditor: str,
    account: str,
    body: ReasonIn,
    here: PartsOf,
    actor: Supervisor,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Write off what the account owes; its journey ends as `written_off`. Payments that still come are recoveries."""

    async def work(command: str) -> Answer:
        given = await credits.write_off(here.ledger, creditor, account, body.reason, command, actor.name)
        return await _answer(here, creditor, account, given, 201)

    return await once(request, here, actor, idempotency_key, work)


@router.post("/write-offs/{credit}/cancel", response_model=CreditOut)
async def cancel_write_off(
    request: Request,
    creditor: str,
    account: str,
    credit: int,
    here: PartsOf,
    actor: Supervisor,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Undo a write-off: the debt is owed again, a journey starts where it belongs by its oldest due date."""
    return await _undo(request, creditor, account, credit, here, actor, idempotency_key, ("write_off",))


@router.post("/refunds", status_code=201, response_model=StatementOut)
async def post_refund(
    request: Request,
    creditor: str,
    account: str,
    body: RefundIn,
    here: PartsOf,
    actor: Supervisor,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Note that unapplied credit was given back to the debtor. 409 where there is not so much of it."""

    async def work(command: str) -> Answer:
        here.follow(await refund(here.ledger, creditor, account, body.amount, command, actor.name))
        return Answer(201, jsonable_encoder(await statement(here.ledger, Asked(creditor, account))))

    return await once(request, here, actor, idempotency_key, work)


async def _undo(
    request: Request,
    creditor: str,
    account: str,
    credit: int,
    here: Parts,
    actor: Any,
    key: str | None,
    kinds: tuple[CreditKind, ...],
) -> JSONResponse:
    async def work(command: str) -> Answer:
        given = await credits.undo(here.ledger, creditor, account, credit, kinds, command, actor.name)
        return await _answer(here, creditor, account, given)

    return await once(request, here, actor, key, work)


async def _answer(here: Parts, creditor: str, account: str, given: Given, status: int = 200) -> Answer:
    here.follow(given.followed)
    (row,) = await list_credits(here.ledger, creditor, account, given.id)
    return Answer(status, jsonable_encoder(CreditOut.model_validate(row)))


def _utc(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC) if at is not None else None
