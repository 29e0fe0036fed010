"""A person's own request for other hours (CO-10), worked by hand. Local times are of Bogotá, UTC-5 all year.

2026-03-01 is a Sunday, 2026-07-13 a holiday on a Monday, 2026-02-07 a Saturday.
"""

from datetime import datetime

import pytest
from policy_cases import bogota, contact, own_request, query

from policy import Decision, OwnRequest, Person, decide, load_pack, open_until

SUNDAYS = own_request(("sun", "10:00", "12:00"))


def judge(at: datetime, *requests: OwnRequest, pack: str = "CO", **changes: object) -> Decision:
    return decide([load_pack(pack)], query(at, person=Person(requests=requests), **changes))


@pytest.mark.parametrize("time", ["10:00", "11:59:59"])
def test_a_requested_sunday_is_open_within_the_hours_asked_for(time: str) -> None:
    assert judge(bogota(f"2026-03-01 {time}"), SUNDAYS).allowed


@pytest.mark.parametrize(
    ("time", "until"), [("09:59:59", "2026-03-01 10:00"), ("12:00", "2026-03-02 07:00"), ("20:00", "2026-03-02 07:00")]
)
def test_a_requested_sunday_is_closed_outside_the_hours_asked_for(time: str, until: str) -> None:
    decision = judge(bogota(f"2026-03-01 {time}"), SUNDAYS)

    assert decision.rules == ("CO-02",)
    assert decision.next_allowed_at == bogota(until)


def test_from_saturday_afternoon_the_requested_sunday_is_next() -> None:
    assert judge(bogota("2026-02-28 15:00"), SUNDAYS).next_allowed_at == bogota("2026-03-01 10:00")


def test_a_holiday_is_open_only_where_the_request_names_holidays() -> None:
    on_mondays = own_request(("mon", "19:00", "20:00"))
    on_holidays = own_request(("holidays", "10:00", "11:00"))

    assert judge(bogota("2026-07-13 10:30"), on_holidays).allowed
    assert judge(bogota("2026-07-13 11:00"), on_holidays).rules == ("CO-02",)
    assert judge(bogota("2026-07-13 19:30"), on_mondays).rules == ("CO-01", "CO-02")
    assert judge(bogota("2026-07-20 19:30"), on_mondays).rules == ("CO-01", "CO-02")  # the next Monday, a holiday too
    assert judge(bogota("2026-07-06 19:30"), on_mondays).allowed


def test_a_holiday_evening_beyond_co01_can_be_asked_for() -> None:
    assert judge(bogota("2026-07-13 20:30"), own_request(("holidays", "20:00", "21:00"))).allowed


def test_a_holiday_that_falls_on_a_sunday_is_a_holiday() -> None:
    independence_day = bogota("2025-07-20 10:30")
    sundays = own_request(("sun", "10:00", "12:00"), since="2025-01-01")
    sundays_and_holidays = own_request(("sun holidays", "10:00", "12:00"), since="2025-01-01")

    assert judge(independence_day, sundays).rules == ("CO-02",)
    assert judge(independence_day, sundays_and_holidays).allowed


def test_a_requested_saturday_evening_is_a_second_stretch_of_the_day() -> None:
    evening = own_request(("sat", "17:00", "19:30"))

    assert judge(bogota("2026-02-07 14:59"), evening).allowed
    assert judge(bogota("2026-02-07 15:00"), evening).rules == ("CO-01",)
    assert judge(bogota("2026-02-07 15:00"), evening).next_allowed_at == bogota("2026-02-07 17:00")
    assert judge(bogota("2026-02-07 19:29"), evening).allowed
    assert judge(bogota("2026-02-07 19:30"), evening).next_allowed_at == bogota("2026-02-09 07:00")


def test_requested_hours_that_touch_the_legal_ones_are_one_stretch() -> None:
    evening = query(bogota("2026-02-04 10:00"), person=Person(requests=(own_request(("wed", "19:00", "21:00")),)))

    assert open_until([load_pack("CO")], evening) == bogota("2026-02-04 21:00")


def test_a_request_holds_for_the_channels_that_it_names() -> None:
    by_email = own_request(("sun", "10:00", "12:00"), channels=["email", "call"])

    assert judge(bogota("2026-03-01 10:00"), by_email, channel="email").allowed
    assert judge(bogota("2026-03-01 10:00"), by_email, channel="sms").rules == ("CO-02",)


@pytest.mark.parametrize(
    ("sunday", "allowed"), [("2026-03-01", False), ("2026-03-08", True), ("2026-03-15", True), ("2026-03-22", False)]
)
def test_a_request_holds_from_its_first_to_its_last_date(sunday: str, allowed: bool) -> None:
    request = own_request(("sun", "10:00", "12:00"), since="2026-03-08", until="2026-03-15")

    assert judge(bogota(f"{sunday} 10:00"), request).allowed == allowed


@pytest.mark.parametrize("flaw", [{"solicited": True}, {"separate": False}, {"solicited": True, "separate": False}])
def test_what_the_collector_solicited_or_the_contract_holds_widens_nothing(flaw: dict[str, bool]) -> None:
    request = own_request(("sun", "10:00", "12:00"), **flaw)

    decision = judge(bogota("2026-03-01 10:00"), request)

    assert decision.rules == ("CO-02",)
    assert decision.next_allowed_at == bogota("2026-03-02 07:00")


def test_caps_and_locks_hold_in_requested_hours() -> None:
    that_morning = contact(bogota("2026-03-01 10:05"), "whatsapp")
    asked = query(bogota("2026-03-01 10:30"), that_morning, person=Person(requests=(SUNDAYS,)))

    decision = decide([load_pack("CO")], asked)

    assert decision.rules == ("CO-03", "CO-04")
    assert decision.next_allowed_at == bogota("2026-03-08 10:00")  # the next Sunday: asked for, too


@pytest.mark.parametrize(
    ("change", "rule"),
    [({"channel": "visit"}, "CO-08"), ({"channel": "push"}, "CO-05"), ({"role": "reference"}, "CO-06")],
)
def test_channels_and_addressees_hold_in_requested_hours(change: dict[str, str], rule: str) -> None:
    assert rule in judge(bogota("2026-03-01 10:00"), SUNDAYS, **change).rules


@pytest.mark.parametrize(("pack", "rule"), [("PE", "PE-01"), ("CL", "CL-01"), ("default", "DEF-01")])
def test_other_packs_are_not_widened(pack: str, rule: str) -> None:
    assert judge(bogota("2026-03-01 10:00"), SUNDAYS, pack=pack).rules == (rule,)


def test_the_united_states_are_not_widened() -> None:
    late = own_request(("mon tue wed thu fri sat sun holidays", "21:00", "23:00"))

    assert judge(bogota("2026-03-02 22:00"), late, pack="US").rules == ("US-01",)


def test_a_stricter_pack_beside_colombia_is_not_widened() -> None:
    asked = query(bogota("2026-03-01 10:00"), person=Person(requests=(SUNDAYS,)))

    assert decide([load_pack("CO"), load_pack("default")], asked).rules == ("DEF-01",)


def test_the_local_date_of_each_zone_decides() -> None:
    zones = ("America/Bogota", "Asia/Tokyo")
    sunday_in_bogota = bogota("2026-03-01 19:30")  # 09:30 on Monday in Tokyo
    evening = own_request(("sun", "19:00", "20:00"), until="2026-03-01")

    assert judge(sunday_in_bogota, evening, zones=zones).allowed
    assert not judge(bogota("2026-03-08 19:30"), evening, zones=zones).allowed
