"""The file of processors: what it takes, what it refuses by place, and who is asked for whom."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from channels.processors.events import ProcessorUnable, Whose
from channels.processors.kinds import Kind, Processors, generic_only, read_processors
from policy.errors import SendaError
from tests.processors.signed import REFERENCE

SECRET = "whsec_" + "QUFB" * 8
ENVIRONMENT = {"CAJA": SECRET, "TOKEN": "t", "X": "x"}
CAJA = {"kind": "generic", "secret": "env:CAJA", "url": "https://caja.invalid", "token": "env:TOKEN"}
WOMPI = {
    "kind": "wompi",
    "events_secret": "env:X",
    "integrity_secret": "env:X",
    "private_key": "env:X",
    "receipts_to": "caja@acreedor.invalid",
    "creditors": ["banco-a"],
}
STRIPE = {"kind": "stripe", "secret": "env:X", "api_key": "env:X", "return_url": "https://acreedor.invalid"}
MP = {"kind": "mercadopago", "secret": "env:X", "access_token": "env:X", "return_url": "https://acreedor.invalid"}


EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "processors.yaml"


def read(folder: Path, config: Any) -> Processors:
    path = folder / "processors.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return read_processors(path, ENVIRONMENT, "https://senda.invalid", SECRET)


async def test_all_kinds_are_built_and_the_generic_one_is_always_there(tmp_path: Path) -> None:
    config = {"processors": {"caja": CAJA, "wompi": WOMPI, "tarjetas": STRIPE, "mp": MP}}
    found = read(tmp_path, config)
    assert [key for key in ("generic", "caja", "wompi", "tarjetas", "mp", "otro") if found.get(key)] == [
        *("generic", "caja", "wompi", "tarjetas", "mp")
    ]
    await found.close()


async def test_the_example_shows_every_kind_and_is_fit_to_be_used() -> None:
    text = EXAMPLE.read_text("utf-8")
    secrets = dict.fromkeys(re.findall(r"env:([A-Z][A-Z0-9_]+)", text), SECRET)
    found = read_processors(EXAMPLE, secrets, "https://senda.invalid", SECRET)
    union, _ = get_args(Kind)
    kinds = {get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(union)}
    assert kinds == set(re.findall(r"kind: ([a-z]+)", text))
    assert found.asked("links", "banco-a").key == "wompi"
    await found.close()


async def test_money_comes_only_for_the_creditors_that_are_named(tmp_path: Path) -> None:
    found = read(tmp_path, {"processors": {"caja": CAJA, "wompi": WOMPI}})
    assert found.serves("caja", "banco-b")
    assert found.serves("wompi", "banco-a")
    assert not found.serves("wompi", "banco-b")


async def test_the_narrowest_route_says_who_is_asked(tmp_path: Path) -> None:
    routes = {"*": {"links": "caja"}, "banco-*": {"links": "wompi"}, "banco-b": {"links": "caja"}}
    found = read(tmp_path, {"processors": {"caja": CAJA, "wompi": WOMPI}, "routes": routes})
    asked = [found.asked("links", creditor).key for creditor in ("tienda", "banco-a", "banco-b")]
    assert asked == ["caja", "wompi", "caja"]


async def test_nobody_is_asked_where_no_route_says_so(tmp_path: Path) -> None:
    found = read(tmp_path, {"processors": {"caja": CAJA}, "routes": {"*": {"links": "caja"}}})
    with pytest.raises(ProcessorUnable) as refused:
        found.asked("debits", "tienda")
    assert refused.value.code == "processor.no_debits"
    with pytest.raises(ProcessorUnable):
        generic_only(SECRET).asked("links", "tienda")


@pytest.mark.parametrize(
    ("config", "code", "field"),
    [
        ({"processors": {"x": {"kind": "cash"}}}, "processors.bad_config", "processors.x"),
        ({"processors": {"x": CAJA | {"secret": "abierto"}}}, "processors.bad_config", "processors.x.generic.secret"),
        ({"processors": {"x": CAJA | {"secret": "env:X"}}}, "processors.bad_config", "secret"),
        ({"processors": {"x": CAJA | {"secret": "env:NO"}}}, "channels.no_secret", "x"),
        ({"processors": {"bank:a": CAJA}}, "processors.bad_config", "processors.bank:a.[key]"),
        ({"processors": {}, "routes": {"*": {"links": "x"}}}, "processors.bad_config", "routes.*.links"),
        ([], "processors.bad_config", ""),
    ],
)
def test_a_file_that_is_wrong_names_the_place(tmp_path: Path, config: Any, code: str, field: str) -> None:
    with pytest.raises(SendaError) as refused:
        read(tmp_path, config)
    assert (refused.value.code, refused.value.field or "") == (code, field)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SendaError) as refused:
        read_processors(tmp_path / "none.yaml", {}, "https://senda.invalid", SECRET)
    assert refused.value.code == "processors.no_file"


@pytest.mark.parametrize(
    ("text", "whose"),
    [
        (REFERENCE, Whose(reference=REFERENCE)),
        (f"{REFERENCE}.a1-b2_c3", Whose(reference=REFERENCE)),
        ("amable/CR-1", Whose("amable", "CR-1")),
        ("amable/", Whose()),
        ("/CR-1", Whose()),
        (REFERENCE.upper(), Whose()),
        ("pedido 7", Whose()),
        ("a/b\0", Whose()),
        (None, Whose()),
        (7, Whose()),
    ],
)
def test_whose_money_it_is_stands_in_what_was_given_to_the_processor(text: object, whose: Whose) -> None:
    assert Whose.read(text) == whose
