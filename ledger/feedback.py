"""What creditors' systems are told: their webhooks, and the outbox that triggers fill in the transaction of each fact.

The triggers are in the migration `0011_feedback.py`. For a creditor without a webhook nothing is written.
"""

import base64
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, cast

import orjson
from psycopg.types.json import Jsonb

from ledger.database import Connection, Ledger
from ledger.errors import NotFound
from ledger.sealing import Sealer
from ledger.views import Page, number_after, page_of, plain
from policy.errors import SendaError

TYPES = (
    *("journey.started", "journey.stage_entered", "journey.closed"),
    *("promise.made", "promise.kept", "promise.broken", "promise.cancelled", "promise.reopened"),
    *("plan.made", "plan.warned", "plan.kept", "plan.broken", "plan.lapsed", "plan.cancelled", "plan.reopened"),
    *("dispute.opened", "dispute.resolved"),
    *("relief.offered", "relief.accepted", "relief.kept", "relief.taken_back", "relief.lapsed", "relief.cancelled"),
    *("credit.blocked", "credit.released", "payment.applied", "payment.reversed"),
)
FAMILIES = tuple(f"{name}.*" for name in ("journey", "promise", "plan", "dispute", "relief", "credit", "payment"))
"""Names for all types of a kind. What may be subscribed to are these and `TYPES`."""

Status = Literal["pending", "delivered", "dead"]

BOTH_SIGN = timedelta(days=1)
"""How long a secret goes on signing beside the one that took its place."""

TRIED_FOR = timedelta(days=3)
"""How long a delivery is tried before it is given up."""

LEASE = timedelta(seconds=40)
"""After so long a delivery whose process died is tried again; longer than an attempt takes."""

AMOUNTS = frozenset({"amount", "balance", "paid"})

_TROUBLE = (None, 429, 502, 503, 504)
"""Answers (none: there was none) that say something of the whole endpoint, not of one event."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a creditor's system is told. `events`: which types; none: all. `retry_at`: the endpoint is in trouble,
    and nothing is tried until then."""

    url: str
    events: list[str] | None
    created_at: datetime
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way. `secrets` are sealed; `attempt` counts from 1 since it was queued."""

    id: int
    event: str
    type: str
    at: datetime
    creditor: str
    account: str
    debtor: str
    currency: str
    data: dict[str, Any]
    attempt: int
    url: str
    secrets: list[dict[str, Any]]

    @property
    def body(self) -> bytes:
        """What is sent: the same bytes each time."""
        return orjson.dumps(
            {
                "id": self.event,
                "type": self.type,
                "at": self.at.astimezone(UTC),
                "creditor": self.creditor,
                "account": self.account,
                "debtor": self.debtor,
                "data": _with_plain_amounts(self.data, self.currency),
            },
            option=orjson.OPT_UTC_Z,
        )


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of an attempt: the status of the answer, none where there was none; `error` is a stable code."""

    delivery: Delivery
    status: int | None
    error: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the creditor's system has it."""
        return self.status is not None and 200 <= self.status < 300


def _with_plain_amounts(value: Any, currency: str, key: str | None = None) -> Any:
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        return {name: _with_plain_amounts(each, currency, name) for name, each in sorted(named.items())}
    if isinstance(value, list):
        return [_with_plain_amounts(each, currency) for each in cast("list[Any]", value)]
    return plain(Decimal(value), currency) if key in AMOUNTS and isinstance(value, str) else value


async def put_webhook(
    ledger: Ledger, sealer: Sealer, creditor: str, url: str, events: Sequence[str] | None
) -> tuple[Webhook, str | None]:
    """Create or change a creditor's webhook; returns its secret where it was created.

    Errors: `creditor.unknown`, `webhook.unknown_event`, `secret.no_key`.
    """
    unknown = [each for each in events or () if each not in (*TYPES, *FAMILIES)]
    if unknown:
        raise SendaError("webhook.unknown_event", f"no event {unknown[0][:60]!r}: see docs/feedback.md", "events")
    secret, key = _new_secret(sealer, creditor)
    async with ledger.transaction() as tx:
        if await (await tx.execute("SELECT FROM creditors WHERE key = %s", [creditor])).fetchone() is None:
            raise NotFound("creditor.unknown", f"no creditor {creditor!r}: PUT it first", "creditor")
        wanted = list(dict.fromkeys(events)) if events is not None else None
        row = await (
            await tx.execute(
                """
                INSERT INTO creditor_webhooks (creditor, url, events, secrets) VALUES (%s, %s, %s, %s)
                ON CONFLICT (creditor) DO UPDATE SET url = excluded.url, events = excluded.events,
                    failures = 0, retry_at = NULL
                RETURNING url, events, created_at, retry_at, xmax = 0 AS created""",
                [creditor, url, wanted, Jsonb([key])],
            )
        ).fetchone()
    assert row is not None
    return Webhook(row["url"], row["events"], row["created_at"], row["retry_at"]), secret if row["created"] else None


async def webhook_of(ledger: Ledger, creditor: str) -> Webhook:
    """A creditor's webhook. Error: `webhook.unknown`."""
    async with ledger.transaction() as tx:
        row = await (
            await tx.execute(
                "SELECT url, events, created_at, retry_at FROM creditor_webhooks WHERE creditor = %s", [creditor]
            )
        ).fetchone()
    if row is None:
        raise _unknown()
    return Webhook(**row)


async def rotate(ledger: Ledger, sealer: Sealer, creditor: str) -> str:
    """A new secret, returned this once. Those before it sign, too, for a day longer. Error: `webhook.unknown`."""
    secret, key = _new_secret(sealer, creditor)
    async with ledger.transaction() as tx:
        row = await _locked(tx, creditor)
        last = (row["now"] + BOTH_SIGN).isoformat()
        earlier = [{**each, "until": each["until"] or last} for each in _signing(row["secrets"], row["now"])]
        await tx.execute(
            "UPDATE creditor_webhooks SET secrets = %s WHERE creditor = %s", [Jsonb([key, *earlier]), creditor]
        )
    return secret


async def delete_webhook(ledger: Ledger, creditor: str) -> None:
    """End a creditor's webhook; what waits is given up, and can be replayed to another one. `webhook.unknown`."""
    async with ledger.transaction() as tx:
        await _locked(tx, creditor)
        await tx.execute("DELETE FROM creditor_webhooks WHERE creditor = %s", [creditor])
        await tx.execute(
            """
            UPDATE feedback SET status = 'dead', last_error = 'webhook_deleted'
            WHERE creditor = %s AND status = 'pending'""",
            [creditor],
        )


def secrets_of(delivery: Delivery, sealer: Sealer, now: datetime) -> list[str]:
    """The secrets that sign now, the newest first. Error: `secret.unreadable`."""
    return [sealer.open(each["sealed"], _about(delivery.creditor)) for each in _signing(delivery.secrets, now)]


def _new_secret(sealer: Sealer, creditor: str) -> tuple[str, dict[str, Any]]:
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    return secret, {"sealed": sealer.seal(secret, _about(creditor)), "until": None}


def _about(creditor: str) -> str:
    return f"webhook:{creditor}"


def _signing(kept: Sequence[dict[str, Any]], now: datetime) -> Iterator[dict[str, Any]]:
    return (each for each in kept if each["until"] is None or datetime.fromisoformat(each["until"]) > now)


async def _locked(tx: Connection, creditor: str) -> dict[str, Any]:
    row = await (
        await tx.execute(
            "SELECT secrets, clock_timestamp() AS now FROM creditor_webhooks WHERE creditor = %s FOR UPDATE",
            [creditor],
        )
    ).fetchone()
    if row is None:
        raise _unknown()
    return row


def _unknown() -> NotFound:
    return NotFound("webhook.unknown", "the creditor has no webhook: PUT it first", "creditor")


_RESTED = "(w.retry_at IS NULL OR w.retry_at <= clock_timestamp())"

_DUE = f"""
SELECT w.creditor FROM creditor_webhooks w WHERE {_RESTED} AND EXISTS (
    SELECT FROM feedback f WHERE f.creditor = w.creditor AND f.status = 'pending' AND f.next_at <= clock_timestamp())
ORDER BY w.creditor"""

_CLAIM = f"""
WITH heads AS (
    SELECT f.id FROM feedback f JOIN creditor_webhooks w ON w.creditor = f.creditor
    WHERE f.creditor = %(creditor)s AND f.status = 'pending' AND f.next_at <= clock_timestamp() AND {_RESTED}
        AND NOT EXISTS (SELECT FROM feedback b WHERE b.person_id = f.person_id AND b.creditor = f.creditor
            AND b.status = 'pending' AND b.id < f.id)
    ORDER BY f.id LIMIT %(limit)s FOR UPDATE OF f SKIP LOCKED)
UPDATE feedback f SET attempts = f.attempts + 1, next_at = clock_timestamp() + %(lease)s
FROM heads, accounts a, people p, creditor_webhooks w
WHERE f.id = heads.id AND a.id = f.account_id AND p.id = f.person_id AND w.creditor = f.creditor
RETURNING f.id, f.event, f.type, f.at, f.creditor, a.key AS account, p.key AS debtor, a.currency, f.data,
    f.attempts AS attempt, w.url, w.secrets"""

_DELIVERED = """
UPDATE feedback SET status = 'delivered', last_status = %(status)s, last_error = NULL, delivered_at = clock_timestamp()
WHERE id = %(id)s AND status = 'pending' AND attempts = %(attempt)s RETURNING status"""

_FAILED = """
UPDATE feedback SET last_status = %(status)s, last_error = %(error)s,
    status = CASE WHEN queued_at < clock_timestamp() - %(tried_for)s THEN 'dead' ELSE 'pending' END,
    next_at = clock_timestamp() + least(5 * 2 ^ least(attempts - 1, 10), 3600) * interval '1 second'
WHERE id = %(id)s AND status = 'pending' AND attempts = %(attempt)s RETURNING status"""

_REST = """
UPDATE creditor_webhooks SET failures = failures + 1,
    retry_at = clock_timestamp() + least(5 * 2 ^ least(failures, 10), 3600) * interval '1 second'
WHERE creditor = %s"""

_WELL = "UPDATE creditor_webhooks SET failures = 0, retry_at = NULL WHERE creditor = %s AND failures > 0"


async def due_creditors(ledger: Ledger) -> list[str]:
    """The creditors to whose systems something is to be sent now."""
    async with ledger.transaction() as tx:
        return [row["creditor"] for row in await (await tx.execute(_DUE)).fetchall()]


async def claim(ledger: Ledger, creditor: str, limit: int) -> list[Delivery]:
    """Take what is to be sent now: the oldest of each person. Nobody else gets it before `LEASE` is over."""
    async with ledger.transaction() as tx:
        about = {"creditor": creditor, "limit": limit, "lease": LEASE}
        rows = await (await tx.execute(_CLAIM, about)).fetchall()
    return sorted((Delivery(**row) for row in rows), key=lambda each: each.id)


async def conclude(ledger: Ledger, attempts: Sequence[Attempt]) -> list[Delivery]:
    """Write what came of a batch of attempts for one creditor; returns what was given up.

    A failure is tried again after 5 s, 10 s, 20 s, … 1 h. Where the endpoint itself is in trouble (nobody answers, or
    every one of several failed), all of the creditor's deliveries rest as long.
    """
    creditor = attempts[0].delivery.creditor
    given_up: list[Delivery] = []
    async with ledger.transaction() as tx:
        for each in sorted(attempts, key=lambda attempt: attempt.delivery.id):
            values = {
                "id": each.delivery.id,
                "attempt": each.delivery.attempt,
                "status": each.status,
                "error": each.error,
                "tried_for": TRIED_FOR,
            }
            row = await (await tx.execute(_DELIVERED if each.succeeded else _FAILED, values)).fetchone()
            if row is not None and row["status"] == "dead":
                given_up.append(each.delivery)
        if any(each.succeeded for each in attempts):
            await tx.execute(_WELL, [creditor])
        elif len(attempts) > 1 or attempts[0].status in _TROUBLE:
            await tx.execute(_REST, [creditor])
    return given_up


_REPLAY = """
UPDATE feedback SET status = 'pending', attempts = 0, queued_at = clock_timestamp(), next_at = clock_timestamp(),
    delivered_at = NULL
WHERE creditor = %(creditor)s AND status <> 'pending' AND at >= %(since)s AND (%(until)s::timestamptz IS NULL
    OR at < %(until)s) AND (%(types)s::text[] IS NULL OR type = ANY (%(types)s)
    OR split_part(type, '.', 1) || '.*' = ANY (%(types)s))"""


async def replay(
    ledger: Ledger, creditor: str, since: datetime, until: datetime | None, types: Sequence[str] | None
) -> int:
    """Queue what happened in [since, until) again, under the same ids; returns how many. Error: `webhook.unknown`."""
    about = {"creditor": creditor, "since": since, "until": until, "types": list(types) if types else None}
    async with ledger.transaction() as tx:
        await _locked(tx, creditor)
        return (await tx.execute(_REPLAY, about)).rowcount


_LIST = """
SELECT f.id AS seq, f.event AS id, f.type, a.key AS account, f.at, f.status, f.attempts, f.last_status, f.last_error,
    CASE WHEN f.status = 'pending' THEN f.next_at END AS next_at, f.delivered_at
FROM feedback f JOIN accounts a ON a.id = f.account_id
WHERE f.creditor = %s AND f.id > %s AND (%s::text IS NULL OR f.status = %s) ORDER BY f.id LIMIT %s"""


async def list_deliveries(ledger: Ledger, creditor: str, status: Status | None, cursor: str | None, limit: int) -> Page:
    """What a creditor's system was or is to be told, in order."""
    after = number_after(cursor) if cursor is not None else 0
    async with ledger.transaction() as tx:
        rows = await (await tx.execute(_LIST, [creditor, after, status, status, limit + 1])).fetchall()
    return page_of(rows, limit, "seq")


async def forget(ledger: Ledger, older_than: timedelta) -> int:
    """Drop what was queued longer ago and is settled; returns how many."""
    async with ledger.transaction() as tx:
        return (
            await tx.execute(
                "DELETE FROM feedback WHERE status <> 'pending' AND queued_at < clock_timestamp() - %s", [older_than]
            )
        ).rowcount
