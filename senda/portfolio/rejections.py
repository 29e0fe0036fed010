"""The rows that were not taken: counted by code, the first ones kept to show, all written to a CSV."""

import csv
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from senda.portfolio.rows import BadRow

SHOWN = 10


class _Writer(Protocol):
    def writerow(self, row: tuple[int, str, str, str], /) -> object: ...


class Rejections:
    """Rejected rows, in memory that does not grow with their number."""

    def __init__(self, writer: _Writer | None = None) -> None:
        self._writer = writer
        self.by_code: Counter[str] = Counter()
        self.first: list[BadRow] = []

    @property
    def count(self) -> int:
        return self.by_code.total()

    def add(self, bad: BadRow) -> None:
        self.by_code[bad.code] += 1
        if len(self.first) < SHOWN:
            self.first.append(bad)
        if self._writer is not None:
            self._writer.writerow((bad.row, bad.field, bad.code, bad.text))


@contextmanager
def collected(errors: Path | None) -> Generator[Rejections]:
    """Rejections that go to a CSV file too, where one is named."""
    if errors is None:
        yield Rejections()
        return
    with errors.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("row", "field", "code", "text"))
        yield Rejections(writer)


class LineNumbers:
    """Which row of the file a sent line came from: the API counts lines, people count rows of their file."""

    def __init__(self) -> None:
        self._lines = array("Q")
        self._rows = array("Q")
        self._sent = 0

    def sent(self, row: int) -> None:
        """The next line that is sent comes from `row`. Only the places where rows were left out are kept."""
        self._sent += 1
        if not self._lines or row - self._rows[-1] != self._sent - self._lines[-1]:
            self._lines.append(self._sent)
            self._rows.append(row)

    def row_of(self, line: int) -> int:
        """The row of the file, from 1. `line` counts what was sent, from 1."""
        at = bisect_right(self._lines, line) - 1
        return self._rows[at] + line - self._lines[at]
