"""What is read of promises, plans and disputes: pages, and one by its number. Queries only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from journey.keeping import AgreementKind, Expected, InstalmentState, Poured, instalment_state, plan_state
from ledger.database import Connection, Ledger
from ledger.keeping import FIRST_MISSING, LAST_EVENT, agreements_of, poured_for
from ledger.views import Page, number_after, page_of, plain
from policy.calendar import start_of_day


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which ones to read: of a creditor, of one of its accounts, in a status, after a cursor; one by its number."""

    creditor: str | None = None
    account: str | None = None
    status: str | None = None
    cursor: str | None = None
    limit: int = 100
    number: int | None = None


_AGREEMENTS = f"""
SELECT g.*, a.key AS account, s.status, CASE WHEN s.overdue THEN e.until ELSE e.at END AS status_at, e.until,
    CASE WHEN s.overdue AND n.first THEN '{FIRST_MISSING}' WHEN s.status = 'cancelled' THEN e.data->>'reason'
    END AS reason, (SELECT r.id FROM agreements r WHERE r.replaces = g.id) AS replaced_by,
    coalesce(c.test_clock, clock_timestamp()) AS now, j.hours->>'zone' AS zone
FROM agreements g
JOIN accounts a ON a.id = g.account_id
JOIN journeys j ON j.id = g.journey_id
JOIN creditors c ON c.key = g.creditor
JOIN {LAST_EVENT}
CROSS JOIN LATERAL (SELECT e.kind NOT IN ('kept', 'broken', 'lapsed', 'cancelled') AS open,
    e.until <= coalesce(c.test_clock, clock_timestamp()) AS ended,
    g.first_is_condition AND e.until = (SELECT i.until FROM agreement_instalments i
        WHERE i.agreement_id = g.id AND i.number = 1) AS first) n
CROSS JOIN LATERAL (SELECT n.open AND n.ended AS overdue, CASE WHEN e.kind = 'lapsed' THEN 'cancelled'
    WHEN NOT n.open THEN e.kind WHEN NOT n.ended THEN 'open' WHEN n.first THEN 'cancelled' ELSE 'broken'
    END AS status) s
WHERE g.kind = %(kind)s AND g.id > %(after)s AND (%(number)s::bigint IS NULL OR g.id = %(number)s)
    AND (%(creditor)s::text IS NULL OR g.creditor = %(creditor)s)
    AND (%(account)s::text IS NULL OR a.key = %(account)s)
    AND (%(status)s::text IS NULL OR s.status = %(status)s)
ORDER BY g.id LIMIT %(limit)s"""

_DISPUTES = """
SELECT d.id, d.journey_id, d.creditor, a.key AS account, d.reason, d.actor, d.origin, d.opened_at,
    coalesce(r.outcome, 'open') AS status, r.at AS resolved_at, r.actor AS resolved_by
FROM disputes d JOIN accounts a ON a.id = d.account_id LEFT JOIN dispute_resolutions r ON r.dispute_id = d.id
WHERE d.id > %(after)s AND (%(number)s::bigint IS NULL OR d.id = %(number)s)
    AND (%(creditor)s::text IS NULL OR d.creditor = %(creditor)s)
    AND (%(account)s::text IS NULL OR a.key = %(account)s)
    AND (%(status)s::text IS NULL OR coalesce(r.outcome, 'open') = %(status)s)
ORDER BY d.id LIMIT %(limit)s"""


def _values(wanted: Wanted) -> dict[str, Any]:
    return {
        "creditor": wanted.creditor,
        "account": wanted.account,
        "status": wanted.status,
        "after": number_after(wanted.cursor) if wanted.cursor is not None else 0,
        "number": wanted.number,
        "limit": wanted.limit + 1,
    }


async def list_agreements(ledger: Ledger, kind: AgreementKind, wanted: Wanted) -> Page:
    """Promises or plans in the order in which they were made, with what was paid towards each instalment."""
    async with ledger.transaction() as tx:
        rows = await (await tx.execute(_AGREEMENTS, {**_values(wanted), "kind": kind})).fetchall()
        return page_of(await _shown(tx, rows), wanted.limit, "id")


async def _shown(tx: Connection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    known = await agreements_of(tx, list({row["account_id"] for row in rows}))
    poured = await poured_for(tx, known)
    instalments = {agreement.id: agreement.instalments for agreement in known}
    return [_agreement(row, instalments[row["id"]], poured) for row in rows]


def _agreement(row: dict[str, Any], instalments: Sequence[Expected], poured: Poured) -> dict[str, Any]:
    currency = row["currency"]
    paid = [sum(poured.get((each.agreement, each.number), {}).values(), Decimal(0)) for each in instalments]
    states: list[InstalmentState] = [
        instalment_state(each, part, start_of_day(each.due_date + timedelta(days=1), row["zone"]), row["now"])
        for each, part in zip(instalments, paid, strict=True)
    ]
    return {
        **row,
        "state": plan_state(row["status"], states, row["first_is_condition"]),
        "amount": plain(sum((each.amount for each in instalments), Decimal(0)), currency),
        "paid": plain(sum(paid, Decimal(0)), currency),
        "due_date": instalments[-1].due_date,
        "waits_until": row["until"],
        "override": row["beyond_limits"],
        "mandate": row["mandate_id"],
        "instalments": [
            {
                "number": each.number,
                "due_date": each.due_date,
                "amount": plain(each.amount, currency),
                "paid": plain(part, currency),
                "state": state,
                "waits_until": each.until,
            }
            for each, part, state in zip(instalments, paid, states, strict=True)
        ],
    }


async def list_disputes(ledger: Ledger, wanted: Wanted) -> Page:
    """Disputes in the order in which they were opened."""
    async with ledger.transaction() as tx:
        rows = await (await tx.execute(_DISPUTES, _values(wanted))).fetchall()
    return page_of(rows, wanted.limit, "id")
