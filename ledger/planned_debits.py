"""Which instalments are to be debited, and when: a queue beside the facts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from journey.debiting import first_try
from ledger.database import Connection, Ledger
from policy import load_pack


@dataclass(frozen=True, slots=True)
class Due:
    """An instalment that is to be debited now."""

    agreement: int
    number: int
    creditor: str
    person: int


_OF_CLOCK = """
CASE WHEN %(creditor)s::text IS NULL THEN c.test_clock IS NULL ELSE c.key = %(creditor)s END"""

_DUE = f"""
SELECT p.agreement_id, p.number, p.creditor, a.person_id
FROM planned_debits p JOIN creditors c ON c.key = p.creditor JOIN agreements g ON g.id = p.agreement_id
JOIN accounts a ON a.id = g.account_id
WHERE p.at <= coalesce(c.test_clock, clock_timestamp()) AND {_OF_CLOCK}
ORDER BY p.at, p.agreement_id, p.number LIMIT %(limit)s"""

_NEXT = "SELECT min(at) AS at FROM planned_debits WHERE creditor = %s"


async def plan_debits(
    tx: Connection, agreement: int, account_id: int, zone: str, instalments: Sequence[tuple[date, datetime]]
) -> None:
    """Plan a debit for each instalment of an agreement: its day, and until when it can be paid."""
    query = "SELECT c.pack FROM accounts a JOIN creditors c ON c.key = a.creditor WHERE a.id = %s"
    row = await (await tx.execute(query, [account_id])).fetchone()
    assert row is not None
    pack = load_pack(row["pack"])
    async with tx.cursor() as cursor:
        await cursor.executemany(
            """
            INSERT INTO planned_debits (agreement_id, number, creditor, at)
            SELECT %s, %s, creditor, %s FROM accounts WHERE id = %s""",
            [
                (agreement, number, first_try(pack, zone, due_date, until), account_id)
                for number, (due_date, until) in enumerate(instalments, 1)
            ],
        )


async def due_debits(ledger: Ledger, creditor: str | None, limit: int) -> list[Due]:
    """The instalments that are to be debited: of one creditor, or of all on the real clock."""
    async with ledger.transaction() as tx:
        rows = await (await tx.execute(_DUE, {"creditor": creditor, "limit": limit})).fetchall()
    return [Due(row["agreement_id"], row["number"], row["creditor"], row["person_id"]) for row in rows]


async def next_debit(ledger: Ledger, creditor: str) -> datetime | None:
    """When the next instalment of this creditor is to be debited, or its processor asked again."""
    async with ledger.transaction() as tx:
        row = await (await tx.execute(_NEXT, [creditor])).fetchone()
    return row["at"] if row else None


async def put_off(ledger: Ledger, due: Due) -> None:
    """It could not be decided by a mistake of ours: it is due again in a while."""
    async with ledger.transaction() as tx:
        await tx.execute(
            """
            UPDATE planned_debits p SET at = coalesce(c.test_clock, clock_timestamp()) + interval '1 hour'
            FROM creditors c WHERE c.key = p.creditor AND p.agreement_id = %s AND p.number = %s""",
            [due.agreement, due.number],
        )
