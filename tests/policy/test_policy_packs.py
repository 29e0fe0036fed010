"""Packs as data: what the schema refuses, what the hash covers, and that other readings are other data."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
import yaml
from policy_cases import ALL_KEYS, bogota, contact, query

from policy import (
    Duty,
    Pack,
    SendaError,
    decide,
    holiday_name,
    is_closed,
    load_pack,
    memory,
    pack_keys,
    parse_pack,
)


def data_of(key: str) -> dict[str, Any]:
    return load_pack(key).model_dump(mode="json", exclude_none=True) | {
        "holidays": load_pack(key).model_dump(mode="json")["holidays"]
    }


def rule_of(data: dict[str, Any], rule_id: str) -> dict[str, Any]:
    return next(rule for rule in data["rules"] if rule["id"] == rule_id)


def reading(key: str, rule_id: str, **parameters: Any) -> Pack:
    """The pack, with other parameters in one of its rules."""
    data = data_of(key)
    rule_of(data, rule_id).update(parameters)
    return Pack.model_validate(data)


def test_every_jurisdiction_of_the_contact_rules_has_its_pack() -> None:
    expected = ["AR-C", "BR-RJ", "BR-SP", "CL", "CO", "CR", "DO", "EC", "ES", "GT", "MX", "PA", "PE", "US", "default"]

    assert list(pack_keys()) == expected


@pytest.mark.parametrize("key", ALL_KEYS)
def test_a_pack_is_named_as_its_file_and_never_claims_a_review(key: str) -> None:
    pack = load_pack(key)

    assert pack.key == key
    assert pack.reviewed_by_counsel is False
    assert all(rule.source and rule.text.es and rule.text.en for rule in pack.rules)


@pytest.mark.parametrize(
    ("key", "rules"),
    [
        ("CO", [f"CO-{n:02d}" for n in range(1, 18) if n != 14]),
        ("CL", [f"CL-{n:02d}" for n in range(1, 7)]),
        ("US", ["US-01", "US-02", "US-03", "US-05"]),
    ],
)
def test_a_pack_has_the_rules_of_the_contact_rules_in_order(key: str, rules: list[str]) -> None:
    assert [rule.id for rule in load_pack(key).rules] == rules


def test_a_duty_says_its_figures_as_text_and_blocks_nothing() -> None:
    duties = {rule.id: rule for rule in load_pack("CO").rules if isinstance(rule, Duty)}

    assert list(duties) == ["CO-11", "CO-12", "CO-13", "CO-15", "CO-16", "CO-17"]
    assert duties["CO-13"].parameters["amount"] == "262635.75"
    assert "por verificar" in duties["CO-13"].text.es
    assert "to be checked" in duties["CO-13"].text.en
    assert decide([load_pack("CO")], query(bogota("2026-02-04 10:00"))).allowed


OWN_PACK = """
pack: amable-estricto
version: "1"
name: {es: Amable y estricto, en: Kind and strict}
valid_from: 2026-01-01
status: in_force
reviewed_by_counsel: false
zones: []
holidays: null
rules:
  - id: AM-01
    kind: window
    hours: [{days: [mon, tue, wed, thu, fri], opens: "09:00", closes: "17:00"}]
    closed: [sat, sun]
    text: {es: De lunes a viernes de 9:00 a 17:00., en: Monday to Friday from 9:00 to 17:00.}
    source: política del acreedor
    mark: P
"""


def test_a_creditors_own_pack_makes_the_law_stricter() -> None:
    packs = [load_pack("CO"), parse_pack(OWN_PACK)]

    decision = decide(packs, query(bogota("2026-02-04 17:00")))

    assert decision.rules == ("AM-01",)
    assert decision.next_allowed_at == bogota("2026-02-05 09:00")


@pytest.mark.parametrize("key", ["", "-a", "a/b", "../CO", "a b", "é", "a" * 64, '"a\\n"'])
def test_a_key_that_no_path_could_hold_is_refused(key: str) -> None:
    with pytest.raises(SendaError) as caught:
        parse_pack(OWN_PACK.replace("amable-estricto", key))

    assert (caught.value.code, caught.value.field) == ("policy.bad_pack", "pack")


def test_the_memory_of_the_packs_is_ten_days() -> None:
    assert {memory([load_pack(key)]) for key in ALL_KEYS} == {timedelta(days=10)}


def test_a_pack_with_a_longer_period_remembers_for_longer() -> None:
    longer = reading("US", "US-03", days=30)

    assert memory([load_pack("CO"), longer]) == timedelta(days=33)


@pytest.mark.parametrize("key", ["PA", "CR", "ES", "default"])
def test_product_defaults_are_marked_as_such(key: str) -> None:
    assert {rule.mark for rule in load_pack(key).rules} == {"P"}


def test_an_unknown_pack_is_an_error_that_names_those_known() -> None:
    with pytest.raises(SendaError, match="CO") as caught:
        load_pack("../CO")

    assert caught.value.code == "policy.unknown_pack"


def spoil_key(data: dict[str, Any]) -> None:
    data["colour"] = "blue"


def spoil_kind(data: dict[str, Any]) -> None:
    data["rules"][0]["kind"] = "curfew"


def spoil_source(data: dict[str, Any]) -> None:
    data["rules"][0]["source"] = ""


def spoil_review(data: dict[str, Any]) -> None:
    data["reviewed_by_counsel"] = True


def spoil_hours(data: dict[str, Any]) -> None:
    data["rules"][0]["hours"][0]["closes"] = "06:00"


def spoil_clock(data: dict[str, Any]) -> None:
    data["rules"][0]["hours"][0]["closes"] = "25:00"


def spoil_day_twice(data: dict[str, Any]) -> None:
    data["rules"][0]["hours"][1]["days"] = ["fri", "sat"]


def spoil_forgotten_day(data: dict[str, Any]) -> None:
    data["rules"][1]["closed"] = ["holidays"]


def spoil_double_id(data: dict[str, Any]) -> None:
    data["rules"][1]["id"] = "CO-01"


def spoil_zone(data: dict[str, Any]) -> None:
    data["zones"] = ["America/Macondo"]


def spoil_country(data: dict[str, Any]) -> None:
    data["holidays"]["country"] = "XX"


def spoil_no_holidays(data: dict[str, Any]) -> None:
    data["holidays"] = None


def spoil_freed_rule(data: dict[str, Any]) -> None:
    rule_of(data, "CO-09")["free_of"] = ["CO-77"]


def spoil_exempt_collection(data: dict[str, Any]) -> None:
    rule_of(data, "CO-09")["purposes"] = ["collection"]


def spoil_two_triggers(data: dict[str, Any]) -> None:
    data["rules"].append(rule_of(data, "CO-07") | {"id": "CO-99"})


def spoil_two_request_rules(data: dict[str, Any]) -> None:
    data["rules"].append(rule_of(data, "CO-10") | {"id": "CO-99"})


def spoil_widened_cap(data: dict[str, Any]) -> None:
    rule_of(data, "CO-10")["widens"] = ["CO-01", "CO-03"]


def spoil_widened_unknown(data: dict[str, Any]) -> None:
    rule_of(data, "CO-10")["widens"] = ["CO-77"]


def spoil_widened_nothing(data: dict[str, Any]) -> None:
    rule_of(data, "CO-10")["widens"] = []


def spoil_duty(data: dict[str, Any]) -> None:
    rule_of(data, "CO-12")["about"] = "weather"


def spoil_duty_number(data: dict[str, Any]) -> None:
    rule_of(data, "CO-12")["parameters"] = {"calendar_days_after_notice": 20}


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_key,
        spoil_kind,
        spoil_source,
        spoil_review,
        spoil_hours,
        spoil_clock,
        spoil_day_twice,
        spoil_forgotten_day,
        spoil_double_id,
        spoil_zone,
        spoil_country,
        spoil_no_holidays,
        spoil_freed_rule,
        spoil_exempt_collection,
        spoil_two_triggers,
        spoil_two_request_rules,
        spoil_widened_cap,
        spoil_widened_unknown,
        spoil_widened_nothing,
        spoil_duty,
        spoil_duty_number,
    ],
)
def test_a_spoiled_pack_is_refused(spoil: Callable[[dict[str, Any]], None]) -> None:
    data = data_of("CO")
    assert parse_pack(yaml.safe_dump(data)) == load_pack("CO")
    spoil(data)

    with pytest.raises(SendaError) as caught:
        parse_pack(yaml.safe_dump(data))

    assert caught.value.code == "policy.bad_pack"


def test_text_that_is_not_yaml_is_refused() -> None:
    with pytest.raises(SendaError, match="YAML") as caught:
        parse_pack("pack: [")

    assert caught.value.code == "policy.bad_pack"


def test_the_hash_covers_the_content_and_not_the_layout_of_the_file() -> None:
    data = data_of("CO")
    reordered = {name: data[name] for name in reversed(data)}
    softened = reading("CO", "CO-04", period="calendar_week")

    assert parse_pack(yaml.safe_dump(reordered)).content_hash == load_pack("CO").content_hash
    assert softened.content_hash != load_pack("CO").content_hash
    assert len(softened.content_hash) == 64


def test_a_decision_names_the_packs_and_the_data_that_it_rests_on() -> None:
    packs = [load_pack("CO"), load_pack("default")]

    record = decide(packs, query(bogota("2026-07-13 10:00"))).as_record()

    assert record["allowed"] is False
    assert record["rules"] == ["CO-02"]
    assert record["next_allowed_at"] == "2026-07-14T13:00:00+00:00"
    assert [basis["pack"] for basis in record["basis"]] == ["CO", "default"]
    assert record["basis"][0]["content_hash"] == load_pack("CO").content_hash
    assert record["basis"][0]["version"] == load_pack("CO").version
    assert record["holidays_version"]
    assert record["tzdata_version"]


def test_colombia_closes_on_13_july_2026() -> None:
    assert "Chiquinquirá" in (holiday_name(load_pack("CO"), date(2026, 7, 13)) or "")
    assert is_closed(load_pack("CO"), date(2026, 7, 13))


@pytest.mark.parametrize("year", range(2026, 2040))
def test_colombia_moves_9_july_to_the_following_monday(year: int) -> None:
    ninth = date(year, 7, 9)
    monday = ninth + timedelta(days=-ninth.weekday() % 7)

    assert is_closed(load_pack("CO"), monday)


def test_colombia_did_not_close_on_9_july_before_the_law() -> None:
    assert not is_closed(load_pack("CO"), date(2025, 7, 14))


def test_a_pack_adds_holidays_that_the_package_lacks_and_removes_others() -> None:
    data = data_of("CO")
    data["holidays"]["add"] = [{"date": "2026-02-05", "name": "Día cívico", "source": "un decreto"}]
    data["holidays"]["remove"] = ["2026-01-12"]
    pack = Pack.model_validate(data)

    assert holiday_name(pack, date(2026, 2, 5)) == "Día cívico"
    assert decide([pack], query(bogota("2026-02-05 10:00"))).rules == ("CO-02",)
    assert decide([pack], query(bogota("2026-01-12 10:00"))).allowed


def test_a_pack_without_holidays_closes_by_weekday_only() -> None:
    assert holiday_name(load_pack("US"), date(2026, 12, 25)) is None
    assert not is_closed(load_pack("US"), date(2026, 12, 25))
    assert is_closed(load_pack("default"), date(2026, 12, 26))


@pytest.mark.parametrize(
    ("logged", "monday"),
    [("2026-02-02", "2026-02-09"), ("2026-02-04", "2026-02-09"), ("2026-02-08", "2026-02-09")],
)
def test_reading_a_calendar_week_in_colombia_opens_other_channels_on_monday(logged: str, monday: str) -> None:
    pack = reading("CO", "CO-04", period="calendar_week")
    first = contact(bogota(f"{logged} 09:00"), "sms")

    decision = decide([pack], query(bogota(f"{logged} 10:00"), first, channel="call"))

    assert "CO-04" in decision.rules
    assert decision.next_allowed_at == bogota(f"{monday} 07:00")


def test_reading_that_only_answered_contacts_trigger_in_colombia() -> None:
    pack = reading("CO", "CO-07", contacts="two_way")
    unanswered = contact(bogota("2026-02-04 09:00"))
    answered = contact(bogota("2026-02-04 09:00"), two_way=True)

    assert decide([pack], query(bogota("2026-02-04 10:00"), unanswered)).allowed
    assert decide([pack], query(bogota("2026-02-04 10:00"), answered)).rules == ("CO-03",)


def test_reading_chile_literally_allows_the_second_message_a_day_earlier() -> None:
    pack = reading("CL", "CL-03", next_from_day=2)
    monday = contact(bogota("2026-03-02 09:00"), "email")

    decision = decide([pack], query(bogota("2026-03-03 09:00"), monday, zones=("America/Santiago",)))

    assert decision.next_allowed_at == bogota("2026-03-04 06:00")  # 08:00 in Santiago


def test_reading_ecuador_per_channel_allows_another_channel_on_the_same_day() -> None:
    pack = reading("EC", "EC-02", counted="per_channel")
    first = contact(bogota("2026-03-03 09:00"), "sms")

    assert decide([pack], query(bogota("2026-03-03 10:00"), first, channel="call")).allowed
    assert decide([pack], query(bogota("2026-03-03 10:00"), first)).rules == ("EC-02",)


def test_reading_conversations_that_the_person_began_into_us03() -> None:
    pack = reading("US", "US-03", started_by="anyone")
    they_called = contact(bogota("2026-03-02 10:00"), "call", direction="inbound", two_way=True)
    asked = query(bogota("2026-03-03 10:00"), they_called, channel="call", zones=("America/New_York",))

    assert decide([pack], asked).rules == ("US-03",)
    assert decide([load_pack("US")], asked).allowed
