"""Foresight: a step that the policy would refuse at its time is put off beforehand: refusals are the exception."""

from collections.abc import Collection

from journey.events import StepDeferred
from journey.planning import Contact, Wait, at_its_time
from journey.state import Deferral, JourneyState, Standing, occurrence
from ledger.database import Connection, Ledger
from ledger.judging import Known, known_of, soonest
from ledger.outcomes import write_outcome
from ledger.record import Fact, Record, open_record_by_id, write
from policy.calendar import local_date


def look_ahead(
    record: Record, known: Known, connected: Collection[str] | None = None, contact_id: int | None = None
) -> None:
    """Put the next step off until the policy would allow it, by what is known now, and note it as a fact.

    Where it thereby gives way to the step that follows, that one is looked at too. Nothing happens where the step
    is allowed at its own time, where nothing will ever allow it (the refusal then says why), and where it was put
    off already. `connected`: the channels that have a provider; none where that is not known. `contact_id`: the
    contact after which the steps are looked at; the fact names it.
    """
    while _put_off_next(record, known, connected, contact_id):
        pass


def _put_off_next(record: Record, known: Known, connected: Collection[str] | None, contact_id: int | None) -> bool:
    """Whether the next step was put off, so that another one may have become the next."""
    move, anchor = record.move, record.state.standing.oldest_due
    match move:
        case Wait(step=key, due=due) if key is not None and due is not None:
            step = record.terms.playbook.step(key)
        case Contact(step=step, due=due):
            pass
        case _:
            return False
    assert anchor is not None
    name = occurrence(step.key, anchor)
    if record.state.deferral is not None and record.state.deferral.occurrence == name:
        return False
    channels = known.order(step, connected)
    verdicts = known.judge(max(due, record.now), channels)
    if not verdicts or verdicts[-1][1].allowed:
        return False
    query, verdict = soonest(verdicts)
    until = verdict.next_allowed_at
    if until is None:
        return False
    # Rather at the step's own time of that day than at the first minute, together with everybody else.
    on_time = at_its_time(record.terms, step, local_date(until, record.terms.zone))
    if on_time > until and known.judge(on_time, channels)[-1][1].allowed:
        until = on_time
    about = {
        "step": step.key,
        "channel": query.channel,
        "planned_at": due,
        "until": until,
        "rules": verdict.rules,
        "contact_id": contact_id,
    }
    record.facts.append(Fact(f"deferred:{name}:{until.isoformat()}", "step_deferred", record.now, about))
    record.learn(StepDeferred(occurrence=name, until=until))
    return True


_LOCK = """
SELECT c.journey_id, EXISTS (SELECT FROM contact_events e WHERE e.contact_id = c.id) AS is_told
FROM contacts c JOIN people p ON p.id = c.person_id WHERE c.id = %s FOR UPDATE OF p"""

_PUT_OFF = """
SELECT data->>'step' AS step, split_part(key, ':', 2) AS occurrence FROM journey_events
WHERE journey_id = %s AND kind = 'step_deferred' AND (data->>'contact_id')::bigint = %s"""


async def record_failure(
    ledger: Ledger,
    contact_id: int,
    *,
    content_sha256: str | None,
    detail: str | None,
    connected: Collection[str],
    template: str | None = None,
) -> tuple[Standing, Deferral | None]:
    """Store that a permitted contact failed for good: it counts no more, and what it put off is looked at anew.

    Returns the journey's last standing, and the step that is put off now. Where the engine was told already that
    nobody knows what came of the contact, all stands as it was told.
    """
    async with ledger.transaction() as tx:
        contact = await (await tx.execute(_LOCK, [contact_id])).fetchone()
        assert contact is not None
        standing = await write_outcome(
            tx, contact_id, "failed", content_sha256=content_sha256, template=template, detail=detail
        )
        record = await open_record_by_id(tx, contact["journey_id"])
        if record is None:
            return standing, None
        if not contact["is_told"]:
            await _look_again(tx, record, connected, contact_id)
        return standing, record.state.deferral


async def _look_again(tx: Connection, record: Record, connected: Collection[str], contact_id: int) -> None:
    put_off = await (await tx.execute(_PUT_OFF, [record.id, contact_id])).fetchall()
    if not put_off:
        return
    record.state = _without(record.state, [row["occurrence"] for row in put_off])
    record.learn()
    look_ahead(record, await known_of(tx, record.account_id, record.person_id, record.terms.creditor), connected)
    deferred = record.state.deferral.occurrence if record.state.deferral else None
    for row in put_off:
        if row["occurrence"] not in (deferred, *record.state.done):
            about = {"step": row["step"], "contact_id": contact_id}
            key = f"restored:{row['occurrence']}:{contact_id}"
            record.facts.append(Fact(key, "step_restored", record.now, about))
    await write(tx, record)


def _without(state: JourneyState, put_off: Collection[str]) -> JourneyState:
    """The state had these occurrences never been put off, nor given up for it."""
    deferral = state.deferral
    return state.model_copy(
        update={
            "done": tuple(name for name in state.done if name not in put_off),
            "deferral": None if deferral is not None and deferral.occurrence in put_off else deferral,
        }
    )
