"""What requests and answers about reliefs look like."""

from datetime import date, datetime

from pydantic import BaseModel, Field

from api.shapes import Shape, Words
from journey.relief_rules import GrantingRole, ReliefKind
from journey.reliefs import Reason
from ledger.relief_keeping import ReliefStatus
from ledger.rows import Amount, Day


class ReliefIn(Shape):
    """A relief to grant; what is left out is the most that the creditor's rule and the role allow."""

    relief: Words = Field(max_length=64, examples=["descuento-10"], description="the key of the creditor's rule")
    amount: Amount | None = Field(default=None, examples=["9000.00"], description="to forgive")
    due_date: Day | None = Field(
        default=None,
        examples=["2026-03-12"],
        description="by which the rest is paid; the new due date; the first instalment's",
    )
    instalments: int | None = Field(default=None, ge=2, le=120, examples=[None], description="of a refinancing")


class FinancedOut(BaseModel):
    """A choice of a refinancing."""

    instalments: int = Field(examples=[6])
    amount: str = Field(examples=["17852.58"], description="each but the last")
    last_amount: str = Field(examples=["17852.59"])
    total: str = Field(examples=["107115.49"])


class OfferOut(BaseModel):
    """A relief of the creditor's for an account now."""

    relief: str = Field(examples=["descuento-10"])
    kind: ReliefKind
    available: bool = Field(description="whether whoever asks may grant it now")
    reasons: list[Reason] = Field(examples=[[]], description="why not")
    forgives: str = Field(examples=["10000.00"], description="by the creditor's rule, at most")
    may_forgive: str = Field(examples=["5000.00"], description="what whoever asks may forgive of it")
    pays: str | None = Field(examples=["95000.00"], description="what must be paid for that; null: no condition")
    last_day: date | None = Field(description="by which it must be paid, at most; the latest new due date")
    financed: list[FinancedOut]
    currency: str


class ReliefOut(BaseModel):
    """A relief that was granted.

    `kept` once it has acted: at once, or when its promise was kept. `lapsed`: the promise was broken.
    """

    id: int
    creditor: str
    account: str
    journey_id: str | None = Field(examples=["journey:amable:CR-10024:1"])
    relief: str = Field(examples=["descuento-10"])
    kind: ReliefKind
    status: ReliefStatus
    status_at: datetime
    forgives: str = Field(examples=["10000.00"], description="late interest until a promise is kept goes with it")
    pays: str | None = Field(examples=["90000.00"], description="what must be paid for that; null: no condition")
    due_date: date | None = Field(description="by which it must be paid; the new due date")
    total: str | None = Field(examples=[None], description="of a refinancing's instalments")
    promise: int | None = Field(description="the number of the promise that it depends on")
    credits: list[int] = Field(description="the credits by which it forgave")
    currency: str
    role: GrantingRole = Field(description="by whose authority")
    actor: str
    made_at: datetime
