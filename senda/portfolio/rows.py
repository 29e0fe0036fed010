"""A file's rows, one at a time: each a receivable, or a problem with its row, field, code and text."""

import csv
import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import IO

from channels.file_fields import AmountReader, DayReader, FieldProblem
from policy.errors import SendaError
from senda.portfolio.mapping import Mapping

PHONES = ("sms", "whatsapp", "call")
ADDRESSES = (*PHONES, "email", "letter")


@dataclass(frozen=True, slots=True)
class Receivable:
    """One document: what a debtor owes by a day, in the mapping's currency. `row` counts from 1."""

    row: int
    account: str
    debtor: str
    due_date: date
    amount: Decimal
    paid: date | None
    name: str
    addresses: dict[str, str]
    facts: dict[str, str]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be taken. `due_date` is there when the row tells one, for filters by due date."""

    row: int
    field: str
    code: str
    text: str
    due_date: date | None = None


def check_file(path: Path, mapping: Mapping) -> None:
    """Raise what `read_rows` would raise at its start: an unreadable file, a column that is not there."""
    with _opened(path, mapping) as file:
        _header(csv.reader(file, delimiter=mapping.separator), mapping)


def read_rows(path: Path, mapping: Mapping) -> Generator[Receivable | BadRow]:
    """Every row in order, in memory that does not grow with the file.

    Raises `MappingError` where the file lacks a column that the mapping names, `SendaError` if unreadable.
    """
    with _opened(path, mapping) as file:
        records = csv.reader(file, delimiter=mapping.separator)
        judge = _Judge(mapping, _header(records, mapping))
        yield from (judge(row, record) for row, record in enumerate(_records(records), start=1))


def _header(records: Iterator[list[str]], mapping: Mapping) -> list[str]:
    header = [name.strip() for name in next(records, list[str]())]
    mapping.check_header(header)
    return header


@contextmanager
def _opened(path: Path, mapping: Mapping) -> Generator[IO[str]]:
    try:
        # Bytes that are no text in this encoding come through as surrogates, and their row is reported.
        with path.open(encoding=mapping.encoding, errors="surrogateescape", newline="") as file:
            yield file
    except OSError as error:
        raise SendaError("file.unreadable", f"{path}: {error.strerror}", "file") from None


def _records(records: Iterator[list[str]]) -> Iterator[list[str] | csv.Error]:
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            yield error
            continue
        if record:
            yield record


class _Judge:
    """Turns a record into a receivable, or into the first problem that it has."""

    def __init__(self, mapping: Mapping, header: list[str]) -> None:
        columns = mapping.columns
        self._mapping = mapping
        self._width = len(header)
        self._amount = AmountReader(mapping)
        self._day = DayReader(mapping)
        at = {place: header.index(column) for place, column in columns.named().items()}
        self._at = at
        self._addresses = {
            channel: place
            for channel in ADDRESSES
            if (place := at.get(channel, at.get("phone") if channel in PHONES else None)) is not None
        }
        self._facts = {fact: at[f"facts.{fact}"] for fact in columns.facts}
        self._first_seen: Callable[[str, int], int] = _SeenAccounts()
        if columns.account.row_number:
            self._first_seen = lambda _, row: row

    def __call__(self, row: int, record: list[str] | csv.Error) -> Receivable | BadRow:
        if isinstance(record, csv.Error):
            return BadRow(row, "row", "row_unreadable", str(record))
        if len(record) != self._width:
            text = f"the row has {len(record)} fields, the header {self._width}"
            return BadRow(row, "row", "row_width", text)
        if not _is_text(record):
            text = f"the row holds bytes that are not {self._mapping.encoding}"
            return BadRow(row, "row", "row_encoding", text)
        return self._judged(row, [value.strip() for value in record])

    def _judged(self, row: int, values: list[str]) -> Receivable | BadRow:
        field, due_date = "due_date", None
        try:
            due_date = self._day(self._required(field, values))
            field = "amount"
            amount = self._amount(self._value(field, values))
            field = "currency"
            self._check_currency(self._value(field, values))
            field = "issued"
            issued = self._optional_day(field, values)
            if issued is not None:
                self._check_term(issued, due_date)
            field = "paid"
            paid = self._optional_day(field, values)
            if issued is not None and paid is not None and paid < issued:
                raise FieldProblem("paid_before_issued", f"paid on {paid}, before it was issued on {issued}")
            field = "debtor"
            debtor = self._required(field, values)
            field = "account"
            account = self._account(row, values)
        except FieldProblem as problem:
            at_fault = "due_date" if problem.code in ("due_before_issued", "term_too_long") else field
            return BadRow(row, at_fault, problem.code, problem.text, due_date)
        return Receivable(
            row=row,
            account=account,
            debtor=debtor,
            due_date=due_date,
            amount=amount,
            paid=paid,
            name=self._value("name", values),
            addresses={
                channel: self._address(channel, values[at]) for channel, at in self._addresses.items() if values[at]
            },
            facts={fact: values[at] for fact, at in self._facts.items() if values[at]},
        )

    def _value(self, place: str, values: list[str]) -> str:
        at = self._at.get(place)
        return "" if at is None else values[at]

    def _required(self, place: str, values: list[str]) -> str:
        if value := self._value(place, values):
            return value
        raise FieldProblem("field_missing", f"the {place.replace('_', ' ')} is empty")

    def _optional_day(self, place: str, values: list[str]) -> date | None:
        value = self._value(place, values)
        return self._day(value) if value else None

    def _address(self, channel: str, value: str) -> str:
        return self._mapping.phone_prefix + value if channel in PHONES and value[0] != "+" else value

    def _check_currency(self, currency: str) -> None:
        if currency and currency != self._mapping.currency:
            text = f"{currency!r} is not the portfolio's currency, {self._mapping.currency}"
            raise FieldProblem("currency_mismatch", text)

    def _check_term(self, issued: date, due_date: date) -> None:
        if due_date < issued:
            raise FieldProblem("due_before_issued", f"due on {due_date}, before it was issued on {issued}")
        longest = self._mapping.max_term_days
        if longest is not None and (term := (due_date - issued).days) > longest:
            raise FieldProblem("term_too_long", f"a term of {term} days; at most {longest} are plausible")

    def _account(self, row: int, values: list[str]) -> str:
        key = self._mapping.columns.account
        account = key.prefix + (str(row) if key.row_number else self._required("account", values))
        if (first := self._first_seen(account, row)) != row:
            raise FieldProblem("account_duplicate", f"account {account!r} was already in row {first}")
        return account


class _SeenAccounts:
    """Which row an account was first seen in. On disk, because a file may have more accounts than memory."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect("", isolation_level=None)
        self._rows.execute("PRAGMA journal_mode = OFF")
        self._rows.execute("BEGIN")
        self._rows.execute("CREATE TABLE seen (account TEXT PRIMARY KEY, row INTEGER) WITHOUT ROWID")

    def __call__(self, account: str, row: int) -> int:
        if self._rows.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (account, row)).rowcount:
            return row
        return self._rows.execute("SELECT row FROM seen WHERE account = ?", (account,)).fetchone()[0]


def _is_text(record: list[str]) -> bool:
    joined = "".join(record)
    return joined.isascii() or not any("\udc80" <= character <= "\udcff" for character in joined)
