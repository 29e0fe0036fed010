"""The arrivals of a sandbox in one SQLite file that refuses to change or delete them."""

import sqlite3
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from senda.sandbox import payment_store
from senda.sandbox.content import headers_of
from senda.sandbox.entries import SCHEMA, Draft, Entries

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    searchable TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS recipients (
    address TEXT NOT NULL,
    message_id INTEGER NOT NULL REFERENCES messages (id),
    PRIMARY KEY (address, message_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contents (
    message_id INTEGER PRIMARY KEY REFERENCES messages (id),
    raw BLOB NOT NULL
);
"""
_APPEND_ONLY = """
CREATE TRIGGER IF NOT EXISTS {table}_no_{action} BEFORE {action} ON {table}
BEGIN SELECT RAISE(ABORT, 'arrivals are append-only'); END;
"""


@dataclass(frozen=True)
class Arrival:
    """A message as it came in: the envelope's sender and recipients (joined by ", "), the decoded subject."""

    id: int
    received_at: datetime
    sender: str
    recipients: str
    subject: str


@dataclass(frozen=True)
class Filter:
    """Which arrivals: for exactly the address `to`, and with `words` in a recipient or the subject.

    Neither tells upper case from lower; `words` does not need the accents either.
    """

    to: str = ""
    words: str = ""


class Store:
    """An open file of arrivals; used from one thread."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._database = sqlite3.connect(folder / "arrivals.db", isolation_level=None)
        self._database.executescript(_SCHEMA + SCHEMA + payment_store.SCHEMA)
        for table in ("messages", "recipients", "contents", "entries", "events", *payment_store.TABLES):
            for action in ("UPDATE", "DELETE"):
                self._database.executescript(_APPEND_ONLY.format(table=table, action=action))
        self.entries = Entries(self._database)
        self.payments = payment_store.PaymentStore(self._database)

    def add(self, sender: str, recipients: Sequence[str], raw: bytes) -> int:
        """Keep a message; once this returns it survives the end of the process. Returns its id."""
        subject, reference = headers_of(raw)
        joined = ", ".join(recipients)
        row = (datetime.now(UTC).isoformat(), sender, joined, subject, _folded(f"{joined}\n{subject}"))
        database = self._database
        database.execute("BEGIN IMMEDIATE")
        try:
            added = database.execute(
                "INSERT INTO messages (received_at, sender, recipients, subject, searchable)"
                " VALUES (?, ?, ?, ?, ?) RETURNING id",
                row,
            ).fetchone()[0]
            database.executemany(
                "INSERT OR IGNORE INTO recipients VALUES (?, ?)",
                [(address.casefold(), added) for address in recipients],
            )
            database.execute("INSERT INTO contents VALUES (?, ?)", (added, raw))
            for address in recipients:
                self.entries.add(_draft(address, reference, added))
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")
        return added

    def page(self, which: Filter, *, before: int | None, limit: int) -> list[Arrival]:
        """At most `limit` arrivals, newest first, those older than the id `before`."""
        condition, values = _condition(which)
        rows = self._database.execute(
            f"SELECT id, received_at, sender, recipients, subject FROM messages m"
            f" WHERE {condition} AND id < ? ORDER BY id DESC LIMIT ?",
            (*values, before or 1 << 62, limit),
        )
        return [_arrival(row) for row in rows]

    def count(self, which: Filter) -> int:
        condition, values = _condition(which)
        return self._database.execute(f"SELECT count(*) FROM messages m WHERE {condition}", values).fetchone()[0]

    def find(self, message_id: int) -> Arrival | None:
        row = self._database.execute(
            "SELECT id, received_at, sender, recipients, subject FROM messages WHERE id = ?", (message_id,)
        ).fetchone()
        return _arrival(row) if row else None

    def raw(self, message_id: int) -> bytes:
        """The message as it came in. Raises KeyError for an unknown id."""
        row = self._database.execute("SELECT raw FROM contents WHERE message_id = ?", (message_id,)).fetchone()
        if row is None:
            raise KeyError(message_id)
        return row[0]

    def close(self) -> None:
        self._database.close()


def _draft(address: str, reference: str, message_id: int) -> Draft:
    return Draft("out", "email", "smtp", address.casefold(), reference, "accepted", message_id=message_id)


def _condition(which: Filter) -> tuple[str, tuple[str, ...]]:
    conditions, values = ["1"], list[str]()
    if which.to:
        conditions.append("id IN (SELECT message_id FROM recipients WHERE address = ?)")
        values.append(which.to.casefold())
    if which.words:
        conditions.append("instr(searchable, ?)")
        values.append(_folded(which.words))
    return " AND ".join(conditions), tuple(values)


def _arrival(row: tuple[int, str, str, str, str]) -> Arrival:
    number, received_at, sender, recipients, subject = row
    return Arrival(number, datetime.fromisoformat(received_at), sender, recipients, subject)


def _folded(text: str) -> str:
    """Without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))
