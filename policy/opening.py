"""When calendars are open, as exact UTC stretches, and the first stretch that several of them share."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from policy.calendar import constant_offset_parts, local_date
from policy.meeting import can_meet
from policy.open_minutes import Calendar, open_to_all

Span = tuple[datetime, datetime]
"""Half-open, in UTC."""

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


def common_opening(places: Sequence[tuple[Calendar, str]], since: datetime, limit: datetime) -> Span | None:
    """The first stretch from `since` on with every calendar open in its zone; none if not before `limit`.

    The start is exact; the end is the earliest end of the stretches that meet there.
    """
    if len(places) > 1 and not can_meet(tuple(places), since.year, limit.year):
        return None
    start = since
    while start < limit:
        end = _END_OF_TIME
        for calendar, zone in places:
            span = _next_span(calendar, zone, start, limit)
            if span is None:
                return None
            if span[0] > start:
                start = span[0]
                break
            end = min(end, span[1])
        else:
            return start, end
    return None


def end_of_opening(places: Sequence[tuple[Calendar, str]], instant: datetime, limit: datetime) -> datetime | None:
    """When the stretch around `instant` ends in which every calendar is open, at most `limit`; none if closed then."""
    closing = [(calendar, zone) for calendar, zone in places if not calendar.is_always_open]
    end = instant if closing else limit
    while end < limit:
        opening = common_opening(closing, end, limit)
        if opening is None or opening[0] > end:
            break
        end = min(opening[1], limit)
    return end if end > instant else None


def _next_span(calendar: Calendar, zone: str, instant: datetime, limit: datetime) -> Span | None:
    """The calendar's first stretch that ends after `instant`; none if it begins days after `limit`."""
    today = local_date(instant, zone).toordinal()
    for ordinal in range(today, today + (limit - instant).days + 3):
        for span in _open_spans(calendar, zone, ordinal):
            if instant < span[1]:
                return span
    return None


@lru_cache(maxsize=65_536)
def _open_spans(calendar: Calendar, zone: str, ordinal: int) -> tuple[Span, ...]:
    """The stretches of a local date (its ordinal) in which every rule of the calendar allows a contact.

    Reckoned on each side of a clock change for itself: the window is one of wall-clock time.
    """
    stretches = open_to_all(calendar, ordinal)
    if not stretches:
        return ()
    day = date.fromordinal(ordinal)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    spans: list[Span] = []
    for part_start, part_end, offset in constant_offset_parts(day, zone):
        for opens, closes in stretches:
            start = max(part_start, midnight + timedelta(minutes=opens) - offset)
            end = min(part_end, midnight + timedelta(minutes=closes) - offset)
            if start < end:
                spans.append((start, end))
    return tuple(spans)
