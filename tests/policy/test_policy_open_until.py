"""Until when the clock goes on allowing a contact."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from policy_cases import bogota, contact, hours, query

from policy import HORIZON, Pack, Person, SendaError, load_pack, open_until

CO = [load_pack("CO")]


def test_a_weekday_is_open_until_nineteen() -> None:
    assert open_until(CO, query(bogota("2026-02-04 10:00"))) == bogota("2026-02-04 19:00")


@pytest.mark.parametrize("at", ["2026-02-04 19:00", "2026-02-04 06:59:59", "2026-02-08 10:00", "2026-07-13 10:00"])
def test_a_closed_clock_has_no_end(at: str) -> None:
    assert open_until(CO, query(bogota(at))) is None


def test_several_packs_close_with_the_first() -> None:
    packs = [load_pack("CO"), load_pack("default")]

    assert open_until(packs, query(bogota("2026-02-04 10:00"))) == bogota("2026-02-04 18:00")


def test_several_zones_close_with_the_first() -> None:
    asked = query(bogota("2026-02-04 10:00"), zones=("America/Bogota", "America/Sao_Paulo"))

    assert open_until(CO, asked) == bogota("2026-02-04 17:00")


def test_preferred_hours_close_earlier() -> None:
    asked = query(bogota("2026-02-04 10:00"), person=Person(hours=(hours("wed", "09:00", "10:30"),)))

    assert open_until(CO, asked) == bogota("2026-02-04 10:30")


def test_the_log_does_not_matter() -> None:
    asked = query(bogota("2026-02-04 10:00"), contact(bogota("2026-02-04 09:00"), "email"))

    assert open_until(CO, asked) == bogota("2026-02-04 19:00")


def test_an_exempt_purpose_is_open_as_far_as_one_looks() -> None:
    asked = query(bogota("2026-02-08 23:00"), purpose="fraud_alert")

    assert open_until(CO, asked) == asked.at + HORIZON


def test_preferred_hours_close_a_pack_that_is_always_open() -> None:
    caps_alone = load_pack("US").model_copy(update={"rules": load_pack("US").rules[1:]})
    asked = query(bogota("2026-02-04 23:00"))
    preferring = replace(asked, person=Person(hours=(hours("wed", "22:00", "24:00"),)))

    assert open_until([caps_alone], asked) == asked.at + HORIZON
    assert open_until([caps_alone], preferring) == bogota("2026-02-05 00:00")


def test_a_stretch_goes_on_over_midnight() -> None:
    data: dict[str, Any] = load_pack("US").model_dump(mode="json")
    data["rules"][0]["hours"] = [
        {"days": ["mon"], "opens": "08:00", "closes": "24:00"},
        {"days": ["tue"], "opens": "00:00", "closes": "02:00"},
    ]
    data["rules"][0]["closed"] = ["wed", "thu", "fri", "sat", "sun"]

    assert open_until([Pack.model_validate(data)], query(bogota("2026-02-02 10:00"))) == bogota("2026-02-03 02:00")


def test_without_a_zone_nothing_is_open() -> None:
    assert open_until(CO, query(bogota("2026-02-04 10:00"), zones=())) is None


def test_a_naive_instant_is_an_error() -> None:
    with pytest.raises(SendaError) as caught:
        open_until(CO, query(datetime(2026, 2, 4, 10)))  # noqa: DTZ001  (the mistake under test)

    assert caught.value.code == "policy.naive_instant"
