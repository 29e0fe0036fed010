"""Which part of a file a rehearsal runs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from senda.portfolio.rows import BadRow, Receivable


@dataclass(frozen=True, slots=True)
class Scope:
    """Due dates from and to, both included, and the number of good rows; None is no bound."""

    due_from: date | None = None
    due_to: date | None = None
    limit: int | None = None

    def of(self, rows: Iterable[Receivable | BadRow]) -> Iterator[Receivable | BadRow]:
        """The rows within, in order. A bad row counts as within unless its due date says otherwise."""
        good = 0
        for row in rows:
            if good == self.limit:
                return
            if row.due_date is not None and not self._holds(row.due_date):
                continue
            good += isinstance(row, Receivable)
            yield row

    def _holds(self, due: date) -> bool:
        return (self.due_from is None or due >= self.due_from) and (self.due_to is None or due <= self.due_to)
