"""Values that others certify: ceilings of interest by month, units of account by day. Senda knows none by itself.

An operator loads them with their source. They are append-only: the last entry of a key and day holds, and what was
loaded before stays to be seen.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ledger.database import Connection, Ledger
from policy.errors import SendaError

KEY = re.compile(r"[A-Za-z0-9]+([._-][A-Za-z0-9]+)*")
LONGEST_KEY = 64
MOST = Decimal("1e14")
DECIMALS = 10
CEILINGS = re.compile(r".+\.usury([._-].+)?")
"""Keys of ceilings of interest: effective annual rates, each of a month."""

HIGHEST_CEILING = Decimal(10)


@dataclass(frozen=True, slots=True)
class ReferenceValue:
    """A value that holds from the local day `since` on; `source`: where it is published, in words."""

    key: str
    since: date
    value: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class KeptValue(ReferenceValue):
    """A value with who loaded it, and when."""

    actor: str
    recorded_at: datetime


_PUT = """
INSERT INTO reference_values (key, since, value, source, actor)
SELECT %(key)s, %(since)s, %(value)s, %(source)s, %(actor)s
WHERE NOT EXISTS (
    SELECT FROM (SELECT value, source FROM reference_values WHERE key = %(key)s AND since = %(since)s
        ORDER BY id DESC LIMIT 1) l WHERE l.value = %(value)s AND l.source = %(source)s)"""

_HOLDS = "SELECT DISTINCT ON (since) key, since, value, source, actor, recorded_at FROM reference_values WHERE key = %s"

_ON = _HOLDS + " AND since <= %s ORDER BY since DESC, id DESC LIMIT 1"

_BETWEEN = _HOLDS + " AND since BETWEEN %s AND %s ORDER BY since, id DESC"

_ALL = _HOLDS + " ORDER BY since, id DESC"


async def put_values(ledger: Ledger, values: Sequence[ReferenceValue], actor: str) -> None:
    """Keep values; one that says what the last of its key and day says is not written again.

    Errors: `reference.key_invalid`, `reference.value_invalid`, `reference.ceiling_day`.
    """
    for each in values:
        check(each)
    async with ledger.transaction() as tx, tx.cursor() as cursor:
        await cursor.executemany(
            _PUT,
            [
                {"key": each.key, "since": each.since, "value": each.value, "source": each.source, "actor": actor}
                for each in values
            ],
        )


def check(value: ReferenceValue) -> None:
    """Refuse a key or a value that cannot be meant. A ceiling's day is the first of its month."""
    if len(value.key) > LONGEST_KEY or not KEY.fullmatch(value.key):
        raise SendaError(
            "reference.key_invalid", "a key is letters, digits and single . _ - between them: CO.usury", "key"
        )
    number = value.value
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or not 0 < number < MOST or -exponent > DECIMALS:
        raise SendaError("reference.value_invalid", f"more than 0, with at most {DECIMALS} decimals", "value")
    if CEILINGS.fullmatch(value.key):
        if value.since.day != 1:
            raise SendaError("reference.ceiling_day", "a ceiling is of a month: give the month's first day", "since")
        if number > HIGHEST_CEILING:
            raise SendaError("reference.value_invalid", "a ceiling is an annual rate: 0.25 for 25 %", "value")


async def value_on(tx: Connection, key: str, day: date) -> KeptValue | None:
    """The value of a key that holds on a day: the last one whose day has come; none where there is none."""
    row = await (await tx.execute(_ON, [key, day])).fetchone()
    return KeptValue(**row) if row else None


async def values_between(tx: Connection, key: str, first: date, last: date) -> list[KeptValue]:
    """The values of a key that begin between two days (both included), by day."""
    rows = await (await tx.execute(_BETWEEN, [key, first, last])).fetchall()
    return [KeptValue(**row) for row in rows]


async def ceilings(tx: Connection, key: str) -> Callable[[date], Decimal | None]:
    """For `journey.interest`: the ceiling of a month (its first day). A month without a value of its own has none."""
    rows: list[dict[str, Any]] = await (await tx.execute(_ALL, [key])).fetchall()
    by_month: dict[date, Decimal] = {row["since"].replace(day=1): row["value"] for row in rows}
    return by_month.get
