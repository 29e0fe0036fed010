"""What requests and answers about promises, plans and disputes look like."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from api.shapes import Shape
from journey.keeping import AgreementStatus, InstalmentState, PlanState
from ledger.disputes import DisputeOutcome, DisputeReason
from ledger.rows import Amount, Day

DisputeStatus = Literal["open"] | DisputeOutcome

OVERRIDE = "supervisors and operators may agree to more than the creditor's limits"
MANDATE = "the account's mandate by which it is debited on its day; none: the debtor pays"


class PromiseIn(Shape):
    """A promise to pay: an amount in the creditor's currency, by the end of a local day."""

    amount: Amount = Field(examples=["120000.00"])
    due_date: Day = Field(examples=["2026-03-12"])
    override: bool = Field(default=False, examples=[False], description=OVERRIDE)
    mandate: int | None = Field(default=None, examples=[None], description=MANDATE)


class InstalmentIn(Shape):
    """An instalment of a plan."""

    due_date: Day = Field(examples=["2026-03-12"])
    amount: Amount = Field(examples=["60000.00"])


class PlanIn(Shape):
    """A payment plan: its instalments in order; they sum to what is past due at least, to the balance at most."""

    instalments: list[InstalmentIn] = Field(
        min_length=1,
        max_length=60,
        examples=[[{"due_date": "2026-03-12", "amount": "60000.00"}, {"due_date": "2026-04-12", "amount": "60000.00"}]],
    )
    override: bool = Field(default=False, examples=[False], description=OVERRIDE)
    mandate: int | None = Field(default=None, examples=[None], description=MANDATE)


class DisputeIn(Shape):
    """The debtor says that the debt is wrong."""

    reason: DisputeReason = Field(examples=["already_paid"])


class ResolveIn(Shape):
    """How people resolved a dispute."""

    outcome: DisputeOutcome = Field(examples=["rejected"])


class InstalmentOut(BaseModel):
    """An instalment: `paid` is what counts for it, until `waits_until` (UTC)."""

    number: int = Field(examples=[1])
    due_date: date
    amount: str = Field(examples=["60000.00"])
    paid: str = Field(examples=["0.00"])
    state: InstalmentState = Field(description="late after its day, missed after its grace")
    waits_until: datetime


class _Agreed(BaseModel):
    id: int
    journey_id: str = Field(examples=["journey:amable:CR-10024:1"])
    creditor: str
    account: str
    status: AgreementStatus = Field(description="kept once all was paid in time, broken once something was not")
    status_at: datetime = Field(description="when it became so, or was last changed")
    amount: str = Field(examples=["120000.00"], description="all of it")
    paid: str = Field(examples=["0.00"], description="what counts for it")
    currency: str
    made_at: datetime
    waits_until: datetime = Field(description="no step is performed before, unless people end it")
    actor: str = Field(description="who noted it")
    origin: str = Field(examples=["people"], description="by what way it was agreed")
    override: bool = Field(description="it goes beyond the creditor's limits")
    mandate: int | None = Field(examples=[None], description=MANDATE)
    reason: str | None = Field(
        examples=[None], description="why it was cancelled: renegotiated, first_payment_missing; null: people ended it"
    )


class PromiseOut(_Agreed):
    """A promise to pay. `replaces`: the promise that it renegotiates; `replaced_by`: the one made in its place."""

    due_date: date
    replaces: int | None = Field(examples=[None])
    replaced_by: int | None = Field(examples=[None])


class PlanOut(_Agreed):
    """A payment plan."""

    state: PlanState = Field(
        description="while it is open: awaiting_first where the first payment is its condition, warned once an "
        "instalment was missed that can be made good until its waits_until, otherwise active"
    )
    instalments: list[InstalmentOut]


class DueDayOut(BaseModel):
    """The open promises of a due date. `paid`: what counts for them so far; `expected`: null without a kept rate."""

    due_date: date
    promises: int = Field(examples=[3])
    promised: str = Field(examples=["360000.00"])
    paid: str = Field(examples=["60000.00"])
    expected: str | None = Field(examples=["298800.00"], description="promised, times the kept rate")


class ProjectionOut(BaseModel):
    """Open promises by due date and what they will bring.

    `kept_rate`: of the promises whose time ended in the last 180 days, the share of the promised amounts that was
    paid in time; null where it rests on none.
    """

    creditor: str
    currency: str
    first: date = Field(serialization_alias="from", validation_alias="first")
    last: date = Field(serialization_alias="to", validation_alias="last")
    kept_rate: str | None = Field(examples=["0.8300"])
    rests_on: int = Field(examples=[41], description="how many promises the kept rate was reckoned from")
    days: list[DueDayOut]


class DisputeOut(BaseModel):
    """A dispute; `status` is `open` or how it was resolved."""

    id: int
    journey_id: str
    creditor: str
    account: str
    reason: DisputeReason
    status: DisputeStatus
    opened_at: datetime
    actor: str
    origin: str
    resolved_at: datetime | None
    resolved_by: str | None
