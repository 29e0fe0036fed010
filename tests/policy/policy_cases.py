"""Builders and hypothesis strategies for cases: what the policy tests share."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from policy import (
    CHANNELS,
    NOBODY_SPOKE,
    PURPOSES,
    ROLES,
    Hours,
    LoggedContact,
    OwnHours,
    OwnRequest,
    Person,
    Query,
    case_of,
    load_pack,
    pack_keys,
)
from policy.vocabulary import WEEKDAYS

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
    return case_of([load_pack(pack)], asked) | {"pack": pack}


def hours(days: str, opens: str, closes: str) -> Hours:
    """Preferred hours on days given as "mon tue"."""
    return Hours.model_validate({"days": days.split(), "opens": opens, "closes": closes})


def own_request(*entries: tuple[str, str, str], **changes: Any) -> OwnRequest:
    """The person's own request for hours such as ("sun holidays", "10:00", "12:00"), one that widens."""
    wanted = [{"days": days.split(), "opens": opens, "closes": closes} for days, opens, closes in entries]
    usual = {"hours": wanted, "since": "2026-01-01", "separate": True, "solicited": False}
    return OwnRequest.model_validate(usual | changes)


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
def _clocks(draw: st.DrawFn) -> tuple[str, str]:
    """Opening and closing on whole quarters of an hour."""
    opens = draw(st.integers(0, 95))
    closes = draw(st.integers(opens + 1, 96))
    return f"{opens // 4:02d}:{opens % 4 * 15:02d}", f"{closes // 4:02d}:{closes % 4 * 15:02d}"


@st.composite
def preferred_hours(draw: st.DrawFn) -> Hours:
    """Hours on some weekdays."""
    opens, closes = draw(_clocks())
    return Hours(days=tuple(draw(st.sets(st.sampled_from(WEEKDAYS), min_size=1))), opens=opens, closes=closes)


@st.composite
def own_requests(draw: st.DrawFn, separate: bool | None = None, solicited: bool | None = None) -> OwnRequest:
    """Requests that hold over some of the instants of the queries, for some channels; widening or not."""
    entries: list[OwnHours] = []
    for _ in range(draw(st.integers(1, 2))):
        days = draw(st.sets(st.sampled_from([*WEEKDAYS, "sun", "holidays"]), min_size=1))
        opens, closes = draw(_clocks())
        entries.append(OwnHours.model_validate({"days": tuple(days), "opens": opens, "closes": closes}))
    since = FIRST.date() + timedelta(days=draw(st.integers(-30, 500)))
    until = draw(st.none() | st.integers(0, 400).map(lambda days: since + timedelta(days=days)))
    channels = draw(st.none() | st.sets(st.sampled_from(sorted(CHANNELS)), min_size=1).map(tuple))
    return OwnRequest.model_validate(
        {
            "hours": entries,
            "channels": channels,
            "since": since,
            "until": until,
            "separate": draw(st.sampled_from([True, True, False])) if separate is None else separate,
            "solicited": draw(st.sampled_from([False, False, True])) if solicited is None else solicited,
        }
    )


def flags() -> st.SearchStrategy[bool]:
    """Seldom true: a standing refusal hides all else."""
    return st.sampled_from([False] * 14 + [True])


def persons() -> st.SearchStrategy[Person]:
    """People who said nothing, or who stated hours, made requests and now and then forbade contacts."""
    said = st.builds(
        Person,
        do_not_contact=flags(),
        cease=flags(),
        attorney=flags(),
        hours=st.just(()) | st.lists(preferred_hours(), max_size=2).map(tuple),
        requests=st.just(()) | st.lists(own_requests(), max_size=2).map(tuple),
    )
    return st.just(NOBODY_SPOKE) | said


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
        person=draw(persons()),
    )


@st.composite
def keyed_queries(draw: st.DrawFn, keys: tuple[str, ...] = ALL_KEYS) -> tuple[str, Query]:
    """A pack's key and a query in the zones of its territory."""
    key = draw(st.sampled_from(keys))
    return key, draw(queries(load_pack(key).zones or ("America/Lima", "Europe/London")))
