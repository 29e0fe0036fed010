"""When a step is due, when it is skipped and why, and when it is put off."""

from datetime import datetime, timedelta

import pytest

from journey.events import StepDeferred, StepSkipped, apply
from journey.planning import Contact, Move, Wait, plan, settle
from journey.state import JourneyState, Terms
from tests.journey.cases import (
    ALWAYS,
    DUE,
    NEVER,
    STANDARD,
    Playbook,
    book,
    local,
    standing,
    started,
    step,
    terms,
    within,
)
from tests.journey.simulator import simulate

START, DAY_1 = local("2026-02-25 00:00"), local("2026-03-03 00:00")


def planned(playbook: Playbook, **hours: object) -> dict[str, datetime]:
    """When each step of a run without facts is contacted."""
    run = simulate(terms(playbook, **hours), started(START), START)  # type: ignore[arg-type]
    return {contact.step.key: at for at, contact in run.contacts}


def skips(terms_: Terms, state: JourneyState, now: datetime) -> tuple[dict[str, str], Move]:
    """The steps skipped at once, with their reasons, and the move that remains."""
    _, events, move = settle(terms_, state, now)
    return {event.step: event.reason for event in events if isinstance(event, StepSkipped)}, move


def test_the_standard_playbook_falls_due_to_the_minute() -> None:
    assert planned(STANDARD) == {
        "recordatorio": local("2026-02-27 09:00"),
        "aviso-amable": local("2026-03-03 09:00"),
        "aviso-5": local("2026-03-07 10:30"),  # a Saturday, which is open until 15:00
        "aviso-10": local("2026-03-12 09:30"),
        "alternativas-18": local("2026-03-20 11:00"),
        "aviso-27": local("2026-03-30 09:00"),  # day 27 is a Sunday
        "aviso-40": local("2026-04-11 11:00"),  # at a time that the account's own name gives
        "ultimo-aviso": local("2026-04-25 10:00"),
        "carta-prejuridica": local("2026-05-02 09:00"),
        "propuesta-75": local("2026-05-16 10:00"),
        "segunda-carta": local("2026-06-01 09:00"),  # day 90 is a Sunday
        "aviso-final": local("2026-06-18 09:30"),
    }


def test_the_standard_playbook_ends_at_the_start_of_day_120() -> None:
    run = simulate(terms(), started(START), START)

    assert run.outcome == "referred"
    assert run.log[-1][0] == local("2026-06-30 00:00")
    assert run.skipped == []


@pytest.mark.parametrize(
    ("day", "at", "expected"),
    [
        (6, "10:00", "2026-03-09 10:00"),  # a Sunday: the Monday after
        (21, "10:00", "2026-03-24 10:00"),  # a Monday that is a holiday: the Tuesday after
        (31, "08:00", "2026-04-04 08:00"),  # Holy Thursday, then Friday: the Saturday after
        (5, "16:00", "2026-03-09 16:00"),  # a Saturday closed by 15:00: the next day that has that time
        (5, "15:00", "2026-03-09 15:00"),  # the closing hour itself is outside
        (5, "14:59", "2026-03-07 14:59"),
        (5, "08:00", "2026-03-07 08:00"),
        (5, "07:59", "2026-03-09 07:59"),
        (1, "19:00", "2026-03-03 19:00"),  # no day has that time: its own day, the policy will answer
    ],
)
def test_a_step_moves_to_the_next_day_that_is_open_at_its_time(day: int, at: str, expected: str) -> None:
    assert planned(book(step("aviso", day, at)))["aviso"] == local(expected)


def test_a_step_without_a_time_falls_within_the_hours_of_its_day() -> None:
    found = planned(book(*(step(f"aviso-{day}", day) for day in range(1, 28))))

    for key, at in found.items():
        day = DUE + timedelta(days=int(key.removeprefix("aviso-")))
        opens, closes = terms().hours.opens_on(terms().hours.next_open_day(day)) or (at, at)
        assert opens <= at < closes
    assert len({at.time() for at in found.values()}) > 5, "the accounts' contacts spread over the day"


def test_the_time_of_a_step_differs_between_accounts_and_stays_the_same_for_one() -> None:
    playbook = book(step("aviso", 1))
    times: set[datetime] = set()
    for number in range(40):
        mine = terms(playbook).model_copy(update={"account": f"A-{number}"})
        moves = [plan(mine, within("administrative", DAY_1), DAY_1) for _ in range(2)]
        assert moves[0] == moves[1]
        assert isinstance(moves[0], Wait)
        assert moves[0].due is not None
        times.add(moves[0].due)

    assert len(times) > 10


def test_where_no_time_is_ever_open_the_policy_is_asked_on_the_steps_own_day() -> None:
    assert planned(book(step("aviso", 1), step("otro", 3, "09:00")), hours=NEVER) == {
        "aviso": local("2026-03-03 00:00"),
        "otro": local("2026-03-05 00:00"),
    }


def test_a_contact_carries_its_step_stage_and_instant() -> None:
    now = local("2026-03-07 10:30")
    done = (f"recordatorio@{DUE}", f"aviso-amable@{DUE}")

    move = plan(terms(), within("administrative", START, done), now)

    assert isinstance(move, Contact)
    assert (move.step.key, move.stage, move.occurrence, move.due) == (
        "aviso-5",
        "administrative",
        f"aviso-5@{DUE}",
        now,
    )


def test_a_waiting_journey_names_its_next_step() -> None:
    move = plan(terms(), within("administrative", START, (f"recordatorio@{DUE}",)), local("2026-03-03 08:59"))

    due = local("2026-03-03 09:00")
    assert move == Wait(due, "aviso-amable", due)


def test_a_step_later_on_its_own_day_is_still_contacted() -> None:
    done = (f"recordatorio@{DUE}",)

    move = plan(terms(), within("administrative", START, done), local("2026-03-03 18:40"))

    assert isinstance(move, Contact)
    assert move.step.key == "aviso-amable"


def test_a_late_start_skips_what_has_passed_with_its_reason() -> None:
    now = local("2026-04-11 06:00")

    reasons, move = skips(terms(), started(now), now)

    assert reasons == {
        "recordatorio": "stage_over",
        "aviso-amable": "day_passed",
        "aviso-5": "day_passed",
        "aviso-10": "day_passed",
        "alternativas-18": "day_passed",
        "aviso-27": "day_passed",
    }
    assert isinstance(move, Wait)
    assert move.step == "aviso-40"


def test_a_condition_is_judged_when_the_step_falls_due() -> None:
    playbook = book(step("aviso", 1, "09:00", when={"balance_at_least": "50000"}), step("otro", 5, "09:00"))
    due = local("2026-03-03 09:00")

    for balance, reasons in {"49999.99": {"aviso": "condition"}, "50000": {}}.items():
        state = within("administrative", START, balance=balance)
        assert skips(terms(playbook), state, due - timedelta(minutes=1))[0] == {}
        assert skips(terms(playbook), state, due)[0] == reasons


def test_a_worker_that_was_down_across_two_stages_contacts_once_and_in_the_right_stage() -> None:
    up_again = local("2026-05-02 11:00")  # day 61, after the step of 09:00
    state = within("preventive", START, (f"recordatorio@{DUE}",))

    run = simulate(terms(), state, up_again)

    at, first = run.contacts[0]
    assert (at, first.step.key, first.stage) == (up_again, "carta-prejuridica", "prejuridical")
    assert run.contacts[1][0] == local("2026-05-16 10:00")
    assert [entry.stage for entry in run.stages] == ["administrative", "prejuridical"]
    assert {skip.reason for skip in run.skipped} == {"stage_over"}


# Put off by the policy.


def put_off(state: JourneyState, name: str, until: str) -> JourneyState:
    return apply(state, StepDeferred(occurrence=f"{name}@{DUE}", until=local(until)))


AVISO = within("administrative", START, (f"recordatorio@{DUE}", f"aviso-amable@{DUE}"))


def test_a_step_that_is_put_off_waits_until_then_even_on_another_day() -> None:
    state = put_off(AVISO, "aviso-5", "2026-03-09 07:00")

    waiting = plan(terms(), state, local("2026-03-07 10:31"))
    then = plan(terms(), state, local("2026-03-09 07:00"))

    assert waiting == Wait(local("2026-03-09 07:00"), "aviso-5", local("2026-03-09 07:00"))
    assert isinstance(then, Contact)
    assert then.step.key == "aviso-5"


@pytest.mark.parametrize("until", ["2026-03-12 09:30", "2026-03-13 07:00"])
def test_a_step_put_off_to_the_next_one_or_beyond_is_overtaken(until: str) -> None:
    reasons, move = skips(terms(), put_off(AVISO, "aviso-5", until), local("2026-03-07 10:31"))

    assert reasons == {"aviso-5": "overtaken"}
    assert isinstance(move, Wait)
    assert move.step == "aviso-10"


def test_a_step_put_off_beyond_its_stage_is_skipped_when_the_stage_is_over() -> None:
    playbook = book(step("ultimo", 60, "09:00"), step("carta", 70, "09:00"))
    state = apply(
        within("administrative", START),
        StepDeferred(occurrence=f"ultimo@{DUE}", until=local("2026-05-04 07:00")),
    )

    run = simulate(terms(playbook, ALWAYS), state, local("2026-05-01 09:00"))

    assert [(skip.step, skip.reason) for skip in run.skipped] == [("ultimo", "stage_over")]
    assert [contact.step.key for _, contact in run.contacts] == ["carta"]


def test_a_step_put_off_to_a_day_that_has_passed_is_not_sent_late() -> None:
    state = put_off(AVISO, "aviso-5", "2026-03-09 07:00")

    reasons, move = skips(terms(), state, local("2026-03-10 07:00"))

    assert reasons == {"aviso-5": "day_passed"}
    assert isinstance(move, Wait)
    assert move.step == "aviso-10"


def test_an_old_deferral_does_not_bring_a_step_back_after_a_reversal() -> None:
    # Put off under the first due date, which was then paid; weeks later the payment goes back.
    state = put_off(AVISO, "aviso-5", "2026-03-09 07:00")
    back = local("2026-04-08 12:00")
    paid = standing(local("2026-03-07 12:00"), seq=1, due=DUE + timedelta(days=10))

    run = simulate(
        terms(),
        state,
        local("2026-03-07 10:31"),
        facts=[paid, standing(back, seq=2)],
    )

    assert f"aviso-5@{DUE}" not in [contact.occurrence for _, contact in run.contacts]


def test_while_one_step_is_put_off_no_later_one_goes_first() -> None:
    playbook = book(step("uno", 1, "09:00"), step("dos", 2, "09:00"))

    run = simulate(
        terms(playbook, ALWAYS),
        within("administrative", DAY_1),
        DAY_1,
        answer=lambda contact, now: timedelta(hours=2) if now < local("2026-03-03 13:00") else None,
    )

    assert [(contact.step.key, at) for at, contact in run.contacts] == [
        ("uno", local("2026-03-03 13:00")),
        ("dos", local("2026-03-04 09:00")),
    ]
