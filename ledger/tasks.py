"""What people are to do: calls that a step asks for, and cases that a machine cannot settle.

A task is named by the `key` of whoever asks for it, so that it is there once. What is done about it is a line of
`task_events`. A row of `tasks` is locked for a moment only and never while somebody waits for a person's lock.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from ledger.database import Connection, Ledger
from ledger.errors import NotFound
from ledger.holds import IS_HELD
from ledger.record import SYSTEM

Kind = Literal["call", "case"]
TaskStatus = Literal["open", "claimed", "done", "dropped"]
EventKind = Literal["created", "claimed", "released", "noted", "done", "dropped", "reopened"]


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to add. `reason` is a stable code; `account_id` may be none in a case about somebody unknown.

    `note`: what whoever works on it should know, in plain words. `person_id` none: the account's.
    """

    key: str
    kind: Kind
    reason: str
    creditor: str
    account_id: int | None = None
    person_id: int | None = None
    journey_id: str | None = None
    step: str | None = None
    occurrence: str | None = None
    conversation_id: int | None = None
    not_before: datetime | None = None
    note: str | None = None


_INSERT = """
INSERT INTO tasks (key, kind, reason, creditor, account_id, person_id, journey_id, step, occurrence, conversation_id,
    not_before, created_at)
VALUES (%(key)s, %(kind)s, %(reason)s, %(creditor)s, %(account_id)s,
    coalesce(%(person_id)s, (SELECT person_id FROM accounts WHERE id = %(account_id)s)), %(journey_id)s, %(step)s,
    %(occurrence)s, %(conversation_id)s, %(not_before)s,
    (SELECT coalesce(test_clock, clock_timestamp()) FROM creditors WHERE key = %(creditor)s))
ON CONFLICT (key) DO NOTHING RETURNING id, created_at"""


async def add_task(tx: Connection, task: NewTask) -> int | None:
    """Add a task in the caller's transaction; its number, or none where one of this key is there already."""
    row = await (await tx.execute(_INSERT, asdict(task))).fetchone()
    if row is None:
        return None
    await write_event(tx, row["id"], "created", SYSTEM, row["created_at"], task.reason, task.note)
    return row["id"]


TASKS = f"""
SELECT t.*, a.key AS account, a.currency, d.id AS debtor_id, coalesce(d.time_zones[1], c.time_zone) AS zone, d.name,
    d.addresses->>'call' AS number, b.balance, (j.state->'standing'->>'oldest_due')::date AS oldest_due,
    k.now, w.stage, w.withheld, r.priority
FROM tasks t
JOIN creditors c ON c.key = t.creditor
LEFT JOIN accounts a ON a.id = t.account_id
LEFT JOIN debtors d ON d.creditor = t.creditor AND d.person_id = t.person_id
LEFT JOIN journeys j ON j.account_id = t.account_id AND NOT j.closed
LEFT JOIN LATERAL (SELECT sum(p.amount) AS balance FROM postings p WHERE p.account_id = t.account_id) b ON true
CROSS JOIN LATERAL (SELECT coalesce(c.test_clock, statement_timestamp()) AS now) k
CROSS JOIN LATERAL (SELECT
    CASE WHEN j.next_stage_at <= k.now THEN j.next_stage ELSE j.stage END AS stage,
    CASE WHEN t.kind <> 'call' THEN NULL
        WHEN coalesce(b.balance, 0) <= 0 THEN 'nothing_owed'
        WHEN t.journey_id IS NOT NULL AND j.id IS DISTINCT FROM t.journey_id THEN 'journey_closed'
        WHEN EXISTS (SELECT FROM jsonb_array_elements(j.state->'standing'->'holds') h
            WHERE (h->>'starts')::timestamptz <= k.now
                AND coalesce((h->>'ends')::timestamptz, 'infinity') > k.now) OR {IS_HELD} THEN 'paused'
    END AS withheld) w
CROSS JOIN LATERAL (SELECT
    100 * coalesce(array_position(ARRAY['preventive', 'administrative', 'prejuridical'], w.stage), 0)
    + 10 * CASE WHEN coalesce(b.balance, 0) < 1 THEN 0 ELSE least(9, length(trunc(b.balance)::text)) END
    + least(9, greatest(0, extract(epoch FROM k.now - t.created_at)::bigint / 86400)) AS priority) r"""
"""Tasks `t` with what is true of their accounts now.

`priority`: 100 for each stage (preventive 1, administrative 2, prejuridical 3, no open journey 0), 10 for each digit
of the balance before the decimal point (at most 9), 1 for each day that the task has waited (at most 9).
`withheld`: why a call is not to be made now. Where it is `paused` it waits, otherwise it never will be.
"""


async def locked(tx: Connection, task_id: int) -> dict[str, Any]:
    """A row of `TASKS`, locked. Error: `task.unknown`."""
    row = await (await tx.execute(TASKS + " WHERE t.id = %s FOR UPDATE OF t", [task_id])).fetchone()
    if row is None:
        raise NotFound("task.unknown", "no such task", "task")
    return row


async def write_event(
    tx: Connection,
    task_id: int,
    kind: EventKind,
    actor: str,
    at: datetime,
    detail: str | None = None,
    note: str | None = None,
    command: str | None = None,
) -> None:
    """A line of what was done about a task, one of each `command`."""
    await tx.execute(
        """
        INSERT INTO task_events (task_id, kind, actor, detail, note, command, at)
        VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (command) DO NOTHING""",
        [task_id, kind, actor, detail, note, command, at],
    )


async def hand_to(tx: Connection, task: Mapping[str, Any], owner: str, actor: str) -> None:
    """A locked task is worked on by `owner`; the event names the owner where somebody else did it for them."""
    await tx.execute(
        "UPDATE tasks SET status = 'claimed', owner = %s, claimed_at = %s WHERE id = %s",
        [owner, task["now"], task["id"]],
    )
    await write_event(tx, task["id"], "claimed", actor, task["now"], owner if owner != actor else None)


async def give_back(
    tx: Connection,
    task: Mapping[str, Any],
    actor: str,
    kind: Literal["released", "reopened"],
    not_before: datetime | None,
    detail: str | None = None,
    note: str | None = None,
) -> None:
    """A locked task is open to anybody again, not before an instant."""
    await tx.execute(
        "UPDATE tasks SET status = 'open', owner = NULL, claimed_at = NULL, not_before = %s WHERE id = %s",
        [not_before, task["id"]],
    )
    await write_event(tx, task["id"], kind, actor, task["now"], detail, note)


async def finish(
    tx: Connection,
    task: Mapping[str, Any],
    actor: str,
    status: Literal["done", "dropped"],
    disposition: str | None,
    note: str | None = None,
) -> None:
    """A locked task is over."""
    await tx.execute(
        """
        UPDATE tasks SET status = %s, owner = coalesce(owner, %s), done_at = %s, disposition = %s WHERE id = %s""",
        [status, actor, task["now"], disposition, task["id"]],
    )
    await write_event(tx, task["id"], status, actor, task["now"], disposition, note)


_STALE = f"""
WITH stale AS ({TASKS}
    WHERE (%(creditor)s::text IS NULL OR t.creditor = %(creditor)s) AND t.status = 'open' AND t.kind = 'call'
        AND w.withheld IN ('nothing_owed', 'journey_closed')
    FOR UPDATE OF t SKIP LOCKED),
dropped AS (
    UPDATE tasks SET status = 'dropped', owner = %(actor)s, done_at = stale.now, disposition = stale.withheld
    FROM stale WHERE tasks.id = stale.id)
INSERT INTO task_events (task_id, kind, actor, detail, at)
SELECT id, 'dropped', %(actor)s, withheld, now FROM stale"""


async def drop_stale(ledger: Ledger, creditor: str | None = None) -> int:
    """Drop open calls that have become pointless: nothing is owed, or their journey closed. How many; again: none."""
    async with ledger.transaction() as tx:
        return (await tx.execute(_STALE, {"creditor": creditor, "actor": SYSTEM})).rowcount


async def mark_invalid(
    tx: Connection, debtor_id: int, number_sha256: str, contact_id: int | None, at: datetime
) -> None:
    """Nobody is at this number: it is not called again until a file brings another one."""
    await tx.execute(
        """
        INSERT INTO invalid_addresses (debtor_id, channel, address_sha256, contact_id, code, at)
        VALUES (%s, 'call', %s, %s, 'invalid_number', %s) ON CONFLICT DO NOTHING""",
        [debtor_id, number_sha256, contact_id, at],
    )
