"""Plans that miss an instalment: warned, made good or broken; plans that begin with their first payment or never."""

from datetime import date, timedelta
from typing import Any

import pytest

from journey.limits import AgreementRules, PlanRules
from ledger.deadlines import next_deadline
from ledger.views import journey
from policy.errors import SendaError
from tests.ledger.agreed import Agreed, with_rules
from tests.ledger.given import START, Given, local, row

DAY = timedelta(days=1)
THREE = (("2026-02-05", "40000"), ("2026-03-05", "30000"), ("2026-04-04", "30000"))
MISSED = [local(date(2026, 2, 7), 0), local(date(2026, 3, 7), 0), local(date(2026, 4, 6), 0)]
"""When each instalment's day of grace is over."""
ENDS = [at + 5 * DAY for at in MISSED]
"""When it can be made good no longer."""


@pytest.fixture
async def given(given: Given) -> Given:
    """With account A, which owes 100 000; its notices fall due on 2, 6 and 13 February."""
    await given.imported(row("A", ("1", "2026-02-01", "100000")))
    return given


@pytest.fixture
def agreed(given: Given) -> Agreed:
    return Agreed(given)


async def plan(agreed: Agreed) -> dict[str, Any]:
    (found,) = await agreed.shown("plan")
    return found


async def states(agreed: Agreed) -> tuple[str, str, list[str]]:
    """The plan's status and state, and the states of its instalments."""
    found = await plan(agreed)
    return found["status"], found["state"], [each["state"] for each in found["instalments"]]


async def status(given: Given) -> str:
    found = await journey(given.ledger, given.key, "A")
    assert found is not None
    return found["status"]


async def pays_at(given: Given, amount: str, at: Any, **changes: Any) -> None:
    await given.clock(at)
    await given.pays("A", amount, paid_at=at, **changes)


class TestAMissedInstalment:
    async def test_is_late_after_its_day_missed_after_its_grace_and_breaks_the_plan_after_the_cure(
        self, given: Given, agreed: Agreed
    ) -> None:
        await agreed.plans("A", *THREE)
        seen: list[Any] = []
        for at in (START, local(date(2026, 2, 6), 0), MISSED[0], ENDS[0] - timedelta(seconds=1), ENDS[0]):
            await given.clock(at)
            seen.append((*await states(agreed), await status(given)))
        rest = ["pending", "pending"]
        assert seen == [
            ("open", "active", ["pending", *rest], "plan"),
            ("open", "active", ["late", *rest], "plan"),
            ("open", "warned", ["missed", *rest], "plan"),
            ("open", "warned", ["missed", *rest], "plan"),
            ("broken", "broken", ["missed", *rest], "active"),
        ]

    async def test_is_a_fact_when_it_is_warned_of_and_when_it_breaks_once_each(
        self, given: Given, agreed: Agreed
    ) -> None:
        await agreed.plans("A", *THREE)
        for at in (MISSED[0] - timedelta(seconds=1), MISSED[0], MISSED[0] + DAY, ENDS[0] + DAY):
            await given.clock(at)
            await agreed.settles()
            await agreed.settles()
        facts = [(each["kind"], each["at"]) for each in await given.events("A") if each["kind"].startswith("plan")]
        assert facts == [("plan_made", START), ("plan_warned", MISSED[0]), ("plan_broken", ENDS[0])]

    async def test_is_told_late_with_its_own_instants_where_nobody_looked(self, given: Given, agreed: Agreed) -> None:
        await agreed.plans("A", *THREE)
        await given.clock(ENDS[0] + 3 * DAY)
        await agreed.settles()
        facts = [(each["kind"], each["at"]) for each in await given.events("A") if each["kind"].startswith("plan")]
        assert facts[-1] == ("plan_broken", ENDS[0])

    async def test_that_is_made_good_lets_the_plan_go_on(self, given: Given, agreed: Agreed) -> None:
        await agreed.plans("A", *THREE)
        await given.clock(MISSED[0])
        await agreed.settles()
        await pays_at(given, "40000", ENDS[0] - timedelta(seconds=1))
        assert await states(agreed) == ("open", "active", ["paid", "pending", "pending"])
        assert (await plan(agreed))["waits_until"] == ENDS[1]
        assert await agreed.facts("A", "plan") == ["plan_made", "plan_warned", "plan_moved"]

    async def test_is_not_made_good_by_a_cent_less_nor_a_moment_later(self, given: Given, agreed: Agreed) -> None:
        await agreed.plans("A", *THREE)
        await pays_at(given, "39999.99", ENDS[0] - timedelta(seconds=1))
        await pays_at(given, "0.01", ENDS[0])
        assert (await states(agreed))[:2] == ("broken", "broken")

    async def test_of_another_instalment_warns_again(self, given: Given, agreed: Agreed) -> None:
        await agreed.plans("A", *THREE)
        await given.clock(MISSED[0])
        await agreed.settles()
        await pays_at(given, "40000", MISSED[0] + DAY)
        await given.clock(MISSED[1])
        await agreed.settles()
        assert await agreed.facts("A", "plan") == ["plan_made", "plan_warned", "plan_moved", "plan_warned"]

    async def test_that_was_paid_and_taken_back_is_missed_again(self, given: Given, agreed: Agreed) -> None:
        await agreed.plans("A", *THREE)
        await pays_at(given, "40000", START + DAY, id=f"{given.key}-p")
        await given.clock(MISSED[0] + DAY)
        await given.reverses("A", f"{given.key}-p", "40000", paid_at=MISSED[0] + DAY)
        await agreed.settles()
        assert await states(agreed) == ("open", "warned", ["missed", "pending", "pending"])
        assert await agreed.facts("A", "plan") == ["plan_made", "plan_moved", "plan_moved", "plan_warned"]

    async def test_stops_the_test_clock_when_it_is_missed_and_when_the_plan_breaks(
        self, given: Given, agreed: Agreed
    ) -> None:
        await agreed.plans("A", *THREE)
        instants: list[Any] = []
        while (at := await next_deadline(given.ledger, given.key)) is not None:
            instants.append(at)
            await given.clock(at)
            await agreed.settles()
        assert instants == [MISSED[0], ENDS[0]]

    async def test_leaves_the_journey_where_it_belongs_with_no_step_in_a_burst(
        self, given: Given, agreed: Agreed
    ) -> None:
        await agreed.plans("A", *THREE)
        await given.lives(ENDS[0] + 30 * DAY)
        made = [(each["step"], each["decided_at"]) for each in await given.decisions("A")]
        assert made == [("aviso-12", local(date(2026, 2, 13), 9))]
        skipped = [each["data"]["step"] for each in await given.events("A") if each["kind"] == "step_skipped"]
        assert skipped == ["recordatorio", "aviso-1", "aviso-5"]

    async def test_breaks_the_plan_at_once_where_the_creditor_gives_no_days_to_cure(
        self, given: Given, agreed: Agreed
    ) -> None:
        await with_rules(given, AgreementRules(plan=PlanRules(cure_days=0)))
        await agreed.plans("A", *THREE)
        await given.clock(MISSED[0])
        await agreed.settles()
        assert await agreed.facts("A", "plan") == ["plan_made", "plan_broken"]


class TestWhatIsPaidAhead:
    async def test_fills_later_instalments_and_keeps_the_plan_at_once(self, given: Given, agreed: Agreed) -> None:
        await given.imported(row("B", ("1", "2026-02-01", "100000"), ("2", "2026-06-01", "50000")))
        await agreed.plans("B", *THREE)
        await given.pays("B", "75000")
        found = (await agreed.shown("plan"))[0]
        assert [each["paid"] for each in found["instalments"]] == ["40000.00", "30000.00", "5000.00"]
        assert [each["state"] for each in found["instalments"]] == ["paid", "paid", "pending"]
        await given.pays("B", "25000")
        assert await agreed.statuses("plan") == ["kept"]


class TestAPlanWhoseFirstPaymentIsItsCondition:
    @pytest.fixture
    async def given(self, given: Given) -> Given:
        await with_rules(given, AgreementRules(plan=PlanRules(first_payment_is_condition=True)))
        return given

    async def test_waits_for_it_and_then_goes_on_as_any_other(self, given: Given, agreed: Agreed) -> None:
        await agreed.plans("A", *THREE)
        assert await states(agreed) == ("open", "awaiting_first", ["pending", "pending", "pending"])
        await given.pays("A", "40000")
        assert await states(agreed) == ("open", "active", ["paid", "pending", "pending"])
        await given.clock(MISSED[1])
        assert (await states(agreed))[:2] == ("open", "warned")

    async def test_lapses_at_the_end_of_the_first_grace_without_it(self, given: Given, agreed: Agreed) -> None:
        await agreed.plans("A", *THREE)
        await given.clock(MISSED[0] - timedelta(seconds=1))
        assert await status(given) == "plan"
        await given.clock(MISSED[0])
        for _ in range(2):
            found = await plan(agreed)
            assert (found["status"], found["state"], found["reason"], found["status_at"]) == (
                "cancelled", "cancelled", "first_payment_missing", MISSED[0],
            )  # fmt: skip
            assert [each["id"] for each in await agreed.shown("plan", status="cancelled")] == [found["id"]]
            await agreed.settles()
        assert await status(given) == "active"
        assert await agreed.facts("A", "plan") == ["plan_made", "plan_lapsed"]

    async def test_is_no_broken_agreement_and_leaves_room_for_another(self, given: Given, agreed: Agreed) -> None:
        await agreed.plans("A", *THREE)
        await given.clock(MISSED[0])
        await agreed.settles()
        await agreed.plans("A", ("2026-02-20", "50000"), ("2026-03-20", "50000"))
        assert await agreed.statuses("plan") == ["cancelled", "open"]

    async def test_lives_again_by_a_payment_in_time_that_came_late(self, given: Given, agreed: Agreed) -> None:
        await agreed.plans("A", *THREE)
        await given.clock(MISSED[0] + DAY)
        await agreed.settles()
        await given.pays("A", "40000", paid_at=MISSED[0] - DAY)
        assert await states(agreed) == ("open", "active", ["paid", "pending", "pending"])
        assert await agreed.facts("A", "plan") == ["plan_made", "plan_lapsed", "plan_reopened"]

    async def test_breaks_where_a_later_instalment_is_missed(self, given: Given, agreed: Agreed) -> None:
        await agreed.plans("A", *THREE)
        await given.pays("A", "40000")
        await given.clock(ENDS[1])
        await agreed.settles()
        assert (await plan(agreed))["status"] == "broken"
        assert (await plan(agreed))["reason"] is None


class TestAPromiseMadeAnew:
    async def test_ends_the_old_one_and_holds_by_its_own_day(self, given: Given, agreed: Agreed) -> None:
        old = await agreed.promises("A", "60000", "2026-02-04")
        made = await agreed.renegotiates("A", old, "50000", "2026-02-10")
        before, after = await agreed.shown("promise")
        assert (before["status"], before["reason"], before["replaced_by"]) == ("cancelled", "renegotiated", made.id)
        assert (after["status"], after["replaces"], after["amount"]) == ("open", old, "50000.00")
        assert made.told is not None
        ends = {hold.id: hold.ends for hold in made.told.standing.holds}
        assert ends == {f"promise:{old}": START, f"promise:{made.id}": local(date(2026, 2, 12), 0)}
        assert await agreed.facts("A", "promise") == ["promise_made", "promise_cancelled", "promise_made"]

    async def test_takes_nothing_that_was_paid_towards_the_old_one(self, given: Given, agreed: Agreed) -> None:
        old = await agreed.promises("A", "60000", "2026-02-04")
        await given.pays("A", "20000")
        await agreed.renegotiates("A", old, "40000", "2026-02-10")
        assert (await agreed.shown("promise"))[1]["paid"] == "0.00"
        await given.pays("A", "40000")
        assert await agreed.statuses("promise") == ["cancelled", "kept"]

    async def test_twice_by_the_same_command_is_once(self, given: Given, agreed: Agreed) -> None:
        old = await agreed.promises("A", "60000", "2026-02-04")
        first = await agreed.renegotiates("A", old, "50000", "2026-02-10", key=f"{given.key}:r")
        again = await agreed.renegotiates("A", old, "50000", "2026-02-10", key=f"{given.key}:r")
        assert (again.id, again.told) == (first.id, None)
        assert await agreed.statuses("promise") == ["cancelled", "open"]

    async def test_is_refused_whole_beyond_the_limits(self, given: Given, agreed: Agreed) -> None:
        old = await agreed.promises("A", "60000", "2026-02-04")
        assert await code_of(agreed.renegotiates("A", old, "60000", "2026-05-04")) == "agreement.too_late"
        assert await agreed.statuses("promise") == ["open"]

    async def test_is_so_often_as_the_creditor_allows(self, given: Given, agreed: Agreed) -> None:
        number = await agreed.promises("A", "60000", "2026-02-04")
        for day in ("2026-02-05", "2026-02-06"):
            number = (await agreed.renegotiates("A", number, "60000", day)).id
        again = agreed.renegotiates("A", number, "60000", "2026-02-07")
        assert await code_of(again) == "agreement.too_many_renegotiated"
        await agreed.renegotiates("A", number, "60000", "2026-02-07", beyond_limits=True)

    async def test_must_replace_one_that_is_open(self, given: Given, agreed: Agreed) -> None:
        old = await agreed.promises("A", "60000", "2026-02-04")
        await agreed.cancels("A", "promise", old)
        assert await code_of(agreed.renegotiates("A", old, "60000", "2026-02-07")) == "agreement.not_open"
        assert await code_of(agreed.renegotiates("A", 0, "60000", "2026-02-07")) == "agreement.unknown"


async def code_of(command: Any) -> str:
    with pytest.raises(SendaError) as refused:
        await command
    return refused.value.code
