"""Activities of the bulk intake: merge rows, start journeys at a set rate, finish."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import monotonic

from temporalio import activity

from activities.engine import Engine
from activities.launching import launch_all
from activities.telling import tell_all
from ledger.database import Ledger
from ledger.intake import count_started, finish, to_start
from ledger.merging import merge_batch
from ledger.opening import open_within
from workflows import contract
from workflows.contract import Progress, StartOrder

BEAT = 2.0
"""Seconds between two signs of life."""

MERGES = 20
"""Merge transactions in one activity: long enough to be cheap, short enough to show progress."""


class Importing:
    """Holds the ledger and the engine."""

    def __init__(self, ledger: Ledger, engine: Engine) -> None:
        self._ledger = ledger
        self._engine = engine

    @activity.defn(name=contract.MERGE_ROWS)
    async def merge_rows(self, import_id: str) -> Progress:
        """Merge some batches; each leaves its mark, so that a repetition goes on where the last one ended."""
        async with _beating():
            for _ in range(MERGES):
                more, told = await merge_batch(self._ledger, import_id)
                await tell_all(self._ledger, self._engine, told)
                if not more:
                    return Progress(more=False)
        return Progress(more=True)

    @activity.defn(name=contract.START_ACCOUNTS)
    async def start_accounts(self, order: StartOrder) -> Progress:
        """Start up to `limit` journeys of an import, at most `rate` a second."""
        left = order.limit
        async with _beating():
            while left > 0:
                began = monotonic()
                accounts = await to_start(self._ledger, order.import_id, min(left, order.rate or left))
                if not accounts:
                    return Progress(more=False)
                async with self._ledger.transaction() as tx:
                    launches = await open_within(tx, accounts)
                    await count_started(tx, order.import_id, len(launches))
                await launch_all(self._ledger, self._engine, launches)
                left -= len(accounts)
                if order.rate is not None:
                    await asyncio.sleep(max(0.0, began + len(launches) / order.rate - monotonic()))
        return Progress(more=True)

    @activity.defn(name=contract.FINISH_IMPORT)
    async def finish_import(self, import_id: str) -> None:
        """Drop the rows that were merged; the import is done."""
        async with _beating():
            await finish(self._ledger, import_id)


@asynccontextmanager
async def _beating() -> AsyncGenerator[None]:
    """Tell the engine now and then that this worker lives: one that died is replaced within seconds."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(BEAT)

    beats = asyncio.create_task(beat())
    try:
        yield
    finally:
        beats.cancel()
