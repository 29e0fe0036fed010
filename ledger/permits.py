"""Permits: the decision whether a step's contact may leave, taken under the person's lock and stored whole."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from psycopg.types.json import Jsonb

from journey.events import StepDeferred, StepDone
from journey.planning import Contact
from journey.playbook import Stage, Tone
from journey.state import Deferral, Standing
from ledger.database import Connection, Ledger
from ledger.foresight import look_ahead
from ledger.judging import Known, Reading, soonest
from ledger.outcomes import closed_standing
from ledger.record import OPEN, Fact, Record, record_of, write
from ledger.standing import OWED, Owed, owed_of
from ledger.why import basis_of
from policy import Decision, Query
from policy.calendar import local_date


@dataclass(frozen=True, slots=True)
class AccountDue:
    """Another account of the person at the same creditor that a message speaks of, too. Amounts as in `Permit`."""

    account: str
    past_due: Decimal
    balance: Decimal
    due_date: date
    days_past_due: int


@dataclass(frozen=True, slots=True)
class Permit:
    """A contact that may leave now, once. What it takes to write the message; it never enters the engine.

    `then`: the next step, put off because of this contact. `others`: accounts whose own step this message stands for.
    """

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
    then: Deferral | None = None
    others: tuple[AccountDue, ...] = ()
    pay_link: str | None = None
    stop_link: str | None = None
    sender_country: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Not now: deferred until an instant, or done for good where there is none. `skipped`: no channel could serve."""

    standing: Standing
    until: datetime | None
    skipped: bool
    then: Deferral | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """The contact was decided before (a retry): its message left, failed for good, or nobody knows."""

    contact_id: int
    status: str
    standing: Standing
    then: Deferral | None


@dataclass(frozen=True, slots=True)
class Overtaken:
    """The record no longer asks for this step: the workflow has something to learn first."""

    standing: Standing


Answer = Permit | Refusal | Settled | Overtaken

_LOCK = """
SELECT j.account_id, j.person_id, j.creditor FROM journeys j JOIN people p ON p.id = j.person_id
WHERE j.id = %s FOR UPDATE OF p"""

_EARLIER = """
SELECT c.id, c.step, c.decision, c.channel,
    (SELECT e.status FROM contact_events e WHERE e.contact_id = c.id ORDER BY e.id DESC LIMIT 1) AS status
FROM contacts c WHERE c.journey_id = %s AND c.occurrence = %s ORDER BY c.attempt"""

_INSERT = """
INSERT INTO contacts (journey_id, person_id, creditor, account_id, step, occurrence, stage, attempt, channel,
    decision, reason, rules, next_allowed_at, basis, decided_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"""


async def request_permit(
    ledger: Ledger,
    journey_id: str,
    occurrence: str,
    due: datetime,
    channels: Collection[str],
    connected: Collection[str] | None = None,
) -> Answer:
    """Decide a step's contact in one transaction under the person's lock, once for each occurrence.

    `channels` are those by which the step can be sent now, `connected` those that have a provider, for the steps
    that follow (none where that is not known). The step itself is the record's: it must be what the record's own
    plan asks for now, otherwise the answer is `Overtaken` (a payment or a pause came between). Raises
    `ClockBehind` where the database's clock has not come to `due`.
    """
    async with ledger.transaction() as tx:
        person = await (await tx.execute(_LOCK, [journey_id])).fetchone()
        if person is None:
            raise LookupError(f"no record of {journey_id}")
        account_id: int = person["account_id"]
        reading = Reading(account_id, person["person_id"], person["creditor"])
        async with tx.pipeline():  # one round trip; each statement sees what was committed before the lock was ours
            opened = await tx.execute(OPEN, [account_id])
            before = await tx.execute(_EARLIER, [journey_id, occurrence])
            dues = await tx.execute(OWED, [account_id])
            await reading.send(tx)
        row = await opened.fetchone()
        record = record_of(row) if row is not None and row["id"] == journey_id else None
        earlier = await before.fetchall()
        permitted = next((row for row in earlier if row["decision"] == "permitted"), None)
        if permitted is not None and permitted["status"] is None:
            await _unknown(tx, record, permitted, occurrence)
        if record is None:
            return Overtaken(await closed_standing(tx, journey_id))
        if permitted is not None:
            return Settled(
                permitted["id"], permitted["status"] or "unknown", record.state.standing, record.state.deferral
            )
        record.reach(due)
        record.learn()
        if not isinstance(record.move, Contact) or record.move.occurrence != occurrence:
            await write(tx, record)
            return _missed(record, occurrence)
        known = await reading.known()
        owed = owed_of(await dues.fetchall())
        return await _decide(tx, record, record.move, len(earlier), known, owed, channels, connected)


def _missed(record: Record, occurrence: str) -> Refusal | Overtaken:
    """What the workflow must learn: its step was decided already (the answer was lost, or the day is over), or more."""
    standing, deferral = record.state.standing, record.state.deferral
    if occurrence in record.state.done:
        return Refusal(standing, None, skipped=False, then=deferral)
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
class _Choice:
    """What was decided: a channel permitted, refused until an instant (or for good), or nothing to send by."""

    decision: Literal["permitted", "refused", "skipped"]
    query: Query | None = None
    reason: str | None = None
    rules: tuple[str, ...] = ()
    next_allowed_at: datetime | None = None

    @property
    def channel(self) -> str | None:
        """The channel that was judged last, or best."""
        return self.query.channel if self.query else None


def _choose(verdicts: Sequence[tuple[Query, Decision]]) -> _Choice:
    if not verdicts:
        return _Choice("skipped", reason="no_channel")
    query, verdict = verdicts[-1]  # judging stops at the first that is allowed
    if verdict.allowed:
        return _Choice("permitted", query)
    query, verdict = soonest(verdicts)
    return _Choice("refused", query, None, verdict.rules, verdict.next_allowed_at)


async def _decide(
    tx: Connection,
    record: Record,
    move: Contact,
    attempt: int,
    known: Known,
    owed: Owed,
    available: Collection[str],
    connected: Collection[str] | None,
) -> Answer:
    verdicts = known.judge(record.now, known.order(move.step, available))
    choice = _choose(verdicts)
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
            Jsonb(basis_of(known.packs, choice.query, verdicts)),
            record.now,
        ],
    )
    inserted = await cursor.fetchone()
    assert inserted is not None
    record.facts.append(_fact(record, move, attempt, choice))
    until = choice.next_allowed_at
    if until is not None:
        record.learn(StepDeferred(occurrence=move.occurrence, until=until))
    else:
        record.learn(StepDone(occurrence=move.occurrence))
    if choice.channel is not None and choice.decision == "permitted":
        look_ahead(record, known.after(record.now, choice.channel), connected, inserted["id"])
        await write(tx, record)
        return _permit(record, move, known, owed, inserted["id"], choice.channel)
    if move.occurrence not in record.state.done:
        await write(tx, record)
        return Refusal(record.state.standing, until, skipped=False)
    # Done for good; a refused step is, too, where it would have to wait for longer than until the next one.
    look_ahead(record, known, connected, inserted["id"])
    await write(tx, record)
    return Refusal(record.state.standing, None, choice.decision == "skipped", record.state.deferral)


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


def _permit(record: Record, move: Contact, known: Known, owed: Owed, contact_id: int, channel: str) -> Permit:
    today = local_date(record.now, record.terms.zone)
    anchor = owed.dues[0].due_date
    return Permit(
        contact_id=contact_id,
        key=f"{record.id}:{move.step.key}:{anchor.isoformat()}",
        channel=channel,
        address=known.facts["addresses"][channel],
        language=known.language,
        name=known.facts["name"],
        creditor_name=known.facts["creditor_name"],
        account=record.terms.account,
        currency=record.terms.currency,
        balance=owed.balance,
        past_due=sum((due.open for due in owed.dues if due.due_date < today), Decimal(0)),
        due_date=anchor,
        days_past_due=(today - anchor).days,
        stage=move.stage,
        template=move.step.template,
        tone=move.step.tone,
        then=record.state.deferral,
    )
