"""The main job through HTTP: a portfolio in, journeys running, payments closing them, everything in the record."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from tests.api.calls import Api, Creditor, problem_of
from tests.eventually import assert_eventually
from tests.ledger.given import START, local, row

PAST_DUE = ("1", "2026-02-01", "100000")
DAY = timedelta(days=1)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


async def contacts(creditor: Creditor, account: str) -> list[dict[str, Any]]:
    return [each for each in await creditor.get(account, "/contacts") if each["status"] != "skipped"]


async def test_a_journey_goes_through_every_stage_and_step_at_its_instant(api: Api, creditor: Creditor) -> None:
    account = row("A", ("1", "2026-02-05", "185000.50"))
    status = await creditor.imports(account)
    assert (status.rows, status.accepted, status.started) == (1, 1, 1)
    assert (await creditor.get("A"))["next_step"] == {"key": "recordatorio", "due_at": "2026-02-02T14:00:00Z"}
    await creditor.advances(START + 120 * DAY)
    end = await creditor.get("A")
    assert (end["status"], end["outcome"], end["stage"]) == ("closed", "referred", "prejuridical")
    assert (instant(end["closed_at"]), end["closed_days_past_due"]) == (local(date(2026, 5, 6), 0), 90)
    sent = await contacts(creditor, "A")
    assert [(each["step"], each["status"], instant(each["decided_at"])) for each in sent] == [
        ("recordatorio", "sent", local(date(2026, 2, 2), 9)),
        ("aviso-1", "sent", local(date(2026, 2, 6), 9)),
        ("aviso-5", "sent", local(date(2026, 2, 10), 9)),
        ("aviso-12", "sent", local(date(2026, 2, 17), 9)),
        ("carta", "sent", local(date(2026, 4, 7), 9)),
    ]
    assert all(each["sent_at"] == each["decided_at"] and len(each["content_sha256"]) == 64 for each in sent)
    assert [each["template"].partition("@")[0] for each in sent] == [
        "reminder.es",
        "overdue.es",
        "overdue.es",
        "overdue.es",
        "prejuridical-notice.es",
    ]
    letters = await api.mail(to=account["debtor"]["addresses"]["email"])
    assert len(letters) == 5
    assert "185.000,50" in letters[-1]["subject"]


async def test_the_events_tell_it_all_in_order(creditor: Creditor) -> None:
    await creditor.imports(row("A", PAST_DUE))
    await creditor.advances(START + timedelta(hours=12))
    await creditor.post("A", "/pause", {"reason": "hardship", "until": (START + 2 * DAY).isoformat()})
    await creditor.advances(START + 3 * DAY)
    await creditor.pays("A", "40000", id=f"{creditor.key}:p")
    await creditor.pays("A", "40000", reverses=f"{creditor.key}:p")
    await creditor.pays("A", "100000")
    events = (await creditor.get("A", "/events"))["items"]
    assert [event["seq"] for event in events] == sorted({event["seq"] for event in events})
    told = [(event["kind"], instant(event["at"])) for event in events if event["kind"] != "step_skipped"]
    at_nine, later = local(date(2026, 2, 2), 9), START + 3 * DAY
    assert told == [
        ("started", START),
        ("stage_entered", START),
        ("contact", at_nine),  # permitted
        ("contact", at_nine),  # sent
        ("paused", START + timedelta(hours=12)),
        ("payment", later),
        ("reversal", later),
        ("payment", later),
        ("closed", later),
    ]
    payment = next(event for event in events if event["kind"] == "payment")
    assert payment["actor"] == "processor:generic"
    assert (payment["data"]["amount"], payment["data"]["balance"]) == ("40000.00", "60000.00")


async def test_whatever_falls_due_while_the_clock_leaps_has_its_own_instant(creditor: Creditor) -> None:
    """One leap over ten weeks, with accounts that enter on the way."""
    await creditor.imports(row("A", PAST_DUE), row("B", ("1", "2026-02-20", "50000")))
    await creditor.advances(START + 70 * DAY)
    decided = {each["step"]: instant(each["decided_at"]) for each in await contacts(creditor, "B")}
    assert decided == {
        "recordatorio": local(date(2026, 2, 17), 9),
        "aviso-1": local(date(2026, 2, 21), 9),
        "aviso-5": local(date(2026, 2, 25), 9),
        "aviso-12": local(date(2026, 3, 4), 9),
    }
    opened = (await creditor.get("B"))["opened_at"]
    assert instant(opened) == local(date(2026, 2, 15), 0)
    stages = [event for event in (await creditor.get("A", "/events"))["items"] if event["kind"] == "stage_entered"]
    assert instant(stages[-1]["at"]) == local(date(2026, 4, 3), 0)


async def test_a_refused_contact_is_shown_with_its_rules_and_made_when_it_may_be(api: Api, creditor: Creditor) -> None:
    """The person was contacted for another creditor that very morning."""
    person, other = f"{creditor.key}-person", await api.creditor()
    await creditor.imports(row("A", PAST_DUE, person=person))
    await other.imports(row("B", PAST_DUE, person=person))
    await other.advances(START + DAY)
    await creditor.advances(START + 2 * DAY)
    refused, sent = await contacts(creditor, "A")
    assert (refused["status"], refused["rules"], refused["sent_at"]) == ("refused", ["CO-03"], None)
    assert instant(refused["next_allowed_at"]) == instant(sent["decided_at"]) == local(date(2026, 2, 3), 7)


async def test_a_clearing_payment_ends_the_journey_and_nothing_follows(creditor: Creditor) -> None:
    await creditor.imports(row("A", PAST_DUE))
    await creditor.advances(START + 3 * DAY)
    await creditor.pays("A", "100000")
    paid = await creditor.get("A")
    assert (paid["status"], paid["outcome"], paid["balance"]["amount"]) == ("closed", "paid", "0.00")
    await creditor.advances(START + 60 * DAY)
    assert len(await contacts(creditor, "A")) == 1


async def test_the_engine_ends_with_the_record(api: Api, creditor: Creditor) -> None:
    await creditor.imports(row("A", PAST_DUE), row("B", PAST_DUE))
    await creditor.pays("A", "100000")
    await creditor.post("B", "/close", {"outcome": "withdrawn"})
    engine = await Client.connect(api.stack.temporal)

    async def ended() -> None:
        for account in ("A", "B"):
            found = await engine.get_workflow_handle(f"journey:{creditor.key}:{account}:1").describe()
            assert found.status == WorkflowExecutionStatus.COMPLETED

    await assert_eventually(ended)
    assert await api.rows("SELECT FROM outbox WHERE journey_id LIKE %s", f"journey:{creditor.key}:%") == []


class TestCommands:
    @pytest.fixture
    async def creditor(self, creditor: Creditor) -> Creditor:
        await creditor.imports(row("A", PAST_DUE))
        return creditor

    async def test_a_pause_keeps_the_journey_silent_until_its_end(self, creditor: Creditor) -> None:
        until = START + 3 * DAY
        answer = await creditor.post("A", "/pause", {"reason": "hardship", "until": until.isoformat()})
        assert (answer.status_code, answer.json()["status"]) == (201, "paused")
        assert (
            await creditor.api.http.get("/v1/journeys", params={"creditor": creditor.key, "status": "paused"})
        ).json()["items"]
        await creditor.advances(until)
        assert (await creditor.get("A"))["status"] == "active"
        await creditor.advances(START + 6 * DAY)
        assert [each["step"] for each in await contacts(creditor, "A")] == ["aviso-5"]

    async def test_a_resume_lets_it_go_on(self, creditor: Creditor) -> None:
        await creditor.post("A", "/pause", {"reason": "hardship"})
        answer = await creditor.post("A", "/resume")
        assert (answer.status_code, answer.json()["status"]) == (200, "active")
        await creditor.advances(START + DAY)
        assert [each["step"] for each in await contacts(creditor, "A")] == ["aviso-1"]

    async def test_a_pause_over_another_is_a_conflict(self, creditor: Creditor) -> None:
        body = {"reason": "hardship", "from": (START + DAY).isoformat(), "until": (START + 3 * DAY).isoformat()}
        await creditor.post("A", "/pause", body)
        assert problem_of(await creditor.post("A", "/pause", {"reason": "x"})) == (409, "journey.pause_overlaps")
        after = {"reason": "x", "from": (START + 3 * DAY).isoformat()}
        assert (await creditor.post("A", "/pause", after)).status_code == 201

    @pytest.mark.parametrize("outcome", ["withdrawn", "restructured", "written_off", "referred"])
    async def test_a_close_ends_it_with_the_outcome_that_people_decide(self, creditor: Creditor, outcome: str) -> None:
        answer = await creditor.post("A", "/close", {"outcome": outcome})
        assert (answer.status_code, answer.json()["status"], answer.json()["outcome"]) == (200, "closed", outcome)
        await creditor.advances(START + 10 * DAY)
        assert await contacts(creditor, "A") == []

    async def test_after_a_close_people_may_start_it_anew(self, api: Api, creditor: Creditor) -> None:
        await creditor.post("A", "/close", {"outcome": "withdrawn"})
        answer = await api.http.post("/v1/journeys", json={"creditor": creditor.key, "account": "A"})
        assert (answer.status_code, answer.json()["episode"], answer.json()["status"]) == (201, 2, "active")
        await creditor.advances(START + DAY)
        assert [each["step"] for each in await contacts(creditor, "A")] == ["aviso-1"]


class TestLists:
    @pytest.fixture
    async def creditor(self, creditor: Creditor) -> Creditor:
        await creditor.imports(*(row(f"A-{number}", PAST_DUE) for number in range(5)))
        await creditor.pays("A-1", "100000")
        return creditor

    async def pages(self, api: Api, path: str, **params: str) -> list[list[dict[str, Any]]]:
        found: list[list[dict[str, Any]]] = []
        cursor: dict[str, str] = {}
        while True:
            page = (await api.http.get(path, params={**params, **cursor})).json()
            found.append(page["items"])
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}

    async def test_of_journeys_come_page_by_page(self, api: Api, creditor: Creditor) -> None:
        pages = await self.pages(api, "/v1/journeys", creditor=creditor.key, limit="2")
        assert [len(page) for page in pages] == [2, 2, 1]
        assert [item["account"] for page in pages for item in page] == [f"A-{number}" for number in range(5)]

    async def test_of_journeys_may_be_filtered(self, api: Api, creditor: Creditor) -> None:
        async def accounts(**filters: str) -> list[str]:
            (page,) = await self.pages(api, "/v1/journeys", creditor=creditor.key, **filters)
            return [item["account"] for item in page]

        assert await accounts(status="closed") == await accounts(outcome="paid") == ["A-1"]
        assert await accounts(status="active", stage="administrative") == ["A-0", "A-2", "A-3", "A-4"]
        assert await accounts(stage="prejuridical") == []

    async def test_of_events_come_page_by_page(self, api: Api, creditor: Creditor) -> None:
        pages = await self.pages(api, creditor.path("A-1", "/events"), limit="2")
        whole = (await creditor.get("A-1", "/events"))["items"]
        assert [item for page in pages for item in page] == whole
        assert max(len(page) for page in pages) == 2

    async def test_of_payments_come_page_by_page(self, api: Api, creditor: Creditor) -> None:
        for _ in range(2):
            await creditor.pays("A-2", "100")
        pages = await self.pages(api, "/v1/payments", creditor=creditor.key, limit="2")
        assert [len(page) for page in pages] == [2, 1]

    async def test_the_summary_agrees_with_the_lists(self, api: Api, creditor: Creditor) -> None:
        await creditor.advances(START + DAY)
        found = (await api.http.get(f"/v1/creditors/{creditor.key}/summary")).json()
        assert found["journeys"] == {
            "total": 5,
            "by_status": {"active": 4, "closed": 1},
            "by_stage": {"administrative": 4},
            "by_outcome": {"paid": 1},
        }
        assert (found["contacts"]["sent"], found["contacts"]["after_clearing_payment"]) == (4, 0)
        assert found["balance"]["amount"] == "400000.00"


async def test_a_step_that_a_mail_server_refuses_is_shown_as_failed(creditor: Creditor) -> None:
    addresses = [("A", "reject"), ("B", "lost")]
    await creditor.imports(
        *(row(account, PAST_DUE, addresses={"email": f"{account}@{kind}.invalid"}) for account, kind in addresses)
    )
    await creditor.advances(START + DAY)
    assert [each["status"] for each in await contacts(creditor, "A")] == ["failed"]
    assert [each["status"] for each in await contacts(creditor, "B")] == ["unknown"]


async def test_on_the_real_clock_a_journey_starts_and_hears_payments(api: Api) -> None:
    real = await api.creditor(at=None)
    due = (datetime.now(UTC) - 3 * DAY).date().isoformat()
    await real.imports(row("A", ("1", due, "100000")))
    assert (await real.get("A"))["status"] == "active"
    await real.pays("A", "100000")
    assert (await real.get("A"))["outcome"] == "paid"


async def test_two_advances_at_once_do_not_mix(api: Api, creditor: Creditor) -> None:
    await creditor.imports(*(row(f"A-{number}", PAST_DUE) for number in range(10)))
    body = {"advance_to": (START + 20 * DAY).isoformat()}
    path = f"/v1/creditors/{creditor.key}/clock"
    answers = await asyncio.gather(*(api.http.post(path, json=body) for _ in range(3)))
    outcomes = [answer.status_code for answer in answers]
    assert 200 in outcomes
    assert all(
        status == 200 or problem_of(answer) == (409, "clock.busy")
        for status, answer in zip(outcomes, answers, strict=True)
    )
    for number in range(10):
        assert len(await contacts(creditor, f"A-{number}")) == 3


async def test_health_says_that_all_parts_answer(api: Api) -> None:
    answer = await api.http.get("/health", headers={"authorization": ""})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
