"""Stages: each is entered once, in order and unseen by none, at its own instant or with its first step."""

from datetime import date, datetime, timedelta

import pytest

from journey.events import Ended, StageEntered
from journey.planning import Contact, Wait, entry, next_stage, plan, settle
from journey.playbook import Stage, parse_playbook
from tests.journey.cases import ALWAYS, DUE, STANDARD, book, local, standing, started, step, terms, within
from tests.journey.simulator import simulate

START = local("2026-02-25 00:00")


def test_an_account_enters_on_the_first_day_of_the_playbook() -> None:
    assert entry(STANDARD, "America/Bogota", DUE) == local("2026-02-25 00:00")


def test_the_first_stage_is_entered_at_once() -> None:
    state, events, move = settle(terms(), started(START), START)

    assert events == [StageEntered(stage="preventive", at=START)]
    assert state.stage == "preventive"
    assert move == Wait(local("2026-02-27 09:00"), "recordatorio", local("2026-02-27 09:00"))


def test_stages_are_entered_in_order_at_the_start_of_their_days() -> None:
    run = simulate(terms(), started(START), START)

    assert [(entered.stage, entered.at) for entered in run.stages] == [
        ("preventive", START),
        ("administrative", local("2026-03-03 00:00")),
        ("prejuridical", local("2026-05-02 00:00")),
    ]


def test_a_stage_whose_first_step_comes_the_same_day_is_entered_with_it() -> None:
    # One waking instead of two; the record still says when the stage began.
    run = simulate(terms(), started(START), START)

    decided = {entry.stage: at for at, entry in run.log if isinstance(entry, StageEntered)}
    assert decided["administrative"] == local("2026-03-03 09:00")
    assert decided["prejuridical"] == local("2026-05-02 09:00")


def test_a_stage_whose_first_step_comes_later_is_entered_at_its_own_start() -> None:
    playbook = book(step("recordatorio", -3, "09:00"), step("aviso", 2, "09:00"))

    run = simulate(terms(playbook), started(START), START)

    decided = {entry.stage: at for at, entry in run.log if isinstance(entry, StageEntered)}
    assert decided["administrative"] == local("2026-03-03 00:00")
    assert decided["prejuridical"] == local("2026-05-02 00:00")


def test_a_stage_whose_first_day_is_closed_is_entered_on_that_day_all_the_same() -> None:
    due = date(2026, 3, 7)  # day 1 is a Sunday, the step moves to Monday
    playbook = book(step("aviso", 1, "09:00"))
    start = local("2026-03-03 00:00")

    run = simulate(terms(playbook), started(start, due=due), start)

    decided = {entry.stage: at for at, entry in run.log if isinstance(entry, StageEntered)}
    assert decided["administrative"] == local("2026-03-08 00:00")
    assert run.contacts[0][0] == local("2026-03-09 09:00")


def test_a_step_that_a_closed_day_moves_into_the_next_stage_is_skipped() -> None:
    due = date(2026, 3, 4)  # day 60 is Sunday 3 May, day 61 Monday 4 May
    playbook = book(step("ultimo", 60, "09:00"), step("carta", 61, "10:00"))
    start = local("2026-04-01 00:00")

    run = simulate(terms(playbook), within("administrative", start, due=due), start)

    assert [(skip.step, skip.reason) for skip in run.skipped] == [("ultimo", "stage_over")]
    assert [contact.step.key for _, contact in run.contacts] == ["carta"]


def test_no_stage_is_skipped_unseen_when_the_worker_was_away() -> None:
    now = local("2026-05-20 12:00")

    state, events, _ = settle(terms(), within("preventive", START), now)

    entered = [event for event in events if isinstance(event, StageEntered)]
    assert [(event.stage, event.at) for event in entered] == [
        ("administrative", local("2026-03-03 00:00")),
        ("prejuridical", local("2026-05-02 00:00")),
    ]
    assert state.stage == "prejuridical"


def test_a_journey_that_starts_late_starts_in_the_stage_of_its_day() -> None:
    now = local("2026-05-20 12:00")

    _, events, _ = settle(terms(), started(now), now)

    assert [event for event in events if isinstance(event, StageEntered)] == [
        StageEntered(stage="prejuridical", at=now)
    ]


def test_a_journey_that_starts_within_the_preventive_days_starts_there() -> None:
    now = local("2026-03-01 12:00")

    state, _, move = settle(terms(), started(now), now)

    assert state.stage == "preventive"
    assert state.done == (f"recordatorio@{DUE}",)
    assert move == Wait(local("2026-03-03 09:00"), "aviso-amable", local("2026-03-03 09:00"))


@pytest.mark.parametrize(
    ("due", "stage"),
    [
        (date(2026, 4, 30), "administrative"),  # 20 days past due on 20 May
        (date(2026, 3, 20), "prejuridical"),  # 61 days
        (date(2026, 3, 21), "administrative"),  # 60 days
    ],
)
def test_a_payment_moves_the_stage_to_that_of_the_oldest_due_that_remains(due: date, stage: Stage) -> None:
    paid = local("2026-05-20 12:00")
    state = within("prejuridical", local("2026-05-02 00:00"))
    heard = state.model_copy(update={"standing": standing(paid, seq=1, due=due), "since": paid})

    settled, events, _ = settle(terms(), heard, paid)

    assert settled.stage == stage
    moved = [event for event in events if isinstance(event, StageEntered)]
    assert moved == ([] if stage == "prejuridical" else [StageEntered(stage=stage, at=paid)])


def test_a_reversal_moves_the_journey_on_through_every_stage_at_once() -> None:
    back = local("2026-05-20 12:00")
    state = within("preventive", local("2026-05-18 00:00"), due=date(2026, 5, 22))
    heard = state.model_copy(update={"standing": standing(back, seq=1, due=DUE), "since": back})

    settled, events, _ = settle(terms(), heard, back)

    assert [event for event in events if isinstance(event, StageEntered)] == [
        StageEntered(stage="administrative", at=back),
        StageEntered(stage="prejuridical", at=back),
    ]
    assert settled.stage == "prejuridical"


def test_when_the_oldest_due_is_paid_the_steps_count_from_the_next_one() -> None:
    paid = local("2026-03-20 12:00")  # day 18 of the first due, day 3 of the second
    second = date(2026, 3, 17)
    done = tuple(f"{key}@{DUE}" for key in ("recordatorio", "aviso-amable", "aviso-5", "aviso-10", "alternativas-18"))
    state = within("administrative", START, done)

    run = simulate(
        terms(), state, local("2026-03-20 11:30"), facts=[standing(paid, seq=1, due=second, balance="90000")]
    )

    assert run.stages[:1] != [StageEntered(stage="administrative", at=paid)], "the stage has not changed"
    assert {skip.occurrence: skip.reason for skip in run.skipped} == {
        f"recordatorio@{second}": "stage_over",
        f"aviso-amable@{second}": "day_passed",
    }
    first, *_ = run.contacts
    assert (first[0], first[1].occurrence) == (local("2026-03-24 10:30"), f"aviso-5@{second}")  # the 23rd is a holiday
    assert run.log[-1][0] == local("2026-07-15 00:00"), "the timeline's end moves along"


def test_an_older_due_date_that_comes_back_brings_no_step_a_second_time() -> None:
    second = DUE + timedelta(days=7)
    facts = [
        standing(local("2026-03-12 15:00"), seq=1, due=second),
        standing(local("2026-03-13 15:00"), seq=2, due=DUE),
    ]

    run = simulate(terms(), started(START), START, facts=facts)

    names = [contact.occurrence for _, contact in run.contacts]
    assert len(set(names)) == len(names)
    assert f"aviso-10@{DUE}" in names


def test_the_next_stage_is_known_with_its_day() -> None:
    assert next_stage(terms(), within("administrative", START)) == ("prejuridical", local("2026-05-02 00:00"))
    assert next_stage(terms(), within("prejuridical", START)) is None
    over = within("administrative", START).model_copy(update={"outcome": "paid"})
    assert next_stage(terms(), over) is None


def test_a_playbook_of_one_stage_runs_to_its_end() -> None:
    playbook = parse_playbook(
        {
            "key": "uno",
            "stages": [{"stage": "administrative", "from_day": 1, "steps": [step("aviso", 2, "09:00")]}],
            "ends": {"day": 5, "outcome": "written_off"},
        }
    )
    start = local("2026-03-03 00:00")

    run = simulate(terms(playbook, ALWAYS), started(start), start)

    assert [type(entry) for _, entry in run.log] == [StageEntered, Contact, Ended]
    assert run.outcome == "written_off"


def test_the_same_day_counts_in_the_debtors_zone() -> None:
    # Half past midnight in Bogotá is the same UTC day as 19:30 of the day before there.
    playbook = book(step("aviso", 5, "09:00"))
    state = within("preventive", START)

    def stage(at: datetime) -> Stage | None:
        return settle(terms(playbook), state, at)[0].stage

    assert stage(local("2026-03-02 23:59")) == "preventive"
    assert stage(local("2026-03-03 00:00")) == "administrative"


def test_the_plan_does_not_change_with_how_often_it_is_asked() -> None:
    now = local("2026-03-04 12:00")
    state, _, move = settle(terms(), within("preventive", START), now)

    assert plan(terms(), state, now) == move
    assert plan(terms(), state, now + timedelta(hours=5)) == move
