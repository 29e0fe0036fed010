"""Reliefs: never more than the rule, the debt or the authority allows; instalments that sum to the debt."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from journey.financing import annuity
from journey.relief_rules import GrantingRole, ReliefRules
from journey.reliefs import BeyondAuthority, Offer, Position, Wish, check, eligible
from policy.errors import SendaError

TODAY = date(2026, 2, 2)
AT = Position(
    today=TODAY,
    decimals=2,
    balance=Decimal(150000),
    past_due=Decimal(100000),
    interest=Decimal(20000),
    fees=Decimal(5000),
    late_interest=Decimal(8000),
    days_past_due=18,
    stage="administrative",
    risk="low",
)
DISCOUNT = {"key": "d", "kind": "punctual_discount", "share": "0.20", "within_days": 5}
WAIVER = {"key": "w", "kind": "interest_waived", "within_days": 5}
DATE = {"key": "n", "kind": "new_due_date", "up_to_days": 20}
REFINANCING = {"key": "r", "kind": "refinancing", "instalments": [3, 12], "rate": "0.02"}


def rules(*kinds: dict[str, Any]) -> ReliefRules:
    return ReliefRules.model_validate({"kinds": kinds})


def offer(kind: dict[str, Any], at: Position = AT, role: GrantingRole = "supervisor") -> Offer:
    (found,) = eligible(rules(kind), at, role)
    return found


def refused(kind: dict[str, Any], role: GrantingRole = "supervisor", **wish: Any) -> str:
    with pytest.raises(SendaError) as error:
        check(rules(kind), AT, role, Wish(kind["key"], **wish))
    return error.value.code


money = st.decimals(0, 10**9, places=2)
shares = st.decimals(0, 1, places=4)


@st.composite
def positions(draw: st.DrawFn) -> Position:
    """Any account: what is past due is part of the balance, interest and fees are part of that."""
    past_due = draw(money)
    interest = min(draw(money), past_due)
    return replace(
        AT,
        balance=past_due + draw(money),
        past_due=past_due,
        interest=interest,
        fees=min(draw(money), past_due - interest),
        late_interest=draw(money),
    )


@st.composite
def levels(draw: st.DrawFn) -> dict[str, Any] | None:
    level = {"amount": draw(st.none() | money), "share": draw(st.none() | shares)}
    return draw(st.sampled_from((None, level)))


@st.composite
def forgiving(draw: st.DrawFn) -> dict[str, Any]:
    """Any discount or waiver, with any authority."""
    authority = {"agent": draw(levels()), "supervisor": draw(levels())}
    share = draw(st.decimals("0.0001", "0.9999", places=4))
    kinds = (
        {**DISCOUNT, "share": share},
        {**DISCOUNT, "share": None, "amount": draw(st.decimals("0.01", 10**9, places=2))},
        {**WAIVER, "share": share, "fees": draw(st.booleans())},
        {**WAIVER, "within_days": None},
    )
    return {**draw(st.sampled_from(kinds)), "authority": authority}


class TestWhatIsForgiven:
    @given(forgiving(), positions(), st.sampled_from(("agent", "supervisor")), st.none() | money)
    def test_is_never_beyond_the_debt_the_rule_or_the_authority(
        self, kind: dict[str, Any], at: Position, role: GrantingRole, amount: Decimal | None
    ) -> None:
        try:
            grant = check(rules(kind), at, role, Wish(kind["key"], amount))
        except SendaError:
            return
        level = kind["authority"][role]
        assert 0 < grant.forgives <= offer(kind, at, role).may_forgive <= offer(kind, at, role).forgives
        assert grant.forgives <= at.past_due
        assert grant.forgives <= (level["amount"] if level["amount"] is not None else grant.forgives)
        assert grant.forgives <= (level["share"] if level["share"] is not None else 1) * at.past_due
        if grant.condition is not None:
            assert grant.condition.amount > 0
            assert grant.condition.amount + grant.forgives == at.past_due

    @given(forgiving(), positions(), st.sampled_from(("agent", "supervisor")))
    def test_what_is_offered_is_granted_and_what_is_not_is_refused(
        self, kind: dict[str, Any], at: Position, role: GrantingRole
    ) -> None:
        found = offer(kind, at, role)
        if found.reasons:
            with pytest.raises(SendaError):
                check(rules(kind), at, role, Wish(kind["key"]))
        else:
            grant = check(rules(kind), at, role, Wish(kind["key"]))
            assert grant.forgives == found.may_forgive
            assert (grant.condition.amount if grant.condition else None) == found.pays

    def test_is_the_lesser_of_rule_and_authority(self) -> None:
        kind = {**DISCOUNT, "authority": {"agent": {"share": "0.50", "amount": "12000"}}}
        assert (offer(kind).may_forgive, offer(kind, role="agent").may_forgive) == (20000, 12000)

    def test_of_interest_is_a_share_of_it_fees_where_they_are_named(self) -> None:
        assert offer({**WAIVER, "share": "0.5"}).forgives == 10000
        assert offer({**WAIVER, "fees": True}).pays == 75000


class TestWhoMay:
    def test_agents_grant_nothing_that_no_level_names(self) -> None:
        assert offer(DISCOUNT, role="agent").reasons == ("beyond_authority",)
        assert refused(DISCOUNT, "agent") == "relief.beyond_authority"

    def test_the_refusal_names_who_may_if_anybody(self) -> None:
        kind = {**DISCOUNT, "authority": {"agent": {"share": "0.1"}, "supervisor": {"share": "0.15"}}}
        for amount, word in ((15000, "supervisor"), (15001, "nobody")):
            with pytest.raises(BeyondAuthority, match=word):
                check(rules(kind), AT, "agent", Wish("d", Decimal(amount)))

    def test_a_date_moves_by_so_many_days_and_what_falls_away_with_it_counts(self) -> None:
        kind = {**DATE, "authority": {"agent": {"days": 5, "amount": "8000"}}}
        assert offer(kind, role="agent").last_day == TODAY + timedelta(days=5)
        assert check(rules(kind), AT, "agent", Wish("n")).due_date == TODAY + timedelta(days=5)
        assert refused(kind, "agent", due_date=TODAY + timedelta(days=6)) == "relief.beyond_authority"
        less = {**DATE, "authority": {"agent": {"amount": "7999.99"}}}
        assert offer(less, role="agent").reasons == ("beyond_authority",)
        assert refused(less, "agent") == "relief.beyond_authority"


class TestWhichAccounts:
    @pytest.mark.parametrize(
        ("eligibility", "reason"),
        [
            ({"stages": ["prejuridical"]}, "stage"),
            ({"balance_at_least": "150000.01"}, "balance"),
            ({"balance_at_most": "149999.99"}, "balance"),
            ({"days_past_due_from": 19}, "days_past_due"),
            ({"days_past_due_to": 17}, "days_past_due"),
            ({"risk": ["high", "medium"]}, "risk"),
            ({"earlier_at_most": 1, "within_days": 30}, "earlier_reliefs"),
        ],
    )
    def test_others_hear_the_reason(self, eligibility: dict[str, Any], reason: str) -> None:
        at = replace(AT, earlier=(TODAY, TODAY - timedelta(days=29)))
        assert offer({**DISCOUNT, "eligibility": eligibility}, at).reasons == (reason,)

    def test_at_the_bounds_it_is_to_be_had(self) -> None:
        eligibility = {
            "stages": ["administrative"],
            "balance_at_least": "150000",
            "balance_at_most": "150000",
            "days_past_due_from": 18,
            "days_past_due_to": 18,
            "risk": ["low"],
            "earlier_at_most": 1,
            "within_days": 30,
        }
        at = replace(AT, earlier=(TODAY, TODAY - timedelta(days=30)))
        assert offer({**DISCOUNT, "eligibility": eligibility}, at).reasons == ()

    @pytest.mark.parametrize("kind", [DISCOUNT, WAIVER, DATE])
    def test_nothing_past_due_needs_no_relief(self, kind: dict[str, Any]) -> None:
        assert offer(kind, replace(AT, past_due=Decimal(0))).reasons == ("nothing_past_due",)

    def test_a_discount_leaves_something_to_pay(self) -> None:
        kind = {**DISCOUNT, "share": None, "amount": "100000"}
        assert offer(kind).reasons == ("nothing_left_to_pay",)

    def test_only_what_waits_needs_an_open_journey_and_the_way_free(self) -> None:
        closed = replace(AT, stage=None, journey_open=False)
        assert [offer(kind, closed).reasons for kind in (DISCOUNT, WAIVER, REFINANCING)] == [("no_open_journey",)] * 3
        assert offer({**WAIVER, "within_days": None}, closed).reasons == ()
        assert offer(DATE, closed).reasons == ()
        promised = replace(AT, agreement_open=True)
        assert offer(DISCOUNT, promised).reasons == ("agreement_open",)
        assert offer({**WAIVER, "within_days": None}, promised).reasons == ()
        assert offer(DISCOUNT, replace(promised, relief_open=True, disputed=True)).reasons == (
            "disputed",
            "relief_open",
        )


class TestARefinancing:
    @given(money, st.decimals(0, "0.5", places=8), st.integers(1, 60), st.sampled_from((0, 2)))
    def test_pays_back_exactly_the_debt(self, debt: Decimal, rate: Decimal, number: int, decimals: int) -> None:
        debt = debt.quantize(Decimal(1).scaleb(-decimals))
        parts = annuity(debt, rate, number, decimals)
        assert len(parts) == number
        assert sum(part.principal for part in parts) == debt
        assert all(part.principal >= 0 and part.interest >= 0 for part in parts)

    @given(st.decimals(1000, 10**9, places=2), st.decimals(0, "0.05", places=8), st.integers(1, 60))
    def test_in_equal_instalments_but_for_the_rounding_of_the_last(
        self, debt: Decimal, rate: Decimal, number: int
    ) -> None:
        parts = annuity(debt, rate, number, 2)
        assert len({part.amount for part in parts[:-1]}) <= 1
        assert abs(parts[-1].amount - parts[0].amount) <= Decimal("0.01") * number * (1 + rate) ** number + 1

    def test_by_the_formula(self) -> None:
        """100 000 * 0.02 / (1 - 1.02^-3) = 34 675.4673; the interest of the first period is 2 000."""
        parts = annuity(Decimal(100000), Decimal("0.02"), 3, 2)
        assert [str(part.amount) for part in parts] == ["34675.47", "34675.47", "34675.46"]
        assert [str(part.interest) for part in parts] == ["2000.00", "1346.49", "679.91"]

    def test_is_of_the_whole_balance_in_one_of_the_numbers_offered(self) -> None:
        grant = check(rules(REFINANCING), AT, "supervisor", Wish("r", instalments=3))
        assert sum(part.principal for part in grant.parts) == AT.balance
        assert [part.due_date for part in grant.parts] == [TODAY + timedelta(days=days) for days in (30, 60, 90)]
        assert [choice.instalments for choice in offer(REFINANCING).financed] == [3, 12]
        assert refused(REFINANCING, instalments=4) == "relief.instalments"


@pytest.mark.parametrize(
    ("kind", "wish", "code"),
    [
        (DISCOUNT, {"amount": Decimal("20000.01")}, "relief.too_much"),
        (DISCOUNT, {"amount": Decimal(0)}, "relief.too_much"),
        (DISCOUNT, {"amount": Decimal("0.001")}, "relief.amount_decimals"),
        (DISCOUNT, {"due_date": TODAY + timedelta(days=6)}, "relief.too_late"),
        (DISCOUNT, {"due_date": TODAY - timedelta(days=1)}, "relief.in_past"),
        (DATE, {"due_date": TODAY}, "relief.in_past"),
        (DATE, {"amount": Decimal(1)}, "relief.not_asked"),
        ({**WAIVER, "within_days": None}, {"due_date": TODAY}, "relief.not_asked"),
        (DISCOUNT, {"instalments": 3}, "relief.not_asked"),
    ],
)
def test_a_wish_beyond_the_rule_is_refused(kind: dict[str, Any], wish: dict[str, Any], code: str) -> None:
    assert refused(kind, **wish) == code


@pytest.mark.parametrize(
    "kinds",
    [
        [DISCOUNT, DISCOUNT],
        [{**DISCOUNT, "amount": "1"}],
        [{**DISCOUNT, "share": None}],
        [{**DISCOUNT, "share": "1"}],
        [{**DATE, "share": "0.1"}],
        [{**REFINANCING, "instalments": []}],
        [{"key": "x", "kind": "gift"}],
    ],
)
def test_rules_that_make_no_sense_are_refused(kinds: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationError):
        rules(*kinds)
