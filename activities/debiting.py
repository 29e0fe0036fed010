"""Debits of instalments at work: decided and stored, then asked from the processor, then what came of it."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from channels.processors.events import DebitAnswer, DebitWanted, ProcessorRefused, ProcessorUnable
from channels.processors.kinds import Processors
from ledger import debits, planned_debits
from ledger.database import Ledger
from ledger.debits import Ask, Came
from ledger.planned_debits import Due
from ledger.processing import is_known

BATCH = 200
AT_ONCE = 8
PATIENCE = timedelta(seconds=2)
LOOK_EVERY = 0.05

NOT_ASKED = "processor."
"""How codes begin that say that a processor could not be asked, or gave no answer."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Taken:
    """A debit that a processor took; a callback tells of the payment of this name."""

    processor: str
    reference: str


class Debiting:
    """Holds the ledger and the processors."""

    def __init__(self, ledger: Ledger, processors: Processors) -> None:
        self._ledger = ledger
        self._processors = processors

    async def debit(self, creditor: str | None = None) -> list[Taken]:
        """Take what is due: of one creditor, or of all on the real clock; returns what was taken.

        Debits of one person go in turn, so that a run comes out the same each time. What fails by a mistake of ours
        waits longer, and stops nothing else.
        """
        taken: list[Taken] = []
        while due := await planned_debits.due_debits(self._ledger, creditor, BATCH):
            people: defaultdict[int, list[Due]] = defaultdict(list)
            for each in due:
                people[each.person].append(each)
            free = asyncio.Semaphore(AT_ONCE)
            async with asyncio.TaskGroup() as group:
                for one in people.values():
                    group.create_task(self._in_turn(free, one, taken))
        return taken

    async def debit_now(self, creditor: str) -> int:
        """`debit` on a test clock: the money is waited for, a moment of the real clock, before the clock goes on.

        Returns how many were taken.
        """
        taken = await self.debit(creditor)
        await self._arrived(taken)
        return len(taken)

    async def run(self) -> None:
        """`debit` where the real clock rules."""
        await self.debit()

    async def _in_turn(self, free: asyncio.Semaphore, due: Sequence[Due], taken: list[Taken]) -> None:
        async with free:
            for each in due:
                try:
                    taken += await self._debit(each)
                except Exception as error:  # whatever it is: the others' debits go on
                    log.warning("debit_failed", agreement=each.agreement, error=type(error).__name__)
                    await planned_debits.put_off(self._ledger, each)

    async def _debit(self, due: Due) -> list[Taken]:
        ask = await debits.begin_debit(self._ledger, due)
        if ask is None:
            return []
        came = await self._ask(ask)
        await debits.record_answer(self._ledger, ask.debit, came)
        return [Taken(ask.processor, came.reference)] if came.kind == "taken" and came.reference else []

    async def _ask(self, ask: Ask) -> Came:
        processor = self._processors.get(ask.processor)
        if processor is None:  # it may be back with the next configuration
            return Came("put_off", "processor.unknown")
        wanted = DebitWanted(
            key=ask.key,
            creditor=ask.creditor,
            account=ask.account,
            reference=ask.reference,
            mandate=ask.mandate,
            amount=ask.amount,
            currency=ask.currency,
            description=ask.description,
            at=ask.at,
        )
        try:
            return came_of(await processor.debit(wanted))
        except (ProcessorUnable, ProcessorRefused) as error:
            return Came("failed", error.code)
        except Exception as error:  # a mistake of ours: nobody can tell how far it got
            log.warning("debit_broke", debit=ask.debit, error=type(error).__name__)
            return Came("unanswered", "processor.broke")

    async def _arrived(self, taken: Iterable[Taken]) -> None:
        """Wait until the payments are there, but not for ever."""
        awaited = list(taken)
        for _ in range(int(PATIENCE.total_seconds() / LOOK_EVERY)):
            awaited = [each for each in awaited if not await is_known(self._ledger, each.processor, each.reference)]
            if not awaited:
                return
            await asyncio.sleep(LOOK_EVERY)


def came_of(answer: DebitAnswer) -> Came:
    """What a processor's answer means: whether it got the debit at all, and whether another day may bring more."""
    if answer.status != "failed":
        is_unknown = answer.status == "pending" and answer.retryable
        return Came("unanswered" if is_unknown else answer.status, answer.code, answer.id)
    if answer.retryable and (answer.code or "").startswith(NOT_ASKED):
        return Came("put_off", answer.code)
    return Came("failed", answer.code, answer.id, later=answer.retryable)
