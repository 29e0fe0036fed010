"""Pauses of each kind through the API: who may lift which, what they hold, and how they are listed."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.api.calls import Creditor, Role, problem_of
from tests.ledger.given import START, row

PAST_DUE = ("1", "2026-02-01", "100000")
DAY = timedelta(days=1)


@pytest.fixture
async def creditor(creditor: Creditor) -> Creditor:
    """With accounts A and B of one person, past due."""
    await creditor.imports(row("A", PAST_DUE, person=f"{creditor.key}-ana"))
    await creditor.imports(row("B", PAST_DUE, person=f"{creditor.key}-ana"))
    return creditor


async def pauses(creditor: Creditor, account: str = "A", **body: Any) -> httpx.Response:
    return await creditor.post(account, "/pause", {"reason": "told-us", **body})


async def sent(creditor: Creditor) -> int:
    contacts = [*await creditor.get("A", "/contacts"), *await creditor.get("B", "/contacts")]
    return sum(each["status"] in ("sent", "delivered") for each in contacts)


async def test_a_death_holds_all_accounts_of_the_person_until_a_supervisor_lifts_it(creditor: Creditor) -> None:
    answer = await pauses(creditor, kind="deceased")
    assert (answer.status_code, answer.json()["status"]) == (201, "paused")
    assert (await creditor.get("B"))["status"] == "paused"
    await creditor.advances(START + 20 * DAY)
    assert await sent(creditor) == 0
    (case,) = (await creditor.api.http.get("/v1/tasks", params={"creditor": creditor.key})).json()["items"]
    assert (case["kind"], case["reason"]) == ("case", "deceased")
    lifted = await creditor.post("B", "/resume")
    assert lifted.status_code == 200
    assert [(await creditor.get(account))["status"] for account in ("A", "B")] == ["active", "active"]


async def test_a_permit_is_refused_for_any_purpose(creditor: Creditor) -> None:
    await pauses(creditor, kind="fraud")
    for purpose in ("collection", "requested_information"):
        body = {"creditor": creditor.key, "account": "B", "channel": "email", "purpose": purpose}
        answer = (await creditor.api.http.post("/v1/contacts/permits", json=body)).json()
        assert (answer["allowed"], answer["reason"]) == (False, "paused")


@pytest.mark.parametrize("kind", ["legal_hold", "deceased", "fraud"])
@pytest.mark.parametrize(("role", "status"), [("agent", 403), ("compliance", 403), ("supervisor", 200)])
async def test_what_outlives_the_journey_is_lifted_by_supervisors_only(
    creditor: Creditor, kind: str, role: Role, status: int
) -> None:
    await pauses(creditor, kind=kind)
    _, headers = await creditor.api.key(role)
    answer = await creditor.api.http.post(creditor.path("A", "/resume"), headers=headers)
    assert answer.status_code == status
    assert (await creditor.get("A"))["status"] == ("active" if status == 200 else "paused")


@pytest.mark.parametrize(("role", "status"), [("agent", 403), ("compliance", 201)])
async def test_agents_may_not_pause(creditor: Creditor, role: Role, status: int) -> None:
    _, headers = await creditor.api.key(role)
    answer = await creditor.api.http.post(creditor.path("A", "/pause"), json={"reason": "asked"}, headers=headers)
    assert answer.status_code == status
    assert (await creditor.get("A"))["status"] == ("paused" if status == 201 else "active")


async def test_overlaps_and_gaps(creditor: Creditor) -> None:
    first = {"from": START.isoformat(), "until": (START + 2 * DAY).isoformat()}
    assert (await pauses(creditor, **first)).status_code == 201
    assert problem_of(await pauses(creditor, kind="hardship", **first)) == (409, "journey.pause_overlaps")
    following = {"from": first["until"], "until": (START + 3 * DAY).isoformat()}
    assert (await pauses(creditor, kind="hardship", **following)).status_code == 201
    assert problem_of(await creditor.post("B", "/resume")) == (409, "journey.not_paused")


async def test_a_backdated_pause_sends_nothing_at_its_end(creditor: Creditor) -> None:
    await creditor.advances(START + 3 * DAY)
    before = await sent(creditor)
    told = {"from": (START + 1 * DAY).isoformat(), "until": (START + 12 * DAY).isoformat()}
    for account in ("A", "B"):
        assert (await pauses(creditor, account, **told)).status_code == 201
    await creditor.advances(START + 40 * DAY)
    assert await sent(creditor) == before
    skipped = [each["step"] for each in await creditor.get("A", "/contacts") if each["status"] == "skipped"]
    assert skipped[-2:] == ["aviso-5", "aviso-12"]


async def test_payment_in_full_closes_a_paused_journey(creditor: Creditor) -> None:
    await pauses(creditor, kind="legal_hold")
    await creditor.pays("A", "100000")
    found = await creditor.get("A")
    assert (found["status"], found["outcome"]) == ("closed", "paid")


async def test_the_list_names_kind_time_reason_and_people(creditor: Creditor) -> None:
    await pauses(creditor, kind="hardship", until=(START + 5 * DAY).isoformat())
    await pauses(creditor, "B", kind="deceased")
    await creditor.post("A", "/resume", {"kind": "hardship"})
    hardship, death = (await creditor.get("A", "/holds"))["items"]
    assert {name: hardship[name] for name in ("kind", "account", "from", "until", "reason", "lifted_at")} == {
        "kind": "hardship",
        "account": "A",
        "from": "2026-02-02T05:00:00Z",
        "until": "2026-02-07T05:00:00Z",
        "reason": "told-us",
        "lifted_at": "2026-02-02T05:00:00Z",
    }
    assert hardship["actor"] == hardship["lifted_by"] != ""
    assert (death["kind"], death["account"], death["lifted_at"]) == ("deceased", "B", None)


async def test_an_account_without_a_journey_answers_with_what_holds_it(creditor: Creditor) -> None:
    await creditor.imports(row("C", ("1", "2026-09-01", "1000")))
    assert problem_of(await pauses(creditor, "C", kind="hardship")) == (409, "journey.not_open")
    answer = await pauses(creditor, "C", kind="legal_hold")
    assert (answer.status_code, [each["kind"] for each in answer.json()["items"]]) == (201, ["legal_hold"])
    lifted = await creditor.post("C", "/resume")
    assert lifted.json()["items"][0]["lifted_at"] is not None


async def test_an_unknown_kind_is_refused(creditor: Creditor) -> None:
    assert problem_of(await pauses(creditor, kind="holiday")) == (422, "request.invalid")
