"""What a pack's rules come to for one channel and purpose, worked out once and kept.

Three sorts remain: standing rules (no time makes them pass), a calendar (hours and closed days of each local
date) and log rules (until which local date the logged contacts block).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial

from policy.calendar import holiday_name
from policy.pack import Pack
from policy.query import Query
from policy.rules import (
    AuthorisedChannels,
    Cap,
    ChannelLock,
    ClosedDays,
    ConversationLock,
    ExemptPurposes,
    ForbiddenChannels,
    Roles,
    Rule,
    Trigger,
    Window,
    minute_of_day,
)
from policy.vocabulary import CHANNELS, WEEKDAYS

WHOLE_DAY = (0, 24 * 60)
NEVER = (0, 0)

LogEntry = tuple[int, str, str, bool]
"""A collection contact as the log rules see it: local date as an ordinal, channel, direction, two-way."""


@dataclass(frozen=True, slots=True)
class StandingRule:
    """A rule that no waiting satisfies."""

    id: str
    refuses: Callable[[Query], bool]


@dataclass(frozen=True, slots=True)
class LogRule:
    """Blocked while `limit` counted contacts have not been released.

    `release` gives, for the ordinal of a contact's local date, the ordinal of the first date that the contact
    leaves free. It never falls as the date rises, so of the latest `limit` contacts the oldest decides.
    """

    id: str
    channels: frozenset[str]
    directions: frozenset[str]
    two_way: frozenset[bool]
    limit: int
    release: Callable[[int], int]

    def free_from(self, log: Iterable[LogEntry]) -> int:
        """The ordinal of the first local date that this rule leaves free; 0 if the log is below the limit."""
        days = [
            day
            for day, channel, direction, two_way in log
            if channel in self.channels and direction in self.directions and two_way in self.two_way
        ]
        if len(days) < self.limit:
            return 0
        days.sort()
        return self.release(days[-self.limit])


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """The hours and closed days of a pack, for a purpose. Compared by identity, as it keys caches."""

    pack: Pack
    rules: tuple[Window | ClosedDays, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A pack's rules for one channel and purpose."""

    standing: tuple[StandingRule, ...]
    calendar: Calendar
    log_rules: tuple[LogRule, ...]


@lru_cache(maxsize=4096)
def plan_for(pack: Pack, channel: str, purpose: str) -> Plan:
    """The rules that a contact by this channel and for this purpose is subject to."""
    exempt = _exempt(pack, purpose)
    rules = [rule for rule in pack.rules if rule.id not in exempt]
    trigger = next((rule.contacts for rule in pack.rules if isinstance(rule, Trigger)), "all")
    answered = frozenset({True}) if trigger == "two_way" else frozenset({True, False})
    return Plan(
        standing=tuple(found for rule in rules for found in _standing(rule)),
        calendar=_calendar(pack, exempt),
        log_rules=tuple(found for rule in rules for found in _log_rules(rule, channel, answered)),
    )


def calendar_for(pack: Pack, purpose: str) -> Calendar:
    """The hours and closed days that a contact for this purpose is subject to."""
    return _calendar(pack, _exempt(pack, purpose))


@lru_cache(maxsize=65_536)
def allowed_minutes(calendar: Calendar, ordinal: int) -> tuple[tuple[str, int, int], ...]:
    """For a local date (its ordinal): each rule's id and the minutes of the day [from, to) that it allows."""
    day = date.fromordinal(ordinal)
    weekday = WEEKDAYS[day.weekday()]
    is_holiday = holiday_name(calendar.pack, day) is not None
    found: list[tuple[str, int, int]] = []
    for rule in calendar.rules:
        since, until = WHOLE_DAY
        if isinstance(rule, Window):
            # A day without hours is one that the rule does not speak of: on a Sunday CO-02 alone blocks.
            for hours in rule.hours:
                if weekday in hours.days:
                    since, until = minute_of_day(hours.opens), minute_of_day(hours.closes)
        if weekday in rule.closed or (is_holiday and "holidays" in rule.closed):
            since, until = NEVER
        found.append((rule.id, since, until))
    return tuple(found)


def _exempt(pack: Pack, purpose: str) -> frozenset[str]:
    exemptions = [rule for rule in pack.rules if isinstance(rule, ExemptPurposes) and purpose in rule.purposes]
    return frozenset(rule_id for rule in exemptions for rule_id in rule.free_of)


@lru_cache(maxsize=1024)
def _calendar(pack: Pack, exempt: frozenset[str]) -> Calendar:
    rules = (rule for rule in pack.rules if isinstance(rule, Window | ClosedDays))
    return Calendar(pack, tuple(rule for rule in rules if rule.id not in exempt))


def _standing(rule: Rule) -> Iterable[StandingRule]:
    match rule:
        case AuthorisedChannels():
            yield StandingRule(rule.id, lambda query: query.channel not in query.authorised_channels)
        case Roles(roles=roles):
            yield StandingRule(rule.id, lambda query: query.role not in roles)
        case ForbiddenChannels(channels=channels):
            yield StandingRule(rule.id, lambda query: query.channel in channels)
        case _:
            pass


def _log_rules(rule: Rule, channel: str, answered: frozenset[bool]) -> Iterable[LogRule]:
    outbound = frozenset({"outbound"})
    match rule:
        case Cap(channels=channels) if channels is None or channel in channels:
            counted = frozenset({channel} if rule.counted == "per_channel" else channels or CHANNELS)
            yield LogRule(rule.id, counted, outbound, answered, rule.limit, _RELEASES[rule.period])
            if rule.next_from_day is not None:
                yield LogRule(rule.id, counted, outbound, answered, 1, partial(_days_after, rule.next_from_day))
        case ChannelLock():
            others = CHANNELS - {channel}
            yield LogRule(rule.id, others, outbound, answered, 1, _RELEASES[rule.period])
        case ConversationLock(channels=channels) if channel in channels:
            directions = outbound if rule.started_by == "collector" else outbound | {"inbound"}
            release = partial(_days_after, rule.days)
            yield LogRule(rule.id, frozenset(channels), directions, frozenset({True}), 1, release)
        case _:
            pass


def _days_after(days: int, ordinal: int) -> int:
    return ordinal + days


def _next_monday(ordinal: int) -> int:
    return ordinal + 7 - (ordinal - 1) % 7  # ordinal 1 was a Monday


_RELEASES: dict[str, Callable[[int], int]] = {
    "day": partial(_days_after, 1),
    "rolling_week": partial(_days_after, 7),
    "calendar_week": _next_monday,
}
