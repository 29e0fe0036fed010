"""Permits: the decision whether a step's contact may leave, taken under the person's lock and stored whole."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from psycopg.types.json import Jsonb

from journey.events import StepDeferred, StepDone
from journey.planning import Contact
from journey.playbook import Stage, Tone
from journey.state import Deferral, Standing
from ledger.book import bring, locked, read
from ledger.consolidation import AccountDue, Sibling, cover, siblings_of
from ledger.database import Connection, Ledger
from ledger.foresight import look_ahead
from ledger.judging import Known, Reading, sha256_of, soonest
from ledger.outcomes import closed_standing
from ledger.record import OPEN, Fact, Record, record_of, write
from ledger.standing import OWED, Owed, owed_of
from ledger.tasks import NewTask, add_task
from ledger.why import basis_of
from policy import Decision, Query
from policy.calendar import local_date


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


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The step may leave by this channel, which is not the one that asked. Nothing was written."""

    channel: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class Down:
    """The policy allows a channel whose provider takes nothing at this moment. Nothing was written."""

    standing: Standing


Answer = Permit | Refusal | Settled | Overtaken | Elsewhere | Down


@dataclass(frozen=True, slots=True)
class Reach:
    """By which channels the creditor's messages can leave. `available`: those that can send now; `connected`: those
    that have a provider, with its key (none: not known, then all that are available). `by`: the only channel that may
    be permitted here; none: any. `by_people`: those whose steps become tasks for people. `refused`: those whose
    provider will not take this message later, either."""

    available: frozenset[str]
    connected: Mapping[str, str] | None = None
    by: str | None = None
    by_people: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()

    @property
    def channels(self) -> Collection[str]:
        """Those that have a provider."""
        return self.available if self.connected is None else self.connected

    def provider(self, channel: str | None) -> str | None:
        """The key of a channel's provider."""
        return (self.connected or {}).get(channel or "")


_LOCK = """
SELECT j.account_id, j.person_id, j.creditor FROM journeys j JOIN people p ON p.id = j.person_id
WHERE j.id = %s FOR UPDATE OF p"""

_EARLIER = """
SELECT c.id, c.step, c.decision, c.channel, (
    SELECT CASE WHEN bool_or(e.status IN ('sent', 'delivered', 'read', 'answered')) THEN 'sent'
        WHEN bool_or(e.status = 'failed') THEN 'failed' ELSE min(e.status) END
    FROM contact_events e WHERE e.contact_id = c.id) AS status
FROM contacts c WHERE c.journey_id = %s AND c.occurrence = %s ORDER BY c.attempt"""

_INSERT = """
INSERT INTO contacts (journey_id, person_id, creditor, account_id, step, occurrence, stage, attempt, channel,
    decision, reason, rules, next_allowed_at, basis, decided_at, provider, address_sha256)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"""


async def request_permit(ledger: Ledger, journey_id: str, occurrence: str, due: datetime, reach: Reach) -> Answer:
    """Decide a step's contact in one transaction under the person's lock, once for each occurrence.

    The step itself is the record's: it must be what the record's own plan asks for now, otherwise the answer is
    `Overtaken` (a payment or a pause came between). A step whose message failed and that was opened again for its
    other channels is decided anew. Raises `ClockBehind` where the database's clock has not come to `due`.
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
        settled = await _settled(tx, journey_id, occurrence, record, earlier)
        if settled is not None or record is None:
            return settled or Overtaken(await closed_standing(tx, journey_id))
        record.reach(due)
        record.learn()
        owed = owed_of(await dues.fetchall())
        if row is not None and row["has_interest"]:
            owed = await _with_interest(tx, record)
        if not isinstance(record.move, Contact) or record.move.occurrence != occurrence:
            await write(tx, record)
            return _missed(record, occurrence)
        known = await reading.known()
        return await _Deciding(tx, record, record.move, len(earlier), known, owed, reach).decide()


async def _with_interest(tx: Connection, record: Record) -> Owed:
    """What is owed with the late interest of today; the journey learns it with the answer."""
    owed = await bring(tx, await read(tx, await locked(tx, record.terms.creditor, record.terms.account)))
    if owed.balance != record.state.standing.balance:
        record.tell(balance=owed.balance, oldest_due=owed.oldest_due)
    return owed


async def _settled(
    tx: Connection, journey_id: str, occurrence: str, record: Record | None, earlier: Sequence[dict[str, Any]]
) -> Settled | Overtaken | None:
    """What became of an earlier permit of this occurrence; none where there is something to decide."""
    permits = [row for row in earlier if row["decision"] == "permitted"]
    permitted = next((row for row in permits if row["status"] != "failed"), None)
    if permitted is not None and permitted["status"] is None:
        await _unknown(tx, record, permitted, occurrence)
    if record is None:
        return Overtaken(await closed_standing(tx, journey_id))
    if permitted is not None:
        return Settled(permitted["id"], permitted["status"] or "unknown", record.state.standing, record.state.deferral)
    if permits and occurrence in record.state.done:
        return Settled(permits[-1]["id"], "failed", record.state.standing, record.state.deferral)
    return None


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


@dataclass(frozen=True, slots=True)
class _Deciding:
    """One decision on a step that is due: the record under its lock, and all that is known."""

    tx: Connection
    record: Record
    move: Contact
    attempt: int
    known: Known
    owed: Owed
    reach: Reach

    async def decide(self) -> Answer:
        record, known, reach = self.record, self.known, self.reach
        verdicts = known.judge(record.now, known.order(self.move.step, reach.available))
        choice = _choose(verdicts)
        if choice.decision != "permitted" and self._waits_for_a_provider():
            return Down(record.state.standing)
        if choice.decision == "permitted" and choice.channel is not None and reach.by not in (None, choice.channel):
            return Elsewhere(choice.channel, record.state.standing)
        if choice.decision == "permitted" and choice.channel in reach.by_people:
            await self._hand_over(choice.channel)
            choice = replace(choice, decision="skipped", reason="handed_to_people")
        contact_id = await self._insert(choice, verdicts)
        record.facts.append(_fact(record, self.move, self.attempt, choice))
        until = choice.next_allowed_at
        if until is not None:
            record.learn(StepDeferred(occurrence=self.move.occurrence, until=until))
        else:
            record.learn(StepDone(occurrence=self.move.occurrence))
        if choice.channel is not None and choice.decision == "permitted":
            return await self._permitted(choice.channel, contact_id)
        if self.move.occurrence not in record.state.done:
            await write(self.tx, record)
            return Refusal(record.state.standing, until, skipped=False)
        if choice.reason == "handed_to_people" and choice.channel is not None and known.facts["has_others"]:
            await self._cover(choice.channel, contact_id, known)
        # Done for good; a refused step is, too, where it would have to wait for longer than until the next one.
        look_ahead(record, known, reach.channels, contact_id)
        await write(self.tx, record)
        return Refusal(record.state.standing, None, choice.decision == "skipped", record.state.deferral)

    async def _hand_over(self, channel: str) -> None:
        """People call or visit, by a permit of their own right before it."""
        record, move = self.record, self.move
        task = NewTask(
            key=f"{record.id}:{move.occurrence}",
            kind="call" if channel == "call" else "case",
            reason=f"{channel}_step",
            creditor=record.terms.creditor,
            account_id=record.account_id,
            person_id=record.person_id,
            journey_id=record.id,
            step=move.step.key,
            occurrence=move.occurrence,
        )
        await add_task(self.tx, task)

    def _waits_for_a_provider(self) -> bool:
        """Whether the policy allows a channel that is connected and takes nothing at this moment."""
        down = set(self.reach.channels) - self.reach.available - self.reach.refused
        verdicts = self.known.judge(self.record.now, self.known.order(self.move.step, down))
        return bool(verdicts) and verdicts[-1][1].allowed

    async def _insert(self, choice: _Choice, verdicts: Sequence[tuple[Query, Decision]]) -> int:
        record, move = self.record, self.move
        permitted = choice.channel if choice.decision == "permitted" else None
        cursor = await self.tx.execute(
            _INSERT,
            [
                record.id,
                record.person_id,
                record.terms.creditor,
                record.account_id,
                move.step.key,
                move.occurrence,
                move.stage,
                self.attempt,
                choice.channel,
                choice.decision,
                choice.reason,
                list(choice.rules),
                choice.next_allowed_at,
                Jsonb(basis_of(self.known.packs, choice.query, verdicts)),
                record.now,
                self.reach.provider(permitted),
                sha256_of(self.known.addresses[permitted]) if permitted else None,
            ],
        )
        inserted = await cursor.fetchone()
        assert inserted is not None
        return inserted["id"]

    async def _permitted(self, channel: str, contact_id: int) -> Permit:
        record = self.record
        known = self.known.after(record.now, channel)
        look_ahead(record, known, self.reach.channels, contact_id)
        await write(self.tx, record)
        covered = await self._cover(channel, contact_id, known) if known.facts["has_others"] else []
        return self._permit(channel, contact_id, covered)

    async def _cover(self, channel: str, contact_id: int, known: Known) -> list[Sibling]:
        """The person's other accounts that this contact speaks of, too: their steps are done by it."""
        covered = await siblings_of(self.tx, self.record, self.move, channel)
        for sibling in covered:
            await cover(self.tx, sibling, contact_id, channel, known, self.reach.channels)
        return covered

    def _permit(self, channel: str, contact_id: int, covered: Sequence[Sibling]) -> Permit:
        record, move, known, owed = self.record, self.move, self.known, self.owed
        today = local_date(record.now, record.terms.zone)
        anchor = owed.dues[0].due_date
        again = f":{self.attempt}" if self.attempt else ""
        return Permit(
            contact_id=contact_id,
            key=f"{record.id}:{move.occurrence.replace('@', ':')}{again}",
            channel=channel,
            address=known.addresses[channel],
            language=known.language,
            name=known.facts["name"],
            creditor_name=known.facts["creditor_name"],
            account=record.terms.account,
            currency=record.terms.currency,
            balance=owed.balance,
            past_due=owed.past_due(today),
            due_date=anchor,
            days_past_due=(today - anchor).days,
            stage=move.stage,
            template=move.step.template,
            tone=move.step.tone,
            then=record.state.deferral,
            others=tuple(sibling.due for sibling in covered),
            pay_link=known.facts["pay_link"],
        )


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
