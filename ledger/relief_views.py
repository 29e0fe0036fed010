"""What is read of reliefs: pages, and one by its number. Queries only."""

from typing import Any

from ledger.agreement_views import Wanted
from ledger.database import Ledger
from ledger.keeping import LAST_EVENT
from ledger.relief_keeping import LAST_RELIEF_EVENT
from ledger.views import Page, number_after, page_of, plain

_RELIEFS = f"""
SELECT r.id, r.creditor, a.key AS account, r.journey_id, r.relief, r.kind, r.currency, r.forgives, r.role, r.actor,
    r.made_at, r.agreement_id AS promise, s.status, CASE WHEN s.overdue THEN e.until ELSE l.at END AS status_at,
    (r.terms->>'pays')::numeric AS pays, (r.terms->>'due_date')::date AS due_date,
    (r.terms->>'total')::numeric AS total,
    ARRAY(SELECT jsonb_array_elements_text(coalesce(l.data->'credits', '[]'))::bigint) AS credits
FROM reliefs r
JOIN accounts a ON a.id = r.account_id
JOIN creditors c ON c.key = r.creditor
JOIN {LAST_RELIEF_EVENT}
LEFT JOIN agreements g ON g.id = r.agreement_id
LEFT JOIN {LAST_EVENT}
CROSS JOIN LATERAL (SELECT l.kind IN ('accepted', 'taken_back')
    AND coalesce(e.until <= coalesce(c.test_clock, clock_timestamp()), false) AS ended) n
CROSS JOIN LATERAL (SELECT n.ended AS overdue, CASE WHEN n.ended THEN 'lapsed'
    WHEN l.kind = 'taken_back' THEN 'accepted' ELSE l.kind END AS status) s
WHERE r.id > %(after)s AND (%(number)s::bigint IS NULL OR r.id = %(number)s)
    AND (%(creditor)s::text IS NULL OR r.creditor = %(creditor)s)
    AND (%(account)s::text IS NULL OR a.key = %(account)s)
    AND (%(status)s::text IS NULL OR s.status = %(status)s)
ORDER BY r.id LIMIT %(limit)s"""


async def list_reliefs(ledger: Ledger, wanted: Wanted) -> Page:
    """Reliefs in the order in which they were granted. One whose time is over has lapsed, written down or not."""
    values = {
        "after": number_after(wanted.cursor) if wanted.cursor is not None else 0,
        "number": wanted.number,
        "creditor": wanted.creditor,
        "account": wanted.account,
        "status": wanted.status,
        "limit": wanted.limit + 1,
    }
    async with ledger.transaction() as tx:
        rows = await (await tx.execute(_RELIEFS, values)).fetchall()
    return page_of([_shown(row) for row in rows], wanted.limit, "id")


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    money = {
        name: plain(row[name], row["currency"]) if row[name] is not None else None
        for name in ("forgives", "pays", "total")
    }
    return {**row, **money}
