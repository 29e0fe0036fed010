"""When an instalment is debited by a mandate, and how much of it is taken. Pure."""

import re
from datetime import date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal

from pydantic import Field

from journey.playbook import Values
from policy.calendar import holiday_name, local_instant
from policy.errors import SendaError
from policy.pack import Pack

AT = time(9)
"""Local time of a debit."""

SUNDAY = 6

_DAY = timedelta(days=1)

PAUSES = (timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=1), timedelta(hours=2), timedelta(hours=4))
"""How long a processor that gave no answer is left alone before it is asked again; the last one ever after."""

ASKED_FOR = timedelta(hours=20)
"""How long one debit is asked for by its key. Stripe forgets keys after 24 hours: then the same key takes it again."""

_CARDS = (
    re.compile(r"(?<![0-9A-Za-z])\d(?:[ -]?\d){12,18}(?![0-9A-Za-z])"),
    re.compile(r"(?<![0-9A-Za-z])\d{13,19}(?![0-9A-Za-z])"),
)
"""Written in groups or at one stretch, not within a longer word."""


class DebitRules(Values):
    """How often a creditor tries to take an instalment by its mandate."""

    tries: int = Field(default=3, ge=1, le=10, description="of an instalment, at most")
    every_days: int = Field(default=2, ge=1, le=30, description="from a try that failed to the next")


def first_try(pack: Pack, zone: str, due_date: date, until: datetime) -> datetime:
    """When an instalment is debited (UTC): at nine on its day; where banks are closed, on the next day they are open.

    Where that is too late (`until`: the end of its grace and cure), on its own day all the same.
    """
    return _slot(pack, zone, due_date, until) or local_instant(due_date, AT, zone)


def next_try(rules: DebitRules, pack: Pack, zone: str, failed_on: date, tries: int, until: datetime) -> datetime | None:
    """When it is tried again after `tries` that failed, the last on `failed_on` (local); none: not any more."""
    if tries >= rules.tries:
        return None
    return _slot(pack, zone, failed_on + timedelta(days=rules.every_days), until)


def next_look(pack: Pack, zone: str, today: date, until: datetime) -> datetime | None:
    """When it is looked at again whether what stops its debit is over; none: not any more."""
    return _slot(pack, zone, today + _DAY, until)


def ask_again(asked: int, first_asked: datetime, now: datetime) -> datetime | None:
    """When a processor that gave no answer is asked again with the same key, after `asked` times; none: no more."""
    again = now + PAUSES[min(asked, len(PAUSES)) - 1]
    return again if again < first_asked + ASKED_FOR else None


def amount_to_take(lacking: Decimal, owed: Decimal, most: Decimal | None, decimals: int) -> Decimal:
    """What is taken: what is lacking, never more than is owed or than the mandate allows; zero: nothing."""
    wanted = min(lacking, owed, lacking if most is None else most)
    return max(wanted, Decimal(0)).quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN)


def refuse_cards(text: str, field: str) -> None:
    """Refuse a text that holds what looks like a card number: 13 to 19 digits whose check digit fits (ISO/IEC 7812-1).

    Error: `mandate.looks_like_card`.
    """
    if any(_check_digit_fits(found[0]) for form in _CARDS for found in form.finditer(text)):
        advice = "this looks like a card number: Senda keeps none. Give the processor's reference of the mandate"
        raise SendaError("mandate.looks_like_card", advice, field)


def _check_digit_fits(text: str) -> bool:
    digits = [int(each) for each in reversed(text) if each.isdigit()]
    return sum(digits[::2]) % 10 == -sum(sum(divmod(2 * each, 10)) for each in digits[1::2]) % 10


def _slot(pack: Pack, zone: str, day: date, until: datetime) -> datetime | None:
    while day.weekday() == SUNDAY or holiday_name(pack, day) is not None:
        day += _DAY
    at = local_instant(day, AT, zone)
    return at if at < until else None
