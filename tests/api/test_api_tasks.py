"""Agents see what waits for them, claim it, write what they did, and end it; each look at a person is on record."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from ledger.database import Ledger
from ledger.tasks import NewTask, add_task
from tests.api.calls import Api, Creditor, Role, problem_of
from tests.ledger.test_ledger_tasks import EIGHT, NUMBER, debt

LOOK = "GET /v1/tasks/{task}"


@dataclass
class Desk:
    """One creditor with account A past due, and the people who work on its tasks."""

    api: Api
    creditor: Creditor
    ledger: Ledger

    async def task(self, kind: str = "call", **changes: Any) -> int:
        """A task about account A; `changes` are fields of `NewTask`."""
        (account,) = await self.api.rows("SELECT id FROM accounts WHERE creditor = %s", self.creditor.key)
        values: dict[str, Any] = {"key": uuid4().hex, "kind": kind, "reason": "call_step", "account_id": account["id"]}
        async with self.ledger.transaction() as tx:
            task = await add_task(tx, NewTask(**{**values, "creditor": self.creditor.key, **changes}))
        assert task is not None
        return task

    async def someone(self, role: Role = "agent") -> "Someone":
        name = f"{role} {uuid4().hex[:6]}"
        answer = await self.api.http.post("/v1/keys", json={"name": name, "role": role})
        return Someone(self, name, answer.json()["key"], {"authorization": f"Bearer {answer.json()['token']}"})

    async def listed(self, **query: str) -> list[dict[str, Any]]:
        answer = await self.api.http.get("/v1/tasks", params={"creditor": self.creditor.key, **query})
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]


@dataclass
class Someone:
    """Somebody with a key."""

    desk: Desk
    name: str
    key: str
    header: dict[str, str]

    async def sees(self, task: object) -> httpx.Response:
        return await self.desk.api.http.get(f"/v1/tasks/{task}", headers=self.header)

    async def does(self, task: object, what: str, body: object = None, key: str | None = None) -> httpx.Response:
        """The answer to a command; `key` an Idempotency-Key."""
        headers = {**self.header, **({"idempotency-key": key} if key else {})}
        return await self.desk.api.http.post(f"/v1/tasks/{task}/{what}", json=body, headers=headers)


@pytest.fixture
async def desk(api: Api) -> AsyncIterator[Desk]:
    """On Monday at eight."""
    creditor = await api.creditor(at=EIGHT)
    await creditor.imports(debt("A"))
    async with Ledger(api.stack.postgres, connections=6) as ledger:
        yield Desk(api, creditor, ledger)


class TestTheList:
    async def test_shows_tasks_without_names_or_numbers(self, desk: Desk) -> None:
        task = await desk.task(step="llamada", journey_id=f"journey:{desk.creditor.key}:A:1")
        answer = await desk.api.http.get("/v1/tasks", params={"creditor": desk.creditor.key})
        assert answer.json() == {
            "items": [
                {
                    "id": task,
                    "kind": "call",
                    "reason": "call_step",
                    "creditor": desk.creditor.key,
                    "account": "A",
                    "stage": "administrative",
                    "days_past_due": 1,
                    "balance": {"amount": "100000.00", "currency": "COP"},
                    "priority": 260,
                    "best_hour": None,
                    "not_before": None,
                    "status": "open",
                    "owner": None,
                    "created_at": "2026-02-02T13:00:00Z",
                }
            ],
            "next_cursor": None,
        }

    async def test_goes_page_by_page_and_takes_filters(self, desk: Desk) -> None:
        tasks = [await desk.task(), await desk.task(kind="case"), await desk.task()]
        params = {"creditor": desk.creditor.key, "limit": "2"}
        first = (await desk.api.http.get("/v1/tasks", params=params)).json()
        rest = (await desk.api.http.get("/v1/tasks", params={**params, "cursor": first["next_cursor"]})).json()
        assert [each["id"] for each in (*first["items"], *rest["items"])] == tasks
        assert rest["next_cursor"] is None
        marta = await desk.someone()
        await marta.does(tasks[1], "claim")
        assert [each["id"] for each in await desk.listed(kind="call")] == [tasks[0], tasks[2]]
        assert [each["id"] for each in await desk.listed(owner=marta.name)] == [tasks[1]]
        assert [each["owner"] for each in await desk.listed(status="claimed")] == [marta.name]

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ({"kind": "letter"}, "request.invalid"),
            ({"status": "late"}, "request.invalid"),
            ({"limit": "0"}, "request.invalid"),
            ({"limit": "501"}, "request.invalid"),
            ({"creditor": "A:B"}, "request.invalid"),
            ({"owner": "a\x00"}, "request.invalid"),
            ({"cursor": "nonsense"}, "cursor.invalid"),
        ],
    )
    async def test_refuses_what_is_none_of_its_filters(self, api: Api, query: dict[str, str], code: str) -> None:
        assert problem_of(await api.http.get("/v1/tasks", params=query)) == (422, code)


class TestATask:
    async def test_shows_whom_to_call_to_its_owner_alone(self, desk: Desk) -> None:
        task = await desk.task(note="Pidió hablar con una persona")
        marta, pedro = await desk.someone(), await desk.someone()
        await marta.does(task, "claim")
        shown = (await marta.sees(task)).json()
        assert shown["debtor"] == {"name": "Ana Lucía Gómez", "number": NUMBER}
        assert shown["events"][0]["note"] == "Pidió hablar con una persona"
        for other in (pedro, await desk.someone("supervisor"), await desk.someone("compliance")):
            answer = await other.sees(task)
            assert answer.json()["debtor"] is None
            assert NUMBER not in answer.text

    async def test_is_on_record_for_each_who_looks_at_it(self, desk: Desk) -> None:
        task, marta = await desk.task(), await desk.someone()
        await marta.sees(task)
        await desk.api.http.get("/v1/tasks", headers=marta.header)
        (line,) = await desk.api.audit(marta.key, LOOK)
        assert (line["subject"], line["status"], line["role"]) == (str(task), 200, "agent")
        assert await desk.api.audit(marta.key, "GET /v1/tasks") == []

    @pytest.mark.parametrize("task", ["0", "-5", "123456789012", "9" * 30])
    async def test_that_is_none_is_404(self, desk: Desk, task: str) -> None:
        marta = await desk.someone()
        answers = [await marta.sees(task), await marta.does(task, "claim"), await marta.does(task, "release")]
        answers += [await marta.does(task, "notes", {"text": "hola"}), await marta.does(task, "done", {})]
        assert {problem_of(answer) for answer in answers} == {(404, "task.unknown")}


class TestAClaim:
    async def test_is_won_by_one_of_many(self, desk: Desk) -> None:
        task = await desk.task()
        people = [await desk.someone() for _ in range(5)]
        answers = await asyncio.gather(*(person.does(task, "claim") for person in people))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
        assert {problem_of(answer)[1] for answer in answers if answer.status_code == 409} == {"task.claimed"}
        won = next(person for person, answer in zip(people, answers, strict=True) if answer.status_code == 200)
        assert [each["owner"] for each in await desk.listed()] == [won.name]
        again = await won.does(task, "claim")
        assert (again.status_code, again.json()["status"]) == (200, "claimed")

    async def test_for_somebody_else_is_a_supervisors_to_make(self, desk: Desk) -> None:
        task, marta, luisa = await desk.task(), await desk.someone(), await desk.someone("supervisor")
        assert problem_of(await marta.does(task, "claim", {"owner": "Pedro"})) == (403, "auth.role")
        assert (await luisa.does(task, "claim", {"owner": marta.name})).json()["owner"] == marta.name
        assert (await marta.sees(task)).json()["debtor"] is not None

    async def test_is_given_back(self, desk: Desk) -> None:
        task, marta, pedro = await desk.task(), await desk.someone(), await desk.someone()
        await marta.does(task, "claim")
        assert problem_of(await pedro.does(task, "release")) == (409, "task.claimed")
        assert (await marta.does(task, "release")).json()["status"] == "open"
        assert (await pedro.does(task, "claim")).status_code == 200


class TestWhatIsWritten:
    async def test_is_kept_once_under_one_key_even_after_a_crash(self, desk: Desk) -> None:
        task, marta, key = await desk.task(), await desk.someone(), uuid4().hex
        answers = [await marta.does(task, "notes", {"text": "Llama su hija.\nEs ella."}, key) for _ in range(2)]
        forget = "UPDATE idempotency_keys SET status = NULL, answer = NULL WHERE key = %s RETURNING 1"
        await desk.api.rows(forget, key)
        answers.append(await marta.does(task, "notes", {"text": "Llama su hija.\nEs ella."}, key))
        assert [answer.status_code for answer in answers] == [201] * 3
        events = (await marta.sees(task)).json()["events"]
        assert [(event["kind"], event["note"]) for event in events[1:]] == [("noted", "Llama su hija.\nEs ella.")]

    async def test_is_not_kept_with_the_key(self, desk: Desk) -> None:
        task, marta, key = await desk.task(), await desk.someone(), uuid4().hex
        await marta.does(task, "notes", {"text": "Llama su hija."}, key)
        (kept,) = await desk.api.rows("SELECT answer::text FROM idempotency_keys WHERE key = %s", key)
        assert "hija" not in kept["answer"]

    @pytest.mark.parametrize("text", ["", "x" * 2001, "a\x00b", None, 7])
    async def test_is_text_of_two_thousand_characters_at_most(self, desk: Desk, text: object) -> None:
        task, marta = await desk.task(), await desk.someone()
        answer = await marta.does(task, "notes", {"text": text})
        assert (*problem_of(answer), answer.json()["field"]) == (422, "request.invalid", "text")

    async def test_at_the_limit_is_kept(self, desk: Desk) -> None:
        task, marta = await desk.task(), await desk.someone()
        assert (await marta.does(task, "notes", {"text": "ñ" * 2000})).status_code == 201


class TestTheEnd:
    async def test_keeps_how_it_ended(self, desk: Desk) -> None:
        task, marta = await desk.task(kind="case"), await desk.someone()
        assert problem_of(await marta.does(task, "done", {"disposition": "resolved"})) == (409, "task.not_claimed")
        await marta.does(task, "claim")
        answer = await marta.does(task, "done", {"disposition": "resolved", "note": "Explicado"})
        assert (answer.status_code, answer.json()["status"]) == (200, "done")
        shown = (await marta.sees(task)).json()
        assert (shown["disposition"], shown["done_at"]) == ("resolved", "2026-02-02T13:00:00Z")
        assert problem_of(await marta.does(task, "done", {"disposition": "escalated"})) == (409, "task.finished")

    @pytest.mark.parametrize(
        ("body", "code", "field"),
        [
            ({"disposition": "no_answer"}, "task.disposition_invalid", "disposition"),
            ({"disposition": "shouted"}, "request.invalid", "disposition"),
            ({"outcome": "resolved"}, "request.invalid", "outcome"),
            ({"note": "x" * 2001}, "request.invalid", "note"),
        ],
    )
    async def test_takes_what_fits_its_kind(self, desk: Desk, body: dict[str, str], code: str, field: str) -> None:
        task, marta = await desk.task(kind="case"), await desk.someone()
        answer = await marta.does(task, "done", body)
        assert (*problem_of(answer), answer.json()["field"]) == (422, code, field)


async def test_a_call_that_has_become_pointless_is_not_offered(desk: Desk) -> None:
    task, marta = await desk.task(), await desk.someone()
    await desk.creditor.pays("A", "100000")
    assert await desk.listed() == []
    assert problem_of(await marta.does(task, "claim")) == (409, "task.finished")
    assert [each["id"] for each in await desk.listed(status="dropped")] == [task]


async def test_compliance_reads_and_does_nothing(desk: Desk) -> None:
    task, reader = await desk.task(), await desk.someone("compliance")
    assert (await reader.sees(task)).status_code == 200
    for what, body in (("claim", None), ("release", None), ("notes", {"text": "a"}), ("done", {})):
        assert problem_of(await reader.does(task, what, body)) == (403, "auth.role")
