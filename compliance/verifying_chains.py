"""All entries in the order in which they were chained: each follows the one before, and each day's root is theirs."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg

from compliance.finding import Finding, Part
from compliance.hashing import FIRST, entry_hash, head_leaf
from compliance.merkle import Hash, Tree
from compliance.roots import DailyRoot
from compliance.sources import SOURCES

Connection = psycopg.Connection[tuple[Any, ...]]

LATE = timedelta(minutes=10)
"""By how much a row may be chained after a younger one: its transaction may have taken that long."""

_ENTRIES = """COPY (
SELECT id, person_id, seq, source, row_id, recorded_at, row_hash, previous, hash FROM chain {whose} ORDER BY {order}
) TO STDOUT"""


class _Heads:
    """The last entry of each chain as the pass goes on, and their leaves."""

    def __init__(self) -> None:
        self.of: dict[int, tuple[int, str]] = {}
        self.changed: set[int] = set()
        self._leaves: dict[int, Hash] = {}

    def tree(self) -> Tree:
        """Over all heads, by person."""
        for person in self.changed:
            seq, head = self.of[person]
            self._leaves[person] = head_leaf(person, seq, bytes.fromhex(head))
        self.changed.clear()
        return Tree.over(self._leaves[person] for person in sorted(self._leaves))


class _Pass:
    """One reading of the chain."""

    def __init__(self, roots: Sequence[DailyRoot]) -> None:
        self.part = Part()
        self.heads = _Heads()
        self._open = list(reversed(roots))
        self._closed_day = ""
        self._newest = ""

    def until(self, entry: int | None) -> None:
        """Close the days that end before this entry; none: all."""
        while self._open and (entry is None or self._open[-1].upto < entry):
            root = self._open.pop()
            self._closed_day = root.day.isoformat()
            tree = self.heads.tree()
            if tree.root != root.root or len(tree.levels[0]) != root.leaves:
                detail = "the root is not that of the chains: they were rewritten, or the root was"
                self.part.add(Finding("root", detail, day=self._closed_day))

    def date(self, said: str, where: tuple[str, int, int, int]) -> None:
        """Look at when a row says that it was recorded."""
        if said[:10] <= self._closed_day:
            detail = f"recorded {said}, it was chained after its day was closed"
            self.part.add(Finding("backdated", detail, *where))
        elif said < self._newest and datetime.fromisoformat(self._newest) - datetime.fromisoformat(said) > LATE:
            detail = f"recorded {said}, it was chained after what was recorded {self._newest}"
            self.part.add(Finding("backdated", detail, *where))
        self._newest = max(self._newest, said)


def check_chains(connection: Connection, roots: Sequence[DailyRoot], person_id: int | None = None) -> Part:
    """All entries and these roots (by day); with `person_id` one chain alone, and no roots."""
    seen = _Pass(roots if person_id is None else ())
    whose = "" if person_id is None else f"WHERE person_id = {int(person_id)}"
    query = _ENTRIES.format(whose=whose, order="id" if person_id is None else "seq")
    heads, part, nothing, last = seen.heads, seen.part, (0, FIRST.hex()), 0
    with connection.cursor() as cursor, cursor.copy(query.encode()) as copy:
        for row in copy.rows():
            number, person, row_id = int(row[0]), int(row[1]), int(row[4])
            seq, source, recorded, kept, previous, head = (
                int(row[2]),
                row[3],
                row[5],
                row[6][2:],
                row[7][2:],
                row[8][2:],
            )
            seen.until(number)
            where = (source, row_id, person, number)
            if entry_hash([number, person, seq, source, row_id, recorded, kept, previous]).hex() != head:
                part.add(Finding("entry", "the entry itself was changed: its hash is another", *where))
            if source not in SOURCES:
                part.add(Finding("entry", "no such table is chained", *where))
            if (seq - 1, previous) != heads.of.get(person, nothing):
                part.add(Finding("order", "it does not follow the person's entry before it", *where))
            if person_id is None and number != last + 1:
                detail = f"entries {last + 1} to {number - 1} are not there" if number > last else "it is out of order"
                part.add(Finding("order", detail, *where))
            if recorded is not None:
                seen.date(recorded, where)
            heads.of[person] = (seq, head)
            heads.changed.add(person)
            last = number
            part.entries += 1
    seen.until(None)
    return part
