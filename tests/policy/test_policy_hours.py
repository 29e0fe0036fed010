"""The snapshot of contact hours that a planner carries."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_cases import ALL_KEYS, bogota, own_request, persons
from policy_cases import hours as preferred

from policy import (
    ContactHours,
    OwnRequest,
    Person,
    Query,
    SendaError,
    contact_hours,
    decide,
    load_pack,
    local_date,
    open_until,
    start_of_day,
)
from policy.hours import WeekdayHours

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


def planned(*requests: OwnRequest, preferring: str | None = None) -> ContactHours:
    """Colombia's snapshot for a person who prefers Mondays and Tuesdays at given hours, or any time."""
    own = () if preferring is None else (preferred("mon tue", *preferring.split("-")),)
    return contact_hours([load_pack("CO")], ["America/Bogota"], FIRST, LAST, Person(hours=own, requests=requests))


def test_preferred_hours_narrow_the_week() -> None:
    mornings: WeekdayHours = ("09:00", "11:00")

    assert planned(preferring="09:00-11:00").weekly == (mornings, mornings, None, None, None, None, None)
    assert planned(preferring="18:00-22:00").weekly[0] == ("18:00", "19:00")


def test_preferred_hours_leave_the_holidays_closed() -> None:
    assert planned(preferring="09:00-11:00").opens_on(date(2026, 7, 13)) is None


def test_a_requested_sunday_opens_from_the_requests_first_date_to_its_last() -> None:
    hours = planned(own_request(("sun", "10:00", "12:00"), since="2026-03-15", until="2026-04-05"))

    assert hours.weekly[6] == ("10:00", "12:00")
    assert hours.opens_on(date(2026, 3, 8)) is None
    assert hours.opens_on(date(2026, 3, 15)) == (bogota("2026-03-15 10:00"), bogota("2026-03-15 12:00"))
    assert hours.opens_on(date(2026, 4, 5)) is not None
    assert hours.opens_on(date(2026, 4, 12)) is None


def test_a_requested_evening_lengthens_a_weekday() -> None:
    assert planned(own_request(("wed", "19:00", "21:00"))).weekly[2] == ("07:00", "21:00")


def test_a_week_of_other_hours_does_not_change_the_rest() -> None:
    one_monday = own_request(("mon", "19:00", "23:00"), since="2026-03-02", until="2026-03-02")

    assert planned(one_monday).weekly == COLOMBIA.weekly
    assert planned(one_monday, preferring="09:00-11:00").weekly[0] == ("09:00", "11:00")


def test_a_planner_does_not_plan_onto_holidays_that_were_asked_for() -> None:
    asking = planned(own_request(("holidays", "10:00", "11:00"), ("sat holidays", "15:00", "16:00")))

    assert asking.opens_on(date(2026, 7, 13)) is None
    assert asking.weekly == (*COLOMBIA.weekly[:5], ("08:00", "16:00"), None)


def test_a_request_for_one_channel_does_not_widen_the_plan() -> None:
    assert planned(own_request(("sun", "10:00", "12:00"), channels=["email"])) == COLOMBIA


def test_a_solicited_request_does_not_widen_the_plan() -> None:
    assert planned(own_request(("sun", "10:00", "12:00"), solicited=True)) == COLOMBIA


def test_preferred_hours_hold_in_each_zone_of_a_plan() -> None:
    zones = ["America/New_York", "America/Los_Angeles"]

    hours = contact_hours([load_pack("US")], zones, FIRST, LAST, Person(hours=(preferred("mon", "12:00", "18:00"),)))

    assert hours.weekly == (("15:00", "18:00"), *(None,) * 6)


@given(st.sampled_from(["CO", "CO", "CL", "US"]), persons(), st.dates(FIRST, LAST), st.sampled_from(["sms", "call"]))
@settings(max_examples=100, deadline=None)
def test_the_plan_never_opens_a_time_that_the_clock_closes(key: str, person: Person, day: date, channel: str) -> None:
    packs = [load_pack(key)]
    zone = packs[0].zones[0]
    opening = contact_hours(packs, [zone], FIRST, LAST, person).opens_on(day)
    if opening is None:
        return

    until = open_until(packs, Query((zone,), opening[0], channel, "collection", "debtor", (), person=person))

    assert until is not None
    assert until >= opening[1]
