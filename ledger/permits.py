"""Permits: the decision whether a step's contact may leave, taken under the person's lock and stored whole."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from psycopg.types.json import Jsonb

from journey.events import StepDeferred, StepDone
from journey.planning import Contact
from journey.playbook import Stage, Tone
from journey.state import Standing
from ledger.choosing import judge, order, soonest
from ledger.database import Connection, Ledger
from ledger.outcomes import closed_standing
from ledger.record import OPEN, Fact, Record, record_of, write
from ledger.standing import OWED, Owed, owed_of
from policy import Decision
from policy.calendar import local_date

LOG_DAYS = timedelta(days=10)
"""How far back the person's contacts are read: longer than the longest period of any pack (a week, in any zone)."""


@dataclass(frozen=True, slots=True)
class Permit:
    """A contact that may leave now, once. What it takes to write the message; it never enters the engine."""

    contact_id: int
    key: str
    channel: str
    address: str
    language: str
    name: str | None
    creditor_name: str
    account: str
    currency: str
    balance: Decimal
    past_due: Decimal
    due_date: date
    days_past_due: int
    stage: Stage
    template: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Refusal:
    """Not now: deferred until an instant, or done for good where there is none. `skipped`: no channel could serve."""

    standing: Standing
    until: datetime | None
    skipped: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """The contact was decided before (a retry): its message left, failed for good, or nobody knows."""

    contact_id: int
    status: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class Overtaken:
    """The record no longer asks for this step: the workflow has something to learn first."""

    standing: Standing


Answer = Permit | Refusal | Settled | Overtaken

_LOCK = """
SELECT j.account_id, j.person_id FROM journeys j JOIN people p ON p.id = j.person_id
WHERE j.id = %s FOR UPDATE OF p"""

_FACTS = """
SELECT d.name, d.language, d.time_zones, d.addresses, d.authorised_channels, d.preferred_channel,
    c.name AS creditor_name, c.pack
FROM accounts a JOIN debtors d ON d.id = a.debtor_id JOIN creditors c ON c.key = a.creditor
WHERE a.id = %s"""

_LOG = """
SELECT c.decided_at AS at, c.channel, EXISTS (
        SELECT FROM contact_events e WHERE e.contact_id = c.id AND e.status = 'answered') AS two_way
FROM contacts c JOIN accounts a ON a.id = %s JOIN creditors k ON k.key = a.creditor
WHERE c.person_id = %s AND c.decision = 'permitted'
    AND c.decided_at > coalesce(k.test_clock, clock_timestamp()) - %s AND NOT EXISTS (
    SELECT FROM contact_events e WHERE e.contact_id = c.id AND e.status = 'failed')
ORDER BY c.decided_at"""

_EARLIER = """
SELECT c.id, c.step, c.decision, c.channel,
    (SELECT e.status FROM contact_events e WHERE e.contact_id = c.id ORDER BY e.id DESC LIMIT 1) AS status,
    (SELECT e.detail FROM contact_events e WHERE e.contact_id = c.id ORDER BY e.id DESC LIMIT 1) AS detail
FROM contacts c WHERE c.journey_id = %s AND c.occurrence = %s ORDER BY c.attempt"""

_INSERT = """
INSERT INTO contacts (journey_id, person_id, creditor, account_id, step, occurrence, stage, attempt, channel,
    decision, reason, rules, next_allowed_at, basis, decided_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"""


async def request_permit(
    ledger: Ledger, journey_id: str, occurrence: str, due: datetime, channels: Collection[str]
) -> Answer:
    """Decide a step's contact in one transaction under the person's lock, once for each occurrence.

    `channels` are those that can send at all. The step itself is the record's: it must be what the record's own
    plan asks for now, otherwise the answer is `Overtaken` (a payment or a pause came between). Raises
    `ClockBehind` where the database's clock has not come to `due`.
    """
    async with ledger.transaction() as tx:
        person = await (await tx.execute(_LOCK, [journey_id])).fetchone()
        if person is None:
            raise LookupError(f"no record of {journey_id}")
        account_id: int = person["account_id"]
        async with tx.pipeline():  # one round trip; each statement sees what was committed before the lock was ours
            opened = await tx.execute(OPEN, [account_id])
            before = await tx.execute(_EARLIER, [journey_id, occurrence])
            debtor = await tx.execute(_FACTS, [account_id])
            logged = await tx.execute(_LOG, [account_id, person["person_id"], LOG_DAYS])
            dues = await tx.execute(OWED, [account_id])
        row = await opened.fetchone()
        record = record_of(row) if row is not None and row["id"] == journey_id else None
        earlier = await before.fetchall()
        permitted = next((row for row in earlier if row["decision"] == "permitted"), None)
        if permitted is not None and permitted["status"] is None:
            await _unknown(tx, record, permitted, occurrence)
        if record is None:
            return Overtaken(await closed_standing(tx, journey_id))
        if permitted is not None:
            return Settled(permitted["id"], permitted["status"] or "unknown", record.state.standing)
        record.reach(due)
        record.learn()
        if not isinstance(record.move, Contact) or record.move.occurrence != occurrence:
            await write(tx, record)
            return _missed(record, occurrence)
        facts = await debtor.fetchone()
        assert facts is not None
        known = _Known(facts, await logged.fetchall(), owed_of(await dues.fetchall()))
        return await _decide(tx, record, record.move, len(earlier), known, channels)


def _missed(record: Record, occurrence: str) -> Refusal | Overtaken:
    """What the workflow must learn: its step was decided already (the answer was lost, or the day is over), or more."""
    standing, deferral = record.state.standing, record.state.deferral
    if occurrence in record.state.done:
        return Refusal(standing, None, skipped=False)
    if deferral is not None and deferral.occurrence == occurrence and deferral.until > record.now:
        return Refusal(standing, deferral.until, skipped=False)
    return Overtaken(standing)


async def _unknown(tx: Connection, record: Record | None, permitted: dict[str, Any], occurrence: str) -> None:
    """The process died between the permit and the answer: nobody can tell whether the message left."""
    await tx.execute(
        """
        INSERT INTO contact_events (contact_id, status, detail, at)
        SELECT id, 'unknown', 'process_died', greatest(decided_at, %s) FROM contacts WHERE id = %s""",
        [record.now if record else None, permitted["id"]],
    )
    if record is None:
        return
    about = {"step": permitted["step"], "channel": permitted["channel"], "status": "unknown", "detail": "process_died"}
    record.facts.append(Fact(f"contact:{occurrence}:unknown", "contact", record.now, about))
    record.learn(StepDone(occurrence=occurrence))
    await write(tx, record)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is true at this moment: the debtor's and creditor's facts, the person's contacts, what the account owes."""

    facts: dict[str, Any]
    log: list[dict[str, Any]]
    owed: Owed


@dataclass(frozen=True, slots=True)
class _Choice:
    """What was decided: a channel permitted, refused until an instant (or for good), or nothing to send by."""

    decision: Literal["permitted", "refused", "skipped"]
    channel: str | None = None
    reason: str | None = None
    rules: tuple[str, ...] = ()
    next_allowed_at: datetime | None = None


def _choose(verdicts: Sequence[tuple[str, Decision]]) -> _Choice:
    if not verdicts:
        return _Choice("skipped", reason="no_channel")
    channel, verdict = verdicts[-1]  # judging stops at the first that is allowed
    if verdict.allowed:
        return _Choice("permitted", channel)
    channel, verdict = min(verdicts, key=soonest)
    return _Choice("refused", channel, None, verdict.rules, verdict.next_allowed_at)


async def _decide(
    tx: Connection, record: Record, move: Contact, attempt: int, known: _Known, available: Collection[str]
) -> Answer:
    facts = known.facts
    candidates = order(
        move.step, facts["preferred_channel"], facts["authorised_channels"], facts["addresses"], available
    )
    verdicts = judge(facts, record.now, candidates, known.log)
    choice = _choose(verdicts)
    basis = {
        "zones": facts["time_zones"],
        "log": len(known.log),
        "verdicts": {channel: verdict.as_record() for channel, verdict in verdicts},
    }
    cursor = await tx.execute(
        _INSERT,
        [
            record.id,
            record.person_id,
            record.terms.creditor,
            record.account_id,
            move.step.key,
            move.occurrence,
            move.stage,
            attempt,
            choice.channel,
            choice.decision,
            choice.reason,
            list(choice.rules),
            choice.next_allowed_at,
            Jsonb(basis),
            record.now,
        ],
    )
    inserted = await cursor.fetchone()
    assert inserted is not None
    record.facts.append(_fact(record, move, attempt, choice))
    if choice.decision == "refused" and choice.next_allowed_at is not None:
        record.learn(StepDeferred(occurrence=move.occurrence, until=choice.next_allowed_at))
    else:
        record.learn(StepDone(occurrence=move.occurrence))
    await write(tx, record)
    if choice.channel is None or choice.decision != "permitted":
        return Refusal(record.state.standing, choice.next_allowed_at, skipped=choice.decision == "skipped")
    return _permit(record, move, known, inserted["id"], choice.channel)


def _fact(record: Record, move: Contact, attempt: int, choice: _Choice) -> Fact:
    return Fact(
        f"contact:{move.occurrence}:{attempt}",
        "contact",
        record.now,
        {
            "step": move.step.key,
            "channel": choice.channel,
            "status": choice.decision,
            "reason": choice.reason,
            "rules": choice.rules,
            "next_allowed_at": choice.next_allowed_at,
        },
    )


def _permit(record: Record, move: Contact, known: _Known, contact_id: int, channel: str) -> Permit:
    today = local_date(record.now, record.terms.zone)
    anchor = known.owed.dues[0].due_date
    return Permit(
        contact_id=contact_id,
        key=f"{record.id}:{move.step.key}:{anchor.isoformat()}",
        channel=channel,
        address=known.facts["addresses"][channel],
        language=known.facts["language"],
        name=known.facts["name"],
        creditor_name=known.facts["creditor_name"],
        account=record.terms.account,
        currency=record.terms.currency,
        balance=known.owed.balance,
        past_due=sum((due.open for due in known.owed.dues if due.due_date < today), Decimal(0)),
        due_date=anchor,
        days_past_due=(today - anchor).days,
        stage=move.stage,
        template=move.step.template,
        tone=move.step.tone,
    )
