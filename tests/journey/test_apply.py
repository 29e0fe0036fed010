"""`apply`: what a journey knows after an event."""

from datetime import datetime, timedelta
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from journey.events import Ended, Event, StageEntered, StandingChanged, StepDeferred, StepDone, StepSkipped, apply
from journey.state import Hold, JourneyState, Standing
from tests.journey.cases import DUE, STANDARD, all_steps, holds, instants, local, standing, started, states

NOW = local("2026-03-10 08:00")
NAMES = [f"{key}@{DUE}" for key in all_steps(STANDARD)]


def told(seq: int, at: datetime, hold: Hold) -> StandingChanged:
    return StandingChanged(standing=standing(at, seq=seq, holds=(hold,)))


events: st.SearchStrategy[Event] = st.one_of(
    st.builds(told, st.integers(0, 12), instants, holds()),
    st.builds(StageEntered, stage=st.sampled_from(["preventive", "administrative", "prejuridical"]), at=instants),
    st.builds(
        StepSkipped,
        step=st.just("aviso-5"),
        occurrence=st.sampled_from(NAMES),
        reason=st.sampled_from(["day_passed", "overtaken"]),
    ),
    st.builds(StepDone, occurrence=st.sampled_from(NAMES)),
    st.builds(StepDeferred, occurrence=st.sampled_from(NAMES), until=instants),
    st.builds(Ended, outcome=st.sampled_from(["paid", "referred"]), at=instants),
)


@settings(max_examples=120, deadline=None)
@given(states(STANDARD, NOW), events)
def test_an_event_heard_twice_changes_nothing_more(state: JourneyState, event: Event) -> None:
    once = apply(state, event)

    assert apply(once, event) == once


@settings(max_examples=120, deadline=None)
@given(states(STANDARD, NOW), st.lists(events, max_size=8))
def test_what_is_done_stays_done_and_an_end_stays_the_end(state: JourneyState, happened: list[Event]) -> None:
    for event in happened:
        after = apply(state, event)

        assert set(state.done) <= set(after.done)
        assert len(set(after.done)) == len(after.done)
        assert state.outcome in (None, after.outcome)
        assert after.standing.seq >= state.standing.seq
        assert after.since >= state.since
        assert after.deferral is None or after.deferral.occurrence not in after.done or after.deferral == state.deferral
        state = after


@settings(max_examples=100, deadline=None)
@given(st.permutations(range(1, 7)), st.data())
def test_standings_may_come_in_any_order_and_more_than_once(order: list[int], data: st.DataObject) -> None:
    said = [standing(NOW + timedelta(hours=seq), seq=seq, balance=str(1000 * seq)) for seq in range(7)]
    said[6] = said[6].model_copy(update={"outcome": data.draw(st.sampled_from([None, "withdrawn"]))})
    repeated = data.draw(st.lists(st.sampled_from(order), max_size=4))
    state = started(NOW)

    for seq in [*order, *repeated]:
        state = apply(state, StandingChanged(standing=said[seq]))

    in_order = started(NOW)
    for one in said[1:]:
        in_order = apply(in_order, StandingChanged(standing=one))
    assert state == in_order
    assert state.standing == said[6]


def test_an_older_standing_is_not_heard() -> None:
    state = started(NOW, seq=3, balance="500")

    assert apply(state, StandingChanged(standing=standing(NOW, seq=2, balance="900"))) is state


def test_a_fact_moves_the_journeys_time_forward_and_never_back() -> None:
    state = started(NOW)
    later, earlier = NOW + timedelta(hours=2), NOW - timedelta(hours=2)

    assert apply(state, StandingChanged(standing=standing(later, seq=1))).since == later
    assert apply(state, StandingChanged(standing=standing(earlier, seq=1))).since == NOW


def test_an_outcome_that_people_order_ends_the_journey() -> None:
    ordered = Standing.model_validate({**standing(NOW, seq=1).model_dump(), "outcome": "withdrawn"})

    assert apply(started(NOW), StandingChanged(standing=ordered)).outcome == "withdrawn"


def test_a_step_that_is_done_is_no_longer_deferred() -> None:
    name = NAMES[0]
    until = NOW + timedelta(hours=1)
    put_off = apply(started(NOW), StepDeferred(occurrence=name, until=until))

    for end in (StepDone(occurrence=name), StepSkipped(step="recordatorio", occurrence=name, reason="overtaken")):
        ended = apply(put_off, end)
        assert ended.deferral is None
        assert apply(ended, StepDeferred(occurrence=name, until=until)) == ended


def test_done_and_deferred_of_different_steps_do_not_depend_on_their_order() -> None:
    happened: list[Event] = [
        StepDone(occurrence=NAMES[0]),
        StepDeferred(occurrence=NAMES[1], until=NOW),
        StageEntered(stage="administrative", at=NOW),
    ]
    results: list[JourneyState] = []
    for order in permutations(happened):
        state = started(NOW)
        for event in order:
            state = apply(state, event)
        results.append(state)

    assert all(state == results[0] for state in results)
