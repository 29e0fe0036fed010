"""The snapshot of contact hours that a planner carries."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_cases import ALL_KEYS, bogota

from policy import (
    ContactHours,
    Query,
    SendaError,
    contact_hours,
    decide,
    load_pack,
    local_date,
    start_of_day,
)

FIRST, LAST = date(2026, 3, 1), date(2026, 7, 31)
COLOMBIA = contact_hours([load_pack("CO")], ["America/Bogota"], FIRST, LAST)


def test_colombia_has_its_weekly_hours_and_holidays() -> None:
    assert COLOMBIA.zone == "America/Bogota"
    assert COLOMBIA.weekly == (*[("07:00", "19:00")] * 5, ("08:00", "15:00"), None)
    assert date(2026, 7, 13) in COLOMBIA.closed_days
    assert date(2026, 3, 8) not in COLOMBIA.closed_days  # a Sunday is closed by the week


def test_an_open_day_has_its_instants() -> None:
    expected = bogota("2026-03-04 07:00"), bogota("2026-03-04 19:00")

    assert COLOMBIA.opens_on(date(2026, 3, 4)) == expected


@pytest.mark.parametrize("closed", [date(2026, 3, 8), date(2026, 7, 13)])
def test_a_sunday_and_a_holiday_are_closed(closed: date) -> None:
    assert COLOMBIA.opens_on(closed) is None


def test_the_next_open_day_is_the_day_itself_if_open() -> None:
    assert COLOMBIA.next_open_day(date(2026, 3, 4)) == date(2026, 3, 4)


def test_the_next_open_day_is_found_over_sunday_and_holiday() -> None:
    assert COLOMBIA.next_open_day(date(2026, 7, 12)) == date(2026, 7, 14)


def test_a_snapshot_survives_the_way_through_json() -> None:
    assert ContactHours.model_validate_json(COLOMBIA.model_dump_json()) == COLOMBIA


def test_several_packs_leave_what_all_of_them_allow() -> None:
    hours = contact_hours([load_pack("CO"), load_pack("default")], ["America/Bogota"], FIRST, LAST)

    assert hours.weekly == (*[("08:00", "18:00")] * 5, None, None)


def test_several_zones_leave_what_is_allowed_in_all_told_in_the_first() -> None:
    hours = contact_hours([load_pack("US")], ["America/New_York", "America/Los_Angeles"], FIRST, LAST)

    assert hours.weekly == (("11:00", "21:00"),) * 7


def test_zones_that_change_their_clocks_apart_leave_the_hours_that_hold_on_every_date() -> None:
    zones = ["America/New_York", "America/Bogota"]  # the same time in winter, an hour apart from 8 March on

    hours = contact_hours([load_pack("CO")], zones, date(2026, 2, 1), date(2026, 4, 30))

    assert hours.weekly[0] == ("08:00", "19:00")


def test_a_short_stretch_full_of_holidays_still_knows_the_week() -> None:
    hours = contact_hours([load_pack("CO")], ["America/Bogota"], date(2026, 4, 2), date(2026, 4, 3))

    assert hours.weekly == COLOMBIA.weekly
    assert date(2026, 4, 2) in hours.closed_days


def test_zones_without_a_common_time_never_open() -> None:
    hours = contact_hours([load_pack("default")], ["America/Bogota", "Asia/Tokyo"], FIRST, LAST)

    assert hours.weekly == (None,) * 7
    with pytest.raises(SendaError) as caught:
        hours.next_open_day(FIRST)
    assert caught.value.code == "policy.never_open"


@pytest.mark.parametrize(
    ("packs", "zones", "last", "code"),
    [
        ([], ["America/Bogota"], LAST, "policy.no_pack"),
        (["CO"], [], LAST, "policy.zone_unknown"),
        (["CO"], ["America/Macondo"], LAST, "policy.unknown_zone"),
        (["CO"], ["America/Bogota"], FIRST - timedelta(days=1), "policy.bad_range"),
        (["CO"], ["America/Bogota"], date(2126, 1, 1), "policy.bad_range"),
    ],
)
def test_a_snapshot_of_nothing_is_an_error(packs: list[str], zones: list[str], last: date, code: str) -> None:
    with pytest.raises(SendaError) as caught:
        contact_hours([load_pack(key) for key in packs], zones, FIRST, last)

    assert caught.value.code == code


@given(st.sampled_from(ALL_KEYS), st.dates(FIRST, LAST), st.integers(0, 24 * 60 - 1), st.data())
@settings(max_examples=200, deadline=None)
def test_in_one_zone_the_snapshot_says_what_the_decision_says(
    key: str, day: date, minute: int, data: st.DataObject
) -> None:
    pack = load_pack(key)
    zone = data.draw(st.sampled_from(pack.zones or ("America/Lima",)))
    at = start_of_day(day, zone) + timedelta(minutes=minute)
    hours = contact_hours([pack], [zone], FIRST, LAST + timedelta(days=1))

    decision = decide([pack], Query((zone,), at, "sms", "collection", "debtor", ("sms",)))

    opening = hours.opens_on(local_date(at, zone))
    assert decision.allowed == (opening is not None and opening[0] <= at < opening[1])
