"""A row of an import: what an account looks like from outside, and every fault that a row can have."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, cast
from zoneinfo import available_timezones

import orjson
import phonenumbers
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from journey.playbook import Channel
from ledger.csv_records import Fault
from policy import pack_keys

LONGEST_ROW = 1 << 20
"""Bytes; a longer line is no account."""

_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_ZONES = available_timezones()

CSV_COLUMNS = (
    "account",
    "debtor",
    "name",
    "language",
    "time_zones",
    "sms",
    "whatsapp",
    "email",
    "call",
    "letter",
    "authorised_channels",
    "preferred_channel",
    "packs",
    "document",
    "due",
    "due_date",
    "amount",
    "interest",
    "fees",
)
CSV_OF_DEBTOR = ("name", "language", "preferred_channel", "document")
CSV_REQUIRED = ("account", "debtor", "due_date", "amount")
CSV_FAULTS: dict[Fault, str] = {
    "row_not_csv": "the line is not CSV: a value with quotation marks stands in quotation marks, and these are doubled",
    "row_not_utf8": "the line is not UTF-8: save the file in that encoding",
}

SPECIAL_USE_DOMAIN_NAMES.remove("invalid")  # its own way to be told: examples and rehearsals use such addresses

FIRST_YEAR, LAST_YEAR = 1970, 2199
"""What falls due before or after is a slip of the pen; calendars know nothing of those years."""


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row was not taken: `row` is 1-based (without a header), `code` is stable, `text` says what to do."""

    row: int
    field: str | None
    code: str
    text: str


def _is_phone(address: str) -> bool:
    """Whether a number of this country can have so many digits; numbering plans change too often to ask for more."""
    if not _PHONE.fullmatch(address):
        return False
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(address))
    except phonenumbers.NumberParseException:
        return False


def _is_email(address: str) -> bool:
    """Whether the syntax is that of an address; nobody is asked whether it exists."""
    try:
        validate_email(address, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        return False
    return "." in address.rpartition("@")[2]


def _amount(value: object) -> object:
    if isinstance(value, (float, bool)):
        raise PydanticCustomError("amount_not_exact", 'write the amount as a string, as in "125000.50"')
    if value is None or value == "":
        raise PydanticCustomError("amount_missing", "the amount is missing")
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise PydanticCustomError("amount_invalid", "the amount is not a number") from None
    if not amount.is_finite() or amount.adjusted() > 14:
        raise PydanticCustomError("amount_invalid", "the amount is not a number of money")
    if amount <= 0:
        raise PydanticCustomError("amount_not_positive", "the amount must be more than zero")
    return amount


def _due_date(value: object) -> object:
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        raise PydanticCustomError("date_invalid", "the due date is no date: write it as 2026-03-31") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        years = {"first": FIRST_YEAR, "last": LAST_YEAR}
        raise PydanticCustomError("date_out_of_range", "the due date's year must lie between {first} and {last}", years)
    return day


Amount = Annotated[Decimal, BeforeValidator(_amount)]
Day = Annotated[date, BeforeValidator(_due_date)]
Name = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\s/][^/\x00-\x1f]*$")]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DueRow(_Row):
    """What falls due on a day: `amount` in the creditor's currency. `interest` and `fees` are parts of it."""

    key: Name
    due_date: Day
    amount: Amount
    interest: Amount | None = None
    fees: Amount | None = None

    @model_validator(mode="after")
    def _parts_fit(self) -> "DueRow":
        if (self.interest or 0) + (self.fees or 0) > self.amount:
            raise PydanticCustomError("amount_parts", "interest and fees are parts of the amount: they exceed it")
        return self


class DebtorRow(_Row):
    """The person who owes, as this creditor knows them."""

    key: Name
    name: str | None = Field(default=None, max_length=200)
    language: str = Field(default="es", pattern="^(es|en|pt)$")
    time_zones: tuple[str, ...] = ()
    addresses: dict[Channel, str] = {}
    authorised_channels: tuple[Channel, ...] = ()
    preferred_channel: Channel | None = None
    packs: tuple[str, ...] = Field(default=(), description="of where the person lives, beside the creditor's")
    document: str | None = Field(
        default=None, max_length=64, description="of identity; only its last four letters and digits are kept"
    )

    @field_validator("document")
    @classmethod
    def _last_four(cls, document: str | None) -> str | None:
        kept = "".join(character for character in document or "" if character.isascii() and character.isalnum())
        if document and len(kept) < 4:
            raise PydanticCustomError("document_invalid", "the document needs four letters or digits at least")
        return kept[-4:].upper() or None

    @field_validator("packs")
    @classmethod
    def _known_packs(cls, packs: tuple[str, ...]) -> tuple[str, ...]:
        for pack in packs:
            if pack not in pack_keys():
                advice = "there is no pack {pack}: use one that comes with Senda, such as BR-SP"
                raise PydanticCustomError("pack_unknown", advice, {"pack": pack[:60]})
        return packs

    @field_validator("time_zones")
    @classmethod
    def _known_zones(cls, zones: tuple[str, ...]) -> tuple[str, ...]:
        for zone in zones:
            if zone not in _ZONES:
                raise PydanticCustomError("time_zone_unknown", "{zone} is no IANA time zone", {"zone": zone})
        return zones

    @field_validator("addresses")
    @classmethod
    def _usable(cls, addresses: dict[Channel, str]) -> dict[Channel, str]:
        for channel, address in addresses.items():
            if channel in ("sms", "whatsapp", "call") and not _is_phone(address):
                raise PydanticCustomError(
                    "address_invalid",
                    "the number for {channel} must look like +573001234567",
                    {"channel": channel},
                )
            if channel == "email" and not _is_email(address):
                raise PydanticCustomError("address_invalid", "the e-mail address is none")
        # One spelling, by which a reply is known: mail servers do not tell capitals from small letters.
        return {name: address.lower() if name == "email" else address for name, address in addresses.items()}


class AccountRow(_Row):
    """One account: the unit of an import."""

    account: Name
    debtor: DebtorRow
    dues: tuple[DueRow, ...] = Field(description="none: nothing was ever owed, or all is paid")
    currency: str | None = None
    facts: dict[str, Any] = {}

    @field_validator("dues")
    @classmethod
    def _distinct(cls, dues: tuple[DueRow, ...]) -> tuple[DueRow, ...]:
        if len({due.key for due in dues}) != len(dues):
            raise PydanticCustomError("due_duplicate", "two dues of the account have the same key")
        return dues


_CODES = {
    "missing": ("field_missing", "is missing"),
    "extra_forbidden": ("field_unknown", "is not a field of an account"),
    "literal_error": ("value_unknown", "is none of the known values"),
    "string_pattern_mismatch": ("value_invalid", "has characters that are not allowed"),
    "too_short": ("field_missing", "needs at least one entry"),
    "string_too_short": ("field_missing", "is empty"),
    "string_too_long": ("value_too_long", "is too long"),
    "string_type": ("value_invalid", "must be a text"),
    "tuple_type": ("value_invalid", "must be a list"),
    "dict_type": ("value_invalid", "must be an object"),
    "model_type": ("value_invalid", "must be an object"),
}


def check_row(row: int, data: object, currency: str, decimals: int) -> AccountRow | list[RowError]:
    """An account from decoded data, or all that is wrong with it. `decimals`: how many the currency has."""
    try:
        account = AccountRow.model_validate(data)
    except ValidationError as error:
        return [_fault(row, fault) for fault in error.errors(include_url=False, include_input=False)]
    errors: list[RowError] = []
    if account.currency is not None and account.currency != currency:
        errors.append(RowError(row, "currency", "currency_mismatch", f"the creditor's accounts are kept in {currency}"))
    for number, due in enumerate(account.dues):
        for name, amount in (("amount", due.amount), ("interest", due.interest), ("fees", due.fees)):
            exponent = amount.as_tuple().exponent if amount is not None else 0
            if isinstance(exponent, int) and -exponent > decimals:
                text = f"{currency} has {decimals} decimals, the {name} has {-exponent}"
                errors.append(RowError(row, f"dues.{number}.{name}", "amount_decimals", text))
    return errors or account


def _fault(row: int, fault: Any) -> RowError:
    place = ".".join(str(part) for part in fault["loc"]) or None
    code, text = _CODES.get(fault["type"], (fault["type"], fault["msg"]))
    if place and fault["type"] in _CODES:
        text = f"{place} {text}"
    return RowError(row, place, code, text)


def check_json(row: int, line: bytes, currency: str, decimals: int) -> AccountRow | list[RowError]:
    """An account from a line of NDJSON."""
    if len(line) > LONGEST_ROW:
        return [RowError(row, None, "row_too_long", f"the line is longer than {LONGEST_ROW} bytes")]
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError:
        data = None
    if not isinstance(data, dict):
        return [RowError(row, None, "row_not_json", "the line is not a JSON object")]
    if b"\\u0000" in line:
        return [_zero(row)]
    return check_row(row, cast("dict[str, Any]", data), currency, decimals)


def _zero(row: int) -> RowError:
    return RowError(row, None, "character_invalid", "a value holds a zero character, which no text does")


def csv_header(names: list[str]) -> tuple[list[str], list[RowError]]:
    """The columns of a CSV import, and what is wrong with them (then the whole file is refused)."""
    columns = [name.strip().lstrip("\ufeff") for name in names]
    errors = [
        RowError(0, name, "column_unknown", f"column {name!r} is not known: use {', '.join(CSV_COLUMNS)}")
        for name in columns
        if name not in CSV_COLUMNS
    ]
    errors += [
        RowError(0, name, "column_missing", f"column {name!r} is missing")
        for name in CSV_REQUIRED
        if name not in columns
    ]
    return columns, errors


def check_csv(
    row: int, columns: list[str], values: list[str], currency: str, decimals: int
) -> AccountRow | list[RowError]:
    """An account with one due from a CSV row."""
    if len(values) != len(columns):
        text = f"the row has {len(values)} values, the header {len(columns)}"
        return [RowError(row, None, "row_width", text)]
    if any("\0" in value for value in values):
        return [_zero(row)]
    cell = {name: value.strip() for name, value in zip(columns, values, strict=True) if value.strip()}
    debtor: dict[str, Any] = {name: cell[name] for name in CSV_OF_DEBTOR if name in cell}
    for name in ("time_zones", "authorised_channels", "packs"):
        debtor[name] = [part.strip() for part in cell.get(name, "").split("|") if part.strip()]
    debtor["addresses"] = {name: cell[name] for name in ("sms", "whatsapp", "email", "call", "letter") if name in cell}
    if "debtor" in cell:
        debtor["key"] = cell["debtor"]
    due = {"key": cell.get("due", cell.get("due_date", "")), "due_date": cell.get("due_date", "")}
    due |= {"amount": cell.get("amount", "")} | {name: cell[name] for name in ("interest", "fees") if name in cell}
    data: dict[str, Any] = {"debtor": debtor, "dues": [due]}
    if "account" in cell:
        data["account"] = cell["account"]
    return check_row(row, data, currency, decimals)
