"""The hard cases of money and time through HTTP with a test clock: late, backwards, in any order.

Beside these: a single due on its exact days and clocks in `test_api_journeys.py`, credit notes and write-offs in
`test_api_money.py`, kinds of pauses in `test_api_holds.py`.
"""

import asyncio
import json
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.api.calls import Api, Creditor, payment, problem_of, webhook
from tests.ledger.given import START, local, row

DAY = timedelta(days=1)
PAST_DUE = ("1", "2026-02-01", "100000")
QUIET = {"promise": {"remind_days_before": None}}


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


async def tells(creditor: Creditor, name: str, amount: str, kind: str = "payment", **changes: Any) -> dict[str, Any]:
    """A processor's webhook about account A; `name` is unique for this creditor."""
    values = {"id": f"{creditor.key}:{name}", "type": kind, "amount": amount, "paid_at": START.isoformat(), **changes}
    if values.get("reverses"):
        values["reverses"] = f"{creditor.key}:{values['reverses']}"
    answer = await webhook(creditor.api, json.dumps(payment(creditor.key, "A", **values)))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def shown(creditor: Creditor) -> tuple[int, str, str | None, str | None, str]:
    """Episode, status, stage, outcome and balance of account A's journey."""
    found = await creditor.get("A")
    return found["episode"], found["status"], found["stage"], found["outcome"], found["balance"]["amount"]


async def stages(creditor: Creditor) -> list[tuple[int, str, datetime]]:
    events = (await creditor.get("A", "/events"))["items"]
    return [
        (event["episode"], event["data"]["stage"], instant(event["at"]))
        for event in events
        if event["kind"] == "stage_entered"
    ]


async def sent(creditor: Creditor) -> list[tuple[str, datetime]]:
    found = await creditor.get("A", "/contacts")
    return [(each["step"], instant(each["sent_at"])) for each in found if each["status"] == "sent"]


async def skipped(creditor: Creditor) -> list[str]:
    return [each["step"] for each in await creditor.get("A", "/contacts") if each["status"] == "skipped"]


class TestTheTimelineFollowsTheOldestUnpaidDue:
    async def test_to_the_third_ones_date_once_the_two_oldest_are_paid_on_day_two(self, creditor: Creditor) -> None:
        dues = ("2026-01-10", "2026-01-20", "2026-01-30")
        await creditor.imports(row("A", *((f"{number}", day, "100000") for number, day in enumerate(dues))))
        await creditor.advances(START + DAY)
        await tells(creditor, "p", "200000", paid_at=(START + DAY).isoformat())
        found = await creditor.get("A")
        assert (found["stage"], found["days_past_due"]) == ("administrative", 4)
        await creditor.advances(local(date(2026, 5, 1), 0))
        assert await stages(creditor) == [
            (1, "administrative", START),
            (1, "prejuridical", local(date(2026, 4, 1), 0)),
        ]
        assert await sent(creditor) == [
            ("aviso-5", local(date(2026, 2, 4), 9)),
            ("aviso-12", local(date(2026, 2, 11), 9)),
            ("carta", local(date(2026, 4, 1), 9)),
        ]
        # of the first date what had passed when the journey began, of the third what had passed when it came to it
        assert Counter(await skipped(creditor)) == {"recordatorio": 2, "aviso-1": 2, "aviso-5": 1, "aviso-12": 1}
        assert await shown(creditor) == (1, "closed", "prejuridical", "referred", "100000.00")

    async def test_through_every_stage_in_order_when_the_third_is_not_due_yet(self, creditor: Creditor) -> None:
        dues = ("2026-01-10", "2026-01-20", "2026-02-20")
        await creditor.imports(row("A", *((f"{number}", day, "100000") for number, day in enumerate(dues))))
        await creditor.advances(START + DAY)
        await tells(creditor, "p", "200000", paid_at=(START + DAY).isoformat())
        assert await shown(creditor) == (1, "closed", "administrative", "cured", "100000.00")
        await creditor.advances(local(date(2026, 4, 30), 0))
        assert await stages(creditor) == [
            (1, "administrative", START),
            (2, "preventive", local(date(2026, 2, 15), 0)),
            (2, "administrative", local(date(2026, 2, 21), 0)),
            (2, "prejuridical", local(date(2026, 4, 22), 0)),
        ]
        assert [step for step, _ in await sent(creditor)] == ["recordatorio", "aviso-1", "aviso-5", "aviso-12", "carta"]

    async def test_after_an_outage_across_two_thresholds_with_one_contact_at_the_right_stage(
        self, api: Api, creditor: Creditor
    ) -> None:
        """Nobody acts while the clock passes two stages; what was missed is recorded, not sent in a burst."""
        await creditor.imports(row("A", ("1", "2026-02-05", "100000")))
        now = local(date(2026, 4, 7), 10)
        query = "UPDATE creditors SET test_clock = %s WHERE key = %s RETURNING key"
        await api.rows(query, now, creditor.key)
        await creditor.advances(now + timedelta(minutes=1))
        assert [step for step, _ in await sent(creditor)] == ["carta"]
        assert await skipped(creditor) == ["recordatorio", "aviso-1", "aviso-5", "aviso-12"]
        assert [(stage, at) for _, stage, at in await stages(creditor)] == [
            ("preventive", START),
            ("administrative", local(date(2026, 2, 6), 0)),
            ("prejuridical", local(date(2026, 4, 7), 0)),
        ]


class TestMoneyThatIsTakenBack:
    @pytest.mark.parametrize("kind", ["reversal", "chargeback", "refund", "cancellation"])
    async def test_reopens_at_the_stage_of_the_original_due_date_and_cures_again_when_it_comes_back(
        self, creditor: Creditor, kind: str
    ) -> None:
        await creditor.imports(row("A", ("1", "2025-11-20", "100000")))
        await tells(creditor, "p", "100000")
        assert await shown(creditor) == (1, "closed", "prejuridical", "paid", "0.00")
        await creditor.advances(START + 3 * DAY)
        await tells(creditor, "back", "100000", kind, reverses="p")
        await creditor.advances(START + 3 * DAY + timedelta(minutes=1))
        assert await shown(creditor) == (2, "active", "prejuridical", None, "100000.00")
        assert (await creditor.get("A"))["days_past_due"] == 77
        await tells(creditor, "won", "100000", "reversal", reverses="back")
        await creditor.advances(START + 30 * DAY)
        assert await shown(creditor) == (2, "closed", "prejuridical", "paid", "0.00")
        assert await sent(creditor) == []

    async def test_repeats_no_step_that_was_said_under_the_same_date(self, creditor: Creditor) -> None:
        await creditor.imports(row("A", PAST_DUE))
        await creditor.advances(START + DAY)
        await tells(creditor, "p", "100000")
        await creditor.advances(local(date(2026, 2, 2), 20) + DAY)
        await tells(creditor, "back", "100000", "chargeback", reverses="p")
        await creditor.advances(START + 20 * DAY)
        assert [step for step, _ in await sent(creditor)] == ["aviso-1", "aviso-5", "aviso-12"]

    async def test_also_where_it_is_told_before_the_payment(self, creditor: Creditor) -> None:
        await creditor.imports(row("A", PAST_DUE))
        early = await tells(creditor, "won", "40000", "reversal", reverses="back")
        assert (early["applied"], early["status"]) == (False, "unapplied")
        await tells(creditor, "back", "100000", "chargeback", reverses="p")
        await tells(creditor, "p", "100000")
        assert await shown(creditor) == (1, "active", "administrative", None, "60000.00")


class TestADueThatIsPaidOutOfOrder:
    async def test_leaves_the_older_one_and_its_journey_open(self, creditor: Creditor) -> None:
        await creditor.imports(row("A", ("1", "2026-01-15", "100000"), ("2", "2026-02-01", "80000")))
        await tells(creditor, "p", "80000", due="2")
        assert await shown(creditor) == (1, "active", "administrative", None, "100000.00")
        assert (await creditor.get("A"))["days_past_due"] == 18

    @pytest.mark.parametrize(
        ("principal_only", "status", "outcome"), [(False, "active", None), (True, "closed", "paid")]
    )
    async def test_in_its_principal_is_claimed_for_its_interest_by_the_creditors_policy(
        self, api: Api, principal_only: bool, status: str, outcome: str | None
    ) -> None:
        rules = {"order": ["principal", "interest", "fees"], "principal_only": principal_only}
        creditor = await api.creditor(money=rules)
        account = row("A", PAST_DUE)
        account["dues"][0]["interest"] = "20000"
        await creditor.imports(account)
        await tells(creditor, "p", "80000")
        assert await shown(creditor) == (1, status, "administrative", outcome, "20000.00")
        await creditor.advances(START + DAY)
        assert bool(await sent(creditor)) == (not principal_only)


class TestABalanceBelowTheMinimum:
    async def test_starts_nothing(self, creditor: Creditor) -> None:
        status = await creditor.imports(row("A", ("1", "2026-02-01", "999.99")), row("B", ("1", "2026-02-01", "1000")))
        assert status.started == 1
        await creditor.advances(START + DAY)
        assert await sent(creditor) == []
        assert [each["status"] for each in await creditor.get("B", "/contacts")].count("sent") == 1

    async def test_that_a_payment_brings_between_planning_and_sending_stops_the_contact(
        self, creditor: Creditor
    ) -> None:
        await creditor.imports(row("A", PAST_DUE))
        await creditor.advances(START + timedelta(hours=8, minutes=59))
        assert (await creditor.get("A"))["next_step"] == {"key": "aviso-1", "due_at": "2026-02-02T14:00:00Z"}
        await tells(creditor, "p", "99000.01")
        await creditor.advances(START + 10 * DAY)
        assert await sent(creditor) == []
        assert await shown(creditor) == (1, "closed", "administrative", "cured", "999.99")


class TestAPause:
    @pytest.fixture
    async def creditor(self, creditor: Creditor) -> Creditor:
        await creditor.imports(row("A", PAST_DUE))
        return creditor

    async def pauses(self, creditor: Creditor, starts: datetime | None, until: datetime | None) -> Any:
        body = {"from": starts and starts.isoformat(), "until": until and until.isoformat(), "reason": "hardship"}
        return await creditor.post("A", "/pause", {name: each for name, each in body.items() if each})

    async def test_overlaps_no_other_and_may_begin_where_one_ends(self, creditor: Creditor) -> None:
        assert (await self.pauses(creditor, START + DAY, START + 3 * DAY)).status_code == 201
        for starts, until in [(0, 2), (2, 9), (1, 3), (0, 9), (2, None), (None, None)]:
            answer = await self.pauses(
                creditor,
                None if starts is None else START + starts * DAY,
                None if until is None else START + until * DAY,
            )
            assert problem_of(answer) == (409, "journey.pause_overlaps")
        assert (await self.pauses(creditor, START + 3 * DAY, START + 5 * DAY)).status_code == 201
        assert (await self.pauses(creditor, START, START + DAY)).status_code == 201

    async def test_that_is_not_there_cannot_be_resumed(self, creditor: Creditor) -> None:
        assert problem_of(await creditor.post("A", "/resume")) == (409, "journey.not_paused")
        await self.pauses(creditor, START + DAY, START + 2 * DAY)
        assert problem_of(await creditor.post("A", "/resume")) == (409, "journey.not_paused")

    async def test_dated_back_holds_at_once_and_the_journey_goes_on_where_it_belongs(self, creditor: Creditor) -> None:
        await creditor.advances(local(date(2026, 2, 6), 8))
        await self.pauses(creditor, START + 3 * DAY, local(date(2026, 2, 7), 0))
        assert (await shown(creditor))[1] == "paused"
        await creditor.advances(START + 20 * DAY)
        assert [step for step, _ in await sent(creditor)] == ["aviso-1", "aviso-12"]
        assert await skipped(creditor) == ["recordatorio", "aviso-5"]

    async def test_that_is_over_already_changes_nothing_more(self, creditor: Creditor) -> None:
        await creditor.advances(local(date(2026, 2, 6), 8))
        await self.pauses(creditor, START + DAY, START + 3 * DAY)
        assert (await shown(creditor))[1] == "active"
        await creditor.advances(START + 5 * DAY)
        assert [step for step, _ in await sent(creditor)] == ["aviso-1", "aviso-5"]

    async def test_is_ended_by_a_payment_in_full(self, creditor: Creditor) -> None:
        await self.pauses(creditor, None, None)
        await tells(creditor, "p", "100000")
        assert await shown(creditor) == (1, "closed", "administrative", "paid", "0.00")

    async def test_is_not_for_agents(self, api: Api, creditor: Creditor) -> None:
        _, agent = await api.key("agent")
        for command in ("pause", "resume"):
            answer = await creditor.post("A", f"/{command}", {"reason": "hardship"}, **agent)
            assert problem_of(answer) == (403, "auth.role")


async def promised(creditor: Creditor) -> list[tuple[str, str]]:
    answer = await creditor.get("A", "/promises")
    return [(each["status"], each["paid"]) for each in answer["items"]]


class TestPromises:
    async def test_are_paid_first_in_first_out(self, api: Api) -> None:
        creditor = await api.creditor(agreements=QUIET)
        await creditor.imports(row("A", PAST_DUE))
        for amount, day in [("40000.00", "2026-02-05"), ("30000.00", "2026-02-04")]:
            answer = await creditor.post("A", "/promises", {"amount": amount, "due_date": day})
            assert answer.status_code == 201, answer.text
        await tells(creditor, "p", "40000")
        assert await promised(creditor) == [("open", "10000.00"), ("kept", "30000.00")]
        await tells(creditor, "back", "40000", "chargeback", reverses="p")
        assert await promised(creditor) == [("open", "0.00"), ("open", "0.00")]
        await tells(creditor, "q", "69999.99")
        assert await promised(creditor) == [("open", "39999.99"), ("kept", "30000.00")]
        await creditor.advances(START + 10 * DAY)
        assert await promised(creditor) == [("broken", "39999.99"), ("kept", "30000.00")]

    @pytest.mark.parametrize(("amount", "status"), [("54000.00", "kept"), ("53999.99", "broken")])
    async def test_are_kept_exactly_at_the_threshold_on_the_last_day_of_grace(
        self, api: Api, amount: str, status: str
    ) -> None:
        book = await api.playbook(promise={"grace_days": 2, "threshold": "0.90"})
        creditor = await api.creditor(agreements=QUIET, playbook=book)
        await creditor.imports(row("A", PAST_DUE))
        await creditor.post("A", "/promises", {"amount": "60000.00", "due_date": "2026-02-04"})
        last = local(date(2026, 2, 6), 23, 59)
        await creditor.advances(last)
        await tells(creditor, "p", amount, paid_at=last.isoformat())
        await creditor.advances(last + timedelta(minutes=1))
        assert await promised(creditor) == [(status, amount)]
        assert await sent(creditor) == []
        await creditor.advances(START + 20 * DAY)
        assert await sent(creditor) == [("aviso-12", local(date(2026, 2, 13), 9))]


@pytest.mark.parametrize("seed", range(3))
async def test_webhooks_twice_in_any_order_and_all_at_once_make_the_right_balance(
    creditor: Creditor, seed: int
) -> None:
    """Also while the account itself is being imported."""
    chance = random.Random(seed)
    told: list[tuple[str, str, str, str | None]] = [
        (f"p{each}", f"{10_000 + each}", "payment", None) for each in range(6)
    ]
    told += [("r0", "10000", "reversal", "p0"), ("r1", "4000", "refund", "p1"), ("r2", "99999", "chargeback", "p2")]
    told += [("w0", "10000", "reversal", "r0"), ("x0", "2500", "chargeback", "w0"), ("lost", "5000", "refund", "none")]
    posts = told * 2
    chance.shuffle(posts)
    account = row("A", ("1", "2026-01-15", "50000"), ("2", "2026-01-20", "50000"))
    answers = await asyncio.gather(
        *(tells(creditor, name, amount, kind, reverses=target) for name, amount, kind, target in posts),
        creditor.imports(account),
    )
    assert Counter(answer["status"] for answer in answers[:-1])["duplicate"] == len(told)
    paid = Decimal(7_500 + 6_001 + 0 + 10_003 + 10_004 + 10_005)
    assert (await creditor.get("A"))["balance"]["amount"] == f"{100_000 - paid:.2f}"
    answer = await creditor.api.http.get(f"/v1/accounts/{creditor.key}/A/statement")
    found = answer.json()
    assert Decimal(found["balance"]) == sum(Decimal(line["amount"]) for line in found["lines"]) == 100_000 - paid
    assert [each["balance"] for each in found["dues"]] == [f"{50_000 - min(paid, 50_000):.2f}", "50000.00"]
