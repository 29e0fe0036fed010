"""What holds for every playbook and every course of events."""

from collections import Counter
from datetime import datetime, timedelta
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from journey.events import SkipReason, apply
from journey.planning import Contact, Decide, Finished, Wait, entry, plan, settle
from journey.playbook import STAGES, Playbook
from journey.state import Hold, Standing, Terms
from policy import ContactHours, local_date
from tests.journey.cases import (
    ALWAYS,
    NEVER,
    QUARTER,
    ZONE,
    all_steps,
    balances,
    colombia,
    days,
    holds,
    instants,
    local,
    playbooks,
    standing,
    started,
    states,
    terms,
)
from tests.journey.simulator import Run, simulate

MANY = settings(max_examples=100, deadline=None)
REASONS = get_args(SkipReason)
some_hours = st.sampled_from([colombia(), colombia(), ALWAYS, NEVER])


@MANY
@given(playbooks(), some_hours, instants, st.data())
def test_settle_comes_to_an_end_and_what_it_leaves_is_the_plan(
    playbook: Playbook, hours: ContactHours, now: datetime, data: st.DataObject
) -> None:
    mine = terms(playbook, hours)
    state = data.draw(states(playbook, now))
    most = len(all_steps(playbook)) + len(STAGES) + 1

    decided = 0
    while isinstance(move := plan(mine, state, now), Decide):
        after = apply(state, move.event)
        assert after != state, "a decision that changes nothing would be taken for ever"
        decided, state = decided + 1, after
        assert decided <= most

    assert settle(mine, state, now) == (state, [], move)


@MANY
@given(playbooks(), some_hours, instants, st.data())
def test_a_move_keeps_its_promises(playbook: Playbook, hours: ContactHours, now: datetime, data: st.DataObject) -> None:
    mine = terms(playbook, hours)
    state, _, move = settle(mine, data.draw(states(playbook, now)), now)
    last = state.standing

    match move:
        case Contact(step=step, stage=stage, occurrence=name, due=due):
            assert last.oldest_due is not None
            assert name == f"{step.key}@{last.oldest_due}"
            assert name not in state.done
            assert last.balance > 0
            assert last.balance >= playbook.minimum_balance
            assert step.when is None or last.balance >= step.when.balance_at_least
            assert not any(hold.covers(now) for hold in last.holds)
            assert stage == state.stage
            assert due <= now
            assert local_date(due, ZONE) == local_date(now, ZONE), "never on a later day than planned"
        case Wait(until=until):
            assert until is None or until > now
        case Finished(outcome=outcome):
            assert outcome == state.outcome
        case Decide():
            raise AssertionError("settle leaves nothing to decide")


@st.composite
def courses(draw: st.DrawFn) -> tuple[Terms, Run, list[Standing]]:
    """A journey of a random playbook with random facts, refusals and late wakings, run to its end."""
    mine = terms(draw(playbooks()), draw(some_hours))
    due = draw(days)
    at = entry(mine.playbook, ZONE, due) + draw(st.sampled_from([0, 0, 0, 96 * 3, 96 * 20])) * QUARTER
    start = started(at, due=due)
    facts: list[Standing] = []
    for seq in range(1, draw(st.sampled_from([0, 0, 1, 2, 3])) + 1):
        at += draw(st.integers(0, 96 * 20)) * QUARTER
        balance, due, held = draw(balances), draw(st.one_of(st.just(due), days)), draw(st.lists(holds(), max_size=1))
        facts.append(standing(at, seq=seq, balance=balance, due=due, holds=tuple(held)))
    put_offs = draw(st.lists(st.one_of(st.just(0), st.integers(1, 96 * 6)), max_size=12))
    delays = draw(st.lists(st.one_of(st.just(0), st.integers(1, 96 * 10)), max_size=4))

    def answer(_contact: Contact, _now: datetime) -> timedelta | None:
        return (put_offs.pop() if put_offs else 0) * QUARTER or None

    def late() -> timedelta:
        return (delays.pop() if delays else 0) * QUARTER

    return mine, simulate(mine, start, start.since, facts=facts, answer=answer, late=late), facts


@MANY
@given(courses())
def test_a_step_is_contacted_at_most_once_for_each_due_date_and_never_before_its_day(
    course: tuple[Terms, Run, list[Standing]],
) -> None:
    _, run, _ = course
    names = [contact.occurrence for _, contact in run.contacts]

    assert len(set(names)) == len(names)
    for at, contact in run.contacts:
        key, anchor = contact.occurrence.split("@")
        assert key == contact.step.key
        day = datetime.fromisoformat(anchor).date() + timedelta(days=contact.step.day)
        assert local_date(at, ZONE) >= day


@MANY
@given(courses())
def test_a_step_is_either_contacted_or_skipped_and_not_both(course: tuple[Terms, Run, list[Standing]]) -> None:
    _, run, _ = course
    contacted = {contact.occurrence for _, contact in run.contacts}
    skipped = [skip.occurrence for skip in run.skipped]

    assert len(set(skipped)) == len(skipped)
    assert not contacted & set(skipped)


@MANY
@given(courses())
def test_every_journey_ends_unless_a_hold_has_no_end(course: tuple[Terms, Run, list[Standing]]) -> None:
    _, run, _ = course

    endless = any(hold.ends is None for hold in run.states[-1].standing.holds)
    assert run.outcome is not None or endless


@MANY
@given(playbooks(), some_hours, days, instants, st.lists(st.integers(0, 96 * 30), max_size=4))
def test_without_facts_the_stages_follow_each_other_and_none_is_left_out(
    playbook: Playbook, hours: ContactHours, due: object, now: datetime, delays: list[int]
) -> None:
    def late() -> timedelta:
        return (delays.pop() if delays else 0) * QUARTER

    run = simulate(terms(playbook, hours), started(now, due=due), now, late=late)

    names = [plan.stage for plan in playbook.stages]
    entered = [event.stage for event in run.stages]
    assert entered == names[names.index(entered[0]) :][: len(entered)] if entered else run.outcome is not None
    assert [event.at for event in run.stages] == sorted(event.at for event in run.stages)
    if run.outcome == "referred" and entered:
        assert entered[-1] == names[-1]


@MANY
@given(playbooks(), days, st.lists(instants, min_size=1, max_size=6))
def test_waking_for_no_reason_changes_nothing(playbook: Playbook, due: object, wakings: list[datetime]) -> None:
    # A sleeper wakes at least every 30 days, and the record is asked at any time: both must plan the same.
    start = local("2026-01-20 00:00")
    facts = [started(start, due=due).standing.model_copy(update={"at": at}) for at in sorted(wakings)]

    woken = simulate(terms(playbook), started(start, due=due), start, facts=facts)
    asleep = simulate(terms(playbook), started(start, due=due), start)

    assert [(at, c.occurrence) for at, c in woken.contacts] == [(at, c.occurrence) for at, c in asleep.contacts]
    assert [(event.stage, event.at) for event in woken.stages] == [(e.stage, e.at) for e in asleep.stages]
    assert {(s.occurrence, s.reason) for s in woken.skipped} == {(s.occurrence, s.reason) for s in asleep.skipped}
    assert woken.outcome == asleep.outcome


@MANY
@given(playbooks(), days, instants)
def test_no_step_of_a_held_account_is_contacted(playbook: Playbook, due: object, now: datetime) -> None:
    hold = Hold(id="p", starts=now)

    run = simulate(terms(playbook), started(now, due=due, holds=(hold,)), now)

    assert run.contacts == []


def test_the_random_courses_reach_what_the_properties_speak_of() -> None:
    # Otherwise they could hold for want of cases.
    found: Counter[str] = Counter()

    @settings(MANY, max_examples=200, derandomize=True)
    @given(courses())
    def look(course: tuple[Terms, Run, list[Standing]]) -> None:
        _, run, _ = course
        found.update({f"{len(run.stages)} stages", str(run.outcome)})
        found.update({"contacts"} if run.contacts else ())
        found.update({skip.reason for skip in run.skipped})

    look()
    expected = {"contacts", "1 stages", "2 stages", "3 stages", "paid", "cured", "referred", *REASONS}
    assert expected <= set(found)
