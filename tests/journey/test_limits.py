"""What a creditor lets people agree on: nothing beyond its limits, and all within them."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from journey.limits import (
    AgreementRules,
    Debt,
    Instalment,
    PlanRules,
    PromiseRules,
    check_plan,
    check_promise,
    plan_limits,
    promise_limits,
)
from policy.errors import SendaError

TODAY = date(2026, 3, 2)
CENT = Decimal("0.01")

amounts = st.decimals(min_value=CENT, max_value=10**9, places=2)
days = st.integers(min_value=-5, max_value=400).map(lambda day: TODAY + timedelta(days=day))
shares = st.decimals(min_value=0, max_value=1, places=4)
promise_rules = st.builds(
    PromiseRules,
    max_days=st.integers(0, 60),
    min_share=shares,
    max_broken=st.integers(1, 5),
    max_open=st.integers(1, 3),
)
plan_rules = st.builds(
    PlanRules,
    instalments=st.lists(st.integers(2, 12), min_size=1, max_size=4).map(tuple),
    every_days=st.integers(1, 60),
    first_share=shares,
    first_within_days=st.integers(0, 60),
    max_days=st.integers(0, 400),
    min_instalment=st.decimals(min_value=0, max_value=10**6, places=2),
)


@st.composite
def debts(draw: st.DrawFn) -> Debt:
    balance = draw(amounts)
    past_due = draw(st.decimals(min_value=0, max_value=balance, places=2))
    return Debt(balance, past_due, TODAY, 2)


def allows_promise(rules: AgreementRules, debt: Debt, promised: Instalment, broken: int) -> bool:
    try:
        check_promise(rules, debt, promised, broken=broken)
    except SendaError:
        return False
    return True


def allows_plan(rules: AgreementRules, debt: Debt, instalments: list[Instalment]) -> bool:
    try:
        check_plan(rules, debt, instalments)
    except SendaError:
        return False
    return True


@given(debts(), promise_rules, st.integers(0, 5), amounts, days)
def test_a_promise_is_allowed_exactly_within_the_limits_that_are_told(
    debt: Debt, rules: PromiseRules, broken: int, amount: Decimal, day: date
) -> None:
    limits = promise_limits(AgreementRules(promise=rules), debt, broken=broken, still_open=0)
    within = limits is not None and limits.at_least <= amount <= limits.at_most and TODAY <= day <= limits.last_day
    assert allows_promise(AgreementRules(promise=rules), debt, Instalment(day, amount), broken) == within


@given(debts(), promise_rules)
def test_the_least_and_the_latest_that_are_told_may_be_promised(debt: Debt, rules: PromiseRules) -> None:
    limits = promise_limits(AgreementRules(promise=rules), debt, broken=0, still_open=0)
    assert limits is not None
    for amount in (limits.at_least, limits.at_most):
        promised = Instalment(limits.last_day, max(amount, CENT))
        assert allows_promise(AgreementRules(promise=rules), debt, promised, 0)


@given(debts(), plan_rules, st.data())
def test_a_plan_that_is_offered_may_be_agreed_on(debt: Debt, rules: PlanRules, data: st.DataObject) -> None:
    limits = plan_limits(AgreementRules(plan=rules), debt)
    if limits is None:
        return
    number = data.draw(st.sampled_from(limits.instalments))
    total = data.draw(st.sampled_from([limits.at_least, limits.at_most]))
    rest = (total * (1 - limits.first_share) / (number - 1)).quantize(CENT, "ROUND_DOWN") if number > 1 else Decimal(0)
    later = min(rest, (total / number).quantize(CENT, "ROUND_DOWN"))
    parts = [total - later * (number - 1), *[later] * (number - 1)]
    agreed = [Instalment(TODAY + timedelta(days=limits.every_days * place), part) for place, part in enumerate(parts)]
    fits = all(part >= max(limits.min_instalment, CENT) for part in parts)
    assert allows_plan(AgreementRules(plan=rules), debt, agreed) == fits


@st.composite
def plans(draw: st.DrawFn) -> tuple[Debt, PlanRules, list[Instalment]]:
    """Plans at the limits, a little within or beyond them, or anywhere."""
    debt, rules = draw(debts()), draw(plan_rules)
    number = draw(st.integers(1, max(rules.instalments) + 1))
    total = draw(st.sampled_from([debt.asked_for, debt.balance])) + draw(st.sampled_from([-CENT, 0, 0, CENT]))
    first = (total * rules.first_share).quantize(CENT, "ROUND_DOWN") + draw(st.sampled_from([-CENT, 0, 0, total / 7]))
    first = first.quantize(CENT) if number > 1 else total
    part = ((total - first) / max(number - 1, 1)).quantize(CENT, "ROUND_DOWN")
    amounts = [first + (total - first - part * (number - 1)), *[part] * (number - 1)]
    last = draw(st.sampled_from([rules.max_days, rules.max_days, rules.max_days + 1]))
    begin = draw(st.integers(-1, rules.first_within_days + 1))
    gap = max(1, (last - begin) // max(number - 1, 1))
    return debt, rules, [Instalment(TODAY + timedelta(days=begin + gap * n), each) for n, each in enumerate(amounts)]


@given(plans())
def test_a_plan_is_allowed_exactly_within_the_limits(case: tuple[Debt, PlanRules, list[Instalment]]) -> None:
    debt, rules, agreed = case
    total = sum((each.amount for each in agreed), Decimal(0))
    within = (
        len(agreed) <= max(rules.instalments)
        and debt.asked_for <= total <= debt.balance
        and TODAY <= agreed[0].due_date <= TODAY + timedelta(days=rules.first_within_days)
        and agreed[0].amount > total * rules.first_share - CENT
        and agreed[-1].due_date <= TODAY + timedelta(days=rules.max_days)
        and all(each.amount >= max(rules.min_instalment, CENT) for each in agreed)
    )
    assert allows_plan(AgreementRules(plan=rules), debt, agreed) == within


@pytest.mark.parametrize(
    ("debt", "asked_for"),
    [
        (Debt(Decimal(100), Decimal(40), TODAY, 2), Decimal(40)),
        (Debt(Decimal(100), Decimal(0), TODAY, 2), Decimal(100)),
        (Debt(Decimal(30), Decimal(40), TODAY, 2), Decimal(30)),
    ],
)
def test_what_is_asked_for_is_past_due_or_all_and_never_more_than_the_balance(debt: Debt, asked_for: Decimal) -> None:
    assert debt.asked_for == asked_for


def test_a_currency_without_decimals_has_shares_without_them() -> None:
    debt = Debt(Decimal(1001), Decimal(1001), TODAY, 0)
    rules = AgreementRules(promise=PromiseRules(min_share=Decimal("0.30")))
    limits = promise_limits(rules, debt, broken=0, still_open=0)
    assert limits is not None
    assert limits.at_least == Decimal(300)


@pytest.mark.parametrize(
    ("rules", "still_open"),
    [(AgreementRules(promise=None), 0), (AgreementRules(), 3), (AgreementRules(promise=PromiseRules(max_open=1)), 1)],
)
def test_no_promise_is_offered_where_none_may_be_made(rules: AgreementRules, still_open: int) -> None:
    assert promise_limits(rules, Debt(Decimal(100), Decimal(100), TODAY, 2), broken=0, still_open=still_open) is None


@pytest.mark.parametrize(
    ("rules", "numbers"),
    [
        (PlanRules(instalments=(6, 2, 3)), (2, 3, 6)),
        (PlanRules(min_instalment=Decimal(40)), (2,)),
        (PlanRules(max_days=60), (2, 3)),
        (PlanRules(min_instalment=Decimal(51)), None),
        (None, None),
    ],
)
def test_the_numbers_of_instalments_that_fit_are_offered(
    rules: PlanRules | None, numbers: tuple[int, ...] | None
) -> None:
    limits = plan_limits(AgreementRules(plan=rules), Debt(Decimal(100), Decimal(60), TODAY, 2))
    assert (limits.instalments if limits else None) == numbers


def test_nothing_is_offered_where_nothing_is_owed() -> None:
    debt = Debt(Decimal(0), Decimal(0), TODAY, 2)
    assert promise_limits(AgreementRules(), debt, broken=0, still_open=0) is None
    assert plan_limits(AgreementRules(), debt) is None


@pytest.mark.parametrize(
    "stored",
    [
        {"promise": {"min_share": "1.01"}},
        {"promise": {"max_days": -1}},
        {"plan": {"instalments": []}},
        {"plan": {"instalments": [1]}},
        {"plan": {"min_instalment": "-1"}},
        {"plan": {"min_instalment": "NaN"}},
        {"plans": None},
    ],
)
def test_limits_that_make_no_sense_are_refused(stored: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AgreementRules.model_validate(stored)


def test_limits_that_are_not_given_are_the_defaults() -> None:
    rules = AgreementRules.model_validate({"promise": {"max_days": 5}})
    assert rules == AgreementRules(promise=PromiseRules(max_days=5), plan=PlanRules())


def test_an_ordinary_client_needs_no_limits_of_its_own() -> None:
    debt = Debt(Decimal(100), Decimal(60), TODAY, 2)
    limits = promise_limits(AgreementRules(), debt, broken=2, still_open=2)
    assert limits is not None
    assert (limits.at_least, limits.last_day) == (0, TODAY + timedelta(days=31))
    offered = plan_limits(AgreementRules(), debt)
    assert offered is not None
    assert (offered.instalments, offered.first_share) == ((2, 3, 6, 12), Decimal(0))
    assert (offered.first_by, offered.last_day) == (TODAY + timedelta(days=31), TODAY + timedelta(days=366))


@pytest.mark.parametrize("renegotiated", [None, 0, 1])
def test_a_promise_may_be_made_anew_so_often(renegotiated: int | None) -> None:
    debt = Debt(Decimal(100), Decimal(60), TODAY, 2)
    check_promise(AgreementRules(), debt, Instalment(TODAY, Decimal(50)), broken=0, renegotiated=renegotiated)


def test_a_promise_is_not_made_anew_more_often() -> None:
    debt = Debt(Decimal(100), Decimal(60), TODAY, 2)
    with pytest.raises(SendaError) as refused:
        check_promise(AgreementRules(), debt, Instalment(TODAY, Decimal(50)), broken=0, renegotiated=2)
    assert refused.value.code == "agreement.too_many_renegotiated"


def test_each_kind_has_its_own_reminder_and_what_is_not_agreed_on_has_none() -> None:
    rules = AgreementRules(promise=PromiseRules(remind_days_before=4))
    assert (rules.remind_days_before("promise"), rules.remind_days_before("plan")) == (4, 2)
    assert AgreementRules(plan=None).remind_days_before("plan") is None
