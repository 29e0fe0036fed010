"""Foresight: a step that the policy would refuse at its time is put off beforehand: refusals are the exception."""

from collections.abc import Collection

from journey.events import StepDeferred
from journey.planning import Contact, Wait, at_its_time
from journey.state import occurrence
from ledger.judging import Known, soonest
from ledger.record import Fact, Record
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
    name = occurrence(step.key, anchor, record.state.standing.again)
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
    key = f"deferred:{name}:{until.isoformat()}:{contact_id or ''}"
    record.facts.append(Fact(key, "step_deferred", record.now, about))
    record.learn(StepDeferred(occurrence=name, until=until))
    return True
