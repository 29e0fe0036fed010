"""The sealer: appends every new fact to its person's chain, a second after it was committed and never before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from psycopg import AsyncCursor
from psycopg.rows import DictRow

from compliance.hashing import FIRST, VERSION, Entry, row_hash
from compliance.merkle import Hash
from compliance.sources import NOBODY, SOURCES, TEXT_FORM, Source
from ledger.database import Connection, Ledger

BATCH = 2000
"""Rows of one table in one round."""

SETTLES = timedelta(seconds=10)
"""How old a fence must be: a transaction may have taken a row's id a moment before it has an id of its own."""

_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('senda.chain', 0)) AS is_ours"

ORDER = {table: number for number, table in enumerate(SOURCES)}

_TOPS = " UNION ALL ".join(f"SELECT '{table}' AS source, (SELECT max(id) FROM {table}) AS top" for table in SOURCES)
_CURSORS = f"""
SELECT x.source, x.top, coalesce(c.floor, 0) AS floor, c.fence,
    c.fence_xid <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
        AND c.fenced_at <= clock_timestamp() - %(settles)s AS has_settled,
    c.fence_xid > pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS is_foreign
FROM ({_TOPS}) x LEFT JOIN chain_cursors c ON c.source = x.source
WHERE x.top > coalesce(c.floor, 0)"""
"""The tables that may have news. `is_foreign`: the fence is of another server, from which this was restored."""

_UNCHAINED = """COPY (
SELECT t.id, coalesce({person}, {nobody}), {recorded}, {values} FROM {table} t
WHERE t.id > {floor} AND NOT EXISTS (SELECT FROM chain c WHERE c.source = '{table}' AND c.row_id = t.id)
ORDER BY t.id LIMIT {limit}) TO STDOUT"""

_HEADS = """
SELECT p.id, h.seq, h.hash FROM unnest(%s::bigint[]) p (id)
CROSS JOIN LATERAL (SELECT seq, hash FROM chain WHERE person_id = p.id ORDER BY seq DESC LIMIT 1) h"""

_APPEND = """COPY chain (id, person_id, seq, source, row_id, recorded_at, version, row_hash, previous, hash)
FROM STDIN"""

_ADVANCE = """
INSERT INTO chain_cursors (source, floor, fence, fence_xid, fenced_at)
VALUES (%(source)s, %(floor)s, %(fence)s, pg_current_xact_id()::text::bigint, clock_timestamp())
ON CONFLICT (source) DO UPDATE SET floor = excluded.floor, fence = excluded.fence, fence_xid = excluded.fence_xid,
    fenced_at = excluded.fenced_at"""


@dataclass(frozen=True, slots=True)
class Round:
    """What a round did. `is_complete`: every row that was committed before it is chained now."""

    sealed: int
    is_complete: bool


@dataclass(frozen=True, slots=True)
class _Row:
    source: str
    id: int
    person_id: int
    recorded_at: str | None
    hash: Hash


@dataclass(frozen=True, slots=True)
class _Read:
    rows: Sequence[_Row]
    is_all: bool

    @property
    def until(self) -> str:
        """Up to when its rows reach."""
        return max((row.recorded_at or "" for row in self.rows), default="")


async def seal(ledger: Ledger, *, batch: int = BATCH, settles: timedelta = SETTLES) -> Round:
    """Chain what is new, at most `batch` rows of each table; nothing while another sealer is at it."""
    async with ledger.transaction() as tx:
        if not await take_lock(tx):
            return Round(0, is_complete=False)
        return await seal_round(tx, batch=batch, settles=settles)


async def take_lock(tx: Connection) -> bool:
    """Whether this transaction is the one that may append to the chains until it ends."""
    row = await (await tx.execute(_LOCK)).fetchone()
    return bool(row and row["is_ours"])


async def seal_round(tx: Connection, *, batch: int = BATCH, settles: timedelta = SETTLES) -> Round:
    """One round, in a transaction that holds the lock."""
    await tx.execute(TEXT_FORM)
    news = await (await tx.execute(_CURSORS.encode(), {"settles": settles})).fetchall()
    async with tx.cursor() as cursor:
        reads = {each["source"]: await _read(cursor, SOURCES[each["source"]], each["floor"], batch) for each in news}
        rows = _in_order(reads.values())
        await _append(cursor, rows)
    is_complete = len(rows) == sum(len(read.rows) for read in reads.values()) and all(
        read.is_all for read in reads.values()
    )
    if is_complete:
        for each in news:
            await _advance(tx, each)
    return Round(len(rows), is_complete)


async def _read(cursor: AsyncCursor[DictRow], source: Source, floor: int, limit: int) -> _Read:
    """Rows above the floor that are not chained: those that came late among them."""
    query = _UNCHAINED.format(
        table=source.table, person=source.person, recorded=source.recorded, values=source.values,
        nobody=NOBODY, floor=int(floor), limit=int(limit),
    )  # fmt: skip
    rows: list[_Row] = []
    async with cursor.copy(query.encode()) as copy:
        async for row_id, person_id, recorded_at, *values in copy.rows():
            rows.append(_Row(source.table, int(row_id), int(person_id), recorded_at, row_hash(source.names, values)))
    return _Read(rows, is_all=len(rows) < limit)


def _in_order(reads: Iterable[_Read]) -> list[_Row]:
    """What may be chained now, oldest first: where a table has more than a round takes, nothing newer than its part."""
    found = list(reads)
    horizon = min((read.until for read in found if not read.is_all), default=None)
    rows = [row for read in found for row in read.rows if horizon is None or (row.recorded_at or "") <= horizon]
    return sorted(rows, key=lambda row: (row.recorded_at or "", ORDER[row.source], row.id))


async def _append(cursor: AsyncCursor[DictRow], rows: Sequence[_Row]) -> None:
    if not rows:
        return
    await cursor.execute("SELECT coalesce(max(id), 0) AS last FROM chain")
    last: int = (await cursor.fetchall())[0]["last"]
    await cursor.execute(_HEADS, [list({row.person_id for row in rows})])
    heads: dict[int, tuple[int, Hash]] = {row["id"]: (row["seq"], row["hash"]) for row in await cursor.fetchall()}
    async with cursor.copy(_APPEND) as copy:
        for number, row in enumerate(rows, last + 1):
            seq, previous = heads.get(row.person_id, (0, FIRST))
            entry = Entry(number, row.person_id, seq + 1, row.source, row.id, row.recorded_at, row.hash, previous)
            head = entry.hash
            heads[row.person_id] = (entry.seq, head)
            await copy.write_row(
                [
                    *(entry.id, entry.person_id, entry.seq, entry.source, entry.row_id, entry.recorded_at),
                    *(VERSION, entry.row_hash, entry.previous, head),
                ]
            )


async def _advance(tx: Connection, found: DictRow) -> None:
    """Move the floor to the fence once it has settled, and set the next fence.

    This transaction gets its id after it saw `top`: whoever holds an id of a row below has a lower one.
    """
    if found["fence"] is not None and not found["has_settled"] and not found["is_foreign"]:
        return
    floor = found["fence"] if found["has_settled"] else found["floor"]
    await tx.execute(_ADVANCE, {"source": found["source"], "floor": floor, "fence": found["top"]})
