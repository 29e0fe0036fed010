"""What fails: a message that did not leave or came back, a step whose providers take nothing for now."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from journey.events import StepDeferred, StepDone
from journey.planning import Contact, at_its_time
from journey.state import Deferral, JourneyState, Standing, occurrence
from ledger.database import Connection, Ledger
from ledger.following import Told, tell_engine
from ledger.foresight import look_ahead
from ledger.judging import known_of
from ledger.outcomes import write_outcome
from ledger.permits import Refusal
from ledger.record import Fact, Record, open_record_by_id, write
from policy.calendar import local_date

OUTAGE_PAUSE = timedelta(minutes=15)
"""How long a step waits for its providers the first time; each further time twice as long."""

MOST_PUT_OFF = 6
"""So often a step waits for its providers, sixteen hours in all; then it is given up, and the plan goes on."""

TRIES = 3
"""How often one step sends: at first, and again after its message came back."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a message failed: a stable code. `bad_address`: nobody is there, for good. `is_over`: its provider will not
    take it later, either."""

    code: str
    bad_address: bool = False
    is_over: bool = True
    content_sha256: str | None = None
    template: str | None = None
    provider_ref: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The journey's last standing and what is put off. `is_open`: the step may still leave, decide it anew."""

    standing: Standing
    then: Deferral | None
    is_open: bool


_LOCK = "SELECT FROM people WHERE id = (SELECT person_id FROM contacts WHERE id = %s) FOR UPDATE"

_CONTACT = """
SELECT c.id, c.journey_id, c.step, c.occurrence, c.channel, c.address_sha256, c.decided_at, a.debtor_id,
    EXISTS (SELECT FROM contact_events e WHERE e.contact_id = c.id) AS is_told
FROM contacts c JOIN accounts a ON a.id = c.account_id
WHERE c.id = %s"""
"""Asked once the lock is held: what was told while it was waited for is seen."""

_INVALID = """
INSERT INTO invalid_addresses (debtor_id, channel, address_sha256, contact_id, code, at)
VALUES (%s, %s, %s, %s, %s, clock_timestamp()) ON CONFLICT DO NOTHING"""

_PUT_OFF = """
SELECT data->>'step' AS step, split_part(key, ':', 2) AS occurrence FROM journey_events
WHERE journey_id = %s AND kind = 'step_deferred' AND (data->>'contact_id')::bigint = %s"""

_COVERED = "SELECT journey_id, step, occurrence FROM contacts WHERE covered_by = %s ORDER BY id"


async def record_failure(
    ledger: Ledger, contact_id: int, failure: Failure, *, connected: Collection[str], others: Collection[str]
) -> Failed:
    """Store that a permitted contact failed before it left: it counts no more, and what it put off is looked at anew.

    The step is opened again where one of `others` (channels that may still be tried) can reach the person, or where
    the provider may take it later. Where the engine was told already that nobody knows what came of the contact,
    all stands as it was told.
    """
    async with ledger.transaction() as tx:
        contact = await _contact(tx, contact_id)
        standing = await _write(tx, contact, failure)
        record = await open_record_by_id(tx, contact["journey_id"])
        if record is None or contact["is_told"]:
            return Failed(standing, record.state.deferral if record else None, is_open=False)
        known = await known_of(tx, record.account_id, record.person_id, record.terms.creditor)
        step = record.terms.playbook.step(contact["step"])
        is_open = not failure.is_over or bool(known.order(step, others))
        reopened = Deferral(occurrence=contact["occurrence"], until=contact["decided_at"]) if is_open else None
        await _take_back(tx, record, contact_id, connected, reopened)
        await _reopen_covered(tx, contact_id)
        return Failed(record.state.standing, record.state.deferral, is_open)


async def record_return(tx: Connection, contact_id: int, failure: Failure) -> Told | None:
    """Store, in the caller's transaction, that a message came back after it had left.

    Where the address is bad and the step's day is not over, the step is tried once more by another channel; the
    journey is to be told. What the message put off stays so: the engine was told and sleeps until then.
    """
    contact = await _contact(tx, contact_id)
    if contact["journey_id"] is None or contact["occurrence"] is None:
        return None
    await _write(tx, contact, failure)
    record = await open_record_by_id(tx, contact["journey_id"])
    if record is None:
        return None
    await _reopen_covered(tx, contact_id)
    zone = record.terms.zone
    is_today = local_date(contact["decided_at"], zone) == local_date(record.now, zone)
    if not failure.bad_address or not is_today or _tries(record, contact["occurrence"]) >= TRIES:
        return None
    return await _try_again(tx, record, contact["step"], contact["occurrence"])


async def _contact(tx: Connection, contact_id: int) -> dict[str, Any]:
    """The contact, whose person is locked from now on."""
    await tx.execute(_LOCK, [contact_id])
    contact = await (await tx.execute(_CONTACT, [contact_id])).fetchone()
    assert contact is not None
    return contact


async def _write(tx: Connection, contact: dict[str, Any], failure: Failure) -> Standing:
    standing = await write_outcome(
        tx,
        contact["id"],
        "failed",
        provider_ref=failure.provider_ref,
        content_sha256=failure.content_sha256,
        template=failure.template,
        detail=failure.code,
    )
    if failure.bad_address and contact["address_sha256"] is not None:
        at = [contact["debtor_id"], contact["channel"], contact["address_sha256"], contact["id"], failure.code]
        await tx.execute(_INVALID, at)
    return standing


async def _take_back(
    tx: Connection, record: Record, contact_id: int, connected: Collection[str], reopened: Deferral | None
) -> None:
    """The state as if the contact had never been: what it put off returns, and its own step where it is reopened."""
    put_off = await (await tx.execute(_PUT_OFF, [record.id, contact_id])).fetchall()
    if not put_off and reopened is None:
        return
    record.state = _without(record.state, [row["occurrence"] for row in put_off])
    if reopened is not None:
        record.state = _reopened(record, reopened)
    record.learn()
    if reopened is None:
        known = await known_of(tx, record.account_id, record.person_id, record.terms.creditor)
        look_ahead(record, known, connected)
    deferred = record.state.deferral.occurrence if record.state.deferral else None
    for row in put_off:
        if row["occurrence"] not in (deferred, *record.state.done):
            about = {"step": row["step"], "contact_id": contact_id}
            key = f"restored:{row['occurrence']}:{contact_id}"
            record.facts.append(Fact(key, "step_restored", record.now, about))
    await write(tx, record)


async def _reopen_covered(tx: Connection, contact_id: int) -> None:
    """Steps of other accounts that the message stood for are to be tried by themselves."""
    for row in await (await tx.execute(_COVERED, [contact_id])).fetchall():
        record = await open_record_by_id(tx, row["journey_id"])
        if record is not None:
            await _try_again(tx, record, row["step"], row["occurrence"])


def _tries(record: Record, occurrence: str) -> int:
    """How often the step was sent under its due date."""
    first = occurrence.partition("~")[0]
    return 1 + sum(name.partition("~")[0] == first for name in record.state.standing.again)


async def _try_again(tx: Connection, record: Record, step: str, occurrence: str) -> Told | None:
    again = record.state.standing.again
    if occurrence in again:
        return None
    about = {"step": step, "occurrence": occurrence}
    record.facts.append(Fact(f"again:{occurrence}", "step_reopened", record.now, about))
    standing = record.tell(again=(*again, occurrence))
    await write(tx, record)
    return await tell_engine(tx, record.id, "again", standing)


def _reopened(record: Record, step: Deferral) -> JourneyState:
    """The state in which a step is due again; one that had been put off from an earlier day, since then."""
    state, anchor = _without(record.state, [step.occurrence]), record.state.standing.oldest_due
    key = step.occurrence.partition("@")[0]
    if anchor is None or occurrence(key, anchor, state.standing.again) != step.occurrence:
        return state
    found = record.terms.playbook.step(key)
    planned = at_its_time(record.terms, found, anchor + timedelta(days=found.day))
    zone = record.terms.zone
    was_put_off = local_date(planned, zone) < local_date(step.until, zone)
    return state.model_copy(update={"deferral": step}) if was_put_off else state


def _without(state: JourneyState, names: Collection[str]) -> JourneyState:
    """The state had these occurrences never been done, put off or given up."""
    deferral = state.deferral
    return state.model_copy(
        update={
            "done": tuple(name for name in state.done if name not in names),
            "deferral": None if deferral is not None and deferral.occurrence in names else deferral,
        }
    )


_LOCK_JOURNEY = """
SELECT c.test_clock IS NOT NULL AS is_test, (SELECT count(*) FROM journey_events e WHERE e.journey_id = j.id
    AND e.kind = 'step_put_off' AND e.data->>'occurrence' = %(occurrence)s) AS times
FROM journeys j JOIN people p ON p.id = j.person_id JOIN creditors c ON c.key = j.creditor
WHERE j.id = %(journey)s FOR UPDATE OF p"""


async def put_off(
    ledger: Ledger, journey_id: str, occurrence: str, due: datetime, *, is_down: bool = True
) -> Refusal | None:
    """Put a step off whose providers take nothing for now, and note it as a fact; none where it is to be tried on.

    That is under a test clock while a provider `is_down`, since its time stands still; not where a provider answers
    and takes nothing. After `MOST_PUT_OFF` times the step is given up.
    """
    async with ledger.transaction() as tx:
        about = {"journey": journey_id, "occurrence": occurrence}
        row = await (await tx.execute(_LOCK_JOURNEY, about)).fetchone()
        record = await open_record_by_id(tx, journey_id)
        if row is None or record is None or (row["is_test"] and is_down):
            return None
        record.reach(due)
        record.learn()
        if not isinstance(record.move, Contact) or record.move.occurrence != occurrence:
            return None
        fact = {"step": record.move.step.key, "occurrence": occurrence}
        if row["times"] >= MOST_PUT_OFF:
            record.facts.append(Fact(f"given_up:{occurrence}", "step_given_up", record.now, fact))
            record.learn(StepDone(occurrence=occurrence))
            await write(tx, record)
            return Refusal(record.state.standing, None, skipped=False, then=record.state.deferral)
        until = record.now + OUTAGE_PAUSE * 2 ** row["times"]
        fact["until"] = until.isoformat()
        record.facts.append(Fact(f"put_off:{occurrence}:{row['times']}", "step_put_off", record.now, fact))
        record.learn(StepDeferred(occurrence=occurrence, until=until))
        await write(tx, record)
        then = occurrence not in record.state.done
        return Refusal(record.state.standing, until if then else None, skipped=False, then=record.state.deferral)
