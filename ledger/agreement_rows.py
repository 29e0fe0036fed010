"""What is written of a new agreement: itself, its instalments, and when people are reminded of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from journey.keeping import AgreementKind
from journey.limits import AgreementRules, Instalment, PlanRules
from journey.reminding import remind_at
from ledger.database import Connection
from ledger.keeping import Agreement, write_event
from ledger.mandates import require_mandate
from ledger.planned_debits import plan_debits
from ledger.record import Fact, Record
from policy.calendar import local_date, start_of_day


@dataclass(frozen=True, slots=True)
class Word:
    """Who agreed, by what way, and the command's number `key`: the same again changes nothing.

    `beyond_limits`: whoever may do so agreed to more than the creditor's limits allow. `in_full`: a promise is kept by
    all of its amount only, whatever the playbook's threshold is. `mandate`: by which its instalments are debited.
    """

    key: str
    actor: str
    origin: str = "people"
    beyond_limits: bool = False
    in_full: bool = False
    mandate: int | None = None


_INSERT = """
INSERT INTO agreements (kind, creditor, account_id, journey_id, currency, threshold, after_posting, key, actor, origin,
    beyond_limits, made_at, counts_from, replaces, first_is_condition, mandate_id)
VALUES (%(kind)s, %(creditor)s, %(account)s, %(journey)s, %(currency)s, %(threshold)s,
    (SELECT coalesce(max(id), 0) FROM postings WHERE account_id = %(account)s), %(key)s, %(actor)s, %(origin)s,
    %(beyond)s, %(now)s, %(counts_from)s, %(replaces)s, %(condition)s, %(mandate)s)
RETURNING id"""

_INSTALMENT = """
INSERT INTO agreement_instalments (agreement_id, number, due_date, amount, until, warned_from)
VALUES (%s, %s, %s, %s, %s, %s)"""

_REMINDER = "INSERT INTO reminders (agreement_id, number, creditor, at) VALUES (%s, %s, %s, %s)"


async def write_agreement(
    tx: Connection,
    record: Record,
    kind: AgreementKind,
    instalments: Sequence[Instalment],
    word: Word,
    rules: AgreementRules,
    replaces: int | None,
) -> tuple[Agreement, Fact]:
    """Write an agreement that was checked; returns it and the fact for the record. `replaces`: the promise before."""
    terms, zone = record.terms.playbook.promise, record.terms.zone
    today = local_date(record.now, zone)
    if word.mandate is not None:
        await require_mandate(tx, record.account_id, word.mandate)
    plan = (rules.plan or PlanRules()) if kind == "plan" else None
    threshold = terms.threshold if plan is None and not word.in_full else Decimal(1)
    values = {
        "kind": kind,
        "creditor": record.terms.creditor,
        "account": record.account_id,
        "journey": record.id,
        "currency": record.terms.currency,
        "threshold": threshold,
        "key": word.key,
        "actor": word.actor,
        "origin": word.origin,
        "beyond": word.beyond_limits,
        "now": record.now,
        "counts_from": start_of_day(today, zone),
        "replaces": replaces,
        "condition": plan is not None and plan.first_payment_is_condition,
        "mandate": word.mandate,
    }
    row = await (await tx.execute(_INSERT, values)).fetchone()
    assert row is not None
    ends = [_ends(each, terms.grace_days, plan, number, zone) for number, each in enumerate(instalments, 1)]
    async with tx.cursor() as cursor:
        await cursor.executemany(
            _INSTALMENT,
            [
                (row["id"], number, each.due_date, each.amount, *end)
                for number, (each, end) in enumerate(zip(instalments, ends, strict=True), 1)
            ],
        )
        days_before = rules.remind_days_before(kind)
        for number, each in enumerate(instalments, 1):
            if days_before is None:
                break
            at = remind_at(record.terms.hours, each.due_date, days_before, today)
            if at is not None:
                await cursor.execute(_REMINDER, [row["id"], number, record.terms.creditor, at])
    if word.mandate is not None:
        days = [(each.due_date, end) for each, (end, _) in zip(instalments, ends, strict=True)]
        await plan_debits(tx, row["id"], record.account_id, zone, days)
    until, warns_at = ends[0]
    made = Agreement(row["id"], kind, record.account_id, record.id, threshold, "made", record.now, until, ())
    about: dict[str, Any] = {
        "instalments": [{"due_date": each.due_date, "amount": each.amount} for each in instalments],
        "origin": word.origin,
        "beyond_limits": word.beyond_limits,
    }
    if replaces is not None:
        about["replaces"] = replaces
    if word.mandate is not None:
        about["mandate"] = word.mandate
    fact = await write_event(tx, made, "made", until, record.now, data=about, actor=word.actor, warns_at=warns_at)
    return made, fact


def _ends(
    each: Instalment, grace_days: int, plan: PlanRules | None, number: int, zone: str
) -> tuple[datetime, datetime | None]:
    """Until when an instalment can be paid, and when it is missed, where days to make it good follow."""
    missed = each.due_date + timedelta(days=grace_days + 1)  # the day after the last day of grace
    is_condition = plan is not None and plan.first_payment_is_condition and number == 1
    if plan is None or is_condition or plan.cure_days == 0:
        return start_of_day(missed, zone), None
    return start_of_day(missed + timedelta(days=plan.cure_days), zone), start_of_day(missed, zone)
