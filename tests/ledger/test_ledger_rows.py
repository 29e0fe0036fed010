"""Every kind of bad row is refused with its number, its field and a stable code; a good one comes out as an account."""

from datetime import date
from decimal import Decimal
from typing import Any

import orjson
import pytest

from ledger.rows import CSV_COLUMNS, AccountRow, RowError, check_csv, check_json, csv_header
from tests.ledger.given import row

ROW = 7


def line(**changes: Any) -> bytes:
    return orjson.dumps({**row("A-1", ("1", "2026-03-31", "125000.50")), **changes})


def due(**changes: Any) -> dict[str, Any]:
    return {"dues": [{"key": "1", "due_date": "2026-03-31", "amount": "1000", **changes}]}


def debtor(**changes: Any) -> dict[str, Any]:
    return {"debtor": {**row("A-1")["debtor"], **changes}}


def only_error(found: AccountRow | list[RowError]) -> RowError:
    assert isinstance(found, list)
    (error,) = found
    return error


def test_a_good_line_is_an_account() -> None:
    account = check_json(ROW, line(), "COP", 2)
    assert isinstance(account, AccountRow)
    assert account.account == "A-1"
    assert account.dues[0].due_date == date(2026, 3, 31)
    assert account.dues[0].amount == Decimal("125000.50")


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"account": ""}, "account", "field_missing"),
        ({"account": "a/b"}, "account", "value_invalid"),
        ({"account": "x" * 200}, "account", "value_too_long"),
        ({"account": 5}, "account", "value_invalid"),
        ({"saldo": "1"}, "saldo", "field_unknown"),
        ({"currency": "USD"}, "currency", "currency_mismatch"),
        ({"dues": "many"}, "dues", "value_invalid"),
        ({"facts": []}, "facts", "value_invalid"),
        (due(due_date="31/03/2026"), "dues.0.due_date", "date_invalid"),
        (due(due_date="2026-02-30"), "dues.0.due_date", "date_invalid"),
        (due(due_date=None), "dues.0.due_date", "date_invalid"),
        (due(due_date="0001-01-01"), "dues.0.due_date", "date_out_of_range"),
        (due(due_date="9999-12-31"), "dues.0.due_date", "date_out_of_range"),
        (due(amount="12.345"), "dues.0.amount", "amount_decimals"),
        (due(amount="mil"), "dues.0.amount", "amount_invalid"),
        (due(amount="NaN"), "dues.0.amount", "amount_invalid"),
        (due(amount="1e30"), "dues.0.amount", "amount_invalid"),
        (due(amount="0"), "dues.0.amount", "amount_not_positive"),
        (due(amount="-5"), "dues.0.amount", "amount_not_positive"),
        (due(amount=12.5), "dues.0.amount", "amount_not_exact"),
        (due(amount=None), "dues.0.amount", "amount_missing"),
        (due(amount=""), "dues.0.amount", "amount_missing"),
        (due(discount="1"), "dues.0.discount", "field_unknown"),
        (due(interest="0.001"), "dues.0.interest", "amount_decimals"),
        (due(fees="-1"), "dues.0.fees", "amount_not_positive"),
        (due(amount="100", interest="60", fees="41"), "dues.0", "amount_parts"),
        ({"dues": due()["dues"] * 2}, "dues", "due_duplicate"),
        (debtor(key=""), "debtor.key", "field_missing"),
        (debtor(language="qu"), "debtor.language", "value_invalid"),
        (debtor(time_zones=["America/Bogotá"]), "debtor.time_zones", "time_zone_unknown"),
        (debtor(addresses={"sms": "3001234567"}), "debtor.addresses", "address_invalid"),
        (debtor(addresses={"sms": "+573001234567\n"}), "debtor.addresses", "address_invalid"),
        (debtor(addresses={"email": "nobody"}), "debtor.addresses", "address_invalid"),
        (debtor(addresses={"email": "ana@correo.invalid\n"}), "debtor.addresses", "address_invalid"),
        (debtor(authorised_channels=["pigeon"]), "debtor.authorised_channels.0", "value_unknown"),
        (debtor(preferred_channel="pigeon"), "debtor.preferred_channel", "value_unknown"),
        ({"debtor": "Ana"}, "debtor", "value_invalid"),
        (debtor(name="Ana\x00"), None, "character_invalid"),
        ({"facts": {"note": "\x00"}}, None, "character_invalid"),
    ],
)
def test_a_bad_value_is_named(changes: dict[str, Any], field: str | None, code: str) -> None:
    error = only_error(check_json(ROW, line(**changes), "COP", 2))
    assert (error.row, error.field, error.code) == (ROW, field, code)
    assert error.text


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{", "row_not_json"),
        (b"5", "row_not_json"),
        (b"[]", "row_not_json"),
        (b'{"account": "\xff"}', "row_not_json"),
        (b"[" * 2000, "row_not_json"),
        (b'"' + b"x" * (1 << 20) + b'"', "row_too_long"),
    ],
)
def test_a_line_that_is_no_object_is_named(data: bytes, code: str) -> None:
    error = only_error(check_json(ROW, data, "COP", 2))
    assert (error.row, error.field, error.code) == (ROW, None, code)


def test_a_missing_field_is_named() -> None:
    content = orjson.loads(line())
    del content["dues"][0]["amount"]
    error = only_error(check_json(ROW, orjson.dumps(content), "COP", 2))
    assert (error.field, error.code) == ("dues.0.amount", "field_missing")


def test_all_faults_of_a_row_are_told() -> None:
    found = check_json(ROW, line(saldo="1", **due(amount="x", due_date="x")), "COP", 2)
    assert isinstance(found, list)
    assert {error.code for error in found} == {"field_unknown", "amount_invalid", "date_invalid"}


def test_no_error_repeats_what_the_row_said() -> None:
    """Errors are shown and kept; a person's data does not belong there."""
    changes = debtor(name=5, addresses={"email": "ana gómez"}, language="Ana Gómez")
    found = check_json(ROW, line(**changes), "COP", 2)
    assert isinstance(found, list)
    assert not any("ómez" in error.text for error in found)


@pytest.mark.parametrize(
    ("currency", "places", "amount"), [("CLP", 0, "1000"), ("COP", 2, "1000.5"), ("BHD", 3, "1.005")]
)
def test_a_currency_takes_its_own_decimals_and_no_more(currency: str, places: int, amount: str) -> None:
    assert isinstance(check_json(ROW, line(**due(amount=amount)), currency, places), AccountRow)
    more = f"{amount}{'' if '.' in amount else '.'}{'1' * (places + 1)}"
    assert only_error(check_json(ROW, line(**due(amount=more)), currency, places)).code == "amount_decimals"


class TestCsv:
    COLUMNS = ("account", "debtor", "name", "sms", "authorised_channels", "due_date", "amount")
    VALUES = ("A-1", "p-1", " Ana ", "+573991234567", "sms|email", "2026-03-31", "1000")

    def test_a_good_row_is_an_account_with_one_due(self) -> None:
        account = check_csv(ROW, list(self.COLUMNS), list(self.VALUES), "COP", 2)
        assert isinstance(account, AccountRow)
        assert account.debtor.name == "Ana"
        assert account.debtor.authorised_channels == ("sms", "email")
        assert [(due.key, due.amount) for due in account.dues] == [("2026-03-31", 1000)]

    @pytest.mark.parametrize(
        ("column", "value", "field", "code"),
        [
            ("account", "", "account", "field_missing"),
            ("debtor", "", "debtor.key", "field_missing"),
            ("due_date", "pronto", "dues.0.due_date", "date_invalid"),
            ("amount", "12.345", "dues.0.amount", "amount_decimals"),
            ("amount", "1.000,00", "dues.0.amount", "amount_invalid"),
            ("sms", "300", "debtor.addresses", "address_invalid"),
            ("authorised_channels", "sms|humo", "debtor.authorised_channels.1", "value_unknown"),
            ("name", "Ana\x00", None, "character_invalid"),
        ],
    )
    def test_a_bad_value_is_named(self, column: str, value: str, field: str | None, code: str) -> None:
        values = [value if name == column else kept for name, kept in zip(self.COLUMNS, self.VALUES, strict=True)]
        error = only_error(check_csv(ROW, list(self.COLUMNS), values, "COP", 2))
        assert (error.row, error.field, error.code) == (ROW, field, code)

    def test_a_row_of_another_width_is_named(self) -> None:
        error = only_error(check_csv(ROW, list(self.COLUMNS), ["A-1", "p-1"], "COP", 2))
        assert (error.row, error.code) == (ROW, "row_width")

    def test_a_header_with_an_unknown_column_is_refused(self) -> None:
        _, faults = csv_header(["account", "debtor", "due_date", "amount", "saldo"])
        assert [(fault.field, fault.code) for fault in faults] == [("saldo", "column_unknown")]

    def test_a_header_without_a_needed_column_is_refused(self) -> None:
        _, faults = csv_header(["account", "debtor", "amount"])
        assert [(fault.field, fault.code) for fault in faults] == [("due_date", "column_missing")]

    def test_a_header_may_begin_with_a_byte_order_mark(self) -> None:
        columns, faults = csv_header([f"\ufeff{CSV_COLUMNS[0]}", *CSV_COLUMNS[1:]])
        assert columns[0] == "account"
        assert faults == []
