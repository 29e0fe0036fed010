"""Each row against its entry: the content is hashed again, and rows or entries that stand alone are found."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import psycopg

from compliance.finding import Finding, Part
from compliance.hashing import VERSION, row_hash
from compliance.sources import LEARNT_LATER, NOBODY, SOURCES, Source

Connection = psycopg.Connection[tuple[Any, ...]]

_ROWS = """COPY (
SELECT c.id, c.person_id, c.row_id, c.row_hash, c.version, t.id, {person}, CASE WHEN c.id IS NULL THEN
    coalesce(t.id <= {floor} OR {recorded} NOT BETWEEN now() - interval '1 minute' AND now() + interval '1 minute',
        false) END, {values}
FROM (SELECT * FROM {table} r WHERE {rows}) t
FULL JOIN (SELECT id, person_id, row_id, row_hash, version FROM chain WHERE source = '{table}' AND {entries}) c
    ON c.row_id = t.id
WHERE {whose}) TO STDOUT"""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of a table's rows: those above one id, up to another; none: without a bound. `floor`: all up to it are
    chained."""

    table: str
    above: int | None
    upto: int | None
    floor: int

    def within(self, column: str) -> str:
        """The condition that a column is in it."""
        bounds = (
            f"{column} > {self.above}" if self.above is not None else "",
            f"{column} <= {self.upto}" if self.upto is not None else "",
        )
        return " AND ".join(bound for bound in bounds if bound) or "true"


def check_rows(connection: Connection, piece: Piece, person_id: int | None = None) -> Part:
    """Rows and entries of one piece; `person_id`: only this person's."""
    source, part = SOURCES[piece.table], Part()
    with connection.cursor() as cursor, cursor.copy(_query(source, piece, person_id).encode()) as copy:
        for entry, chained_for, chained, kept, version, row, person, is_late, *values in copy.rows():
            part.rows += row is not None
            if entry is None:
                _unchained(part, source, int(row), int(person), is_late == "t")
                continue
            whose, number = int(chained_for), int(chained)
            if row is None:
                detail = "the row was chained and is not there any more"
                part.add(Finding("removed", detail, source.table, number, whose, int(entry)))
                continue
            if int(version) != VERSION or "\\x" + row_hash(source.names, values).hex() != kept:
                detail = "its content is not what was chained"
                part.add(Finding("changed", detail, source.table, number, whose, int(entry)))
            if person != chained_for and whose != NOBODY:
                detail = f"chained for person {whose}, it belongs to {person} now"
                part.add(Finding("moved", detail, source.table, number, whose, int(entry)))
    return part


def _unchained(part: Part, source: Source, row: int, person: int, is_late: bool) -> None:
    if not is_late:
        part.waiting += 1
        return
    detail = "no chain has this row: it was inserted past the sealer, or the sealer stands still"
    part.add(Finding("unchained", detail, source.table, row, person))


def _query(source: Source, piece: Piece, person_id: int | None) -> str:
    now = f"coalesce({source.person}, {NOBODY})"
    if source.table in LEARNT_LATER:
        now = f"CASE WHEN c.id IS NULL THEN {now} ELSE c.person_id END"
    return _ROWS.format(
        table=source.table,
        person=now,
        recorded=f"({source.recorded})",
        values=source.values,
        floor=piece.floor,
        rows=piece.within("r.id"),
        entries=piece.within("row_id"),
        whose="true" if person_id is None else f"coalesce(c.person_id, {now}) = {int(person_id)}",
    )


def pieces(connection: Connection, size: int) -> Sequence[Piece]:
    """All tables in pieces of at most `size` ids, the largest tables first."""
    bounds: list[tuple[int, int, str]] = []
    for table in SOURCES:
        row = connection.execute(
            f"""SELECT greatest((SELECT max(id) FROM {table}),
                (SELECT max(row_id) FROM chain WHERE source = '{table}')),
            (SELECT floor FROM chain_cursors WHERE source = '{table}')""".encode()
        ).fetchone()
        if row and row[0] is not None:
            bounds.append((row[0], row[1] or 0, table))
    found: list[Piece] = []
    for top, floor, table in sorted(bounds, reverse=True):
        cuts = [None, *range(size, top, size), None]
        found += [Piece(table, above, upto, floor) for above, upto in pairwise(cuts)]
    return found
