"""Bringing closed runs from the engine into the archive, before the engine's retention forgets them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import structlog
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from compliance import archive
from compliance.archive import Run, Waiting, run_of
from compliance.histories import attributes_of
from ledger.database import Connection, Ledger
from workflows import contract

EVERY = timedelta(minutes=1)
OVERLAP = timedelta(minutes=15)
"""How far behind the engine's list of closed runs may be, and its clock beside the database's."""

SETTLING = timedelta(seconds=30)
"""How long after the record's own word a run may take to close."""

BATCH = 16
PAGE = 500

log = structlog.get_logger()


class Archiving:
    """The archive's loop. Everything in it may be repeated, and run in several workers at once."""

    def __init__(self, ledger: Ledger, client: Client) -> None:
        self._ledger = ledger
        self._client = client

    async def run(self) -> None:
        """Archive every minute, until cancelled."""
        while True:
            try:
                await self.catch_up()
            except Exception as error:  # an outage ends with the next turn; nothing may end the loop
                log.warning("archiving_failed", error=type(error).__name__)
            await asyncio.sleep(EVERY.total_seconds())

    async def catch_up(self) -> int:
        """Look for closed runs, archive all that wait, warn of those at risk; returns how many were archived."""
        await self._look()
        await self._follow_the_record()
        await self._ask_again()
        total = 0
        while (taken := await self._take()) is not None:
            total += taken
        await self._warn()
        return total

    async def _look(self) -> None:
        """Note the runs that the engine lists as closed since the last look."""
        async with self._ledger.transaction() as tx:
            row = await (await tx.execute("SELECT looked_at, clock_timestamp() AS now FROM archive_cursor")).fetchone()
        assert row is not None
        query = f"WorkflowType = '{contract.JOURNEY}' AND ExecutionStatus != 'Running'"
        if row["looked_at"] is not None:
            query += f" AND CloseTime >= '{(row['looked_at'] - OVERLAP).isoformat()}'"
        async for page in self._closed(query):
            async with self._ledger.transaction() as tx:
                await archive.note(tx, page)
        async with self._ledger.transaction() as tx:
            await tx.execute("UPDATE archive_cursor SET looked_at = greatest(looked_at, %s)", [row["now"]])

    async def _closed(self, query: str) -> AsyncIterator[list[Waiting]]:
        page: list[Waiting] = []
        async for execution in self._client.list_workflows(query, page_size=PAGE):
            if execution.close_time is not None:
                page.append(Waiting(execution.id, execution.run_id, execution.close_time))
            if len(page) == PAGE:
                yield page
                page = []
        if page:
            yield page

    async def _follow_the_record(self) -> None:
        """Ask the engine about each journey that the record has ended or moved on: its list may lag, or have gaps."""
        async with self._ledger.transaction() as tx:
            row = await (await tx.execute(_NEW_EVENTS, [SETTLING])).fetchone()
        assert row is not None
        after, until = row["events_until"], row["until"] or 0
        while until > after:
            async with self._ledger.transaction() as tx:
                events = await (await tx.execute(_EVENTS, {"after": after, "until": until, "limit": PAGE})).fetchall()
            found = [Waiting(e["journey_id"], "", e["recorded_at"]) for e in events if e["kind"] == "closed"]
            for journey_id in dict.fromkeys(event["journey_id"] for event in events if not event["covered"]):
                found += await self._chain_of(journey_id)
            after = events[-1]["id"] if len(events) == PAGE else until
            async with self._ledger.transaction() as tx:
                await archive.note(tx, found)
                await self._forget_covered(tx)
                await tx.execute("UPDATE archive_cursor SET events_until = greatest(events_until, %s)", [after])

    async def _forget_covered(self, tx: Connection) -> None:
        """A journey whose last run waits, or is archived, is settled."""
        await tx.execute(_COVERED)

    async def _ask_again(self) -> None:
        """Journeys that the record ended, and the engine had not yet."""
        async with self._ledger.transaction() as tx:
            await self._forget_covered(tx)
            rows = await (
                await tx.execute("SELECT journey_id FROM waiting_runs WHERE run_id = '' AND NOT lost")
            ).fetchall()
        for row in rows:
            found = await self._chain_of(row["journey_id"])
            async with self._ledger.transaction() as tx:
                await archive.note(tx, found)
                await self._forget_covered(tx)

    async def _chain_of(self, journey_id: str) -> list[Waiting]:
        """The last run of a journey if it is closed, and the one before it; those before follow when it is archived."""
        try:
            last = await self._client.get_workflow_handle(journey_id).describe()
            found = [Waiting(journey_id, last.run_id, last.close_time)] if last.close_time else []
            handle = self._client.get_workflow_handle(journey_id, run_id=last.run_id)
            async for event in handle.fetch_history_events(page_size=1):
                previous = attributes_of(event).continued_execution_run_id
                return [*found, *([Waiting(journey_id, previous, last.start_time)] if previous else [])]
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            await self._lose(journey_id, "")
        return []

    async def _take(self) -> int | None:
        """Archive some of the runs that wait, those that closed first first; none where none is left."""
        async with self._ledger.transaction() as tx:
            rows = await (await tx.execute(_NEXT, [BATCH])).fetchall()
            if not rows:
                return None
            runs = await asyncio.gather(*(self._fetch(row["journey_id"], row["run_id"]) for row in rows))
            for row, run in zip(rows, runs, strict=True):
                if run is None:
                    await _mark_lost(tx, row["journey_id"], row["run_id"])
                    continue
                if run.closed_at is not None:
                    await archive.keep(tx, run)
                await tx.execute("DELETE FROM waiting_runs WHERE run_id = %s", [row["run_id"]])
        return sum(run is not None for run in runs)

    async def _fetch(self, journey_id: str, run_id: str) -> Run | None:
        try:
            return run_of(await self._client.get_workflow_handle(journey_id, run_id=run_id).fetch_history())
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            return None

    async def _lose(self, journey_id: str, run_id: str) -> None:
        async with self._ledger.transaction() as tx:
            await _mark_lost(tx, journey_id, run_id)

    async def _warn(self) -> None:
        found = await archive.report(self._ledger)
        kept = await retention(self._client)
        if is_at_risk(found, kept, await now(self._ledger)):
            log.error(
                "archive_at_risk",
                waiting=found.waiting,
                since=str(found.oldest_waiting_at or found.looked_at),
                retention=str(kept),
            )


async def _mark_lost(tx: Connection, journey_id: str, run_id: str) -> None:
    found = await tx.execute(
        "UPDATE waiting_runs SET lost = true WHERE journey_id = %s AND run_id = %s AND NOT lost", [journey_id, run_id]
    )
    if found.rowcount:
        log.error("archive_lost", journey=journey_id, run=run_id)


async def retention(client: Client) -> timedelta | None:
    """How long the engine keeps a closed run; none where it does not say."""
    answer = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    if not answer.config.HasField("workflow_execution_retention_ttl"):
        return None
    return answer.config.workflow_execution_retention_ttl.ToTimedelta() or None


async def now(ledger: Ledger) -> datetime:
    """The database's time."""
    async with ledger.transaction() as tx:
        row = await (await tx.execute("SELECT clock_timestamp() AS now")).fetchone()
    assert row is not None
    return row["now"]


def is_at_risk(found: archive.Report, kept: timedelta | None, at: datetime) -> bool | None:
    """Whether a closed run has waited for more than half of the retention, or nobody has looked for that long.

    None where the engine does not say how long it keeps closed runs.
    """
    if kept is None:
        return None
    since = [instant for instant in (found.oldest_waiting_at, found.looked_at) if instant is not None]
    return any(instant < at - kept / 2 for instant in since)


_NEW_EVENTS = """
SELECT events_until, (SELECT max(id) FROM journey_events WHERE recorded_at < clock_timestamp() - %s) AS until
FROM archive_cursor"""

_EVENTS = """
SELECT e.id, e.journey_id, e.kind, e.recorded_at,
    EXISTS (SELECT FROM archived_runs r WHERE r.journey_id = e.journey_id AND r.closed_at > e.recorded_at
        - interval '5 seconds') AS covered
FROM journey_events e JOIN journeys j ON j.id = e.journey_id
WHERE e.id > %(after)s AND e.id <= %(until)s AND e.kind IN ('stage_entered', 'closed') AND j.launched
    AND NOT EXISTS (SELECT FROM journey_events s WHERE s.journey_id = e.journey_id AND s.key = 'started'
        AND s.recorded_at = e.recorded_at)
ORDER BY e.id LIMIT %(limit)s"""
"""What ended a journey or moved it on, but for the stage that it opened in."""

_COVERED = """
DELETE FROM waiting_runs w WHERE w.run_id = '' AND (
    EXISTS (SELECT FROM archived_runs r WHERE r.journey_id = w.journey_id AND r.next_run_id IS NULL
        AND r.closed_at > w.closed_at - interval '5 seconds')
    OR EXISTS (SELECT FROM waiting_runs o WHERE o.journey_id = w.journey_id AND o.run_id <> '' AND NOT o.lost
        AND o.closed_at > w.closed_at - interval '5 seconds'))"""

_NEXT = """
SELECT journey_id, run_id FROM waiting_runs WHERE NOT lost AND run_id <> ''
ORDER BY closed_at, run_id LIMIT %s FOR UPDATE SKIP LOCKED"""
