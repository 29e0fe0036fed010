"""The holidays of a country or subdivision: those of the `holidays` package, corrected by the pack."""

from datetime import date
from functools import lru_cache
from importlib.metadata import version
from typing import Self

import holidays
from pydantic import Field, model_validator

from policy.rules import Frozen

HOLIDAYS_VERSION = version("holidays")


class AddedHoliday(Frozen):
    """A holiday that the package lacks, or may lack in an older version."""

    date: date
    name: str = Field(min_length=1)
    source: str = Field(min_length=1)


class HolidayCalendar(Frozen):
    """Which calendar of the `holidays` package applies, and what the pack adds to it or removes from it."""

    country: str = Field(description="ISO 3166-1 alpha-2")
    subdivision: str | None = None
    language: str = Field(description="of the holidays' names, as the package calls it: es, pt_BR")
    add: tuple[AddedHoliday, ...] = ()
    remove: tuple[date, ...] = ()

    @model_validator(mode="after")
    def _is_supported(self) -> Self:
        try:
            self.names(2026)
        except NotImplementedError as error:
            raise ValueError(f"the holidays package has no such calendar: {error}") from None
        return self

    def names(self, year: int) -> dict[date, str]:
        """The holidays of a calendar year, each with its name."""
        listed = _package_names(self.country, self.subdivision, self.language, year)
        added = {entry.date: entry.name for entry in self.add if entry.date.year == year}
        return {day: name for day, name in (listed | added).items() if day not in self.remove}


@lru_cache(maxsize=1024)
def _package_names(country: str, subdivision: str | None, language: str, year: int) -> dict[date, str]:
    # The neighbours' years too: a holiday observed on another day may be moved across New Year. A finished
    # dict, since the package fills its own while it is read, which two threads must not see half done.
    found = holidays.country_holidays(country, subdiv=subdivision, years=(year - 1, year, year + 1), language=language)
    return {day: name for day, name in found.items() if day.year == year}
