"""Journeys from the record into the engine: opened in one transaction, launched side by side, marked as launched."""

import asyncio
from collections.abc import Sequence

from activities.engine import Engine
from ledger.database import Ledger
from ledger.opening import Launch, mark_launched, open_journeys
from ledger.record import SYSTEM

AT_ONCE = 24
"""Start requests under way at the same time."""


async def launch_all(ledger: Ledger, engine: Engine, launches: Sequence[Launch]) -> None:
    """Give journeys that the record opened to the engine. What fails here, the relay launches later."""
    free = asyncio.Semaphore(AT_ONCE)

    async def launch(one: Launch) -> None:
        async with free:
            await engine.launch(one)

    async with asyncio.TaskGroup() as group:
        for one in launches:
            group.create_task(launch(one))
    if launches:
        await mark_launched(ledger, [one.terms.journey_id for one in launches])


async def enter(ledger: Ledger, engine: Engine, accounts: Sequence[int], actor: str = SYSTEM) -> list[Launch]:
    """Open and launch the journeys of these accounts, those that are due one."""
    launches = await open_journeys(ledger, accounts, actor)
    await launch_all(ledger, engine, launches)
    return launches
