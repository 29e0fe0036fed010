"""The worker's part in the evidence: it chains what is new and closes days, again and again."""

import asyncio
from datetime import timedelta

import structlog

from compliance.closing import close_days
from compliance.roots import SigningKey
from compliance.sealing import seal
from ledger.database import Ledger

SEAL_EVERY = timedelta(seconds=1)
CLOSE_EVERY = timedelta(minutes=1)

log = structlog.get_logger()


class Chaining:
    """Two loops that may run in several workers at once. Without a key (none) days stay open, which is told hourly."""

    def __init__(self, ledger: Ledger, key: SigningKey | None) -> None:
        self._ledger = ledger
        self._key = key

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._seal())
            group.create_task(self._close(self._key) if self._key else self._complain())

    async def _seal(self) -> None:
        while True:
            try:
                while (await seal(self._ledger)).sealed:
                    pass
            except Exception as error:  # an outage, or our own mistake: both are reported and tried again
                log.warning("sealing_failed", error=type(error).__name__)
            await asyncio.sleep(SEAL_EVERY.total_seconds())

    async def _close(self, key: SigningKey) -> None:
        while True:
            try:
                for root in await close_days(self._ledger, key):
                    log.info("day_closed", day=root.day.isoformat(), root=root.root.hex(), key=key.id)
            except Exception as error:
                log.warning("closing_failed", error=type(error).__name__)
            await asyncio.sleep(CLOSE_EVERY.total_seconds())

    async def _complain(self) -> None:
        while True:
            log.warning("days_stay_open", because="SENDA_SIGNING_KEY is not set")
            await asyncio.sleep(timedelta(hours=1).total_seconds())
