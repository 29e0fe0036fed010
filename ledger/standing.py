"""What an account owes now: sums of its postings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ledger.database import Connection


@dataclass(frozen=True, slots=True)
class OpenDue:
    """A due with something still to claim, in the account's currency."""

    id: int
    due_date: date
    open: Decimal


@dataclass(frozen=True, slots=True)
class Owed:
    """An account's balance (in its currency) and its dues with something still to claim, oldest first."""

    balance: Decimal
    dues: tuple[OpenDue, ...]

    @property
    def oldest_due(self) -> date | None:
        """The oldest unpaid due date."""
        return self.dues[0].due_date if self.dues else None

    def past_due(self, today: date) -> Decimal:
        """What fell due before this local day and is open."""
        return sum((due.open for due in self.dues if due.due_date < today), Decimal(0))


OWED = """
SELECT due_id AS id, due_date, open, claimed FROM claims WHERE account_id = %s ORDER BY due_date, due_id"""
"""A row for each due of an account with what is open on it, and one for its unapplied credit."""


def owed_of(rows: Sequence[dict[str, Any]]) -> Owed:
    """What the rows of `OWED` say."""
    dues = tuple(OpenDue(row["id"], row["due_date"], row["open"]) for row in rows if row["claimed"])
    return Owed(sum((row["open"] for row in rows), Decimal(0)), dues)


async def owed(tx: Connection, account_id: int) -> Owed:
    """Balance and open dues of an account, as the postings say within this transaction."""
    return owed_of(await (await tx.execute(OWED, [account_id])).fetchall())
