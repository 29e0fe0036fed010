"""Closing a day: once all that was recorded before midnight is chained, a signed root over every chain's head."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from compliance.hashing import head_leaf
from compliance.merkle import Hash, Tree
from compliance.roots import DailyRoot, SigningKey
from compliance.sealing import BATCH, SETTLES, seal_round, take_lock
from ledger.database import Connection, Ledger

_DAY = "(day)"
"""The fence of closing, among those of the tables."""

_STATE = """
SELECT clock_timestamp() AS now, (SELECT max(day) FROM daily_roots) AS last,
    (SELECT date '1970-01-01' + c.fence::int FROM chain_cursors c WHERE c.source = %(name)s
        AND c.fence_xid <= pg_snapshot_xmax(pg_current_snapshot())::text::bigint) AS fenced,
    (SELECT c.fence_xid <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
        AND c.fenced_at <= clock_timestamp() - %(settles)s FROM chain_cursors c WHERE c.source = %(name)s
        ) AS has_settled"""

_FENCE = """
INSERT INTO chain_cursors (source, fence, fence_xid, fenced_at)
VALUES (%s, %s::date - date '1970-01-01', pg_current_xact_id()::text::bigint, clock_timestamp())
ON CONFLICT (source) DO UPDATE SET fence = excluded.fence, fence_xid = excluded.fence_xid,
    fenced_at = excluded.fenced_at"""

_HEADS = """
WITH RECURSIVE p (id) AS (
    SELECT min(person_id) FROM chain
    UNION ALL SELECT (SELECT min(c.person_id) FROM chain c WHERE c.person_id > p.id) FROM p WHERE p.id IS NOT NULL)
SELECT p.id, h.seq, h.hash FROM p CROSS JOIN LATERAL (
    SELECT seq, hash FROM chain WHERE person_id = p.id AND id <= %s ORDER BY seq DESC LIMIT 1) h ORDER BY p.id"""

_LAST = (
    "SELECT (SELECT coalesce(max(id), 0) FROM chain) AS upto, (SELECT root FROM daily_roots ORDER BY day DESC LIMIT 1)"
)

_KEEP = """
INSERT INTO daily_roots (day, upto, leaves, root, previous, closed_at, key_id, public_key, signature)
VALUES (%(day)s, %(upto)s, %(leaves)s, %(root)s, %(previous)s, %(closed_at)s, %(key_id)s, %(public_key)s,
    %(signature)s)"""


async def close_days(
    ledger: Ledger, key: SigningKey, *, now: datetime | None = None, batch: int = BATCH, settles: timedelta = SETTLES
) -> list[DailyRoot]:
    """Close the days (UTC) that have ended and are not closed; none while some of their facts may still come.

    After an outage all days that were missed are closed with what is chained then. `now`: for tests.
    """
    async with ledger.transaction() as tx:
        if not await take_lock(tx):
            return []
        state = await _one(tx, _STATE, {"name": _DAY, "settles": settles})
        ended = ((now or state["now"]).astimezone(UTC) - timedelta(minutes=1)).date() - timedelta(days=1)
        first = ended if state["last"] is None else state["last"] + timedelta(days=1)
        if first > ended:
            return []
        if state["fenced"] != ended:
            await tx.execute(_FENCE, [_DAY, ended])
            return []
        if not state["has_settled"] or not (await seal_round(tx, batch=batch, settles=settles)).is_complete:
            return []
        days = [first + timedelta(days=number) for number in range((ended - first).days + 1)]
        return [root async for root in _close(tx, key, days, state["now"])]


async def heads_at(tx: Connection, upto: int) -> list[tuple[int, int, Hash]]:
    """Person, seq and hash of the last entry of every chain among the entries up to this one, by person."""
    cursor = await tx.execute(_HEADS, [upto])
    return [(row["id"], row["seq"], row["hash"]) for row in await cursor.fetchall()]


async def _close(tx: Connection, key: SigningKey, days: list[date], at: datetime) -> AsyncIterator[DailyRoot]:
    last = await _one(tx, _LAST, {})
    heads = await heads_at(tx, last["upto"])
    top, before = Tree.over(head_leaf(*head) for head in heads).root, last["root"]
    for day in days:
        root = key.close(day, last["upto"], len(heads), top, before, at.astimezone(UTC))
        before = root.root
        stored = {name: getattr(root, name) for name in DailyRoot.__slots__}
        await tx.execute(_KEEP, stored)
        yield root


async def _one(tx: Connection, query: str, values: dict[str, Any]) -> dict[str, Any]:
    row = await (await tx.execute(query.encode(), values)).fetchone()
    assert row is not None
    return row
