"""Which minutes of a local date a pack's hours and closed days leave open, and what a person's own hours change."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from policy.calendar import holiday_name
from policy.pack import Pack
from policy.person import PERSON_HOURS, OwnRequest, Person
from policy.rules import ClosedDays, ExemptPurposes, Hours, OwnHours, OwnRequestRule, Window, minute_of_day
from policy.vocabulary import WEEKDAYS

Stretch = tuple[int, int]
"""Minutes of the local day [from, to)."""

WHOLE_DAY: tuple[Stretch, ...] = ((0, 24 * 60),)
NEVER: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """The hours and closed days that a contact is subject to. Compared by identity, as it keys caches.

    `hours` are the person's preferred ones (none: any). `requests` widen them, and those of `rules` that the
    pack's rule of kind own_request names.
    """

    pack: Pack
    rules: tuple[Window | ClosedDays, ...]
    hours: tuple[Hours, ...] = ()
    requests: tuple[OwnRequest, ...] = ()

    @property
    def is_always_open(self) -> bool:
        return not self.rules and not self.hours


def calendar_for(pack: Pack, purpose: str) -> Calendar:
    """The hours and closed days that the pack sets for this purpose."""
    return _calendar(pack, exempt_rules(pack, purpose))


def heeding(calendar: Calendar, person: Person, purpose: str, channel: str) -> Calendar:
    """The same calendar with the person's hours for this purpose and channel."""
    if not person.hours and not person.requests:
        return calendar
    hours = person.hours if purpose == "collection" else ()
    requests = tuple(
        request
        for request in person.requests
        if request.widens and (request.channels is None or channel in request.channels)
    )
    return _heeding(calendar, hours, requests) if hours or requests else calendar


def exempt_rules(pack: Pack, purpose: str) -> frozenset[str]:
    """The ids of the pack's rules that a contact for this purpose is free of."""
    exemptions = [rule for rule in pack.rules if isinstance(rule, ExemptPurposes) and purpose in rule.purposes]
    return frozenset(rule_id for rule in exemptions for rule_id in rule.free_of)


@lru_cache(maxsize=65_536)
def allowed_minutes(calendar: Calendar, ordinal: int) -> tuple[tuple[str, tuple[Stretch, ...]], ...]:
    """For a local date (its ordinal): each rule's id and the stretches of the day that it allows, in order."""
    day = date.fromordinal(ordinal)
    weekday = WEEKDAYS[day.weekday()]
    names = {weekday, "holidays"} if holiday_name(calendar.pack, day) is not None else {weekday}
    asked_for = _asked_for(calendar, day, "holidays" if "holidays" in names else weekday)
    widened = {rule_id for rule in calendar.pack.rules if isinstance(rule, OwnRequestRule) for rule_id in rule.widens}
    found: list[tuple[str, tuple[Stretch, ...]]] = []
    for rule in calendar.rules:
        stretches = _of_rule(rule, names, weekday)
        found.append((rule.id, union((*stretches, *asked_for)) if rule.id in widened else stretches))
    if calendar.hours:
        preferred = (_stretch(hours) for hours in calendar.hours if weekday in hours.days)
        found.append((PERSON_HOURS, union((*preferred, *asked_for))))
    return tuple(found)


def open_to_all(calendar: Calendar, ordinal: int) -> tuple[Stretch, ...]:
    """The stretches of a local date (its ordinal) that every rule of the calendar allows, in order."""
    shared = WHOLE_DAY
    for _, stretches in allowed_minutes(calendar, ordinal):
        shared = overlap(shared, stretches)
    return shared


def open_on_weekday(calendar: Calendar, weekday: int) -> tuple[Stretch, ...]:
    """The stretches that the pack's rules leave open on a weekday (Monday is 0) that is no holiday."""
    name = WEEKDAYS[weekday]
    shared = WHOLE_DAY
    for rule in calendar.rules:
        shared = overlap(shared, _of_rule(rule, {name}, name))
    return shared


def overlap(some: Iterable[Stretch], others: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """The stretches that lie in both, in order."""
    pairs = [(max(one[0], two[0]), min(one[1], two[1])) for one in some for two in others]
    return tuple((since, until) for since, until in pairs if since < until)


def _of_rule(rule: Window | ClosedDays, names: set[str], weekday: str) -> tuple[Stretch, ...]:
    if not names.isdisjoint(rule.closed):
        return NEVER
    if isinstance(rule, Window):
        for hours in rule.hours:
            if weekday in hours.days:
                return (_stretch(hours),)
    # A day without hours is one that the rule does not speak of: on a Sunday CO-02 alone blocks.
    return WHOLE_DAY


def _asked_for(calendar: Calendar, day: date, name: str) -> tuple[Stretch, ...]:
    covering = (request for request in calendar.requests if request.covers(day))
    return tuple(_stretch(own) for request in covering for own in request.hours if name in own.days)


def _stretch(hours: Hours | OwnHours) -> Stretch:
    return minute_of_day(hours.opens), minute_of_day(hours.closes)


def union(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """The stretches that lie in any, joined and in order."""
    joined: list[Stretch] = []
    for since, until in sorted(stretches):
        if joined and since <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], until))
        else:
            joined.append((since, until))
    return tuple(joined)


@lru_cache(maxsize=1024)
def _calendar(pack: Pack, exempt: frozenset[str]) -> Calendar:
    rules = (rule for rule in pack.rules if isinstance(rule, Window | ClosedDays))
    return Calendar(pack, tuple(rule for rule in rules if rule.id not in exempt))


@lru_cache(maxsize=4096)
def _heeding(calendar: Calendar, hours: tuple[Hours, ...], requests: tuple[OwnRequest, ...]) -> Calendar:
    return replace(calendar, hours=hours, requests=requests)
