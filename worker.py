"""The worker process: workflows, activities, and the housekeeping beside them, put together here."""

import asyncio
import gc
import os
import signal
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import uvloop
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.contacting import Contacting
from activities.engine import connect
from activities.housekeeping import Housekeeping
from activities.importing import Importing
from activities.recording import Recording
from api.logs import configure
from channels.mail import Mail
from ledger.database import Ledger
from settings import Settings
from workflows.contract import QUEUE
from workflows.intake import Intake
from workflows.journey import Journey

PURE = (
    *("policy", "journey", "workflows.contract"),
    *("pydantic", "pydantic_core", "annotated_types", "holidays", "yaml", "tzdata"),
)
"""Passed through the workflow sandbox: pure, and far cheaper than to be loaded again for each run."""


def runner() -> SandboxedWorkflowRunner:
    """The sandbox in which workflows run, here and in replay."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PURE))


async def main(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, then finish what is under way."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    engine = await connect(settings.temporal_address, settings.temporal_namespace, settings.payload_keys)
    mail = Mail(settings.smtp_url, settings.mail_from)
    async with Ledger(settings.database_url) as ledger:
        importing = Importing(ledger, engine)
        worker = Worker(
            engine.client,
            task_queue=QUEUE,
            workflows=[Journey, Intake],
            activities=[
                Contacting(ledger, {"email": mail}).contact,
                Recording(ledger).report,
                importing.merge_rows,
                importing.start_accounts,
                importing.finish_import,
            ],
            workflow_runner=runner(),
            max_cached_workflows=1000,
            max_concurrent_workflow_tasks=16,
            max_concurrent_activities=24,
            max_concurrent_workflow_task_polls=10,
            nonsticky_to_sticky_poll_ratio=0.5,
            max_concurrent_activity_task_polls=10,
            graceful_shutdown_timeout=timedelta(seconds=30),
        )
        gc.collect()
        gc.freeze()  # what was imported stays: collecting it again and again costs a seventh of the worker's time
        async with worker:
            housekeeping = asyncio.create_task(Housekeeping(ledger, engine).run())
            _say_ready()
            stopped = asyncio.create_task(stop.wait())
            await asyncio.wait({stopped, housekeeping}, return_when=asyncio.FIRST_COMPLETED)
            housekeeping.cancel()
            with suppress(asyncio.CancelledError):
                await housekeeping  # an error of its own ends this process: whoever supervises it starts another
        await mail.close()


def _say_ready() -> None:
    """Whoever started this process may wait for this file."""
    if ready := os.environ.get("SENDA_READY_FILE"):
        Path(ready).touch()


if __name__ == "__main__":
    configured = Settings()  # pyright: ignore[reportCallIssue] - fields come from the environment
    configure(configured.log_level)
    uvloop.run(main(configured))
