"""The same Idempotency-Key with the same request is carried out once; with another one it is refused."""

import asyncio
from uuid import uuid4

import orjson
import pytest

from tests.api.calls import NDJSON, Api, Creditor, problem_of
from tests.ledger.given import row

PAST_DUE = ("1", "2026-02-01", "100000")


@pytest.fixture
async def creditor(creditor: Creditor) -> Creditor:
    await creditor.imports(row("A", PAST_DUE))
    return creditor


async def kinds(creditor: Creditor) -> list[str]:
    return [event["kind"] for event in (await creditor.get("A", "/events"))["items"]]


@pytest.mark.parametrize(
    ("command", "body", "kind"),
    [("/pause", {"reason": "hardship"}, "paused"), ("/close", {"outcome": "withdrawn"}, "closed")],
)
async def test_a_command_sent_again_gets_the_first_answer(
    creditor: Creditor, command: str, body: object, kind: str
) -> None:
    key = uuid4().hex
    answers = [await creditor.post("A", command, body, idempotency_key=key) for _ in range(3)]
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert answers[0].json() == answers[1].json() == answers[2].json()
    assert [answer.headers.get("idempotent-replayed") for answer in answers] == [None, "true", "true"]
    assert (await kinds(creditor)).count(kind) == 1


async def test_a_command_sent_twice_at_once_is_carried_out_once(creditor: Creditor) -> None:
    key = uuid4().hex
    answers = await asyncio.gather(
        *(creditor.post("A", "/pause", {"reason": "hardship"}, idempotency_key=key) for _ in range(4))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert (await kinds(creditor)).count("paused") == 1


async def test_the_same_key_with_another_request_is_a_conflict(creditor: Creditor) -> None:
    key = uuid4().hex
    await creditor.post("A", "/pause", {"reason": "hardship"}, idempotency_key=key)
    again = await creditor.post("A", "/pause", {"reason": "illness"}, idempotency_key=key)
    assert problem_of(again) == (409, "idempotency.key_reused")


async def test_the_same_key_of_another_caller_is_another_key(api: Api, creditor: Creditor) -> None:
    key = uuid4().hex
    await creditor.post("A", "/pause", {"reason": "hardship"}, idempotency_key=key)
    _, header = await api.key("supervisor")
    answer = await api.http.post(
        creditor.path("A", "/pause"), json={"reason": "illness"}, headers={**header, "idempotency-key": key}
    )
    assert problem_of(answer) == (409, "journey.pause_overlaps")


async def test_without_a_key_each_request_is_its_own(creditor: Creditor) -> None:
    first = await creditor.post("A", "/pause", {"reason": "hardship"})
    second = await creditor.post("A", "/pause", {"reason": "hardship"})
    assert (first.status_code, problem_of(second)) == (201, (409, "journey.pause_overlaps"))


async def test_a_journey_started_twice_is_one(api: Api, creditor: Creditor) -> None:
    body = {"creditor": creditor.key, "account": "A"}
    answers = [await api.http.post("/v1/journeys", json=body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert (await kinds(creditor)).count("started") == 1


async def test_an_import_sent_again_is_the_same_import(api: Api, creditor: Creditor) -> None:
    content, headers = orjson.dumps(row("B", PAST_DUE)), {**NDJSON, "idempotency-key": uuid4().hex}
    numbers = {await creditor.posts(content, headers) for _ in range(3)}
    (number,) = numbers
    assert (await creditor.done(number)).accepted == 1
    assert (await api.http.get("/v1/journeys", params={"creditor": creditor.key})).json()["items"][1]["account"] == "B"
