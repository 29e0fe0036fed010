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


QUIET = {"promise": {"remind_days_before": None}, "plan": {"remind_days_before": None}}
"""Limits of a creditor that reminds nobody."""


@pytest.fixture
async def creditor(api: Api) -> Creditor:
    """With account A, which owes 100 000; its notices fall due on 2, 6 and 13 February. It reminds nobody."""
    return await owed(api, QUIET)


async def owed(api: Api, agreements: dict[str, Any] | None = None) -> Creditor:
    creditor = await api.creditor(agreements=agreements)
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
        assert len((await creditor.get("A", "/promises"))["items"]) == 1

    @pytest.mark.parametrize(
        ("change", "code", "field"),
        [
            ({"amount": "0.00"}, "request.invalid", "amount"),
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
        body = {"amount": "1.00", "due_date": "2026-04-30", "override": True}
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
        assert answer.json()["waits_until"] == "2026-02-12T05:00:00Z"
        await creditor.pays("A", "40000")
        (plan,) = (await creditor.get("A", "/plans"))["items"]
        assert (plan["status"], plan["paid"], plan["waits_until"]) == ("open", "40000.00", "2026-03-12T05:00:00Z")
        assert [each["paid"] for each in plan["instalments"]] == ["40000.00", "0.00"]
        await creditor.advances(START + 33 * DAY)
        (plan,) = (await creditor.get("A", "/plans"))["items"]
        assert (plan["state"], [each["state"] for each in plan["instalments"]]) == ("warned", ["paid", "missed"])
        await creditor.advances(START + 38 * DAY)
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
    async def test_are_the_defaults_where_none_are_given(self, api: Api) -> None:
        creditor = await api.creditor()
        found = (await api.http.get(f"/v1/creditors/{creditor.key}")).json()["agreements"]
        assert found == {
            "promise": {
                "max_days": 31,
                "min_share": "0",
                "max_broken": 3,
                "max_open": 3,
                "max_renegotiated": 2,
                "remind_days_before": None,
            },
            "plan": {
                "instalments": [2, 3, 6, 12],
                "every_days": 30,
                "first_share": "0",
                "first_within_days": 31,
                "max_days": 366,
                "min_instalment": "0",
                "first_payment_is_condition": False,
                "cure_days": 5,
                "remind_days_before": 2,
            },
            "debit": {"tries": 3, "every_days": 2},
        }

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


class TestSeveralPromises:
    async def test_are_paid_first_in_first_out_by_their_days(self, creditor: Creditor) -> None:
        later = (await creditor.post("A", "/promises", {"amount": "40000.00", "due_date": "2026-02-10"})).json()["id"]
        sooner = (await creditor.post("A", "/promises", {"amount": "30000.00", "due_date": "2026-02-04"})).json()["id"]
        await creditor.pays("A", "45000")
        found = {item["id"]: (item["status"], item["paid"]) for item in await promises(creditor)}
        assert found == {sooner: ("kept", "30000.00"), later: ("open", "15000.00")}

    @pytest.mark.parametrize(("amount", "status"), [("54000.00", "kept"), ("53999.99", "broken")])
    async def test_a_threshold_is_reached_exactly_or_not_on_the_last_day_of_grace(
        self, api: Api, amount: str, status: str
    ) -> None:
        book = await api.playbook(promise={"grace_days": 1, "threshold": "0.90"})
        creditor = await api.creditor(agreements=QUIET, playbook=book)
        await creditor.imports(row("A", ("1", "2026-02-01", "100000")))
        await creditor.post("A", "/promises", PROMISE)
        last = ENDS - timedelta(seconds=1)
        await creditor.advances(last)
        await creditor.pays("A", amount, paid_at=last)
        await creditor.advances(ENDS)
        assert [item["status"] for item in await promises(creditor)] == [status]


class TestAPromiseMadeAnew:
    async def test_replaces_the_old_one(self, creditor: Creditor) -> None:
        old = (await creditor.post("A", "/promises", PROMISE)).json()["id"]
        body = {"amount": "50000.00", "due_date": "2026-02-10"}
        answer = await creditor.post("A", f"/promises/{old}/renegotiate", body, Idempotency_Key="r")
        assert (answer.status_code, answer.json()["replaces"], answer.json()["status"]) == (201, old, "open")
        again = await creditor.post("A", f"/promises/{old}/renegotiate", body, Idempotency_Key="r")
        assert again.json() == answer.json()
        before, after = await promises(creditor)
        assert (before["status"], before["reason"], before["replaced_by"]) == (
            "cancelled", "renegotiated", after["id"],
        )  # fmt: skip
        await creditor.advances(ENDS + DAY)
        assert ((await creditor.get("A"))["status"], await steps(creditor)) == ("promise", [])

    async def test_says_why_not(self, api: Api, creditor: Creditor) -> None:
        old = (await creditor.post("A", "/promises", PROMISE)).json()["id"]
        path, body = f"/promises/{old}/renegotiate", {"amount": "50000.00", "due_date": "2026-02-10"}
        too_late = await creditor.post("A", path, {**body, "due_date": "2026-06-01"})
        assert problem_of(too_late) == (422, "agreement.too_late")
        assert [item["status"] for item in await promises(creditor)] == ["open"]
        assert problem_of(await creditor.post("A", "/promises/0/renegotiate", body)) == (404, "agreement.unknown")
        await creditor.post("A", f"/promises/{old}/cancel")
        assert problem_of(await creditor.post("A", path, body)) == (409, "agreement.not_open")
        _, compliance = await api.key("compliance")
        assert problem_of(await creditor.post("A", path, body, **compliance)) == (403, "auth.role")


class TestTheProjection:
    async def test_weighs_open_promises_by_what_was_kept(self, api: Api, creditor: Creditor) -> None:
        await creditor.imports(row("B", ("1", "2026-02-01", "100000")))
        await creditor.post("A", "/promises", PROMISE)
        path = f"/v1/creditors/{creditor.key}/promises/projection"
        assert (await api.http.get(path)).json() == {
            "creditor": creditor.key,
            "currency": "COP",
            "from": "2026-02-02",
            "to": "2026-03-05",
            "kept_rate": None,
            "rests_on": 0,
            "days": [
                {"due_date": "2026-02-04", "promises": 1, "promised": "60000.00", "paid": "0.00", "expected": None}
            ],
        }
        await creditor.pays("A", "45000")
        await creditor.advances(ENDS)
        await creditor.post("B", "/promises", {"amount": "20000.00", "due_date": "2026-02-20"})
        found = (await api.http.get(path, params={"from": "2026-02-10", "to": "2026-02-28"})).json()
        assert (found["kept_rate"], found["rests_on"]) == ("0.7500", 1)
        assert [(each["promised"], each["expected"]) for each in found["days"]] == [("20000.00", "15000.00")]

    async def test_refuses_what_makes_no_sense(self, api: Api, creditor: Creditor) -> None:
        path = f"/v1/creditors/{creditor.key}/promises/projection"
        backwards = await api.http.get(path, params={"from": "2026-02-10", "to": "2026-02-09"})
        assert problem_of(backwards) == (422, "projection.bad_range")
        assert problem_of(await api.http.get(path, params={"from": "soon"})) == (422, "request.invalid")
        assert problem_of(await api.http.get("/v1/creditors/nobody/promises/projection")) == (404, "creditor.unknown")


class TestAPlanThatMustBegin:
    async def test_lapses_without_its_first_payment(self, api: Api) -> None:
        creditor = await owed(api, {"plan": {"first_payment_is_condition": True, "remind_days_before": None}})
        made = (await creditor.post("A", "/plans", PLAN)).json()
        assert (made["status"], made["state"]) == ("open", "awaiting_first")
        await creditor.advances(local(date(2026, 2, 7), 0))
        (plan,) = (await creditor.get("A", "/plans"))["items"]
        assert (plan["status"], plan["state"], plan["reason"]) == ("cancelled", "cancelled", "first_payment_missing")
        assert (await creditor.get("A"))["status"] == "active"
        kinds = [event["kind"] for event in (await creditor.get("A", "/events"))["items"]]
        assert [kind for kind in kinds if kind.startswith("plan")] == ["plan_made", "plan_lapsed"]


class TestReminders:
    async def test_leave_on_the_way_of_a_clock_each_at_its_own_instant(self, api: Api) -> None:
        creditor = await owed(api)
        plan = {
            "instalments": [
                {"due_date": "2026-02-12", "amount": "40000.00"},
                {"due_date": "2026-03-12", "amount": "60000.00"},
            ]
        }
        await creditor.post("A", "/plans", plan)
        await creditor.advances(local(date(2026, 2, 12), 12))
        await creditor.pays("A", "40000", paid_at=local(date(2026, 2, 12), 12))
        await creditor.advances(local(date(2026, 3, 12), 12))
        made = [each for each in await creditor.get("A", "/contacts") if each["status"] != "skipped"]
        assert [(each["step"], each["status"], each["decided_at"]) for each in made] == [
            (None, "sent", "2026-02-10T14:00:00Z"),
            (None, "sent", "2026-03-10T14:00:00Z"),
        ]
        assert all(each["template"].startswith("instalment-reminder.es@") for each in made)

    async def test_come_between_what_else_happens_in_order(self, api: Api) -> None:
        creditor = await owed(api, {"promise": {"remind_days_before": 1}})
        await creditor.post("A", "/promises", {"amount": "60000.00", "due_date": "2026-02-11"})
        await creditor.advances(START + 30 * DAY)
        events = (await creditor.get("A", "/events"))["items"]
        kinds = [(event["kind"], event["at"][:10]) for event in events]
        at = kinds.index(("promise_broken", "2026-02-13"))
        assert ("contact", "2026-02-10") in kinds[:at]
        assert [each for each in kinds[at:] if each[0] == "contact"]


async def promises(creditor: Creditor) -> list[dict[str, Any]]:
    """An account's promises in order."""
    return (await creditor.get("A", "/promises"))["items"]
