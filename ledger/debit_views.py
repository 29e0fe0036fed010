"""What is read of debits: a page of an account's. Queries only."""

from typing import Literal

from ledger.database import Ledger
from ledger.views import Page, number_after, page_of, plain

DebitStatus = Literal["asked", "taken", "pending", "failed"]
"""`asked`: no answer yet; `pending`: the processor does not know yet, or nobody can tell; the money itself is a
payment."""

_LIST = """
SELECT d.id, d.mandate_id AS mandate, d.agreement_id, g.kind, d.number AS instalment, d.attempt, d.amount, d.currency,
    d.processor, d.at AS asked_at, e.at AS status_at, e.code, e.reference,
    CASE WHEN e.kind IN ('taken', 'pending', 'failed') THEN e.kind ELSE 'asked' END AS status
FROM debits d JOIN agreements g ON g.id = d.agreement_id
JOIN LATERAL (SELECT kind, at, code, reference FROM debit_events WHERE debit_id = d.id ORDER BY id DESC LIMIT 1) e
    ON true
WHERE d.account_id = (SELECT id FROM accounts WHERE creditor = %s AND key = %s) AND d.id > %s
ORDER BY d.id LIMIT %s"""


async def list_debits(ledger: Ledger, creditor: str, account: str, cursor: str | None = None, limit: int = 100) -> Page:
    """An account's debits in the order in which they were first asked for."""
    after = number_after(cursor) if cursor is not None else 0
    async with ledger.transaction() as tx:
        rows = await (await tx.execute(_LIST, [creditor, account, after, limit + 1])).fetchall()
    return page_of(
        [
            {
                **row,
                "amount": plain(row["amount"], row["currency"]),
                "plan": row["agreement_id"] if row["kind"] == "plan" else None,
                "promise": row["agreement_id"] if row["kind"] == "promise" else None,
            }
            for row in rows
        ],
        limit,
        "id",
    )
