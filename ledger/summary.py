"""A creditor's summary: counts and sums of its accounts, journeys, contacts and payments. Queries only."""

from decimal import Decimal
from typing import Any

from sqlalchemy import func, select, text

from ledger.database import Ledger
from ledger.schema import creditors, journeys
from ledger.views import money, stage_now, status_now

_SUMMARY = text(
    """
    SELECT c.currency, coalesce(c.test_clock, clock_timestamp()) AS now,
        (SELECT count(*) FROM accounts WHERE creditor = c.key) AS accounts,
        (SELECT coalesce(sum(o.amount), 0) FROM postings o JOIN accounts a ON a.id = o.account_id
            WHERE a.creditor = c.key) AS balance
    FROM creditors c WHERE c.key = :creditor"""
)

_CONTACTS = text(
    """
    SELECT coalesce(c.stage, CASE c.actor WHEN 'bot' THEN 'answers' ELSE 'asked_by_people' END) AS stage,
        CASE WHEN c.covered_by IS NOT NULL THEN 'consolidated' ELSE coalesce(e.status, c.decision) END AS status,
        count(*) AS number
    FROM contacts c LEFT JOIN LATERAL (
        SELECT status FROM contact_events WHERE contact_id = c.id
        ORDER BY array_position(ARRAY['answered', 'read', 'delivered', 'failed', 'sent', 'unknown'], status)
        LIMIT 1) e ON true
    WHERE c.creditor = :creditor AND c.direction = 'outbound' GROUP BY 1, 2 ORDER BY 1, 2"""
)
"""`consolidated`: a step for which another account's message stands. `answers`: the bot's, to what people asked."""

LEFT = ("sent", "delivered", "read", "answered")
"""Statuses of messages that left."""

_REFUSALS = text(
    """
    SELECT rule, count(*) AS number FROM contacts c CROSS JOIN unnest(c.rules) rule
    WHERE c.creditor = :creditor AND c.decision = 'refused' AND c.actor <> 'bot' GROUP BY 1 ORDER BY 1"""
)

_STEPS = text(
    """
    SELECT count(*) FILTER (WHERE decision = 'permitted') AS permitted,
        count(*) FILTER (WHERE decision = 'refused') AS refused,
        (SELECT count(*) FROM journey_events e JOIN journeys j ON j.id = e.journey_id
            WHERE j.creditor = :creditor AND e.kind = 'step_deferred') AS put_off
    FROM contacts WHERE creditor = :creditor AND step IS NOT NULL"""
)

_AFTER_CLEARING = text(
    """
    SELECT count(*) FROM contacts c
    JOIN journeys j ON j.id = c.journey_id AND j.outcome IN ('paid', 'cured')
    JOIN journey_events e ON e.journey_id = j.id AND e.kind = 'closed'
    JOIN journey_events p ON p.journey_id = j.id
        AND p.key = coalesce('contact:' || c.occurrence || ':' || c.attempt, 'asked:' || c.id)
    WHERE c.creditor = :creditor AND c.decision = 'permitted' AND c.purpose = 'collection' AND p.id > e.id"""
)
"""By the facts' own order, which is that of the person's lock; `recorded_at` is when each transaction began."""

_PAYMENTS = text(
    """
    SELECT count(*) FILTER (WHERE kind = 'payment') AS count,
        coalesce(sum(amount) FILTER (WHERE kind = 'payment'), 0) AS amount,
        count(*) FILTER (WHERE kind <> 'payment') AS reversals,
        count(*) FILTER (WHERE NOT EXISTS (SELECT FROM postings o WHERE o.payment_id = p.id)) AS unapplied
    FROM payments p WHERE creditor = :creditor"""
)


async def summary(ledger: Ledger, creditor: str) -> dict[str, Any] | None:
    """A creditor's counts and sums at this moment, none where there is no such creditor.

    `sent`: messages and calls that left, the bot's answers apart. `refusal_share`: of the steps' contacts that the
    policy judged when they fell due, those that it refused; `put_off`: steps that were moved beforehand, because it
    would have.
    """
    bind = {"creditor": creditor}
    number = func.count().label("number")
    base = select(number).select_from(journeys.join(creditors, creditors.c.key == journeys.c.creditor))
    base = base.where(journeys.c.creditor == creditor)
    state = status_now.label("name")
    async with ledger.reads.connect() as connection:
        head = (await connection.execute(_SUMMARY, bind)).mappings().first()
        if head is None:
            return None
        by_status = (await connection.execute(base.add_columns(state).group_by(state))).mappings().all()
        stage = stage_now.label("name")
        by_stage = (
            (await connection.execute(base.add_columns(stage).where(~journeys.c.closed).group_by(stage)))
            .mappings()
            .all()
        )
        outcome = journeys.c.outcome.label("name")
        by_outcome = (
            (await connection.execute(base.add_columns(outcome).where(journeys.c.closed).group_by(outcome)))
            .mappings()
            .all()
        )
        told = (await connection.execute(_CONTACTS, bind)).mappings().all()
        refusals = (await connection.execute(_REFUSALS, bind)).mappings().all()
        steps = (await connection.execute(_STEPS, bind)).mappings().one()
        after_clearing = (await connection.execute(_AFTER_CLEARING, bind)).scalar_one()
        paid = (await connection.execute(_PAYMENTS, bind)).mappings().one()
    stages: dict[str, dict[str, int]] = {}
    for row in told:
        stages.setdefault(row["stage"], {})[row["status"]] = row["number"]
    return {
        "now": head["now"],
        "accounts": head["accounts"],
        "balance": money(head["balance"], head["currency"]),
        "journeys": {
            "total": sum(row["number"] for row in by_status),
            "by_status": _counts(by_status),
            "by_stage": _counts(by_stage),
            "by_outcome": _counts(by_outcome),
        },
        "contacts": {
            "sent": sum(
                counts.get(status, 0) for stage, counts in stages.items() if stage != "answers" for status in LEFT
            ),
            "by_stage": stages,
            "refusals": {row["rule"]: row["number"] for row in refusals},
            "refusal_share": _share(steps["refused"], steps["refused"] + steps["permitted"]),
            "put_off": steps["put_off"],
            "after_clearing_payment": after_clearing,
        },
        "payments": {
            "count": paid["count"],
            "amount": money(paid["amount"], head["currency"]),
            "reversals": paid["reversals"],
            "unapplied": paid["unapplied"],
        },
    }


def _share(part: int, whole: int) -> str:
    """A share as a decimal string with four places; zero of nothing."""
    return f"{Decimal(part) / whole if whole else Decimal(0):.4f}"


def _counts(rows: Any) -> dict[str, int]:
    return {row["name"]: row["number"] for row in rows}
