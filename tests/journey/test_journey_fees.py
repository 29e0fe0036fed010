"""Collection fees: only for an action that was told of, done and recorded, and never above what the law allows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from journey.fees import Action, Ask, Ceiling, Charged, Fee, FeeRules, OpenPrincipal, check_fee
from policy import Pack, load_pack
from policy.costs import cost_ceilings, interest_ceiling
from policy.errors import SendaError

TODAY = date(2026, 3, 1)
DUE = date(2026, 2, 1)
(CHILE,) = cost_ceilings([load_pack("CL")])
UF = Decimal(40_000)
CALL = Action("contact:7", date(2026, 2, 20), performed=True, channel="call", disposition="right_party_contact")


def fee(**changes: Any) -> Fee:
    """A fee of 5 000 for calls, of which debtors were told on 1 January; `changes` are fields of `Fee`."""
    content: dict[str, Any] = {
        "key": "llamada",
        "amount": "5000",
        "channels": ["call"],
        "informed_by": "contrato, cláusula 9",
        "informed_on": "2026-01-01",
    }
    return Fee.model_validate({**content, **changes})


def ask(principal: str = "100000", **changes: Any) -> Ask:
    """Of a due of 1 February, asked for on 1 March; `changes` are fields of `Ask`."""
    values: dict[str, Any] = {
        "today": TODAY,
        "unit": Decimal(1),
        "due": 1,
        "dues": {1: OpenPrincipal(DUE, Decimal(principal))},
        "action": CALL,
    }
    return Ask(**{**values, **changes})


def price(asked: Ask, **changes: Any) -> Decimal:
    return check_fee(FeeRules(kinds=(fee(**changes),)), "llamada", asked).amount


def code(asked: Ask, **changes: Any) -> str:
    with pytest.raises(SendaError) as refused:
        price(asked, **changes)
    return refused.value.code


class TestThePrice:
    def test_may_be_an_amount(self) -> None:
        assert price(ask()) == 5_000

    def test_may_be_a_share_of_the_open_principal_rounded_down(self) -> None:
        assert price(ask("99999"), amount=None, share="0.05") == 4_999

    def test_is_told_with_all_that_it_takes(self) -> None:
        rules = FeeRules(kinds=(fee(amount=None, share="0.05"),))
        about = check_fee(rules, "llamada", ask(ceilings=[Ceiling(CHILE, UF)])).about
        assert about == {
            "formula": "principal * share",
            "fee": "llamada",
            "principal": "100000",
            "share": "0.05",
            "action": "contact:7",
            "action_on": "2026-02-20",
            "informed_by": "contrato, cláusula 9",
            "informed_on": "2026-01-01",
            "charged_on": "2026-03-01",
            "ceiling": "9000",
            "rules": "CL-05",
            "CL.UF": "40000",
        }

    def test_is_one_of_both(self) -> None:
        with pytest.raises(ValidationError, match="not both"):
            fee(share="0.1")


class TestIsRefused:
    def test_where_the_creditor_has_no_such_fee(self) -> None:
        with pytest.raises(SendaError) as refused:
            check_fee(None, "llamada", ask())
        assert refused.value.code == "fee.not_offered"
        with pytest.raises(SendaError) as refused:
            check_fee(FeeRules(kinds=(fee(),)), "visita", ask())
        assert refused.value.code == "fee.not_offered"

    @pytest.mark.parametrize("today", [DUE, DUE - timedelta(days=3)])
    def test_while_the_due_is_not_past_due(self, today: date) -> None:
        assert code(ask(today=today)) == "fee.nothing_past_due"

    def test_once_the_principal_of_the_due_is_paid(self) -> None:
        assert code(ask(dues={2: OpenPrincipal(DUE, Decimal(5))})) == "fee.nothing_past_due"

    def test_for_an_action_that_did_not_take_place(self) -> None:
        assert code(ask(action=replace(CALL, performed=False))) == "fee.action_not_performed"

    def test_for_an_action_of_another_kind(self) -> None:
        assert code(ask(action=replace(CALL, channel="sms"))) == "fee.action_does_not_bear_it"
        assert code(ask(action=Action("task:1", TODAY, True, disposition="voicemail"))) == "fee.action_does_not_bear_it"

    def test_for_an_action_before_the_due_was_past_due(self) -> None:
        assert code(ask(action=replace(CALL, day=DUE))) == "fee.action_too_old"

    @pytest.mark.parametrize("informed_on", ["2026-02-20", "2026-02-25"])
    def test_for_an_action_before_the_debtor_was_told_of_the_fee(self, informed_on: str) -> None:
        assert code(ask(), informed_on=informed_on) == "fee.not_informed"

    def test_for_an_action_that_bore_a_fee_before(self) -> None:
        assert code(ask(action=replace(CALL, charged=True))) == "fee.action_used"

    def test_more_often_for_a_due_than_the_creditor_says(self) -> None:
        one, other = Charged("llamada", 1, date(2026, 2, 15)), Charged("llamada", 2, date(2026, 2, 15))
        assert code(ask(earlier=[one])) == "fee.too_often"
        assert price(ask(earlier=[other, Charged("visita", 1, TODAY)])) == 5_000
        assert price(ask(earlier=[one]), times=2) == 5_000

    def test_sooner_after_the_last_than_the_creditor_says(self) -> None:
        earlier = [Charged("llamada", 2, date(2026, 2, 15))]
        assert code(ask(earlier=earlier), every_days=15) == "fee.too_soon"
        assert price(ask(earlier=earlier), every_days=14) == 5_000


def test_a_task_may_bear_it_by_its_disposition() -> None:
    done = Action("task:1", date(2026, 2, 20), True, disposition="right_party_contact")
    assert price(ask(action=done), dispositions=["right_party_contact"], channels=[]) == 5_000


def test_a_fee_without_an_action_cannot_be_written() -> None:
    with pytest.raises(ValidationError, match="name the channels or the dispositions"):
        fee(channels=[])


def test_two_fees_of_a_key_cannot_be_written() -> None:
    with pytest.raises(ValidationError, match="same key"):
        FeeRules(kinds=(fee(), fee()))


class TestTheLawOfChile:
    """CL-05: 9 % up to 10 UF, 6 % from 10 to 50, 3 % above, on the part in each band, after 20 days."""

    @pytest.mark.parametrize(
        ("principal", "most"),
        [
            ("100000", "9000"),  # 2.5 UF: 9 %
            ("400000", "36000"),  # 10 UF
            ("440000", "38400"),  # 11 UF: 36 000 + 6 % of 40 000
            ("2000000", "132000"),  # 50 UF: 36 000 + 6 % of 1 600 000
            ("2400000", "144000"),  # 60 UF: 132 000 + 3 % of 400 000
        ],
    )
    def test_allows_so_much(self, principal: str, most: str) -> None:
        asked = ask(principal, ceilings=[Ceiling(CHILE, UF)])
        assert CHILE.most(Decimal(principal), UF) == Decimal(most)
        assert price(asked, amount=None) == Decimal(most)
        assert price(asked, amount=most) == Decimal(most)
        assert code(asked, amount=str(Decimal(most) + 1)) == "fee.beyond_ceiling"

    def test_counts_what_was_charged_before(self) -> None:
        asked = ask(dues={1: OpenPrincipal(DUE, Decimal(100_000), Decimal(4_001))}, ceilings=[Ceiling(CHILE, UF)])
        assert code(asked) == "fee.beyond_ceiling"
        assert price(asked, amount="4999") == 4_999
        assert price(asked, amount=None) == 4_999

    def test_leaves_nothing_once_it_is_used_up(self) -> None:
        asked = ask(dues={1: OpenPrincipal(DUE, Decimal(100_000), Decimal(9_000))}, ceilings=[Ceiling(CHILE, UF)])
        assert code(asked, amount=None) == "fee.beyond_ceiling"

    def test_bands_are_of_the_whole_debt_that_is_late(self) -> None:
        """Two dues of 400 000: alone each would bear 36 000, together they bear 36 000 + 24 000."""
        dues = {1: OpenPrincipal(DUE, Decimal(400_000)), 2: OpenPrincipal(DUE, Decimal(400_000), Decimal(36_000))}
        asked = ask(dues=dues, ceilings=[Ceiling(CHILE, UF)])
        assert price(asked, amount=None) == 24_000

    @pytest.mark.parametrize(("days", "refused"), [(20, True), (21, False)])
    def test_begins_after_twenty_days(self, days: int, refused: bool) -> None:
        asked = ask(ceilings=[Ceiling(CHILE, UF)], today=DUE + timedelta(days=days))
        if refused:
            assert code(asked) == "fee.too_early"
        else:
            assert price(asked) == 5_000

    def test_needs_the_value_of_the_unit(self) -> None:
        assert code(ask(ceilings=[Ceiling(CHILE, None)])) == "fee.unit_unknown"


def test_a_fee_that_is_what_a_ceiling_leaves_needs_a_ceiling() -> None:
    assert code(ask(), amount=None) == "fee.no_ceiling"


@st.composite
def _debts(draw: Callable[[Any], Any]) -> dict[int, OpenPrincipal]:
    """Up to three dues of different days and amounts."""
    days = draw(st.lists(st.integers(1, 60), min_size=1, max_size=3))
    amounts = st.decimals("1", "5000000", places=0)
    return {n: OpenPrincipal(TODAY - timedelta(days=day), draw(amounts)) for n, day in enumerate(days)}


@given(_debts(), st.lists(st.tuples(st.integers(0, 2), st.decimals("1", "200000", places=0)), max_size=12))
def test_whatever_is_charged_the_sum_stays_below_the_ceiling(
    debts: dict[int, OpenPrincipal], wanted: list[tuple[int, Decimal]]
) -> None:
    def most(dues: list[OpenPrincipal]) -> Decimal:
        return CHILE.most(sum((each.principal for each in dues), Decimal(0)), UF)

    for number, amount in wanted:
        asked = ask(due=number, dues=debts, ceilings=[Ceiling(CHILE, UF)], action=replace(CALL, day=TODAY))
        try:
            charged = price(asked, amount=amount)
        except SendaError:
            continue
        debts[number] = replace(debts[number], fees=debts[number].fees + charged)
    assert all(each.fees <= most([each]) for each in debts.values())
    assert sum(each.fees for each in debts.values()) <= most(list(debts.values()))
    assert not any(each.fees for each in debts.values() if (TODAY - each.due_date).days <= 20)


class TestThePacks:
    def test_colombia_bounds_interest_and_asks_for_an_action(self) -> None:
        assert interest_ceiling([load_pack("CO")]) == "CO.usury"
        assert cost_ceilings([load_pack("CO")]) == ()

    def test_chile_bounds_costs_in_units(self) -> None:
        assert (CHILE.rule, CHILE.unit, CHILE.country, CHILE.after_days) == ("CL-05", "CL.UF", "CL", 20)
        assert [(band.up_to, band.rate) for band in CHILE.bands] == [
            (Decimal(10), Decimal("0.09")),
            (Decimal(50), Decimal("0.06")),
            (None, Decimal("0.03")),
        ]
        assert interest_ceiling([load_pack("CL")]) is None

    @pytest.mark.parametrize(
        "parameters",
        [
            {"unit": "UF", "rate_up_to_10": "0.09"},
            {"unit": "UF", "rate_above_10": "0.09"},
            {"unit": "UF", "rate_up_to_10": "0.09", "rate_above_20": "0.03"},
            {"unit": "UF", "rate_up_to_10": "a tenth", "rate_above_10": "0.03"},
            {"rate_up_to_10": "0.09", "rate_above_10": "0.03"},
        ],
    )
    def test_bands_that_leave_a_gap_are_refused(self, parameters: dict[str, str]) -> None:
        content = load_pack("CL").model_dump(mode="json")
        rule = next(each for each in content["rules"] if each["id"] == "CL-05")
        rule["parameters"] = parameters
        with pytest.raises(SendaError) as refused:
            cost_ceilings([Pack.model_validate(content)])
        assert refused.value.code == "policy.bad_costs"
