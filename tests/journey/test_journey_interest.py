"""Late interest: computed by hand, never above the ceiling, the same however the days are cut."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal, localcontext
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from journey.interest import InterestRules, Span, check_ceiling, daily_rate, explained, spans
from policy import load_pack
from policy.errors import SendaError

MILLION = Decimal(1_000_000)
JAN_31 = date(2026, 1, 31)
CENT = Decimal("0.01")
NO_CEILINGS: Mapping[date, Decimal] = {}


def rules(annual: str = "0.25", **changes: Any) -> InterestRules:
    """Rules of a single rate; `changes` are fields of `InterestRules`."""
    return InterestRules.model_validate({"rates": [{"since": "2020-01-01", "annual": annual}], **changes})


def accrued(
    by: InterestRules,
    after: date,
    through: date,
    *,
    due: date | None = None,
    principal: Decimal = MILLION,
    ceilings: Mapping[date, Decimal] = NO_CEILINGS,
) -> list[Span]:
    return list(spans(by, ceilings.get, due or after, principal, after, through))


def total(found: list[Span]) -> Decimal:
    with localcontext(prec=40):
        return sum((span.amount for span in found), Decimal(0))


class TestByHand:
    def test_a_nominal_rate_over_360_costs_its_share_of_the_year(self) -> None:
        """24 % nominal, 30 days: 1 000 000 * 0.24 / 360 * 30 = 20 000."""
        found = accrued(rules("0.24", kind="nominal", basis="actual/360"), JAN_31, date(2026, 3, 2))
        assert total(found).quantize(CENT) == Decimal("20000.00")

    def test_a_nominal_rate_over_365(self) -> None:
        """36.5 % nominal costs 0.1 % a day: ten days of a million are 10 000."""
        found = accrued(rules("0.365", kind="nominal"), JAN_31, date(2026, 2, 10))
        assert total(found) == 10_000

    def test_an_effective_rate_is_less_a_day_than_the_same_nominal_one(self) -> None:
        """1.25^(1/365) - 1 = 0.00061153911 a day: 30 days of a million are 18 346.17."""
        found = accrued(rules("0.25"), JAN_31, date(2026, 3, 2))
        assert total(found).quantize(CENT) == Decimal("18346.17")

    def test_an_effective_rate_compounded_over_its_year_is_the_annual_rate(self) -> None:
        with localcontext(prec=40):
            year = (1 + daily_rate(rules("0.2768"), Decimal("0.2768"))) ** 365 - 1
        assert abs(year - Decimal("0.2768")) < Decimal("1e-28")

    def test_months_of_30_days_all_cost_the_same(self) -> None:
        """36 % nominal over 30/360 is 3 % a month, February and March alike."""
        found = accrued(rules("0.36", kind="nominal", basis="30/360"), JAN_31, date(2026, 3, 31))
        assert [(span.days, span.amount) for span in found] == [(30, 30_000), (30, 30_000)]

    @pytest.mark.parametrize(
        ("after", "through", "days"),
        [
            ("2026-01-30", "2026-01-31", 0),
            ("2026-01-15", "2026-01-31", 15),
            ("2026-02-27", "2026-02-28", 3),
            ("2028-02-28", "2028-02-29", 2),
            ("2026-02-28", "2026-03-01", 1),
        ],
    )
    def test_the_last_day_of_each_month_is_the_thirtieth(self, after: str, through: str, days: int) -> None:
        found = accrued(rules(basis="30/360"), date.fromisoformat(after), date.fromisoformat(through))
        assert sum(span.days for span in found) == days


class TestGrace:
    BY = rules("0.365", kind="nominal", grace_days=5)

    def test_within_it_nothing_accrues(self) -> None:
        assert accrued(self.BY, JAN_31, JAN_31 + timedelta(days=5)) == []

    def test_after_it_its_days_count_too(self) -> None:
        assert total(accrued(self.BY, JAN_31, JAN_31 + timedelta(days=6))) == 6_000

    def test_also_where_the_account_was_looked_at_within_it(self) -> None:
        looked = JAN_31 + timedelta(days=3)
        assert total(accrued(self.BY, looked, JAN_31 + timedelta(days=6), due=JAN_31)) == 6_000

    def test_what_accrued_does_not_accrue_again(self) -> None:
        sixth = JAN_31 + timedelta(days=6)
        assert total(accrued(self.BY, sixth, sixth + timedelta(days=1), due=JAN_31)) == 1_000


class TestRates:
    BY = InterestRules.model_validate(
        {
            "kind": "nominal",
            "rates": [{"since": "2026-02-01", "annual": "0.365"}, {"since": "2026-02-11", "annual": "0.73"}],
        }
    )

    def test_a_rate_holds_from_its_day_on(self) -> None:
        """Ten days at 1 000 and five at 2 000."""
        found = accrued(self.BY, JAN_31, date(2026, 2, 15))
        assert [(span.days, span.amount) for span in found] == [(10, 10_000), (5, 10_000)]

    def test_before_the_first_nothing_accrues(self) -> None:
        found = accrued(self.BY, date(2026, 1, 20), date(2026, 2, 1))
        assert [(span.after, span.days) for span in found] == [(JAN_31, 1)]

    @pytest.mark.parametrize("principal", [Decimal(0), Decimal(-5)])
    def test_no_principal_no_interest(self, principal: Decimal) -> None:
        assert accrued(self.BY, JAN_31, date(2026, 2, 15), principal=principal) == []

    def test_a_rate_of_zero_bears_nothing(self) -> None:
        assert accrued(rules("0"), JAN_31, date(2026, 12, 31)) == []

    def test_rates_must_be_in_order(self) -> None:
        twice = [{"since": "2026-02-01", "annual": "0.1"}] * 2
        with pytest.raises(ValidationError, match="begins after the one before"):
            InterestRules.model_validate({"rates": twice})


class TestTheCeiling:
    """A ceiling of 25 % costs 0.00061153911 a day: 17 123.10 on a million in the 28 days of February."""

    BY = rules("0.30", ceiling="XX.usury")
    FEBRUARY: Mapping[date, Decimal] = MappingProxyType(
        {date(2026, 2, 1): Decimal("0.25"), date(2026, 3, 1): Decimal("0.40")}
    )

    def test_takes_the_place_of_a_higher_rate(self) -> None:
        (found,) = accrued(self.BY, JAN_31, date(2026, 2, 28), ceilings=self.FEBRUARY)
        assert (found.annual, found.capped) == (Decimal("0.25"), True)
        assert found.amount.quantize(CENT) == Decimal("17123.10")

    def test_leaves_a_lower_rate_alone(self) -> None:
        found = accrued(self.BY, JAN_31, date(2026, 3, 31), ceilings=self.FEBRUARY)
        assert [(span.annual, span.capped) for span in found] == [(Decimal("0.25"), True), (Decimal("0.30"), False)]

    def test_a_month_without_one_bears_nothing(self) -> None:
        found = accrued(self.BY, date(2026, 1, 1), date(2026, 4, 30), ceilings=self.FEBRUARY)
        assert [span.month.month for span in found] == [2, 3]

    def test_is_effective_and_caps_a_nominal_rate_that_looks_lower(self) -> None:
        """24 % nominal, paid day by day, is 27.1 % effective: above a ceiling of 25 %."""
        by = rules("0.24", kind="nominal", ceiling="XX.usury")
        (found,) = accrued(by, JAN_31, date(2026, 2, 28), ceilings=self.FEBRUARY)
        assert found.capped
        assert found.amount.quantize(CENT) == Decimal("17123.10")

    def test_of_real_days_caps_the_same_rate_over_360(self) -> None:
        by = rules("0.25", basis="actual/360", ceiling="XX.usury")
        (found,) = accrued(by, JAN_31, date(2026, 2, 28), ceilings=self.FEBRUARY)
        assert found.capped

    def test_is_not_for_months_of_30_days(self) -> None:
        with pytest.raises(ValidationError, match="real days"):
            rules(basis="30/360", ceiling="XX.usury")

    @pytest.mark.parametrize("key", ["CO", "usury", "CO.UF", "CO.usury.", "CO usury"])
    def test_has_a_key_of_ceilings(self, key: str) -> None:
        with pytest.raises(ValidationError, match="pattern"):
            rules(ceiling=key)


class TestTheLawOfColombia:
    """CO-17: no rate above the certified monthly usury rate."""

    @pytest.mark.parametrize("ceiling", ["CO.usury", "CO.usury.microcredit"])
    def test_is_kept_with_its_ceiling(self, ceiling: str) -> None:
        check_ceiling(rules(ceiling=ceiling), [load_pack("CO")])

    @pytest.mark.parametrize("ceiling", [None, "CL.usury", "CO.usuryx.usury"])
    def test_refuses_interest_without_it(self, ceiling: str | None) -> None:
        with pytest.raises(SendaError) as refused:
            check_ceiling(rules(ceiling=ceiling), [load_pack("BR-SP"), load_pack("CO")])
        assert refused.value.code == "interest.ceiling_missing"

    def test_is_not_that_of_others(self) -> None:
        check_ceiling(rules(), [load_pack("PE")])


RATES = st.decimals("0", "3", places=4)
PRINCIPALS = st.decimals("0.01", "100000000", places=2)
DAYS = st.dates(date(2024, 1, 1), date(2028, 12, 31))
BASES = st.sampled_from(["actual/365", "actual/360", "30/360"])


@st.composite
def some_rules(draw: Callable[[Any], Any], *, ceiling: bool) -> InterestRules:
    """Up to three rates, any kind and basis, some grace."""
    since = sorted(draw(st.sets(DAYS, min_size=1, max_size=3)))
    return InterestRules.model_validate(
        {
            "rates": [{"since": day, "annual": draw(RATES)} for day in since],
            "kind": draw(st.sampled_from(["effective", "nominal"])),
            "basis": draw(BASES if not ceiling else st.sampled_from(["actual/365", "actual/360"])),
            "grace_days": draw(st.integers(0, 40)),
            "ceiling": "XX.usury" if ceiling else None,
        }
    )


MONTHS = [date(year, month, 1) for year in range(2024, 2031) for month in range(1, 13)]


def _by_month(found: list[Decimal | None]) -> dict[date, Decimal]:
    by_month = {month: found[number % len(found)] for number, month in enumerate(MONTHS)}
    return {month: annual for month, annual in by_month.items() if annual is not None}


CEILINGS = st.lists(st.none() | st.decimals("0.0001", "3", places=4), min_size=1, max_size=5).map(_by_month)
"""Ceilings of the months in turn, some of them not known."""


@given(some_rules(ceiling=True), CEILINGS, DAYS, st.integers(1, 400), PRINCIPALS)
def test_never_above_the_ceiling(
    by: InterestRules, ceilings: dict[date, Decimal], due: date, days: int, principal: Decimal
) -> None:
    for span in accrued(by, due, due + timedelta(days=days), principal=principal, ceilings=ceilings):
        with localcontext(prec=60):
            most = principal * ((1 + ceilings[span.month]) ** (Decimal(span.days) / 365) - 1)
            assert span.amount <= most * (1 + Decimal("1e-28"))
        assert span.days == (span.through - span.after).days


@given(st.data(), st.booleans(), CEILINGS, DAYS, st.integers(1, 400), PRINCIPALS)
def test_cut_at_any_day_it_comes_to_the_same(
    data: st.DataObject, capped: bool, ceilings: dict[date, Decimal], due: date, days: int, principal: Decimal
) -> None:
    by = data.draw(some_rules(ceiling=capped))
    through = due + timedelta(days=days)
    cut = data.draw(st.dates(due, through))
    whole = accrued(by, due, through, principal=principal, ceilings=ceilings)
    parts = [
        *accrued(by, due, cut, due=due, principal=principal, ceilings=ceilings),
        *accrued(by, cut, through, due=due, principal=principal, ceilings=ceilings),
    ]
    assert sum(span.days for span in parts) == sum(span.days for span in whole)
    assert abs(total(parts) - total(whole)) < Decimal("1e-15")


@given(some_rules(ceiling=False), DAYS, st.integers(1, 400), PRINCIPALS)
def test_every_day_belongs_to_one_span_of_its_month(
    by: InterestRules, due: date, days: int, principal: Decimal
) -> None:
    found = accrued(by, due, due + timedelta(days=days), principal=principal)
    assume(found)
    assert all(span.month == (span.after + timedelta(days=1)).replace(day=1) for span in found)
    assert all(span.month == span.through.replace(day=1) for span in found)
    assert all(one.through <= other.after for one, other in pairwise(found))


@given(some_rules(ceiling=True), CEILINGS, DAYS, st.integers(1, 400), PRINCIPALS)
def test_an_explanation_can_be_reckoned_again(
    by: InterestRules, ceilings: dict[date, Decimal], due: date, days: int, principal: Decimal
) -> None:
    for span in accrued(by, due, due + timedelta(days=days), principal=principal, ceilings=ceilings):
        said = explained(by, span)
        assert (said["ceiling"], said["capped"]) == ("XX.usury", "yes" if span.capped else "no")
        formula = said["formula"].replace("^", "**").replace("annual", "Decimal(annual)").replace("(1/", "(Decimal(1)/")
        inputs = {"Decimal": Decimal, "annual": said["annual"], **{k: Decimal(said[k]) for k in ("principal", "days")}}
        with localcontext(prec=50):
            again = eval(formula, inputs)
        assert abs(again - Decimal(said["amount"])) <= Decimal("1e-8")
