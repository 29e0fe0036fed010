"""What time alone changes of agreements: instalments that were missed, agreements that are broken."""

from datetime import datetime

from ledger.database import Connection, Ledger
from ledger.keeping import note, settle
from ledger.record import open_record, write_facts
from ledger.relief_keeping import close_reliefs
from ledger.standing import owed

_DUE = """
SELECT o.account_id FROM open_agreements o JOIN creditors c ON c.key = o.creditor
WHERE least(o.until, o.warns_at) <= coalesce(c.test_clock, clock_timestamp())
    AND CASE WHEN %(creditor)s::text IS NULL THEN c.test_clock IS NULL ELSE c.key = %(creditor)s END
GROUP BY o.account_id ORDER BY min(least(o.until, o.warns_at)), o.account_id LIMIT %(limit)s"""

_NEXT = "SELECT min(least(until, warns_at)) AS at FROM open_agreements WHERE creditor = %s"

_LOCK = """
SELECT coalesce(c.test_clock, clock_timestamp()) AS now
FROM accounts a JOIN creditors c ON c.key = a.creditor JOIN people p ON p.id = a.person_id
WHERE a.id = %s FOR UPDATE OF p"""


async def settle_due(ledger: Ledger, creditor: str | None, limit: int = 100) -> int:
    """Write down which agreements were warned or broken as time ran out: of one creditor, or of all on the real clock.

    Returns how many accounts there were (at most `limit`): call it again until there are none. The engine needs not
    be told, since a hold ends by itself.
    """
    async with ledger.transaction() as tx:
        due = await (await tx.execute(_DUE, {"creditor": creditor, "limit": limit})).fetchall()
    for row in due:
        async with ledger.transaction() as tx:
            await _settle_account(tx, row["account_id"])
    return len(due)


async def next_deadline(ledger: Ledger, creditor: str) -> datetime | None:
    """When time changes an open agreement of this creditor next."""
    async with ledger.transaction() as tx:
        row = await (await tx.execute(_NEXT, [creditor])).fetchone()
    return row["at"] if row else None


async def _settle_account(tx: Connection, account_id: int) -> None:
    row = await (await tx.execute(_LOCK, [account_id])).fetchone()
    assert row is not None
    record = await open_record(tx, account_id=account_id)
    changes = await settle(tx, account_id, (await owed(tx, account_id)).balance, row["now"])
    if record is not None:
        record.facts.extend(change.fact for change in changes)
        await close_reliefs(tx, account_id, record, row["now"])
        await write_facts(tx, record)
        return
    for change in changes:
        await note(tx, change.agreement.journey_id, change.fact)
    await close_reliefs(tx, account_id, None, row["now"])
