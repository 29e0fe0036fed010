"""For agents and operators: payment links, bank files, and what processors told that moved no money."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from api.context import Caller, IdempotencyKey, Manager, Operator, Parts, PartsOf, Reader, Recorded, once
from api.problems import Problem, TooLarge
from api.processors import tell
from api.shapes import PageOf, Shape, Words
from channels.processors.bank_file import BankMapping
from channels.processors.bank_posting import post_bank_file
from channels.processors.events import LinkWanted
from ledger import processing, views
from ledger.access import Actor, Answer
from ledger.creditors import creditor as creditor_of
from ledger.creditors import decimals
from ledger.errors import Conflict
from ledger.payments import Posted
from ledger.processing import KeptLink
from ledger.rows import Amount
from ledger.views import plain
from policy.errors import SendaError

router = APIRouter(
    prefix="/v1",
    tags=["payments"],
    route_class=Recorded,
    responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
)

Limit = Annotated[int, Query(ge=1, le=views.LONGEST_PAGE)]

LARGEST_FILE = 32 * 1024 * 1024
"""Bytes of a bank file."""


class PaymentLinkIn(Shape):
    """A link that is wanted; without an amount it is for all that is owed, on the account or on the due."""

    amount: Amount | None = Field(default=None, examples=["185000.00"])
    due: Words | None = Field(default=None, max_length=128, examples=["3"], description="the key of a due")


class PaymentLinkOut(BaseModel):
    """A link where the account's debtor pays."""

    url: str = Field(examples=["https://pagos.example/l/7c21"])
    expires_at: datetime | None
    processor: str = Field(examples=["wompi"])
    amount: str = Field(examples=["185000.00"])
    currency: str = Field(examples=["COP"])
    due: str | None


class ProcessorEventOut(BaseModel):
    """An event of a processor. `code`: why its money was not taken, none where it moves no money of ours; `taken`:
    its money is kept as a payment by now."""

    seq: int
    processor: str
    id: str
    type: str
    code: str | None
    data: dict[str, Any] | None
    taken: bool
    received_at: datetime


class RowProblem(BaseModel):
    """A row that was not taken; rows count from 1, below the header."""

    row: int
    field: str
    code: str = Field(examples=["amount_invalid"])
    text: str


class BankFileOut(BaseModel):
    """What became of the rows; `errors` are the first thousand of those that were rejected."""

    rows: int
    applied: int
    duplicates: int
    unapplied: int
    rejected: int
    errors: list[RowProblem]


@router.post("/accounts/{creditor}/{account}/payment-links", status_code=201, response_model=PaymentLinkOut)
async def make_payment_link(
    request: Request,
    creditor: str,
    account: str,
    body: PaymentLinkIn,
    here: PartsOf,
    actor: Caller,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """A link at the creditor's processor. 409 where the account owes nothing, or where nobody makes links."""

    async def work(command: str) -> Answer:
        link = await processing.link_of(here.ledger, command) or await _link(
            here, creditor, account, body, actor, command
        )
        out = PaymentLinkOut(
            url=link.url,
            expires_at=link.expires_at,
            processor=link.processor,
            amount=plain(link.amount, link.currency),
            currency=link.currency,
            due=link.due,
        )
        return Answer(201, jsonable_encoder(out))

    return await once(request, here, actor, idempotency_key, work)


async def _link(here: Parts, creditor: str, account: str, body: PaymentLinkIn, actor: Actor, command: str) -> KeptLink:
    found = await processing.payable(here.ledger, creditor, account, body.due)
    if found.open <= 0:
        raise Conflict("account.owes_nothing", "there is nothing to pay", "due" if body.due else "account")
    amount = Decimal(plain(found.open, found.currency)) if body.amount is None else body.amount
    exponent = amount.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > decimals(found.currency):
        raise SendaError("payment.amount_decimals", f"too many decimals for {found.currency}", field="amount")
    processor = here.processors.asked("links", creditor)
    wanted = LinkWanted(
        key=command,
        creditor=creditor,
        account=account,
        reference=found.reference,
        name=found.creditor_name,
        amount=amount,
        currency=found.currency,
        due=body.due,
    )
    made = await processor.link(wanted)
    kept = KeptLink(
        key=command,
        creditor=creditor,
        account_id=found.id,
        processor=processor.key,
        link=made.id,
        url=made.url,
        amount=amount,
        currency=found.currency,
        due=body.due,
        actor=actor.name,
        expires_at=made.expires_at,
    )
    return await processing.keep_link(here.ledger, kept)


@router.get("/processor-events")
async def list_processor_events(
    here: PartsOf,
    actor: Manager,
    processor: str | None = None,
    cursor: str | None = None,
    limit: Limit = 100,
) -> PageOf[ProcessorEventOut]:
    """What processors told that did not become a payment at once: unused events, and money without an account."""
    page = await processing.list_events(here.ledger, processor, cursor, limit)
    return PageOf[ProcessorEventOut].model_validate(page, from_attributes=True)


@router.put("/creditors/{creditor}/bank-mapping")
async def put_bank_mapping(creditor: str, body: BankMapping, here: PartsOf, actor: Operator) -> BankMapping:
    """Say how the creditor's bank files look."""
    currency = (await creditor_of(here.ledger, creditor)).currency
    if body.currency != currency:
        text = f"the creditor's books are kept in {currency}, the mapping says {body.currency}"
        raise SendaError("bank_mapping.currency_mismatch", text, "currency")
    await processing.put_bank_mapping(here.ledger, creditor, body.model_dump(mode="json"), actor.name)
    return body


@router.get("/creditors/{creditor}/bank-mapping")
async def get_bank_mapping(creditor: str, here: PartsOf, actor: Reader) -> BankMapping:
    """How the creditor's bank files look."""
    return BankMapping.model_validate(await processing.bank_mapping(here.ledger, creditor))


@router.post(
    "/creditors/{creditor}/bank-files",
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def post_file(request: Request, creditor: str, here: PartsOf, actor: Operator) -> BankFileOut:
    """Post a bank's file of movements, read by the creditor's mapping. A row counts once, also in a file sent again;
    a bad row stops no other."""
    mapping = BankMapping.model_validate(await processing.bank_mapping(here.ledger, creditor))
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FILE:
            raise TooLarge("bank_file.too_large", f"a bank file has at most {LARGEST_FILE} bytes: send it in parts")

    async def told(posted: Posted) -> None:
        await tell(here, posted)

    result = await post_bank_file(here.ledger, creditor, mapping, bytes(body), told)
    return BankFileOut.model_validate(asdict(result))
