"""What a case says of the person: read, written back, and every bad value named by its field."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_cases import ALL_KEYS, bogota, hours, keyed_queries, own_request, query

from policy import (
    NOBODY_SPOKE,
    Person,
    Query,
    SendaError,
    case_of,
    check_lines,
    load_pack,
    parse_case,
    parse_person,
    parse_query,
)

Case = dict[str, Any]
Spoiling = Callable[[Case], None]


TOO_MANY: list[Case] = [{}] * 101


def good_person() -> Case:
    return {
        "do_not_contact": False,
        "cease": False,
        "attorney": False,
        "hours": [{"days": ["mon", "sat"], "opens": "09:00", "closes": "24:00"}],
        "requests": [
            {
                "hours": [{"days": ["sun", "holidays"], "opens": "10:00", "closes": "12:00"}],
                "channels": ["email"],
                "since": "2026-01-15",
                "until": "2026-12-31",
                "separate": True,
                "solicited": False,
            }
        ],
    }


def test_each_key_is_read() -> None:
    request = own_request(
        ("sun holidays", "10:00", "12:00"), channels=["email"], since=date(2026, 1, 15), until=date(2026, 12, 31)
    )

    assert parse_person(good_person()) == Person(hours=(hours("mon sat", "09:00", "24:00"),), requests=(request,))


@pytest.mark.parametrize("flag", ["do_not_contact", "cease", "attorney"])
def test_each_flag_is_read(flag: str) -> None:
    assert parse_person({flag: True}) == replace(NOBODY_SPOKE, **{flag: True})


@pytest.mark.parametrize("said", [{}, {"hours": [], "requests": []}, {"cease": False}])
def test_whatever_is_left_out_was_not_said(said: Case) -> None:
    assert parse_person(said) == NOBODY_SPOKE


@pytest.mark.parametrize("absent", [{}, {"channels": None, "until": None}])
def test_a_request_without_channels_and_end_is_for_all_of_them_and_lasts(absent: Case) -> None:
    data = good_person()
    del data["requests"][0]["channels"], data["requests"][0]["until"]
    data["requests"][0] |= absent

    request = parse_person(data).requests[0]

    assert request.channels is None
    assert request.until is None


def test_the_verdict_of_a_line_heeds_the_person() -> None:
    case = case_of([load_pack("CO")], query(bogota("2026-03-01 10:00")))

    verdict = json.loads(next(check_lines([json.dumps(case | {"person": {"cease": True}})])))

    assert verdict == {"allowed": False, "rules": ["CO-02", "person-cease"], "next_allowed_at": None}


def of_person(name: str, value: object) -> Spoiling:
    return lambda person: person.update({name: value})


def of_hours(name: str, value: object) -> Spoiling:
    return lambda person: person["hours"][0].update({name: value})


def of_request(name: str, value: object) -> Spoiling:
    return lambda person: person["requests"][0].update({name: value})


def of_requested(name: str, value: object) -> Spoiling:
    return lambda person: person["requests"][0]["hours"][0].update({name: value})


def lacking(name: str) -> Spoiling:
    return lambda person: person["requests"][0].pop(name)


def lacking_hours(name: str) -> Spoiling:
    return lambda person: person["hours"][0].pop(name)


@pytest.mark.parametrize(
    ("spoil", "code", "field"),
    [
        (of_person("cease", "yes"), "bad_type", "cease"),
        (of_person("do_not_contact", 1), "bad_type", "do_not_contact"),
        (of_person("attorney", None), "bad_type", "attorney"),
        (of_person("do_not_contct", True), "unknown_field", "do_not_contct"),
        (of_person("hours", None), "bad_type", "hours"),
        (of_person("hours", {}), "bad_type", "hours"),
        (of_person("hours", [7]), "bad_type", "hours[0]"),
        (of_person("hours", TOO_MANY), "bad_length", "hours"),
        (of_person("requests", "none"), "bad_type", "requests"),
        (of_person("requests", [None]), "bad_type", "requests[0]"),
        (of_person("requests", TOO_MANY), "bad_length", "requests"),
        (of_hours("days", "mon"), "bad_type", "hours[0].days"),
        (of_hours("days", []), "bad_length", "hours[0].days"),
        (of_hours("days", ["mon", "lun"]), "unknown_day", "hours[0].days[1]"),
        (of_hours("days", ["holidays"]), "unknown_day", "hours[0].days[0]"),
        (of_hours("days", [1]), "bad_type", "hours[0].days[0]"),
        (of_hours("opens", "9:00"), "bad_clock", "hours[0].opens"),
        (of_hours("opens", "09:00\n"), "bad_clock", "hours[0].opens"),
        (of_hours("opens", 900), "bad_type", "hours[0].opens"),
        (of_hours("opens", "24:00"), "bad_hours", "hours[0].closes"),
        (of_hours("closes", "24:01"), "bad_clock", "hours[0].closes"),
        (of_hours("closes", "09:00"), "bad_hours", "hours[0].closes"),
        (of_hours("zone", "UTC"), "unknown_field", "hours[0].zone"),
        *((lacking_hours(name), "missing_field", f"hours[0].{name}") for name in ("days", "opens", "closes")),
        (of_request("hours", []), "bad_length", "requests[0].hours"),
        (of_requested("opens", "noon"), "bad_clock", "requests[0].hours[0].opens"),
        (of_requested("days", ["festivos"]), "unknown_day", "requests[0].hours[0].days[0]"),
        (of_request("channels", []), "bad_length", "requests[0].channels"),
        (of_request("channels", ["email", "fax"]), "unknown_channel", "requests[0].channels[1]"),
        (of_request("channels", "email"), "bad_type", "requests[0].channels"),
        (of_request("since", 20260115), "bad_type", "requests[0].since"),
        (of_request("since", "15/01/2026"), "bad_date", "requests[0].since"),
        (of_request("since", "2026-01-15T00:00:00Z"), "bad_date", "requests[0].since"),
        (of_request("until", "2026-02-30"), "bad_date", "requests[0].until"),
        (of_request("until", "9999-12-31"), "bad_date", "requests[0].until"),
        (of_request("until", "2026-01-14"), "bad_period", "requests[0].until"),
        (of_request("separate", "true"), "bad_type", "requests[0].separate"),
        (of_request("solicited", 0), "bad_type", "requests[0].solicited"),
        (of_request("widens", True), "unknown_field", "requests[0].widens"),
        *(
            (lacking(name), "missing_field", f"requests[0].{name}")
            for name in ("hours", "since", "separate", "solicited")
        ),
    ],
)
def test_a_bad_value_names_its_field(spoil: Spoiling, code: str, field: str) -> None:
    person = good_person()
    spoil(person)
    case = case_of([load_pack("CO")], query(bogota("2026-02-04 10:00"))) | {"person": person}

    error = json.loads(next(check_lines([json.dumps(case)])))["error"]

    assert (error["code"], error["field"]) == (f"policy.{code}", f"person.{field}")
    assert error["message"]


@pytest.mark.parametrize("person", [None, 7, "nobody", []])
def test_a_person_that_is_no_object_is_an_error(person: object) -> None:
    with pytest.raises(SendaError) as caught:
        parse_person(person)

    assert (caught.value.code, caught.value.field) == ("policy.bad_type", "person")


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5), st.data())
@settings(max_examples=50, deadline=None)
def test_any_value_anywhere_in_a_person_gets_an_answer(value: object, data: st.DataObject) -> None:
    person = good_person()
    parts = [person, person["hours"][0], person["requests"][0], person["requests"][0]["hours"][0]]
    part = data.draw(st.sampled_from(parts))
    part[data.draw(st.sampled_from(sorted(part)))] = value
    case = case_of([load_pack("CO")], query(bogota("2026-02-04 10:00"))) | {"person": person}

    answer = json.loads(next(check_lines([json.dumps(case)])))

    assert "allowed" in answer or "error" in answer


@given(st.lists(st.sampled_from(ALL_KEYS), min_size=1, max_size=3), keyed_queries())
@settings(max_examples=200, deadline=None)
def test_a_case_is_read_back_to_the_same_packs_and_query(keys: list[str], keyed: tuple[str, Query]) -> None:
    packs, asked = tuple(load_pack(key) for key in keys), keyed[1]

    case = json.loads(json.dumps(case_of(packs, asked)))

    assert parse_case(case) == (packs, asked)
    assert parse_query(case) == asked


def test_a_case_says_its_instants_in_utc_and_nothing_of_a_silent_person() -> None:
    case = case_of([load_pack("CO"), load_pack("PE")], query(bogota("2026-02-04 10:00")))

    assert case["pack"] == ["CO", "PE"]
    assert case["at"] == "2026-02-04T15:00:00+00:00"
    assert "person" not in case


def test_the_query_of_a_case_needs_no_pack_that_senda_knows() -> None:
    asked = query(bogota("2026-02-04 10:00"))
    case = case_of([load_pack("CO")], asked)

    assert parse_query(case | {"pack": "amable-estricto"}) == asked
    assert parse_query({name: value for name, value in case.items() if name != "pack"}) == asked
