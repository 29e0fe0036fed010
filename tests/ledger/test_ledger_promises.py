"""Promises to pay: the steps wait, payments keep them first in first out, time breaks them."""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from journey.limits import AgreementRules, PromiseRules
from ledger.agreements import make_promise, offers
from ledger.deadlines import settle_due
from ledger.errors import Conflict, NotFound
from ledger.opening import due_to_enter
from ledger.record import open_record
from ledger.views import journey, list_journeys
from policy.errors import SendaError
from tests.ledger.agreed import Agreed, with_rules
from tests.ledger.given import START, Given, local, playbook, row

PAST_DUE = ("1", "2026-02-01", "100000")
DAY = timedelta(days=1)
DEADLINE = local(date(2026, 2, 6), 0)
"""Of a promise for 4 February: the start of the day after its day of grace."""


@pytest.fixture
async def given(given: Given) -> Given:
    """With account A, which owes 100 000; its notices fall due on 2, 6 and 13 February."""
    await given.imported(row("A", PAST_DUE))
    return given


@pytest.fixture
def agreed(given: Given) -> Agreed:
    return Agreed(given)


async def code_of(command: Awaitable[Any]) -> str:
    with pytest.raises(SendaError) as refused:
        await command
    return refused.value.code


async def status(given: Given, account: str = "A") -> str:
    found = await journey(given.ledger, given.key, account)
    assert found is not None
    return found["status"]


async def listed(given: Given, status: str) -> list[str]:
    page = await list_journeys(given.ledger, creditor=given.key, status=status)
    return [item["account"] for item in page.items]


class TestTheStepsWait:
    async def test_until_the_day_after_the_grace(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "100000", "2026-02-04")
        await given.lives(local(date(2026, 2, 7), 0))
        made = [(each["step"], each["decided_at"]) for each in await given.decisions("A")]
        assert made == [("aviso-5", local(date(2026, 2, 6), 9))]

    async def test_and_the_journey_shows_as_one_with_a_promise(self, given: Given, agreed: Agreed) -> None:
        assert (await status(given), await listed(given, "promise")) == ("active", [])
        await agreed.promises("A", "100000", "2026-02-04")
        assert (await status(given), await listed(given, "promise"), await listed(given, "active")) == (
            "promise", ["A"], [],
        )  # fmt: skip
        await given.clock(DEADLINE)
        assert (await status(given), await listed(given, "promise")) == ("active", [])

    async def test_for_longer_where_the_playbook_has_more_grace(self, ledger: Any) -> None:
        given = await Given(ledger).set_up(playbook("con-gracia", promise={"grace_days": 3, "threshold": "1"}))
        await given.imported(row("A", PAST_DUE))
        await Agreed(given).promises("A", "100000", "2026-02-04")
        (promise,) = await Agreed(given).shown("promise")
        assert promise["waits_until"] == local(date(2026, 2, 8), 0)

    async def test_and_the_engine_is_told(self, given: Given, agreed: Agreed) -> None:
        made = await agreed.promise("A", "100000", "2026-02-04")
        assert made.told is not None
        assert (made.told.kind, made.told.journey_id) == ("promise", given.journey("A"))
        assert [(hold.id, hold.ends) for hold in made.told.standing.holds] == [(f"promise:{made.id}", DEADLINE)]

    async def test_but_a_payment_in_full_ends_the_journey(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "50000", "2026-02-04")
        await given.pays("A", "100000")
        (closed,) = await given.journeys("A")
        assert (closed["outcome"], await agreed.statuses("promise")) == ("paid", ["kept"])

    async def test_also_under_a_pause_by_people_which_shows_first(self, given: Given, agreed: Agreed) -> None:
        await given.pauses("A", ends=START + DAY)
        await agreed.promises("A", "100000", "2026-02-04")
        assert (await status(given), await listed(given, "paused")) == ("paused", ["A"])
        await given.clock(START + DAY)
        assert await status(given) == "promise"

    async def test_and_people_may_pause_while_it_is_open(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "100000", "2026-02-04")
        await given.pauses("A")
        assert await status(given) == "paused"
        await given.resumes("A")
        assert await status(given) == "promise"

    async def test_and_no_resume_ends_it(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "100000", "2026-02-04")
        assert await code_of(given.resumes("A")) == "journey.not_paused"


class TestAPromiseIsKept:
    async def test_by_a_payment_of_its_amount_and_the_hold_stays(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "60000", "2026-02-04")
        await given.pays("A", "60000")
        (promise,) = await agreed.shown("promise")
        assert (promise["status"], promise["paid"], await status(given)) == ("kept", "60000.00", "promise")
        (fact,) = [each for each in await given.events("A") if each["kind"] == "promise_kept"]
        assert (fact["data"]["promise"], fact["data"]["payments"]) == (promise["id"], [f"{given.key}:0"])

    @pytest.mark.parametrize(("amount", "outcome"), [("54000.00", "kept"), ("53999.99", "broken")])
    async def test_exactly_at_the_threshold_on_the_last_day_of_grace(
        self, ledger: Any, amount: str, outcome: str
    ) -> None:
        given = await Given(ledger).set_up(playbook("casi", promise={"grace_days": 1, "threshold": "0.90"}))
        await given.imported(row("A", PAST_DUE))
        agreed = Agreed(given)
        await agreed.promises("A", "60000", "2026-02-04")
        last = DEADLINE - timedelta(seconds=1)
        await given.clock(last)
        await given.pays("A", amount, paid_at=last)
        await given.clock(DEADLINE)
        assert await agreed.statuses("promise") == [outcome]

    async def test_by_several_payments_together(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "60000", "2026-02-04")
        await given.pays("A", "30000")
        assert await agreed.statuses("promise") == ["open"]
        await given.pays("A", "30000")
        assert await agreed.statuses("promise") == ["kept"]

    async def test_not_by_what_was_paid_before_it(self, given: Given, agreed: Agreed) -> None:
        await given.pays("A", "40000")
        await agreed.promises("A", "40000", "2026-02-04")
        (promise,) = await agreed.shown("promise")
        assert (promise["status"], promise["paid"]) == ("open", "0.00")

    async def test_not_by_a_payment_of_a_day_before_that_came_late(self, given: Given, agreed: Agreed) -> None:
        await given.clock(START + DAY)
        await agreed.promises("A", "40000", "2026-02-04")
        await given.pays("A", "40000", paid_at=START + DAY - timedelta(seconds=1))
        assert await agreed.statuses("promise") == ["open"]

    async def test_by_a_payment_of_its_last_day_that_came_late(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "40000", "2026-02-04")
        await given.clock(DEADLINE + DAY)
        await agreed.settles()
        assert await agreed.statuses("promise") == ["broken"]
        await given.pays("A", "40000", paid_at=DEADLINE - timedelta(seconds=1))
        assert await agreed.statuses("promise") == ["kept"]
        assert await agreed.facts("A", "promise") == ["promise_made", "promise_broken", "promise_kept"]

    async def test_not_by_a_payment_after_its_end(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "40000", "2026-02-04")
        await given.clock(DEADLINE)
        await given.pays("A", "40000", paid_at=DEADLINE)
        assert await agreed.statuses("promise") == ["broken"]
        assert (await agreed.shown("promise"))[0]["status_at"] == DEADLINE

    async def test_where_the_creditor_takes_off_all_that_is_owed(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "40000", "2026-02-04")
        await given.pays("A", "30000")
        await given.imported(row("A", ("1", "2026-02-01", "30000"), person=await person_of(given)))
        await given.clock(DEADLINE)
        await agreed.settles()
        assert await agreed.statuses("promise") == ["kept"]

    async def test_when_the_money_comes_from_a_closed_journey(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "40000", "2026-02-04")
        await given.closes("A", "withdrawn")
        await given.pays("A", "40000")
        assert (await agreed.statuses("promise"), await agreed.facts("A", "promise")) == (
            ["kept"], ["promise_made", "promise_kept"],
        )  # fmt: skip


async def person_of(given: Given) -> str:
    found = await given.one(
        "SELECT p.key FROM people p JOIN accounts a ON a.person_id = p.id WHERE a.id = %s", await given.number("A")
    )
    return found["key"]


class TestAReversal:
    async def test_opens_a_kept_promise_again_while_its_time_runs(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "60000", "2026-02-04")
        await given.pays("A", "60000", id=f"{given.key}-p")
        await given.reverses("A", f"{given.key}-p", "60000")
        assert await agreed.statuses("promise") == ["open"]
        assert await agreed.facts("A", "promise") == ["promise_made", "promise_kept", "promise_reopened"]
        await given.pays("A", "60000")
        assert await agreed.statuses("promise") == ["kept"]

    async def test_changes_nothing_once_its_time_is_over(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "60000", "2026-02-04")
        await given.pays("A", "60000", id=f"{given.key}-p")
        await given.clock(DEADLINE)
        await given.reverses("A", f"{given.key}-p", "60000", paid_at=DEADLINE)
        assert await agreed.statuses("promise") == ["kept"]

    async def test_of_what_came_before_the_promise_takes_nothing_from_it(self, given: Given, agreed: Agreed) -> None:
        await given.pays("A", "30000", id=f"{given.key}-p")
        await agreed.promises("A", "40000", "2026-02-04")
        await given.pays("A", "40000")
        await given.reverses("A", f"{given.key}-p", "30000")
        assert await agreed.statuses("promise") == ["kept"]

    async def test_that_brings_the_account_back_finds_the_promise_still_open(
        self, given: Given, agreed: Agreed
    ) -> None:
        number = await agreed.promises("A", "100000", "2026-02-04")
        await given.pays("A", "100000", id=f"{given.key}-p")
        await given.reverses("A", f"{given.key}-p", "100000")
        await given.opened(await due_to_enter(given.ledger, given.key, 10))
        assert await agreed.statuses("promise") == ["open"]
        holds = (await given.record(given.journey("A", 2))).state.standing.holds
        assert [(hold.id, hold.ends) for hold in holds] == [(f"promise:{number}", DEADLINE)]
        assert await given.lives(DEADLINE) == []


class TestAPromiseIsBroken:
    async def test_when_its_time_is_over_and_the_journey_goes_on(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "60000", "2026-02-04")
        await given.pays("A", "59999.99")
        await given.clock(DEADLINE - timedelta(seconds=1))
        assert await agreed.statuses("promise") == ["open"]
        await given.clock(DEADLINE)
        assert (await agreed.statuses("promise"), await status(given)) == (["broken"], "active")

    async def test_and_that_is_a_fact_of_that_instant_once(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "60000", "2026-02-04")
        await given.clock(DEADLINE + DAY)
        await agreed.settles()
        await agreed.settles()
        (fact,) = [each for each in await given.events("A") if each["kind"] == "promise_broken"]
        assert (fact["at"], fact["actor"]) == (DEADLINE, "senda")

    async def test_also_where_people_closed_the_journey(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "60000", "2026-02-04")
        await given.closes("A", "withdrawn")
        await given.clock(DEADLINE)
        await agreed.settles()
        assert await agreed.facts("A", "promise") == ["promise_made", "promise_broken"]

    async def test_and_housekeeping_on_the_real_clock_leaves_test_clocks_alone(
        self, given: Given, agreed: Agreed
    ) -> None:
        await agreed.promises("A", "60000", "2026-02-04")
        await given.clock(DEADLINE)
        await settle_due(given.ledger, None)
        assert await agreed.facts("A", "promise") == ["promise_made"]

    async def test_so_often_that_the_creditor_takes_no_more(self, given: Given, agreed: Agreed) -> None:
        await with_rules(given, AgreementRules(promise=PromiseRules(max_broken=2)))
        at = START
        for _ in range(2):
            day = (at + DAY).date().isoformat()
            await agreed.promises("A", "60000", day)
            at += 4 * DAY
            await given.clock(at)
        assert await code_of(agreed.promises("A", "60000", "2026-02-12")) == "agreement.too_many_broken"
        await agreed.settles()
        assert await code_of(agreed.promises("A", "60000", "2026-02-12")) == "agreement.too_many_broken"
        assert await agreed.promises("A", "60000", "2026-02-12", beyond_limits=True)


class TestTwoPromises:
    @pytest.fixture
    async def agreed(self, given: Given) -> Agreed:
        await with_rules(given, AgreementRules(promise=PromiseRules(max_open=2)))
        return Agreed(given)

    async def test_are_paid_first_in_first_out_by_their_days(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "40000", "2026-02-10")
        await agreed.promises("A", "30000", "2026-02-04")
        await given.pays("A", "45000")
        later, sooner = await agreed.shown("promise")
        assert (sooner["status"], sooner["paid"]) == ("kept", "30000.00")
        assert (later["status"], later["paid"]) == ("open", "15000.00")
        await given.pays("A", "25000")
        assert await agreed.statuses("promise") == ["kept", "kept"]

    async def test_hold_until_the_later_ones_end(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "40000", "2026-02-10")
        await agreed.promises("A", "30000", "2026-02-04")
        await given.lives(local(date(2026, 2, 12), 0) - timedelta(seconds=1))
        assert await given.decisions("A") == []

    async def test_are_at_most_so_many(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "40000", "2026-02-10")
        await agreed.promises("A", "30000", "2026-02-04")
        assert await code_of(agreed.promises("A", "30000", "2026-02-05")) == "agreement.open"

    async def test_are_none_beside_a_plan(self, given: Given, agreed: Agreed) -> None:
        await agreed.plans("A", ("2026-02-05", "40000"), ("2026-03-05", "60000"))
        assert await code_of(agreed.promises("A", "40000", "2026-02-10")) == "agreement.open"

    async def test_what_one_no_longer_needs_goes_to_the_other(self, given: Given, agreed: Agreed) -> None:
        later = await agreed.promises("A", "40000", "2026-02-10")
        sooner = await agreed.promises("A", "40000", "2026-02-04")
        await given.pays("A", "20000")
        await agreed.cancels("A", "promise", sooner)
        await given.pays("A", "20000")
        assert {each["id"]: each["status"] for each in await agreed.shown("promise")} == {
            later: "kept",
            sooner: "cancelled",
        }


class TestACancelledPromise:
    async def test_holds_no_longer(self, given: Given, agreed: Agreed) -> None:
        number = await agreed.promises("A", "100000", "2026-02-04")
        await given.clock(START + DAY)
        await agreed.cancels("A", "promise", number)
        assert (await status(given), await agreed.statuses("promise")) == ("active", ["cancelled"])
        await given.clock(DEADLINE)
        await agreed.settles()
        assert await agreed.facts("A", "promise") == ["promise_made", "promise_cancelled"]

    async def test_makes_room_for_another(self, given: Given, agreed: Agreed) -> None:
        await agreed.cancels("A", "promise", await agreed.promises("A", "100000", "2026-02-04"))
        await agreed.promises("A", "50000", "2026-02-05")
        assert await agreed.statuses("promise") == ["cancelled", "open"]

    async def test_twice_by_the_same_command_is_once(self, given: Given, agreed: Agreed) -> None:
        number = await agreed.promises("A", "100000", "2026-02-04")
        await agreed.cancels("A", "promise", number, key=f"{given.key}:c")
        await agreed.cancels("A", "promise", number, key=f"{given.key}:c")
        assert await agreed.facts("A", "promise") == ["promise_made", "promise_cancelled"]

    async def test_of_a_closed_journey_too(self, given: Given, agreed: Agreed) -> None:
        number = await agreed.promises("A", "100000", "2026-02-04")
        await given.closes("A", "withdrawn")
        await agreed.cancels("A", "promise", number)
        assert await agreed.statuses("promise") == ["cancelled"]

    async def test_cannot_be_one_that_is_over(self, given: Given, agreed: Agreed) -> None:
        number = await agreed.promises("A", "100000", "2026-02-04")
        await given.clock(DEADLINE)
        assert await code_of(agreed.cancels("A", "promise", number)) == "agreement.not_open"

    async def test_must_be_one_of_the_account(self, given: Given, agreed: Agreed) -> None:
        await given.imported(row("B", PAST_DUE))
        number = await agreed.promises("A", "100000", "2026-02-04")
        with pytest.raises(NotFound, match="no promise"):
            await agreed.cancels("B", "promise", number)
        with pytest.raises(NotFound, match="no plan"):
            await agreed.cancels("A", "plan", number)


class TestWhatMayBePromised:
    @pytest.fixture
    async def given(self, given: Given) -> Given:
        """A creditor with narrow limits."""
        narrow = PromiseRules(max_days=15, min_share=Decimal("0.30"), max_broken=2, max_open=1)
        await with_rules(given, AgreementRules(promise=narrow))
        return given

    @pytest.mark.parametrize(
        ("amount", "day", "code"),
        [
            ("29999.99", "2026-02-04", "agreement.too_little"),
            ("100000.01", "2026-02-04", "agreement.too_much"),
            ("50000.001", "2026-02-04", "agreement.amount_decimals"),
            ("50000", "2026-02-01", "agreement.in_past"),
            ("50000", "2026-02-18", "agreement.too_late"),
        ],
    )
    async def test_lies_within_the_creditors_limits(
        self, given: Given, agreed: Agreed, amount: str, day: str, code: str
    ) -> None:
        assert await code_of(agreed.promises("A", amount, day)) == code
        assert await agreed.shown("promise") == []

    @pytest.mark.parametrize(("amount", "day"), [("30000", "2026-02-17"), ("100000", "2026-02-02")])
    async def test_may_be_all_that_they_allow(self, given: Given, agreed: Agreed, amount: str, day: str) -> None:
        assert await agreed.promises("A", amount, day)

    async def test_is_more_where_somebody_may_go_beyond_them(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "10", "2026-05-01", beyond_limits=True)
        assert (await agreed.shown("promise"))[0]["override"] is True

    async def test_is_nothing_where_the_creditor_takes_no_promises(self, given: Given, agreed: Agreed) -> None:
        await with_rules(given, AgreementRules(promise=None))
        assert await code_of(agreed.promises("A", "50000", "2026-02-04")) == "agreement.not_offered"

    async def test_is_one_at_a_time(self, given: Given, agreed: Agreed) -> None:
        await agreed.promises("A", "50000", "2026-02-04")
        with pytest.raises(Conflict) as refused:
            await agreed.promises("A", "50000", "2026-02-05", beyond_limits=True)
        assert refused.value.code == "agreement.open"

    async def test_is_nothing_while_the_debt_is_disputed(self, given: Given, agreed: Agreed) -> None:
        await agreed.disputes("A")
        assert await code_of(agreed.promises("A", "50000", "2026-02-04")) == "agreement.disputed"

    async def test_is_nothing_without_an_open_journey(self, given: Given, agreed: Agreed) -> None:
        await given.closes("A", "withdrawn")
        assert await code_of(agreed.promises("A", "50000", "2026-02-04")) == "journey.not_open"
        assert await code_of(agreed.promises("X", "50000", "2026-02-04")) == "account.unknown"

    async def test_is_told_beforehand(self, given: Given, agreed: Agreed) -> None:
        async def offered() -> Any:
            async with given.ledger.transaction() as tx:
                record = await open_record(tx, account_id=await given.number("A"))
                assert record is not None
                return await offers(tx, record)

        found = await offered()
        assert found.promise is not None
        assert (found.promise.last_day, found.promise.at_least) == (date(2026, 2, 17), Decimal("30000.00"))
        assert found.plan is not None
        assert (found.plan.instalments, found.plan.first_by) == ((2, 3, 6, 12), date(2026, 3, 5))
        number = await agreed.promises("A", "50000", "2026-02-04")
        assert (await offered()).promise is None
        await agreed.cancels("A", "promise", number)
        assert (await offered()) == found
        await agreed.disputes("A")
        assert (await offered()).plan is None


async def test_the_same_command_again_is_the_same_promise(given: Given, agreed: Agreed) -> None:
    first = await agreed.promise("A", "50000", "2026-02-04", key=f"{given.key}:k")
    again = await agreed.promise("A", "50000", "2026-02-04", key=f"{given.key}:k")
    assert again == replace(first, told=None)
    assert len(await agreed.shown("promise")) == 1


async def test_a_promise_may_be_made_within_a_transaction_of_the_callers(given: Given, agreed: Agreed) -> None:
    class Undone(Exception):
        pass

    async def make(undo: bool) -> None:
        async with given.ledger.transaction() as tx:
            record = await open_record(tx, account_id=await given.number("A"))
            assert record is not None
            word = agreed.word(origin="bot", actor="bot")
            await make_promise(tx, record, Decimal(50000), date(2026, 2, 4), word)
            if undo:
                raise Undone

    with pytest.raises(Undone):
        await make(undo=True)
    assert (await agreed.shown("promise"), await status(given)) == ([], "active")
    await make(undo=False)
    assert [(each["origin"], each["actor"]) for each in await agreed.shown("promise")] == [("bot", "bot")]


async def test_promises_are_listed_by_status_account_and_page(given: Given, agreed: Agreed) -> None:
    await given.imported(row("B", PAST_DUE))
    await agreed.cancels("A", "promise", await agreed.promises("A", "50000", "2026-02-04"))
    await agreed.promises("A", "50000", "2026-02-04")
    await agreed.promises("B", "50000", "2026-02-04")
    assert [each["account"] for each in await agreed.shown("promise", status="open")] == ["A", "B"]
    assert [each["status"] for each in await agreed.shown("promise", account="A")] == ["cancelled", "open"]
    assert len(await agreed.shown("promise", limit=2)) == 2


async def test_a_promise_on_the_real_clock_ends_in_the_debtors_own_midnight(ledger: Any) -> None:
    given = await Given(ledger).set_up(at=None)
    today = datetime.now(UTC).date()
    await given.imported(row("A", ("1", (today - 5 * DAY).isoformat(), "100000")))
    await Agreed(given).promises("A", "50000", (today + 3 * DAY).isoformat())
    (promise,) = await Agreed(given).shown("promise")
    assert promise["waits_until"] == local(today + 5 * DAY, 0)
