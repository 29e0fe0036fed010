"""Reading a file by its mapping: good rows become receivables, each bad one tells its row, field and code."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.file_fields import AmountReader, FieldProblem
from senda.portfolio.mapping import Mapping, MappingError
from senda.portfolio.rows import BadRow, Receivable, read_rows

HEADER = "cliente;emision;vence;pago;valor"
COLUMNS = {
    "account": {"row_number": True, "prefix": "doc-"},
    "debtor": "cliente",
    "issued": "emision",
    "due_date": "vence",
    "paid": "pago",
    "amount": "valor",
}
Reader = Callable[..., list[Receivable | BadRow]]


def described(**changes: Any) -> Mapping:
    base = {
        "columns": COLUMNS,
        "separator": ";",
        "currency": "COP",
        "time_zone": "America/Bogota",
        "max_term_days": 365,
    }
    return Mapping.model_validate({**base, **changes})


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    def reader(*rows: str, header: str = HEADER, **changes: Any) -> list[Receivable | BadRow]:
        file = tmp_path / "file.csv"
        file.write_bytes("\n".join([header, *rows]).encode("utf-8", "surrogateescape"))
        return list(read_rows(file, described(**changes)))

    return reader


def test_a_good_row_becomes_a_receivable(read: Reader) -> None:
    (row,) = read("1661240395903230676;2026-01-02;2026-02-01;2026-02-03;1250000.50")
    assert row == Receivable(
        row=1,
        account="doc-1",
        debtor="1661240395903230676",
        due_date=date(2026, 2, 1),
        amount=Decimal("1250000.50"),
        paid=date(2026, 2, 3),
        name="",
        addresses={},
        facts={},
    )


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ("7;2026-01-02;2026-02-01;;", "amount", "amount_missing"),
        ("7;2026-01-02;2026-02-01;;mil", "amount", "amount_invalid"),
        ("7;2026-01-02;2026-02-01;;NaN", "amount", "amount_invalid"),
        ("7;2026-01-02;2026-02-01;;1e3", "amount", "amount_invalid"),
        ("7;2026-01-02;2026-02-01;;10.123", "amount", "amount_decimals"),
        ("7;2026-01-02;2026-02-01;;0", "amount", "amount_not_positive"),
        ("7;2026-01-02;2026-02-01;;-5", "amount", "amount_not_positive"),
        ("7;2026-01-02;2026-02-30;;10", "due_date", "date_invalid"),
        ("7;2026-01-02;;;10", "due_date", "field_missing"),
        ("7;ayer;2026-02-01;;10", "issued", "date_invalid"),
        ("7;2026-01-02;2026-02-01;ayer;10", "paid", "date_invalid"),
        ("7;2026-02-02;2026-02-01;;10", "due_date", "due_before_issued"),
        ("7;2026-01-02;2026-02-01;2026-01-01;10", "paid", "paid_before_issued"),
        ("7;2025-01-31;2026-02-01;;10", "due_date", "term_too_long"),
        (";2026-01-02;2026-02-01;;10", "debtor", "field_missing"),
        ("7;2026-01-02;2026-02-01;;10;more", "row", "row_width"),
        ("7\udcff;2026-01-02;2026-02-01;;10", "row", "row_encoding"),
    ],
)
def test_a_bad_row_tells_its_fault_and_the_next_one_goes_on(read: Reader, row: str, field: str, code: str) -> None:
    bad, good = read(row, "8;2026-01-02;2026-02-01;;10")
    assert isinstance(bad, BadRow)
    assert (bad.row, bad.field, bad.code) == (1, field, code)
    assert isinstance(good, Receivable)
    assert good.account == "doc-2"


def test_a_term_of_exactly_the_longest_is_taken(read: Reader) -> None:
    (row,) = read("7;2025-02-01;2026-02-01;;10")
    assert isinstance(row, Receivable)


def test_a_duplicate_account_names_the_row_that_came_first(read: Reader) -> None:
    columns = {"account": "doc", "debtor": "deudor", "due_date": "vence", "amount": "valor"}
    rows = read(
        "A;1;2026-02-01;5",
        "B;1;2026-02-01;5",
        "A;2;2026-02-01;5",
        header="doc;deudor;vence;valor",
        columns=columns,
    )
    assert [getattr(row, "code", None) for row in rows] == [None, None, "account_duplicate"]
    assert isinstance(rows[2], BadRow)
    assert rows[2].text == "account 'A' was already in row 1"


def test_addresses_facts_and_another_currency(read: Reader) -> None:
    columns = {
        "account": {"column": "doc", "prefix": "x-"},
        "debtor": "deudor",
        "due_date": "vence",
        "amount": "valor",
        "currency": "moneda",
        "email": "correo",
        "phone": "celular",
        "whatsapp": "wa",
        "facts": {"producto": "prod"},
    }
    header = "doc;deudor;vence;valor;moneda;correo;celular;wa;prod"
    first, second = read(
        "A;1;2026-02-01;5;COP;a@b.invalid;3001112233;+13005550100;libre",
        "B;1;2026-02-01;5;USD;;;;",
        header=header,
        columns=columns,
        phone_prefix="+57",
    )
    assert isinstance(first, Receivable)
    assert first.account == "x-A"
    assert first.addresses == {
        "sms": "+573001112233",
        "call": "+573001112233",
        "whatsapp": "+13005550100",
        "email": "a@b.invalid",
    }
    assert first.facts == {"producto": "libre"}
    assert isinstance(second, BadRow)
    assert second.code == "currency_mismatch"


def test_a_byte_order_mark_and_latin_letters_are_read(tmp_path: Path) -> None:
    file = tmp_path / "file.csv"
    columns = {"account": "doc", "debtor": "deudor", "due_date": "vence", "amount": "valor", "name": "nombre"}
    text = "doc;deudor;vence;valor;nombre\nA;1;2026-02-01;5;Nuñez\n"
    for encoding, written in (("utf-8", "utf-8-sig"), ("latin-1", "latin-1")):
        file.write_bytes(text.encode(written))
        (row,) = read_rows(file, described(columns=columns, encoding=encoding))
        assert isinstance(row, Receivable)
        assert row.name == "Nuñez"


def test_a_column_that_the_file_lacks_is_named_before_any_row(read: Reader) -> None:
    with pytest.raises(MappingError, match="the file has no column 'valor'") as caught:
        read("7;2026-01-02;2026-02-01;;10", header="cliente;emision;vence;pago;monto")
    assert caught.value.code == "mapping.unknown_column"
    assert caught.value.field == "columns.amount"


@pytest.mark.parametrize(
    ("thousands", "decimal", "text", "amount"),
    [
        (".", ",", "1.234.567,89", "1234567.89"),
        (".", ",", "1234567,89", "1234567.89"),
        (",", ".", "1,234.5", "1234.5"),
        ("", ".", "1234.50", "1234.50"),
        ("", ".", "1234.5000", "1234.5000"),
    ],
)
def test_amounts_in_the_files_own_format(thousands: str, decimal: str, text: str, amount: str) -> None:
    reader = AmountReader(described(thousands_separator=thousands, decimal_separator=decimal))
    assert reader(text) == Decimal(amount)


def test_a_decimal_point_is_never_taken_for_a_thousands_separator() -> None:
    reader = AmountReader(described(thousands_separator=".", decimal_separator=","))
    with pytest.raises(FieldProblem) as caught:
        reader("1234.56")
    assert caught.value.code == "amount_invalid"


@given(st.decimals(min_value="0.01", max_value="999999999999", places=2))
def test_any_amount_survives_being_written_with_separators(amount: Decimal) -> None:
    written = f"{amount:,}".translate(str.maketrans(",.", ".,"))
    reader = AmountReader(described(thousands_separator=".", decimal_separator=","))
    assert reader(written) == amount
