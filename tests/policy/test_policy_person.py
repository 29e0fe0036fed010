"""What a person says binds whatever the packs say: no contact, none for collection, preferred hours."""

from datetime import UTC, datetime
from typing import Any

import pytest
from policy_cases import bogota, contact, hours, own_request, query

from policy import Decision, Pack, Person, Query, decide, load_pack, open_until

OPEN = bogota("2026-02-04 10:00")
MORNINGS = Person(hours=(hours("mon tue wed thu fri", "09:00", "11:00"),))


def judge(at: datetime, person: Person, *packs: str, **changes: object) -> Decision:
    return decide([load_pack(pack) for pack in packs or ("CO",)], query(at, person=person, **changes))


@pytest.mark.parametrize("purpose", ["collection", "payment_confirmation", "fraud_alert"])
def test_do_not_contact_refuses_for_good(purpose: str) -> None:
    decision = judge(OPEN, Person(do_not_contact=True), purpose=purpose)

    assert decision.rules == ("person-do-not-contact",)
    assert decision.next_allowed_at is None


def test_do_not_contact_leaves_what_the_person_asked_for() -> None:
    assert judge(OPEN, Person(do_not_contact=True), purpose="requested_information").allowed


@pytest.mark.parametrize(
    ("person", "rule"), [(Person(cease=True), "person-cease"), (Person(attorney=True), "person-attorney")]
)
def test_a_cease_and_an_attorney_refuse_collection_for_good(person: Person, rule: str) -> None:
    decision = judge(OPEN, person)

    assert decision.rules == (rule,)
    assert decision.next_allowed_at is None


@pytest.mark.parametrize("person", [Person(cease=True), Person(attorney=True), MORNINGS])
@pytest.mark.parametrize("purpose", ["payment_confirmation", "fraud_alert", "requested_information"])
def test_a_cease_an_attorney_and_preferred_hours_concern_collection_alone(person: Person, purpose: str) -> None:
    assert judge(bogota("2026-02-04 15:00"), person, purpose=purpose).allowed


def test_all_that_forbids_is_named_sorted_with_the_packs_rules() -> None:
    silent = Person(do_not_contact=True, cease=True, attorney=True, hours=MORNINGS.hours)

    decision = judge(bogota("2026-02-08 20:00"), silent)

    assert decision.rules == ("CO-02", "person-attorney", "person-cease", "person-do-not-contact", "person-hours")


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-02-04 08:59:59", "2026-02-04 09:00"),
        ("2026-02-04 11:00", "2026-02-05 09:00"),
        ("2026-02-06 11:00", "2026-02-09 09:00"),
    ],
)
def test_outside_preferred_hours_a_contact_waits_for_them(at: str, until: str) -> None:
    decision = judge(bogota(at), MORNINGS)

    assert decision.rules == ("person-hours",)
    assert decision.next_allowed_at == bogota(until)


@pytest.mark.parametrize("time", ["09:00", "10:59:59"])
def test_within_preferred_hours_a_contact_is_allowed(time: str) -> None:
    assert judge(bogota(f"2026-02-04 {time}"), MORNINGS).allowed


def test_preferred_hours_do_not_widen_the_law() -> None:
    evenings = Person(hours=(hours("sat sun", "14:00", "20:00"),))

    assert judge(bogota("2026-02-07 14:30"), evenings).allowed
    assert judge(bogota("2026-02-07 15:00"), evenings).rules == ("CO-01",)
    assert judge(bogota("2026-02-08 15:00"), evenings).rules == ("CO-02",)
    assert judge(bogota("2026-02-07 15:00"), evenings).next_allowed_at == bogota("2026-02-14 14:00")


def test_several_preferred_hours_add_up() -> None:
    twice = Person(hours=(hours("wed", "08:00", "09:00"), hours("wed thu", "17:00", "18:00")))

    assert judge(bogota("2026-02-04 08:30"), twice).allowed
    assert judge(bogota("2026-02-04 17:30"), twice).allowed
    assert judge(bogota("2026-02-04 09:00"), twice).next_allowed_at == bogota("2026-02-04 17:00")


def test_preferred_hours_that_the_law_never_leaves_open_never_allow() -> None:
    decision = judge(OPEN, Person(hours=(hours("sun", "09:00", "11:00"),)))

    assert decision.rules == ("person-hours",)
    assert decision.next_allowed_at is None


def test_the_next_instant_heeds_the_log_and_the_preferred_hours() -> None:
    asked = query(OPEN, contact(bogota("2026-02-04 09:30"), "email"), person=MORNINGS)

    assert decide([load_pack("CO")], asked).next_allowed_at == bogota("2026-02-11 09:00")


def test_a_request_of_their_own_adds_to_preferred_hours() -> None:
    person = Person(hours=MORNINGS.hours, requests=(own_request(("sun", "18:00", "19:00")),))

    assert judge(bogota("2026-02-08 18:30"), person).allowed
    assert judge(bogota("2026-02-06 11:00"), person).next_allowed_at == bogota("2026-02-08 18:00")


def test_a_request_adds_to_preferred_hours_where_the_pack_is_not_widened() -> None:
    person = Person(hours=MORNINGS.hours, requests=(own_request(("wed", "15:00", "21:00")),))

    assert judge(bogota("2026-02-04 16:00"), person, "PE").allowed
    assert judge(bogota("2026-02-04 20:00"), person, "PE").rules == ("PE-01",)


def test_preferred_hours_hold_in_each_plausible_zone() -> None:
    afternoons = Person(hours=(hours("mon tue", "12:00", "18:00"),))
    noon_in_new_york = datetime(2026, 6, 15, 16, tzinfo=UTC)

    decision = judge(noon_in_new_york, afternoons, "US", zones=("America/New_York", "America/Los_Angeles"))

    assert decision.rules == ("person-hours",)
    assert decision.next_allowed_at == datetime(2026, 6, 15, 19, tzinfo=UTC)  # 15:00 and 12:00


def test_preferred_hours_that_no_two_zones_share_never_allow() -> None:
    early = Person(hours=(hours("mon tue", "17:00", "19:00"),))

    decision = judge(
        datetime(2026, 6, 15, 21, tzinfo=UTC), early, "US", zones=("America/New_York", "America/Los_Angeles")
    )

    assert decision.next_allowed_at is None


def test_preferred_hours_follow_the_clock_over_its_change() -> None:
    nine = Person(hours=(hours("sat sun", "09:00", "10:00"),))
    saturday_at_ten = datetime(2026, 3, 7, 15, tzinfo=UTC)

    decision = judge(saturday_at_ten, nine, "US", zones=("America/New_York",))

    assert decision.next_allowed_at == datetime(2026, 3, 8, 13, tzinfo=UTC)  # 09:00 in summer time


def night_owl(opens: str, closes: str) -> tuple[list[Pack], Person]:
    """A pack open all day, and a person who prefers a stretch of the night."""
    data: dict[str, Any] = load_pack("US").model_dump(mode="json")
    data["rules"][0]["hours"][0] |= {"opens": "00:00", "closes": "24:00"}
    return [Pack.model_validate(data)], Person(hours=(hours("sun", opens, closes),))


def in_new_york(at: datetime, person: Person) -> Query:
    return query(at, zones=("America/New_York",), person=person)


def test_a_stretch_over_the_hour_that_is_skipped_is_shorter() -> None:
    packs, person = night_owl("01:00", "03:30")
    at = datetime(2026, 3, 8, 6, tzinfo=UTC)

    assert decide(packs, in_new_york(at, person)).allowed
    assert open_until(packs, in_new_york(at, person)) == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)


def test_a_stretch_over_the_hour_that_occurs_twice_is_longer() -> None:
    packs, person = night_owl("01:00", "03:30")
    at = datetime(2026, 11, 1, 5, tzinfo=UTC)

    assert open_until(packs, in_new_york(at, person)) == datetime(2026, 11, 1, 8, 30, tzinfo=UTC)


def test_a_stretch_that_ends_within_the_hour_that_occurs_twice_opens_twice() -> None:
    packs, person = night_owl("00:30", "01:30")
    first_end, second_start = datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)

    assert open_until(packs, in_new_york(datetime(2026, 11, 1, 4, 30, tzinfo=UTC), person)) == first_end
    assert decide(packs, in_new_york(first_end, person)).next_allowed_at == second_start
    assert open_until(packs, in_new_york(second_start, person)) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
