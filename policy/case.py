"""A case from outside (a JSON object, as the command line takes it) made into packs and a query."""

from datetime import datetime
from typing import Any, cast

from policy.calendar import require_aware
from policy.errors import SendaError
from policy.pack import Pack, load_pack
from policy.query import LoggedContact, Query
from policy.vocabulary import CHANNELS, DIRECTIONS, PURPOSES, ROLES, require_word
from policy.zones import zone_info

MOST_CONTACTS = 10_000
MOST_ZONES = 64
FIRST_YEAR, LAST_YEAR = 1970, 2099
"""Instants outside these years are taken for mistakes; nobody knows their holidays and clock changes."""


def parse_case(case: object) -> tuple[tuple[Pack, ...], Query]:
    """The packs and the query of a case.

    `pack` is a key, or a list of keys that apply together. The log may stand in any order. Keys beyond the
    contract are ignored. Errors name the field: `policy.missing_field`, `policy.bad_type`,
    `policy.unknown_pack`, `_zone`, `_channel`, `_purpose`, `_role`, `_direction`, `policy.bad_instant`,
    `policy.naive_instant`, `policy.contact_in_future`, `policy.log_too_long`, `policy.too_many_zones`.
    """
    fields = _object(case, None)
    packs = tuple(load_pack(key) for key in _pack_keys(fields))
    zones = tuple(_texts(fields, "zones"))
    if len(zones) > MOST_ZONES:
        raise SendaError("policy.too_many_zones", f"give at most {MOST_ZONES} zones", "zones")
    for zone in zones:
        zone_info(zone)
    at = _instant(fields, "at", "at")
    channels = _texts(fields, "authorised_channels")
    for index, channel in enumerate(channels):
        require_word("channel", channel, CHANNELS, f"authorised_channels[{index}]")
    log = _list(fields, "contacts")
    if len(log) > MOST_CONTACTS:
        raise SendaError("policy.log_too_long", f"give at most {MOST_CONTACTS} contacts, the latest", "contacts")
    query = Query(
        zones=zones,
        at=at,
        channel=_word(fields, "channel", CHANNELS),
        purpose=_word(fields, "purpose", PURPOSES),
        role=_word(fields, "role", ROLES),
        authorised_channels=tuple(channels),
        contacts=tuple(_contact(entry, at, f"contacts[{index}]") for index, entry in enumerate(log)),
    )
    return packs, query


def _contact(entry: object, now: datetime, place: str) -> LoggedContact:
    fields = _object(entry, place)
    at = _instant(fields, "at", f"{place}.at")
    if at > now:
        raise SendaError("policy.contact_in_future", "a logged contact cannot lie after the case's at", f"{place}.at")
    two_way = _required(fields, "two_way", f"{place}.two_way")
    if not isinstance(two_way, bool):
        raise _bad_type("true or false", f"{place}.two_way")
    direction = _word(fields, "direction", DIRECTIONS, place)
    return LoggedContact(
        at=at,
        channel=_word(fields, "channel", CHANNELS, place),
        direction="outbound" if direction == "outbound" else "inbound",
        purpose=_word(fields, "purpose", PURPOSES, place),
        two_way=two_way,
    )


def _pack_keys(fields: dict[str, Any]) -> list[str]:
    value = _required(fields, "pack", "pack")
    if isinstance(value, str):
        return [value]
    keys = _texts(fields, "pack")
    if not keys:
        raise SendaError("policy.no_pack", "give at least one pack", "pack")
    return keys


def _required(fields: dict[str, Any], name: str, field: str) -> Any:
    try:
        return fields[name]
    except KeyError:
        raise SendaError("policy.missing_field", f"{field} is missing", field) from None


def _object(value: object, field: str | None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _bad_type("an object", field)
    return cast(dict[str, Any], value)


def _list(fields: dict[str, Any], name: str) -> list[object]:
    value = _required(fields, name, name)
    if not isinstance(value, list):
        raise _bad_type("a list", name)
    return cast(list[object], value)


def _texts(fields: dict[str, Any], name: str) -> list[str]:
    values = _list(fields, name)
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise _bad_type("text", f"{name}[{index}]")
    return cast(list[str], values)


def _text(fields: dict[str, Any], name: str, field: str) -> str:
    value = _required(fields, name, field)
    if not isinstance(value, str):
        raise _bad_type("text", field)
    return value


def _word(fields: dict[str, Any], name: str, words: frozenset[str], place: str | None = None) -> str:
    field = f"{place}.{name}" if place else name
    value = _text(fields, name, field)
    require_word(name, value, words, field)
    return value


def _instant(fields: dict[str, Any], name: str, field: str) -> datetime:
    value = _text(fields, name, field)
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise SendaError(
            "policy.bad_instant", "use RFC 3339 with offset, such as 2026-02-04T09:00:00-05:00", field
        ) from None
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise SendaError("policy.bad_instant", f"use a year from {FIRST_YEAR} to {LAST_YEAR}", field)
    return require_aware(instant, field)


def _bad_type(wanted: str, field: str | None) -> SendaError:
    return SendaError("policy.bad_type", f"{field or 'a case'} must be {wanted}", field)
