"""What a creditor allows, computed."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.bot.facts import PlanLimits, PromiseLimits
from channels.bot.limits import fingerprint, in_currency, plans, promises
from tests.bot.talking import TODAY, account

CURRENCIES = {"COP": 2, "USD": 2, "BRL": 2, "CLP": 0, "JPY": 0, "KWD": 3}


def plan_limits(*counts: int, share: str = "0", every: int = 30, last: date = date(2030, 1, 1)) -> PlanLimits:
    return PlanLimits(
        instalments=counts,
        every_days=every,
        first_share=Decimal(share),
        first_by=date(2026, 12, 5),
        last_day=last,
    )


@given(
    currency=st.sampled_from(sorted(CURRENCIES)),
    units=st.integers(1, 10**12),
    counts=st.lists(st.integers(-1, 130), max_size=5),
    share=st.decimals(0, 1, places=3),
    every=st.integers(1, 90),
    span=st.integers(0, 800),
)
def test_every_plan_sums_to_the_balance_within_its_limits(
    currency: str, units: int, counts: list[int], share: Decimal, every: int, span: int
) -> None:
    unit = Decimal(1).scaleb(-CURRENCIES[currency])
    balance = units * unit
    limits = plan_limits(*counts, share=str(share), every=every, last=date(2026, 12, 5) + timedelta(days=span))

    for count, plan in plans(account(balance=balance, plan=limits), TODAY, currency).items():
        days, amounts = [day for day, _ in plan], [amount for _, amount in plan]
        assert len(plan) == count
        assert count in counts
        assert sum(amounts) == balance
        assert all(amount > 0 and amount % unit == 0 for amount in amounts)
        assert amounts[0] >= balance * share
        assert days == [limits.first_by + timedelta(days=every * place) for place in range(count)]
        assert days[-1] <= limits.last_day
        assert len(set(amounts[1:-1])) <= 1
        assert all(0 <= amounts[-1] - middle < count * unit for middle in amounts[1:-1])


def test_equal_parts_leave_the_remainder_to_the_last() -> None:
    made = plans(account(balance=Decimal(100), plan=plan_limits(3)), TODAY, "USD")

    assert [str(amount) for _, amount in made[3]] == ["33.33", "33.33", "33.34"]


def test_the_first_instalment_has_its_share() -> None:
    made = plans(account(balance=Decimal(100), plan=plan_limits(3, share="0.5")), TODAY, "USD")

    assert [str(amount) for _, amount in made[3]] == ["50.00", "25.00", "25.00"]


def test_a_share_below_an_equal_part_leaves_the_parts_equal() -> None:
    made = plans(account(balance=Decimal(90), plan=plan_limits(3, share="0.1")), TODAY, "USD")

    assert {amount for _, amount in made[3]} == {Decimal(30)}


def test_a_plan_that_would_end_too_late_is_not_offered() -> None:
    limits = plan_limits(2, 3, last=date(2026, 12, 5) + timedelta(days=30))

    assert list(plans(account(plan=limits), TODAY, "COP")) == [2]


def test_no_plan_begins_in_the_past() -> None:
    assert plans(account(plan=plan_limits(2)), date(2026, 12, 6), "COP") == {}
    assert list(plans(account(plan=plan_limits(2)), date(2026, 12, 5), "COP")) == [2]


def test_a_plan_beyond_the_calendar_is_not_offered() -> None:
    limits = PlanLimits(instalments=(1, 2), first_by=date.max, last_day=date.max)

    assert list(plans(account(plan=limits), TODAY, "COP")) == [1]


def test_other_plans_have_other_fingerprints() -> None:
    made = plans(account(plan=plan_limits(2, 3)), TODAY, "COP")
    later = plans(account(plan=plan_limits(2, 3, every=15)), TODAY, "COP")

    assert len({fingerprint(plan) for plan in (*made.values(), *later.values())}) == 4


def test_promises_are_possible_from_today_to_the_last_day_and_from_the_least_to_the_balance() -> None:
    possible = promises(account(balance=Decimal(100)), TODAY, "COP")
    limits = PromiseLimits(last_day=TODAY, at_least=Decimal(30))
    today_only = promises(account(balance=Decimal(100), promise=limits), TODAY, "COP")

    assert possible is None, "the least lies above the balance"
    assert today_only is not None
    assert [today_only.takes_day(TODAY + timedelta(days=days)) for days in (-1, 0, 1)] == [False, True, False]
    assert [today_only.takes_amount(Decimal(value)) for value in ("29.99", "30", "100", "100.01")] == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"promise": None},
        {"promised": {"amount": Decimal(5), "due_date": TODAY}},
        {"promise": PromiseLimits(last_day=TODAY - timedelta(days=1), at_least=Decimal(1))},
    ],
)
def test_without_limits_or_beside_an_open_promise_none_is_possible(other: dict[str, object]) -> None:
    assert promises(account(**other), TODAY, "COP") is None


def test_an_amount_must_fit_the_currency() -> None:
    assert in_currency(Decimal("10.50"), "COP") == Decimal("10.50")
    assert in_currency(Decimal("10.50"), "CLP") is None
    assert str(in_currency(Decimal("10.0"), "CLP")) == "10"
