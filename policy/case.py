"""A case from outside (a JSON object, as the command line takes it) made into packs and a query, and back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from policy.errors import SendaError
from policy.fields import Fields, a_list, an_object, flag, instant, required, texts, word, words
from policy.pack import Pack, load_pack
from policy.person import NOBODY_SPOKE
from policy.person_case import parse_person, person_as_case
from policy.query import LoggedContact, Query
from policy.vocabulary import CHANNELS, DIRECTIONS, PURPOSES, ROLES
from policy.zones import zone_info

MOST_CONTACTS = 10_000
MOST_ZONES = 64


def parse_case(case: object) -> tuple[tuple[Pack, ...], Query]:
    """The packs and the query of a case.

    `pack` is a key, or a list of keys that apply together. Errors: `policy.unknown_pack`, `policy.no_pack`, and
    those of `parse_query`.
    """
    packs = tuple(load_pack(key) for key in _pack_keys(an_object(case, None)))
    return packs, parse_query(case)


def parse_query(case: object) -> Query:
    """The query of a case, whichever packs it names.

    The log may stand in any order; `person` may be left out. Keys beyond the contract are ignored, but within
    `person`. Errors name the field: `policy.missing_field`, `policy.bad_type`, `policy.unknown_zone`,
    `_channel`, `_purpose`, `_role`, `_direction`, `policy.bad_instant`, `policy.naive_instant`,
    `policy.contact_in_future`, `policy.log_too_long`, `policy.too_many_zones`, and those of `parse_person`.
    """
    fields = an_object(case, None)
    zones = tuple(texts(fields, "zones"))
    if len(zones) > MOST_ZONES:
        raise SendaError("policy.too_many_zones", f"give at most {MOST_ZONES} zones", "zones")
    for zone in zones:
        zone_info(zone)
    at = instant(fields, "at")
    channels = words(fields, "authorised_channels", "channel", CHANNELS)
    log = a_list(fields, "contacts")
    if len(log) > MOST_CONTACTS:
        raise SendaError("policy.log_too_long", f"give at most {MOST_CONTACTS} contacts, the latest", "contacts")
    return Query(
        zones=zones,
        at=at,
        channel=word(fields, "channel", CHANNELS),
        purpose=word(fields, "purpose", PURPOSES),
        role=word(fields, "role", ROLES),
        authorised_channels=tuple(channels),
        contacts=tuple(_contact(entry, at, f"contacts[{index}]") for index, entry in enumerate(log)),
        person=parse_person(fields["person"]) if "person" in fields else NOBODY_SPOKE,
    )


def case_of(packs: Sequence[Pack], query: Query) -> dict[str, Any]:
    """The packs and the query as a case of JSON-able values, instants as RFC 3339 in UTC.

    `parse_case` reads packs that come with Senda and the query back from it, `parse_query` the query.
    """
    case: dict[str, Any] = {
        "pack": [pack.key for pack in packs],
        "zones": list(query.zones),
        "at": _utc(query.at),
        "channel": query.channel,
        "purpose": query.purpose,
        "role": query.role,
        "authorised_channels": list(query.authorised_channels),
        "contacts": [
            {
                "at": _utc(contact.at),
                "channel": contact.channel,
                "direction": contact.direction,
                "purpose": contact.purpose,
                "two_way": contact.two_way,
            }
            for contact in query.contacts
        ],
    }
    said = person_as_case(query.person)
    return case | {"person": said} if said else case


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _contact(entry: object, now: datetime, place: str) -> LoggedContact:
    fields = an_object(entry, place)
    at = instant(fields, "at", place)
    if at > now:
        raise SendaError("policy.contact_in_future", "a logged contact cannot lie after the case's at", f"{place}.at")
    two_way = flag(fields, "two_way", place)
    direction = word(fields, "direction", DIRECTIONS, place)
    return LoggedContact(
        at=at,
        channel=word(fields, "channel", CHANNELS, place),
        direction="outbound" if direction == "outbound" else "inbound",
        purpose=word(fields, "purpose", PURPOSES, place),
        two_way=two_way,
    )


def _pack_keys(fields: Fields) -> list[str]:
    value = required(fields, "pack")
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise SendaError("policy.bad_type", "pack must be a key or a list of keys", "pack")
    keys = texts(fields, "pack")
    if not keys:
        raise SendaError("policy.no_pack", "give at least one pack", "pack")
    return keys
