"""The archive: every closed run is kept, found again, caught up with, and replays after the engine forgot it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import orjson
import pytest
import structlog
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError
from typer.testing import CliRunner, Result

from activities.engine import Engine, connect
from compliance.archive import Report, Run, Waiting, archived, note, report, run_of
from compliance.archiving import Archiving, is_at_risk
from compliance.histories import to_bytes
from compliance.replaying import check
from compliance.timemachine import state_at
from ledger.database import Ledger
from senda.replay_cli import app
from senda.stack import Endpoints
from tests.api.calls import Api, Creditor, calling, payload_keys, problem_of
from tests.eventually import assert_eventually
from tests.ledger.given import START, row

RUNNER = CliRunner()
DAYS = timedelta(days=1)


@pytest.fixture
async def api(stack: Endpoints) -> AsyncIterator[Api]:
    async with calling(stack) as opened:
        yield opened


@pytest.fixture
async def kept(stack: Endpoints) -> AsyncIterator[Ledger]:
    """The running stack's own ledger."""
    async with Ledger(stack.postgres) as ledger:
        yield ledger


@pytest.fixture
async def engine(stack: Endpoints) -> Engine:
    return await connect(stack.temporal, "default", payload_keys(stack))


async def referred(api: Api) -> Creditor:
    """A creditor whose account A went through all three stages to the end of the timeline."""
    creditor = await api.creditor()
    await creditor.imports(row("A", ("1", "2026-02-05", "100000")))
    await creditor.advances(START + 120 * DAYS)
    return creditor


def journey_of(creditor: Creditor) -> str:
    return f"journey:{creditor.key}:A:1"


async def complete(ledger: Ledger, archiving: Archiving, creditor: Creditor) -> list[Run]:
    """The runs of the account's journey, once all of them are archived."""

    async def check() -> list[Run]:
        await archiving.catch_up()
        runs = await archived(ledger, journey_of(creditor))
        assert runs
        assert runs[-1].next_run_id is None
        assert runs[0].previous_run_id is None
        return runs

    return await assert_eventually(check)


async def forgotten(engine: Engine, creditor: Creditor, runs: list[Run]) -> None:
    """The engine has dropped every run of the journey, as its retention does."""
    for run in runs:
        request = DeleteWorkflowExecutionRequest(
            namespace=engine.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=run.journey_id, run_id=run.run_id),
        )
        await engine.client.workflow_service.delete_workflow_execution(request)

    async def gone() -> None:
        for run in runs:
            try:
                await engine.client.get_workflow_handle(run.journey_id, run_id=run.run_id).describe()
            except RPCError:
                continue
            raise AssertionError("the engine still has it")

    await assert_eventually(gone)


class TestTheArchive:
    async def test_keeps_every_run_of_a_journey_as_the_engine_gave_it(
        self, api: Api, kept: Ledger, engine: Engine
    ) -> None:
        creditor = await referred(api)
        runs = await complete(kept, Archiving(kept, engine.client), creditor)

        assert [run.status for run in runs] == ["continued_as_new", "continued_as_new", "completed"]
        assert [run.next_run_id for run in runs[:-1]] == [run.run_id for run in runs[1:]]
        for run in runs:
            handle = engine.client.get_workflow_handle(run.journey_id, run_id=run.run_id)
            assert to_bytes(run.history) == to_bytes(await handle.fetch_history())

    async def test_finds_again_what_the_engines_list_does_not_show(
        self, api: Api, kept: Ledger, engine: Engine
    ) -> None:
        creditor = await referred(api)
        blind = Archiving(kept, engine.client)
        await blind._follow_the_record()  # pyright: ignore[reportPrivateUsage] - the list is left out
        async with kept.transaction() as tx:
            await note(tx, [Waiting(journey_of(creditor), "", datetime.now(UTC))])
        await blind._ask_again()  # pyright: ignore[reportPrivateUsage]
        while await blind._take() is not None:  # pyright: ignore[reportPrivateUsage]
            pass

        assert len(await archived(kept, journey_of(creditor))) == 3

    async def test_archives_once_however_many_do_it_at_once(self, api: Api, kept: Ledger, engine: Engine) -> None:
        creditor = await referred(api)
        runs = await complete(kept, Archiving(kept, engine.client), creditor)
        async with kept.transaction() as tx:
            await note(tx, [Waiting(run.journey_id, run.run_id, run.started_at) for run in runs])
        await Archiving(kept, engine.client).catch_up()

        assert len(await archived(kept, journey_of(creditor))) == 3
        assert (await report(kept)).waiting == 0

    async def test_says_what_the_engine_forgot_before(self, kept: Ledger, engine: Engine) -> None:
        before = (await report(kept)).lost
        async with kept.transaction() as tx:
            await note(tx, [Waiting("journey:nobody:A:1", "00000000-0000-0000-0000-000000000000", datetime.now(UTC))])
        with structlog.testing.capture_logs() as lines:
            await Archiving(kept, engine.client).catch_up()

        assert (await report(kept)).lost == before + 1
        assert [line["journey"] for line in lines if line["event"] == "archive_lost"] == ["journey:nobody:A:1"]

    async def test_tells_how_it_stands(self, api: Api, kept: Ledger, engine: Engine) -> None:
        await complete(kept, Archiving(kept, engine.client), await referred(api))
        answer = (await api.http.get("/v1/compliance/archive")).json()

        assert answer["runs"] >= 3
        assert answer["retention"] == "P30D"
        assert answer["at_risk"] is False


@pytest.mark.parametrize(
    ("waits", "looked", "kept_for", "expected"),
    [(14, 0, 30, False), (16, 0, 30, True), (None, 16, 30, True), (None, None, 30, False), (16, 16, None, None)],
)
def test_a_run_is_at_risk_from_half_of_the_retention(
    waits: int | None, looked: int | None, kept_for: int | None, expected: bool | None
) -> None:
    def ago(days: int | None) -> datetime | None:
        return None if days is None else START - days * DAYS

    found = Report(runs=1, waiting=1, lost=0, oldest_waiting_at=ago(waits), looked_at=ago(looked))
    assert is_at_risk(found, None if kept_for is None else kept_for * DAYS, START) is expected


class TestAJourneyThatTheEngineDropped:
    async def test_replays_from_the_archive_without_it(self, api: Api, kept: Ledger, engine: Engine) -> None:
        creditor = await referred(api)
        await complete(kept, Archiving(kept, engine.client), creditor)
        nowhere = await Client.connect("127.0.0.1:1", data_converter=engine.client.data_converter, lazy=True)

        checked = await check(kept, nowhere, creditor.key, "A")
        assert (checked.difference, checked.runs, checked.archived) == (None, 3, 3)
        state = await state_at(kept, nowhere, creditor.key, "A", START + 40 * DAYS)
        assert state["stage"] == "administrative"

    async def test_without_an_archive_has_no_history(self, api: Api, kept: Ledger, engine: Engine) -> None:
        creditor = await api.creditor()
        await creditor.imports(row("A", ("1", "2026-02-05", "100000")))
        run = run_of(await engine.client.get_workflow_handle(journey_of(creditor)).fetch_history())
        await forgotten(engine, creditor, [run])

        answer = await api.http.get(creditor.path("A", "/replay"), params={"at": START.isoformat()})
        assert problem_of(answer) == (404, "replay.no_history")


async def damage(ledger: Ledger, run_id: str, change: str) -> None:
    """What only whoever rules the database can do."""
    async with ledger.transaction() as tx:
        await tx.execute("ALTER TABLE archived_runs DISABLE TRIGGER archived_runs_append_only")
        await tx.execute(f"{change} WHERE run_id = %s".encode(), [run_id])
        await tx.execute("ALTER TABLE archived_runs ENABLE TRIGGER archived_runs_append_only")


DAMAGE = {
    "a bit": ("content = set_byte(content, 900, get_byte(content, 900) # 1)", "archive.damaged"),
    "all of it": ("content = 'rubbish'", "archive.damaged"),
    "another run's": (
        "content = (SELECT o.content FROM archived_runs o WHERE o.run_id = r.next_run_id)",
        "archive.damaged",
    ),
    "another run's with its hash": (
        "(content, sha256) = (SELECT o.content, o.sha256 FROM archived_runs o WHERE o.run_id = r.next_run_id)",
        "archive.damaged",
    ),
    "of a newer version": ("format = 'zstd:something.newer'", "replay.unknown_version"),
    "of another workflow": ("workflow_type = 'Reise'", "replay.unknown_version"),
}


class TestADamagedObject:
    async def test_is_a_clear_answer_that_is_recorded(self, api: Api, kept: Ledger, engine: Engine) -> None:
        creditor = await referred(api)
        run_id = (await complete(kept, Archiving(kept, engine.client), creditor))[0].run_id
        (sound,) = await api.rows("SELECT * FROM archived_runs WHERE run_id = %s", run_id)
        for change, code in DAMAGE.values():
            await damage(kept, run_id, f"UPDATE archived_runs r SET {change}")
            key, header = await api.key("compliance")
            for path, params in (("/replay", {"at": START.isoformat()}), ("/replay/steps", None)):
                answer = await api.http.get(creditor.path("A", path), params=params, headers=header)
                assert problem_of(answer) == (409, code)
                (line,) = await api.audit(key, f"GET /v1/journeys/{{creditor}}/{{account}}{path}")
                assert (line["status"], line["code"]) == (409, code)
            checked = await creditor.get("A", "/replay/check")
            assert checked["identical"] is False
            assert (checked["difference"]["code"], checked["difference"]["run_id"]) == (code, run_id)
            await damage(kept, run_id, "DELETE FROM archived_runs")
            columns = ", ".join(sound)
            values = ", ".join(["%s"] * len(sound))
            async with kept.transaction() as tx:
                await tx.execute(
                    f"INSERT INTO archived_runs ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values})".encode(),
                    list(sound.values()),
                )
        assert (await creditor.get("A", "/replay/check"))["identical"] is True

    async def test_that_is_gone_everywhere_is_missed(self, api: Api, kept: Ledger, engine: Engine) -> None:
        creditor = await referred(api)
        runs = await complete(kept, Archiving(kept, engine.client), creditor)
        await damage(kept, runs[1].run_id, "DELETE FROM archived_runs")

        checked = await creditor.get("A", "/replay/check")
        assert (checked["identical"], checked["difference"]["code"]) == (False, "replay.run_missing")


class TestTheCommand:
    def run(self, stack: Endpoints, *words: str) -> Result:
        return RUNNER.invoke(app, [*words, "--api", stack.api, "--api-key", stack.api_key])

    async def test_replays_an_account_and_shows_it_as_it_was(self, api: Api, stack: Endpoints) -> None:
        creditor = await referred(api)
        whole = await asyncio.to_thread(self.run, stack, f"{creditor.key}/A")
        assert (whole.exit_code, whole.stdout.count("all as recorded")) == (0, 1)
        at = (START + 40 * DAYS).isoformat()
        shown = await asyncio.to_thread(self.run, stack, f"{creditor.key}/A", "--at", at)
        assert "administrative" in shown.stdout

    async def test_ends_with_1_where_one_differs(
        self, api: Api, stack: Endpoints, kept: Ledger, engine: Engine
    ) -> None:
        creditor = await referred(api)
        runs = await complete(kept, Archiving(kept, engine.client), creditor)
        await damage(kept, runs[0].run_id, "UPDATE archived_runs SET content = 'rubbish'")
        found = await asyncio.to_thread(self.run, stack, f"{creditor.key}/A")
        assert (found.exit_code, "archive.damaged" in found.stdout) == (1, True)

    async def test_replays_a_sample_of_the_archive(
        self, api: Api, stack: Endpoints, kept: Ledger, engine: Engine
    ) -> None:
        for _ in range(2):
            await complete(kept, Archiving(kept, engine.client), await referred(api))
        found = await asyncio.to_thread(self.run, stack, "--all", "--sample", "2", "--json")
        lines = [orjson.loads(line) for line in found.stdout.splitlines()]
        assert len({line["account"] for line in lines}) == 2
        assert found.exit_code == int(not all(line["identical"] for line in lines))
