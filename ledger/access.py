"""Who may do what, and what they did: API keys, idempotency keys, the audit trail."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, get_args

from psycopg.types.json import Jsonb

from ledger.database import Ledger
from ledger.errors import Conflict, NotFound

Role = Literal["operator", "agent", "supervisor", "compliance", "processor", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever holds an API key. `name` is what records show."""

    key_id: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Answer:
    """What an earlier request with the same idempotency key was answered."""

    status: int
    body: Any


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def create_key(ledger: Ledger, name: str, role: Role, token: str | None = None) -> tuple[str, str]:
    """Make an API key (or keep the one given); returns its id and the token, which is shown only here."""
    token = token or f"senda_{secrets.token_urlsafe(32)}"
    key_id = _digest(token).hex()[:16]
    async with ledger.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO api_keys (id, name, role, secret_sha256) VALUES (%s, %s, %s, %s)
            ON CONFLICT (id) DO NOTHING""",
            [key_id, name, role, _digest(token)],
        )
    return key_id, token


async def revoke_key(ledger: Ledger, key_id: str) -> None:
    """End a key; raises `NotFound`."""
    async with ledger.transaction() as tx:
        cursor = await tx.execute(
            "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = %s", [key_id]
        )
        if not cursor.rowcount:
            raise NotFound("key.unknown", "no such API key", "key")


async def actor_of(ledger: Ledger, token: str) -> Actor | None:
    """Whoever this token belongs to, none where it is unknown or revoked."""
    digest = _digest(token)
    async with ledger.transaction() as tx:
        row = await (
            await tx.execute(
                "SELECT id, name, role, secret_sha256 FROM api_keys WHERE id = %s AND revoked_at IS NULL",
                [digest.hex()[:16]],
            )
        ).fetchone()
    if row is None or not secrets.compare_digest(bytes(row["secret_sha256"]), digest):
        return None
    return Actor(row["id"], row["name"], row["role"])


async def claim(ledger: Ledger, actor: str, route: str, key: str, request_sha256: str) -> Answer | None:
    """Claim an idempotency key; returns the earlier answer where there is one.

    Raises `Conflict` for a key that came with another request. A claim whose answer never came (a crash) may be
    claimed again by the same request: the writes behind it are idempotent themselves.
    """
    async with ledger.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO idempotency_keys (actor, route, key, request_sha256) VALUES (%s, %s, %s, %s)
            ON CONFLICT DO NOTHING""",
            [actor, route, key, request_sha256],
        )
        row = await (
            await tx.execute(
                """
                SELECT request_sha256, status, answer FROM idempotency_keys
                WHERE actor = %s AND route = %s AND key = %s""",
                [actor, route, key],
            )
        ).fetchone()
    assert row is not None
    if row["request_sha256"] != request_sha256:
        raise Conflict("idempotency.key_reused", "this Idempotency-Key came with another request: use a new one")
    return Answer(row["status"], row["answer"]) if row["status"] is not None else None


async def keep_answer(ledger: Ledger, actor: str, route: str, key: str, answer: Answer) -> None:
    """Store what a request with an idempotency key was answered."""
    async with ledger.transaction() as tx:
        await tx.execute(
            "UPDATE idempotency_keys SET status = %s, answer = %s WHERE actor = %s AND route = %s AND key = %s",
            [answer.status, Jsonb(answer.body), actor, route, key],
        )


async def note(
    ledger: Ledger,
    actor: Actor | None,
    action: str,
    subject: str | None,
    status: int,
    code: str | None,
    reason: str | None = None,
) -> None:
    """Add a line to the audit trail: what was done or looked at, or refused; `reason`: why, as the actor said."""
    async with ledger.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO audit (actor, role, action, subject, status, code, reason)
            VALUES (%s, %s, %s, %s, %s, %s, %s)""",
            [*((actor.key_id, actor.role) if actor else ("unknown", None)), action, subject, status, code, reason],
        )


async def forget_keys(ledger: Ledger, older_than: timedelta) -> None:
    """Drop idempotency keys of this age: a client that repeats a request does so sooner."""
    async with ledger.transaction() as tx:
        await tx.execute("DELETE FROM idempotency_keys WHERE created_at < clock_timestamp() - %s", [older_than])
