"""Permits: the decision whether a step's contact may leave, taken under the person's lock and stored whole."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg.types.json import Jsonb

from journey.events import StepDeferred, StepDone
from journey.planning import Contact
from journey.playbook import Stage, Step, Tone
from journey.state import Standing
from ledger.database import Connection, Ledger
from ledger.outcomes import closed_standing
from ledger.record import Fact, Record, open_record, write
from policy import Decision, LoggedContact, Query, decide, load_pack
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
SELECT a.id FROM journeys j JOIN people p ON p.id = j.person_id JOIN accounts a ON a.id = j.account_id
WHERE j.id = %s FOR UPDATE OF p"""

_FACTS = """
SELECT d.name, d.language, d.time_zones, d.addresses, d.authorised_channels, d.preferred_channel,
    c.name AS creditor_name, c.pack,
    (SELECT coalesce(sum(o.amount), 0) FROM postings o JOIN dues u ON u.id = o.due_id
        WHERE o.account_id = a.id AND u.due_date < %(today)s) AS past_due
FROM accounts a JOIN debtors d ON d.id = a.debtor_id JOIN creditors c ON c.key = a.creditor
WHERE a.id = %(account)s"""

_LOG = """
SELECT c.decided_at AS at, c.channel, EXISTS (
        SELECT FROM contact_events e WHERE e.contact_id = c.id AND e.status = 'answered') AS two_way
FROM contacts c
WHERE c.person_id = %s AND c.decision = 'permitted' AND c.decided_at > %s AND NOT EXISTS (
    SELECT FROM contact_events e WHERE e.contact_id = c.id AND e.status = 'failed')
ORDER BY c.decided_at"""

_EARLIER = """
SELECT c.id, c.decision, c.channel,
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
    plan asks for now, otherwise the answer is `Overtaken` (a payment or a pause came between).
    """
    async with ledger.transaction() as tx:
        locked = await (await tx.execute(_LOCK, [journey_id])).fetchone()
        record = await open_record(tx, account_id=locked["id"]) if locked else None
        if record is None or record.id != journey_id:
            return Overtaken(await closed_standing(tx, journey_id))
        record.reach(due)
        earlier = await (await tx.execute(_EARLIER, [journey_id, occurrence])).fetchall()
        permitted = next((row for row in earlier if row["decision"] == "permitted"), None)
        if permitted is not None and permitted["status"] is None:
            return await _unknown(tx, record, permitted["id"], occurrence)
        if permitted is not None:
            return Settled(permitted["id"], permitted["status"], record.state.standing)
        record.learn()
        if not isinstance(record.move, Contact) or record.move.occurrence != occurrence:
            await write(tx, record)
            return Overtaken(record.state.standing)
        return await _decide(tx, record, record.move, len(earlier), channels)


async def _unknown(tx: Connection, record: Record, contact_id: int, occurrence: str) -> Settled:
    """The process died between the permit and the answer: nobody can tell whether the message left."""
    await tx.execute(
        "INSERT INTO contact_events (contact_id, status, detail, at) VALUES (%s, 'unknown', 'process_died', %s)",
        [contact_id, record.now],
    )
    record.facts.append(
        Fact(
            f"contact:{contact_id}:unknown",
            "contact",
            record.now,
            {"contact": contact_id, "status": "unknown"},
        )
    )
    record.learn(StepDone(occurrence=occurrence))
    await write(tx, record)
    return Settled(contact_id, "unknown", record.state.standing)


async def _decide(tx: Connection, record: Record, move: Contact, attempt: int, available: Collection[str]) -> Answer:
    anchor = record.state.standing.oldest_due
    assert anchor is not None
    today = local_date(record.now, record.terms.zone)
    row = await (await tx.execute(_FACTS, {"account": record.account_id, "today": today})).fetchone()
    assert row is not None
    log = await (await tx.execute(_LOG, [record.person_id, record.now - LOG_DAYS])).fetchall()
    candidates = order(move.step, row["preferred_channel"], row["authorised_channels"], row["addresses"], available)
    verdicts = judge(row, record.now, candidates, log)
    insert: dict[str, Any] = {
        "channel": None,
        "decision": "skipped",
        "reason": None,
        "rules": [],
        "next": None,
    }
    allowed = next((channel for channel, verdict in verdicts if verdict.allowed), None)
    if not verdicts:
        insert["reason"] = "no_channel"
    elif allowed is not None:
        insert |= {"channel": allowed, "decision": "permitted"}
    else:
        channel, verdict = min(verdicts, key=_soonest)
        insert |= {
            "channel": channel,
            "decision": "refused",
            "rules": list(verdict.rules),
            "next": verdict.next_allowed_at,
        }
    basis = {channel: verdict.as_record() for channel, verdict in verdicts}
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
            insert["channel"],
            insert["decision"],
            insert["reason"],
            insert["rules"],
            insert["next"],
            Jsonb({"zones": row["time_zones"], "log": len(log), "verdicts": basis}),
            record.now,
        ],
    )
    inserted = await cursor.fetchone()
    assert inserted is not None
    contact_id: int = inserted["id"]
    record.facts.append(
        Fact(
            f"contact:{contact_id}:{insert['decision']}",
            "contact",
            record.now,
            {
                "contact": contact_id,
                "step": move.step.key,
                "channel": insert["channel"],
                "status": insert["decision"],
                "reason": insert["reason"],
                "rules": insert["rules"],
                "next_allowed_at": insert["next"],
            },
        )
    )
    if insert["decision"] == "refused" and insert["next"] is not None:
        record.learn(StepDeferred(occurrence=move.occurrence, until=insert["next"]))
    else:
        record.learn(StepDone(occurrence=move.occurrence))
    await write(tx, record)
    if allowed is None:
        return Refusal(record.state.standing, insert["next"], skipped=not verdicts)
    return Permit(
        contact_id=contact_id,
        key=f"{record.id}:{move.step.key}:{anchor.isoformat()}",
        channel=allowed,
        address=row["addresses"][allowed],
        language=row["language"],
        name=row["name"],
        creditor_name=row["creditor_name"],
        account=record.terms.account,
        currency=record.terms.currency,
        balance=record.state.standing.balance,
        past_due=row["past_due"],
        due_date=anchor,
        days_past_due=(today - anchor).days,
        stage=move.stage,
        template=move.step.template,
        tone=move.step.tone,
    )


def order(
    step: Step,
    preferred: str | None,
    authorised: Sequence[str],
    addresses: dict[str, str],
    available: Collection[str],
) -> list[str]:
    """The step's channels that can be tried: the person's preferred one, then the authorised, then the step's order."""
    usable = [channel for channel in step.channels if channel in available and addresses.get(channel)]
    return sorted(usable, key=lambda channel: (channel != preferred, channel not in authorised))


def judge(
    row: dict[str, Any], at: datetime, channels: Sequence[str], log: Sequence[dict[str, Any]]
) -> list[tuple[str, Decision]]:
    """The policy's verdict on each channel in turn, up to the first that is allowed."""
    contacts = tuple(
        LoggedContact(
            at=entry["at"],
            channel=entry["channel"],
            direction="outbound",
            purpose="collection",
            two_way=entry["two_way"],
        )
        for entry in log
    )
    verdicts: list[tuple[str, Decision]] = []
    for channel in channels:
        query = Query(
            zones=tuple(row["time_zones"]),
            at=at,
            channel=channel,
            purpose="collection",
            role="debtor",
            authorised_channels=tuple(row["authorised_channels"]),
            contacts=contacts,
        )
        verdicts.append((channel, decide([load_pack(row["pack"])], query)))
        if verdicts[-1][1].allowed:
            break
    return verdicts


def _soonest(verdict: tuple[str, Decision]) -> tuple[bool, datetime | None]:
    at = verdict[1].next_allowed_at
    return at is None, at
