"""Worker, API and Temporal server die by SIGKILL in the midst of the demo's run, and nothing is lost."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import orjson
import psutil
import pytest
from temporalio.client import WorkflowExecutionStatus

from activities.engine import Engine, connect
from senda.client import ImportStatus, Summary
from senda.demo.processor import noon, postings_by_day
from senda.demo.run import CREDITOR, FIRST_DAY, run_demo
from senda.stack import Stack
from tests.api.calls import Api, payload_keys, payment, webhook
from tests.eventually import assert_eventually
from tests.ledger.given import row

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(300)]

SEED, ACCOUNTS, DAYS = 2300, 60, 40
KILLS = {4: "worker", 12: "temporal", 18: "api", 25: "temporal", 32: "api"}
"""Day of the run on which a part is killed, in the midst of its work."""

IN_FLIGHT = """
SELECT c.id FROM contacts c WHERE c.creditor = %s AND c.decision = 'permitted'
    AND NOT EXISTS (SELECT FROM contact_events e WHERE e.contact_id = c.id)"""


class Killer:
    """A board that kills instead of showing: on its day, as soon as the part named has something under way."""

    def __init__(self, stack: Stack, api: Api) -> None:
        self._stack = stack
        self._api = api
        self._tasks: list[asyncio.Task[None]] = []
        self.in_flight = 0
        self.killed: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def importing(self, status: ImportStatus) -> None:
        """The import is left alone here: a test of its own kills during one."""

    def day(self, day: date, summary: Summary) -> None:
        """The day before was lived through; whatever is killed now dies during the next."""
        part = KILLS.get((day - FIRST_DAY).days)
        if part is not None:
            self._tasks.append(asyncio.create_task(self._kill(part, summary)))

    async def _kill(self, part: str, before: Summary) -> None:
        if part == "worker":
            with suppress(AssertionError):  # days without a contact go by too
                await assert_eventually(self._a_contact_is_under_way, seconds=15)
        await self._stack.kill(part)
        self.killed.append(part)
        if part == "worker":  # no other one runs yet
            self.in_flight += len(await self._api.rows(IN_FLIGHT, CREDITOR))
        await self._stack.until_ready(part)

    async def _a_contact_is_under_way(self) -> None:
        assert await self._api.rows(IN_FLIGHT, CREDITOR)

    async def end(self) -> None:
        """Every part is up again."""
        await asyncio.gather(*self._tasks)


async def test_nothing_is_lost_when_parts_are_killed_during_the_demo(killed: Stack, api: Api) -> None:
    killer = Killer(killed, api)
    result = await run_demo(api.client, SEED, ACCOUNTS, DAYS, killer)
    await killer.end()
    assert sorted(killer.killed) == sorted(KILLS.values())
    await _every_payment_counts_once(api, result.accounts)
    await _every_balance_is_the_sum_of_its_postings(api)
    await _every_step_yields_at_most_one_message(api, killer.in_flight)
    await _no_contact_follows_a_clearing_payment(api)
    await _the_engine_agrees_with_the_record(api)
    assert result.summary.contacts.sent > 20
    assert result.summary.journeys.total > 20


async def _every_payment_counts_once(api: Api, accounts: list[Any]) -> None:
    last = FIRST_DAY + timedelta(days=DAYS - 1)
    told = [
        posting for day, postings in postings_by_day(CREDITOR, accounts).items() if day <= last for posting in postings
    ]
    posted = {
        each["external_id"]: each["posted"]
        for each in await api.rows(
            """SELECT p.external_id, (SELECT coalesce(sum(amount), 0) FROM postings o WHERE o.payment_id = p.id)
                AS posted FROM payments p WHERE p.creditor = %s""",
            CREDITOR,
        )
    }
    assert len(told) > 20
    assert posted == {posting.id: posting.amount * (-1 if posting.reverses is None else 1) for posting in told}


async def _every_balance_is_the_sum_of_its_postings(api: Api) -> None:
    sums = {
        each["key"]: each["sum"]
        for each in await api.rows(
            """SELECT a.key, sum(o.amount) AS sum FROM accounts a JOIN postings o ON o.account_id = a.id
            WHERE a.creditor = %s GROUP BY a.key""",
            CREDITOR,
        )
    }
    async for journey in api.client.journeys(CREDITOR):
        assert journey.balance is not None
        assert journey.balance.amount == sums[journey.account]
    summary = await api.client.summary(CREDITOR)
    assert summary.balance.amount == sum(sums.values(), Decimal(0))


def _contact_of(message: dict[str, Any]) -> str:
    """The contact's number that went along with a message; a mail has it in its Message-ID."""
    if message["channel"] != "email":
        return str(message["reference"])
    return str(message["raw"]["headers"]["Message-ID"]).partition("@")[0].rpartition(".")[2]


async def _every_step_yields_at_most_one_message(api: Api, in_flight: int) -> None:
    contacts = await api.rows(
        """SELECT c.id, c.journey_id, c.occurrence,
            ARRAY(SELECT status FROM contact_events e WHERE e.contact_id = c.id) AS told
        FROM contacts c WHERE c.creditor = %s AND c.decision = 'permitted'""",
        CREDITOR,
    )
    left = [each for each in contacts if "failed" not in each["told"]]
    assert set(Counter((each["journey_id"], each["occurrence"]) for each in left).values()) == {1}
    unknown = [each for each in left if each["told"] == ["unknown"]]
    assert len(unknown) <= in_flight
    assert all(each["told"] for each in left)
    arrived = Counter(_contact_of(message) for message in await api.inbox())
    assert set(arrived.values()) == {1}
    assert {str(each["id"]) for each in left if each not in unknown} <= arrived.keys()
    assert arrived.keys() <= {str(each["id"]) for each in contacts}


async def _no_contact_follows_a_clearing_payment(api: Api) -> None:
    after = await api.rows(
        """SELECT p.journey_id FROM journey_events p JOIN journey_events e ON e.journey_id = p.journey_id
        WHERE e.kind = 'closed' AND p.data->>'status' = 'permitted' AND p.id > e.id"""
    )
    assert after == []
    assert (await api.client.summary(CREDITOR)).contacts.after_clearing_payment == 0


async def _the_engine_agrees_with_the_record(api: Api) -> None:
    engine = await connect(api.stack.temporal, "default", payload_keys(api.stack))

    async def nothing_waits() -> None:
        assert await api.rows("SELECT id FROM outbox") == []
        assert await api.rows("SELECT id FROM journeys WHERE NOT launched AND NOT closed") == []

    await assert_eventually(nothing_waits, seconds=30)
    await assert_eventually(lambda: _journeys_agree(api, engine), seconds=60)


async def _journeys_agree(api: Api, engine: Engine) -> None:
    for journey in await api.rows("SELECT id, closed, seq, wake_at FROM journeys WHERE creditor = %s", CREDITOR):
        found = await engine.client.get_workflow_handle(journey["id"]).describe()
        if journey["closed"]:
            assert found.status == WorkflowExecutionStatus.COMPLETED
        else:
            assert found.status == WorkflowExecutionStatus.RUNNING
            assert await engine.applied(journey["id"]) == journey["seq"]
            assert journey["wake_at"] > noon(FIRST_DAY + timedelta(days=DAYS - 1))


async def test_a_payment_while_the_engine_is_down_is_taken_at_once_and_heard_later(killed: Stack, api: Api) -> None:
    creditor = await api.creditor()
    await creditor.imports(row("A", ("1", "2026-02-01", "100000")))
    engine = psutil.Process(killed.endpoints.pids["temporal"])
    engine.send_signal(signal.SIGSTOP)
    try:
        async with asyncio.timeout(3):
            answer = await webhook(api, json.dumps(payment(creditor.key, "A", amount="100000.00")))
        assert answer.json() == {"applied": True, "status": "applied", "code": None}
        assert (await creditor.get("A"))["outcome"] == "paid"
    finally:
        await killed.kill("temporal")  # what it had not done by then, it never did
    await killed.until_ready("temporal")
    found = await connect(api.stack.temporal, "default", payload_keys(api.stack))

    async def has_ended() -> None:
        journey = await found.client.get_workflow_handle(f"journey:{creditor.key}:A:1").describe()
        assert journey.status == WorkflowExecutionStatus.COMPLETED

    await assert_eventually(has_ended, seconds=60)


async def test_a_bulk_start_whose_worker_dies_starts_every_journey_once(killed: Stack, api: Api) -> None:
    number = 200
    creditor = await api.creditor()
    import_id = await creditor.posts(_lines(number, "2026-02-01"), params={"rate": "80"})

    async def is_midway() -> None:
        assert (await api.client.import_status(import_id)).started > 0

    await assert_eventually(is_midway)
    await killed.kill("worker")
    done = await creditor.done(import_id, seconds=120)
    assert (done.accepted, done.rejected, done.started) == (number, 0, number)
    journeys = await api.rows("SELECT id, launched FROM journeys WHERE creditor = %s", creditor.key)
    assert len(journeys) == number
    assert all(each["launched"] for each in journeys)
    engine = await connect(api.stack.temporal, "default", payload_keys(api.stack))

    async def each_runs_once() -> None:
        runs = Counter([execution async for execution in _runs_of(engine, creditor.key)])
        assert len(runs) == number
        assert set(runs.values()) == {1}

    await assert_eventually(each_runs_once, seconds=30)


async def test_a_merge_whose_worker_dies_takes_every_row_once(killed: Stack, api: Api) -> None:
    number = 8_000
    creditor = await api.creditor()
    import_id = await creditor.posts(_lines(number, "2026-12-01"))  # far from due: nothing starts

    async def is_midway() -> None:
        status = await api.client.import_status(import_id)
        assert status.status == "applying"
        assert 0 < status.accepted < number

    await assert_eventually(is_midway)
    await killed.kill("worker")
    done = await creditor.done(import_id, seconds=120)
    assert (done.accepted, done.rejected, done.started) == (number, 0, 0)
    (found,) = await api.rows(
        """SELECT count(DISTINCT a.id) AS accounts, count(o.id) AS postings FROM accounts a
        JOIN postings o ON o.account_id = a.id WHERE a.creditor = %s""",
        creditor.key,
    )
    assert found == {"accounts": number, "postings": number}


async def _runs_of(engine: Engine, creditor: str) -> AsyncIterator[str]:
    async for execution in engine.client.list_workflows("WorkflowType = 'Journey'"):
        if execution.id.startswith(f"journey:{creditor}:"):
            yield execution.id


def _lines(number: int, due: str) -> bytes:
    rows = (row(f"A-{n}", ("1", due, "100000")) for n in range(number))
    return b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in rows)
