"""Local calendar arithmetic, above all where clocks change."""

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from policy_oracle import zone_rules

from policy import Pack, Query, SendaError, decide, local_date, local_instant, start_of_day
from policy.calendar import constant_offset_parts

CHANGING = ("America/New_York", "America/Santiago", "Australia/Lord_Howe", "Europe/London", "America/Havana")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def test_the_local_date_is_that_of_the_zone() -> None:
    assert local_date(utc("2026-02-05T02:00"), "America/Bogota") == date(2026, 2, 4)


def test_an_ordinary_wall_clock_time_becomes_its_instant() -> None:
    assert local_instant(date(2026, 2, 4), time(7), "America/Bogota") == utc("2026-02-04T12:00")


def test_a_skipped_time_stands_for_the_instant_of_the_change() -> None:
    skipped = local_instant(date(2026, 3, 8), time(2, 30), "America/New_York")

    assert skipped == utc("2026-03-08T07:00")  # the clock goes from 01:59:59 to 03:00


def test_a_repeated_time_stands_for_its_first_occurrence() -> None:
    repeated = local_instant(date(2026, 11, 1), time(1, 30), "America/New_York")

    assert repeated == utc("2026-11-01T05:30")


def test_a_day_whose_midnight_is_skipped_starts_when_its_first_hour_does() -> None:
    assert start_of_day(date(2026, 9, 6), "America/Santiago") == utc("2026-09-06T04:00")
    assert local_date(utc("2026-09-06T03:59"), "America/Santiago") == date(2026, 9, 5)


def test_a_day_on_which_clocks_change_has_two_parts() -> None:
    before, after = constant_offset_parts(date(2026, 3, 8), "America/New_York")

    assert before == (utc("2026-03-08T05:00"), utc("2026-03-08T07:00"), timedelta(hours=-5))
    assert after == (utc("2026-03-08T07:00"), utc("2026-03-09T04:00"), timedelta(hours=-4))


def test_a_date_that_the_zone_skipped_has_no_part() -> None:
    assert constant_offset_parts(date(2011, 12, 30), "Pacific/Apia") == ()


def test_an_unknown_zone_is_an_error() -> None:
    with pytest.raises(SendaError) as caught:
        local_date(utc("2026-01-01T00:00"), "../America/Bogota")

    assert caught.value.code == "policy.unknown_zone"


def test_a_naive_instant_is_an_error() -> None:
    with pytest.raises(SendaError) as caught:
        local_date(datetime(2026, 1, 1), "America/Bogota")  # noqa: DTZ001  (the mistake under test)

    assert caught.value.code == "policy.naive_instant"


@given(
    st.dates(date(2015, 1, 1), date(2035, 12, 31)),
    st.times().map(lambda at: at.replace(microsecond=0)),
    st.sampled_from(CHANGING),
)
@settings(max_examples=300, deadline=None)
def test_no_instant_before_the_one_found_shows_that_time_or_later_on_that_day(day: date, at: time, zone: str) -> None:
    instant = local_instant(day, at, zone)

    assert local_date(instant, zone) >= day
    just_before = instant - timedelta(seconds=1)
    if local_date(just_before, zone) == day:
        assert _clock(just_before, zone) < at
    if local_date(instant, zone) == day:
        assert _clock(instant, zone) >= at


@given(st.dates(date(2015, 1, 1), date(2035, 12, 31)), st.sampled_from(CHANGING))
@settings(max_examples=200, deadline=None)
def test_days_follow_each_other_without_gap_or_overlap(day: date, zone: str) -> None:
    parts = constant_offset_parts(day, zone)

    assert parts[0][0] == start_of_day(day, zone)
    assert parts[-1][1] == start_of_day(day + timedelta(days=1), zone)
    for start, end, offset in parts:
        assert (start + offset).date() == day
        assert (end + offset - timedelta(seconds=1)).date() == day


CLOCK_CHANGES = [
    ("America/New_York", utc("2026-03-08T07:00")),
    ("America/New_York", utc("2026-11-01T06:00")),
    ("America/Santiago", utc("2026-04-05T03:00")),
    ("America/Santiago", utc("2026-09-06T04:00")),
    ("Australia/Lord_Howe", utc("2026-04-04T15:00")),
    ("Australia/Lord_Howe", utc("2026-10-03T15:30")),
]


def night_pack(opens: str, closes: str) -> Pack:
    """A pack that is open in the hours in which clocks change."""
    every_day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    rule = {
        "id": "NT-01",
        "kind": "window",
        "hours": [{"days": every_day, "opens": opens, "closes": closes}],
        "text": {"es": "De noche.", "en": "At night."},
        "source": "a test",
        "mark": "P",
    }
    return Pack.model_validate(
        {
            "pack": "night",
            "version": "1",
            "name": {"es": "Noche", "en": "Night"},
            "valid_from": "2026-01-01",
            "status": "draft",
            "reviewed_by_counsel": False,
            "zones": [],
            "holidays": None,
            "rules": [rule],
        }
    )


@given(
    st.lists(st.integers(0, 18), min_size=2, max_size=2, unique=True).map(sorted),
    st.sampled_from(CLOCK_CHANGES),
    st.integers(-300, 300),
)
@settings(max_examples=120, deadline=None)
def test_a_window_around_a_clock_change_opens_at_the_first_minute_that_shows_an_open_time(
    quarters: list[int], change: tuple[str, datetime], minutes: int
) -> None:
    opens, closes = (f"{quarter // 4:02d}:{quarter % 4 * 15:02d}" for quarter in quarters)
    zone, instant = change
    at = instant + timedelta(minutes=minutes)
    asked = Query((zone,), at, "sms", "collection", "debtor", ())

    decision = decide([night_pack(opens, closes)], asked)

    def is_open(moment: datetime) -> bool:
        return time.fromisoformat(opens) <= _clock(moment, zone) < time.fromisoformat(closes)

    assert decision.allowed == is_open(at)
    assume(not decision.allowed)
    following = (at + timedelta(minutes=ahead) for ahead in range(3 * 24 * 60))
    assert decision.next_allowed_at == next(moment for moment in following if is_open(moment))


def _clock(instant: datetime, zone: str) -> time:
    return instant.astimezone(zone_rules(zone)).time()
