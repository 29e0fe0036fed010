"""Allocation as properties: oldest first, exact, never too much, and undone by a reversal."""

from datetime import date
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ledger.allocation import OpenDue, Part, allocate, open_after, reverse

CENTS = st.integers(1, 10**9).map(lambda cents: Decimal(cents) / 100)


@st.composite
def open_dues(draw: st.DrawFn) -> list[OpenDue]:
    days = draw(st.lists(st.dates(date(2025, 1, 1), date(2027, 1, 1)), max_size=6))
    return [OpenDue(number, day, draw(CENTS)) for number, day in enumerate(days, start=1)]


@given(CENTS, open_dues())
def test_the_parts_sum_to_the_payment(amount: Decimal, dues: list[OpenDue]) -> None:
    parts = allocate(amount, dues)
    assert sum((part.amount for part in parts), Decimal(0)) == -amount
    assert all(part.amount < 0 for part in parts)


@given(CENTS, open_dues())
def test_no_due_is_paid_beyond_what_it_still_asks(amount: Decimal, dues: list[OpenDue]) -> None:
    paid = {part.due_id: -part.amount for part in allocate(amount, dues)}
    assert all(paid.get(due.id, Decimal(0)) <= due.open for due in dues)


@given(CENTS, open_dues())
def test_a_due_is_paid_only_once_every_older_one_is_paid_whole(amount: Decimal, dues: list[OpenDue]) -> None:
    paid = {part.due_id: -part.amount for part in allocate(amount, dues)}
    oldest_first = sorted(dues, key=lambda due: (due.due_date, due.id))
    for older, newer in pairwise(oldest_first):
        assert newer.id not in paid or paid.get(older.id) == older.open


@given(CENTS, open_dues())
def test_credit_is_left_only_where_every_due_is_paid(amount: Decimal, dues: list[OpenDue]) -> None:
    parts = allocate(amount, dues)
    left = open_after(dues, parts)
    credit = [part for part in parts if part.due_id is None]
    assert not (credit and left)
    assert bool(credit) == (amount > sum((due.open for due in dues), Decimal(0)))


@given(CENTS, open_dues())
def test_a_whole_reversal_undoes_the_payment(amount: Decimal, dues: list[OpenDue]) -> None:
    parts = allocate(amount, dues)
    back = reverse(amount, parts)
    assert {part.due_id: part.amount for part in back} == {part.due_id: -part.amount for part in parts}


@given(CENTS, CENTS, open_dues())
def test_a_part_of_a_payment_goes_back_from_the_newest_due(
    amount: Decimal, returned: Decimal, dues: list[OpenDue]
) -> None:
    parts = allocate(amount, dues)
    back = reverse(returned, parts)
    assert sum((part.amount for part in back), Decimal(0)) == min(returned, amount)
    assert [part.due_id for part in back] == [part.due_id for part in reversed(parts)][: len(back)]
    given_back = {part.due_id: part.amount for part in back}
    assert all(given_back.get(part.due_id, Decimal(0)) <= -part.amount for part in parts)


def test_what_is_left_of_the_dues_is_told_without_the_paid_ones() -> None:
    dues = [OpenDue(1, date(2026, 1, 1), Decimal(100)), OpenDue(2, date(2026, 2, 1), Decimal(100))]
    after = open_after(dues, [Part(1, Decimal(-100)), Part(2, Decimal(-30))])
    assert after == [OpenDue(2, date(2026, 2, 1), Decimal(70))]
