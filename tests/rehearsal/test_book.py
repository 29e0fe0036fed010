"""The book of payments: which days there are, what is paid on each, when a rehearsal starts and ends."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from journey.playbook import Playbook, parse_playbook
from senda.portfolio.rows import Receivable
from senda.rehearsal.book import PaymentBook


def playbook(from_day: int) -> Playbook:
    stage = "preventive" if from_day <= 0 else "administrative"
    return parse_playbook({"key": "p", "stages": [{"stage": stage, "from_day": from_day}], "ends": {"day": 120}})


def receivable(row: int, due: date, paid: date | None) -> Receivable:
    return Receivable(row, f"a{row}", "d", due, Decimal(row), paid, "", {}, {})


days = st.dates(date(2018, 1, 1), date(2021, 12, 31))


@given(st.lists(st.tuples(days, days), min_size=1))
def test_every_payment_is_made_on_its_day(pairs: list[tuple[date, date]]) -> None:
    book = PaymentBook.read(receivable(row, due, paid) for row, (due, paid) in enumerate(pairs))
    made = [(day, payment.account) for day in book.days() for payment in book.payments_on(day)]
    assert sorted(made) == sorted((paid, f"a{row}") for row, (_, paid) in enumerate(pairs))


@given(st.lists(st.tuples(days, days), min_size=1), st.integers(-10, 5))
def test_the_clock_starts_before_anything_can_happen(pairs: list[tuple[date, date]], from_day: int) -> None:
    book = PaymentBook.read(receivable(row, due, paid) for row, (due, paid) in enumerate(pairs))
    starts = book.starts(playbook(from_day))
    assert starts is not None
    assert all(starts <= due + timedelta(days=from_day) and starts <= paid for due, paid in pairs)


def test_an_unpaid_document_keeps_the_clock_going_to_the_end_of_its_timeline() -> None:
    rows = [receivable(1, date(2020, 1, 1), date(2020, 1, 5)), receivable(2, date(2020, 1, 10), None)]
    assert PaymentBook.read(rows).ends(playbook(1)) == date(2020, 1, 10) + timedelta(days=120)


def test_an_empty_book_has_no_days() -> None:
    book = PaymentBook.read([])
    assert (book.starts(playbook(1)), book.ends(playbook(1)), book.days()) == (None, None, [])
