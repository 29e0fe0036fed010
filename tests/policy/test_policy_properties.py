"""What holds for every decision: the exact next instant, monotonicity, any order of the log, strictest wins."""

from datetime import timedelta
from random import Random

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from policy_cases import ALL_KEYS, keyed_queries, logs, queries

from policy import Pack, Query, decide, known_zones, load_pack
from policy.rules import ExemptPurposes, Trigger

ZONES = ("America/Bogota", "America/New_York", "America/Santiago", "America/Los_Angeles", "Pacific/Easter")
FEW = settings(max_examples=150, deadline=None)
MANY = settings(max_examples=300, deadline=None)


def moved(asked: Query, at: object) -> Query:
    return Query(**{name: getattr(asked, name) for name in Query.__slots__} | {"at": at})


def changed(asked: Query, **changes: object) -> Query:
    return Query(**{name: getattr(asked, name) for name in Query.__slots__} | changes)


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
    blocking = [rule for rule in whole.rules if not isinstance(rule, ExemptPurposes | Trigger)]
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
