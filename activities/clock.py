"""Advancing a creditor's test clock: whatever falls due on the way runs in order, each at its own instant."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from activities.debiting import Debiting
from activities.engine import Engine
from activities.launching import enter
from activities.reminding import Reminding
from activities.telling import relaunch, tell_all
from ledger.accruing import accrue_due
from ledger.clock import DueJourney, advancing, due_journeys, next_instant, set_clock
from ledger.database import Ledger
from ledger.deadlines import next_deadline, settle_due
from ledger.opening import due_to_enter
from ledger.outbox import bring_up_to_date, unsent_of
from ledger.planned_debits import next_debit
from ledger.reminders import next_reminder
from policy.errors import SendaError

AT_ONCE = 32
TICKS = 40
"""How often one journey is ticked at one instant before it counts as stuck (a tick may end with a run)."""

BATCH = 500


class Stuck(SendaError):
    """A journey does not do what is due (HTTP 503)."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """Where the clock stands, and how many journeys had something to do on the way."""

    now: datetime
    woken: int


async def advance(
    ledger: Ledger,
    engine: Engine,
    creditor: str,
    to: datetime,
    reminding: Reminding | None = None,
    debiting: Debiting | None = None,
) -> Advanced:
    """Advance to an instant; returns once every journey has settled. Interrupted, it goes on when called again.

    `reminding` sends the reminders of instalments on the way, `debiting` takes those that have a mandate; none: they
    wait.
    """
    woken: set[str] = set()
    async with advancing(ledger, creditor, to):
        await tell_all(ledger, engine, await unsent_of(ledger, creditor))
        while (at := await _next(ledger, creditor, reminding, debiting)) is not None and at <= to:
            woken |= await _live(ledger, engine, creditor, at)
            if reminding is not None:
                await reminding.remind(creditor)
            if debiting is not None and await debiting.debit_now(creditor):
                await tell_all(ledger, engine, await unsent_of(ledger, creditor))
        woken |= await _live(ledger, engine, creditor, to)
    return Advanced(to, len(woken))


async def _live(ledger: Ledger, engine: Engine, creditor: str, at: datetime) -> set[str]:
    """All that falls due at an instant; the journeys that had something to do."""
    woken: set[str] = set()
    await set_clock(ledger, creditor, at)
    await settle_due_agreements(ledger, creditor)
    if await accrue_due(ledger, creditor):
        await tell_all(ledger, engine, await unsent_of(ledger, creditor))
    while accounts := await due_to_enter(ledger, creditor, BATCH):
        launched = await enter(ledger, engine, accounts)
        woken.update(launch.terms.journey_id for launch in launched)
    return woken | await _settle(ledger, engine, creditor, at)


async def _next(
    ledger: Ledger, creditor: str, reminding: Reminding | None, debiting: Debiting | None
) -> datetime | None:
    """When something happens next: of a journey, of an agreement, a reminder or a debit."""
    instants = [await next_instant(ledger, creditor), await next_deadline(ledger, creditor)]
    if reminding is not None:
        instants.append(await next_reminder(ledger, creditor))
    if debiting is not None:
        instants.append(await next_debit(ledger, creditor))
    return min((at for at in instants if at is not None), default=None)


async def settle_due_agreements(ledger: Ledger, creditor: str | None = None) -> None:
    """Write down which agreements time has warned or broken: of one creditor, or of all on the real clock."""
    while await settle_due(ledger, creditor):
        pass


async def _settle(ledger: Ledger, engine: Engine, creditor: str, at: datetime) -> set[str]:
    woken: set[str] = set()
    for turn in range(TICKS):
        if turn:  # the end of a pause that brings nothing to do is no move of the journey: the record looks for itself
            for journey in await due_journeys(ledger, creditor, at):
                await bring_up_to_date(ledger, journey.journey_id, at)
        due = await due_journeys(ledger, creditor, at)
        if not due:
            return woken
        if turn:  # a message that failed opens the steps of other journeys again: they may not have heard of it yet
            await tell_all(ledger, engine, await unsent_of(ledger, creditor))
        woken |= {journey.journey_id for journey in due}
        await _tick_all(ledger, engine, due, at)
    raise Stuck("clock.stuck", "a journey does not do what is due: see the worker's log, then advance again")


async def _tick_all(ledger: Ledger, engine: Engine, due: list[DueJourney], at: datetime) -> None:
    """Tick side by side, but journeys of one person in turn, so that a run comes out the same each time."""
    people: defaultdict[int, list[str]] = defaultdict(list)
    for journey in due:
        people[journey.person_id].append(journey.journey_id)
    free = asyncio.Semaphore(AT_ONCE)

    async def tick(journeys: list[str]) -> None:
        async with free:
            for journey_id in journeys:
                if await engine.tick(journey_id, at) == "absent":
                    await relaunch(ledger, engine, journey_id)

    async with asyncio.TaskGroup() as group:
        for journeys in people.values():
            group.create_task(tick(journeys))
