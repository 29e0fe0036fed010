"""Links, payments and what took them back, as the sandbox's processor keeps them: two tables that only grow."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

SCHEMA = """
CREATE TABLE IF NOT EXISTS pay_links (
    id TEXT PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    creditor TEXT NOT NULL,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    amount TEXT NOT NULL,
    currency TEXT NOT NULL,
    due TEXT,
    expires_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pay_movements (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    key TEXT UNIQUE,
    link TEXT REFERENCES pay_links (id),
    kind TEXT NOT NULL,
    creditor TEXT NOT NULL,
    account TEXT NOT NULL,
    amount TEXT NOT NULL,
    currency TEXT NOT NULL,
    due TEXT,
    reverses TEXT,
    paid_at TEXT NOT NULL
);
"""
TABLES = ("pay_links", "pay_movements")

Kind = Literal["payment", "reversal", "chargeback", "refund", "cancellation"]


@dataclass(frozen=True)
class Link:
    """A link where somebody pays; `key` is the product's idempotency key."""

    id: str
    key: str
    creditor: str
    account: str
    name: str
    amount: Decimal
    currency: str
    due: str | None
    expires_at: datetime

    @property
    def is_over(self) -> bool:
        return datetime.now(UTC) >= self.expires_at


@dataclass(frozen=True)
class Movement:
    """Money that moved; `key` is the idempotency key of a debit, `link` the link that was paid."""

    id: str
    key: str | None
    link: str | None
    kind: Kind
    creditor: str
    account: str
    amount: Decimal
    currency: str
    due: str | None
    reverses: str | None
    paid_at: datetime


class PaymentStore:
    """The two tables in an open database."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def keep_link(self, link: Link) -> Link:
        """Keep a link; of one key the first counts, which is returned."""
        values = (*(link.id, link.key, link.creditor, link.account, link.name), str(link.amount))
        self._database.execute(
            "INSERT OR IGNORE INTO pay_links VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, link.currency, link.due, link.expires_at.isoformat()),
        )
        row = self._database.execute("SELECT * FROM pay_links WHERE key = ?", (link.key,)).fetchone()
        return _link(row)

    def link(self, name: str) -> Link | None:
        """A link by its name."""
        row = self._database.execute("SELECT * FROM pay_links WHERE id = ?", (name,)).fetchone()
        return _link(row) if row else None

    def keep(self, movement: Movement) -> Movement:
        """Keep a movement; of one key the first counts, which is returned."""
        it = movement
        self._database.execute(
            "INSERT OR IGNORE INTO pay_movements"
            " (id, key, link, kind, creditor, account, amount, currency, due, reverses, paid_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(it.id, it.key, it.link, it.kind, it.creditor, it.account, str(it.amount), it.currency),
                *(it.due, it.reverses, it.paid_at.isoformat()),
            ),
        )
        return self.movements("id = ? OR key = ?", it.id, it.key)[0]

    def movement(self, name: str) -> Movement | None:
        """A movement by its name."""
        return next(iter(self.movements("id = ?", name)), None)

    def of_link(self, link: str) -> list[Movement]:
        """What was paid by a link, and what took it back, in order."""
        return self.movements(
            "link = ?1 OR reverses IN (SELECT id FROM pay_movements WHERE link = ?1) ORDER BY number", link
        )

    def movements(self, condition: str, *values: object) -> list[Movement]:
        """The movements that fit a condition of our own."""
        rows = self._database.execute(
            "SELECT id, key, link, kind, creditor, account, amount, currency, due, reverses, paid_at"
            f" FROM pay_movements WHERE {condition}",
            values,
        )
        return [_movement(row) for row in rows]


def _link(row: tuple[str, ...]) -> Link:
    name, key, creditor, account, who, amount, currency, due, expires_at = row
    return Link(name, key, creditor, account, who, Decimal(amount), currency, due, datetime.fromisoformat(expires_at))


def _movement(row: tuple[str, ...]) -> Movement:
    name, key, link, kind, creditor, account, amount, currency, due, reverses, paid_at = row
    known: Kind = kind  # pyright: ignore[reportAssignmentType]
    where = creditor, account, Decimal(amount), currency
    return Movement(name, key, link, known, *where, due, reverses, datetime.fromisoformat(paid_at))
