"""Imports: rows are checked and copied as they arrive, then merged into the ledger batch by batch."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import orjson

from ledger.creditors import Creditor, decimals
from ledger.csv_records import Broken, Records
from ledger.database import Connection, Ledger
from ledger.rows import CSV_FAULTS, AccountRow, RowError, check_csv, check_json, csv_header
from policy.errors import SendaError

MERGE_BATCH = 1000

Checked = tuple[int, AccountRow | list[RowError]]


@dataclass(frozen=True, slots=True)
class Import:
    """An import's progress; `started` counts journeys."""

    import_id: str
    creditor: str
    status: str
    rate: int | None
    rows: int
    accepted: int
    rejected: int
    started: int


async def begin(ledger: Ledger, import_id: str, creditor: str, shape: str, rate: int | None) -> None:
    """Note an import that is about to arrive."""
    async with ledger.transaction() as tx:
        await tx.execute(
            "INSERT INTO imports (id, creditor, shape, status, rate) VALUES (%s, %s, %s, 'receiving', %s)",
            [import_id, creditor, shape, rate],
        )


async def receive(ledger: Ledger, import_id: str, owner: Creditor, shape: str, lines: AsyncIterable[bytes]) -> None:
    """Check and store an import's lines as they come: all of them or, if the sender breaks off, none.

    Memory does not grow with the number of lines. Afterwards the import's status is `applying`.
    """
    places = decimals(owner.currency)
    checked = _csv(lines, owner.currency, places) if shape == "csv" else _json(lines, owner.currency, places)
    rows, errors, rejected = 0, list[RowError](), 0
    async with ledger.transaction() as tx, tx.cursor() as cursor:
        async with cursor.copy("COPY import_rows (import_id, row, account, debtor, content) FROM STDIN") as copy:
            async for row, found in checked:
                rows = max(rows, row)
                if isinstance(found, AccountRow):
                    content = orjson.dumps(found.model_dump(mode="json")).decode()
                    await copy.write_row((import_id, row, found.account, found.debtor.key, content))
                    continue
                rejected += 1
                errors.extend(found)
                if len(errors) >= 1000:
                    await _keep_errors(ledger, import_id, errors)
                    errors.clear()
        await _write_errors(tx, import_id, errors)
        rejected += await _refuse_duplicates(tx, import_id, shape)
        await tx.execute(
            "UPDATE imports SET status = 'applying', rows = %s, rejected = %s WHERE id = %s",
            [rows, rejected, import_id],
        )


async def fail(ledger: Ledger, import_id: str) -> None:
    """The lines did not arrive whole: nothing of them is kept."""
    async with ledger.transaction() as tx:
        await tx.execute("UPDATE imports SET status = 'failed' WHERE id = %s AND status = 'receiving'", [import_id])


async def _json(lines: AsyncIterable[bytes], currency: str, places: int) -> AsyncIterator[Checked]:
    row = 0
    async for line in lines:
        if line.strip():
            row += 1
            yield row, check_json(row, line, currency, places)


async def _csv(lines: AsyncIterable[bytes], currency: str, places: int) -> AsyncIterator[Checked]:
    columns: list[str] | None = None
    row = 0
    async for record in _records(lines):
        if columns is None:
            columns, faults = csv_header([] if isinstance(record, Broken) else record)
            if faults:
                raise SendaError("import." + faults[0].code, faults[0].text, field=faults[0].field)
            continue
        row += 1
        if isinstance(record, Broken):
            yield row, [RowError(row, None, record.fault, CSV_FAULTS[record.fault])]
        else:
            yield row, check_csv(row, columns, record, currency, places)
    if columns is None:
        raise SendaError("import.empty", "the file has no header line")


async def _records(lines: AsyncIterable[bytes]) -> AsyncIterator[list[str] | Broken]:
    records = Records()
    async for line in lines:
        for record in records.feed(line):
            yield record
    for record in records.end():
        yield record


async def _keep_errors(ledger: Ledger, import_id: str, errors: Sequence[RowError]) -> None:
    """Store errors beside the running COPY, on another connection; the import's number keeps attempts apart."""
    async with ledger.transaction() as tx:
        await _write_errors(tx, import_id, errors)


async def _write_errors(tx: Connection, import_id: str, errors: Sequence[RowError]) -> None:
    if errors:
        async with (
            tx.cursor() as cursor,
            cursor.copy("COPY import_errors (import_id, row, field, code, text) FROM STDIN") as copy,
        ):
            for error in errors:
                await copy.write_row((import_id, error.row, error.field, error.code, error.text))


# Each finds its rows first and once, as an array: a join's plan would hang on what was known of the table before.
_DUPLICATES = """
WITH again AS (
    DELETE FROM import_rows WHERE import_id = %(id)s AND row = ANY(ARRAY(
        SELECT row FROM (
            SELECT row, row_number() OVER (PARTITION BY account, {due} ORDER BY row) AS nth
            FROM import_rows WHERE import_id = %(id)s) d
        WHERE nth > 1)) RETURNING row)
INSERT INTO import_errors (import_id, row, field, code, text)
SELECT %(id)s, row, 'account', 'account_duplicate', 'the same account came earlier in this file' FROM again"""


_OTHERS = """
WITH others AS (
    DELETE FROM import_rows WHERE import_id = %(id)s AND row = ANY(ARRAY(
        SELECT row FROM (
            SELECT row, debtor <> first_value(debtor) OVER (PARTITION BY account ORDER BY row) AS another
            FROM import_rows WHERE import_id = %(id)s) d
        WHERE another)) RETURNING row)
INSERT INTO import_errors (import_id, row, field, code, text)
SELECT %(id)s, row, 'debtor.key', 'account_of_another', 'the account has another debtor earlier in this file'
FROM others"""


async def _refuse_duplicates(tx: Connection, import_id: str, shape: str) -> int:
    if shape != "csv":
        return (await tx.execute(_DUPLICATES.format(due="''"), {"id": import_id})).rowcount  # pyright: ignore
    others = (await tx.execute(_OTHERS, {"id": import_id})).rowcount
    due = "content->'dues'->0->>'key'"
    return others + (await tx.execute(_DUPLICATES.format(due=due), {"id": import_id})).rowcount  # pyright: ignore


async def get_import(ledger: Ledger, import_id: str) -> Import | None:
    """An import's progress, or none."""
    async with ledger.transaction() as tx:
        row = await (
            await tx.execute(
                """
                SELECT id AS import_id, creditor, status, rate, rows, accepted, rejected, started
                FROM imports WHERE id = %s""",
                [import_id],
            )
        ).fetchone()
    return Import(**row) if row else None


async def waiting_imports(ledger: Ledger) -> list[Import]:
    """Imports that arrived whole and are not done: each must have its workflow."""
    async with ledger.transaction() as tx:
        rows = await (
            await tx.execute(
                """
                SELECT id AS import_id, creditor, status, rate, rows, accepted, rejected, started
                FROM imports WHERE status IN ('applying', 'starting')"""
            )
        ).fetchall()
    return [Import(**row) for row in rows]


async def start_phase(tx: Connection, import_id: str) -> None:
    """All rows are merged; the journeys may start."""
    await tx.execute("UPDATE imports SET status = 'starting' WHERE id = %s AND status = 'applying'", [import_id])


ACCOUNTS_COME = "SELECT pg_advisory_xact_lock(hashtextextended('accounts:' || %s, 0))"
"""Held by whoever merges a creditor's accounts. A payment whose account is not known yet waits for it."""

_NO_MERGE = """
SELECT pg_advisory_xact_lock(hashtextextended('accounts:' || creditor, 0)) FROM imports WHERE id = %s"""

# In the order in which everybody else takes accounts: a merge by the lock above, the rest by number.
_LET_GO = """
UPDATE accounts SET import_id = NULL WHERE id IN (
    SELECT id FROM accounts WHERE import_id = %s ORDER BY id FOR UPDATE)"""


async def finish(ledger: Ledger, import_id: str) -> None:
    """The import is done: its rows are dropped, its accounts enter by themselves from now on."""
    async with ledger.transaction() as tx:
        await tx.execute(_NO_MERGE, [import_id])
        await tx.execute("DELETE FROM import_rows WHERE import_id = %s", [import_id])
        await tx.execute(_LET_GO, [import_id])
        await tx.execute("UPDATE imports SET status = 'done' WHERE id = %s", [import_id])


async def to_start(ledger: Ledger, import_id: str, limit: int) -> list[int]:
    """Accounts of an import whose journey is due to start now."""
    async with ledger.transaction() as tx:
        rows = await (
            await tx.execute(
                """
                SELECT a.id FROM accounts a JOIN creditors c ON c.key = a.creditor
                WHERE a.import_id = %s AND a.enters_at <= coalesce(c.test_clock, clock_timestamp())
                ORDER BY a.id LIMIT %s""",
                [import_id, limit],
            )
        ).fetchall()
    return [row["id"] for row in rows]


async def count_started(tx: Connection, import_id: str, number: int) -> None:
    """Add to an import's count of journeys."""
    await tx.execute("UPDATE imports SET started = started + %s WHERE id = %s", [number, import_id])


async def give_up_uploads(ledger: Ledger, older_than: timedelta) -> None:
    """Mark uploads that never ended as failed; nothing of them was kept."""
    async with ledger.transaction() as tx:
        await tx.execute(
            "UPDATE imports SET status = 'failed' WHERE status = 'receiving' AND created_at < clock_timestamp() - %s",
            [older_than],
        )
