"""Recorded contacts as cases that can be judged again: by the same packs, or by others (`senda policy audit`)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ledger.database import Ledger
from ledger.judging import log_days

PAGE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """Contacts decided in [since, until), of a creditor and with a decision where given; `days` of log with each."""

    since: datetime
    until: datetime
    creditor: str | None
    decision: str | None
    days: int


# A decision's own log is stored with it. A pack that looks back further needs the contacts as they stood then: a
# person's contacts are numbered in the order of the person's lock.
_CASES = """
SELECT c.id, c.creditor, a.key AS account, c.step, c.actor, c.channel, c.decision, c.reason, c.rules,
    c.next_allowed_at, c.decided_at, c.basis->'case' AS case, c.basis->'verdicts'->c.channel AS verdict,
    CASE WHEN %(days)s > %(stored)s THEN (
        SELECT coalesce(jsonb_agg(jsonb_build_object('at', o.decided_at, 'channel', o.channel,
            'direction', o.direction, 'purpose', o.purpose, 'two_way', EXISTS (
                SELECT FROM contact_events e WHERE e.contact_id = o.id AND e.status = 'answered'
                    AND e.recorded_at <= c.recorded_at)) ORDER BY o.id), '[]')
        FROM contacts o
        WHERE o.person_id = c.person_id AND o.decision = 'permitted' AND o.id < c.id
            AND o.decided_at > c.decided_at - make_interval(days => %(days)s)
            AND (SELECT coalesce(NOT bool_or(e.status = 'failed') OR bool_or(e.status IN
                    ('delivered', 'read', 'answered')), true)
                FROM contact_events e WHERE e.contact_id = o.id AND e.recorded_at <= c.recorded_at)) END AS log
FROM contacts c JOIN accounts a ON a.id = c.account_id
WHERE c.decided_at >= %(since)s AND c.decided_at < %(until)s AND c.decision <> 'skipped' AND c.direction = 'outbound'
    AND c.id > %(after)s
    AND (%(creditor)s::text IS NULL OR c.creditor = %(creditor)s)
    AND (%(decision)s::text IS NULL OR c.decision = %(decision)s)
ORDER BY c.id LIMIT %(page)s"""


async def read(ledger: Ledger, wanted: Wanted) -> AsyncIterator[dict[str, Any]]:
    """The contacts in the order of their numbers, as JSON-able values.

    `case` has the form of `senda policy check`; none where the decision is older than the keeping of cases.
    """
    after = 0
    values = {
        "since": wanted.since,
        "until": wanted.until,
        "creditor": wanted.creditor,
        "decision": wanted.decision,
        "days": wanted.days,
        "stored": log_days(),
        "page": PAGE,
    }
    while True:
        async with ledger.transaction() as tx:
            rows = await (await tx.execute(_CASES, {**values, "after": after})).fetchall()
        for row in rows:
            yield _line(row)
        if len(rows) < PAGE:
            return
        after = rows[-1]["id"]


def _line(row: dict[str, Any]) -> dict[str, Any]:
    case, log = row.pop("case"), row.pop("log")
    verdict: dict[str, Any] = row.pop("verdict") or {}
    if case is not None and log is not None:
        case = {**case, "contacts": log}
    return {**row, "packs": verdict.get("basis", []), "case": case}
