"""What a pack's rules come to for one channel and purpose, worked out once and kept.

Three sorts remain: standing rules (no time makes them pass), a calendar (hours and closed days of each local
date) and log rules (until which local date the logged contacts block).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache, partial

from policy.open_minutes import Calendar, calendar_for, exempt_rules
from policy.pack import Pack
from policy.query import LoggedContact, Query
from policy.rules import (
    AuthorisedChannels,
    Cap,
    ChannelLock,
    ConversationLock,
    ForbiddenChannels,
    Roles,
    Rule,
    Trigger,
)
from policy.vocabulary import CHANNELS
from policy.zones import zone_info

_A_WEEK = range(1, 8)
_DAYS_TO_SPARE = timedelta(days=3)
_SHORTEST_MEMORY = timedelta(days=10)

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


def local_log(contacts: Iterable[LoggedContact], zone: str) -> list[LogEntry]:
    """The contacts that can count at all: those of purpose collection, with their date in the zone."""
    tz = zone_info(zone)
    return [
        (contact.at.astimezone(tz).toordinal(), contact.channel, contact.direction, contact.two_way)
        for contact in contacts
        if contact.purpose == "collection"
    ]


@dataclass(frozen=True, slots=True)
class Plan:
    """A pack's rules for one channel and purpose."""

    standing: tuple[StandingRule, ...]
    calendar: Calendar
    log_rules: tuple[LogRule, ...]


@lru_cache(maxsize=4096)
def plan_for(pack: Pack, channel: str, purpose: str) -> Plan:
    """The rules that a contact by this channel and for this purpose is subject to."""
    exempt = exempt_rules(pack, purpose)
    rules = [rule for rule in pack.rules if rule.id not in exempt]
    trigger = next((rule.contacts for rule in pack.rules if isinstance(rule, Trigger)), "all")
    answered = frozenset({True}) if trigger == "two_way" else frozenset({True, False})
    return Plan(
        standing=tuple(found for rule in rules for found in _standing(rule)),
        calendar=calendar_for(pack, purpose),
        log_rules=tuple(found for rule in rules for found in _log_rules(rule, channel, answered)),
    )


def memory(packs: Sequence[Pack]) -> timedelta:
    """How far back a contact log must reach for decisions under these packs; days to spare for zones included."""
    releases = [
        rule.release
        for pack in packs
        for channel in CHANNELS
        for rule in plan_for(pack, channel, "collection").log_rules
    ]
    days = max((release(day) - day for release in releases for day in _A_WEEK), default=0)
    return max(timedelta(days=days) + _DAYS_TO_SPARE, _SHORTEST_MEMORY)


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
