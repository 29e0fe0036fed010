"""Tasks as people see them: lists without names or numbers, and one task whole. Queries only."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ledger.best_hour import best_hours
from ledger.database import Connection, Ledger
from ledger.errors import NotFound
from ledger.tasks import TASKS, Kind, TaskStatus
from ledger.views import Page, money
from policy.calendar import local_date
from policy.errors import SendaError

LONGEST_TALK = 200
"""How many lines of a conversation are shown, the last ones."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tasks are asked for; `status` none: those that are not over."""

    creditor: str | None = None
    kind: Kind | None = None
    status: TaskStatus | None = None
    owner: str | None = None


_LIST = (
    TASKS
    + """
WHERE (%(creditor)s::text IS NULL OR t.creditor = %(creditor)s) AND (%(kind)s::text IS NULL OR t.kind = %(kind)s)
    AND (%(owner)s::text IS NULL OR t.owner = %(owner)s)
    AND t.status = ANY(%(statuses)s) AND (t.status <> 'open' OR w.withheld IS NULL)
    AND (%(priority)s::bigint IS NULL OR (-r.priority, t.id) > (-%(priority)s, %(id)s))
ORDER BY r.priority DESC, t.id LIMIT %(limit)s"""
)


async def list_tasks(ledger: Ledger, wanted: Filter, cursor: str | None, limit: int) -> Page:
    """Tasks, the highest priority first. Open calls that are not to be made now are left out.

    A priority may change between two pages. Error: `cursor.invalid`.
    """
    priority, last = _place(cursor)
    values = {
        "creditor": wanted.creditor,
        "kind": wanted.kind,
        "owner": wanted.owner,
        "statuses": [wanted.status] if wanted.status else ["open", "claimed"],
        "priority": priority,
        "id": last,
        "limit": limit + 1,
    }
    async with ledger.transaction() as tx:
        rows = await (await tx.execute(_LIST, values)).fetchall()
        items = await _items(tx, rows[:limit])
    more = len(rows) > limit
    return Page(items, f"{items[-1]['priority']}-{items[-1]['id']}" if more else None)


def _place(cursor: str | None) -> tuple[int | None, int | None]:
    if cursor is None:
        return None, None
    match = re.fullmatch(r"(\d{1,3})-(\d{1,18})", cursor, re.ASCII)
    if match is None:
        raise SendaError("cursor.invalid", "use the next_cursor of the page before", field="cursor")
    return int(match[1]), int(match[2])


async def _items(tx: Connection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    hours = await best_hours(tx, {row["person_id"]: row["zone"] for row in rows if row["person_id"] is not None})
    return [_item(row, hours.get(row["person_id"])) for row in rows]


def _item(row: dict[str, Any], best_hour: int | None) -> dict[str, Any]:
    due = row["oldest_due"]
    return {
        **{name: row[name] for name in ("id", "kind", "reason", "creditor", "account", "stage", "priority")},
        "days_past_due": max(0, (local_date(row["now"], row["zone"]) - due).days) if due is not None else None,
        "balance": money(row["balance"] or Decimal(0), row["currency"]) if row["currency"] is not None else None,
        "best_hour": best_hour,
        **{name: row[name] for name in ("not_before", "status", "owner", "created_at")},
    }


_EVENTS = "SELECT id, kind, actor, detail, note, at FROM task_events WHERE task_id = %s ORDER BY id"

_LINES = """
SELECT said_by, channel, text, choice, at FROM (
    SELECT 'person' AS said_by, channel, text, choice, at, recorded_at FROM inbound
    WHERE conversation_id = %(conversation)s
    UNION ALL
    SELECT 'senda', NULL, text, NULL, at, recorded_at FROM answers WHERE conversation_id = %(conversation)s
    ORDER BY at DESC, recorded_at DESC LIMIT %(limit)s) lines
ORDER BY at, recorded_at"""


async def show_task(ledger: Ledger, task_id: int, viewer: str) -> dict[str, Any]:
    """A task with what was done about it and what was said; whoever claimed it also sees whom to call, and where.

    Error: `task.unknown`.
    """
    async with ledger.transaction() as tx:
        row = await _row(tx, task_id)
        (item,) = await _items(tx, [row])
        events = await (await tx.execute(_EVENTS, [task_id])).fetchall()
        talk = {"conversation": row["conversation_id"], "limit": LONGEST_TALK}
        lines = await (await tx.execute(_LINES, talk)).fetchall()
    is_known = row["status"] == "claimed" and row["owner"] == viewer and row["debtor_id"] is not None
    return {
        **item,
        **{name: row[name] for name in ("step", "disposition", "claimed_at", "done_at")},
        "debtor": {"name": row["name"], "number": row["number"]} if is_known else None,
        "events": events,
        "lines": lines,
    }


async def get_item(ledger: Ledger, task_id: int) -> dict[str, Any]:
    """A task as lists show it. Error: `task.unknown`."""
    async with ledger.transaction() as tx:
        (item,) = await _items(tx, [await _row(tx, task_id)])
        return item


async def _row(tx: Connection, task_id: int) -> dict[str, Any]:
    row = await (await tx.execute(TASKS + " WHERE t.id = %s", [task_id])).fetchone()
    if row is None:
        raise NotFound("task.unknown", "no such task", "task")
    return row
