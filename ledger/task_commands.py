"""What people do about a task: claim it, give it back, write a note, end it. Each locks the task alone."""

from typing import Any, Literal, get_args

from ledger.access import Actor
from ledger.asking import Disposition
from ledger.database import Connection, Ledger
from ledger.errors import Conflict
from ledger.judging import sha256_of
from ledger.record import SYSTEM
from ledger.tasks import finish, give_back, hand_to, locked, mark_invalid, write_event
from policy.errors import SendaError

Resolution = Literal["resolved", "escalated", "wrong_person", "withdrawn"]
"""How a case ends."""

LEADS = ("supervisor", "operator", "admin")
"""Roles that may give a task to somebody else, take it back and end it."""


async def claim(ledger: Ledger, task_id: int, owner: str, actor: str) -> None:
    """`owner` works on a task from now on; again by the same owner: nothing changes.

    A call that has become pointless is dropped. Errors: `task.unknown`, `task.claimed`, `task.finished`,
    `task.paused`.
    """
    async with ledger.transaction() as tx:
        task = await locked(tx, task_id)
        if task["status"] == "claimed":
            if task["owner"] != owner:
                raise Conflict("task.claimed", "somebody else works on it: take another one", "task")
            return
        _unfinished(task)
        withheld = task["withheld"]
        if withheld is None:
            await hand_to(tx, task, owner, actor)
        elif withheld == "paused":
            raise Conflict("task.paused", "the account's journey is paused: no call now", "task")
        else:
            await finish(tx, task, SYSTEM, "dropped", withheld)
    if withheld is not None:
        raise Conflict("task.finished", f"no call is needed any more: {withheld}", "task")


async def release(ledger: Ledger, task_id: int, actor: Actor) -> None:
    """Give a task back; an open one stays open.

    Errors: `task.unknown`, `task.finished`, `task.claimed` (by another), `task.call_out`.
    """
    async with ledger.transaction() as tx:
        task = await locked(tx, task_id)
        _unfinished(task)
        if task["status"] == "open":
            return
        _of(task, actor)
        await _no_call_out(tx, task)
        await give_back(tx, task, actor.name, "released", task["not_before"])


async def write_note(ledger: Ledger, task_id: int, text: str, actor: Actor, command: str) -> None:
    """Add a note, to a finished task, too; once for each command. Error: `task.unknown`."""
    async with ledger.transaction() as tx:
        task = await locked(tx, task_id)
        await write_event(tx, task_id, "noted", actor.name, task["now"], note=text, command=command)


async def done(ledger: Ledger, task_id: int, disposition: str | None, note: str | None, actor: Actor) -> None:
    """End a task; again with the same disposition: nothing changes.

    What came of the contact itself is reported where its permit came from. Errors: `task.unknown`,
    `task.finished`, `task.not_claimed`, `task.claimed` (by another), `task.call_out`, `task.disposition_invalid`.
    """
    async with ledger.transaction() as tx:
        task = await locked(tx, task_id)
        _fits(task, disposition)
        if task["status"] == "done" and task["disposition"] == disposition:
            return
        _unfinished(task)
        if task["status"] == "open" and actor.role not in LEADS:
            raise Conflict("task.not_claimed", "claim it first", "task")
        _of(task, actor)
        await _no_call_out(tx, task)
        if disposition == "invalid_number" and task["number"]:
            await mark_invalid(tx, task["debtor_id"], sha256_of(task["number"]), None, task["now"])
        await finish(tx, task, actor.name, "done", disposition, note)


def _unfinished(task: dict[str, Any]) -> None:
    if task["status"] in ("done", "dropped"):
        raise Conflict("task.finished", f"it is {task['status']}: {task['disposition'] or 'no disposition'}", "task")


def _of(task: dict[str, Any], actor: Actor) -> None:
    if task["status"] == "claimed" and task["owner"] != actor.name and actor.role not in LEADS:
        raise Conflict("task.claimed", "somebody else works on it: they or a supervisor may do this", "task")


def _fits(task: dict[str, Any], disposition: str | None) -> None:
    known: tuple[str, ...] = get_args(Disposition if task["kind"] == "call" else Resolution)
    if disposition is not None and disposition not in known:
        advice = f"of a {task['kind']}: {', '.join(known)}"
        raise SendaError("task.disposition_invalid", advice, "disposition")


async def _no_call_out(tx: Connection, task: dict[str, Any]) -> None:
    found = await tx.execute("SELECT FROM dials WHERE task_id = %s AND ended IS NULL", [task["id"]])
    if await found.fetchone() is not None:
        raise Conflict("task.call_out", "a dialer has a permit for it: report the call's result first", "task")
