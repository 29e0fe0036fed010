"""What lint finds in packs, and that it finds nothing wrong with those of Senda."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_cases import ALL_KEYS

from policy import SendaError, lint, load_pack, pack_text, parse_pack
from policy.lint import KNOWN_HOLIDAYS, Level

TODAY = date(2026, 11, 23)


def data_of(key: str) -> dict[str, Any]:
    return yaml.safe_load(pack_text(key))


def rule_of(data: dict[str, Any], rule_id: str) -> dict[str, Any]:
    return next(rule for rule in data["rules"] if rule["id"] == rule_id)


def found(data: object, today: date = TODAY) -> list[tuple[str, str, str, Level]]:
    findings = lint(yaml.safe_dump(data, allow_unicode=True), today)
    return [(finding.pack, finding.place, finding.code, finding.level) for finding in findings]


@pytest.mark.parametrize("key", ALL_KEYS)
def test_the_packs_of_senda_have_no_errors(key: str) -> None:
    assert [finding for finding in lint(pack_text(key), TODAY) if finding.level == "error"] == []


def no_source(data: dict[str, Any]) -> None:
    del rule_of(data, "CO-03")["source"]


def empty_source(data: dict[str, Any]) -> None:
    rule_of(data, "CO-03")["source"] = ""


def no_spanish(data: dict[str, Any]) -> None:
    del rule_of(data, "CO-03")["text"]["es"]


def blank_english(data: dict[str, Any]) -> None:
    rule_of(data, "CO-03")["text"]["en"] = " \n"


def no_english_name(data: dict[str, Any]) -> None:
    del data["name"]["en"]


def wrong_limit(data: dict[str, Any]) -> None:
    rule_of(data, "CO-03")["limit"] = 0


def wrong_kind(data: dict[str, Any]) -> None:
    rule_of(data, "CO-03")["kind"] = "curfew"


def wrong_hours(data: dict[str, Any]) -> None:
    rule_of(data, "CO-01")["hours"][1]["opens"] = "8:00"


def no_id(data: dict[str, Any]) -> None:
    del data["rules"][2]["id"]


def no_rule(data: dict[str, Any]) -> None:
    data["rules"][2] = "CO-03"


def freed_of_nothing(data: dict[str, Any]) -> None:
    rule_of(data, "CO-09")["free_of"] = ["CO-77"]


def claims_a_review(data: dict[str, Any]) -> None:
    data["reviewed_by_counsel"] = True


def expired(data: dict[str, Any]) -> None:
    data["valid_to"] = "2026-11-22"


def unsourced_holiday(data: dict[str, Any]) -> None:
    data["holidays"]["add"][1]["source"] = "?"


def holiday_cut(data: dict[str, Any]) -> None:
    data["holidays"]["remove"] = ["2026-07-13"]


@pytest.mark.parametrize(
    ("spoil", "place", "code"),
    [
        (no_source, "CO-03.source", "no_source"),
        (empty_source, "CO-03.source", "no_source"),
        (no_spanish, "CO-03.text.es", "no_text"),
        (blank_english, "CO-03.text.en", "no_text"),
        (no_english_name, "name.en", "no_text"),
        (wrong_limit, "CO-03.limit", "bad_pack"),
        (wrong_kind, "CO-03", "bad_pack"),
        (wrong_hours, "CO-01.hours[1].opens", "bad_pack"),
        (no_id, "rules[2].id", "bad_pack"),
        (no_rule, "rules[2]", "bad_pack"),
        (freed_of_nothing, "pack", "bad_pack"),
        (claims_a_review, "reviewed_by_counsel", "bad_pack"),
        (expired, "valid_to", "expired"),
        (unsourced_holiday, "holidays.add[1].source", "no_source"),
        (holiday_cut, "holidays", "missing_holiday"),
    ],
)
def test_an_error_names_its_place(spoil: Callable[[dict[str, Any]], None], place: str, code: str) -> None:
    data = data_of("CO")
    assert found(data) == []
    spoil(data)

    assert found(data) == [("CO", place, code, "error")]


@pytest.mark.parametrize("nothing", ["   ", "\t\n", "?", "???", "–", "TODO", "TODO: look it up", "todo", "TBD", "n/a"])
def test_a_source_that_says_nothing_is_none(nothing: str) -> None:
    data = data_of("PE")
    rule_of(data, "PE-01")["source"] = nothing

    assert found(data) == [("PE", "PE-01.source", "no_source", "error")]


@pytest.mark.parametrize("something", ["Todo el art. 3 de la Ley 1", "Ley 1 de 2020, ¿art. 3?", "X", "naïve reading"])
def test_a_source_that_says_something_is_one(something: str) -> None:
    data = data_of("PE")
    rule_of(data, "PE-01")["source"] = something

    assert found(data) == []


def test_every_fault_of_an_invalid_pack_is_found_at_once() -> None:
    data = data_of("CO")
    no_source(data)
    wrong_hours(data)

    assert {place for _, place, _, _ in found(data)} == {"CO-03.source", "CO-01.hours[1].opens"}


@pytest.mark.parametrize(
    "text",
    ["pack: [", "", "- a\n- b", "valid_from: 2026-02-30", "[" * 5000, "a: \0", "rules: [1]", "{1: 2}", "pack: [1]"],
)
def test_text_that_is_no_pack_is_an_error_in_one_line(text: str) -> None:
    findings = lint(text, TODAY)

    assert findings
    assert {finding.code for finding in findings} == {"bad_pack"}
    assert all("\n" not in finding.message and finding.place for finding in findings)
    with pytest.raises(SendaError) as caught:
        parse_pack(text)
    assert caught.value.code == "policy.bad_pack"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_whatever_the_text_lint_answers(text: str) -> None:
    assert lint(text, TODAY)


def test_a_pack_is_good_through_its_last_day() -> None:
    data = data_of("PE") | {"valid_to": TODAY.isoformat()}

    assert found(data) == []
    assert found(data, TODAY + timedelta(days=1)) == [("PE", "valid_to", "expired", "error")]


@pytest.mark.parametrize("key", [key for key in ALL_KEYS if load_pack(key).holidays])
def test_a_calendar_without_a_sure_holiday_is_an_error(key: str) -> None:
    data = data_of(key)
    known = KNOWN_HOLIDAYS[data["holidays"]["country"]]
    data["holidays"] |= {"remove": [day for day, _, _ in known], "add": []}

    findings = lint(yaml.safe_dump(data), TODAY)

    assert [finding.code for finding in findings if finding.code != "holidays_run_out"] == ["missing_holiday"] * len(
        known
    )
    assert all(str(day) in finding.message for (day, _, _), finding in zip(known, findings, strict=True))


def test_colombia_must_have_the_holiday_of_the_law_of_2026() -> None:
    data = data_of("CO")
    data["holidays"]["remove"] = ["2026-07-13"]

    (finding,) = lint(yaml.safe_dump(data), TODAY)

    assert "2026-07-13" in finding.message
    assert "Ley 2578 de 2026, art. 6" in finding.message


def test_drafts_and_packs_to_come_are_warned_of() -> None:
    assert found(data_of("PE") | {"status": "draft"}) == [("PE", "status", "draft", "warning")]
    assert found(data_of("PE") | {"valid_from": "2026-11-23"}) == []
    assert found(data_of("PE") | {"valid_from": "2026-11-24"}) == [("PE", "valid_from", "not_yet_in_force", "warning")]


def test_a_rule_to_be_verified_is_warned_of() -> None:
    data = data_of("PE")
    rule_of(data, "PE-01")["mark"] = "B"

    assert found(data) == [("PE", "PE-01.mark", "to_be_verified", "warning")]


def test_holidays_added_by_hand_run_out_a_year_ahead() -> None:
    last = date(2032, 7, 12)
    run_out = [("CO", "holidays.add", "holidays_run_out", "warning")]

    assert load_pack("CO").holidays is not None
    assert found(data_of("CO"), date(2031, 7, 12)) == []
    assert found(data_of("CO"), date(2031, 7, 13)) == run_out
    assert found(data_of("CO"), last + timedelta(days=1)) == run_out
    assert found(data_of("CO"), date(2028, 2, 29)) == []


@pytest.mark.parametrize("language", ["es", "en"])
def test_two_rules_of_one_wording_are_warned_of(language: str) -> None:
    data = data_of("EC")
    rule_of(data, "EC-03")["text"][language] = rule_of(data, "EC-02")["text"][language].upper().replace(" ", "\n ")

    assert found(data) == [("EC", "EC-03.text", "same_wording", "warning")]
