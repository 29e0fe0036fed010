"""A step whose message came back is tried again under a new name: never one that was used, never two at once."""

from collections import Counter
from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from journey.events import StandingChanged, apply
from journey.planning import Contact, entry, settle
from journey.playbook import Playbook
from journey.state import Standing, occurrence
from tests.journey.cases import DUE, QUARTER, ZONE, all_steps, days, instants, local, playbooks, started, states, terms
from tests.journey.simulator import simulate
from tests.journey.test_properties import MANY

NAMES = st.lists(
    st.builds(
        lambda step, day, attempt: f"{step}@{day}" + (f"~{attempt}" if attempt > 1 else ""),
        st.sampled_from(["aviso", "aviso-1"]),
        days,
        st.integers(1, 5),
    ),
    max_size=12,
)
"""Names of tries that came back, likely or not."""


@given(st.integers(0, 30), days)
def test_each_try_has_a_name_of_its_own(tries: int, day: date) -> None:
    names: list[str] = []
    for _ in range(tries):
        names.append(occurrence("aviso", day, names))
    assert names == [f"aviso@{day}" + (f"~{number}" if number > 1 else "") for number in range(1, tries + 1)]


@given(NAMES, days)
def test_the_name_is_never_one_that_came_back(again: list[str], day: date) -> None:
    assert occurrence("aviso", day, again) not in again


@given(NAMES, days, st.randoms(use_true_random=False))
def test_the_name_hangs_on_what_came_back_and_not_on_its_order(again: list[str], day: date, chance: object) -> None:
    shuffled = list(again)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert occurrence("aviso", day, again) == occurrence("aviso", day, [*shuffled, *again])


@given(NAMES, days)
def test_another_step_or_due_date_changes_nothing_of_it(again: list[str], day: date) -> None:
    others = [name for name in again if not name.startswith(f"aviso@{day}")]
    assert occurrence("aviso", day, others) == f"aviso@{day}"


@MANY
@given(playbooks(), instants, NAMES, st.data())
def test_a_step_has_at_most_one_open_name(
    playbook: Playbook, now: datetime, again: list[str], data: st.DataObject
) -> None:
    """Whatever came back: what the plan asks for is the step's one name that has not come back."""
    mine = terms(playbook)
    state = data.draw(states(playbook, now))
    steps = all_steps(playbook)
    back = [name for key in steps for name in (f"{key}@{state.standing.oldest_due}",) if data.draw(st.booleans())]
    standing = state.standing.model_copy(update={"again": (*again, *back)})
    state, _, move = settle(mine, state.model_copy(update={"standing": standing}), now)
    named = Counter(state.done)
    assert set(named.values()) <= {1}
    if isinstance(move, Contact):
        assert state.standing.oldest_due is not None
        assert move.occurrence == occurrence(move.step.key, state.standing.oldest_due, standing.again)
        assert move.occurrence not in (*standing.again, *state.done)


@st.composite
def returns(draw: st.DrawFn) -> tuple[Playbook, list[tuple[int, timedelta]]]:
    """A playbook, and which of its contacts come back, each some time after it left."""
    late = st.integers(0, 96).map(lambda quarters: quarters * QUARTER)
    return draw(playbooks()), draw(st.lists(st.tuples(st.integers(0, 8), late), max_size=5))


@MANY
@given(returns())
def test_each_contact_that_comes_back_leads_to_at_most_one_more(
    case: tuple[Playbook, list[tuple[int, timedelta]]],
) -> None:
    playbook, bounces = case
    mine = terms(playbook)
    start = started(entry(playbook, ZONE, DUE), due=DUE)
    facts: list[Standing] = []
    for number, late in bounces:
        contacts = simulate(mine, start, start.since, facts=facts).contacts
        if number >= len(contacts):
            continue
        at, contact = contacts[number]
        last = facts[-1] if facts else start.standing
        if contact.occurrence in last.again or at + late < last.at:
            continue
        facts.append(
            last.model_copy(update={"seq": last.seq + 1, "at": at + late, "again": (*last.again, contact.occurrence)})
        )
    run = simulate(mine, start, start.since, facts=facts)
    names = [contact.occurrence for _, contact in run.contacts]
    assert len(set(names)) == len(names)
    again = facts[-1].again if facts else ()
    for name in names:
        first, _, attempt = name.partition("~")
        earlier = first if attempt in ("", "2") else f"{first}~{int(attempt) - 1}"
        assert not attempt or earlier in again
    assert len(names) <= len({name.partition("~")[0] for name in names}) + len(again)


def test_what_came_back_travels_in_the_state_and_costs_nothing_where_nothing_did() -> None:
    quiet = started(local("2026-03-03 09:00"))
    assert "again" not in quiet.model_dump_json()
    back = quiet.standing.model_copy(update={"seq": 1, "again": (f"aviso@{DUE}",)})
    state = apply(quiet, StandingChanged(standing=back))
    assert type(state).model_validate_json(state.model_dump_json()) == state


def test_a_message_that_came_back_the_same_day_is_tried_again_at_once() -> None:
    playbook = terms().playbook
    mine = terms(playbook)
    start = started(entry(playbook, ZONE, DUE), due=DUE)
    at, contact = simulate(mine, start, start.since).contacts[0]
    back = start.standing.model_copy(update={"seq": 1, "at": at + QUARTER, "again": (contact.occurrence,)})
    run = simulate(mine, start, start.since, facts=[back])
    assert [each.occurrence for _, each in run.contacts][:2] == [contact.occurrence, f"{contact.occurrence}~2"]
