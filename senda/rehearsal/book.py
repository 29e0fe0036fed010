"""What a rehearsal must do and when: each payment of the file under its day, kept on disk."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from journey.playbook import Playbook
from senda.portfolio.rows import BadRow, Receivable


@dataclass(frozen=True, slots=True)
class Payment:
    """The whole amount of a document, in the portfolio's currency."""

    account: str
    amount: Decimal


class PaymentBook:
    """Payments by day. Memory does not grow with the file: the book is a temporary database."""

    def __init__(self) -> None:
        self._payments = sqlite3.connect("", isolation_level=None)
        self._payments.execute("PRAGMA journal_mode = OFF")
        self._payments.execute("BEGIN")
        self._payments.execute("CREATE TABLE payment (day TEXT, account TEXT, amount TEXT)")
        self.rows = 0
        self.rejected = 0
        self.first_due: date | None = None
        self.last_unpaid_due: date | None = None

    @classmethod
    def read(cls, rows: Iterable[Receivable | BadRow]) -> "PaymentBook":
        book = cls()
        for row in rows:
            book.rows += 1
            if isinstance(row, BadRow):
                book.rejected += 1
            else:
                book._add(row)
        book._payments.execute("CREATE INDEX by_day ON payment (day)")
        return book

    def _add(self, row: Receivable) -> None:
        self.first_due = min(self.first_due or row.due_date, row.due_date)
        if row.paid is None:
            self.last_unpaid_due = max(self.last_unpaid_due or row.due_date, row.due_date)
        else:
            payment = (row.paid.isoformat(), row.account, str(row.amount))
            self._payments.execute("INSERT INTO payment VALUES (?, ?, ?)", payment)

    def days(self) -> list[date]:
        """The days with payments, in order."""
        found = self._payments.execute("SELECT DISTINCT day FROM payment ORDER BY day")
        return [date.fromisoformat(day) for (day,) in found]

    def payments_on(self, day: date) -> Iterator[Payment]:
        query = "SELECT account, amount FROM payment WHERE day = ? ORDER BY rowid"
        for account, amount in self._payments.execute(query, (day.isoformat(),)):
            yield Payment(account, Decimal(amount))

    def starts(self, playbook: Playbook) -> date | None:
        """The first day on which anything can happen; None when there is no good row."""
        if self.first_due is None:
            return None
        entry = self.first_due + timedelta(days=min(playbook.first_day, 0))
        return min([entry, *self.days()[:1]])

    def ends(self, playbook: Playbook) -> date | None:
        """The day by which every account is settled: the last payment, or the end of an unpaid timeline."""
        days = self.days()[-1:]
        if self.last_unpaid_due is not None:
            days.append(self.last_unpaid_due + timedelta(days=playbook.ends.day))
        return max(days, default=None)
