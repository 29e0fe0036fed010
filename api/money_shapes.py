"""What requests and answers about an account's money look like."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from api.shapes import Shape
from ledger.credits import CreditKind, CreditStatus
from ledger.rows import Amount

SINCE = "since when it counts; now where none is given"


class Parts(BaseModel):
    """An amount in its parts, in the account's currency."""

    principal: str = Field(examples=["100000.00"])
    interest: str = Field(examples=["1520.00"])
    fees: str = Field(examples=["0.00"])


class StatementDue(BaseModel):
    """A due: what was charged for it, and what is open."""

    due: str
    due_date: date
    charged: Parts
    open: Parts
    amount: str = Field(description="all that was charged")
    balance: str = Field(description="all that is open")


class StatementLine(BaseModel):
    """A posting: owed is positive, paid is negative. `effective_at`: since when it counts; `booked_at`: since when it
    is known. `about`: formula and inputs of interest, what a fee is for."""

    id: int
    kind: str = Field(examples=["payment"])
    due: str | None
    component: str | None
    amount: str = Field(examples=["-40000.00"])
    effective_at: datetime
    booked_at: datetime
    processor: str | None
    payment: str | None
    credit: int | None
    about: dict[str, Any] | None


class StatementOut(Parts):
    """What an account owes at the end of a day, and how that came about."""

    creditor: str
    account: str
    currency: str
    on: date
    known_at: datetime
    balance: str
    past_due: str
    unapplied_credit: str = Field(description="what was paid and has no due yet")
    dues: list[StatementDue]
    lines: list[StatementLine]


class CreditNoteIn(Shape):
    """A credit note. It clears nothing before it is applied."""

    amount: Amount = Field(examples=["25000.00"])
    reason: str = Field(min_length=1, max_length=200, examples=["returned goods"])
    due: str | None = Field(default=None, max_length=128, description="the due that it is meant for first")
    effective_at: AwareDatetime | None = Field(default=None, description=SINCE)


class WaiverIn(Shape):
    """Interest or fees that the creditor forgives."""

    amount: Amount = Field(examples=["1520.00"])
    of: list[Literal["interest", "fees"]] = Field(default=["interest"], min_length=1, max_length=2)
    reason: str = Field(min_length=1, max_length=200, examples=["goodwill"])
    due: str | None = Field(default=None, max_length=128, description="the due that it is meant for first")


class ReasonIn(Shape):
    """Why."""

    reason: str = Field(min_length=1, max_length=200, examples=["uncollectible"])


class RefundIn(Shape):
    """Money given back to the debtor: unapplied credit, at most."""

    amount: Amount = Field(examples=["5000.00"])


class CreditOut(BaseModel):
    """A credit without money. It counts while it is `applied`."""

    id: int
    kind: CreditKind
    status: CreditStatus
    status_at: datetime
    amount: str
    currency: str
    due: str | None
    components: list[str]
    reason: str
    actor: str
    effective_at: datetime
