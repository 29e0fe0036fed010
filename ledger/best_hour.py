"""The hour of the day at which a person is best reached: where they answered before, or wrote of their own accord."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from ledger.database import Connection
from policy.calendar import local_date, start_of_day

_HOUR = timedelta(hours=1)

DAYS_NEEDED = 2
"""On so many days the person must have been reached at that hour before it is called the best."""

_ANSWERED = """
SELECT c.person_id, CASE c.direction WHEN 'inbound' THEN c.decided_at ELSE e.at END AS at
FROM contacts c LEFT JOIN contact_events e ON e.contact_id = c.id AND e.status = 'answered'
WHERE c.person_id = ANY(%s) AND c.decision = 'permitted' AND c.channel IN ('call', 'whatsapp', 'sms')
    AND (c.direction = 'inbound' OR e.id IS NOT NULL)
ORDER BY 2"""


def local_hour(at: datetime, zone: str) -> int:
    """Whole hours since the local day began: on a day on which clocks change not quite what they show."""
    return min(23, (at - start_of_day(local_date(at, zone), zone)) // _HOUR)


async def best_hours(tx: Connection, zones: Mapping[int, str]) -> dict[int, int]:
    """The best hour (0 to 23, local) of each of these people, by their zones; people without one are left out.

    An hour counts once a day, however many messages came in it. Of several, the one with the latest answer.
    """
    answered: dict[int, list[tuple[date, int]]] = {}
    for row in await (await tx.execute(_ANSWERED, [list(zones)])).fetchall():
        zone = zones[row["person_id"]]
        reached = (local_date(row["at"], zone), local_hour(row["at"], zone))
        answered.setdefault(row["person_id"], []).append(reached)
    best: dict[int, int] = {}
    for person, times in answered.items():
        days = Counter(hour for _, hour in dict.fromkeys(reversed(times)))
        hour, count = days.most_common(1)[0]
        if count >= DAYS_NEEDED:
            best[person] = hour
    return best
