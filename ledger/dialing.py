"""The next lawful calls for a dialer: open call tasks, the highest priority first, each with a permit of its own.

A try (`dials`) goes through three transactions: it is taken with its task, its permit is asked for, the answer is
written to it. No task is locked while `ask` waits for a person's lock. A task has at most one try out, and a
permit is asked for under the try's own request: whatever dies in between, the same batch asked for again comes to
the same calls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ledger.asking import Asked, Reported, ask, report
from ledger.best_hour import best_hours, local_hour
from ledger.call_results import VOID, bring_back, refused
from ledger.database import Connection, Ledger
from ledger.errors import NotFound
from ledger.judging import known_of, sha256_of
from ledger.record import SYSTEM
from ledger.tasks import TASKS, drop_stale, finish, hand_to, locked

MOST_ASKED = 3
"""A batch asks for at most so many permits for each call that it may hand out: at night nothing is lawful."""

LOOKED_AT = 1000
"""Of the tasks with the highest priority so many are put in order by their best hours."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A batch of at most `size` calls. `batch` names the command: the same one again answers the same calls.

    `campaign`: a step's key or a task's reason, whose calls are wanted; none: all of the creditor's.
    """

    batch: str
    creditor: str
    size: int
    campaign: str | None
    actor: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call that may be made until `expires_at`, by its permit."""

    task: int
    permit: int
    creditor: str
    account: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch hands out; how many were refused; how many open calls wait, for now or for later."""

    calls: list[Call]
    refused: int
    waiting: int


async def next_calls(ledger: Ledger, wanted: Wanted) -> Batch:
    """Hand out the next lawful calls. Error: `creditor.unknown`."""
    await _creditor(ledger, wanted.creditor)
    await bring_back(ledger, creditor=wanted.creditor)
    await drop_stale(ledger, wanted.creditor)
    while taken := await _take(ledger, wanted):
        for dial in taken:
            await _decide(ledger, dial, wanted.actor)
    return await _batch(ledger, wanted)


async def _creditor(ledger: Ledger, key: str) -> None:
    async with ledger.transaction() as tx:
        found = await tx.execute("SELECT FROM creditors WHERE key = %s", [key])
        if await found.fetchone() is None:
            raise NotFound("creditor.unknown", "no such creditor: PUT it first", "creditor")


_LOCK_BATCH = "SELECT pg_advisory_xact_lock(hashtextextended('dialer:' || %s, 0))"

_TAKEN = """
SELECT d.id, d.task_id, d.request, d.contact_id, d.ended, t.creditor, a.key AS account, c.decision, c.expires_at
FROM dials d JOIN tasks t ON t.id = d.task_id JOIN accounts a ON a.id = t.account_id
LEFT JOIN contacts c ON c.id = d.contact_id
WHERE d.batch = %s ORDER BY d.id"""

_OFFERED = """
t.creditor = %(creditor)s AND t.kind = 'call' AND t.status = 'open' AND w.withheld IS NULL
    AND (%(campaign)s::text IS NULL OR %(campaign)s IN (t.step, t.reason))"""

_IS_DUE = "(t.not_before IS NULL OR t.not_before <= k.now)"

_DUE = f"{TASKS} WHERE {_OFFERED} AND {_IS_DUE} ORDER BY r.priority DESC, t.id LIMIT %(looked_at)s"

_CLAIM = f"""
{TASKS} JOIN unnest(%(ids)s::bigint[]) WITH ORDINALITY AS o(id, place) ON o.id = t.id
WHERE {_OFFERED} AND {_IS_DUE} ORDER BY o.place LIMIT %(wanted)s FOR UPDATE OF t SKIP LOCKED"""

_INVALID = "SELECT address_sha256 FROM invalid_addresses WHERE channel = 'call' AND debtor_id = %s"

_DIAL = """
INSERT INTO dials (task_id, request, batch, actor, number_sha256)
SELECT %(task)s, format('task:%%s:%%s', %(task)s::bigint, count(*) + 1), %(batch)s, %(actor)s, %(number)s
FROM dials WHERE task_id = %(task)s
RETURNING id, task_id, request"""


async def _take(ledger: Ledger, wanted: Wanted) -> list[dict[str, Any]]:
    """The tries to ask permits for now: those that this batch took before a crash, or new ones; none: it is full."""
    async with ledger.transaction() as tx:
        await tx.execute(_LOCK_BATCH, [wanted.batch])
        taken = await (await tx.execute(_TAKEN, [wanted.batch])).fetchall()
        if undecided := [dial for dial in taken if dial["decision"] is None and dial["ended"] is None]:
            return undecided
        missing = wanted.size - sum(dial["decision"] == "permitted" for dial in taken)
        missing = min(missing, wanted.size * MOST_ASKED - len(taken))
        return await _take_new(tx, wanted, missing) if missing > 0 else []


async def _take_new(tx: Connection, wanted: Wanted, missing: int) -> list[dict[str, Any]]:
    asked = {"creditor": wanted.creditor, "campaign": wanted.campaign, "looked_at": LOOKED_AT, "wanted": missing}
    due = await _in_order(tx, await (await tx.execute(_DUE, asked)).fetchall())
    dials: list[dict[str, Any]] = []
    while not dials:
        tasks = await (await tx.execute(_CLAIM, {**asked, "ids": due})).fetchall()
        if not tasks:
            break
        dials = [dial for task in tasks if (dial := await _dial(tx, wanted, task)) is not None]
    return dials


async def _in_order(tx: Connection, tasks: Sequence[dict[str, Any]]) -> list[int]:
    """The tasks' numbers: of those with one priority first the people who are best reached in this hour."""
    best = await best_hours(tx, {task["person_id"]: task["zone"] for task in tasks})

    def place(task: dict[str, Any]) -> tuple[int, bool, int]:
        is_best = best.get(task["person_id"]) == local_hour(task["now"], task["zone"])
        return -task["priority"], not is_best, task["id"]

    return [task["id"] for task in sorted(tasks, key=place)]


async def _dial(tx: Connection, wanted: Wanted, task: dict[str, Any]) -> dict[str, Any] | None:
    """A try of a locked task; none where there is no number, so that the task is dropped."""
    invalid = await (await tx.execute(_INVALID, [task["debtor_id"]])).fetchall()
    number = sha256_of(task["number"]) if task["number"] else None
    if number is None or number in {row["address_sha256"] for row in invalid}:
        await finish(tx, task, SYSTEM, "dropped", "no_number")
        return None
    await hand_to(tx, task, wanted.actor, wanted.actor)
    about = {"task": task["id"], "batch": wanted.batch, "actor": wanted.actor, "number": number}
    row = await (await tx.execute(_DIAL, about)).fetchone()
    assert row is not None
    return {**row, "creditor": task["creditor"], "account": task["account"]}


async def _decide(ledger: Ledger, dial: dict[str, Any], actor: str) -> None:
    """Ask for a try's permit, and write the answer to it. A try given up meanwhile hands nothing out."""
    verdict = await ask(
        ledger,
        Asked(dial["request"], dial["creditor"], dial["account"], "call", "collection", "debtor", actor),
    )
    async with ledger.transaction() as tx:
        task = await locked(tx, dial["task_id"])
        row = await (await tx.execute("SELECT ended FROM dials WHERE id = %s", [dial["id"]])).fetchone()
        ended = row["ended"] if row is not None else VOID
        if ended is None:
            await tx.execute("UPDATE dials SET contact_id = %s WHERE id = %s", [verdict.contact_id, dial["id"]])
            if not verdict.allowed:
                await refused(tx, task, dial["id"], verdict.reason, verdict.rules, verdict.next_allowed_at)
    if ended == VOID and verdict.allowed:
        await report(ledger, Reported(verdict.contact_id, "not_dialled", None, SYSTEM))


_COUNTS = f"SELECT count(*) AS waiting FROM ({TASKS} WHERE {_OFFERED}) f"


async def _batch(ledger: Ledger, wanted: Wanted) -> Batch:
    async with ledger.transaction() as tx:
        taken = await (await tx.execute(_TAKEN, [wanted.batch])).fetchall()
        asked = {"creditor": wanted.creditor, "campaign": wanted.campaign}
        counted = await (await tx.execute(_COUNTS, asked)).fetchone()
    calls = [
        Call(dial["task_id"], dial["contact_id"], dial["creditor"], dial["account"], dial["expires_at"])
        for dial in taken
        if dial["decision"] == "permitted"
    ]
    refusals = sum(dial["decision"] == "refused" for dial in taken)
    return Batch(calls, refusals, counted["waiting"] if counted else 0)


@dataclass(frozen=True, slots=True)
class Dialled:
    """Whom a call is for: the number, and the language to speak."""

    number: str | None
    language: str


_CALLED = "SELECT id, account_id, person_id, creditor FROM contacts WHERE id = ANY(%s)"


async def numbers(ledger: Ledger, permits: Sequence[int]) -> dict[int, Dialled]:
    """Number and language of each of these permits' calls, read when they are handed out and kept nowhere."""
    found: dict[int, Dialled] = {}
    async with ledger.transaction() as tx:
        for row in await (await tx.execute(_CALLED, [list(permits)])).fetchall():
            known = await known_of(tx, row["account_id"], row["person_id"], row["creditor"])
            found[row["id"]] = Dialled(known.addresses.get("call"), known.language)
    return found
