"""Time zones by IANA name, always from the `tzdata` package, so that a decision can name the version."""

from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import tzdata

from policy.errors import SendaError

TZDATA_VERSION: str = tzdata.IANA_VERSION


@cache
def known_zones() -> frozenset[str]:
    """Every zone name of the installed data, links included; `Factory` stands for a clock that nobody has set."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()) - {"Factory"}


@cache
def zone_info(zone: str) -> ZoneInfo:
    """The zone's rules, read once. Error: `policy.unknown_zone`."""
    if zone not in known_zones():
        raise SendaError(
            "policy.unknown_zone",
            f"{zone[:60]!r} is not a known time zone: use an IANA name such as America/Bogota",
            "zones",
        )
    # ZoneInfo(key) would prefer the machine's own data, whose version nobody records.
    with files("tzdata.zoneinfo").joinpath(*zone.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=zone)
