"""The period of an audit, as it is typed: days of a zone, or instants."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from policy import SendaError, known_zones, start_of_day


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day or instant to the last, as typed."""

    since: str
    until: str

    def bounds(self, zone: str | None) -> tuple[datetime, datetime]:
        """[since, until) as instants; days are those of the zone, the last one counts whole."""
        return self._instant(self.since, "--from", zone, 0), self._instant(self.until, "--to", zone, 1)

    def _instant(self, text: str, option: str, zone: str | None, days: int) -> datetime:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            return self._exact(text, option)
        if zone is None:
            raise SendaError("audit.zone_missing", "days are somebody's: give --zone or --creditor", "--zone")
        if zone not in known_zones():
            raise SendaError("audit.zone_unknown", f"{zone!r} is no IANA time zone", "--zone")
        return start_of_day(day + timedelta(days=days), zone)

    def _exact(self, text: str, option: str) -> datetime:
        try:
            instant = datetime.fromisoformat(text)
        except ValueError:
            instant = None
        if instant is None or instant.tzinfo is None:
            advice = f"{option}: write a day (2026-01-31) or an instant with offset (2026-01-31T00:00:00-05:00)"
            raise SendaError("audit.period", advice, option)
        return instant
