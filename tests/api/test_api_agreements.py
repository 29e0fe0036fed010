"""Promises, plans and disputes over HTTP: made, seen, kept, broken, ended, and what is refused."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest

from tests.api.calls import Api, Creditor, payment, problem_of, webhook
from tests.ledger.given import START, local, row

DAY = timedelta(days=1)
PROMISE = {"amount": "60000.00", "due_date": "2026-02-04"}
PLAN = {
    "instalments": [
        {"due_date": "2026-02-05", "amount": "40000.00"},
        {"due_date": "2026-03-05", "amount": "60000.00"},
    ]
}
ENDS = local(date(2026, 2, 6), 0)
"""When the promise's day of grace is over."""


@pytest.fixture
async def creditor(creditor: Creditor) -> Creditor:
    """With account A, which owes 100 000; its notices fall due on 2, 6 and 13 February."""
    await creditor.imports(row("A", ("1", "2026-02-01", "100000")))
    return creditor


async def steps(creditor: Creditor) -> list[tuple[str, str]]:
    """What was done, not the steps whose day had passed."""
    found = [(each["step"], each["status"]) for each in await creditor.get("A", "/contacts")]
    return [(step, status) for step, status in found if status != "skipped"]


class TestAPromise:
    async def test_holds_the_journey_until_it_is_broken(self, api: Api, creditor: Creditor) -> None:
        answer = await creditor.post("A", "/promises", PROMISE)
        assert answer.status_code == 201
        made = answer.json()
        assert (made["status"], made["amount"], made["paid"], made["due_date"]) == (
            "open", "60000.00", "0.00", "2026-02-04",
        )  # fmt: skip
        listed = await api.http.get("/v1/journeys", params={"creditor": creditor.key, "status": "promise"})
        assert [item["account"] for item in listed.json()["items"]] == ["A"]
        await creditor.advances(ENDS)
        assert ((await creditor.get("A"))["status"], await steps(creditor)) == ("active", [])
        await creditor.advances(ENDS + DAY)
        assert await steps(creditor) == [("aviso-5", "sent")]
        assert [item["status"] for item in (await creditor.get("A", "/promises"))["items"]] == ["broken"]

    async def test_is_kept_by_a_payment_and_opened_again_by_its_reversal(self, api: Api, creditor: Creditor) -> None:
        await creditor.post("A", "/promises", PROMISE)
        number = uuid4().hex
        await creditor.pays("A", "60000", id=number)
        (kept,) = (await creditor.get("A", "/promises"))["items"]
        assert (kept["status"], kept["paid"]) == ("kept", "60000.00")
        back = payment(creditor.key, "A", type="reversal", amount="60000.00", reverses=number)
        assert (await webhook(api, orjson.dumps(back))).json()["applied"] is True
        assert [item["status"] for item in (await creditor.get("A", "/promises"))["items"]] == ["open"]
        kinds = [event["kind"] for event in (await creditor.get("A", "/events"))["items"]]
        assert [kind for kind in kinds if kind.startswith("promise")] == [
            "promise_made", "promise_kept", "promise_reopened",
        ]  # fmt: skip

    async def test_is_cancelled_once(self, creditor: Creditor) -> None:
        number = (await creditor.post("A", "/promises", PROMISE)).json()["id"]
        answer = await creditor.post("A", f"/promises/{number}/cancel", Idempotency_Key="c")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        again = await creditor.post("A", f"/promises/{number}/cancel", Idempotency_Key="c")
        assert again.json() == answer.json()
        refused = await creditor.post("A", f"/promises/{number}/cancel")
        assert problem_of(refused) == (409, "agreement.not_open")
        assert (await creditor.get("A"))["status"] == "active"

    async def test_sent_twice_with_one_key_is_one(self, creditor: Creditor) -> None:
        first = await creditor.post("A", "/promises", PROMISE, Idempotency_Key="p")
        again = await creditor.post("A", "/promises", PROMISE, Idempotency_Key="p")
        assert (again.status_code, again.json()) == (201, first.json())
        assert problem_of(await creditor.post("A", "/promises", PROMISE)) == (409, "agreement.open")
        assert len((await creditor.get("A", "/promises"))["items"]) == 1

    @pytest.mark.parametrize(
        ("change", "code", "field"),
        [
            ({"amount": "1.00"}, "agreement.too_little", "amount"),
            ({"amount": "100000.01"}, "agreement.too_much", "amount"),
            ({"amount": "60000.001"}, "agreement.amount_decimals", "amount"),
            ({"due_date": "2026-02-01"}, "agreement.in_past", "due_date"),
            ({"due_date": "2026-03-31"}, "agreement.too_late", "due_date"),
            ({"due_date": "soon"}, "request.invalid", "due_date"),
            ({"amount": "-5"}, "request.invalid", "amount"),
            ({"amount": 60000.5}, "request.invalid", "amount"),
            ({"reason": "he lost his job"}, "request.invalid", "reason"),
        ],
    )
    async def test_beyond_the_limits_says_why(
        self, creditor: Creditor, change: dict[str, Any], code: str, field: str
    ) -> None:
        answer = await creditor.post("A", "/promises", {**PROMISE, **change})
        assert (problem_of(answer), answer.json()["field"]) == ((422, code), field)

    async def test_beyond_the_limits_is_for_supervisors(self, api: Api, creditor: Creditor) -> None:
        body = {"amount": "1.00", "due_date": "2026-03-31", "override": True}
        _, agent = await api.key("agent")
        _, supervisor = await api.key("supervisor")
        assert problem_of(await creditor.post("A", "/promises", body, **agent)) == (403, "auth.role")
        answer = await creditor.post("A", "/promises", body, **supervisor)
        assert (answer.status_code, answer.json()["override"]) == (201, True)

    async def test_needs_an_open_journey(self, creditor: Creditor) -> None:
        assert problem_of(await creditor.post("X", "/promises", PROMISE)) == (404, "account.unknown")
        assert problem_of(await creditor.post("A", "/promises/0/cancel")) == (404, "agreement.unknown")
        await creditor.post("A", "/close", {"outcome": "withdrawn"})
        assert problem_of(await creditor.post("A", "/promises", PROMISE)) == (409, "journey.not_open")


class TestAPlan:
    async def test_holds_from_instalment_to_instalment(self, creditor: Creditor) -> None:
        answer = await creditor.post("A", "/plans", PLAN)
        assert (answer.status_code, (await creditor.get("A"))["status"]) == (201, "plan")
        assert answer.json()["waits_until"] == "2026-02-07T05:00:00Z"
        await creditor.pays("A", "40000")
        (plan,) = (await creditor.get("A", "/plans"))["items"]
        assert (plan["status"], plan["paid"], plan["waits_until"]) == ("open", "40000.00", "2026-03-07T05:00:00Z")
        assert [each["paid"] for each in plan["instalments"]] == ["40000.00", "0.00"]
        await creditor.advances(START + 33 * DAY)
        assert ((await creditor.get("A"))["status"], await steps(creditor)) == ("active", [])
        assert [item["status"] for item in (await creditor.get("A", "/plans"))["items"]] == ["broken"]

    async def test_whose_sum_does_not_fit_says_so(self, creditor: Creditor) -> None:
        body = {"instalments": [PLAN["instalments"][0]]}
        answer = await creditor.post("A", "/plans", body)
        assert (problem_of(answer), answer.json()["field"]) == ((422, "agreement.sum_differs"), "instalments")

    async def test_is_cancelled(self, creditor: Creditor) -> None:
        number = (await creditor.post("A", "/plans", PLAN)).json()["id"]
        answer = await creditor.post("A", f"/plans/{number}/cancel")
        assert (answer.json()["status"], (await creditor.get("A"))["status"]) == ("cancelled", "active")


class TestADispute:
    async def test_keeps_everybody_silent_until_it_is_resolved(self, creditor: Creditor) -> None:
        answer = await creditor.post("A", "/disputes", {"reason": "already_paid"})
        assert (answer.status_code, answer.json()["status"]) == (201, "open")
        await creditor.advances(START + 4 * DAY)
        assert ((await creditor.get("A"))["status"], await steps(creditor)) == ("paused", [])
        path = f"/disputes/{answer.json()['id']}/resolve"
        resolved = await creditor.post("A", path, {"outcome": "rejected"})
        assert (resolved.status_code, resolved.json()["status"]) == (200, "rejected")
        await creditor.advances(START + 5 * DAY)
        assert (await steps(creditor))[-1] == ("aviso-5", "sent")

    async def test_is_one_at_a_time_and_resolved_once(self, creditor: Creditor) -> None:
        number = (await creditor.post("A", "/disputes", {"reason": "fraud"})).json()["id"]
        assert problem_of(await creditor.post("A", "/disputes", {"reason": "fraud"})) == (409, "dispute.open")
        assert problem_of(await creditor.post("A", "/promises", PROMISE)) == (409, "agreement.disputed")
        path = f"/disputes/{number}/resolve"
        await creditor.post("A", path, {"outcome": "upheld"})
        assert problem_of(await creditor.post("A", path, {"outcome": "upheld"})) == (409, "dispute.resolved")
        assert problem_of(await creditor.post("A", "/disputes/0/resolve", {"outcome": "upheld"})) == (
            404, "dispute.unknown",
        )  # fmt: skip

    @pytest.mark.parametrize("body", [{"reason": "because"}, {}, {"reason": "other", "note": "x"}])
    async def test_has_a_reason_by_a_code(self, creditor: Creditor, body: dict[str, str]) -> None:
        assert problem_of(await creditor.post("A", "/disputes", body)) == (422, "request.invalid")


class TestTheCreditorsLimits:
    async def test_are_the_defaults_where_none_are_given(self, api: Api, creditor: Creditor) -> None:
        found = (await api.http.get(f"/v1/creditors/{creditor.key}")).json()["agreements"]
        assert found["promise"] == {"max_days": 15, "min_share": "0.30", "max_broken": 2, "max_open": 1}
        assert found["plan"]["instalments"] == [2, 3, 6]

    async def test_decide_what_may_be_agreed_on(self, api: Api) -> None:
        strict = {"promise": {"max_days": 1}, "plan": None}
        creditor = await api.creditor(agreements=strict)
        await creditor.imports(row("A", ("1", "2026-02-01", "100000")))
        assert (await api.http.get(f"/v1/creditors/{creditor.key}")).json()["agreements"]["plan"] is None
        assert problem_of(await creditor.post("A", "/promises", PROMISE)) == (422, "agreement.too_late")
        assert problem_of(await creditor.post("A", "/plans", PLAN)) == (422, "agreement.not_offered")

    @pytest.mark.parametrize("limits", [{"promise": {"min_share": "2"}}, {"plan": {"instalments": [0]}}, {"x": 1}])
    async def test_that_make_no_sense_are_refused(self, api: Api, creditor: Creditor, limits: dict[str, Any]) -> None:
        body = (await api.http.get(f"/v1/creditors/{creditor.key}")).json()
        del body["creditor"]
        answer = await api.http.put(f"/v1/creditors/{creditor.key}", json={**body, "agreements": limits})
        assert problem_of(answer) == (422, "request.invalid")


async def test_lists_are_pages_with_filters(api: Api, creditor: Creditor) -> None:
    await creditor.imports(row("B", ("1", "2026-02-01", "100000")))
    for account in ("A", "B"):
        number = (await creditor.post(account, "/promises", PROMISE)).json()["id"]
    await creditor.post("B", f"/promises/{number}/cancel")
    page = (await api.http.get("/v1/promises", params={"creditor": creditor.key, "limit": "1"})).json()
    rest = await api.http.get("/v1/promises", params={"creditor": creditor.key, "cursor": page["next_cursor"]})
    assert [item["account"] for item in page["items"] + rest.json()["items"]] == ["A", "B"]
    assert rest.json()["next_cursor"] is None
    kept = await api.http.get("/v1/promises", params={"creditor": creditor.key, "status": "cancelled"})
    assert [item["account"] for item in kept.json()["items"]] == ["B"]
    assert (await api.http.get("/v1/plans", params={"creditor": creditor.key})).json()["items"] == []
    assert problem_of(await api.http.get("/v1/disputes", params={"status": "kept"})) == (422, "request.invalid")
    assert problem_of(await api.http.get(creditor.path("X", "/promises"))) == (404, "account.unknown")


async def test_the_summary_counts_promises_and_plans(api: Api, creditor: Creditor) -> None:
    await creditor.imports(row("B", ("1", "2026-02-01", "100000")))
    await creditor.post("A", "/promises", PROMISE)
    await creditor.post("B", "/plans", PLAN)
    found = (await api.http.get(f"/v1/creditors/{creditor.key}/summary")).json()
    assert found["journeys"]["by_status"] == {"promise": 1, "plan": 1}
