"""The root of a day: what it states, its signature, and the line in which it is notarised elsewhere."""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from compliance.hashing import FIRST
from compliance.merkle import Hash
from policy.errors import SendaError

_PREFIX = b"senda.root.v1\n"


@dataclass(frozen=True, slots=True)
class DailyRoot:
    """A closed day (UTC): the Merkle root over the heads of all chains, by person, when its last entry was `upto`."""

    day: date
    upto: int
    leaves: int
    root: Hash
    previous: Hash
    closed_at: datetime
    key_id: str
    public_key: bytes
    signature: bytes

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "DailyRoot":
        """From a row of `daily_roots`."""
        return cls(
            row["day"],
            row["upto"],
            row["leaves"],
            row["root"],
            row["previous"],
            row["closed_at"].astimezone(UTC),
            row["key_id"],
            row["public_key"],
            row["signature"],
        )

    @classmethod
    def of_line(cls, line: bytes) -> "DailyRoot":
        """From a line of an export. Error: `roots.unreadable`."""
        try:
            said: dict[str, Any] = orjson.loads(line)
            return cls(
                date.fromisoformat(said["day"]),
                int(said["upto"]),
                int(said["leaves"]),
                bytes.fromhex(said["root"]),
                bytes.fromhex(said["previous"]),
                datetime.fromisoformat(said["closed_at"]).astimezone(UTC),
                str(said["key_id"]),
                bytes.fromhex(said["public_key"]),
                bytes.fromhex(said["signature"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise SendaError("roots.unreadable", f"not a line of `senda audit roots`: {line[:80]!r}") from error

    def statement(self) -> dict[str, Any]:
        """What is signed, by name in alphabetical order; bytes in hexadecimal."""
        return {
            "closed_at": self.closed_at.isoformat(),
            "day": self.day.isoformat(),
            "key_id": self.key_id,
            "leaves": self.leaves,
            "previous": self.previous.hex(),
            "public_key": self.public_key.hex(),
            "root": self.root.hex(),
            "upto": self.upto,
        }

    def line(self) -> dict[str, Any]:
        """The statement with its signature."""
        return {**self.statement(), "signature": self.signature.hex()}

    @property
    def is_signed(self) -> bool:
        """Whether the signature is that of its own public key over its statement."""
        try:
            key = Ed25519PublicKey.from_public_bytes(self.public_key)
            key.verify(self.signature, _signed(self.statement()))
        except (InvalidSignature, ValueError):
            return False
        return True


def _signed(statement: Mapping[str, Any]) -> bytes:
    return _PREFIX + orjson.dumps(statement, option=orjson.OPT_SORT_KEYS)


class SigningKey:
    """The installation's Ed25519 key, `id:base64 of 32 bytes`. Error: `evidence.bad_key`."""

    def __init__(self, key: str) -> None:
        self.id, _, secret = key.partition(":")
        try:
            self._key = Ed25519PrivateKey.from_private_bytes(b64decode(secret, validate=True))
        except (ValueError, NotBase64):
            raise SendaError("evidence.bad_key", "SENDA_SIGNING_KEY is no id:base64 of 32 bytes") from None
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, content: bytes) -> bytes:
        """The signature of these bytes, 64 bytes."""
        return self._key.sign(content)

    def close(self, day: date, upto: int, leaves: int, root: Hash, before: Hash | None, at: datetime) -> DailyRoot:
        """A day's root, signed; `before` is the root of the day before it, none: it is the first."""
        stated = DailyRoot(day, upto, leaves, root, before or FIRST, at, self.id, self.public_key, b"")
        return replace(stated, signature=self.sign(_signed(stated.statement())))
