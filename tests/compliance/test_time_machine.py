"""The time machine: at each instant that was, the replayed histories say what the API said then."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import pytest

from senda.stack import Endpoints
from tests.api.calls import Api, Creditor, calling, problem_of
from tests.ledger.given import START, local, row

STATED = ("journey_id", "episode", "status", "stage", "outcome", "days_past_due", "next_step", "strategy")
INSTANTS = 11


@pytest.fixture
async def api(stack: Endpoints) -> AsyncIterator[Api]:
    async with calling(stack) as opened:
        yield opened


@dataclass
class Drive:
    """Accounts of one creditor, driven at random; what the API said of each at each instant."""

    api: Api
    creditor: Creditor
    random: Random
    accounts: dict[str, str] = field(default_factory=dict[str, str])
    said: list[tuple[datetime, str, dict[str, Any]]] = field(default_factory=list[tuple[datetime, str, dict[str, Any]]])

    async def run(self) -> None:
        """Some accounts, two of them of one person, and an instant after the other."""
        people = ["persona-a", "persona-a", "persona-b", "persona-c"]
        rows: list[dict[str, Any]] = []
        for number, person in enumerate(people):
            due = date(2026, 1, 20) + timedelta(days=self.random.randrange(25))
            dues = [("1", due.isoformat(), "300000"), ("2", (due + timedelta(days=30)).isoformat(), "200000")]
            self.accounts[f"A{number}"] = person
            rows.append(row(f"A{number}", *dues, person=f"{self.creditor.key}-{person}"))
        await self.creditor.imports(*rows)
        at = START
        for _ in range(INSTANTS):
            await self._look(at)
            at += timedelta(minutes=self.random.choice([7, 61, 600, 1440, 2887, 14_400]))
            await self.creditor.advances(at)
            for account in self.accounts:
                await self._act(account, at)
        await self._look(at)

    async def _look(self, at: datetime) -> None:
        await self.creditor.advances(at)  # what follows of the last payment at this very instant, too
        for account in self.accounts:
            answer = await self.api.http.get(self.creditor.path(account))
            if answer.status_code == 200:
                self.said.append((at, account, answer.json()))

    async def _act(self, account: str, at: datetime) -> None:
        """Whatever comes up; what the journey does not admit is refused, which is as good."""
        match self.random.randrange(9):
            case 0:
                await self.creditor.pays(account, "50000", paid_at=at)
            case 1:
                await self.creditor.pays(account, "300000", paid_at=at)
            case 2:
                until = (at + timedelta(days=3)).isoformat()
                await self.creditor.post(account, "/pause", {"reason": "hardship", "until": until})
            case 3:
                await self.creditor.post(account, "/resume")
            case 4:
                due = (at + timedelta(days=4)).date().isoformat()
                await self.creditor.post(account, "/promises", {"amount": "50000", "due_date": due})
            case _:
                pass


@pytest.mark.parametrize("seed", [1, 10])
async def test_the_state_at_an_instant_is_what_the_api_said_then(api: Api, seed: int) -> None:
    drive = Drive(api, await api.creditor(), Random(seed))
    await drive.run()

    assert len(drive.said) > 35
    for at, account, then in drive.said:
        answer = await api.http.get(drive.creditor.path(account, "/replay"), params={"at": at.isoformat()})
        assert answer.status_code == 200, answer.text
        state = answer.json()["state"]
        assert {name: state[name] for name in STATED} == {name: then[name] for name in STATED}, (at, account)
        if then["outcome"] is None:
            assert state["balance"] == then["balance"]


@pytest.fixture
async def owing(api: Api) -> Creditor:
    """A creditor whose account A was told of twice, then refused a contact, then paid a part, and runs on."""
    creditor = await api.creditor()
    await creditor.imports(
        row("A", ("1", "2026-02-05", "100000"), person=f"{creditor.key}-p"),
        row("B", ("1", "2026-02-05", "70000"), person=f"{creditor.key}-p"),
    )
    await creditor.advances(local(date(2026, 2, 11), 12))
    await creditor.pays("A", "40000", paid_at=local(date(2026, 2, 11), 12))
    await creditor.advances(local(date(2026, 2, 12), 12))
    return creditor


class TestTheSteps:
    async def test_tell_what_arrived_what_left_and_the_state_after(self, api: Api, owing: Creditor) -> None:
        steps = (await owing.get("A", "/replay/steps"))["steps"]

        arrived = [one["kind"] for step in steps for one in step["arrived"]]
        assert arrived.count("started") == 2  # a run for each stage
        assert {"tick", "contact", "fact"} <= set(arrived)
        kinds = [command["kind"] for step in steps for command in step["commands"]]
        assert {"activity", "continue as new", "update completed"} <= set(kinds)
        assert [step["at"] for step in steps] == sorted(step["at"] for step in steps)
        paid = next(step for step in steps if any(one["kind"] == "fact" for one in step["arrived"]))
        assert paid["state"]["balance"]["amount"] == "60000.00"
        assert [one["kind"] for one in paid["decided"]] == ["standing_heard"]

    async def test_end_with_the_state_that_the_api_tells(self, owing: Creditor) -> None:
        last = (await owing.get("A", "/replay/steps"))["steps"][-1]["state"]
        now = await owing.get("A")

        same = ("journey_id", "status", "stage", "outcome", "next_step", "balance")  # a day has passed since
        assert {name: last[name] for name in same} == {name: now[name] for name in same}

    async def test_explain_each_decision_of_the_record_once(self, owing: Creditor) -> None:
        for account in ("A", "B"):
            steps = (await owing.get(account, "/replay/steps"))["steps"]
            told = [one for step in steps for one in step["contacts"]]
            contacts = await owing.get(account, "/contacts")

            assert sorted(one["contact"] for one in told) == [contact["id"] for contact in contacts], account
            assert {one["contact"]: one["why"] for one in told} == {one["id"]: one["why"] for one in contacts}
            assert all(one["why"] for one in told)

    async def test_hold_no_terms_and_nobodys_name(self, api: Api, owing: Creditor) -> None:
        text = (await api.http.get(owing.path("A", "/replay/steps"))).text
        assert "Ana" not in text
        assert "playbook" in text
        assert '"terms"' not in text


async def test_what_cannot_be_answered_says_why(api: Api, owing: Creditor) -> None:
    await owing.imports(row("LATER", ("1", "2026-12-05", "100000")))
    before, later = START - timedelta(seconds=1), local(date(2026, 2, 12), 13)
    for account, path, params, expected in (
        ("A", "/replay", {"at": before.isoformat()}, (404, "replay.before_beginning")),
        ("A", "/replay", {"at": later.isoformat()}, (422, "replay.in_future")),
        ("A", "/replay", {"at": "yesterday"}, (422, "request.invalid")),
        ("A", "/replay", {"at": "2026-02-11T12:00:00"}, (422, "request.invalid")),
        ("A", "/replay", None, (422, "request.invalid")),
        ("NOBODY", "/replay", {"at": START.isoformat()}, (404, "account.unknown")),
        ("NOBODY", "/replay/steps", None, (404, "account.unknown")),
        ("NOBODY", "/replay/check", None, (404, "account.unknown")),
        ("LATER", "/replay/check", None, (404, "journey.unknown")),
        ("A", "/replay/steps", {"episode": "2"}, (404, "journey.unknown")),
    ):
        answer = await api.http.get(owing.path(account, path), params=params)
        assert problem_of(answer) == expected, (account, path, params)
