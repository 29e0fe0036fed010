"""The archive in Postgres: closed runs of the engine, compressed, found again by journey, never changed."""

import hashlib
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from compliance.errors import Damaged
from compliance.histories import CLOSING, attributes_of, from_bytes, kind_of, to_bytes
from ledger.database import Connection, Ledger
from policy.errors import SendaError

FORMAT = "zlib:temporal.api.history.v1.History"
"""How `content` is to be read."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a journey's workflow. `closed_at` and `status` are none while it is open; instants are the engine's.

    `archived`: whether it comes from the archive, or was just fetched from the engine. `broken`: why its object in the
    archive cannot be read; then its history has no events.
    """

    journey_id: str
    run_id: str
    first_run_id: str
    previous_run_id: str | None
    next_run_id: str | None
    workflow_type: str
    started_at: datetime
    closed_at: datetime | None
    status: str | None
    history: WorkflowHistory
    archived: bool = False
    broken: SendaError | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A closed run that is still to be archived; without a run id: of a journey that the record has closed."""

    journey_id: str
    run_id: str
    closed_at: datetime


def run_of(history: WorkflowHistory) -> Run:
    """What a history says of its run."""
    first, last = history.events[0], history.events[-1]
    started = first.workflow_execution_started_event_attributes
    status = CLOSING.get(kind_of(last))
    following = getattr(attributes_of(last), "new_execution_run_id", "") if status else ""
    return Run(
        journey_id=history.workflow_id,
        run_id=started.original_execution_run_id,
        first_run_id=started.first_execution_run_id or started.original_execution_run_id,
        previous_run_id=started.continued_execution_run_id or None,
        next_run_id=following or None,
        workflow_type=started.workflow_type.name,
        started_at=instant(first),
        closed_at=instant(last) if status else None,
        status=status,
        history=history,
    )


def instant(event: HistoryEvent) -> datetime:
    """When the engine wrote an event (UTC)."""
    return event.event_time.ToDatetime(UTC)


_INSERT = """
INSERT INTO archived_runs (run_id, journey_id, first_run_id, previous_run_id, next_run_id, workflow_type, status,
    started_at, closed_at, events, format, sha256, content)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (run_id) DO NOTHING"""

_NOTE = """
INSERT INTO waiting_runs (journey_id, run_id, closed_at)
SELECT * FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) n (journey_id, run_id, closed_at)
WHERE NOT EXISTS (SELECT FROM archived_runs r WHERE r.run_id = n.run_id)
ON CONFLICT DO NOTHING"""


async def keep(tx: Connection, run: Run) -> None:
    """Store a closed run; one that is there already stays as it is. Its predecessor waits if it is not there."""
    plain = to_bytes(run.history)
    await tx.execute(
        _INSERT,
        [
            *(run.run_id, run.journey_id, run.first_run_id, run.previous_run_id, run.next_run_id, run.workflow_type),
            *(run.status, run.started_at, run.closed_at, len(run.history.events), FORMAT),
            *(hashlib.sha256(plain).hexdigest(), zlib.compress(plain)),
        ],
    )
    if run.previous_run_id is not None:
        await note(tx, [Waiting(run.journey_id, run.previous_run_id, run.started_at)])


async def note(tx: Connection, found: list[Waiting]) -> None:
    """Closed runs were found: those that are not archived wait for it."""
    columns = [one.journey_id for one in found], [one.run_id for one in found], [one.closed_at for one in found]
    await tx.execute(_NOTE, columns)


async def archived(ledger: Ledger, journey_id: str) -> list[Run]:
    """The archived runs of a journey, in the order in which they started."""
    async with ledger.transaction() as tx:
        rows = await (
            await tx.execute(
                "SELECT * FROM archived_runs WHERE journey_id = %s ORDER BY started_at, closed_at", [journey_id]
            )
        ).fetchall()
    runs: list[Run] = []
    for row in rows:
        history, broken = WorkflowHistory(journey_id, []), None
        try:
            history = _read(journey_id, row["run_id"], row["format"], row["sha256"], row["content"])
        except Damaged as error:
            broken = error
        columns = ("run_id", "first_run_id", "previous_run_id", "next_run_id", "workflow_type", "started_at")
        values = {name: row[name] for name in (*columns, "closed_at", "status")}
        runs.append(Run(journey_id=journey_id, history=history, archived=True, broken=broken, **values))
    return runs


def _read(journey_id: str, run_id: str, form: str, sha256: str, content: bytes) -> WorkflowHistory:
    if form != FORMAT:
        text = f"run {run_id} was archived as {form!r}, which this version of Senda cannot read"
        raise Damaged("replay.unknown_version", text, run_id=run_id)
    try:
        plain = zlib.decompress(content)
    except zlib.error:
        plain = b""
    if hashlib.sha256(plain).hexdigest() != sha256:
        text = f"the archived history of run {run_id} is not the one that was stored: its hash differs"
        raise Damaged("archive.damaged", text, run_id=run_id)
    history = from_bytes(journey_id, plain)
    if history.run_id != run_id:
        text = f"the archived history of run {run_id} is that of run {history.run_id}"
        raise Damaged("archive.damaged", text, run_id=run_id)
    return history


@dataclass(frozen=True, slots=True)
class Report:
    """How the archive stands. `lost`: closed runs that the engine forgot before they were archived."""

    runs: int
    waiting: int
    lost: int
    oldest_waiting_at: datetime | None
    looked_at: datetime | None


async def report(ledger: Ledger) -> Report:
    """Count what is archived and what waits."""
    async with ledger.transaction() as tx:
        row = await (
            await tx.execute(
                """
                SELECT (SELECT count(*) FROM archived_runs) AS runs, count(*) FILTER (WHERE NOT lost) AS waiting,
                    count(*) FILTER (WHERE lost) AS lost, min(closed_at) FILTER (WHERE NOT lost) AS oldest_waiting_at,
                    (SELECT looked_at FROM archive_cursor) AS looked_at
                FROM waiting_runs"""
            )
        ).fetchone()
    assert row is not None
    return Report(**row)


async def sample(ledger: Ledger, size: int) -> list[tuple[str, str]]:
    """(creditor, account) of accounts with archived runs, at random, each once."""
    async with ledger.transaction() as tx:
        rows = await (
            await tx.execute(
                """
                SELECT creditor, account FROM (SELECT DISTINCT j.creditor, j.account FROM journeys j
                    WHERE EXISTS (SELECT FROM archived_runs r WHERE r.journey_id = j.id)) found
                ORDER BY random() LIMIT %s""",
                [size],
            )
        ).fetchall()
    return [(row["creditor"], row["account"]) for row in rows]
