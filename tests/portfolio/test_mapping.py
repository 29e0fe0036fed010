"""A mapping that cannot be used says which key is at fault."""

from pathlib import Path

import pytest
import yaml

from senda.portfolio.mapping import MappingError, load_mapping

GOOD = {
    "columns": {"account": "doc", "debtor": "deudor", "due_date": "vence", "amount": "valor"},
    "currency": "COP",
    "time_zone": "America/Bogota",
}


def problems(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    file = tmp_path / "mapping.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(MappingError) as caught:
        load_mapping(file)
    return caught.value.problems


def test_a_mapping_with_little_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "mapping.yaml"
    file.write_text(yaml.safe_dump(GOOD), encoding="utf-8")
    mapping = load_mapping(file)
    assert (mapping.separator, mapping.language, mapping.columns.account.column) == (",", "es", "doc")


@pytest.mark.parametrize(
    ("changes", "place", "text"),
    [
        ({"colums": {}}, "colums", "is no key of a mapping"),
        ({"columns": {**GOOD["columns"], "pone": "x"}}, "columns.pone", "is no key of a mapping"),
        ({"columns": {"account": "doc"}}, "columns.debtor", "is missing"),
        ({"currency": "PESO"}, "currency", "'PESO' is no ISO 4217 code, such as COP"),
        ({"time_zone": "Bogota"}, "time_zone", "'Bogota' is no time zone, such as America/Bogota"),
        (
            {"encoding": "utf-88"},
            "encoding",
            "'utf-88' is no encoding that Python knows, such as utf-8 or latin-1",
        ),
        ({"thousands_separator": "."}, "mapping", "decimal_separator and thousands_separator must differ"),
        (
            {"columns": {**GOOD["columns"], "account": {"prefix": "x"}}},
            "columns.account",
            "give either a column or row_number: true",
        ),
    ],
)
def test_the_key_at_fault_is_named(tmp_path: Path, changes: dict[str, object], place: str, text: str) -> None:
    assert (place, text) in problems(tmp_path, yaml.safe_dump({**GOOD, **changes}))


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    assert problems(tmp_path, "columns: [")[0][1] == "is not readable as YAML"


def test_the_example_mapping_is_a_good_one() -> None:
    mapping = load_mapping(Path(__file__).parents[2] / "docs/examples/receivables-br.mapping.yaml")
    assert mapping.currency == "BRL"
