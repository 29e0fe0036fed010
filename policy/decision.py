"""The decision: may this contact be made now, which rules forbid it, and when would it be allowed?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self

from policy.calendar import require_aware, start_of_day
from policy.errors import SendaError
from policy.holiday_calendar import HOLIDAYS_VERSION
from policy.open_minutes import Calendar, allowed_minutes, heeding
from policy.opening import common_opening, end_of_opening
from policy.pack import Basis, Pack
from policy.person import NOBODY_SPOKE
from policy.plan import Plan, local_log, plan_for
from policy.query import LoggedContact, Query
from policy.vocabulary import CHANNELS, DIRECTIONS, PURPOSES, ROLES, require_word
from policy.zones import TZDATA_VERSION, zone_info

ZONE_UNKNOWN = "zone-unknown"
"""Stands among the blocking rules where no time zone of the debtor is known: blocked, never guessed."""

HORIZON = timedelta(days=731)
"""How far ahead the next allowed instant is sought; a contact not allowed by then counts as never allowed."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and what it rests on.

    `rules` are the ids of all blocking rules, sorted. `next_allowed_at` (UTC) is the earliest instant at
    which the same contact would be allowed if nothing else happened; none where it is allowed, or never is.
    """

    allowed: bool
    rules: tuple[str, ...]
    next_allowed_at: datetime | None
    basis: tuple[Basis, ...]
    holidays_version: str = HOLIDAYS_VERSION
    tzdata_version: str = TZDATA_VERSION

    def as_record(self) -> dict[str, Any]:
        """The decision as JSON-able values, for storage; the instant as RFC 3339 in UTC."""
        return {
            "allowed": self.allowed,
            "rules": list(self.rules),
            "next_allowed_at": self.next_allowed_at.isoformat() if self.next_allowed_at else None,
            "basis": [
                {"pack": basis.pack, "version": basis.version, "content_hash": basis.content_hash}
                for basis in self.basis
            ],
            "holidays_version": self.holidays_version,
            "tzdata_version": self.tzdata_version,
        }

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> Self:
        """The decision that `as_record` stored."""
        at = record["next_allowed_at"]
        return cls(
            allowed=record["allowed"],
            rules=tuple(record["rules"]),
            next_allowed_at=datetime.fromisoformat(at) if at else None,
            basis=tuple(Basis(**basis) for basis in record["basis"]),
            holidays_version=record["holidays_version"],
            tzdata_version=record["tzdata_version"],
        )


def decide(packs: Sequence[Pack], query: Query) -> Decision:
    """Judge one contact under all the packs: it is allowed only where each pack allows it in each zone.

    The packs' validity dates and status do not matter here: whoever chooses the packs answers for them.
    Errors: `policy.no_pack`, `policy.naive_instant`, `policy.unknown_zone`, `_channel`, `_purpose`, `_role`,
    `_direction`.
    """
    _require_known(packs, query)
    plans = _plans(packs, query)
    refused = {rule.id for plan in plans for rule in plan.standing if rule.refuses(query)}
    if query.person is not NOBODY_SPOKE:
        refused.update(query.person.refusals(query.purpose))
    if not query.zones:
        refused.add(ZONE_UNKNOWN)
    is_never = bool(refused)
    not_before = query.at
    for zone in query.zones:
        local = query.at.astimezone(zone_info(zone))
        today, minute = local.toordinal(), local.hour * 60 + local.minute
        log = local_log(query.contacts, zone)
        for plan in plans:
            for rule_id, stretches in allowed_minutes(plan.calendar, today):
                for since, until in stretches:
                    if since <= minute < until:
                        break
                else:
                    refused.add(rule_id)
            for rule in plan.log_rules:
                free_from = rule.free_from(log)
                if free_from > today:
                    refused.add(rule.id)
                    not_before = max(not_before, start_of_day(date.fromordinal(free_from), zone))
    next_allowed_at = None
    if refused and not is_never:
        opening = common_opening(_places(plans, query), not_before, query.at + HORIZON)
        next_allowed_at = opening[0] if opening else None
    return Decision(not refused, tuple(sorted(refused)), next_allowed_at, tuple([pack.basis for pack in packs]))


def open_until(packs: Sequence[Pack], query: Query) -> datetime | None:
    """When the stretch of open clock time in which `query.at` lies comes to its end (UTC).

    It is open where every pack's hours and closed days, and the person's own hours, allow it in every zone; the
    log, the flags and the standing rules do not matter. None where it is closed, or no zone is known; at most
    `HORIZON` ahead. Errors as in `decide`.
    """
    _require_known(packs, query)
    places = _places(_plans(packs, query), query)
    return end_of_opening(places, query.at.astimezone(UTC), query.at + HORIZON) if places else None


def _plans(packs: Sequence[Pack], query: Query) -> list[Plan]:
    plans = [plan_for(pack, query.channel, query.purpose) for pack in packs]
    if query.person is NOBODY_SPOKE:
        return plans
    return [
        replace(plan, calendar=heeding(plan.calendar, query.person, query.purpose, query.channel)) for plan in plans
    ]


def _places(plans: Sequence[Plan], query: Query) -> list[tuple[Calendar, str]]:
    return [(plan.calendar, zone) for zone in query.zones for plan in plans]


def _require_known(packs: Sequence[Pack], query: Query) -> None:
    """A word that no rule knows would slip through them: refuse it."""
    if not packs:
        raise SendaError("policy.no_pack", "a decision needs at least one pack", "pack")
    require_aware(query.at, "at")
    require_word("channel", query.channel, CHANNELS, "channel")
    require_word("purpose", query.purpose, PURPOSES, "purpose")
    require_word("role", query.role, ROLES, "role")
    for index, contact in enumerate(query.contacts):
        is_known = contact.channel in CHANNELS and contact.purpose in PURPOSES and contact.direction in DIRECTIONS
        if not is_known or contact.at.tzinfo is None:
            _name_the_fault(contact, f"contacts[{index}]")


def _name_the_fault(contact: LoggedContact, place: str) -> None:
    require_aware(contact.at, f"{place}.at")
    require_word("channel", contact.channel, CHANNELS, f"{place}.channel")
    require_word("purpose", contact.purpose, PURPOSES, f"{place}.purpose")
    require_word("direction", contact.direction, DIRECTIONS, f"{place}.direction")
