"""What a case says of the person: JSON values made into a `Person`, and back."""

from collections.abc import Callable, Sized
from typing import Any, TypeVar

from policy.errors import SendaError
from policy.fields import Fields, a_list, an_object, clock_time, flag, local_day, words
from policy.person import OwnRequest, Person
from policy.rules import Hours, OwnHours, minute_of_day
from policy.vocabulary import CHANNELS, WEEKDAYS

MOST_ENTRIES = 100
"""Of hours, and of requests."""

_Entry = TypeVar("_Entry")
_FLAGS = ("do_not_contact", "cease", "attorney")
_WEEKDAYS: frozenset[str] = frozenset(WEEKDAYS)
_OWN_DAYS: frozenset[str] = _WEEKDAYS | {"holidays"}


def parse_person(value: object, place: str = "person") -> Person:
    """The person of a case. Each key may be left out; one that it does not know is an error, since a misspelt
    restriction would be lost.

    Errors name the field, such as `person.hours[0].opens`: `policy.missing_field`, `policy.unknown_field`,
    `policy.bad_type`, `policy.bad_length`, `policy.unknown_day`, `policy.unknown_channel`, `policy.bad_clock`,
    `policy.bad_hours`, `policy.bad_date`, `policy.bad_period`.
    """
    fields = _known(value, place, *_FLAGS, "hours", "requests")
    said = {name: flag(fields, name, place) for name in _FLAGS if name in fields}
    return Person(
        **said,
        hours=_entries(fields, "hours", place, _hours) if "hours" in fields else (),
        requests=_entries(fields, "requests", place, _request) if "requests" in fields else (),
    )


def person_as_case(person: Person) -> Fields:
    """What `parse_person` reads back to the same person; only what the person said."""
    said: dict[str, Any] = {name: True for name in _FLAGS if getattr(person, name)}
    if person.hours:
        said["hours"] = [hours.model_dump(mode="json") for hours in person.hours]
    if person.requests:
        said["requests"] = [request.model_dump(mode="json", exclude_none=True) for request in person.requests]
    return said


def _hours(value: object, place: str) -> Hours:
    return Hours(**_hours_on(_WEEKDAYS, value, place))


def _own_hours(value: object, place: str) -> OwnHours:
    return OwnHours(**_hours_on(_OWN_DAYS, value, place))


def _hours_on(days: frozenset[str], value: object, place: str) -> Fields:
    fields = _known(value, place, "days", "opens", "closes")
    _require_length(words(fields, "days", "day", days, place), f"{place}.days")
    opens, closes = clock_time(fields, "opens", place), clock_time(fields, "closes", place)
    if minute_of_day(opens) >= minute_of_day(closes):
        raise SendaError("policy.bad_hours", f"hours must close after they open at {opens}", f"{place}.closes")
    return fields


def _request(value: object, place: str) -> OwnRequest:
    fields = _known(value, place, "hours", "channels", "since", "until", "separate", "solicited")
    hours = _entries(fields, "hours", place, _own_hours)
    _require_length(hours, f"{place}.hours")
    if fields.get("channels") is not None:
        _require_length(words(fields, "channels", "channel", CHANNELS, place), f"{place}.channels")
    since = local_day(fields, "since", place)
    until = local_day(fields, "until", place) if fields.get("until") is not None else None
    if until is not None and until < since:
        raise SendaError("policy.bad_period", f"a request cannot end before it begins on {since}", f"{place}.until")
    return OwnRequest(
        hours=hours,
        channels=fields.get("channels"),
        since=since,
        until=until,
        separate=flag(fields, "separate", place),
        solicited=flag(fields, "solicited", place),
    )


def _entries(fields: Fields, name: str, place: str, read: Callable[[object, str], _Entry]) -> tuple[_Entry, ...]:
    entries = a_list(fields, name, place)
    if len(entries) > MOST_ENTRIES:
        raise SendaError("policy.bad_length", f"give at most {MOST_ENTRIES} entries", f"{place}.{name}")
    return tuple(read(entry, f"{place}.{name}[{index}]") for index, entry in enumerate(entries))


def _require_length(entries: Sized, field: str) -> None:
    if not 1 <= len(entries) <= MOST_ENTRIES:
        raise SendaError("policy.bad_length", f"give one to {MOST_ENTRIES} entries", field)


def _known(value: object, place: str, *names: str) -> Fields:
    fields = an_object(value, place)
    for name in fields:
        if name not in names:
            raise SendaError("policy.unknown_field", f"use one of {', '.join(names)}", f"{place}.{name[:60]}")
    return fields
