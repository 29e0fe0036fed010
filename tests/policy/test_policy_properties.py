"""What holds for every decision: the exact next instant, monotonicity, any order of the log, strictest wins.

The queries' people say nothing, state hours, make requests, or forbid contacts.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from policy_cases import ALL_KEYS, keyed_queries, logs, own_requests, preferred_hours, queries

from policy import (
    CHANNELS,
    HORIZON,
    Decision,
    OwnRequest,
    Pack,
    Person,
    Query,
    decide,
    known_zones,
    load_pack,
    open_until,
)
from policy.rules import ExemptPurposes, OwnRequestRule, Trigger

ZONES = ("America/Bogota", "America/New_York", "America/Santiago", "America/Los_Angeles", "Pacific/Easter")
RESTRICTIONS = ("do_not_contact", "cease", "attorney", "first hours", "hours less")
FEW = settings(max_examples=150, deadline=None)
MANY = settings(max_examples=300, deadline=None)


def moved(asked: Query, at: datetime) -> Query:
    return replace(asked, at=at)


def changed(asked: Query, **changes: Any) -> Query:
    return replace(asked, **changes)


@MANY
@given(keyed_queries(), st.data())
def test_the_next_allowed_instant_is_allowed_and_nothing_before_it(
    keyed: tuple[str, Query], data: st.DataObject
) -> None:
    key, asked = keyed
    packs = [load_pack(key)]
    next_at = decide(packs, asked).next_allowed_at
    assume(next_at is not None)
    assert next_at is not None

    assert decide(packs, moved(asked, next_at)).allowed
    assert not decide(packs, moved(asked, next_at - timedelta(microseconds=1))).allowed
    minutes = int((next_at - asked.at) / timedelta(minutes=1))
    for before in data.draw(st.lists(st.integers(0, minutes), max_size=5)):
        between = next_at - timedelta(minutes=before, seconds=1)
        if between > asked.at:
            assert not decide(packs, moved(asked, between)).allowed


@FEW
@given(keyed_queries())
def test_every_refused_instant_on_the_way_names_the_same_next_instant(keyed: tuple[str, Query]) -> None:
    key, asked = keyed
    packs = [load_pack(key)]
    next_at = decide(packs, asked).next_allowed_at
    assume(next_at is not None)
    assert next_at is not None

    halfway = asked.at + (next_at - asked.at) / 2

    assert decide(packs, moved(asked, halfway)).next_allowed_at == next_at


@FEW
@given(keyed_queries(), st.data())
def test_a_further_logged_contact_never_turns_a_refusal_into_a_permission(
    keyed: tuple[str, Query], data: st.DataObject
) -> None:
    key, asked = keyed
    packs = [load_pack(key)]
    more = changed(asked, contacts=asked.contacts + data.draw(logs(asked.at, most=3)))

    before, after = decide(packs, asked), decide(packs, more)

    assert set(before.rules) <= set(after.rules)
    if before.next_allowed_at and after.next_allowed_at:
        assert before.next_allowed_at <= after.next_allowed_at


@FEW
@given(keyed_queries(), st.sampled_from(ZONES))
def test_a_further_zone_never_turns_a_refusal_into_a_permission(keyed: tuple[str, Query], zone: str) -> None:
    key, asked = keyed
    packs = [load_pack(key)]

    before, after = decide(packs, asked), decide(packs, changed(asked, zones=(*asked.zones, zone)))

    assert set(before.rules) <= set(after.rules)
    if before.next_allowed_at and after.next_allowed_at:
        assert before.next_allowed_at <= after.next_allowed_at


@FEW
@given(keyed_queries(), st.data())
def test_a_rule_less_never_turns_a_permission_into_a_refusal(keyed: tuple[str, Query], data: st.DataObject) -> None:
    key, asked = keyed
    whole = load_pack(key)
    blocking = [rule for rule in whole.rules if not isinstance(rule, ExemptPurposes | Trigger | OwnRequestRule)]
    dropped = data.draw(st.sampled_from(blocking))
    rest = tuple(rule for rule in whole.rules if rule.id != dropped.id)

    fewer = decide([whole.model_copy(update={"rules": rest})], asked)

    assert set(fewer.rules) == set(decide([whole], asked).rules) - {dropped.id}


@FEW
@given(keyed_queries(), st.randoms(use_true_random=False))
def test_the_order_of_the_log_does_not_matter(keyed: tuple[str, Query], random: Random) -> None:
    key, asked = keyed
    shuffled = list(asked.contacts)
    random.shuffle(shuffled)

    again = decide([load_pack(key)], changed(asked, contacts=tuple(shuffled)))

    assert again == decide([load_pack(key)], asked)


@FEW
@given(st.lists(st.sampled_from(ALL_KEYS), min_size=2, max_size=3), queries(ZONES))
def test_the_strictest_of_several_packs_wins(keys: list[str], asked: Query) -> None:
    packs: list[Pack] = [load_pack(key) for key in keys]

    together, alone = decide(packs, asked), [decide([pack], asked) for pack in packs]

    assert together.allowed == all(decision.allowed for decision in alone)
    assert set(together.rules) == {rule for decision in alone for rule in decision.rules}
    assert [basis.pack for basis in together.basis] == keys
    if together.next_allowed_at:
        at_that_time = moved(asked, together.next_allowed_at)
        assert all(decide([pack], at_that_time).allowed for pack in packs)


@FEW
@given(keyed_queries(), st.sampled_from(sorted(known_zones())))
def test_any_known_zone_gets_a_verdict(keyed: tuple[str, Query], zone: str) -> None:
    key, asked = keyed

    decision = decide([load_pack(key)], changed(asked, zones=(zone,)))

    assert decision.allowed == (not decision.rules)


def assert_no_milder(before: Decision, after: Decision) -> None:
    assert set(before.rules) <= set(after.rules)
    if before.next_allowed_at and after.next_allowed_at:
        assert before.next_allowed_at <= after.next_allowed_at


@MANY
@given(
    keyed_queries(), st.sampled_from(["do_not_contact", "cease", "attorney", "first hours", "hours less"]), st.data()
)
def test_a_further_restriction_by_the_person_never_turns_a_refusal_into_a_permission(
    keyed: tuple[str, Query], restriction: str, data: st.DataObject
) -> None:
    key, asked = keyed
    milder = stricter = asked.person
    match restriction:
        case "first hours":
            milder = replace(asked.person, hours=())
            stricter = replace(asked.person, hours=(data.draw(preferred_hours()),))
        case "hours less":
            stated = data.draw(st.lists(preferred_hours(), min_size=2, max_size=3))
            milder = replace(asked.person, hours=tuple(stated))
            stricter = replace(asked.person, hours=tuple(stated[1:]))
        case flag:
            stricter = replace(asked.person, **{flag: True})

    before = decide([load_pack(key)], changed(asked, person=milder))
    after = decide([load_pack(key)], changed(asked, person=stricter))

    assert_no_milder(before, after)


@MANY
@given(keyed_queries(("CO", "CO", "PE", "US")), own_requests(separate=True, solicited=False))
def test_a_further_request_that_widens_never_turns_a_permission_into_a_refusal(
    keyed: tuple[str, Query], request: OwnRequest
) -> None:
    key, asked = keyed
    asking = replace(asked.person, requests=(*asked.person.requests, request))

    before, after = decide([load_pack(key)], asked), decide([load_pack(key)], changed(asked, person=asking))

    assert_no_milder(after, before)


@FEW
@given(keyed_queries(), own_requests().filter(lambda request: not request.widens))
def test_a_request_that_does_not_widen_changes_nothing(keyed: tuple[str, Query], request: OwnRequest) -> None:
    key, asked = keyed
    asking = replace(asked.person, requests=(*asked.person.requests, request))

    assert decide([load_pack(key)], changed(asked, person=asking)) == decide([load_pack(key)], asked)


@FEW
@given(keyed_queries(tuple(key for key in ALL_KEYS if key != "CO")), st.lists(own_requests(), max_size=2))
def test_a_pack_without_a_rule_on_requests_is_not_widened(keyed: tuple[str, Query], requests: list[OwnRequest]) -> None:
    key, asked = keyed
    silent = changed(asked, person=Person())

    asking = decide([load_pack(key)], changed(asked, person=Person(requests=tuple(requests))))

    assert asking == decide([load_pack(key)], silent)


@MANY
@given(keyed_queries(), st.data())
def test_the_clock_is_open_until_exactly_the_end_of_the_stretch(keyed: tuple[str, Query], data: st.DataObject) -> None:
    key, logged = keyed
    packs = [load_pack(key)]
    person = replace(logged.person, do_not_contact=False, cease=False, attorney=False)
    asked = changed(logged, channel="sms", role="debtor", authorised_channels=CHANNELS, contacts=(), person=person)

    until = open_until(packs, asked)

    assert (until is not None) == decide(packs, asked).allowed
    if until is None or until == asked.at + HORIZON:
        return
    assert decide(packs, moved(asked, until - timedelta(microseconds=1))).allowed
    assert not decide(packs, moved(asked, until)).allowed
    for share in data.draw(st.lists(st.floats(0, 0.999), max_size=3)):
        assert decide(packs, moved(asked, asked.at + share * (until - asked.at))).allowed


@FEW
@given(keyed_queries())
def test_neither_log_nor_flags_move_the_end_of_the_stretch(keyed: tuple[str, Query]) -> None:
    key, asked = keyed
    person = replace(asked.person, do_not_contact=True, cease=True, attorney=True)
    burdened = changed(asked, role="reference", authorised_channels=(), person=person)

    assert open_until([load_pack(key)], burdened) == open_until([load_pack(key)], changed(asked, contacts=()))
