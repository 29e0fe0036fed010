"""When the clock allows contacts: a snapshot that a planner carries, so as to plan the same in replay."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta

from pydantic import BaseModel, ConfigDict, Field

from policy.calendar import local_instant, start_of_day
from policy.errors import SendaError
from policy.open_minutes import calendar_for
from policy.opening import common_opening
from policy.pack import Pack
from policy.rules import ClockTime, minute_of_day
from policy.zones import zone_info

WeekdayHours = tuple[ClockTime, ClockTime] | None
"""Opening and closing local time "HH:MM", half-open; none on a weekday that never opens."""

_DAY = timedelta(days=1)
_WHOLE_DAY = 24 * 60
_FOUR_WEEKS = timedelta(days=27)
_LONGEST = timedelta(days=3660)
_SEARCHED = 366


class ContactHours(BaseModel):
    """Hours of the week in one zone, Monday first, and the dates on which they do not hold.

    A date outside the snapshot's own is read by its weekday alone: nothing is known of its holidays.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone: str = Field(description="IANA name")
    weekly: tuple[WeekdayHours, WeekdayHours, WeekdayHours, WeekdayHours, WeekdayHours, WeekdayHours, WeekdayHours]
    closed_days: tuple[date, ...] = ()

    def opens_on(self, day: date) -> tuple[datetime, datetime] | None:
        """The UTC instants [opening, closing) of that local date, none where it is closed."""
        hours = self.weekly[day.weekday()]
        if hours is None or day in self.closed_days:
            return None
        opening, closing = (self._instant(day, clock) for clock in hours)
        return (opening, closing) if opening < closing else None

    def next_open_day(self, day: date) -> date:
        """The first open local date from `day` on. Error: `policy.never_open` if a year holds none."""
        for ahead in range(_SEARCHED):
            candidate = day + timedelta(days=ahead)
            if self.opens_on(candidate) is not None:
                return candidate
        raise SendaError("policy.never_open", "the packs leave no common time on any day of a year")

    def _instant(self, day: date, clock: str) -> datetime:
        minute = minute_of_day(clock)
        if minute == _WHOLE_DAY:
            return start_of_day(day + _DAY, self.zone)
        return local_instant(day, time(minute // 60, minute % 60), self.zone)


def contact_hours(packs: Sequence[Pack], zones: Sequence[str], first: date, last: date) -> ContactHours:
    """When the clock allows a collection contact in every pack and zone, in the first zone's local time.

    A weekday's hours are those that all its open dates share. They are read over at least four weeks from
    `first`, so that a holiday in a short stretch does not hide them; `closed_days` covers the same dates.
    Errors: `policy.zone_unknown` without a zone, `policy.no_pack`, `policy.unknown_zone`, `policy.bad_range`
    for dates in the wrong order or more than ten years apart.
    """
    if not packs:
        raise SendaError("policy.no_pack", "contact hours need at least one pack", "packs")
    if not zones:
        raise SendaError("policy.zone_unknown", "no time zone is known: it is asked for, never guessed", "zones")
    if not timedelta() <= last - first <= _LONGEST:
        raise SendaError("policy.bad_range", "the last date must follow the first within ten years", "last")
    found = list(_open_minutes(packs, zones, first, max(last, first + _FOUR_WEEKS)))
    weekly = [_shared(minutes for day, minutes in found if minutes and day.weekday() == n) for n in range(7)]
    closed = tuple(day for day, minutes in found if minutes is None and weekly[day.weekday()] is not None)
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = weekly
    return ContactHours(
        zone=zones[0],
        weekly=(monday, tuesday, wednesday, thursday, friday, saturday, sunday),
        closed_days=closed,
    )


def _open_minutes(
    packs: Sequence[Pack], zones: Sequence[str], first: date, last: date
) -> Iterator[tuple[date, tuple[int, int] | None]]:
    """For each date its longest common stretch, as whole local minutes [from, to); none on a closed date."""
    places = [(calendar_for(pack, "collection"), zone) for zone in zones for pack in packs]
    day = first
    while day <= last:
        instant, end = start_of_day(day, zones[0]), start_of_day(day + _DAY, zones[0])
        longest: tuple[int, int] | None = None
        while opening := common_opening(places, instant, end):
            instant = min(opening[1], end)
            minutes = (
                _local_minute(opening[0], zones[0]),
                _WHOLE_DAY if instant == end else _local_minute(instant, zones[0]),
            )
            if longest is None or minutes[1] - minutes[0] > longest[1] - longest[0]:
                longest = minutes
        yield day, longest
        day += _DAY


def _local_minute(instant: datetime, zone: str) -> int:
    local = instant.astimezone(zone_info(zone))
    return local.hour * 60 + local.minute


def _shared(stretches: Iterable[tuple[int, int]]) -> WeekdayHours:
    all_of_them = list(stretches)
    opens = max((opens for opens, _ in all_of_them), default=_WHOLE_DAY)
    closes = min((closes for _, closes in all_of_them), default=0)
    return (_clock(opens), _clock(closes)) if opens < closes else None


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
