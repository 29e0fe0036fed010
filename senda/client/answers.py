"""What the API answers, as frozen values. Fields that a newer server adds are ignored."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Money(_Answer):
    amount: Decimal
    currency: str


class Creditor(_Answer):
    creditor: str
    currency: str
    time_zone: str


class ImportStatus(_Answer):
    import_id: str
    status: str
    rows: int = 0
    accepted: int = 0
    rejected: int = 0
    started: int = 0


class RowProblem(_Answer):
    """A row that was not accepted. `row` counts the lines of what was sent, from 1."""

    row: int
    field: str | None = None
    code: str
    text: str


class Journey(_Answer):
    """`closed_days_past_due` counts from `due_date`, the oldest unpaid due date when the journey opened."""

    creditor: str
    account: str
    episode: int
    status: str
    stage: str | None = None
    outcome: str | None = None
    days_past_due: int | None = None
    balance: Money | None = None
    due_date: date | None = None
    opening_balance: Money | None = None
    closed_days_past_due: int | None = None


class Event(_Answer):
    """One thing that happened to an account; the keys of `data` depend on `kind`."""

    seq: int
    at: datetime
    kind: str
    actor: str | None = None
    data: dict[str, Any] = Field(default_factory=dict[str, Any])


class JourneyCounts(_Answer):
    total: int = 0
    by_status: dict[str, int] = Field(default_factory=dict[str, int])
    by_stage: dict[str, int] = Field(default_factory=dict[str, int])
    by_outcome: dict[str, int] = Field(default_factory=dict[str, int])

    @property
    def open(self) -> int:
        return self.total - self.by_status.get("closed", 0)


class ContactCounts(_Answer):
    sent: int = 0
    by_stage: dict[str, dict[str, int]] = Field(default_factory=dict[str, dict[str, int]])
    refusals: dict[str, int] = Field(default_factory=dict[str, int])
    refusal_share: Decimal = Decimal(0)
    put_off: int = 0
    after_clearing_payment: int = 0


class PaymentCounts(_Answer):
    count: int = 0
    amount: Money | None = None
    reversals: int = 0
    unapplied: int = 0


class Summary(_Answer):
    now: datetime
    accounts: int
    balance: Money
    journeys: JourneyCounts
    contacts: ContactCounts
    payments: PaymentCounts


class Advanced(_Answer):
    now: datetime
    woken: int = 0


class PaymentResult(_Answer):
    applied: bool
    status: str = ""
    code: str | None = None
