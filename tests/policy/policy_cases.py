"""Builders and hypothesis strategies for cases: what the policy tests share."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from policy import CHANNELS, PURPOSES, ROLES, LoggedContact, Query, load_pack, pack_keys

FIRST = datetime(2025, 12, 20, tzinfo=UTC)
ALL_KEYS = pack_keys()


def bogota(text: str) -> datetime:
    """A local time in Bogotá, "2026-02-04 09:00"."""
    return datetime.fromisoformat(f"{text}-05:00")


def contact(at: datetime, channel: str = "sms", **changes: Any) -> LoggedContact:
    """A collection contact by the collector, not answered, unless said otherwise."""
    usual: dict[str, Any] = {"direction": "outbound", "purpose": "collection", "two_way": False}
    return LoggedContact(at=at, channel=channel, **usual | changes)


def query(at: datetime, *contacts: LoggedContact, **changes: Any) -> Query:
    """A collection SMS to the debtor in Bogotá, with the usual channels authorised, unless said otherwise."""
    values: dict[str, Any] = {
        "zones": ("America/Bogota",),
        "channel": "sms",
        "purpose": "collection",
        "role": "debtor",
        "authorised_channels": ("sms", "whatsapp", "email", "call"),
    } | changes
    return Query(at=at, contacts=contacts, **values)


def as_case(pack: str, asked: Query) -> dict[str, Any]:
    """The query as the JSON object that the command line takes."""
    return {
        "pack": pack,
        "zones": list(asked.zones),
        "at": asked.at.isoformat(),
        "channel": asked.channel,
        "purpose": asked.purpose,
        "role": asked.role,
        "authorised_channels": list(asked.authorised_channels),
        "contacts": [
            {
                "at": logged.at.isoformat(),
                "channel": logged.channel,
                "direction": logged.direction,
                "purpose": logged.purpose,
                "two_way": logged.two_way,
            }
            for logged in asked.contacts
        ],
    }


def instants() -> st.SearchStrategy[datetime]:
    """Whole minutes over two years, changes of clocks and of years included."""
    return st.integers(0, 2 * 366 * 24 * 60).map(lambda minute: FIRST + timedelta(minutes=minute))


@st.composite
def logs(draw: st.DrawFn, now: datetime, most: int = 9) -> tuple[LoggedContact, ...]:
    """Logs of the hours, days or weeks before `now`, mostly of contacts that count."""
    hours = draw(st.sampled_from([10, 30, 200, 300]))
    logged = st.builds(
        LoggedContact,
        at=st.integers(0, hours * 60).map(lambda minutes: now - timedelta(minutes=minutes)),
        channel=st.sampled_from(["call", "call", "call", *sorted(CHANNELS)]),
        direction=st.sampled_from(["outbound", "outbound", "outbound", "inbound"]),
        purpose=st.sampled_from(["collection", "collection", "collection", *sorted(PURPOSES)]),
        two_way=st.sampled_from([False, False, False, True]),
    )
    return tuple(draw(st.lists(logged, max_size=most)))


@st.composite
def queries(draw: st.DrawFn, zones: tuple[str, ...]) -> Query:
    """Queries in one or two of the zones."""
    at = draw(instants())
    return Query(
        zones=tuple(draw(st.lists(st.sampled_from(zones), min_size=1, max_size=2, unique=True))),
        at=at,
        channel=draw(st.sampled_from(["sms", "sms", "call", *sorted(CHANNELS)])),
        purpose=draw(st.sampled_from(["collection", "collection", "collection", *sorted(PURPOSES)])),
        role=draw(st.sampled_from(["debtor", "debtor", "debtor", *sorted(ROLES)])),
        authorised_channels=draw(st.sampled_from([("sms", "call"), tuple(sorted(CHANNELS))])),
        contacts=draw(logs(at)),
    )


@st.composite
def keyed_queries(draw: st.DrawFn, keys: tuple[str, ...] = ALL_KEYS) -> tuple[str, Query]:
    """A pack's key and a query in the zones of its territory."""
    key = draw(st.sampled_from(keys))
    return key, draw(queries(load_pack(key).zones or ("America/Lima", "Europe/London")))
