"""Local calendar arithmetic: the only place in Senda where a local date or wall-clock time meets an instant.

Instants are aware datetimes and come back in UTC. A wall-clock time that a clock change skips stands for the
instant of the change, the first at which the local clock shows that time or later; one that occurs twice
stands for its first occurrence.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from policy.errors import SendaError
from policy.pack import Pack
from policy.rules import ClosedDays, Window
from policy.vocabulary import WEEKDAYS
from policy.zones import zone_info

_DAY = timedelta(days=1)


def local_date(instant: datetime, zone: str) -> date:
    """The date in `zone` at that instant. Errors: `policy.unknown_zone`, `policy.naive_instant`."""
    return require_aware(instant).astimezone(zone_info(zone)).date()


def local_instant(day: date, at: time, zone: str) -> datetime:
    """The UTC instant at which clocks in `zone` show `at` on `day` (see above for clock changes).

    Error: `policy.unknown_zone`.
    """
    tz = zone_info(zone)
    wall = datetime.combine(day, at.replace(tzinfo=None))
    instant = wall.replace(tzinfo=tz).astimezone(UTC)
    if instant.astimezone(tz).replace(tzinfo=None) == wall:
        return instant
    # Skipped: read with the offset of before the change it lies after it, and the other way round.
    return _change_between(wall.replace(tzinfo=tz, fold=1).astimezone(UTC), instant, tz)


@lru_cache(maxsize=65_536)
def start_of_day(day: date, zone: str) -> datetime:
    """The first UTC instant of a local date; not always 00:00, since some clocks change at midnight."""
    return local_instant(day, time(), zone)


def constant_offset_parts(day: date, zone: str) -> tuple[tuple[datetime, datetime, timedelta], ...]:
    """A local date as half-open UTC stretches (start, end, UTC offset), two where clocks change.

    None for a date that the zone skipped (Apia had no 2011-12-30).
    """
    tz = zone_info(zone)
    start, end = start_of_day(day, zone), start_of_day(day + _DAY, zone)
    if start >= end:
        return ()
    first, last = _offset(start, tz), _offset(end - timedelta(seconds=1), tz)
    if first == last:
        return ((start, end, first),)
    change = _change_between(start, end, tz)
    return ((start, change, first), (change, end, last))


def holiday_name(pack: Pack, day: date) -> str | None:
    """The name of the pack's holiday on that date, none if it is not one."""
    return None if pack.holidays is None else pack.holidays.names(day.year).get(day)


def is_closed(pack: Pack, day: date) -> bool:
    """Whether the pack allows no collection contact at any time of that local date."""
    closed = {name for rule in pack.rules if isinstance(rule, Window | ClosedDays) for name in rule.closed}
    if WEEKDAYS[day.weekday()] in closed:
        return True
    return "holidays" in closed and holiday_name(pack, day) is not None


def require_aware(instant: datetime, field: str | None = None) -> datetime:
    """The instant itself. Error: `policy.naive_instant` if it has no offset."""
    if instant.tzinfo is None:
        raise SendaError("policy.naive_instant", "an instant needs its offset, such as -05:00 or Z", field)
    return instant


def _offset(instant: datetime, tz: ZoneInfo) -> timedelta:
    return instant.astimezone(tz).utcoffset() or timedelta()


def _change_between(low: datetime, high: datetime, tz: ZoneInfo) -> datetime:
    """The instant in (low, high] at which the zone's offset changes; exactly one change must lie there."""
    before = _offset(low, tz)
    earliest, latest = int(low.timestamp()), int(high.timestamp())
    while latest - earliest > 1:
        middle = (earliest + latest) // 2
        if _offset(datetime.fromtimestamp(middle, UTC), tz) == before:
            earliest = middle
        else:
            latest = middle
    return datetime.fromtimestamp(latest, UTC)
