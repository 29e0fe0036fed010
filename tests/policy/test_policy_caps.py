"""The caps of the other countries: the last contact that fits, the first that does not, and when it would again."""

from datetime import datetime, timedelta

import pytest
from policy_cases import contact, query

from policy import Query, decide, load_pack

TUESDAY_10 = datetime.fromisoformat("2026-03-03T10:00:00-05:00")


def after(key: str, logged: int, channel: str = "sms", **changes: object) -> Query:
    """A Tuesday noon question after so many contacts since ten, by turns by e-mail and by the channel asked for."""
    log = (contact(TUESDAY_10 + timedelta(minutes=n), ("email", channel)[n % 2]) for n in range(logged))
    zones = (load_pack(key).zones or ("America/Lima",))[:1]
    return query(TUESDAY_10 + timedelta(hours=2), *log, zones=zones, channel=channel, **changes)


@pytest.mark.parametrize(
    ("key", "rule", "cap", "next_at"),
    [
        ("EC", "EC-02", 1, "2026-03-04T07:00-05:00"),
        ("DO", "DO-02", 5, "2026-03-04T07:00-04:00"),
        ("GT", "GT-02", 2, "2026-03-04T08:00-06:00"),
        ("PA", "PA-02", 1, "2026-03-04T08:00-05:00"),
        ("CR", "CR-02", 1, "2026-03-04T08:00-06:00"),
        ("default", "DEF-02", 1, "2026-03-04T08:00-05:00"),
    ],
)
def test_a_daily_cap_counts_every_triggering_contact(key: str, rule: str, cap: int, next_at: str) -> None:
    decision = decide([load_pack(key)], after(key, cap))

    assert decide([load_pack(key)], after(key, cap - 1)).allowed
    assert decision.rules == (rule,)
    assert decision.next_allowed_at == datetime.fromisoformat(next_at)


@pytest.mark.parametrize("key", ["AR-C", "BR-SP", "BR-RJ", "PE", "MX"])
def test_a_pack_without_a_cap_counts_nothing(key: str) -> None:
    assert decide([load_pack(key)], after(key, 20)).allowed


def test_chile_counts_calls_and_visits_apart_from_other_means() -> None:
    log = contact(TUESDAY_10, "visit")
    asked = {"zones": ("America/Santiago",)}

    by_call = decide([load_pack("CL")], query(TUESDAY_10 + timedelta(hours=1), log, channel="call", **asked))
    by_sms = decide([load_pack("CL")], query(TUESDAY_10 + timedelta(hours=1), log, channel="sms", **asked))

    assert by_call.rules == ("CL-02",)
    assert by_sms.allowed


def test_the_united_states_count_calls_only_and_leave_messages_open() -> None:
    calls = [contact(TUESDAY_10 + timedelta(minutes=n), "call") for n in range(7)]
    asked = {"zones": ("America/New_York",)}

    assert decide([load_pack("US")], query(TUESDAY_10 + timedelta(hours=1), *calls, **asked)).allowed
    eighth = decide([load_pack("US")], query(TUESDAY_10 + timedelta(hours=1), *calls, channel="call", **asked))
    assert eighth.rules == ("US-02",)


def test_an_answered_message_is_no_telephone_conversation() -> None:
    answered = contact(TUESDAY_10, "sms", two_way=True)
    asked = query(TUESDAY_10 + timedelta(hours=1), answered, channel="call", zones=("America/New_York",))

    assert decide([load_pack("US")], asked).allowed


@pytest.mark.parametrize(("key", "rule"), [("CL", "CL-04"), ("EC", "EC-03")])
def test_whoever_does_not_owe_is_never_contacted(key: str, rule: str) -> None:
    decision = decide([load_pack(key)], after(key, 0, role="other"))

    assert decision.rules == (rule,)
    assert decision.next_allowed_at is None


def test_outside_colombia_no_purpose_is_free_of_the_hours() -> None:
    at_night = datetime.fromisoformat("2026-03-03T23:00:00-05:00")

    decision = decide([load_pack("PE")], query(at_night, zones=("America/Lima",), purpose="payment_confirmation"))

    assert decision.rules == ("PE-01",)
