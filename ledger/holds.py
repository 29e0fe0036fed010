"""Pauses by people, by their kind: on one account, or on all accounts of a person at a creditor."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from journey.state import Hold
from ledger.database import Connection, Ledger
from ledger.views import Page, number_after, page_of

HoldKind = Literal["requested", "hardship", "legal_hold", "fraud", "deceased"]
"""By their weight: a resume that names none lifts the lightest that holds."""

WEIGHT: tuple[HoldKind, ...] = get_args(HoldKind)

OF_PERSON: frozenset[HoldKind] = frozenset({"fraud", "deceased"})
"""They hold all accounts of the person at the creditor, and stop every contact whatever it is for."""

LASTING: frozenset[HoldKind] = frozenset({"legal_hold", "fraud", "deceased"})
"""They outlive the journey: the account's next one starts held. Lifting one is for supervisors."""


@dataclass(frozen=True, slots=True)
class Held:
    """A pause: `key` is its hold's id in a standing. `ends`: its end, or when it was lifted; none: until resumed.

    `id` none: a pause that a version before this table wrote.
    """

    id: int | None
    key: str
    kind: HoldKind
    starts: datetime
    ends: datetime | None

    @property
    def hold(self) -> Hold:
        """The hold as a standing has it."""
        return Hold(id=self.key, starts=self.starts, ends=self.ends)


@dataclass(frozen=True, slots=True)
class Noted:
    """A pause to note: who said so, about which account, and when."""

    creditor: str
    account_id: int
    kind: HoldKind
    reason: str
    hold: Hold
    actor: str
    at: datetime


IS_OF_PERSON = "h.kind IN ('fraud', 'deceased')"
IS_LASTING = "h.kind IN ('legal_hold', 'fraud', 'deceased')"

CONCERNS = f"""(h.person_id = a.person_id AND h.creditor = a.creditor AND (h.account_id = a.id OR {IS_OF_PERSON}))"""
"""Whether a hold `h` concerns an account `a`."""

_HOLDS = f"""
SELECT h.id, h.key, h.kind, h.starts, coalesce(e.at, h.ends) AS ends
FROM accounts a JOIN holds h ON {CONCERNS} LEFT JOIN hold_ends e ON e.hold_id = h.id
WHERE a.id = %s ORDER BY h.id"""

_INSERT = """
INSERT INTO holds (creditor, person_id, account_id, kind, reason, key, starts, ends, actor, at)
SELECT %s, person_id, id, %s, %s, %s, %s, %s, %s, %s FROM accounts WHERE id = %s"""

IS_HELD = f"""EXISTS (SELECT FROM holds h WHERE {CONCERNS} AND {IS_LASTING}
    AND h.starts <= k.now AND coalesce(h.ends, 'infinity') > k.now
    AND NOT EXISTS (SELECT FROM hold_ends e WHERE e.hold_id = h.id))"""
"""Whether a pause that lasts holds an account `a` at `k.now`."""

LASTING_HOLDS = f"""
SELECT h.key, h.kind, h.starts, h.ends FROM accounts a JOIN holds h ON {CONCERNS} AND {IS_LASTING}
JOIN creditors c ON c.key = a.creditor
WHERE a.id = %s AND coalesce(h.ends, 'infinity') > coalesce(c.test_clock, clock_timestamp())
    AND NOT EXISTS (SELECT FROM hold_ends e WHERE e.hold_id = h.id)"""
"""What holds an account, now or later, whether or not a journey is open; see `lasting_of`."""


async def holds_on(tx: Connection, account_id: int) -> list[Held]:
    """All pauses that concern an account, ended ones included, in the order in which they were noted."""
    rows = await (await tx.execute(_HOLDS, [account_id])).fetchall()
    return [Held(**row) for row in rows]


def lasting_of(rows: Sequence[dict[str, Any]], *, is_collection: bool) -> list[Hold]:
    """Of rows of `LASTING_HOLDS` those that forbid a contact: all of them collection, else those of the person."""
    return [
        Hold(id=row["key"], starts=row["starts"], ends=row["ends"])
        for row in rows
        if is_collection or row["kind"] in OF_PERSON
    ]


async def note_hold(tx: Connection, noted: Noted) -> None:
    """Keep a pause."""
    hold = noted.hold
    await tx.execute(
        _INSERT,
        [
            noted.creditor,
            noted.kind,
            noted.reason,
            hold.id,
            hold.starts,
            hold.ends,
            noted.actor,
            noted.at,
            noted.account_id,
        ],
    )


async def was_noted(tx: Connection, account_id: int, key: str) -> bool:
    """Whether this command paused this account before."""
    cursor = await tx.execute("SELECT FROM holds WHERE account_id = %s AND key = %s", [account_id, key])
    return await cursor.fetchone() is not None


async def was_lifted(tx: Connection, account_id: int, key: str) -> bool:
    """Whether this command lifted a pause of this account before."""
    cursor = await tx.execute(
        f"""SELECT FROM accounts a JOIN holds h ON {CONCERNS} JOIN hold_ends e ON e.hold_id = h.id
        WHERE a.id = %s AND e.key = %s""",
        [account_id, key],
    )
    return await cursor.fetchone() is not None


async def lift(tx: Connection, hold_id: int, key: str, actor: str, at: datetime) -> None:
    """Keep that a pause was lifted."""
    await tx.execute(
        "INSERT INTO hold_ends (hold_id, key, actor, at) VALUES (%s, %s, %s, %s)", [hold_id, key, actor, at]
    )


_LIST = f"""
SELECT h.id, h.kind, n.key AS account, h.starts, h.ends AS until, h.reason, h.actor, h.at AS noted_at,
    e.at AS lifted_at, e.actor AS lifted_by
FROM accounts a JOIN holds h ON {CONCERNS} JOIN accounts n ON n.id = h.account_id
LEFT JOIN hold_ends e ON e.hold_id = h.id
WHERE a.creditor = %s AND a.key = %s AND h.id > %s ORDER BY h.id LIMIT %s"""


async def list_holds(ledger: Ledger, creditor: str, account: str, cursor: str | None, limit: int) -> Page:
    """The pauses that concern an account, in the order in which they were noted; `account`: the one that was named."""
    after = number_after(cursor) if cursor is not None else 0
    async with ledger.transaction() as tx:
        rows = await (await tx.execute(_LIST, [creditor, account, after, limit + 1])).fetchall()
    return page_of(rows, limit, "id")
