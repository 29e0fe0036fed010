"""Reckoning as properties: exact, oldest first, never too much, and the same whatever came first."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from journey.interest import InterestRules, Rate, spans
from journey.money import (
    COMPONENTS,
    Charge,
    Component,
    Credit,
    Due,
    Entry,
    Interest,
    MoneyRules,
    Place,
    Reckoning,
    reckon,
    remaining,
)

ZERO = Decimal(0)
FIRST = date(2026, 1, 1)
CENTS = st.integers(1, 50_000).map(lambda cents: Decimal(cents) / 100)
DAYS = st.integers(0, 120).map(lambda days: FIRST + timedelta(days=days))


@dataclass(frozen=True)
class Debt:
    """Everything that is known of an account."""

    dues: tuple[Due, ...]
    charges: tuple[Charge, ...]
    credits: tuple[Credit, ...]
    order: tuple[Component, ...] = COMPONENTS

    def reckoned(self, **more: Any) -> Reckoning:
        return reckon(self.dues, self.charges, self.credits, order=self.order, **more)

    @property
    def charged(self) -> dict[Place, Decimal]:
        found: defaultdict[Place, Decimal] = defaultdict(Decimal)
        for charge in self.charges:
            found[charge.due, charge.component] += charge.amount
        return dict(found)

    def without(self, *keys: str) -> "Debt":
        return replace(self, credits=tuple(each for each in self.credits if each.key not in keys))

    def oldest_first(self) -> list[Due]:
        return sorted(self.dues, key=lambda due: (due.due_date, due.id))


def at_noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def payment(number: int, day: date, amount: Decimal | int | str, **more: Any) -> Credit:
    return Credit(f"p{number}", at_noon(day), day, number, Decimal(amount), **more)


@st.composite
def debts(draw: st.DrawFn, *, dated: bool = False, plain: bool = True) -> Debt:
    """`dated`: some charges come late, as fees do. `plain`: money that pays whatever is oldest."""
    days = draw(st.lists(DAYS, min_size=1, max_size=4))
    dues = tuple(Due(number, day) for number, day in enumerate(days, start=1))
    charges = [
        Charge(due.id, component, draw(CENTS), draw(DAYS) if dated and component == "fees" else None)
        for due in dues
        for component in draw(st.lists(st.sampled_from(COMPONENTS), min_size=1, max_size=3, unique=True))
    ]
    credits = [draw(credits_of(number, dues, plain=plain)) for number in range(draw(st.integers(0, 6)))]
    order = draw(st.permutations(COMPONENTS))
    return Debt(dues, tuple(charges), tuple(credits), tuple(order))


@st.composite
def credits_of(draw: st.DrawFn, number: int, dues: Sequence[Due], *, plain: bool) -> Credit:
    money = payment(number, draw(DAYS), draw(CENTS))
    if plain:
        return money
    due = draw(st.sampled_from([None, *(due.id for due in dues)]))
    match draw(st.sampled_from(("payment", "waiver", "write-off"))):
        case "waiver":
            some = tuple(draw(st.lists(st.sampled_from(COMPONENTS), min_size=1, unique=True)))
            return replace(money, due=due, components=some, lapses=True)
        case "write-off":
            return replace(money, lapses=True, last=True)
        case _:
            return replace(money, due=due)


def used(reckoning: Reckoning) -> dict[Place, Decimal]:
    found: defaultdict[Place, Decimal] = defaultdict(Decimal)
    for places in reckoning.paid.values():
        for place, amount in places.items():
            if place is not None:
                found[place] += amount
    return dict(found)


def unapplied(reckoning: Reckoning) -> Decimal:
    return sum((places.get(None, ZERO) for places in reckoning.paid.values()), ZERO)


def balance(reckoning: Reckoning) -> Decimal:
    return sum(reckoning.open.values(), ZERO) - unapplied(reckoning)


def by_due(amounts: dict[Place, Decimal]) -> dict[int, Decimal]:
    found: defaultdict[int, Decimal] = defaultdict(Decimal)
    for (due, _), amount in amounts.items():
        found[due] += amount
    return found


class TestAnyMoney:
    @given(debts(dated=True))
    def test_is_used_up_or_left_as_credit(self, debt: Debt) -> None:
        paid = debt.reckoned().paid
        assert {key: sum(places.values()) for key, places in paid.items()} == {
            each.key: each.amount for each in debt.credits
        }

    @given(debts(dated=True, plain=False))
    def test_never_counts_for_more_than_it_is(self, debt: Debt) -> None:
        paid = debt.reckoned().paid
        for each in debt.credits:
            spent = sum(paid.get(each.key, {}).values(), ZERO)
            assert spent <= each.amount if each.lapses else spent == each.amount
            assert all(amount > 0 for amount in paid.get(each.key, {}).values())

    @given(debts(dated=True, plain=False))
    def test_pays_no_place_beyond_what_is_owed_there(self, debt: Debt) -> None:
        reckoning = debt.reckoned()
        paid = used(reckoning)
        assert reckoning.open == {
            place: amount - paid.get(place, ZERO)
            for place, amount in debt.charged.items()
            if amount != paid.get(place, ZERO)
        }
        assert all(amount > 0 for amount in reckoning.open.values())

    @given(debts())
    def test_pays_an_older_due_whole_before_a_younger_one_gets_anything(self, debt: Debt) -> None:
        reckoning = debt.reckoned()
        paid, still_open = by_due(used(reckoning)), by_due(dict(reckoning.open))
        for older, younger in pairwise(debt.oldest_first()):
            assert not (still_open[older.id] and paid[younger.id])

    @given(debts())
    def test_pays_a_due_in_the_creditors_order(self, debt: Debt) -> None:
        reckoning = debt.reckoned()
        paid = used(reckoning)
        for due in debt.dues:
            for first, second in pairwise(debt.order):
                assert not (reckoning.open.get((due.id, first)) and paid.get((due.id, second)))

    @given(debts(dated=True))
    def test_is_left_over_only_where_everything_is_paid(self, debt: Debt) -> None:
        reckoning = debt.reckoned()
        assert not (unapplied(reckoning) and reckoning.open)
        owed, came = sum(debt.charged.values()), sum(each.amount for each in debt.credits)
        assert balance(reckoning) == owed - came

    @given(debts(dated=True, plain=False), st.data())
    def test_leads_to_the_same_debt_in_whatever_order_it_is_told(self, debt: Debt, data: st.DataObject) -> None:
        told = replace(
            debt,
            dues=tuple(data.draw(st.permutations(debt.dues))),
            charges=tuple(data.draw(st.permutations(debt.charges))),
            credits=tuple(data.draw(st.permutations(debt.credits))),
        )
        assert told.reckoned() == debt.reckoned()

    @given(debts(dated=True, plain=False), st.data())
    def test_that_is_taken_back_whole_was_never_there(self, debt: Debt, data: st.DataObject) -> None:
        assume(debt.credits)
        gone = data.draw(st.sampled_from(debt.credits))
        nothing_left = tuple(replace(each, amount=ZERO) if each is gone else each for each in debt.credits)
        assert replace(debt, credits=nothing_left).reckoned() == debt.without(gone.key).reckoned()

    @given(debts(dated=True))
    def test_of_any_day_makes_the_same_balance(self, debt: Debt) -> None:
        """Without interest it does not matter when it was paid."""
        moved = replace(debt, credits=tuple(replace(each, day=FIRST, at=at_noon(FIRST)) for each in debt.credits))
        assert balance(moved.reckoned()) == balance(debt.reckoned())


class TestMoneyForADue:
    @given(debts(), DAYS, CENTS, st.data())
    def test_pays_that_one_first(self, debt: Debt, day: date, amount: Decimal, data: st.DataObject) -> None:
        meant = data.draw(st.sampled_from(debt.dues)).id
        owed = by_due(debt.charged)
        alone = replace(debt, credits=(payment(1, day, amount, due=meant),)).reckoned()
        assert by_due(used(alone))[meant] == min(amount, owed[meant])
        others = [due for due in debt.oldest_first() if due.id != meant]
        paid, still_open = by_due(used(alone)), by_due(dict(alone.open))
        for older, younger in pairwise(others):
            assert not (still_open[older.id] and paid[younger.id])

    def test_that_is_paid_already_goes_to_the_oldest(self) -> None:
        debt = Debt(
            (Due(1, FIRST), Due(2, FIRST + timedelta(days=30))),
            (Charge(1, "principal", Decimal(100)), Charge(2, "principal", Decimal(50))),
            (payment(1, FIRST, 50, due=2), payment(2, FIRST, 70, due=2)),
        )
        assert debt.reckoned().open == {(1, "principal"): Decimal(30)}

    def test_that_nobody_knows_goes_to_the_oldest(self) -> None:
        debt = Debt((Due(1, FIRST),), (Charge(1, "principal", Decimal(100)),), (payment(1, FIRST, 30, due=7),))
        assert debt.reckoned().open == {(1, "principal"): Decimal(70)}


class TestAWaiver:
    @given(debts(plain=False))
    def test_pays_nothing_but_its_components(self, debt: Debt) -> None:
        paid = debt.reckoned().paid
        for each in debt.credits:
            places = paid.get(each.key, {})
            assert all(place is None or place[1] in each.components for place in places)
            assert not (each.lapses and None in places)

    @given(debts(), DAYS, CENTS)
    def test_never_makes_credit(self, debt: Debt, day: date, amount: Decimal) -> None:
        waiver = Credit("w", at_noon(day), day, 99, amount, components=("interest",), lapses=True)
        asked = sum((each for (_, what), each in debt.charged.items() if what == "interest"), ZERO)
        alone = replace(debt, credits=(waiver,)).reckoned()
        assert sum(alone.paid.get("w", {}).values(), ZERO) == min(amount, asked)
        assert unapplied(alone) == 0

    def test_counts_on_its_day_for_what_is_charged_by_then(self) -> None:
        day = FIRST + timedelta(days=10)
        late = Charge(1, "fees", Decimal(20), day + timedelta(days=1))
        waiver = Credit("w", at_noon(day), day, 1, Decimal(20), components=("fees",), lapses=True)
        assert reckon([Due(1, FIRST)], [late], [waiver]).open == {(1, "fees"): Decimal(20)}
        assert reckon([Due(1, FIRST)], [replace(late, day=day)], [waiver]).open == {}


class TestAWriteOff:
    @given(debts(dated=True), DAYS)
    def test_covers_what_is_left_and_leaves_all_money_where_it_was(self, debt: Debt, day: date) -> None:
        before = debt.reckoned()
        owed = sum(before.open.values(), ZERO)
        assume(owed > 0)
        off = Credit("w", at_noon(day), day, 99, owed, lapses=True, last=True)
        after = replace(debt, credits=(off, *debt.credits)).reckoned()
        assert after.open == {}
        assert {**after.paid, "w": {}} == {**before.paid, "w": {}}
        assert after.paid["w"] == before.open

    @given(debts(), DAYS, CENTS)
    def test_covers_so_much_less_when_money_still_comes(self, debt: Debt, day: date, amount: Decimal) -> None:
        owed = sum(debt.charged.values(), ZERO)
        off = Credit("w", at_noon(FIRST), FIRST, 1, owed, lapses=True, last=True)
        after = replace(debt, credits=(off, payment(2, day, amount))).reckoned()
        assert sum(after.paid.get("w", {}).values(), ZERO) == max(ZERO, owed - amount)
        assert unapplied(after) == max(ZERO, amount - owed)


slow = settings(max_examples=50, deadline=None)

RATES = st.builds(
    InterestRules,
    rates=st.decimals("0.01", "1", places=4).map(lambda annual: (Rate(since=date(2020, 1, 1), annual=annual),)),
    kind=st.sampled_from(("effective", "nominal")),
    basis=st.sampled_from(("actual/365", "actual/360", "30/360")),
    grace_days=st.sampled_from((0, 0, 5)),
)


def costs(rules: InterestRules) -> Interest:
    return partial(spans, rules, lambda _month: None)


LATER = st.integers(0, 200).map(lambda days: FIRST + timedelta(days=days))


class TestInterest:
    @given(debts(plain=False), RATES, LATER, st.lists(DAYS, max_size=4))
    @slow
    def test_is_the_same_however_the_days_are_cut(
        self, debt: Debt, rules: InterestRules, through: date, cuts: list[date]
    ) -> None:
        """A credit that pays nothing only cuts the days at which interest is reckoned."""
        nothing = [
            Credit(f"n{number}", at_noon(day), day, 50 + number, Decimal(1), components=(), lapses=True)
            for number, day in enumerate(cuts)
        ]
        whole = debt.reckoned(interest=costs(rules), through=through)
        cut = replace(debt, credits=(*debt.credits, *nothing)).reckoned(interest=costs(rules), through=through)
        assert (cut.open, cut.paid) == (whole.open, whole.paid)
        assert {key: each.amount for key, each in cut.accrued.items()} == {
            key: each.amount for key, each in whole.accrued.items()
        }

    @given(debts(dated=True, plain=False), RATES, LATER)
    @slow
    def test_is_owed_and_paid_as_everything_else(self, debt: Debt, rules: InterestRules, through: date) -> None:
        reckoning = debt.reckoned(interest=costs(rules), through=through)
        owed: defaultdict[Place, Decimal] = defaultdict(Decimal, debt.charged)
        for (due, _), accrued in reckoning.accrued.items():
            assert accrued.amount == round(accrued.amount, 2)
            owed[due, "interest"] += accrued.amount
        paid = used(reckoning)
        assert dict(reckoning.open) == {
            place: amount - paid.get(place, ZERO) for place, amount in owed.items() if amount != paid.get(place, ZERO)
        }
        assert all(amount > 0 for amount in reckoning.open.values())

    @given(debts(dated=True), RATES, LATER)
    @slow
    def test_of_money_that_is_left_over_there_is_none_open(
        self, debt: Debt, rules: InterestRules, through: date
    ) -> None:
        through = max([through, *(each.day for each in debt.credits)])
        reckoning = debt.reckoned(interest=costs(rules), through=through)
        assert not (unapplied(reckoning) and reckoning.open)

    @given(debts(dated=True, plain=False), RATES, LATER, LATER)
    @slow
    def test_never_shrinks_as_days_pass(self, debt: Debt, rules: InterestRules, one: date, other: date) -> None:
        first, second = (
            debt.reckoned(interest=costs(rules), through=day).accrued for day in sorted((one, other))
        )  # fmt: skip
        assert all(second[key].amount >= each.amount for key, each in first.items())

    @given(debts(dated=True, plain=False), RATES, LATER, st.data())
    @slow
    def test_does_not_depend_on_what_was_told_first(
        self, debt: Debt, rules: InterestRules, through: date, data: st.DataObject
    ) -> None:
        told = replace(debt, credits=tuple(data.draw(st.permutations(debt.credits))))
        assert told.reckoned(interest=costs(rules), through=through) == debt.reckoned(
            interest=costs(rules), through=through
        )

    def test_of_a_payment_that_is_known_late_is_taken_away_again(self) -> None:
        rules = InterestRules(rates=(Rate(since=FIRST, annual=Decimal("0.365")),), kind="nominal")
        owed = (Charge(1, "principal", Decimal(1000)),)
        through = FIRST + timedelta(days=30)
        late = Debt((Due(1, FIRST),), owed, ())
        assert late.reckoned(interest=costs(rules), through=through).open[1, "interest"] == 30
        known = Debt((Due(1, FIRST),), owed, (payment(1, FIRST, 1000),))
        assert known.reckoned(interest=costs(rules), through=through) == known.reckoned()


@pytest.mark.parametrize("order", list(permutations(COMPONENTS)))
def test_the_components_of_a_due_are_paid_in_the_creditors_order(order: tuple[Component, ...]) -> None:
    charges = [Charge(1, component, Decimal(10)) for component in COMPONENTS]
    paid = reckon([Due(1, FIRST)], charges, [payment(1, FIRST, 15)], order=order).paid["p1"]
    assert paid == {(1, order[0]): Decimal(10), (1, order[1]): Decimal(5)}


def test_a_whole_due_is_paid_before_the_next_ones_fees() -> None:
    dues = [Due(1, FIRST), Due(2, FIRST + timedelta(days=1))]
    charges = [Charge(due, component, Decimal(10)) for due in (1, 2) for component in COMPONENTS]
    assert reckon(dues, charges, [payment(1, FIRST, 35)]).open == {
        (2, "fees"): Decimal(5),
        (2, "interest"): Decimal(10),
        (2, "principal"): Decimal(10),
    }


@pytest.mark.parametrize(
    "order", [("fees", "interest"), ("fees", "fees", "principal"), (*COMPONENTS, "fees"), ("fees", "interest", "gift")]
)
def test_an_order_names_each_component_once(order: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        MoneyRules.model_validate({"order": order})


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    """Money and what takes it back, also before it is known."""
    number = draw(st.integers(1, 7))
    targets = [draw(st.none() | st.integers(1, each - 1)) if each > 1 else None for each in range(1, number + 1)]
    return [Entry(each, draw(CENTS), targets[each - 1]) for each in range(1, number + 1)]


class TestWhatIsLeft:
    @given(entries())
    def test_lies_between_nothing_and_all(self, entries: list[Entry]) -> None:
        left = remaining(entries)
        assert all(0 <= left[each.id] <= each.amount for each in entries)

    @given(entries(), st.randoms())
    def test_does_not_depend_on_what_was_told_first(self, entries: list[Entry], chance: Any) -> None:
        told = list(entries)
        chance.shuffle(told)
        assert remaining(told) == remaining(entries)

    @given(entries(), st.data())
    def test_is_as_if_what_is_taken_back_whole_had_never_come(self, entries: list[Entry], data: st.DataObject) -> None:
        gone = data.draw(st.sampled_from(entries))
        assume(not any(each.takes_back == gone.id for each in entries))
        back = Entry(99, gone.amount, gone.id)
        others = [each for each in entries if each is not gone]
        left = remaining([*entries, back])
        assert left[gone.id] == 0
        assert {each.id: left[each.id] for each in others} == remaining(others)

    @given(entries(), CENTS)
    def test_of_what_nobody_knows_is_nothing_taken(self, entries: list[Entry], amount: Decimal) -> None:
        left = remaining([*entries, Entry(99, amount, 1000)])
        assert {each.id: left[each.id] for each in entries} == remaining(entries)

    def test_of_a_chargeback_that_was_lost_in_part(self) -> None:
        charged_back = [Entry(1, Decimal(100)), Entry(2, Decimal(100), 1)]
        assert remaining(charged_back)[1] == 0
        assert remaining([*charged_back, Entry(3, Decimal(30), 2)])[1] == 30
        assert remaining([*charged_back, Entry(3, Decimal(30), 2), Entry(4, Decimal(30), 3)])[1] == 0
