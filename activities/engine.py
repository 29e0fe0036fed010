"""What Senda says to the engine: launch a journey, tell it a standing, tick its test clock, ask what it knows."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Literal

from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import QueryRejectCondition, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from journey.playbook import Values
from ledger.following import Told
from ledger.opening import Launch
from workflows import contract
from workflows.codec import data_converter
from workflows.contract import IntakeOrder, JourneyStart, Tell, Tick, Ticked

UPDATES = {"pause": contract.PAUSE, "resume": contract.RESUME, "close": contract.CLOSE}
"""Commands of people travel as updates, everything else as the signal `fact`."""

PATIENCE = timedelta(seconds=10)


async def connect(address: str, namespace: str, keys: list[str]) -> "Engine":
    """The engine at host:port; payloads are sealed with the first of `keys`."""
    return Engine(await Client.connect(address, namespace=namespace, data_converter=data_converter(keys)))


class Engine:
    """The engine's client in Senda's own words. Every call may be repeated."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def launch(
        self, launch: Launch, *, ended: WorkflowIDReusePolicy = WorkflowIDReusePolicy.REJECT_DUPLICATE
    ) -> None:
        """Start a journey's workflow, or find the one that runs; `ended`: what of one that has ended already."""
        try:
            await self.client.start_workflow(
                contract.JOURNEY,
                JourneyStart(terms=launch.terms, state=launch.state, clock=launch.clock, channel_queues=True),
                id=launch.terms.journey_id,
                task_queue=contract.QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=ended,
                request_eager_start=True,  # where this client has a worker, its first task comes with the answer
            )
        except WorkflowAlreadyStartedError:
            return

    async def tell(self, told: Told) -> bool:
        """Tell a journey its standing; false where the engine has no such open workflow. Raises when it is down."""
        handle = self.client.get_workflow_handle(told.journey_id)
        message = Tell(standing=told.standing)
        try:
            if told.kind in UPDATES:
                await _update(handle, UPDATES[told.kind], message, f"{told.kind}-{told.standing.seq}", None)
            else:
                await handle.signal(contract.FACT, message, rpc_timeout=PATIENCE)
        except WorkflowUpdateFailedError as error:
            return isinstance(error.cause, ApplicationError) and error.cause.type == "known"
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True

    async def tick(self, journey_id: str, at: datetime) -> Literal["settled", "again", "absent"]:
        """Move a journey's test clock: `settled` once it did all that is due, `again` where its run ended meanwhile."""
        handle = self.client.get_workflow_handle(journey_id)
        try:
            ticked = await _update(handle, contract.TICK, Tick(at=at), None, Ticked)
        except WorkflowUpdateFailedError:
            return "again"  # the run ended while the tick waited: the next one answers
        except (WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError):
            return "again"
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return "absent"
            raise
        return "settled" if ticked.settled else "again"

    async def applied(self, journey_id: str) -> int | None:
        """The `seq` of the last standing that an open journey has heard; none where the engine does not have it."""
        handle = self.client.get_workflow_handle(journey_id)
        try:
            return await handle.query(
                contract.APPLIED,
                result_type=int,
                reject_condition=QueryRejectCondition.NOT_OPEN,  # the engine answers for closed runs, too
                rpc_timeout=PATIENCE,
            )
        except WorkflowQueryRejectedError:
            return None
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return None
            raise

    async def running(self) -> AsyncIterator[str]:
        """The ids of the journeys that the engine holds open."""
        query = f"WorkflowType = '{contract.JOURNEY}' AND ExecutionStatus = 'Running'"
        async for execution in self.client.list_workflows(query):
            yield execution.id

    async def start_intake(self, import_id: str, rate: int | None) -> None:
        """Start an import's workflow, or find the one that runs or ran."""
        try:
            await self.client.start_workflow(
                contract.INTAKE,
                IntakeOrder(import_id=import_id, rate=rate),
                id=f"intake:{import_id}",
                task_queue=contract.QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            )
        except WorkflowAlreadyStartedError:
            return

    async def healthy(self) -> bool:
        """Whether the engine's frontend answers."""
        return await self.client.service_client.check_health(timeout=timedelta(seconds=2))


async def _update(
    handle: WorkflowHandle[Any, Any], name: str, message: Values, update_id: str | None, result_type: type | None
) -> Any:
    return await handle.execute_update(  # pyright: ignore[reportUnknownMemberType] - an SDK overload is untyped
        name, message, id=update_id, result_type=result_type, rpc_timeout=PATIENCE
    )
