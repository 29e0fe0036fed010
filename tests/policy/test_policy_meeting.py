"""Calendars whose weeks never meet are told without a search, and no search would have found anything."""

from datetime import UTC, datetime, timedelta
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_cases import ALL_KEYS

from policy import HORIZON, Query, decide, known_zones, load_pack
from policy.meeting import can_meet
from policy.open_minutes import calendar_for
from policy.opening import _open_spans  # pyright: ignore[reportPrivateUsage] - the plain search, day by day

FAR_APART = ("America/Bogota", "Asia/Tokyo", "Pacific/Auckland", "Europe/Madrid", "Pacific/Honolulu", "Asia/Kolkata")
START = datetime(2026, 1, 13, 15, tzinfo=UTC)


def meeting(places: list[tuple[str, str]], since: datetime) -> bool:
    """Whether all are open at once within the horizon, looking at every stretch of the first one."""
    calendars = [(calendar_for(load_pack(key), "collection"), zone) for key, zone in places]
    days = range(since.toordinal() - 1, (since + HORIZON).toordinal() + 2)
    stretches = [[span for day in days for span in _open_spans(calendar, zone, day)] for calendar, zone in calendars]
    shared = stretches[0]
    for others in stretches[1:]:
        found: list[tuple[datetime, datetime]] = []
        rest = iter(others)
        other = next(rest, None)
        for start, end in shared:
            while other is not None and other[1] <= start:
                other = next(rest, None)
            if other is not None and other[0] < end:
                found.append((max(start, other[0]), min(end, other[1])))
        shared = found
    return any(since < end and start < since + HORIZON for start, end in shared)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(ALL_KEYS), st.sampled_from(FAR_APART)), min_size=2, max_size=3),
    st.integers(0, 2000),
)
def test_what_is_told_never_to_meet_is_not_found_by_searching(places: list[tuple[str, str]], later: int) -> None:
    since = START + timedelta(days=later)
    calendars = tuple((calendar_for(load_pack(key), "collection"), zone) for key, zone in places)
    if not can_meet(calendars, since.year, (since + HORIZON).year):
        assert not meeting(places, since)


@pytest.mark.parametrize(
    ("key", "zones", "answer"),
    [
        ("default", ("America/New_York", "Asia/Tokyo"), False),
        ("CO", ("America/Bogota", "Asia/Tokyo"), True),
        ("PE", ("America/Lima", "Pacific/Auckland"), True),
        ("GT", ("America/Guatemala", "Asia/Kolkata"), False),
    ],
)
def test_working_hours_of_two_zones_meet_or_not(key: str, zones: tuple[str, ...], answer: bool) -> None:
    calendar = calendar_for(load_pack(key), "collection")
    assert can_meet(tuple((calendar, zone) for zone in zones), 2026, 2028) is answer


def test_hours_that_never_meet_take_no_search() -> None:
    asked = Query(("America/Bogota", "Asia/Tokyo", "Pacific/Auckland"), START, "sms", "collection", "debtor", ["sms"])
    decide([load_pack("GT")], asked)
    began = process_time()
    for minute in range(500):
        moved = Query(asked.zones, START + timedelta(minutes=minute), "sms", "collection", "debtor", ["sms"])
        assert decide([load_pack("GT")], moved).next_allowed_at is None
    assert process_time() - began < 1, "a search through two years takes ten milliseconds and more"


def test_the_zone_of_a_clock_that_nobody_has_set_is_unknown() -> None:
    assert "Factory" not in known_zones()
