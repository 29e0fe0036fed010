"""Days as people write them: "el viernes", "15/12", "December 15th", "em 5 dias", or by the keys of a telephone."""

import re
from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import cast

from babel.dates import get_month_names

from channels.bot.facts import Language
from channels.bot.understanding import plain
from channels.bot.words import LANGUAGES, LOCALES, words_of

_NUMBER = "[0-9]{1,3}"
_YEAR = r"20[2-9][0-9](?![0-9.,])"
_BETWEEN_LETTERS = re.compile(r"(?<=[a-z])-(?=[a-z])")

Rule = tuple[re.Pattern[str], Callable[[re.Match[str], date], date | None]]


@dataclass(frozen=True, slots=True)
class FoundDay:
    """A day that a text names, and the text without it."""

    day: date
    rest: str


def find_day(text: str, language: Language, today: date) -> FoundDay | None:
    """The day that a text names, in this language first, then in the others. A day without a year lies ahead.

    A weekday is the next one after today. English writes the month first (12/15), the others the day (15/12), unless
    only the other way makes a date.
    """
    read = _BETWEEN_LETTERS.sub(" ", plain(text))
    for spoken in (language, *(other for other in LANGUAGES if other != language)):
        for pattern, day_of in _rules(spoken, language):
            for found in pattern.finditer(read):
                day = _possible(day_of, found, today)
                if day is not None:
                    return FoundDay(day, f"{read[: found.start()]} {read[found.end() :]}")
    return None


def day_by_keys(keys: str, language: Language, today: date) -> date | None:
    """The day of four keys: two for the day, two for the month; in English the month comes first."""
    if not re.fullmatch("[0-9]{4}", keys):
        return None
    try:
        return _ahead(today, *_month_and_day(int(keys[:2]), int(keys[2:]), language))
    except (ValueError, OverflowError):
        return None


def _possible(day_of: Callable[[re.Match[str], date], date | None], found: re.Match[str], today: date) -> date | None:
    try:
        return day_of(found, today)
    except (ValueError, OverflowError):  # the 31st of February, or a day beyond the calendar
        return None


@cache
def _rules(spoken: Language, order: Language) -> tuple[Rule, ...]:
    """How one language writes days, what is certain first; `order` decides which of 3/4 is the month."""
    return (*_numeric(order), *_with_month(spoken), *_relative(spoken))


def _numeric(order: Language) -> Iterator[Rule]:
    yield (
        re.compile(r"(?<![0-9-])([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?![0-9-])"),
        lambda found, today: date(int(found[1]), int(found[2]), int(found[3])),
    )

    def of_numbers(found: re.Match[str], today: date) -> date:
        return _ahead(today, *_month_and_day(int(found[1]), int(found[2]), order), found[3])

    yield (
        re.compile(
            r"(?<![0-9.,/-])([0-9]{1,2})[/-]([0-9]{1,2})(?:[/-]([0-9]{4}|[0-9]{2}))?(?![0-9/-]|[.,][0-9])",
        ),
        of_numbers,
    )
    yield re.compile(r"(?<![0-9.,/-])([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})(?![0-9])"), of_numbers


def _with_month(spoken: Language) -> Iterator[Rule]:
    months = _months()
    of = _any(words_of(spoken).reads.of)
    names = _any(tuple(months))
    yield (
        re.compile(
            rf"(?<![0-9.,/-])([0-9]{{1,2}})(?:st|nd|rd|th|o)?[ -](?:{of} )?({names})\b\.?(?:,? (?:{of} )?({_YEAR}))?"
        ),
        lambda found, today: _ahead(today, months[found[2]], int(found[1]), found[3]),
    )
    yield (
        re.compile(rf"\b({names})\.? (?:the )?([0-9]{{1,2}})(?:st|nd|rd|th)?(?![0-9.,/]*[0-9])(?:,? ({_YEAR}))?"),
        lambda found, today: _ahead(today, months[found[1]], int(found[2]), found[3]),
    )


def _relative(spoken: Language) -> Iterator[Rule]:
    reads = words_of(spoken).reads
    numbers = {plain(word): value for value, same in enumerate(reads.numbers, 1) for word in same}
    weekdays = {plain(word): index for index, same in enumerate(reads.weekdays) for word in same}
    number = f"{_NUMBER}|{_any(tuple(numbers))}"
    week, weekday = _any(reads.week), _any(tuple(weekdays))

    def after(found: re.Match[str], today: date) -> date:
        many = int(found[1]) if found[1].isdigit() else numbers[found[1]]
        return today + timedelta(days=many * (7 if re.fullmatch(week, found[2]) else 1))

    def weekday_after(found: re.Match[str], today: date) -> date:
        return today + timedelta(days=(weekdays[found[1]] - today.weekday() - 1) % 7 + 1)

    def next_week(found: re.Match[str], today: date) -> date:
        named = re.search(rf"\b({weekday})\b", found[0])
        return today + timedelta(days=7 - today.weekday() + weekdays[named[1]]) if named else today

    def on_day(found: re.Match[str], today: date) -> date:
        return _next_day_of_month(today, int(found[1]))

    span = f"({number}) ({_any(reads.day)}|{week})"
    yield re.compile(rf"\b(?:{_any(reads.after_tomorrow)})\b"), lambda found, today: today + timedelta(days=2)
    yield re.compile(rf"\b(?:{_any(reads.today)})\b"), lambda found, today: today
    yield re.compile(rf"\b(?:{_any(reads.within)}) {span}\b"), after
    yield re.compile(rf"^{span}$"), after
    yield re.compile(rf"\b(?:{_any(reads.month_end)})\b"), lambda found, today: _month_end(today)
    following = _any(reads.next_week)
    yield re.compile(rf"\b(?:{weekday})\b.*\b(?:{following})\b|\b(?:{following})\b.*\b(?:{weekday})\b"), next_week
    yield re.compile(rf"\b({weekday})\b"), weekday_after
    yield re.compile(rf"\b(?:{_any(reads.tomorrow)})\b"), lambda found, today: today + timedelta(days=1)
    yield (
        re.compile(rf"\b(?:{_any(reads.on_day)}) ([0-9]{{1,2}})(?:st|nd|rd|th)?(?![0-9a-z]|[.,/][0-9]| [0-9a-z])"),
        on_day,
    )
    yield re.compile(r"^([0-9]{1,2})(?:st|nd|rd|th)?[.!]?$"), on_day


@cache
def _months() -> dict[str, int]:
    """The names of the months, whole and short, in all languages."""
    months: dict[str, int] = {}
    for language in LANGUAGES:
        for width in ("wide", "abbreviated"):
            names = cast(Mapping[int, str], get_month_names(width, "format", LOCALES[language]))
            months |= {plain(name).rstrip("."): month for month, name in names.items()}
    return months


def _any(phrases: tuple[str, ...]) -> str:
    """A group of phrases, the longest first."""
    return (
        f"(?:{'|'.join(re.escape(plain(phrase)) for phrase in sorted(phrases, key=lambda each: (-len(each), each)))})"
    )


def _month_and_day(first: int, second: int, order: Language) -> tuple[int, int]:
    month_first = first <= 12 if order == "en" else second > 12
    return (first, second) if month_first else (second, first)


def _ahead(today: date, month: int, day: int, year: str | None = None) -> date:
    """A day of a year; without one, the next time that it comes. Raises ValueError where there is none."""
    if year is not None:
        return date(int(year) + (2000 if len(year) == 2 else 0), month, day)
    this = _of_year(today.year, month, day)
    if this is not None and this >= today:
        return this
    return date(today.year + 1, month, day)


def _of_year(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _next_day_of_month(today: date, day: int) -> date:
    """The next day with this number, in this month or the next that has it."""
    month = today
    for _ in range(3):
        if day <= monthrange(month.year, month.month)[1] and month.replace(day=day) >= today:
            return month.replace(day=day)
        month = _month_end(month) + timedelta(days=1)
    raise ValueError(day)


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])
