"""What went to and came from each person over all channels, and what became of it: two tables that only grow."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    direction TEXT NOT NULL,
    channel TEXT NOT NULL,
    provider TEXT NOT NULL,
    address TEXT NOT NULL,
    ref TEXT NOT NULL,
    status TEXT NOT NULL,
    text TEXT NOT NULL,
    data TEXT NOT NULL,
    message_id INTEGER REFERENCES messages (id)
);
CREATE INDEX IF NOT EXISTS entries_address ON entries (address, id);
CREATE INDEX IF NOT EXISTS entries_ref ON entries (ref);
CREATE INDEX IF NOT EXISTS entries_message ON entries (message_id);
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    entry_id INTEGER NOT NULL REFERENCES entries (id),
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_entry ON events (entry_id, id);
"""

Direction = Literal["out", "in"]
"""`out`: from the product to a person, `in`: what a person sent."""

Channel = Literal["sms", "whatsapp", "email", "call"]
ProviderName = Literal["twilio", "meta", "aggregator", "smtp", "payments"]
PROVIDERS: tuple[ProviderName, ...] = ("twilio", "meta", "aggregator", "smtp", "payments")


@dataclass(frozen=True)
class Draft:
    """An entry before it is kept. `ref` is the provider's own name of it; `status` the first one; `data` holds what
    only some channels have: subject, template, choices, reference, segments, raw, and what a call needs."""

    direction: Direction
    channel: Channel
    provider: ProviderName
    address: str
    ref: str
    status: str
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    message_id: int | None = None


_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Entry(Draft):
    """A kept entry."""

    id: int = 0
    at: datetime = _NEVER


@dataclass(frozen=True)
class Event:
    """`status`: a new status, with its code; `turn`: what was said in a call and what it waits for; `pressed`: keys;
    `callback`: what came of telling the product."""

    at: datetime
    kind: Literal["status", "turn", "pressed", "callback"]
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Person:
    """One address: how many entries went there, how many came from it, and the last one's instant."""

    address: str
    got: int
    wrote: int
    last: datetime


_COLUMNS = "id, at, direction, channel, provider, address, ref, status, text, data, message_id"


class Entries:
    """The two tables in an open database."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def add(self, draft: Draft) -> Entry:
        """Keep an entry; once this returns it survives the end of the process."""
        at = datetime.now(UTC)
        number = self._database.execute(
            "INSERT INTO entries (at, direction, channel, provider, address, ref, status, text, data, message_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
            (
                *(at.isoformat(), draft.direction, draft.channel, draft.provider, draft.address, draft.ref),
                *(draft.status, draft.text, json.dumps(draft.data, ensure_ascii=False), draft.message_id),
            ),
        ).fetchone()[0]
        return Entry(**draft.__dict__, id=number, at=at)

    def note(self, entry_id: int, kind: Literal["status", "turn", "pressed", "callback"], /, **data: Any) -> None:
        """Keep what happened to an entry."""
        self._database.execute(
            "INSERT INTO events (entry_id, at, kind, data) VALUES (?, ?, ?, ?)",
            (entry_id, datetime.now(UTC).isoformat(), kind, json.dumps(data, ensure_ascii=False)),
        )

    def find(self, entry_id: int) -> Entry | None:
        return self._one("id = ?", entry_id)

    def with_ref(self, ref: str) -> Entry | None:
        """The entry with this name at its provider."""
        return self._one("ref = ?", ref)

    def of_message(self, message_id: int) -> list[Entry]:
        """The entries of a mail, one for each recipient."""
        return self._many("message_id = ? ORDER BY id", message_id)

    def page(
        self,
        *,
        address: str = "",
        channel: str = "",
        direction: Direction | None = None,
        before: int | None = None,
        limit: int,
    ) -> list[Entry]:
        """At most `limit` entries, newest first, those older than the id `before`; "" is any."""
        return self._many(
            "(? = '' OR address = ?) AND (? = '' OR channel = ?) AND (? = '' OR direction = ?) AND id < ?"
            " ORDER BY id DESC LIMIT ?",
            *(address, address, channel, channel, direction or "", direction or "", before or 1 << 62, limit),
        )

    def last(self, address: str, channel: Channel, direction: Direction) -> Entry | None:
        """The newest entry of a person by a channel."""
        return self._one(
            "address = ? AND channel = ? AND direction = ? ORDER BY id DESC LIMIT 1", address, channel, direction
        )

    def ringing(self) -> list[Entry]:
        """Calls that nobody has answered and that have not ended."""
        return self._many(
            "channel = 'call' AND direction = 'out' AND NOT EXISTS"
            " (SELECT 1 FROM events e WHERE e.entry_id = entries.id AND e.kind = 'status') ORDER BY id"
        )

    def events(self, entries: Sequence[Entry]) -> dict[int, list[Event]]:
        """What happened to each, in its order; every id given is in the answer."""
        found: dict[int, list[Event]] = {entry.id: [] for entry in entries}
        marks = ", ".join("?" * len(entries))
        for entry_id, at, kind, data in self._database.execute(
            f"SELECT entry_id, at, kind, data FROM events WHERE entry_id IN ({marks}) ORDER BY id", tuple(found)
        ):
            found[entry_id].append(Event(datetime.fromisoformat(at), kind, json.loads(data)))
        return found

    def status(self, entry: Entry) -> tuple[str, str | None]:
        """The present status and its code."""
        return status_of(entry, self.events([entry])[entry.id])

    def people(self, words: str, limit: int) -> list[Person]:
        """Addresses that contain `words` ("" is all), the last one heard of first."""
        rows = self._database.execute(
            "SELECT address, sum(direction = 'out'), sum(direction = 'in'), max(at) FROM entries"
            " WHERE instr(address, ?) OR ? = '' GROUP BY address ORDER BY max(id) DESC LIMIT ?",
            (words, words, limit),
        )
        return [Person(address, out, came, datetime.fromisoformat(at)) for address, out, came, at in rows]

    def _one(self, condition: str, *values: object) -> Entry | None:
        return next(iter(self._many(condition, *values)), None)

    def _many(self, condition: str, *values: object) -> list[Entry]:
        rows = self._database.execute(f"SELECT {_COLUMNS} FROM entries WHERE {condition}", values)
        return [_entry(row) for row in rows]


def status_of(entry: Entry, events: Sequence[Event]) -> tuple[str, str | None]:
    """The last status that the events tell, and its code."""
    last = next((event.data for event in reversed(events) if event.kind == "status"), None)
    return (last["status"], last.get("code")) if last else (entry.status, None)


def canonical(address: str) -> str:
    """One spelling for each address: `+` and digits, or a mail address in lower case."""
    if "@" in address:
        return address.strip().casefold()
    return "+" + "".join(character for character in address if character.isdecimal() and character.isascii())


def _entry(row: tuple[Any, ...]) -> Entry:
    number, at, direction, channel, provider, address, ref, status, text, data, message_id = row
    return Entry(
        *(direction, channel, provider, address, ref, status, text, json.loads(data), message_id),
        id=number,
        at=datetime.fromisoformat(at),
    )
