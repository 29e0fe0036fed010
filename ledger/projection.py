"""What open promises will bring: their amounts by due date, weighted by the share that was kept before."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from journey.keeping import kept_rate, weighted
from ledger.creditors import decimals
from ledger.database import Connection, Ledger
from ledger.errors import NotFound
from ledger.keeping import agreements_of, poured_for
from ledger.views import plain
from policy.calendar import local_date
from policy.errors import SendaError

HISTORY = timedelta(days=180)
"""How far back promises that fell due tell how many are kept."""

LONGEST = timedelta(days=366)
DEFAULT = timedelta(days=31)
BATCH = 500


@dataclass(frozen=True, slots=True)
class DueDay:
    """The open promises of a due date. `paid`: what counts for them so far; `expected`: none without a kept rate."""

    due_date: date
    promises: int
    promised: str
    paid: str
    expected: str | None


@dataclass(frozen=True, slots=True)
class Projection:
    """Open promises by due date, from a day to a day. `kept_rate`: a share by amount; none where it rests on nothing.

    `rests_on`: how many promises it was reckoned from.
    """

    creditor: str
    currency: str
    first: date
    last: date
    kept_rate: Decimal | None
    rests_on: int
    days: tuple[DueDay, ...]


_CREDITOR = """
SELECT currency, time_zone, coalesce(test_clock, clock_timestamp()) AS now FROM creditors WHERE key = %s"""

_PROMISES = """
SELECT g.id, g.account_id, i.due_date, i.amount, i.until > %(now)s AND o.agreement_id IS NOT NULL AS open
FROM agreements g JOIN agreement_instalments i ON i.agreement_id = g.id
LEFT JOIN open_agreements o ON o.agreement_id = g.id
WHERE g.creditor = %(creditor)s AND g.kind = 'promise' AND g.currency = %(currency)s
    AND (i.until > %(now)s AND o.agreement_id IS NOT NULL AND i.due_date BETWEEN %(first)s AND %(last)s
        OR i.until <= %(now)s AND i.until > %(since)s AND NOT EXISTS (
            SELECT FROM agreement_events e WHERE e.agreement_id = g.id AND e.kind = 'cancelled'))
ORDER BY i.due_date, g.id"""
"""Open promises of these due dates, and those that fell due lately; a cancelled one was neither kept nor broken."""


async def project(ledger: Ledger, creditor: str, first: date | None = None, last: date | None = None) -> Projection:
    """Open promises that fall due from `first` (today) to `last` (31 days later), with what they will bring.

    The kept rate is that of the creditor's promises whose time ended in the last 180 days: the sum of
    min(paid, promised) over the sum of promised. Errors: `creditor.unknown`, `projection.bad_range`.
    """
    async with ledger.transaction() as tx:
        row = await (await tx.execute(_CREDITOR, [creditor])).fetchone()
        if row is None:
            raise NotFound("creditor.unknown", f"no creditor {creditor!r}: PUT it first", "creditor")
        first = first or local_date(row["now"], row["time_zone"])
        last = last or first + DEFAULT
        if not timedelta(0) <= last - first <= LONGEST:
            raise SendaError("projection.bad_range", "'to' is 'from' or later, by a year at most", "to")
        about = {
            "creditor": creditor,
            "currency": row["currency"],
            "now": row["now"],
            "since": row["now"] - HISTORY,
            "first": first,
            "last": last,
        }
        promises = await (await tx.execute(_PROMISES, about)).fetchall()
        paid = await _paid(tx, list(dict.fromkeys(promise["account_id"] for promise in promises)))
    ended = [(each["amount"], paid[each["id"]]) for each in promises if not each["open"]]
    rate = kept_rate(ended)
    open_ones = [each for each in promises if each["open"]]
    days = _days(open_ones, paid, rate, row["currency"])
    return Projection(creditor, row["currency"], first, last, rate, len(ended), days)


async def _paid(tx: Connection, accounts: Sequence[int]) -> dict[int, Decimal]:
    """What counts for each promise of these accounts."""
    paid: defaultdict[int, Decimal] = defaultdict(Decimal)
    for first in range(0, len(accounts), BATCH):
        some = accounts[first : first + BATCH]
        for (agreement, _), parts in (await poured_for(tx, await agreements_of(tx, some))).items():
            paid[agreement] += sum(parts.values(), Decimal(0))
    return paid


def _days(
    promises: Sequence[dict[str, Any]], paid: dict[int, Decimal], rate: Decimal | None, currency: str
) -> tuple[DueDay, ...]:
    by_day: defaultdict[date, list[dict[str, Any]]] = defaultdict(list)
    for promise in promises:
        by_day[promise["due_date"]].append(promise)
    days: list[DueDay] = []
    for day, some in by_day.items():
        promised = sum((each["amount"] for each in some), Decimal(0))
        expected = weighted(promised, rate, decimals(currency))
        days.append(
            DueDay(
                due_date=day,
                promises=len(some),
                promised=plain(promised, currency),
                paid=plain(sum((paid[each["id"]] for each in some), Decimal(0)), currency),
                expected=plain(expected, currency) if expected is not None else None,
            )
        )
    return tuple(days)
