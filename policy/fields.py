"""Typed reads of a JSON object from outside; every error names the field at fault, such as `contacts[1].at`."""

import re
from datetime import date, datetime
from typing import Any, cast

from policy.calendar import require_aware
from policy.errors import SendaError
from policy.rules import CLOCK
from policy.vocabulary import require_word

FIRST_YEAR, LAST_YEAR = 1970, 2099
"""Instants and dates outside these years are taken for mistakes; nobody knows their holidays and clock changes."""

Fields = dict[str, Any]


def name_of(place: str | None, name: str) -> str:
    """The full name of a field that stands at a place: `person.hours[0]` and `opens`."""
    return f"{place}.{name}" if place else name


def an_object(value: object, field: str | None) -> Fields:
    """Error: `policy.bad_type`."""
    if not isinstance(value, dict):
        raise bad_type("an object", field)
    return cast(Fields, value)


def required(fields: Fields, name: str, place: str | None = None) -> Any:
    """Error: `policy.missing_field`."""
    try:
        return fields[name]
    except KeyError:
        field = name_of(place, name)
        raise SendaError("policy.missing_field", f"{field} is missing", field) from None


def a_list(fields: Fields, name: str, place: str | None = None) -> list[object]:
    """Errors: `policy.missing_field`, `policy.bad_type`."""
    value = required(fields, name, place)
    if not isinstance(value, list):
        raise bad_type("a list", name_of(place, name))
    return cast(list[object], value)


def texts(fields: Fields, name: str, place: str | None = None) -> list[str]:
    """Errors: `policy.missing_field`, `policy.bad_type`."""
    values = a_list(fields, name, place)
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise bad_type("text", f"{name_of(place, name)}[{index}]")
    return cast(list[str], values)


def words(fields: Fields, name: str, what: str, known: frozenset[str], place: str | None = None) -> list[str]:
    """Errors: `policy.missing_field`, `policy.bad_type`, `policy.unknown_<what>`."""
    values = texts(fields, name, place)
    for index, value in enumerate(values):
        require_word(what, value, known, f"{name_of(place, name)}[{index}]")
    return values


def text(fields: Fields, name: str, place: str | None = None) -> str:
    """Errors: `policy.missing_field`, `policy.bad_type`."""
    value = required(fields, name, place)
    if not isinstance(value, str):
        raise bad_type("text", name_of(place, name))
    return value


def word(fields: Fields, name: str, known: frozenset[str], place: str | None = None) -> str:
    """Errors: `policy.missing_field`, `policy.bad_type`, `policy.unknown_<name>`."""
    value = text(fields, name, place)
    require_word(name, value, known, name_of(place, name))
    return value


def flag(fields: Fields, name: str, place: str | None = None) -> bool:
    """Errors: `policy.missing_field`, `policy.bad_type`."""
    value = required(fields, name, place)
    if not isinstance(value, bool):
        raise bad_type("true or false", name_of(place, name))
    return value


def instant(fields: Fields, name: str, place: str | None = None) -> datetime:
    """Errors: `policy.missing_field`, `policy.bad_type`, `policy.bad_instant`, `policy.naive_instant`."""
    value, field = text(fields, name, place), name_of(place, name)
    try:
        found = datetime.fromisoformat(value.upper())  # RFC 3339 allows a small t and z
    except ValueError:
        raise SendaError(
            "policy.bad_instant", "use RFC 3339 with offset, such as 2026-02-04T09:00:00-05:00", field
        ) from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise SendaError("policy.bad_instant", f"use a year from {FIRST_YEAR} to {LAST_YEAR}", field)
    return require_aware(found, field)


def local_day(fields: Fields, name: str, place: str | None = None) -> date:
    """Errors: `policy.missing_field`, `policy.bad_type`, `policy.bad_date`."""
    value, field = text(fields, name, place), name_of(place, name)
    try:
        found = date.fromisoformat(value)
    except ValueError:
        raise SendaError("policy.bad_date", "use a date such as 2026-02-04", field) from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise SendaError("policy.bad_date", f"use a year from {FIRST_YEAR} to {LAST_YEAR}", field)
    return found


def clock_time(fields: Fields, name: str, place: str | None = None) -> str:
    """Errors: `policy.missing_field`, `policy.bad_type`, `policy.bad_clock`."""
    value = text(fields, name, place)
    if not re.fullmatch(CLOCK, value):
        raise SendaError("policy.bad_clock", "use a local time such as 07:30", name_of(place, name))
    return value


def bad_type(wanted: str, field: str | None) -> SendaError:
    """What to raise where a value is of another type."""
    return SendaError("policy.bad_type", f"{field or 'a case'} must be {wanted}", field)
