"""Playbooks: what is read, and how every fault is named with its place."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.playbook import Playbook, PlaybookError, parse_playbook, read_playbook
from tests.journey.cases import STANDARD, playbooks

SMALL = """
key: chico
stages:
  - stage: preventive
    from_day: -5
    steps:
      - {key: recordatorio, day: -3, channels: [sms, email], template: reminder, at: "09:00"}
  - stage: administrative
    from_day: 1
    steps:
      - {key: aviso-1, day: 1, channels: [sms], template: overdue}
      - {key: aviso-2, day: 5, channels: [email], template: overdue, tone: firm, when: {balance_at_least: "50000"}}
ends: {day: 30, outcome: referred}
"""


def changed(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """The small playbook after a change."""
    data = copy.deepcopy(yaml.safe_load(SMALL))
    change(data)
    return data


def first_step(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda data: data["stages"][0]["steps"][0].update(values)


def second_stage(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda data: data["stages"][1].update(values)


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str, str]] = {
    "unknown key at the top": (lambda d: d.update(endz={}), "endz", "unknown key"),
    "unknown key in a stage": (second_stage(colour="red"), "stages.1.colour", "unknown key"),
    "unknown key in a step": (first_step(chanels=["sms"]), "stages.0.steps.0.chanels", "unknown key"),
    "unknown key in a condition": (
        first_step(when={"balance_at_most": "1"}),
        "stages.0.steps.0.when.balance_at_most",
        "unknown key",
    ),
    "a key is missing": (lambda d: d.pop("ends"), "ends", "required"),
    "stages overlap": (second_stage(from_day=-5, steps=[]), "stages.1.from_day", "overlaps the stage before"),
    "stages in the wrong order": (
        lambda d: d["stages"].insert(0, {"stage": "prejuridical", "from_day": -9}),
        "stages.1.stage",
        "preventive cannot come after prejuridical",
    ),
    "a stage twice": (
        lambda d: d["stages"].append({"stage": "administrative", "from_day": 9}),
        "stages.2.stage",
        "administrative cannot come after administrative",
    ),
    "preventive starts past due": (
        lambda d: d["stages"][0].update(from_day=1, steps=[]),
        "stages.0.from_day",
        "preventive starts on day 0 or before",
    ),
    "administrative starts before past due": (
        second_stage(from_day=0, steps=[]),
        "stages.1.from_day",
        "the other stages on day 1 or after",
    ),
    "a step before its stage": (first_step(day=-6), "stages.0.steps.0.day", "outside its stage (-5 to 0)"),
    "a step after its stage": (first_step(day=1), "stages.0.steps.0.day", "outside its stage (-5 to 0)"),
    "a step after the end": (
        lambda d: d["stages"][1]["steps"][1].update(day=30),
        "stages.1.steps.1.day",
        "outside its stage (1 to 29)",
    ),
    "two steps of one key": (first_step(key="aviso-2"), "stages.1.steps.1.key", "used twice"),
    "a channel twice": (first_step(channels=["sms", "sms"]), "stages.0.steps.0.channels", "named twice"),
    "no channel": (first_step(channels=[]), "stages.0.steps.0.channels", "at least 1 item"),
    "an unknown channel": (first_step(channels=["fax"]), "stages.0.steps.0.channels.0", "Input should be"),
    "an unknown stage": (second_stage(stage="judicial"), "stages.1.stage", "Input should be"),
    "a time without quotes": (first_step(at=540), "stages.0.steps.0.at", 'in quotes, as in "09:00"'),
    "a time that is none": (first_step(at="25:00"), "stages.0.steps.0.at", "time"),
    "a key with blanks": (first_step(key="Aviso 1"), "stages.0.steps.0.key", "pattern"),
    "ends before its last stage": (lambda d: d["ends"].update(day=1), "ends.day", "first day of administrative (1)"),
    "no stages": (lambda d: d.update(stages=[]), "stages", "at least 1 item"),
    "a negative minimum": (lambda d: d.update(minimum_balance="-1"), "minimum_balance", "greater than or equal"),
    "a promise kept by more than all": (
        lambda d: d.update(promise={"threshold": "1.01"}),
        "promise.threshold",
        "less than or equal",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_with_its_place(name: str) -> None:
    change, place, message = FAULTS[name]

    with pytest.raises(PlaybookError) as caught:
        parse_playbook(changed(change))

    assert caught.value.code == "playbook.invalid"
    assert [text for at, text in caught.value.problems if at == place and message in text]


def test_the_error_points_at_the_first_fault_and_counts_the_others() -> None:
    def change(data: dict[str, Any]) -> None:
        data["stages"][0]["steps"][0]["day"] = 2
        data["stages"][1]["steps"][0]["channels"] = ["sms", "sms"]

    with pytest.raises(PlaybookError) as caught:
        parse_playbook(changed(change))

    assert caught.value.field == "stages.0.steps.0.day"
    assert "(1 more)" in caught.value.message
    assert [place for place, _ in caught.value.problems] == ["stages.0.steps.0.day", "stages.1.steps.0.channels"]


def test_a_time_that_yaml_reads_as_a_number_is_explained() -> None:
    with pytest.raises(PlaybookError, match="write the time in quotes"):
        read_playbook(SMALL.replace('"09:00"', "10:30"))


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "hola", "7", "null"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(PlaybookError, match="must be a mapping"):
        read_playbook(text)


def test_broken_yaml_names_its_line() -> None:
    with pytest.raises(PlaybookError) as caught:
        read_playbook("key: a\nstages: [\nends: }\n")

    assert caught.value.field == "line 3"


def test_a_key_written_twice_names_its_line() -> None:
    with pytest.raises(PlaybookError, match="the key 'day' is written twice") as caught:
        read_playbook(SMALL.replace("day: 5", "day: 5, day: 6"))

    assert caught.value.field == "line 12"


@pytest.mark.parametrize(
    "text",
    [b"\xff\xfe\x00k", "key: \x07", "key: !!python/object:os.system x", "[" * 500],
    ids=["bytes", "control", "object", "deep"],
)
def test_unreadable_text_is_an_error_of_the_playbook(text: str | bytes) -> None:
    with pytest.raises(PlaybookError):
        read_playbook(text)


def test_what_is_left_out_has_a_default() -> None:
    book = read_playbook(SMALL)

    assert book.stages[0].steps[0].tone == "friendly"
    assert book.minimum_balance == 0
    assert (book.promise.grace_days, str(book.promise.threshold)) == (1, "1.00")


def test_stages_are_found_by_day() -> None:
    days = {-6: None, -5: "preventive", 0: "preventive", 1: "administrative", 60: "administrative", 61: "prejuridical"}

    assert {day: STANDARD.stage_on(day) for day in days} == days
    assert [STANDARD.stage_after(stage) for stage in (None, "preventive", "prejuridical")] == [
        "preventive",
        "administrative",
        None,
    ]


def test_the_hash_does_not_depend_on_the_order_of_keys_or_on_what_is_spelt_out() -> None:
    data = yaml.safe_load(SMALL)
    turned = dict(reversed(data.items())) | {"minimum_balance": "0"}
    turned["stages"] = [dict(reversed(stage.items())) for stage in data["stages"]]

    assert parse_playbook(turned).hash == read_playbook(SMALL).hash


@pytest.mark.parametrize(
    "change", [first_step(at="09:01"), first_step(tone="firm"), second_stage(from_day=2, steps=[])]
)
def test_another_content_has_another_hash(change: Callable[[dict[str, Any]], None]) -> None:
    assert parse_playbook(changed(change)).hash != read_playbook(SMALL).hash


@settings(max_examples=50, deadline=None)
@given(playbooks(), st.sampled_from(["python", "json"]))
def test_a_playbook_read_back_from_its_own_content_is_the_same(book: Playbook, mode: Any) -> None:
    again = parse_playbook(book.model_dump(mode=mode))

    assert again == book
    assert again.hash == book.hash
