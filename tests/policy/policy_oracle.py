"""A second reading of the contact rules, slow and plain, sharing no code with the policy: it tries each instant.

Written from the rules' tables, with the holidays package but for Colombia, whose holidays are listed by hand.
"""

import io
import pkgutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays

Case = dict[str, Any]

COLOMBIA = """
2025-12-25 2026-01-01 2026-01-12 2026-03-23 2026-04-02 2026-04-03 2026-05-01 2026-05-18 2026-06-08 2026-06-15
2026-06-29 2026-07-13 2026-07-20 2026-08-07 2026-08-17 2026-10-12 2026-11-02 2026-11-16 2026-12-08 2026-12-25
2027-01-01 2027-01-11 2027-03-22 2027-03-25 2027-03-26 2027-05-01 2027-05-10 2027-05-31 2027-06-07 2027-07-05
2027-07-12 2027-07-20 2027-08-07 2027-08-16 2027-10-18 2027-11-01 2027-11-15 2027-12-08 2027-12-25 2028-01-01
2028-01-10
"""
"""The holidays from the end of 2025 to the beginning of 2028."""

# Hours of Monday to Friday, Saturday and Sunday; the calendar of holidays.
HOURS: dict[str, tuple[tuple[int, int] | None, tuple[int, int] | None, tuple[int, int] | None, str]] = {
    "CO": ((7, 19), (8, 15), None, "hand"),
    "CL": ((8, 20), (8, 20), None, "CL"),
    "PE": ((7, 20), None, None, "PE"),
    "MX": ((7, 22), None, None, "MX"),
    "EC": ((7, 20), None, None, "EC"),
    "AR-C": ((8, 20), (8, 12), None, "AR"),
    "BR-SP": ((8, 20), (8, 14), None, "BR-SP"),
    "BR-RJ": ((9, 19), None, None, "BR-RJ"),
    "DO": ((7, 20), (9, 13), None, "DO"),
    "GT": ((8, 18), None, None, "GT"),
    "US": ((8, 21), (8, 21), (8, 21), ""),
    "PA": ((8, 18), None, None, "PA"),
    "CR": ((8, 18), None, None, "CR"),
    "ES": ((8, 18), None, None, "ES"),
    "default": ((8, 18), None, None, ""),
}
DAILY = {"EC": 1, "DO": 5, "GT": 2, "PA": 1, "CR": 1, "ES": 1, "default": 1}
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OWING = {"debtor", "codebtor", "guarantor"}


def allowed(case: Case, at: datetime) -> bool:
    """Whether the case's contact would be allowed at `at`, if nothing else happened until then."""
    return bool(case["zones"]) and all(_allowed_in(case, at, zone_rules(zone)) for zone in case["zones"])


def next_allowed(case: Case, step: timedelta, days: int) -> datetime | None:
    """The first allowed instant after the case's own, on a grid of `step`, within `days`; none if there is none."""
    at = datetime.fromisoformat(case["at"]).astimezone(UTC)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    instant = epoch + ((at - epoch) // step + 1) * step
    while instant <= at + timedelta(days=days):
        if allowed(case, instant):
            return instant
        instant += step
    return None


@cache
def zone_rules(key: str) -> ZoneInfo:
    """The zone's rules from the `tzdata` package: the machine's own may be of another year."""
    return ZoneInfo.from_file(io.BytesIO(pkgutil.get_data("tzdata", f"zoneinfo/{key}") or b""), key)


def _allowed_in(case: Case, at: datetime, zone: ZoneInfo) -> bool:
    pack = case["pack"]
    local = at.astimezone(zone)
    if not _person_allows(case, local):
        return False
    if pack == "CO":
        if case["channel"] not in case["authorised_channels"] or case["channel"] == "visit":
            return False
        if case["role"] in OWING and case["purpose"] != "collection":
            return True
    if pack in ("CO", "CL", "EC") and case["role"] not in OWING:
        return False
    is_open = _open(pack, local) or (pack == "CO" and _asked_for(case, local))
    return is_open and _log_allows(case, local.date(), zone)


def _person_allows(case: Case, local: datetime) -> bool:
    person = case.get("person", {})
    if person.get("do_not_contact") and case["purpose"] != "requested_information":
        return False
    if case["purpose"] != "collection":
        return True
    if person.get("cease") or person.get("attorney"):
        return False
    preferred = person.get("hours")
    return not preferred or _asked_for(case, local) or _within(preferred, WEEK[local.weekday()], local)


def _asked_for(case: Case, local: datetime) -> bool:
    day = "holidays" if _is_holiday(HOURS[case["pack"]][3], local.date()) else WEEK[local.weekday()]
    return any(
        request["separate"]
        and not request["solicited"]
        and case["channel"] in request.get("channels", [case["channel"]])
        and request["since"] <= local.date().isoformat() <= request.get("until", "9999")
        and _within(request["hours"], day, local)
        for request in case.get("person", {}).get("requests", [])
    )


def _within(entries: list[Case], day: str, local: datetime) -> bool:
    clock = f"{local:%H:%M}"
    return any(day in entry["days"] and entry["opens"] <= clock < entry["closes"] for entry in entries)


def _open(pack: str, local: datetime) -> bool:
    week, saturday, sunday, calendar = HOURS[pack]
    hours = {5: saturday, 6: sunday}.get(local.weekday(), week)
    if hours is None or _is_holiday(calendar, local.date()):
        return False
    return hours[0] <= local.hour < hours[1]


_CALENDARS: dict[str, holidays.HolidayBase] = {}


def _is_holiday(calendar: str, day: date) -> bool:
    if calendar == "hand":
        return day.isoformat() in COLOMBIA
    if not calendar:
        return False
    if calendar not in _CALENDARS:
        country, _, subdivision = calendar.partition("-")
        _CALENDARS[calendar] = holidays.country_holidays(country, subdiv=subdivision or None, years=range(2024, 2031))
    return day in _CALENDARS[calendar]


def _log_allows(case: Case, today: date, zone: ZoneInfo) -> bool:
    pack, channel = case["pack"], case["channel"]
    log = [
        (datetime.fromisoformat(entry["at"]).astimezone(zone).date(), entry["channel"], entry["two_way"])
        for entry in case["contacts"]
        if entry["direction"] == "outbound" and entry["purpose"] == "collection"
    ]

    def count(days: int, counts: Callable[[str, bool], bool]) -> int:
        return sum(today < day + timedelta(days=days) and counts(by, answered) for day, by, answered in log)

    if pack == "CO":
        return not count(1, lambda by, _: True) and not count(7, lambda by, _: by != channel)
    if pack == "CL" and channel in ("call", "visit"):
        return not count(7, lambda by, _: by in ("call", "visit"))
    if pack == "CL":
        others = count(7, lambda by, _: by not in ("call", "visit"))
        return others < 2 and not count(3, lambda by, _: by not in ("call", "visit"))
    if pack == "US" and channel == "call":
        conversations = count(7, lambda by, answered: by == "call" and answered)
        return not conversations and count(7, lambda by, _: by == "call") < 7
    return count(1, lambda by, _: True) < DAILY.get(pack, 10**9)
