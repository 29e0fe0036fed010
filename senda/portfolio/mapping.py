"""What a file looks like: names of its columns, number and date formats, and what holds for all its rows."""

import codecs
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from babel.numbers import is_currency
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from journey.playbook import Channel
from policy.errors import SendaError


class MappingError(SendaError):
    """A mapping that cannot be used; `problems` lists (place, message), all of them."""

    def __init__(self, code: str, problems: list[tuple[str, str]]) -> None:
        super().__init__(code, "; ".join(f"{place}: {text}" for place, text in problems), problems[0][0])
        self.problems = problems


def _known_encoding(name: str) -> str:
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        raise ValueError(f"{name!r} is no encoding that Python knows, such as utf-8 or latin-1") from None
    return "utf-8-sig" if codec == "utf-8" else codec  # a byte order mark is no part of the first name


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{name!r} is no time zone, such as America/Bogota") from None
    return name


def _known_currency(code: str) -> str:
    if not is_currency(code):
        raise ValueError(f"{code!r} is no ISO 4217 code, such as COP")
    return code


class _Described(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AccountKey(_Described):
    """Where an account's key comes from: a column, or the row's number in a file without document numbers.

    The prefix goes before it, so that two files cannot collide.
    """

    column: str | None = None
    row_number: Literal[True] | None = None
    prefix: str = ""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.column is None) == (self.row_number is None):
            raise ValueError("give either a column or row_number: true")
        return self


def _column_name(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


class Columns(_Described):
    """Names of the file's columns, as its header writes them."""

    account: Annotated[AccountKey, BeforeValidator(_column_name)]
    debtor: str
    due_date: str
    amount: str
    issued: str | None = None
    paid: str | None = None
    currency: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = Field(default=None, description="for every channel of a telephone with no own column")
    sms: str | None = None
    whatsapp: str | None = None
    call: str | None = None
    letter: str | None = None
    facts: dict[str, str] = Field(default_factory=dict[str, str], description="fact of the account: its column")

    def named(self) -> dict[str, str]:
        """Place in the mapping → column of the file, for every column that is named."""
        simple = {place: value for place, value in self if isinstance(value, str)}
        if self.account.column is not None:
            simple["account"] = self.account.column
        return simple | {f"facts.{fact}": column for fact, column in self.facts.items()}


class Mapping(_Described):
    """A file's description. Dates follow `strptime`; amounts use the separators named here and no others."""

    columns: Columns
    currency: Annotated[str, AfterValidator(_known_currency)]
    pack: str | None = Field(default=None, description="rules of a rehearsal; a creditor has its own")
    time_zone: Annotated[str, AfterValidator(_known_zone)]
    language: Literal["es", "en", "pt"] = "es"
    phone_prefix: str = Field(default="", description="before numbers that do not start with +, such as +57")
    authorised_channels: tuple[Channel, ...] = ()
    max_term_days: int | None = Field(default=None, gt=0)
    separator: str = Field(default=",", min_length=1, max_length=1)
    encoding: Annotated[str, AfterValidator(_known_encoding)] = "utf-8-sig"
    decimal_separator: Literal[".", ","] = "."
    thousands_separator: Literal["", ".", ",", " ", "'", "\u00a0"] = ""
    date_format: str = "%Y-%m-%d"

    @model_validator(mode="after")
    def _separators_differ(self) -> Self:
        if self.decimal_separator == self.thousands_separator:
            raise ValueError("decimal_separator and thousands_separator must differ")
        return self

    def check_header(self, header: list[str]) -> None:
        """Raise `MappingError` for every named column that the file does not have, and for doubled names."""
        missing = [
            (f"columns.{place}", f"the file has no column {column!r}; it has {', '.join(header)}")
            for place, column in self.columns.named().items()
            if column not in header
        ]
        if missing:
            raise MappingError("mapping.unknown_column", missing)
        doubled = [
            (f"columns.{place}", f"the file has two columns {column!r}")
            for place, column in self.columns.named().items()
            if header.count(column) > 1
        ]
        if doubled:
            raise MappingError("mapping.doubled_column", doubled)


def load_mapping(path: Path) -> Mapping:
    """The mapping in a YAML file; raises `MappingError` that names the key at fault."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MappingError("mapping.unreadable", [(str(path), error.strerror or "cannot be read")]) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise MappingError("mapping.unreadable", [(str(path), "is not readable as YAML")]) from None
    try:
        return Mapping.model_validate(data)
    except ValidationError as error:
        raise MappingError("mapping.invalid", [_problem(fault) for fault in error.errors()]) from None


def _problem(fault: ErrorDetails) -> tuple[str, str]:
    place = ".".join(str(part) for part in fault["loc"]) or "mapping"
    match fault["type"]:
        case "extra_forbidden":
            return place, "is no key of a mapping"
        case "missing":
            return place, "is missing"
        case _:
            return place, fault["msg"].removeprefix("Value error, ")
