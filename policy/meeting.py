"""Whether calendars in several zones can ever be open at once: told from their weeks, before any day is searched."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from policy.open_minutes import Calendar, Stretch, open_on_weekday, overlap, union
from policy.zones import zone_info

DAY = 24 * 60
WEEK = 7 * DAY


@lru_cache(maxsize=16_384)
def can_meet(places: tuple[tuple[Calendar, str], ...], first_year: int, last_year: int) -> bool:
    """False where no week of these years (UTC) has a minute in which every calendar is open in its zone.

    Holidays only close, so a week without them decides. A calendar that a person's own hours changed is taken as
    always open: true may be wrong then, false never is.
    """
    shared: tuple[Stretch, ...] = ((0, WEEK),)
    for calendar, zone in places:
        shared = overlap(shared, _open_minutes_of_week(calendar, zone, first_year, last_year))
        if not shared:
            return False
    return True


@lru_cache(maxsize=4096)
def _open_minutes_of_week(calendar: Calendar, zone: str, first_year: int, last_year: int) -> tuple[Stretch, ...]:
    """The minutes of a UTC week (from Monday) in which the calendar may be open, at any offset that the zone uses."""
    if calendar.hours or calendar.requests:
        return ((0, WEEK),)
    least, most = _offsets(zone, first_year, last_year)
    found: list[Stretch] = []
    for weekday in range(7):
        for since, until in open_on_weekday(calendar, weekday):
            start, end = weekday * DAY + since - most, weekday * DAY + until - least
            found += [(start + turn, end + turn) for turn in (-WEEK, 0, WEEK)]
    return union(overlap(found, ((0, WEEK),)))


def _offsets(zone: str, first_year: int, last_year: int) -> Stretch:
    """The least and the greatest offset from UTC in these years, in minutes, rounded outwards."""
    bounds = [_offsets_of_year(zone, year) for year in range(first_year, last_year + 1)]
    return min(least for least, _ in bounds), max(most for _, most in bounds)


@lru_cache(maxsize=4096)
def _offsets_of_year(zone: str, year: int) -> Stretch:
    tz = zone_info(zone)
    noon = datetime(year, 1, 1, 12, tzinfo=UTC)
    # No zone ever kept an offset for less than a day.
    offsets = {(noon + timedelta(days=day)).astimezone(tz).utcoffset() or timedelta() for day in range(-1, 367)}
    return min(offsets) // timedelta(minutes=1), -(-max(offsets) // timedelta(minutes=1))
