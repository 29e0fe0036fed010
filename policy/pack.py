"""A policy pack: the contact rules of a jurisdiction as validated, versioned data, read from its file."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from importlib.resources import files
from typing import Literal, Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from policy.errors import SendaError
from policy.holiday_calendar import HolidayCalendar
from policy.rules import (
    ClosedDays,
    ExemptPurposes,
    Frozen,
    OwnRequestRule,
    Rule,
    Text,
    Window,
)
from policy.vocabulary import WEEKDAYS
from policy.zones import known_zones


@dataclass(frozen=True, slots=True)
class Basis:
    """The very pack that a decision rests on."""

    pack: str
    version: str
    content_hash: str


class Pack(Frozen):
    """The rules of one jurisdiction. Equal content has equal `content_hash`, whatever the file looks like."""

    pack: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", description="the key: CO, BR-SP, default, or a creditor's own"
    )
    version: str = Field(min_length=1)
    name: Text
    valid_from: date = Field(description="first local date for which this version was read")
    valid_to: date | None = Field(default=None, description="last such date, none while it lasts")
    status: Literal["in_force", "draft"]
    reviewed_by_counsel: Literal[False]
    zones: tuple[str, ...] = Field(description="of the territory; a debtor may live elsewhere")
    holidays: HolidayCalendar | None
    rules: tuple[Rule, ...] = Field(min_length=1)

    @property
    def key(self) -> str:
        """The name by which creditors and cases refer to the pack."""
        return self.pack

    @cached_property
    def content_hash(self) -> str:
        """sha256 (hex) of the canonical JSON of all that the pack says, defaults left out."""
        content = self.model_dump(mode="json", exclude_defaults=True)
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    @cached_property
    def basis(self) -> Basis:
        """Which pack, in which version and with which content."""
        return Basis(self.key, self.version, self.content_hash)

    def __hash__(self) -> int:
        return hash(self.content_hash)

    @field_validator("zones")
    @classmethod
    def _zones_exist(cls, zones: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [zone for zone in zones if zone not in known_zones()]:
            raise ValueError(f"unknown time zones: {', '.join(unknown)}")
        return zones

    @model_validator(mode="after")
    def _rules_fit_together(self) -> Self:
        ids = [rule.id for rule in self.rules]
        if len(ids) != len(set(ids)):
            raise ValueError("two rules have the same id")
        for kind in ("trigger", "own_request"):
            if len([rule for rule in self.rules if rule.kind == kind]) > 1:
                raise ValueError(f"a pack has at most one rule of kind {kind}")
        timed = {rule.id for rule in self.rules if isinstance(rule, Window | ClosedDays)}
        for rule in self.rules:
            if isinstance(rule, ExemptPurposes) and not set(rule.free_of) <= set(ids):
                raise ValueError(f"{rule.id} frees of a rule that the pack does not have")
            if isinstance(rule, OwnRequestRule) and not set(rule.widens) <= timed:
                raise ValueError(f"{rule.id} widens what is no window or closed_days rule of the pack")
            if isinstance(rule, Window | ClosedDays) and "holidays" in rule.closed and self.holidays is None:
                raise ValueError(f"{rule.id} closes on holidays, but the pack has no holiday calendar")
        return self

    @model_validator(mode="after")
    def _no_weekday_is_forgotten(self) -> Self:
        windows = [rule for rule in self.rules if isinstance(rule, Window)]
        closings = [rule for rule in self.rules if isinstance(rule, Window | ClosedDays)]
        decided = {day for rule in windows for hours in rule.hours for day in hours.days}
        decided |= {day for rule in closings for day in rule.closed}
        if windows and (forgotten := [day for day in WEEKDAYS if day not in decided]):
            raise ValueError(f"weekdays with neither hours nor a closing rule: {', '.join(forgotten)}")
        return self


def parse_pack(text: str) -> Pack:
    """A pack from its YAML. Error: `policy.bad_pack`, with the place in `field`."""
    try:
        return Pack.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SendaError("policy.bad_pack", f"{place or 'pack'}: {first['msg']}", place or None) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date such as 2026-02-30
        raise SendaError("policy.bad_pack", f"not YAML: {' '.join(str(error).split())}") from error


@cache
def pack_keys() -> tuple[str, ...]:
    """The keys of the packs that come with Senda, sorted."""
    folder = files("policy").joinpath("packs")
    return tuple(sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")))


def pack_text(key: str) -> str:
    """The YAML of one of these packs."""
    return files("policy").joinpath("packs", f"{key}.yaml").read_text(encoding="utf-8")


@cache
def load_pack(key: str) -> Pack:
    """The pack of that key, read once. Errors: `policy.unknown_pack`, `policy.bad_pack`."""
    if key not in pack_keys():
        raise SendaError(
            "policy.unknown_pack",
            f"there is no pack {key[:60]!r}: use one of {', '.join(pack_keys())}",
            "pack",
        )
    return parse_pack(pack_text(key))
