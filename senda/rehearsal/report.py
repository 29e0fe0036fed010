"""What a rehearsal found, from what the API reports about the journeys that ran, not from the file."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from senda.client import Journey

CURE_DAYS = (1, 7, 15, 30, 60, 90)
SETTLED = frozenset({"paid", "cured"})


@dataclass(frozen=True, slots=True)
class LateAccount:
    """An account open one day past due or later: its balance when it opened, the day it was settled."""

    amount: Decimal
    settled_on_day: int | None


class Lateness:
    """Gathers journeys: how many there were, which accounts were late, how late they were settled."""

    def __init__(self) -> None:
        self.journeys = 0
        self._late: dict[str, LateAccount] = {}

    async def gather(self, journeys: AsyncIterator[Journey]) -> None:
        async for journey in journeys:
            self.add(journey)

    def add(self, journey: Journey) -> None:
        self.journeys += 1
        closed = journey.closed_days_past_due
        day = closed if closed is not None else journey.days_past_due
        if day is None or day < 1:
            return
        before = self._late.get(journey.account)
        opening = journey.opening_balance
        amount = before.amount if before else (opening.amount if opening else Decimal(0))
        settled = closed if journey.outcome in SETTLED else None
        self._late[journey.account] = LateAccount(amount, settled)

    @property
    def late(self) -> int:
        return len(self._late)

    @property
    def late_amount(self) -> Decimal:
        return sum((account.amount for account in self._late.values()), Decimal(0))

    def cured_within(self, days: int) -> int:
        """Late accounts that were settled by this day past due."""
        settled = (account.settled_on_day for account in self._late.values())
        return sum(day is not None and day <= days for day in settled)


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one rehearsal. `rows` are those in scope; amounts in the portfolio's currency."""

    rows: int
    rejected: int
    accounts: int
    lateness: Lateness
    contacts: int
    contacts_after_payment: int
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "rejected": self.rejected,
            "accounts": self.accounts,
            "journeys": self.lateness.journeys,
            "late": self.lateness.late,
            "late_amount": str(self.lateness.late_amount),
            "cured_within": {str(days): self.lateness.cured_within(days) for days in CURE_DAYS},
            "contacts": self.contacts,
            "contacts_after_payment": self.contacts_after_payment,
            "seconds": round(self.seconds, 1),
        }
