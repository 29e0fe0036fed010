"""An engine that lost something, as one that was restored from an older backup: the reconciler brings it back."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import WorkflowExecutionStatus

from activities.engine import Engine, connect
from activities.housekeeping import Housekeeping
from ledger.database import Ledger
from ledger.outbox import standing_of
from tests.api.calls import Api, Creditor, payload_keys
from tests.eventually import assert_eventually
from tests.ledger.given import row

pytestmark = pytest.mark.asyncio(loop_scope="package")

PAST_DUE = ("1", (datetime.now(UTC) - timedelta(days=3)).date().isoformat(), "100000")


async def real_journey(api: Api) -> tuple[Creditor, Engine, str]:
    """A journey on the real clock."""
    creditor = await api.creditor(at=None)
    await creditor.imports(row("A", PAST_DUE))
    engine = await connect(api.stack.temporal, "default", payload_keys(api.stack))
    return creditor, engine, f"journey:{creditor.key}:A:1"


async def reconciled(api: Api, engine: Engine) -> None:
    async with Ledger(api.stack.postgres) as ledger:
        await Housekeeping(ledger, engine).reconcile()


async def test_a_journey_that_the_engine_lost_is_launched_again(api: Api) -> None:
    creditor, engine, journey_id = await real_journey(api)
    await engine.client.get_workflow_handle(journey_id).terminate("lost")
    await creditor.pays("A", "40000")
    await reconciled(api, engine)

    async def runs_and_knows() -> None:
        found = await engine.client.get_workflow_handle(journey_id).describe()
        assert found.status == WorkflowExecutionStatus.RUNNING
        async with Ledger(api.stack.postgres) as ledger:
            assert await engine.applied(journey_id) == (await standing_of(ledger, journey_id)).seq

    await assert_eventually(runs_and_knows)


async def test_a_fact_that_the_engine_never_heard_is_told_again(api: Api) -> None:
    _, engine, journey_id = await real_journey(api)
    async with Ledger(api.stack.postgres) as ledger:
        async with ledger.transaction() as tx:  # as if it had been told and then forgotten
            await tx.execute(
                """UPDATE journeys SET seq = 1, state = jsonb_set(jsonb_set(
                    state, '{standing,seq}', '1'), '{standing,balance}', '"60000"') WHERE id = %s""",
                [journey_id],
            )
        assert await engine.applied(journey_id) == 0
    await reconciled(api, engine)

    async def has_heard() -> None:
        assert await engine.applied(journey_id) == 1

    await assert_eventually(has_heard)
