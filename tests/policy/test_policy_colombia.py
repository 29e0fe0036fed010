"""Colombia's rules CO-01 to CO-09, one behaviour each. Local times are of Bogotá, UTC-5 all year."""

from datetime import datetime

import pytest
from policy_cases import bogota, contact, query

from policy import Decision, LoggedContact, Query, decide, load_pack

WEDNESDAY_9 = bogota("2026-02-04 09:00")


def judge(asked: Query) -> Decision:
    return decide([load_pack("CO")], asked)


def assert_allowed(asked: Query) -> None:
    assert judge(asked).rules == ()
    assert judge(asked).allowed
    assert judge(asked).next_allowed_at is None


def assert_refused(asked: Query, rules: tuple[str, ...], until: datetime | None) -> None:
    decision = judge(asked)
    assert not decision.allowed
    assert decision.rules == rules
    assert decision.next_allowed_at == until


@pytest.mark.parametrize("time", ["07:00", "12:30", "18:59:59", "18:59:59.999999"])
def test_co01_a_weekday_is_open_from_seven_until_just_before_nineteen(time: str) -> None:
    assert_allowed(query(bogota(f"2026-02-04 {time}")))


@pytest.mark.parametrize(
    ("time", "until"),
    [
        ("06:59:59", "2026-02-04 07:00"),
        ("00:00", "2026-02-04 07:00"),
        ("19:00", "2026-02-05 07:00"),
        ("23:59", "2026-02-05 07:00"),
    ],
)
def test_co01_a_weekday_is_closed_at_night(time: str, until: str) -> None:
    assert_refused(query(bogota(f"2026-02-04 {time}")), ("CO-01",), bogota(until))


@pytest.mark.parametrize("time", ["08:00", "14:59:59"])
def test_co01_a_saturday_is_open_from_eight_until_just_before_fifteen(time: str) -> None:
    assert_allowed(query(bogota(f"2026-02-07 {time}")))


@pytest.mark.parametrize(("time", "until"), [("07:59", "2026-02-07 08:00"), ("15:00", "2026-02-09 07:00")])
def test_co01_a_saturday_is_closed_otherwise(time: str, until: str) -> None:
    assert_refused(query(bogota(f"2026-02-07 {time}")), ("CO-01",), bogota(until))


@pytest.mark.parametrize("time", ["03:00", "10:00", "22:00"])
def test_co02_alone_closes_a_sunday_since_co01_gives_it_no_hours(time: str) -> None:
    assert_refused(query(bogota(f"2026-03-01 {time}")), ("CO-02",), bogota("2026-03-02 07:00"))


def test_co02_closes_a_holiday_within_the_hours() -> None:
    assert_refused(query(bogota("2026-01-12 10:00")), ("CO-02",), bogota("2026-01-13 07:00"))


def test_co02_and_co01_both_close_the_night_of_a_holiday() -> None:
    assert_refused(query(bogota("2026-01-12 20:00")), ("CO-01", "CO-02"), bogota("2026-01-13 07:00"))


def test_co02_closes_the_new_holiday_of_july() -> None:
    assert_refused(query(bogota("2026-07-13 10:00")), ("CO-02",), bogota("2026-07-14 07:00"))


def test_co02_reaches_over_several_closed_days() -> None:
    assert_refused(query(bogota("2026-04-02 08:00")), ("CO-02",), bogota("2026-04-04 08:00"))


@pytest.mark.parametrize("channel", ["sms", "call"])
def test_co03_allows_one_contact_a_day(channel: str) -> None:
    first = contact(WEDNESDAY_9, channel)

    decision = judge(query(bogota("2026-02-04 18:00"), first))

    assert "CO-03" in decision.rules


def test_co03_ends_with_the_local_date_not_with_the_utc_date() -> None:
    late = contact(bogota("2026-02-04 18:59"))  # 23:59 UTC of the same date
    earlier_than_a_day_later = bogota("2026-02-05 07:00")

    assert_allowed(query(earlier_than_a_day_later, late))


def test_co04_keeps_other_channels_closed_for_seven_dates() -> None:
    first = contact(WEDNESDAY_9, "sms")

    until = bogota("2026-02-11 07:00")
    assert_refused(query(bogota("2026-02-10 18:00"), first, channel="call"), ("CO-04",), until)
    assert_allowed(query(until, first, channel="call"))


def test_co04_leaves_the_same_channel_open() -> None:
    assert_allowed(query(bogota("2026-02-05 09:00"), contact(WEDNESDAY_9, "sms"), channel="sms"))


def test_co03_and_co04_block_another_channel_on_the_same_day_and_the_longer_one_decides() -> None:
    asked = query(bogota("2026-02-04 10:00"), contact(WEDNESDAY_9, "sms"), channel="whatsapp")

    assert_refused(asked, ("CO-03", "CO-04"), bogota("2026-02-11 07:00"))


def test_co04_looks_at_the_latest_contact_by_another_channel() -> None:
    log = contact(WEDNESDAY_9, "email"), contact(bogota("2026-02-06 09:00"), "sms")

    asked = query(bogota("2026-02-09 09:00"), *log, channel="email")

    assert_refused(asked, ("CO-04",), bogota("2026-02-13 07:00"))


@pytest.mark.parametrize(
    "harmless",
    [
        contact(WEDNESDAY_9, "call", direction="inbound", two_way=True),
        contact(WEDNESDAY_9, "call", purpose="payment_confirmation"),
        contact(WEDNESDAY_9, "call", purpose="fraud_alert"),
        contact(WEDNESDAY_9, "call", purpose="requested_information"),
    ],
)
def test_inbound_messages_and_exempt_purposes_never_trigger(harmless: LoggedContact) -> None:
    assert_allowed(query(bogota("2026-02-04 10:00"), harmless))


@pytest.mark.parametrize("two_way", [True, False])
def test_co07_counts_a_contact_whether_answered_or_not(two_way: bool) -> None:
    asked = query(bogota("2026-02-04 10:00"), contact(WEDNESDAY_9, two_way=two_way))

    assert judge(asked).rules == ("CO-03",)


def test_co05_blocks_a_channel_that_was_not_authorised_for_good() -> None:
    assert_refused(query(WEDNESDAY_9, channel="push"), ("CO-05",), None)


@pytest.mark.parametrize("role", ["debtor", "codebtor", "guarantor"])
def test_co06_admits_whoever_owes(role: str) -> None:
    assert_allowed(query(WEDNESDAY_9, role=role))


@pytest.mark.parametrize("role", ["reference", "other"])
def test_co06_blocks_whoever_does_not_owe_for_good(role: str) -> None:
    assert_refused(query(WEDNESDAY_9, role=role), ("CO-06",), None)


def test_co08_blocks_a_visit_even_if_authorised() -> None:
    asked = query(WEDNESDAY_9, channel="visit", authorised_channels=("visit",))

    assert_refused(asked, ("CO-08",), None)


@pytest.mark.parametrize("purpose", ["payment_confirmation", "fraud_alert", "requested_information"])
def test_co09_frees_of_hours_holidays_and_frequency(purpose: str) -> None:
    sunday_night = bogota("2026-03-01 23:00")
    log = contact(bogota("2026-02-28 09:00"), "call"), contact(bogota("2026-03-01 09:00"), "call")

    assert_allowed(query(sunday_night, *log, purpose=purpose))


def test_co09_does_not_free_of_authorisation_roles_and_the_ban_on_visits() -> None:
    asked = query(bogota("2026-03-01 23:00"), channel="visit", role="other", purpose="fraud_alert")

    assert_refused(asked, ("CO-05", "CO-06", "CO-08"), None)


def test_all_blocking_rules_are_named_in_order() -> None:
    log = contact(bogota("2026-01-12 09:00"), "sms")
    asked = query(bogota("2026-01-12 20:00"), log, channel="visit", role="reference")

    blocking = ("CO-01", "CO-02", "CO-03", "CO-04", "CO-05", "CO-06", "CO-08")
    assert_refused(asked, blocking, None)


@pytest.mark.parametrize("purpose", ["collection", "payment_confirmation"])
def test_without_a_zone_nothing_is_allowed_nor_guessed(purpose: str) -> None:
    assert_refused(query(WEDNESDAY_9, zones=(), purpose=purpose), ("zone-unknown",), None)
