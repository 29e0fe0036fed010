"""When people are reminded of what they agreed to pay. Pure."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from policy.calendar import local_instant
from policy.hours import ContactHours

AT = time(9)
"""Local time of a reminder, where the contact hours hold it; otherwise they tell when they open."""

DAYS_TRIED = 7
"""How many days further ahead an open one is looked for."""


def remind_at(hours: ContactHours, due_date: date, days_before: int, agreed_on: date) -> datetime | None:
    """The instant (UTC) of the reminder of an instalment: so many days before it falls due.

    Where that day is closed, on the next open one until the due date, else on the last open one before. None where
    the day comes no later than the local day of the agreement: nobody needs to be reminded then.
    """
    wanted = due_date - timedelta(days=days_before)
    if wanted <= agreed_on:
        return None
    for day in _days(wanted, due_date):
        window = hours.opens_on(day) if day > agreed_on else None
        if window is not None:
            at = local_instant(day, AT, hours.zone)
            return at if window[0] <= at < window[1] else window[0]
    return None


def _days(wanted: date, due_date: date) -> Iterator[date]:
    for ahead in range((due_date - wanted).days + 1):
        yield wanted + timedelta(days=ahead)
    for back in range(1, DAYS_TRIED + 1):
        yield wanted - timedelta(days=back)
