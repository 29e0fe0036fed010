"""One field of a file's row: text to an amount or a day, or the reason why it is neither."""

import re
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Protocol

from babel.numbers import get_currency_precision

DAYS_REMEMBERED = 8192
"""`strptime` is slow and a file repeats its days: this many are kept."""


class Written(Protocol):
    """How a file writes amounts (in one currency) and days (as `strptime` reads them)."""

    @property
    def currency(self) -> str: ...
    @property
    def thousands_separator(self) -> str: ...
    @property
    def decimal_separator(self) -> str: ...
    @property
    def date_format(self) -> str: ...


class FieldProblem(ValueError):
    """Why a field cannot be used: a stable code, a text for the person who sent the file."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class AmountReader:
    """Reads amounts with exactly the separators of the mapping, so that 1.234 is never taken for 1234."""

    def __init__(self, mapping: Written) -> None:
        self._thousands = mapping.thousands_separator
        self._decimal = mapping.decimal_separator
        self._currency = mapping.currency
        self._decimals = get_currency_precision(mapping.currency)
        group, point = re.escape(self._thousands), re.escape(self._decimal)
        grouped = rf"|[0-9]{{1,3}}(?:{group}[0-9]{{3}})+" if group else ""
        self._shape = re.compile(rf"-?(?:[0-9]+{grouped})(?:{point}([0-9]+))?")

    def __call__(self, text: str) -> Decimal:
        """A positive amount; raises `FieldProblem`."""
        if not text:
            raise FieldProblem("amount_missing", "the amount is empty")
        shape = self._shape.fullmatch(text)
        if shape is None:
            raise FieldProblem("amount_invalid", f"{text!r} is no amount in this file's format")
        if len((shape.group(1) or "").rstrip("0")) > self._decimals:
            wanted = f"{self._currency} has {self._decimals} decimals"
            raise FieldProblem("amount_decimals", f"{text!r} has too many decimals: {wanted}")
        plain = text.replace(self._thousands, "") if self._thousands else text
        amount = Decimal(plain.replace(self._decimal, "."))
        if amount <= 0:
            raise FieldProblem("amount_not_positive", f"{text!r} is not above zero")
        return amount


class DayReader:
    """Reads days in the mapping's `strptime` format."""

    def __init__(self, mapping: Written) -> None:
        self._format = mapping.date_format
        self._parse = lru_cache(maxsize=DAYS_REMEMBERED)(self._parsed)

    def __call__(self, text: str) -> date:
        """A day; raises `FieldProblem`."""
        day = self._parse(text)
        if day is None:
            raise FieldProblem("date_invalid", f"{text!r} is no date written as {self._format}")
        return day

    def _parsed(self, text: str) -> date | None:
        try:
            return datetime.strptime(text, self._format).date()  # noqa: DTZ007 - a day, no instant
        except ValueError:
            return None
