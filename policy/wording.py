"""How facts are put into words: sentences with places for facts, dates, times and lists of one language."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import get_args

from babel.dates import format_date
from babel.lists import format_list

from policy.vocabulary import Channel

_DAY = timedelta(days=1)
_MOST_ZONES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Sentences and parts of them with `{places}` for facts. Clauses begin small and have no full stop.

    A `day` is said with its article or preposition or as a near day (today); a `date` is bare. `latest` is a
    contact in words, made of `contact`. `by` is empty or made of `by_channels`.
    """

    locale: str
    short_date: str
    full_date: str
    on_date: str
    until_date: str
    yesterday: str
    today: str
    tomorrow: str
    time: str
    time_at_one: str
    contact: str
    contact_at_one: str
    hours: str
    by_channels: str
    in_zones: str
    by_the_clock_of: str
    also_in: str
    more_zones: str

    refused: str
    also: str
    next_allowed: str
    never: str
    no_common_time: str
    allowed: str
    exempt: str
    asked_for: str
    pack: str
    packs: str

    zone_unknown: str
    outside_hours: str
    closed_weekday: str
    closed_holiday: str
    other_hours: str
    other_days: str
    contacted: str
    one_contact: str
    full: str
    pause: str
    pause_after: str
    other_channel: str
    conversation: str
    not_authorised: str
    none_authorised: str
    role: str
    forbidden: str

    person: Mapping[str, str]
    """What the person said, by the id of the refusal."""
    each: Mapping[str, str]
    during: Mapping[str, str]
    """Of a cap's period."""
    channels: Mapping[str, str]
    roles: Mapping[str, str]
    purposes: Mapping[str, str]

    def all_of(self, items: Sequence[str]) -> str:
        """a, b and c."""
        return format_list(items, style="standard", locale=self.locale)

    def one_of(self, items: Sequence[str]) -> str:
        """a, b or c."""
        return format_list(items, style="or", locale=self.locale)

    def channel_names(self, channels: Iterable[str]) -> list[str]:
        """In the order of the vocabulary, whatever the order given; words that it lacks are left out."""
        given = frozenset(channels)
        return [self.channels[channel] for channel in get_args(Channel) if channel in given]

    def zone_names(self, zones: Sequence[str]) -> str:
        """The first few, and how many more."""
        if len(zones) <= _MOST_ZONES + 1:
            return self.all_of(zones)
        return self.all_of([*zones[:_MOST_ZONES], self.more_zones.format(count=len(zones) - _MOST_ZONES)])

    def named_date(self, day: date, now: datetime) -> str:
        """Weekday, day and month; the year only where it is not that of `now`."""
        return format_date(day, self.short_date if day.year == now.year else self.full_date, locale=self.locale)

    def weekday(self, day: date) -> str:
        """The day of the week."""
        return format_date(day, "EEEE", locale=self.locale)

    def named_time(self, now: datetime) -> str:
        """The local time and its date."""
        sentence = self.time_at_one if now.hour == 1 else self.time
        return sentence.format(clock=clock(now), date=self.named_date(now.date(), now))

    def named_hours(self, stretches: Iterable[tuple[int, int]]) -> str:
        """Minutes of the day [from, to), as hours; empty where there are none."""
        return self.all_of(
            [self.hours.format(opens=_of_minute(opens), closes=_of_minute(to)) for opens, to in stretches]
        )

    def last_day(self, day: date, now: datetime) -> str:
        """A day up to which something holds."""
        return self._near(day, now) or self.until_date.format(date=self.named_date(day, now))

    def named_contact(self, at: datetime, channel: str, now: datetime) -> str:
        """When and by which channel a contact was made; both instants are local."""
        day = self._near(at.date(), now) or self.on_date.format(date=self.named_date(at.date(), now))
        sentence = self.contact_at_one if at.hour == 1 else self.contact
        return sentence.format(day=day, clock=clock(at), channel=self.channels[channel])

    def instant(self, seen: Iterable[tuple[datetime, Sequence[str]]]) -> str:
        """One instant in full, as groups of zones see it; a date that was just said is not repeated."""
        said: list[str] = []
        before: date | None = None
        for local, zones in seen:
            day = format_date(local.date(), self.full_date, locale=self.locale)
            prefix = "" if local.date() == before else f"{day}, "
            said.append(f"{prefix}{clock(local)} ({self.zone_names(zones)})")
            before = local.date()
        return "; ".join(said)

    def _near(self, day: date, now: datetime) -> str | None:
        today = now.date()
        return {today - _DAY: self.yesterday, today: self.today, today + _DAY: self.tomorrow}.get(day)


def clock(local: datetime) -> str:
    """HH:MM."""
    return f"{local:%H:%M}"


def _of_minute(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
