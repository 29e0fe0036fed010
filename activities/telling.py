"""Telling the engine: at once after a commit, and by the relay what could not be told then."""

import asyncio
from collections.abc import Sequence

import structlog
from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.common import WorkflowIDReusePolicy
from temporalio.service import RPCError

from activities.engine import Engine
from ledger.database import Ledger
from ledger.following import Told
from ledger.opening import launch_of
from ledger.outbox import is_launched, taken

AT_ONCE = 16

log = structlog.get_logger()


async def tell_all(ledger: Ledger, engine: Engine, told: Sequence[Told]) -> int:
    """Tell journeys their standings, side by side; returns how many the engine took. The rest stays in the outbox."""
    free = asyncio.Semaphore(AT_ONCE)

    async def tell(one: Told) -> Told | None:
        async with free:
            return one if await _told(ledger, engine, one) else None

    answers = await asyncio.gather(*(tell(one) for one in told))
    done = [one for one in answers if one is not None]
    if done:
        await taken(ledger, done)
    return len(done)


async def _told(ledger: Ledger, engine: Engine, told: Told) -> bool:
    try:
        if await engine.tell(told):
            return True
        # The engine has no such open workflow: it has ended, or its launch is still to come.
        return await is_launched(ledger, told.journey_id)
    except RPCError as error:
        log.warning("engine_unreachable", journey=told.journey_id, status=error.status.name)
        return False
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        log.warning("journey_does_not_answer", journey=told.journey_id)
        return False


async def relaunch(ledger: Ledger, engine: Engine, journey_id: str) -> None:
    """Give the engine a journey that the record has open and the engine lacks, even where it has ended it."""
    async with ledger.transaction() as tx:
        launch = await launch_of(tx, journey_id)
    if launch is not None:
        log.warning("journey_relaunched", journey=journey_id)
        await engine.launch(launch, ended=WorkflowIDReusePolicy.ALLOW_DUPLICATE)
