"""The bulk start as a durable workflow: merge an import's rows, then start its journeys at a set rate."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from workflows import contract
    from workflows.contract import IntakeOrder, Progress, StartOrder

BATCHES_A_RUN = 200
BATCH = 500
PATIENCE = timedelta(minutes=10)
HEARTBEAT = timedelta(seconds=10)
RETRY = RetryPolicy(maximum_interval=timedelta(minutes=1))


@workflow.defn(name=contract.INTAKE)
class Intake:
    """Each activity does one batch and leaves its mark in the ledger, so a crash loses at most the batch's time."""

    @workflow.run
    async def run(self, order: IntakeOrder) -> None:
        merged = order.merged
        for _ in range(BATCHES_A_RUN):
            if not merged:
                merged = not await self._merge(order.import_id)
            elif not await self._start(order):
                await self._finish(order.import_id)
                return
        workflow.continue_as_new(order.model_copy(update={"merged": merged}))

    async def _merge(self, import_id: str) -> bool:
        progress = await workflow.execute_activity(
            contract.MERGE_ROWS,
            import_id,
            result_type=Progress,
            start_to_close_timeout=PATIENCE,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=RETRY,
        )
        return progress.more

    async def _start(self, order: IntakeOrder) -> bool:
        progress = await workflow.execute_activity(
            contract.START_ACCOUNTS,
            StartOrder(import_id=order.import_id, rate=order.rate, limit=BATCH),
            result_type=Progress,
            start_to_close_timeout=PATIENCE,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=RETRY,
        )
        return progress.more

    async def _finish(self, import_id: str) -> None:
        await workflow.execute_activity(
            contract.FINISH_IMPORT,
            import_id,
            start_to_close_timeout=PATIENCE,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=RETRY,
        )
