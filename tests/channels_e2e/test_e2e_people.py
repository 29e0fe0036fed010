"""Calls that people make: a step becomes a task, and nobody dials without a permit of that very moment."""

from typing import Any

from tests.api.calls import Api, problem_of
from tests.channels_e2e.driving import DOCUMENT, NAME, STEP_1, Person, World

BY_PEOPLE = "-agentes"


async def test_a_call_step_is_claimed_permitted_made_and_reported(world: World) -> None:
    debtor = await world.debtor("call", suffix=BY_PEOPLE)
    contact = await debtor.contact(step="aviso-1")
    assert (contact["status"], contact["reason"], contact["channel"]) == ("skipped", "handed_to_people", "call")
    assert await debtor.got("call") == []
    (task,) = await debtor.tasks()
    assert (task["kind"], task["reason"], task["status"], task["stage"]) == (
        "call", "call_step", "open", "administrative",
    )  # fmt: skip
    assert NAME not in str(task)
    _, agent = await world.api.key("agent")
    assert (await post(world.api, f"/v1/tasks/{task['id']}/claim", agent))["status"] == "claimed"
    seen = (await world.api.http.get(f"/v1/tasks/{task['id']}", headers=agent)).json()
    assert seen["debtor"] == {"name": NAME, "number": debtor.person.number}
    asked = {"creditor": debtor.creditor.key, "account": "A", "channel": "call"}
    permit = await post(world.api, "/v1/contacts/permits", agent, asked)
    assert permit["allowed"]
    again = await world.api.http.post("/v1/contacts/permits", json=asked, headers=agent)
    assert problem_of(again) == (409, "contact.refused")
    told = {"disposition": "right_party_contact"}
    assert (await post(world.api, f"/v1/contacts/{permit['id']}/outcome", agent, told))["status"] == "answered"
    done = await post(world.api, f"/v1/tasks/{task['id']}/done", agent, told | {"note": "Pagará el viernes."})
    assert (done["status"], done["id"]) == ("done", task["id"])
    assert [(each["status"], each["disposition"]) for each in await debtor.contacts(id=permit["id"])] == [
        ("answered", "right_party_contact")
    ]
    assert await debtor.got("call") == []


async def test_a_dialer_takes_lawful_calls_and_brings_results_back(world: World) -> None:
    creditor, debtors = await world.written_to(["call"], Person(), Person(), Person(), suffix=BY_PEOPLE)
    stopped = {"channels": {"call": "revoked"}, "evidence": {"origin": "branch", "document": "rad-1"}}
    key = debtors[2].person.key
    answer = await world.api.http.put(f"/v1/debtors/{key}/preferences", json=stopped)
    assert answer.status_code == 200, answer.text
    _, dialer = await world.api.key("agent")
    batch = await post(world.api, "/v1/dialer/batch", dialer, {"creditor": creditor.key, "size": 5})
    assert {call["account"]: call["number"] for call in batch["calls"]} == {
        debtor.account: debtor.person.number for debtor in debtors[:2]
    }
    assert batch["refused"] == 1
    assert not any(secret in str(batch) for secret in (DOCUMENT, NAME))
    permits = {call["account"]: call["permit"] for call in batch["calls"]}
    results = [
        {"permit": permits["A"], "disposition": "right_party_contact", "talk_seconds": 95},
        {"permit": permits["B"], "disposition": "no_answer"},
    ]
    kept = await post(world.api, "/v1/dialer/results", dialer, {"results": results})
    assert [each["status"] for each in kept["results"]] == ["kept", "kept"]
    tasks = await world.api.rows(
        "SELECT a.key, t.status FROM tasks t JOIN accounts a ON a.id = t.account_id WHERE t.creditor = %s",
        creditor.key,
    )
    assert {task["key"]: task["status"] for task in tasks} == {"A": "done", "B": "open", "C": "dropped"}
    (called,) = await debtors[0].contacts(id=permits["A"])
    assert (called["status"], called["disposition"]) == ("answered", "right_party_contact")
    empty = await post(world.api, "/v1/dialer/batch", dialer, {"creditor": creditor.key, "size": 5})
    assert (empty["calls"], empty["waiting"]) == ([], 1)


async def test_an_invalid_number_drops_out(world: World) -> None:
    creditor, (debtor,) = await world.written_to(["call", "email"], Person(), suffix=BY_PEOPLE)
    _, dialer = await world.api.key("agent")
    batch = await post(world.api, "/v1/dialer/batch", dialer, {"creditor": creditor.key, "size": 1})
    result = {"permit": batch["calls"][0]["permit"], "disposition": "invalid_number"}
    await post(world.api, "/v1/dialer/results", dialer, {"results": [result]})
    assert [channel for channel, _ in await debtor.invalid()] == ["call"]
    await creditor.advances(STEP_1.replace(day=10))
    assert (await debtor.contact(step="aviso-9"))["channel"] == "email"


async def post(api: Api, path: str, header: dict[str, str], body: object = None) -> dict[str, Any]:
    answer = await api.http.post(path, json=body, headers=header)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()
