"""What the worker does beside its queue: relay, launches, entries of the day, imports, and the reconciler."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from activities.clock import settle_due_agreements
from activities.conversing import Conversing
from activities.debiting import Debiting
from activities.engine import Engine
from activities.feedback import Delivering
from activities.hearing import Hearing
from activities.launching import enter
from activities.reminding import Reminding
from activities.telling import relaunch, tell_all
from ledger.access import forget_keys
from ledger.accruing import accrue_due
from ledger.call_results import bring_back
from ledger.database import Ledger
from ledger.feedback import forget
from ledger.following import Told
from ledger.intake import give_up_uploads, waiting_imports
from ledger.opening import due_to_enter, mark_launched, not_launched
from ledger.outbox import open_journey_ids, standing_of, unsent
from ledger.tasks import drop_stale

GRACE = timedelta(seconds=3)
"""How long the process that wrote something has to tell the engine by itself."""

BATCH = 500
RELAY_EVERY = timedelta(seconds=1)
ANSWER_EVERY = timedelta(milliseconds=300)
MAIL_EVERY = timedelta(seconds=5)
MINUTE = timedelta(minutes=1)
ACCRUE_EVERY = timedelta(hours=1)
RECONCILE_EVERY = timedelta(hours=1)
KEYS_KEPT = timedelta(days=7)
LONGEST_UPLOAD = timedelta(hours=6)
FEEDBACK_KEPT = timedelta(days=90)

log = structlog.get_logger()


class Housekeeping:
    """Loops that mend whatever a crash or an outage left behind. All of it may run in several workers at once."""

    def __init__(
        self,
        ledger: Ledger,
        engine: Engine,
        conversing: Conversing | None = None,
        hearing: Hearing | None = None,
        reminding: Reminding | None = None,
        delivering: Delivering | None = None,
        debiting: Debiting | None = None,
    ) -> None:
        self._ledger = ledger
        self._engine = engine
        self._conversing = conversing
        self._hearing = hearing
        self._reminding = reminding
        self._delivering = delivering
        self._debiting = debiting

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_every(RELAY_EVERY, "relay", self.relay))
            group.create_task(_every(RELAY_EVERY, "entries", self.entries))
            group.create_task(_every(RELAY_EVERY, "imports", self.imports))
            if self._conversing is not None:
                group.create_task(_every(ANSWER_EVERY, "answers", self._conversing.answer_waiting))
            if self._hearing is not None:
                group.create_task(_every(MAIL_EVERY, "mailboxes", self._hearing.mailboxes))
            if self._delivering is not None:
                group.create_task(_every(RELAY_EVERY, "feedback", self._delivering.deliver))
            group.create_task(_every(MINUTE, "agreements", self.agree))
            if self._reminding is not None:
                group.create_task(_every(MINUTE, "reminders", self._reminding.remind))
            if self._debiting is not None:
                group.create_task(_every(MINUTE, "debits", self._debiting.run))
            group.create_task(_every(MINUTE, "tasks", self.tasks))
            group.create_task(_every(ACCRUE_EVERY, "interest", self.accrue))
            group.create_task(_every(RECONCILE_EVERY, "reconcile", self.reconcile))
            group.create_task(_every(RECONCILE_EVERY, "sweep", self.sweep))

    async def relay(self) -> None:
        """Send what waits in the outbox, and launch what was opened and never launched."""
        while (waiting := await unsent(self._ledger, GRACE, BATCH)) and await tell_all(
            self._ledger, self._engine, waiting
        ):
            pass
        for journey_id in await not_launched(self._ledger, GRACE, BATCH):
            await relaunch(self._ledger, self._engine, journey_id)
            await mark_launched(self._ledger, [journey_id])

    async def entries(self) -> None:
        """Start the journeys of accounts whose day has come, where the real clock rules."""
        while accounts := await due_to_enter(self._ledger, None, BATCH):
            await enter(self._ledger, self._engine, accounts)

    async def imports(self) -> None:
        """See that each import that arrived whole has its workflow."""
        for one in await waiting_imports(self._ledger):
            await self._engine.start_intake(one.import_id, one.rate)

    async def reconcile(self) -> None:
        """Compare what each journey has heard with what the record says; mend the engine where it fell behind.

        It also serves an engine restored from an older backup: journeys that it lost are launched again from the
        record, journeys that it still holds open although they ended are told so.
        """
        mended = 0
        held = {journey_id async for journey_id in self._engine.running()}
        after = ""
        while page := await open_journey_ids(self._ledger, after, BATCH):
            after = page[-1]
            for journey_id in page:
                held.discard(journey_id)
                mended += await self._mend(journey_id)
        for journey_id in held:  # open in the engine, closed in the record
            mended += await self._mend(journey_id)
        if mended:
            log.info("reconciled", journeys=mended)

    async def sweep(self) -> None:
        """Drop what nobody asks for any more (keys, what was told), and give up uploads whose API process died."""
        await forget_keys(self._ledger, KEYS_KEPT)
        await give_up_uploads(self._ledger, LONGEST_UPLOAD)
        await forget(self._ledger, FEEDBACK_KEPT)

    async def agree(self) -> None:
        """Write down which agreements time has warned or broken."""
        await settle_due_agreements(self._ledger)

    async def accrue(self) -> None:
        """Post the late interest of the day; the relay tells the journeys."""
        await accrue_due(self._ledger)

    async def tasks(self) -> None:
        """Open calls again of which no result came, and drop those that have become pointless."""
        await bring_back(self._ledger)
        await drop_stale(self._ledger)

    async def _mend(self, journey_id: str) -> int:
        try:
            standing = await standing_of(self._ledger, journey_id)
        except LookupError:
            log.error("journey_without_record", journey=journey_id)
            return 0
        applied = await self._engine.applied(journey_id)
        if applied is None:
            await relaunch(self._ledger, self._engine, journey_id)
            return 1
        if applied < standing.seq:
            await self._engine.tell(Told(0, journey_id, "reconcile", standing))
            return 1
        return 0


async def _every(pause: timedelta, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Repeat some work. Whatever goes wrong, an outage or our own mistake, is reported and tried again."""
    while True:
        try:
            await work()
        except Exception as error:  # this loop is what mends everything else: nothing may end it
            causes: tuple[Exception, ...] = getattr(error, "exceptions", (error,))  # a task group's, or its own
            log.warning("housekeeping_failed", task=name, error=type(causes[0]).__name__)
        await asyncio.sleep(pause.total_seconds())
