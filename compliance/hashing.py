"""How rows, entries and heads are hashed, version 1; docs/evidence.md says it for those who check without Senda."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from compliance.merkle import Hash, leaf_hash

VERSION = 1
FIRST = bytes(32)
"""What the first entry of a chain has as the hash before it, and the first root as the root before it."""

_ROW = b"senda.row.v1\n"
_ENTRY = b"senda.entry.v1\n"


def row_hash(names: Sequence[str], values: Sequence[str | None]) -> Hash:
    """The hash of a row's content: its values as Postgres prints them, those that are null left out.

    `names` in alphabetical order, `values` in theirs. SHA-256 of the prefix and an object in canonical JSON.
    """
    content = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    return hashlib.sha256(_ROW + orjson.dumps(content)).digest()


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a person's chain; `recorded_at` as Postgres prints it in UTC."""

    id: int
    person_id: int
    seq: int
    source: str
    row_id: int
    recorded_at: str | None
    row_hash: Hash
    previous: Hash

    @property
    def hash(self) -> Hash:
        """SHA-256 of the prefix and an array in canonical JSON, hashes in hexadecimal."""
        return entry_hash(
            [
                *(self.id, self.person_id, self.seq, self.source, self.row_id, self.recorded_at),
                *(self.row_hash.hex(), self.previous.hex()),
            ]
        )


def entry_hash(content: list[int | str | None]) -> Hash:
    """The hash of an entry: id, person, seq, source, row, recorded_at, the row's hash and the one before it in hex."""
    return hashlib.sha256(_ENTRY + orjson.dumps(content)).digest()


def head_leaf(person_id: int, seq: int, head: Hash) -> Hash:
    """The leaf of a person's chain in the tree of a day: its last entry's place and hash."""
    return leaf_hash(orjson.dumps([person_id, seq, head.hex()]))
