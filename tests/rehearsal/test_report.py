"""Figures of a rehearsal, from journeys as the API lists them."""

from decimal import Decimal

from senda.client import Journey, Money
from senda.rehearsal.report import Lateness


def journey(account: str, closed: int | None, outcome: str | None = "paid", **more: object) -> Journey:
    base = {
        "creditor": "c",
        "account": account,
        "episode": 1,
        "status": "closed" if outcome else "active",
        "outcome": outcome,
        "closed_days_past_due": closed,
        "opening_balance": Money(amount=Decimal("10.50"), currency="BRL"),
    }
    return Journey.model_validate({**base, **more})


def lateness(*journeys: Journey) -> Lateness:
    gathered = Lateness()
    for one in journeys:
        gathered.add(one)
    return gathered


def test_a_journey_closed_on_the_due_date_or_before_is_not_late() -> None:
    found = lateness(journey("a", 0), journey("b", -3, "cured"), journey("c", 1))
    assert (found.journeys, found.late, found.late_amount) == (3, 1, Decimal("10.50"))


def test_a_referred_account_is_late_but_not_cured() -> None:
    found = lateness(journey("a", 60, "referred"))
    assert (found.late, found.cured_within(90)) == (1, 0)


def test_cured_within_counts_the_last_day_in() -> None:
    found = lateness(journey("a", 1), journey("b", 7), journey("c", 8), journey("d", 91))
    assert [found.cured_within(days) for days in (1, 7, 15, 30, 60, 90)] == [1, 2, 3, 3, 3, 3]


def test_an_account_counts_once_with_the_balance_of_its_first_lateness() -> None:
    again = journey("a", 20, opening_balance=Money(amount=Decimal(5), currency="BRL"), episode=2)
    found = lateness(journey("a", 3), again)
    assert (found.journeys, found.late, found.late_amount) == (2, 1, Decimal("10.50"))
    assert [found.cured_within(7), found.cured_within(30)] == [0, 1]


def test_a_journey_still_open_past_due_is_late() -> None:
    found = lateness(journey("a", None, None, days_past_due=4), journey("b", None, None, days_past_due=-2))
    assert (found.late, found.cured_within(90)) == (1, 0)
