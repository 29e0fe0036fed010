"""A dialer takes a batch of lawful calls and brings results back, each on its own; no number is kept with a key."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from ledger.database import Ledger
from ledger.tasks import NewTask, add_task
from tests.api.calls import Api, Creditor, problem_of
from tests.ledger.test_ledger_dialing import EIGHT, NUMBER, debt


class Dialer:
    """A machine with an agent's key, and a creditor whose accounts have calls to make."""

    def __init__(self, api: Api, creditor: Creditor, header: dict[str, str]) -> None:
        self.api = api
        self.creditor = creditor
        self.header = header

    async def takes(self, key: str | None = None, **body: Any) -> httpx.Response:
        """The answer to a batch; `key` an Idempotency-Key."""
        headers = {**self.header, **({"idempotency-key": key} if key else {})}
        return await self.api.http.post(
            "/v1/dialer/batch", json={"creditor": self.creditor.key, "size": 10, **body}, headers=headers
        )

    async def tells(self, *results: object) -> list[dict[str, Any]]:
        answer = await self.api.http.post("/v1/dialer/results", json={"results": results}, headers=self.header)
        assert answer.status_code == 200, answer.text
        return answer.json()["results"]

    async def task(self, task: int) -> dict[str, Any]:
        (found,) = await self.api.rows("SELECT * FROM tasks WHERE id = %s", task)
        return found


@pytest.fixture
async def dialer(api: Api) -> Dialer:
    """On Monday at eight, with a call for each of three accounts."""
    creditor = await api.creditor(at=EIGHT)
    await creditor.imports(*(debt(account, language="en" if account == "B" else "es") for account in "ABC"))
    accounts = await api.rows("SELECT id FROM accounts WHERE creditor = %s ORDER BY key", creditor.key)
    async with Ledger(api.stack.postgres, connections=6) as ledger, ledger.transaction() as tx:
        for account in accounts:
            await add_task(tx, NewTask(uuid4().hex, "call", "call_step", creditor.key, account_id=account["id"]))
    _, header = await api.key("agent")
    return Dialer(api, creditor, header)


class TestABatch:
    async def test_has_numbers_languages_and_permits(self, dialer: Dialer) -> None:
        answer = await dialer.takes(size=2)
        assert answer.status_code == 201, answer.text
        body = answer.json()
        assert (body["waiting"], body["refused"]) == (1, 0)
        assert [
            {name: call[name] for name in ("creditor", "account", "number", "language", "expires_at")}
            for call in body["calls"]
        ] == [
            {
                "creditor": dialer.creditor.key,
                "account": account,
                "number": NUMBER,
                "language": language,
                "expires_at": "2026-02-02T13:05:00Z",
            }
            for account, language in (("A", "es"), ("B", "en"))
        ]
        shown = await dialer.creditor.get("A", "/contacts")
        assert (body["calls"][0]["permit"], "permitted") in [(each["id"], each["status"]) for each in shown]

    async def test_is_the_same_under_the_same_key(self, dialer: Dialer) -> None:
        key = uuid4().hex
        first = await dialer.takes(key, size=2)
        again = await dialer.takes(key, size=2)
        assert again.json() == first.json()
        assert again.headers["idempotent-replayed"] == "true"
        forget = "UPDATE idempotency_keys SET status = NULL, answer = NULL WHERE key = %s RETURNING 1"
        await dialer.api.rows(forget, key)
        assert (await dialer.takes(key, size=2)).json() == first.json(), "after a crash, too"
        assert problem_of(await dialer.takes(key, size=3)) == (409, "idempotency.key_reused")

    async def test_keeps_no_number_with_its_key(self, dialer: Dialer) -> None:
        key = uuid4().hex
        assert NUMBER in (await dialer.takes(key)).text
        (kept,) = await dialer.api.rows("SELECT answer::text FROM idempotency_keys WHERE key = %s", key)
        assert NUMBER not in kept["answer"]

    async def test_taken_by_many_at_once_shares_the_calls_out(self, dialer: Dialer) -> None:
        answers = await asyncio.gather(*(dialer.takes(size=2) for _ in range(4)))
        tasks = [call["task"] for answer in answers for call in answer.json()["calls"]]
        assert len(tasks) == len(set(tasks)) == 3

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"size": 0}, "size"),
            ({"size": 101}, "size"),
            ({"size": "many"}, "size"),
            ({"creditor": "A:B"}, "creditor"),
            ({"campaign": ""}, "campaign"),
            ({"number": NUMBER}, "number"),
        ],
    )
    async def test_asked_for_with_a_bad_value_is_refused(
        self, dialer: Dialer, body: dict[str, Any], field: str
    ) -> None:
        answer = await dialer.takes(**body)
        assert (*problem_of(answer), answer.json()["field"]) == (422, "request.invalid", field)

    async def test_for_an_unknown_creditor_is_404(self, dialer: Dialer) -> None:
        assert problem_of(await dialer.takes(creditor="nobody")) == (404, "creditor.unknown")


class TestResults:
    async def test_are_kept_each_on_its_own(self, dialer: Dialer) -> None:
        one, two, three = (await dialer.takes()).json()["calls"]
        answers = await dialer.tells(
            {"permit": one["permit"], "disposition": "right_party_contact", "talk_seconds": 61, "note": "Paga el 5"},
            {"permit": two["permit"], "disposition": "shouted"},
            "nonsense",
            {"permit": 999_999_999, "disposition": "busy"},
            {"permit": one["permit"], "task": one["task"], "disposition": "busy"},
            {"permit": three["permit"], "disposition": "busy", "call_at": "2026-02-03T10:00:00-05:00"},
            {"permit": one["permit"], "disposition": "busy"},
            {"task": two["task"], "disposition": "callback_requested", "call_at": "2026-02-03T10:00:00-05:00"},
            {"permit": three["permit"], "disposition": "busy", "at": "2026-02-01T10:00:00-05:00"},
            {"permit": three["permit"], "disposition": "busy", "at": "2026-02-02T08:00:30-05:00"},
        )
        assert answers == [
            {"index": 0, "status": "kept"},
            {"index": 1, "status": "error", "code": "request.invalid", "field": "disposition"},
            {"index": 2, "status": "error", "code": "request.invalid"},
            {"index": 3, "status": "error", "code": "dialer.call_unknown", "field": "permit"},
            {"index": 4, "status": "error", "code": "request.invalid"},
            {"index": 5, "status": "error", "code": "request.invalid"},
            {"index": 6, "status": "error", "code": "contact.outcome_known", "field": "disposition"},
            {"index": 7, "status": "kept"},
            {"index": 8, "status": "error", "code": "contact.at_impossible", "field": "at"},
            {"index": 9, "status": "kept"},
        ]
        done, later, again = [await dialer.task(call["task"]) for call in (one, two, three)]
        assert (done["status"], done["disposition"]) == ("done", "right_party_contact")
        assert (later["status"], later["not_before"].isoformat()) == ("open", "2026-02-03T15:00:00+00:00")
        assert (again["status"], again["not_before"].isoformat()) == ("open", "2026-02-02T15:00:00+00:00")
        (contact,) = [each for each in await dialer.creditor.get("A", "/contacts") if each["id"] == one["permit"]]
        assert (contact["status"], contact["disposition"]) == ("answered", "right_party_contact")

    async def test_told_again_are_kept_again(self, dialer: Dialer) -> None:
        call = (await dialer.takes(size=1)).json()["calls"][0]
        for _ in range(2):
            assert await dialer.tells({"permit": call["permit"], "disposition": "voicemail"}) == [
                {"index": 0, "status": "kept"}
            ]
        kinds = await dialer.api.rows("SELECT kind FROM task_events WHERE task_id = %s ORDER BY id", call["task"])
        assert [event["kind"] for event in kinds] == ["created", "claimed", "reopened"]

    @pytest.mark.parametrize("results", [[], [{"permit": 1, "disposition": "busy"}] * 501, None, "all"])
    async def test_are_one_to_five_hundred(self, dialer: Dialer, results: object) -> None:
        answer = await dialer.api.http.post("/v1/dialer/results", json={"results": results}, headers=dialer.header)
        assert (*problem_of(answer), answer.json()["field"]) == (422, "request.invalid", "results")


async def test_compliance_and_processors_take_no_calls(dialer: Dialer) -> None:
    for role in ("compliance", "processor"):
        _, dialer.header = await dialer.api.key(role)
        assert problem_of(await dialer.takes()) == (403, "auth.role")
