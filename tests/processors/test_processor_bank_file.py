"""Bank files: rows into money by a mapping, bad rows named, and names that stay the same when a file comes again."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.processors.bank_file import BadRow, BankMapping, BankRow, read_bank_file
from policy.errors import SendaError

MAPPING: dict[str, Any] = {
    "columns": {"account": "ref", "date": "fecha", "amount": "valor"},
    "currency": "COP",
    "time_zone": "America/Bogota",
}


def mapping(columns: dict[str, str] | None = None, **changes: Any) -> BankMapping:
    return BankMapping.model_validate({**MAPPING, "columns": {**MAPPING["columns"], **(columns or {})}, **changes})


def read(text: str, how: BankMapping | None = None) -> list[BankRow | BadRow]:
    return list(read_bank_file(text.encode(), how or mapping()))


def ids(rows: list[BankRow | BadRow]) -> list[str]:
    return [row.money.id for row in rows if isinstance(row, BankRow)]


def problem(row: BankRow | BadRow) -> tuple[int, str, str]:
    assert isinstance(row, BadRow)
    return row.row, row.field, row.code


def test_a_row_is_money_at_noon_of_its_day() -> None:
    [row] = read("ref,fecha,valor\nCR-1,2026-03-05,185000.50\n")
    assert isinstance(row, BankRow)
    assert (row.row, row.account, row.money.kind, row.money.amount) == (1, "CR-1", "payment", Decimal("185000.50"))
    assert row.money.paid_at == datetime(2026, 3, 5, 17, tzinfo=UTC)


def test_amounts_and_days_are_read_as_the_mapping_writes_them() -> None:
    how = mapping(separator=";", decimal_separator=",", thousands_separator=".", date_format="%d/%m/%Y")
    [row] = read("ref;fecha;valor\nCR-1;05/03/2026;1.185.000,5\n", how)
    assert isinstance(row, BankRow)
    assert row.money.amount == Decimal("1185000.5")


@pytest.mark.parametrize(
    ("line", "field", "code"),
    [
        (",2026-03-05,1", "account", "field_missing"),
        ("a/b,2026-03-05,1", "account", "field_invalid"),
        ("CR-1,05/03/2026,1", "date", "date_invalid"),
        ("CR-1,,1", "date", "date_invalid"),
        ("CR-1,2026-03-05,", "amount", "amount_missing"),
        ("CR-1,2026-03-05,mil", "amount", "amount_invalid"),
        ("CR-1,2026-03-05,--5", "amount", "amount_not_positive"),
        ("CR-1,2026-03-05,0", "amount", "amount_not_positive"),
        ("CR-1,2026-03-05,1.005", "amount", "amount_decimals"),
        ("CR-1,2026-03-05,-5", "reverses", "reverses_missing"),
        ("CR-1,2026-03-05", "row", "row_width"),
        ("CR-1,2026-03-05,1,2", "row", "row_width"),
    ],
)
def test_a_bad_row_says_what_is_wrong_and_stops_no_other(line: str, field: str, code: str) -> None:
    before, bad, after = read(f"ref,fecha,valor\nCR-0,2026-03-05,1\n{line}\nCR-2,2026-03-05,2\n")
    assert problem(bad) == (2, field, code)
    assert isinstance(before, BankRow)
    assert isinstance(after, BankRow)


def test_money_that_went_out_takes_back_the_movement_that_it_names() -> None:
    how = mapping({"id": "mov", "reverses": "de"})
    _, row = read("ref,fecha,valor,mov,de\nCR-1,2026-03-05,9,m1,\nCR-1,2026-03-06,-9,m2,m1\n", how)
    assert isinstance(row, BankRow)
    assert (row.money.id, row.money.kind, row.money.reverses) == ("m2", "reversal", "m1")


def test_a_column_may_say_the_direction() -> None:
    how = mapping({"id": "mov", "reverses": "de", "direction": "dc"})
    text = "ref,fecha,valor,mov,de,dc\nCR-1,2026-03-05,9,m1,,C\nCR-1,2026-03-06,9,m2,m1,D\nCR-1,2026-03-06,9,m3,,X\n"
    came, went, bad = read(text, how)
    assert isinstance(came, BankRow)
    assert isinstance(went, BankRow)
    assert (came.money.kind, went.money.kind) == ("payment", "reversal")
    assert problem(bad) == (3, "amount", "direction_invalid")


def test_credits_and_debits_may_have_columns_of_their_own() -> None:
    columns = {"account": "ref", "date": "fecha", "credit": "abono", "debit": "cargo", "id": "mov", "reverses": "de"}
    how = BankMapping.model_validate({**MAPPING, "columns": columns})
    text = (
        "ref,fecha,abono,cargo,mov,de\nCR-1,2026-03-05,9,,m1,\nCR-1,2026-03-06,0.00,9,m2,m1\nCR-1,2026-03-06,9,9,m3,\n"
    )
    came, went, bad = read(text, how)
    assert isinstance(came, BankRow)
    assert isinstance(went, BankRow)
    assert (came.money.kind, went.money.kind) == ("payment", "reversal")
    assert problem(bad) == (3, "amount", "amount_invalid")


def test_a_row_in_another_currency_is_refused() -> None:
    _, bad = read(
        "ref,fecha,valor,moneda\nCR-1,2026-03-05,9,COP\nCR-1,2026-03-05,9,USD\n", mapping({"currency": "moneda"})
    )
    assert problem(bad) == (2, "currency", "currency_mismatch")


def test_equal_rows_of_a_day_are_two_payments() -> None:
    first, second = ids(read("ref,fecha,valor\nCR-1,2026-03-05,9\nCR-1,2026-03-05,9\n"))
    assert first != second


def test_an_id_that_comes_again_with_other_words_is_refused() -> None:
    how = mapping({"id": "mov"})
    text = "ref,fecha,valor,mov\nCR-1,2026-03-05,9,m1\nCR-1,2026-03-05,8,m1\nCR-1,2026-03-05,9,m1\n"
    first, bad, again = read(text, how)
    assert problem(bad) == (2, "id", "id_repeated")
    assert ids([first, again]) == ["m1", "m1"]


@pytest.mark.parametrize(
    ("text", "field"),
    [("", "columns.account"), ("ref,fecha\n", "columns.amount"), ("ref,ref,fecha,valor\n", "columns.account")],
)
def test_a_file_without_the_columns_is_refused_whole(text: str, field: str) -> None:
    with pytest.raises(SendaError) as refused:
        read(text)
    assert (refused.value.code, refused.value.field) == ("bank_file.no_column", field)


def test_a_file_in_another_encoding_is_refused_whole() -> None:
    with pytest.raises(SendaError) as refused:
        list(read_bank_file("ref,fecha,valor\nCRÉ,2026-03-05,1\n".encode("latin-1"), mapping()))
    assert refused.value.code == "bank_file.encoding"


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert len(ids(list(read_bank_file(b"\xef\xbb\xbfref,fecha,valor\nCR-1,2026-03-05,1\n", mapping())))) == 1


@pytest.mark.parametrize(
    "columns",
    [
        {"credit": "abono"},
        {"debit": "cargo"},
        {"reverses": "de"},
    ],
)
def test_a_mapping_that_says_a_thing_twice_or_not_at_all_is_refused(columns: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        mapping(columns)


ROWS = st.lists(
    st.tuples(st.sampled_from(["CR-1", "CR-2", ""]), st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(-5, 5)),
    max_size=30,
)


def written(rows: list[tuple[str, date, int]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("ref", "fecha", "valor"))
    writer.writerows((account, day.isoformat(), amount) for account, day, amount in rows)
    return out.getvalue().encode()


@given(ROWS)
def test_every_row_is_money_or_a_problem_and_each_money_has_a_name_of_its_own(rows: list[Any]) -> None:
    found = list(read_bank_file(written(rows), mapping()))
    assert [row.row for row in found] == list(range(1, len(rows) + 1))
    assert len(set(ids(found))) == len(ids(found))
    assert len(ids(found)) == sum(bool(account) and amount > 0 for account, _, amount in rows)


@given(ROWS, st.randoms())
def test_the_names_are_the_same_in_whatever_order_the_rows_come(rows: list[Any], order: Any) -> None:
    once = ids(list(read_bank_file(written(rows), mapping())))
    order.shuffle(rows)
    assert sorted(ids(list(read_bank_file(written(rows), mapping())))) == sorted(once)


@given(st.binary(max_size=200))
def test_no_file_is_answered_with_anything_but_rows_or_a_refusal(body: bytes) -> None:
    try:
        found = list(read_bank_file(b"ref,fecha,valor\n" + body, mapping()))
    except SendaError:
        return
    assert all(isinstance(row, BankRow | BadRow) for row in found)
