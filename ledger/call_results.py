"""What came of a dialer's calls, and what that means for their tasks. Also of those of which nothing was ever heard.

A permit that was handed out counts as a contact until its outcome says that none happened. So a call without a
result leaves its permit counting: the dialer may have rung and died. Only its task is open again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from ledger.asking import Disposition, Reported, report
from ledger.best_hour import best_hours
from ledger.database import Connection, Ledger
from ledger.errors import NotFound
from ledger.record import SYSTEM
from ledger.tasks import finish, give_back, locked, mark_invalid, write_event
from policy.calendar import local_date, local_instant

TRIES = 3
"""After so many tries at which nobody was reached a call task is done."""

RETRY = timedelta(hours=2)
"""How long after such a try the next one is offered where no best hour is known. Each asks for a permit of its own."""

STALLED = timedelta(minutes=2)
"""A try for which nobody asked a permit by then (real time) is given up: the process that took it died."""

RESULT_AWAITED = timedelta(hours=1)
"""How long after its permit's end a call may still be under way (business time)."""

VOID = "void"
NO_RESULT = "no_result"
"""How a try ends of which no result came: it never began, or nobody knows."""

_NOBODY_REACHED = ("no_answer", "busy", "voicemail", "failed", NO_RESULT)


@dataclass(frozen=True, slots=True)
class Result:
    """What a dialer tells of a call, named by its permit or its task (the try that is out, or the last one).

    `at`: when it happened (none: now); `call_at`: when the person asked to be called back.
    """

    disposition: Disposition
    permit: int | None = None
    task: int | None = None
    at: datetime | None = None
    talk_seconds: int | None = None
    note: str | None = None
    call_at: datetime | None = None


_FIND = """
SELECT id, task_id, contact_id FROM dials WHERE contact_id = %(permit)s OR (
    %(permit)s::numeric IS NULL AND task_id = %(task)s AND contact_id IS NOT NULL AND ended IS DISTINCT FROM 'refused')
ORDER BY id DESC LIMIT 1"""

_READ = """
SELECT d.*, NOT EXISTS (SELECT FROM dials o WHERE o.task_id = d.task_id AND o.id > d.id) AS is_last
FROM dials d WHERE d.id = %s"""


async def take_result(ledger: Ledger, result: Result, actor: str) -> None:
    """Keep a call's result, and move its task; told again, nothing changes.

    Errors: `dialer.call_unknown`, and those of `ledger.asking.report`.
    """
    async with ledger.transaction() as tx:
        named = {"permit": result.permit, "task": result.task}
        found = await (await tx.execute(_FIND, named)).fetchone()
    if found is None:
        raise NotFound("dialer.call_unknown", "no batch handed out such a call", "permit" if result.permit else "task")
    await report(ledger, Reported(found["contact_id"], result.disposition, result.at, actor))
    async with ledger.transaction() as tx:
        task = await locked(tx, found["task_id"])
        dial = await (await tx.execute(_READ, [found["id"]])).fetchone()
        assert dial is not None
        if dial["ended"] is None:
            await _end(tx, task, dial, result, actor)
        elif dial["ended"] == NO_RESULT:
            await _end_late(tx, task, dial, result, actor)


async def _end_late(
    tx: Connection, task: Mapping[str, Any], dial: Mapping[str, Any], result: Result, actor: str
) -> None:
    """A result after all: it decides while nobody has taken up the task since."""
    if task["status"] == "open" and dial["is_last"]:
        await _end(tx, task, dial, result, actor)
    else:
        await _close(tx, task, dial, result.disposition, result.talk_seconds)
        await write_event(tx, task["id"], "noted", actor, task["now"], result.disposition, result.note)


async def _end(tx: Connection, task: Mapping[str, Any], dial: Mapping[str, Any], result: Result, actor: str) -> None:
    said = result.disposition
    await _close(tx, task, dial, said, result.talk_seconds)
    if said == "callback_requested":
        at = result.call_at or await _later(tx, task)
        await give_back(tx, task, actor, "reopened", at, said, result.note)
    elif said == "not_dialled":
        await give_back(tx, task, actor, "reopened", task["not_before"], said, result.note)
    elif said in _NOBODY_REACHED:
        await _again(tx, task, actor, said, result.note)
    else:
        await finish(tx, task, actor, "done", said, result.note)


async def _close(
    tx: Connection, task: Mapping[str, Any], dial: Mapping[str, Any], ended: str, talk_seconds: int | None = None
) -> None:
    await tx.execute(
        "UPDATE dials SET ended = %s, ended_at = %s, talk_seconds = %s WHERE id = %s",
        [ended, task["now"], talk_seconds, dial["id"]],
    )
    if ended == "invalid_number":
        await mark_invalid(tx, task["debtor_id"], dial["number_sha256"], dial["contact_id"], task["now"])


async def _again(tx: Connection, task: Mapping[str, Any], actor: str, said: str, note: str | None = None) -> None:
    """Another try, or the end of them. The hour in which no result came was waiting enough."""
    counted = await tx.execute(
        "SELECT count(*) AS tries FROM dials WHERE task_id = %s AND ended = ANY(%s)",
        [task["id"], list(_NOBODY_REACHED)],
    )
    row = await counted.fetchone()
    assert row is not None
    if row["tries"] >= TRIES:
        await finish(tx, task, actor, "done", said, note)
    else:
        at = task["not_before"] if said == NO_RESULT else await _later(tx, task)
        await give_back(tx, task, actor, "reopened", at, said, note)


async def _later(tx: Connection, task: Mapping[str, Any]) -> datetime:
    """Tomorrow at the person's best hour, where one is known."""
    best = await best_hours(tx, {task["person_id"]: task["zone"]})
    if (hour := best.get(task["person_id"])) is None:
        return task["now"] + RETRY
    tomorrow = local_date(task["now"], task["zone"]) + timedelta(days=1)
    return local_instant(tomorrow, time(hour), task["zone"])


async def refused(
    tx: Connection,
    task: Mapping[str, Any],
    dial_id: int,
    reason: str | None,
    rules: Sequence[str],
    next_allowed_at: datetime | None,
) -> None:
    """A locked task whose call was refused waits until the law allows it, or is dropped where it never will.

    A pause without an end: it waits until people resume the journey.
    """
    why = reason or rules[0]
    await _close(tx, task, {"id": dial_id}, "refused")
    if next_allowed_at is not None or reason == "paused":
        await give_back(tx, task, SYSTEM, "released", next_allowed_at, why)
    else:
        await finish(tx, task, SYSTEM, "dropped", why)


_LOST = """
SELECT d.*, p.id AS decided, p.decision, p.reason, p.rules, p.next_allowed_at, e.detail
FROM dials d JOIN tasks t ON t.id = d.task_id JOIN creditors c ON c.key = t.creditor
LEFT JOIN contacts p ON p.request = d.request
LEFT JOIN LATERAL (SELECT detail FROM contact_events WHERE contact_id = p.id ORDER BY id LIMIT 1) e ON true
WHERE d.ended IS NULL AND (%(creditor)s::text IS NULL OR t.creditor = %(creditor)s)
    AND (%(task)s::numeric IS NULL OR t.id = %(task)s)
    AND CASE WHEN p.decision = 'permitted'
        THEN p.expires_at + %(awaited)s < coalesce(c.test_clock, clock_timestamp())
        ELSE d.recorded_at < clock_timestamp() - %(stalled)s END
ORDER BY d.id"""


async def bring_back(ledger: Ledger, *, creditor: str | None = None, task: int | None = None) -> None:
    """Open the tasks again whose call no result came of, and those that a process took and died.

    An outcome that was reported for the permit itself counts as the result.
    """
    wanted = {"creditor": creditor, "task": task, "awaited": RESULT_AWAITED, "stalled": STALLED}
    async with ledger.transaction() as tx:
        lost = await (await tx.execute(_LOST, wanted)).fetchall()
    for each in lost:
        async with ledger.transaction() as tx:
            row = await locked(tx, each["task_id"])
            still = await (await tx.execute(_LOST, {**wanted, "task": each["task_id"]})).fetchone()
            if still is not None:
                await _give_up(tx, row, still)


async def _give_up(tx: Connection, task: Mapping[str, Any], dial: Mapping[str, Any]) -> None:
    if dial["decision"] is None:
        await _close(tx, task, dial, VOID)
        await give_back(tx, task, SYSTEM, "released", task["not_before"], VOID)
        return
    await tx.execute("UPDATE dials SET contact_id = %s WHERE id = %s", [dial["decided"], dial["id"]])
    if dial["decision"] == "refused":
        await refused(tx, task, dial["id"], dial["reason"], dial["rules"], dial["next_allowed_at"])
    elif dial["detail"] is not None:
        await _end(tx, task, {**dial, "contact_id": dial["decided"]}, Result(dial["detail"]), SYSTEM)
    else:
        await _close(tx, task, dial, NO_RESULT)
        await _again(tx, task, SYSTEM, NO_RESULT)
