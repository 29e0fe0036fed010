"""Payment plans: steps wait for the next unpaid instalment; a missed one breaks the plan, all of them keep it."""

from collections.abc import Awaitable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from journey.limits import AgreementRules, PlanRules
from ledger.opening import due_to_enter
from ledger.views import journey, list_journeys
from policy.errors import SendaError
from tests.ledger.agreed import Agreed, with_rules
from tests.ledger.given import START, Given, local, row

DAY = timedelta(days=1)
FIRST, SECOND, THIRD = "2026-02-05", "2026-03-05", "2026-04-04"
ENDS = [local(date(2026, 2, 7), 0), local(date(2026, 3, 7), 0), local(date(2026, 4, 6), 0)]
"""When each instalment's day of grace is over."""

THREE = ((FIRST, "40000"), (SECOND, "30000"), (THIRD, "30000"))


@pytest.fixture
async def given(given: Given) -> Given:
    """With account A, which owes 100 000, all past due since 2 February; a missed instalment breaks a plan at once."""
    rules = PlanRules(instalments=(2, 3, 6), first_share=Decimal("0.20"), first_within_days=10, max_days=200)
    await with_rules(given, AgreementRules(plan=rules.model_copy(update={"cure_days": 0})))
    await given.imported(row("A", ("1", "2026-02-01", "100000")))
    return given


@pytest.fixture
def agreed(given: Given) -> Agreed:
    return Agreed(given)


async def code_of(command: Awaitable[Any]) -> str:
    with pytest.raises(SendaError) as refused:
        await command
    return refused.value.code


async def waits(given: Given, episode: int = 1) -> Any:
    """Until when the journey's holds cover."""
    return (await given.record(given.journey("A", episode))).state.standing.holds[-1].ends


async def status(given: Given) -> str:
    found = await journey(given.ledger, given.key, "A")
    assert found is not None
    return found["status"]


async def test_a_plan_holds_until_its_first_instalment_and_grace(given: Given, agreed: Agreed) -> None:
    await agreed.plans("A", *THREE)
    assert (await waits(given), await status(given)) == (ENDS[0], "plan")
    page = await list_journeys(given.ledger, creditor=given.key, status="plan")
    assert [item["account"] for item in page.items] == ["A"]
    assert await given.lives(ENDS[0]) == []


async def test_each_instalment_that_is_paid_moves_the_hold_to_the_next(given: Given, agreed: Agreed) -> None:
    await agreed.plans("A", *THREE)
    await given.clock(START + DAY)
    await given.pays("A", "39999.99", paid_at=START + DAY)
    assert await waits(given) == ENDS[0]
    await given.pays("A", "0.01", paid_at=START + DAY)
    assert await waits(given) == ENDS[1]
    await given.pays("A", "35000", paid_at=START + DAY)
    assert await waits(given) == ENDS[2]
    (plan,) = await agreed.shown("plan")
    assert [each["paid"] for each in plan["instalments"]] == ["40000.00", "30000.00", "5000.00"]
    assert await agreed.facts("A", "plan") == ["plan_made", "plan_moved", "plan_moved"]


async def test_a_plan_that_is_paid_in_time_is_kept_and_nobody_was_contacted(given: Given, agreed: Agreed) -> None:
    await agreed.plans("A", *THREE)
    permits: list[Any] = []
    for day, amount in THREE:
        at = local(date.fromisoformat(day), 12)
        permits += await given.lives(at)
        await given.pays("A", amount, paid_at=at)
    assert permits == []
    assert (await agreed.statuses("plan"), (await given.journeys("A"))[0]["outcome"]) == (["kept"], "paid")


async def test_an_instalment_that_is_missed_breaks_the_plan_and_the_journey_goes_on(
    given: Given, agreed: Agreed
) -> None:
    await agreed.plans("A", *THREE)
    await given.pays("A", "40000")
    await given.clock(ENDS[1])
    assert (await agreed.statuses("plan"), await status(given)) == (["broken"], "active")
    await agreed.settles()
    (fact,) = [each for each in await given.events("A") if each["kind"] == "plan_broken"]
    assert fact["at"] == ENDS[1]


async def test_a_payment_after_the_grace_does_not_mend_a_broken_plan(given: Given, agreed: Agreed) -> None:
    await agreed.plans("A", *THREE)
    await given.clock(ENDS[0])
    await given.pays("A", "50000", paid_at=ENDS[0])
    assert (await agreed.statuses("plan"), await waits(given)) == (["broken"], ENDS[0])


async def test_a_payment_of_before_the_grace_ended_that_came_late_mends_it(given: Given, agreed: Agreed) -> None:
    await agreed.plans("A", *THREE)
    await given.clock(ENDS[0] + DAY)
    await agreed.settles()
    await given.pays("A", "40000", paid_at=ENDS[0] - DAY)
    assert (await agreed.statuses("plan"), await waits(given)) == (["open"], ENDS[1])
    assert await agreed.facts("A", "plan") == ["plan_made", "plan_broken", "plan_reopened"]


class TestAReversal:
    async def test_moves_the_hold_back(self, given: Given, agreed: Agreed) -> None:
        await agreed.plans("A", *THREE)
        await given.pays("A", "40000", id=f"{given.key}-p")
        await given.reverses("A", f"{given.key}-p", "40000")
        assert (await agreed.statuses("plan"), await waits(given)) == (["open"], ENDS[0])

    async def test_of_an_instalment_whose_time_is_over_breaks_the_plan_at_once(
        self, given: Given, agreed: Agreed
    ) -> None:
        await agreed.plans("A", *THREE)
        await given.pays("A", "40000", id=f"{given.key}-p")
        now = ENDS[0] + DAY
        await given.clock(now)
        await given.reverses("A", f"{given.key}-p", "40000", paid_at=now)
        assert (await agreed.statuses("plan"), await waits(given), await status(given)) == (["broken"], now, "active")

    async def test_opens_a_kept_plan_again_while_its_time_runs(self, given: Given, agreed: Agreed) -> None:
        await given.imported(row("A", ("2", "2026-06-01", "50000"), person=await person_of(given)))
        await agreed.plans("A", (FIRST, "100000"), (SECOND, "50000"))
        await given.pays("A", "150000", id=f"{given.key}-p")
        await given.reverses("A", f"{given.key}-p", "10000")
        assert await agreed.statuses("plan") == ["open"]
        assert await agreed.facts("A", "plan") == ["plan_made", "plan_kept", "plan_reopened"]


async def person_of(given: Given) -> str:
    found = await given.one(
        "SELECT p.key FROM people p JOIN accounts a ON a.person_id = p.id WHERE a.id = %s", await given.number("A")
    )
    return found["key"]


async def test_a_plan_that_is_kept_early_holds_no_longer(given: Given, agreed: Agreed) -> None:
    await agreed.plans("A", *THREE)
    await given.imported(row("A", ("2", "2026-02-02", "70000"), person=await person_of(given)))
    await given.clock(START + 2 * DAY)
    await given.pays("A", "100000", paid_at=START + DAY)
    assert (await agreed.statuses("plan"), await status(given)) == (["kept"], "active")


async def test_a_plan_goes_on_over_a_cure_and_the_next_journey_starts_with_its_hold(
    given: Given, agreed: Agreed
) -> None:
    await given.imported(row("A", ("2", "2026-03-04", "60000"), person=await person_of(given)))
    await agreed.plans("A", (FIRST, "100000"), ("2026-03-10", "60000"))
    await given.pays("A", "100000")
    assert (await given.journeys("A"))[0]["outcome"] == "cured"
    entry = local(date(2026, 2, 27), 0)
    assert await given.lives(entry) == []
    await given.opened(await due_to_enter(given.ledger, given.key, 10))
    assert (await waits(given, 2), await status(given)) == (local(date(2026, 3, 12), 0), "plan")
    assert await given.lives(local(date(2026, 3, 12), 0)) == []
    assert await agreed.statuses("plan") == ["broken"]
    assert await given.lives(local(date(2026, 3, 20), 0)) != []


async def test_one_agreement_at_a_time(given: Given, agreed: Agreed) -> None:
    promise = await agreed.promises("A", "50000", "2026-02-04")
    assert await code_of(agreed.plans("A", *THREE)) == "agreement.open"
    await agreed.cancels("A", "promise", promise)
    plan = await agreed.plans("A", *THREE)
    assert await code_of(agreed.plans("A", *THREE)) == "agreement.open"
    assert await code_of(agreed.promises("A", "50000", "2026-02-04")) == "agreement.open"
    await agreed.cancels("A", "plan", plan)
    assert (await agreed.statuses("plan"), await status(given)) == (["cancelled"], "active")


@pytest.mark.parametrize(
    ("instalments", "code"),
    [
        (((FIRST, "40000"), (SECOND, "59999.99")), "agreement.sum_differs"),
        (((FIRST, "40000"), (SECOND, "60000.01")), "agreement.too_much"),
        (((FIRST, "19999.99"), (SECOND, "80000.01")), "agreement.too_little"),
        ((("2026-02-13", "40000"), (SECOND, "60000")), "agreement.too_late"),
        (((FIRST, "40000"), ("2026-08-22", "60000")), "agreement.too_late"),
        ((("2026-02-01", "40000"), (SECOND, "60000")), "agreement.in_past"),
        (((SECOND, "40000"), (FIRST, "60000")), "agreement.out_of_order"),
        (((FIRST, "40000"), (FIRST, "60000")), "agreement.out_of_order"),
        (
            ((FIRST, "40000"), *((f"2026-03-{day:02}", "10000") for day in range(1, 7))),
            "agreement.too_many_instalments",
        ),
    ],
)
async def test_a_plan_lies_within_the_creditors_limits(
    given: Given, agreed: Agreed, instalments: tuple[tuple[str, str], ...], code: str
) -> None:
    assert await code_of(agreed.plans("A", *instalments)) == code
    assert await agreed.shown("plan") == []


async def test_who_may_go_beyond_the_limits_agrees_on_a_longer_plan_for_less(given: Given, agreed: Agreed) -> None:
    await agreed.plans("A", ("2026-03-20", "1000"), ("2027-01-20", "2000"), beyond_limits=True)
    assert (await agreed.shown("plan"))[0]["override"] is True
    (fact,) = [each for each in await given.events("A") if each["kind"] == "plan_made"]
    assert fact["data"]["beyond_limits"] is True
