"""How a journey ends, and how a hold keeps it still."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from journey.events import Ended
from journey.planning import Decide, Finished, Wait, plan, settle, settled_outcome, status
from journey.playbook import Outcome, Stage
from journey.state import Hold, JourneyState
from tests.journey.cases import DUE, book, local, standing, started, step, terms, within
from tests.journey.simulator import simulate

NOW = local("2026-03-12 12:00")
BEGAN = local("2026-02-25 00:00")


@pytest.mark.parametrize(
    ("stage", "balance", "due", "outcome"),
    [
        ("administrative", "0", None, "paid"),
        ("administrative", "-500", None, "paid"),  # overpaid
        ("administrative", "0", DUE, "paid"),
        ("administrative", "999.99", DUE, "cured"),  # below the playbook's minimum
        ("administrative", "1000", DUE, None),
        ("administrative", "90000", date(2026, 3, 11), None),  # one day past due
        ("administrative", "90000", date(2026, 3, 12), "cured"),  # due today: not past due
        ("prejuridical", "90000", date(2026, 3, 30), "cured"),
        ("preventive", "90000", date(2026, 3, 12), None),  # was never past due: goes on
        ("preventive", "90000", date(2026, 3, 17), None),
        ("preventive", "90000", date(2026, 3, 18), "cured"),  # before the playbook's first day
    ],
)
def test_an_account_is_settled(stage: Stage, balance: str, due: date | None, outcome: Outcome | None) -> None:
    state = within(stage, BEGAN, balance=balance, due=due)

    assert settled_outcome(terms(), state, date(2026, 3, 12)) == outcome


def test_a_payment_in_full_ends_the_journey_at_the_payments_instant() -> None:
    paid = NOW - timedelta(minutes=5)
    state = within("administrative", BEGAN).model_copy(
        update={"standing": standing(paid, seq=1, balance="0", due=None), "since": paid}
    )

    _, events, move = settle(terms(), state, NOW)

    assert events == [Ended(outcome="paid", at=paid)]
    assert move == Finished("paid")


def test_an_outcome_that_people_ordered_goes_before_everything_else() -> None:
    state = within("administrative", BEGAN, balance="0").model_copy(update={"outcome": "withdrawn"})

    assert plan(terms(), state, NOW) == Finished("withdrawn")


def test_a_journey_that_starts_after_its_end_is_referred_at_once() -> None:
    now = local("2026-08-01 12:00")

    assert plan(terms(), within("prejuridical", now), now) == Decide(Ended(outcome="referred", at=now))


def test_the_end_comes_at_its_own_instant_even_where_it_is_noticed_late() -> None:
    late = local("2026-06-30 12:00")

    move = plan(terms(), within("prejuridical", BEGAN), late)

    assert move == Decide(Ended(outcome="referred", at=local("2026-06-30 00:00")))


def held(*holds: Hold, stage: Stage = "administrative", done: tuple[str, ...] = ()) -> JourneyState:
    return within(stage, BEGAN, done, holds=holds)


def pause(starts: str, ends: str | None) -> Hold:
    return Hold(id="p", starts=local(starts), ends=local(ends) if ends else None)


DONE = tuple(f"{key}@{DUE}" for key in ("recordatorio", "aviso-amable", "aviso-5"))


def test_a_held_journey_waits_until_the_hold_ends() -> None:
    state = held(pause("2026-03-10 08:00", "2026-03-16 08:00"), done=DONE)

    assert plan(terms(), state, local("2026-03-12 09:30")) == Wait(local("2026-03-16 08:00"))


def test_a_hold_without_an_end_waits_only_for_the_next_stage() -> None:
    state = held(pause("2026-03-10 08:00", None), done=DONE)

    assert plan(terms(), state, NOW) == Wait(local("2026-05-02 00:00"))


def test_a_hold_without_an_end_in_the_last_stage_waits_for_the_ledger_alone() -> None:
    state = held(pause("2026-03-10 08:00", None), stage="prejuridical")

    assert plan(terms(), state, local("2026-06-10 08:00")) == Wait(None)
    assert plan(terms(), state, local("2026-12-10 08:00")) == Wait(None)


def test_stages_pass_during_a_hold() -> None:
    state = held(pause("2026-03-10 08:00", None), done=DONE)

    settled, _, move = settle(terms(), state, local("2026-05-02 09:00"))

    assert settled.stage == "prejuridical"
    assert move == Wait(None)


def test_steps_whose_day_passed_during_a_hold_are_skipped_after_it() -> None:
    state = held(pause("2026-03-10 08:00", "2026-03-25 08:00"), done=DONE)

    run = simulate(terms(), state, local("2026-03-09 08:00"))

    assert {skip.step: skip.reason for skip in run.skipped} == {
        "aviso-10": "day_passed",
        "alternativas-18": "day_passed",
    }
    assert run.contacts[0][0] == local("2026-03-30 09:00")


def test_a_hold_that_ends_on_a_steps_day_lets_it_go_at_its_end() -> None:
    state = held(pause("2026-03-10 08:00", "2026-03-12 15:00"), done=DONE)

    run = simulate(terms(), state, local("2026-03-11 08:00"))

    assert run.skipped == []
    assert (run.contacts[0][0], run.contacts[0][1].step.key) == (local("2026-03-12 15:00"), "aviso-10")


def test_a_hold_yet_to_come_changes_nothing_before_it() -> None:
    state = held(pause("2026-03-20 08:00", "2026-04-01 08:00"), done=DONE)

    run = simulate(terms(), state, local("2026-03-11 08:00"))

    assert run.contacts[0][0] == local("2026-03-12 09:30")
    assert {skip.step for skip in run.skipped} == {"alternativas-18", "aviso-27"}


@pytest.mark.parametrize(("balance", "due", "outcome"), [("0", None, "paid"), ("90000", date(2026, 4, 2), "cured")])
def test_a_payment_during_a_hold_ends_the_journey(balance: str, due: date | None, outcome: Outcome) -> None:
    state = held(pause("2026-03-10 08:00", None), done=DONE)
    hold = state.standing.holds
    heard = state.model_copy(update={"standing": standing(NOW, seq=1, balance=balance, due=due, holds=hold)})

    assert settle(terms(), heard, NOW)[2] == Finished(outcome)


def test_a_timeline_that_ends_during_a_hold_ends_after_it() -> None:
    state = held(pause("2026-06-20 08:00", "2026-07-10 08:00"), stage="prejuridical")

    run = simulate(terms(), state, local("2026-06-20 09:00"))

    assert run.log[-1][0] == local("2026-07-10 08:00")
    assert run.outcome == "referred"


def test_the_status_that_clients_see() -> None:
    state = held(pause("2026-03-10 08:00", "2026-03-16 08:00"))

    def at(text: str) -> datetime:
        return local(text)

    assert status(state, at("2026-03-10 07:59")) == "active"
    assert status(state, at("2026-03-10 08:00")) == "paused"
    assert status(state, at("2026-03-16 08:00")) == "active"
    assert status(state.model_copy(update={"outcome": "paid"}), at("2026-03-11 08:00")) == "closed"


def test_a_small_payment_that_leaves_the_oldest_due_changes_no_step() -> None:
    fact = standing(local("2026-03-09 12:00"), seq=1, balance="150000")

    with_it, without = (simulate(terms(), started(BEGAN), BEGAN, facts=facts) for facts in ([fact], []))

    assert [(at, contact.occurrence) for at, contact in with_it.contacts] == [
        (at, contact.occurrence) for at, contact in without.contacts
    ]


def test_the_minimum_balance_is_that_of_the_playbook() -> None:
    playbook = book(step("aviso", 10, "09:00"), minimum_balance="250000")
    assert playbook.minimum_balance == Decimal(250000)

    assert settle(terms(playbook), started(NOW), NOW)[2] == Finished("cured")
