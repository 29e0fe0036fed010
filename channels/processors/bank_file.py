"""A bank's file of movements (CSV) by a creditor's mapping: each row is money, or a problem that stops no other row."""

import codecs
import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from typing import Annotated, Literal, Self

from babel.numbers import is_currency
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from channels.file_fields import AmountReader, DayReader, FieldProblem
from channels.processors.events import Money
from policy.calendar import local_instant
from policy.errors import SendaError
from policy.zones import zone_info

NOON = time(12)
"""A bank tells days: its money counts as paid at noon of the day in the mapping's zone."""

_ACCOUNT = re.compile(r"[^\s/][^/\x00-\x1f]{0,127}")
_ID = re.compile(r"[^\x00-\x1f]{1,120}")

Column = Annotated[str, Field(min_length=1, max_length=120)]


def _known_currency(code: str) -> str:
    if not is_currency(code):
        raise ValueError(f"{code!r} is no ISO 4217 code, such as COP")
    return code


def _known_zone(name: str) -> str:
    try:
        zone_info(name)
    except SendaError:
        raise ValueError(f"{name!r} is no time zone, such as America/Bogota") from None
    return name


def _known_encoding(name: str) -> str:
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        raise ValueError(f"{name!r} is no encoding, such as utf-8 or latin-1") from None
    return "utf-8-sig" if codec == "utf-8" else codec  # a byte order mark is no part of the first name


class _Described(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Columns(_Described):
    """Names of columns as the header writes them. The amount stands in `amount`, with its direction in the number's
    sign or in `direction`; or in two columns, `credit` and `debit`. `account`: the account's key or reference. `id`:
    the bank's own name of the movement; without it, the row itself and how often it came in the file."""

    account: Column
    date: Column
    amount: Column | None = None
    direction: Column | None = None
    credit: Column | None = None
    debit: Column | None = None
    id: Column | None = None
    currency: Column | None = None
    reverses: Column | None = None
    due: Column | None = None

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        if (self.amount is None) == (self.credit is None):
            raise ValueError("name either amount, or credit (and debit)")
        if self.amount is None and self.direction is not None:
            raise ValueError("direction belongs to amount")
        if self.amount is not None and self.debit is not None:
            raise ValueError("debit belongs to credit")
        if self.reverses is not None and self.id is None:
            raise ValueError("reverses names ids: name the column of the ids")
        return self

    def named(self) -> dict[str, str]:
        """Place in the mapping → column of the file."""
        return {place: column for place, column in self if isinstance(column, str)}


class BankMapping(_Described):
    """How a creditor's bank files look. Dates follow `strptime`, amounts use these separators and no others."""

    columns: Columns
    currency: Annotated[str, AfterValidator(_known_currency)] = Field(examples=["COP"])
    time_zone: Annotated[str, AfterValidator(_known_zone)] = Field(examples=["America/Bogota"])
    separator: str = Field(default=",", min_length=1, max_length=1)
    encoding: Annotated[str, AfterValidator(_known_encoding)] = "utf-8-sig"
    decimal_separator: Literal[".", ","] = "."
    thousands_separator: Literal["", ".", ",", " ", "'", "\u00a0"] = ""
    date_format: str = Field(default="%Y-%m-%d", min_length=2, max_length=40)
    credit_words: list[Column] = Field(default=["C", "CR", "+"], description="in the column direction: money in")
    debit_words: list[Column] = Field(default=["D", "DB", "-"], description="in the column direction: money out")

    @model_validator(mode="after")
    def _separators_differ(self) -> Self:
        if self.decimal_separator == self.thousands_separator:
            raise ValueError("decimal_separator and thousands_separator must differ")
        return self


@dataclass(frozen=True, slots=True)
class BankRow:
    """A row that is money. `account` is what the file says: a key or a reference; rows count from 1, below the
    header."""

    row: int
    account: str
    money: Money


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be taken, and why."""

    row: int
    field: str
    code: str
    text: str


def read_bank_file(body: bytes, mapping: BankMapping) -> Iterator[BankRow | BadRow]:
    """Every row in order. Raises `SendaError` before the first one: `bank_file.encoding`, `bank_file.no_column`."""
    try:
        text = body.decode(mapping.encoding)
    except UnicodeDecodeError:
        raise SendaError("bank_file.encoding", f"the file is no text in {mapping.encoding}", "encoding") from None
    records = _records(csv.reader(io.StringIO(text, newline=""), delimiter=mapping.separator))
    header = next(records, None)
    names = [name.strip() for name in header] if isinstance(header, list) else list[str]()
    for place, column in mapping.columns.named().items():
        if names.count(column) != 1:
            count = "no" if column not in names else "more than one"
            raise SendaError("bank_file.no_column", f"the file has {count} column {column!r}", f"columns.{place}")
    return _rows(records, _Judge(mapping, names))


def _rows(records: Iterator["list[str] | csv.Error"], judge: "_Judge") -> Iterator[BankRow | BadRow]:
    for number, record in enumerate(records, start=1):
        yield judge(number, record)


def _records(reader: Iterator[list[str]]) -> Iterator["list[str] | csv.Error"]:
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield error
            continue
        if any(field.strip() for field in record):
            yield record


class _Judge:
    """Turns a record into money, or into the first problem that it has."""

    def __init__(self, mapping: BankMapping, names: list[str]) -> None:
        self._mapping = mapping
        self._at = {place: names.index(column) for place, column in mapping.columns.named().items()}
        self._width = len(names)
        self._amount = AmountReader(mapping)
        self._day = DayReader(mapping)
        self._seen: Counter[bytes] = Counter()
        self._ids: dict[str, bytes] = {}

    def __call__(self, row: int, record: "list[str] | csv.Error") -> BankRow | BadRow:
        if isinstance(record, csv.Error):
            return BadRow(row, "row", "row_unreadable", str(record))
        if len(record) != self._width:
            return BadRow(row, "row", "row_width", f"the row has {len(record)} fields, the header {self._width}")
        values = [value.strip() for value in record]
        digest = hashlib.sha256("\x1f".join(values).encode("utf-8", "replace")).digest()
        self._seen[digest] += 1
        field = "row"
        try:
            field = "account"
            account = self._fitting(values, "account", _ACCOUNT)
            field = "date"
            day = self._day(self._value(values, "date"))
            field = "currency"
            currency = self._value(values, "currency") or self._mapping.currency
            if currency != self._mapping.currency:
                text = f"{currency!r} is not the mapping's currency, {self._mapping.currency}"
                raise FieldProblem("currency_mismatch", text)
            field = "id"
            name = self._id(values, digest)
            field = "amount"
            amount, direction = self._moved(values)
            field = "reverses"
            reverses = self._reversed(values) if direction == "out" else None
        except FieldProblem as problem:
            return BadRow(row, field, problem.code, problem.text)
        return BankRow(
            row,
            account,
            Money(
                id=name,
                type=direction,
                kind="payment" if direction == "in" else "reversal",
                amount=amount,
                currency=currency,
                paid_at=local_instant(day, NOON, self._mapping.time_zone),
                reverses=reverses,
                due=(self._value(values, "due") or None) if direction == "in" else None,
            ),
        )

    def _value(self, values: list[str], place: str) -> str:
        at = self._at.get(place)
        return "" if at is None else values[at]

    def _fitting(self, values: list[str], place: str, form: re.Pattern[str]) -> str:
        value = self._value(values, place)
        if not value:
            raise FieldProblem("field_missing", f"the {place} is empty")
        if not form.fullmatch(value):
            raise FieldProblem("field_invalid", f"{value[:40]!r} cannot be the {place}")
        return value

    def _id(self, values: list[str], digest: bytes) -> str:
        """The bank's own id; without one, the row and its number among its equals in the file."""
        if "id" not in self._at:
            return f"row:{digest.hex()[:40]}:{self._seen[digest]}"
        name = self._fitting(values, "id", _ID)
        if self._ids.setdefault(name, digest) != digest:
            raise FieldProblem("id_repeated", f"the id {name[:40]!r} stands in an earlier row that says something else")
        return name

    def _moved(self, values: list[str]) -> tuple[Decimal, Literal["in", "out"]]:
        """How much moved, and which way."""
        if "amount" not in self._at:
            came, went = self._value(values, "credit"), self._value(values, "debit")
            if self._is_nothing(went):
                return self._amount(came), "in"
            if self._is_nothing(came):
                return self._amount(went.removeprefix("-")), "out"
            raise FieldProblem("amount_invalid", "the row has a credit and a debit")
        text = self._value(values, "amount")
        negative = text.startswith("-")
        amount = self._amount(text[1:] if text.startswith(("+", "-")) else text)
        if "direction" not in self._at:
            return amount, "out" if negative else "in"
        word = self._value(values, "direction")
        if word in self._mapping.credit_words and not negative:
            return amount, "in"
        if word in self._mapping.debit_words:
            return amount, "out"
        raise FieldProblem("direction_invalid", f"{word[:40]!r} with this amount says neither credit nor debit")

    def _is_nothing(self, text: str) -> bool:
        return not text.strip("0.,' \u00a0")

    def _reversed(self, values: list[str]) -> str:
        name = self._value(values, "reverses")
        if not name:
            text = "money that went out: which payment it takes back must stand in the column of reverses"
            raise FieldProblem("reverses_missing", text)
        return name
