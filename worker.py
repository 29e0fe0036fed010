"""The worker process: workflows, activities, and the housekeeping beside them, put together here."""

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import get_args

import uvloop
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.contacting import Contacting
from activities.conversing import Conversing
from activities.debiting import Debiting
from activities.engine import Engine, connect
from activities.feedback import Delivering
from activities.hearing import Hearing
from activities.housekeeping import Housekeeping
from activities.importing import Importing
from activities.recording import Recording
from activities.reminding import Reminding
from activities.targets import Targets
from api.logs import configure
from channels.links import Links
from channels.providers import Lane, Providers
from channels.templating import load_all
from compliance.archiving import Archiving
from compliance.chaining import Chaining
from compliance.roots import SigningKey
from journey.playbook import Channel
from ledger.database import Ledger
from ledger.permits import Permit
from ledger.sealing import Sealer
from settings import Settings
from wiring import links_of, processors_of, providers_of
from workflows.contract import QUEUE, channel_queue
from workflows.intake import Intake
from workflows.journey import Journey

PURE = (
    *("policy", "journey", "workflows.contract"),
    *("pydantic", "pydantic_core", "annotated_types", "holidays", "yaml", "tzdata"),
)
"""Passed through the workflow sandbox: pure, and far cheaper than to be loaded again for each run."""


CHANNELS: tuple[Channel, ...] = get_args(Channel)
GRACE = timedelta(seconds=30)


def runner() -> SandboxedWorkflowRunner:
    """The sandbox in which workflows run, here and in replay."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PURE))


async def main(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, then finish what is under way."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    load_all()  # a template that cannot be used is found now, not with a permit in hand
    providers, processors = providers_of(settings), processors_of(settings)
    engine = await connect(settings.temporal_address, settings.temporal_namespace, settings.payload_keys)
    async with Ledger(settings.database_url) as ledger, AsyncExitStack() as working:
        working.push_async_callback(providers.close)
        working.push_async_callback(processors.close)
        links = links_of(settings)
        workers = _workers(ledger, engine, providers, links)
        gc.collect()
        gc.freeze()  # what was imported stays: collecting it again and again costs a seventh of the worker's time
        for worker in workers:
            await working.enter_async_context(worker)
        conversing = Conversing(ledger, engine, providers)
        delivering = Delivering(ledger, Sealer(settings.payload_keys), Targets(private=settings.feedback_private))
        working.push_async_callback(delivering.close)
        housekeeping = asyncio.create_task(
            Housekeeping(
                ledger,
                engine,
                conversing,
                Hearing(ledger, engine, providers),
                Reminding(ledger, providers, links),
                delivering,
                Debiting(ledger, processors),
            ).run()
        )
        archiving = asyncio.create_task(Archiving(ledger, engine.client).run())
        signing = SigningKey(settings.signing_key.get_secret_value()) if settings.signing_key else None
        chaining = asyncio.create_task(Chaining(ledger, signing).run())
        _say_ready()
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({stopped, housekeeping}, return_when=asyncio.FIRST_COMPLETED)
        housekeeping.cancel()
        archiving.cancel()
        chaining.cancel()
        await asyncio.wait({archiving, chaining})
        with suppress(asyncio.CancelledError):
            await housekeeping  # an error of its own ends this process: whoever supervises it starts another
        await asyncio.gather(*(worker.shutdown() for worker in workers), conversing.sent())


def _workers(ledger: Ledger, engine: Engine, providers: Providers, links: Links | None) -> list[Worker]:
    """One for workflows and what is common to them, and one for the contacts of each channel."""
    importing = Importing(ledger, engine)
    contact = Contacting(ledger, providers.of, partial(_with_links, links), providers.approved).contact
    common = Worker(
        engine.client,
        task_queue=QUEUE,
        workflows=[Journey, Intake],
        activities=[
            contact,
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
        graceful_shutdown_timeout=GRACE,
    )
    return [common, *(_channel_worker(engine, providers.lane(channel), channel, contact) for channel in CHANNELS)]


def _channel_worker(engine: Engine, lane: Lane, channel: Channel, contact: Callable[..., object]) -> Worker:
    return Worker(
        engine.client,
        task_queue=channel_queue(channel),
        activities=[contact],
        max_concurrent_activities=lane.at_once,
        max_task_queue_activities_per_second=lane.rate,
        graceful_shutdown_timeout=GRACE,
    )


def _with_links(links: Links | None, permit: Permit) -> Permit:
    """A permit with the link that stops its channel, where there are links."""
    return replace(permit, stop_link=links.stop(permit.contact_id)) if links is not None else permit


def _say_ready() -> None:
    """Whoever started this process may wait for this file."""
    if ready := os.environ.get("SENDA_READY_FILE"):
        Path(ready).touch()


if __name__ == "__main__":
    configured = Settings()  # pyright: ignore[reportCallIssue] - fields come from the environment
    configure(configured.log_level)
    uvloop.run(main(configured))
