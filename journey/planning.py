"""`plan`: the one next thing to do for a journey, and `settle`, which carries out what needs no one else."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from journey.events import Ended, Event, SkipReason, StageEntered, StepSkipped, apply
from journey.keeping import held_by
from journey.playbook import Outcome, Playbook, Stage, Step
from journey.state import JourneyState, Status, Terms, occurrence
from policy.calendar import local_date, local_instant, start_of_day
from policy.errors import SendaError
from policy.hours import ContactHours

SPREAD = timedelta(minutes=30)
"""Steps without a time of their own spread over the contact hours in slots of this length."""

DAYS_TRIED = 7
"""How many days ahead a step looks for contact hours that contain its time."""


@dataclass(frozen=True, slots=True)
class Decide:
    """Something to record that needs nobody else: a stage entered, a step skipped, the end."""

    event: StageEntered | StepSkipped | Ended


@dataclass(frozen=True, slots=True)
class Contact:
    """A step is due: try to contact the debtor now."""

    step: Step
    stage: Stage
    occurrence: str
    due: datetime


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until` (UTC), or until the ledger speaks where there is none; `step` falls due at `due`."""

    until: datetime | None
    step: str | None = None
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The journey is over."""

    outcome: Outcome


Move = Decide | Contact | Wait | Finished


def plan(terms: Terms, state: JourneyState, now: datetime) -> Move:
    """The next move at `now` (UTC). A pure function of what it is given, so that replay comes to the same."""
    if state.outcome is not None:
        return Finished(state.outcome)
    today = local_date(now, terms.zone)
    outcome = settled_outcome(terms, state, today)
    if outcome is not None:
        return Decide(Ended(outcome=outcome, at=state.since))
    anchor = _anchor(state)
    entered = _stage_change(terms, state, anchor, (today - anchor).days, now)
    if entered is not None:
        return Decide(entered)
    boundary = _boundary(terms, state.stage, anchor)
    hold = next((hold for hold in state.standing.holds if hold.covers(now)), None)
    if hold is not None:
        return Wait(min((at for at in (hold.ends, boundary) if at is not None), default=None))
    end = start_of_day(anchor + timedelta(days=terms.playbook.ends.day), terms.zone)
    if end <= now:
        return Decide(Ended(outcome=terms.playbook.ends.outcome, at=max(end, state.since)))
    return _next_step(terms, state, now, min(boundary or end, end))


def settle(terms: Terms, state: JourneyState, now: datetime) -> tuple[JourneyState, list[Event], Move]:
    """Take every move that needs nobody else; returns the state, the events taken, and the move that remains."""
    events: list[Event] = []
    while isinstance(move := plan(terms, state, now), Decide):
        events.append(move.event)
        state = apply(state, move.event)
    return state, events, move


def settled_outcome(terms: Terms, state: JourneyState, today: date) -> Outcome | None:
    """`paid` at a balance of zero, `cured` when nothing that the playbook treats is due any more, else none."""
    standing = state.standing
    if standing.balance <= 0 or standing.oldest_due is None:
        return "paid"
    day = (today - standing.oldest_due).days
    was_past_due = state.stage not in (None, "preventive")
    below = standing.balance < terms.playbook.minimum_balance
    if below or day < terms.playbook.first_day or (was_past_due and day <= 0):
        return "cured"
    return None


def entry(playbook: Playbook, zone: str, oldest_due: date) -> datetime:
    """When an account with this oldest unpaid due date enters the playbook: the start of the day, UTC."""
    return start_of_day(oldest_due + timedelta(days=playbook.first_day), zone)


def status(state: JourneyState, now: datetime) -> Status:
    """The journey's status as clients see it. A pause by people shows before an agreement; a dispute is a pause."""
    if state.outcome is not None:
        return "closed"
    kinds = {held_by(hold) for hold in state.standing.holds if hold.covers(now)}
    if "pause" in kinds or "dispute" in kinds:
        return "paused"
    if "plan" in kinds:
        return "plan"
    return "promise" if kinds else "active"


def at_its_time(terms: Terms, step: Step, day: date) -> datetime:
    """When a step is performed that falls on this local date, or on the next open one after it (UTC)."""
    spread = "" if step.at is not None else f"{terms.journey_id}:{step.key}"
    return _instant(terms.hours, day, step.at, spread)  # pyright: ignore[reportArgumentType] - frozen models hash


def next_stage(terms: Terms, state: JourneyState) -> tuple[Stage, datetime] | None:
    """The stage that time alone brings next, and when; none after the last or when over."""
    if state.outcome is not None or state.standing.oldest_due is None:
        return None
    following = terms.playbook.stage_after(state.stage)
    at = _boundary(terms, state.stage, state.standing.oldest_due)
    return (following, at) if following is not None and at is not None else None


def _anchor(state: JourneyState) -> date:
    assert state.standing.oldest_due is not None
    return state.standing.oldest_due


def _stage_change(terms: Terms, state: JourneyState, anchor: date, day: int, now: datetime) -> StageEntered | None:
    """The stage to enter now: one at a time when time moves it forward, at once where the first or a fact says so."""
    target = terms.playbook.stage_on(day)
    if target is None or target == state.stage:
        return None
    following = terms.playbook.stage_after(state.stage)
    forward = state.stage is not None and following is not None and terms.playbook.from_day(following) <= day
    stage = following if forward and following is not None else target
    boundary = start_of_day(anchor + timedelta(days=terms.playbook.from_day(stage)), terms.zone)
    by_time = state.stage is not None and state.since <= boundary <= now
    return StageEntered(stage=stage, at=boundary if by_time else state.since)


def _boundary(terms: Terms, stage: Stage | None, anchor: date) -> datetime | None:
    following = terms.playbook.stage_after(stage)
    if following is None:
        return None
    return start_of_day(anchor + timedelta(days=terms.playbook.from_day(following)), terms.zone)


def _pending(terms: Terms, state: JourneyState, anchor: date) -> list[tuple[datetime, str, Stage, Step]]:
    """The steps that are not done, as (due, occurrence, stage, step) in the order in which they fall due."""
    return sorted(
        (
            (at_its_time(terms, step, anchor + timedelta(days=step.day)), name, stage.stage, step)
            for stage in terms.playbook.stages
            for step in stage.steps
            if (name := occurrence(step.key, anchor, state.standing.again)) not in state.done
        ),
        key=lambda entry: entry[:2],
    )


def _next_step(terms: Terms, state: JourneyState, now: datetime, limit: datetime) -> Move:
    """The first step that is not done: due, to be skipped, or waited for, but not past `limit` (next stage or end)."""
    anchor, today = _anchor(state), local_date(now, terms.zone)
    pending = _pending(terms, state, anchor)
    for position, (planned, name, stage, step) in enumerate(pending):
        deferral = state.deferral if state.deferral and state.deferral.occurrence == name else None
        due = deferral.until if deferral else planned
        following = pending[position + 1][0] if position + 1 < len(pending) else None
        reason: SkipReason | None = None
        if terms.playbook.from_day(stage) < terms.playbook.from_day(_entered(state)):
            reason = "stage_over"
        elif local_date(due, terms.zone) < today:
            reason = "day_passed"
        elif deferral is not None and following is not None and following <= due:
            reason = "overtaken"
        elif stage != state.stage or due > now:
            # The next stage is entered at its own start, or with its first step where that comes the same day.
            together = stage != state.stage and local_date(due, terms.zone) == local_date(limit, terms.zone)
            return Wait(due if together else min(due, limit), step.key, due)
        elif step.when is not None and state.standing.balance < step.when.balance_at_least:
            reason = "condition"
        if reason is None:
            return Contact(step=step, stage=stage, occurrence=name, due=due)
        return Decide(StepSkipped(step=step.key, occurrence=name, reason=reason))
    return Wait(limit)


def _entered(state: JourneyState) -> Stage:
    assert state.stage is not None
    return state.stage


@lru_cache(maxsize=65_536)
def _instant(hours: ContactHours, day: date, at: time | None, spread: str) -> datetime:
    try:
        first = hours.next_open_day(day)
    except SendaError:  # no contact hours at all: the policy will say why
        return start_of_day(day, hours.zone)
    if at is None:
        window = hours.opens_on(first)
        assert window is not None
        opens, closes = window
        slots = max(1, (closes - opens) // SPREAD)
        digest = hashlib.sha256(spread.encode()).digest()
        return opens + SPREAD * (int.from_bytes(digest[:4], "big") % slots)
    for ahead in range(DAYS_TRIED):
        candidate = first + timedelta(days=ahead)
        window, instant = hours.opens_on(candidate), local_instant(candidate, at, hours.zone)
        if window is not None and window[0] <= instant < window[1]:
            return instant
    return local_instant(first, at, hours.zone)
