"""When people are reminded of an instalment: so many days before it, in contact hours, never on the day of the word."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey.reminding import remind_at
from policy.calendar import local_date
from policy.hours import ContactHours

ZONE = "America/Bogota"
DAY = timedelta(days=1)
MONDAY = date(2026, 3, 2)


def hours(*, opens: int = 7, closed: tuple[date, ...] = ()) -> ContactHours:
    """Monday to Friday from `opens` to seven, Saturday from eight to three."""
    week = (f"{opens:02}:00", "19:00")
    weekly = (week, week, week, week, week, ("08:00", "15:00"), None)
    return ContactHours(zone=ZONE, weekly=weekly, closed_days=closed)


def nine(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 14, tzinfo=UTC)


@pytest.mark.parametrize(("days_before", "day"), [(0, 5), (1, 4), (2, 3)])
def test_a_reminder_is_at_nine_so_many_days_before(days_before: int, day: int) -> None:
    due = date(2026, 3, 5)
    assert remind_at(hours(), due, days_before, MONDAY) == nine(date(2026, 3, day))


def test_where_nine_is_too_early_it_is_when_the_hours_open() -> None:
    assert remind_at(hours(opens=10), date(2026, 3, 5), 1, MONDAY) == nine(date(2026, 3, 4)) + timedelta(hours=1)


@pytest.mark.parametrize(
    ("due", "days_before", "closed", "day"),
    [
        (date(2026, 3, 10), 2, (), date(2026, 3, 9)),  # Sunday 8 is closed: Monday
        (date(2026, 3, 9), 1, (), date(2026, 3, 9)),  # Sunday 8 again: the day itself
        (date(2026, 3, 9), 1, (date(2026, 3, 9),), date(2026, 3, 7)),  # that is closed, too: Saturday before
    ],
)
def test_of_a_closed_day_it_moves_to_the_next_open_one_or_else_before(
    due: date, days_before: int, closed: tuple[date, ...], day: date
) -> None:
    assert remind_at(hours(closed=closed), due, days_before, MONDAY) == nine(day)


@pytest.mark.parametrize(("due", "days_before"), [(MONDAY, 0), (MONDAY + DAY, 1), (MONDAY + DAY, 2)])
def test_whoever_has_just_agreed_is_not_reminded(due: date, days_before: int) -> None:
    assert remind_at(hours(), due, days_before, MONDAY) is None


@given(st.integers(0, 40), st.integers(0, 30), st.sets(st.integers(0, 45), max_size=20))
def test_it_falls_between_the_word_and_the_day_in_open_hours(ahead: int, days_before: int, closed: set[int]) -> None:
    book = hours(closed=tuple(MONDAY + each * DAY for each in sorted(closed)))
    due = MONDAY + ahead * DAY
    at = remind_at(book, due, days_before, MONDAY)
    if at is not None:
        day = local_date(at, ZONE)
        window = book.opens_on(day)
        assert window is not None
        assert window[0] <= at < window[1]
        assert MONDAY < day <= due
