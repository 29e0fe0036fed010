"""All runs of a journey, in order: from the archive, and what is not there yet from the engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from compliance.archive import Run, archived, run_of
from compliance.errors import Damaged
from compliance.histories import attributes_of
from ledger.database import Ledger
from ledger.errors import NotFound
from workflows import contract


@dataclass(frozen=True, slots=True)
class Episode:
    """One journey of an account as the record has it. `opened_at` is a business instant."""

    journey_id: str
    episode: int
    opened_at: datetime
    closed: bool


async def episodes(ledger: Ledger, creditor: str, account: str) -> list[Episode]:
    """The journeys of an account in order. Raises `NotFound`: `account.unknown`, `journey.unknown`."""
    async with ledger.transaction() as tx:
        rows = await (
            await tx.execute(
                """
                SELECT j.id AS journey_id, j.episode, j.opened_at, j.closed
                FROM accounts a LEFT JOIN journeys j ON j.account_id = a.id
                WHERE a.creditor = %s AND a.key = %s ORDER BY j.episode""",
                [creditor, account],
            )
        ).fetchall()
    if not rows:
        raise NotFound("account.unknown", "no such account: import it first", "account")
    if rows[0]["journey_id"] is None:
        raise NotFound("journey.unknown", "the account has had no journey yet", "account")
    return [Episode(**row) for row in rows]


async def runs_of(ledger: Ledger, client: Client, journey: Episode) -> list[Run]:
    """The runs of a journey in the order in which they started; the engine is asked only for what is not archived."""
    kept = await archived(ledger, journey.journey_id)
    if not (journey.closed and kept and kept[-1].next_run_id is None):
        known = {run.run_id for run in kept}
        kept += await _from_engine(client, journey.journey_id, known)
    return sorted(kept, key=lambda run: (run.started_at, run.closed_at is None, run.closed_at))


async def _from_engine(client: Client, journey_id: str, known: set[str]) -> list[Run]:
    found: list[Run] = []
    run_id: str | None = None
    while run_id not in known:
        try:
            history = await client.get_workflow_handle(journey_id, run_id=run_id).fetch_history()
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            break
        run = run_of(history)
        if run.run_id in known:
            break
        found.append(run)
        if run.previous_run_id is None:
            break
        run_id = run.previous_run_id
    return found


def check_chain(runs: Sequence[Run]) -> None:
    """Raise `Damaged` where a run is missing, broken, unknown to this code, or does not fit the next."""
    if not runs:
        raise NotFound("replay.no_history", "neither the archive nor the engine has a history of this journey")
    by_id = {run.run_id: run for run in runs}
    for run in runs:
        if run.broken is not None:
            raise run.broken
        if run.workflow_type != contract.JOURNEY:
            text = f"run {run.run_id} is of a workflow {run.workflow_type!r}, which this version does not have"
            raise Damaged("replay.unknown_version", text, run_id=run.run_id)
        for other in (run.previous_run_id, run.next_run_id):
            if other is not None and other not in by_id:
                text = f"run {other} is neither in the archive nor in the engine, though run {run.run_id} names it"
                raise Damaged("replay.run_missing", text, run_id=other)
        following = by_id.get(run.next_run_id or "")
        if following is not None and following.previous_run_id != run.run_id:
            text = f"run {run.run_id} went on as {following.run_id}, which says that it followed another one"
            raise Damaged("replay.unsound", text, run_id=run.run_id)


def inputs_match(earlier: Run, later: Run, opened: dict[str, Any]) -> bool:
    """Whether a run began with what the one before it handed on; `opened`: their histories in the clear, by run."""
    handed = attributes_of(opened[earlier.run_id].events[-1]).input.payloads
    began = attributes_of(opened[later.run_id].events[0]).input.payloads
    return [payload.data for payload in handed] == [payload.data for payload in began]
