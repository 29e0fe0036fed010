"""The demo's invented portfolio: the same for a seed, plausible, and reaching nobody."""

from collections import Counter
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from senda.demo.behaviour import BEHAVIOURS
from senda.demo.portfolio import Account, portfolio
from senda.demo.processor import noon, postings_by_day

FIRST_DAY = date(2026, 2, 2)


@pytest.fixture(scope="module")
def accounts() -> list[Account]:
    return portfolio(2300, 300, FIRST_DAY)


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_a_seed_always_gives_the_same_accounts(seed: int, count: int) -> None:
    made = portfolio(seed, count, FIRST_DAY)
    assert made == portfolio(seed, count, FIRST_DAY)
    assert len({account.key for account in made}) == count


@given(st.integers(0, 2**32))
def test_nobody_pays_more_than_is_owed_nor_before_the_start(seed: int) -> None:
    for account in portfolio(seed, 60, FIRST_DAY):
        paid = sum(move.amount if move.returns is None else -move.amount for move in account.moves)
        assert 0 <= paid <= sum(due.amount for due in account.dues)
        assert all(move.amount > 0 and move.day >= FIRST_DAY for move in account.moves)
        assert all(a.due_date < b.due_date for a, b in pairwise(account.dues))


def test_every_behaviour_occurs(accounts: list[Account]) -> None:
    seen = Counter(account.behaviour for account in accounts)
    assert set(seen) == {behaviour.name for behaviour in BEHAVIOURS}
    assert seen["returned"] == 3


def test_a_few_people_have_several_accounts(accounts: list[Account]) -> None:
    owners = Counter(account.person.key for account in accounts)
    several = sum(count > 1 for count in owners.values()) / len(owners)
    assert 0.04 <= several <= 0.13
    assert max(owners.values()) <= 3


def test_nobody_can_be_reached(accounts: list[Account]) -> None:
    for account in accounts:
        addresses = account.person.addresses
        assert addresses["email"].isascii()
        assert addresses["email"].endswith("@correo.invalid")
        assert {addresses[channel][:6] for channel in ("sms", "whatsapp", "call")} == {"+57399"}
    assert len({account.person.addresses["email"] for account in accounts}) == len(
        {account.person.key for account in accounts}
    )


def test_a_reversal_names_the_payment_that_it_takes_back(accounts: list[Account]) -> None:
    postings = {posting.id: posting for day in postings_by_day("demo", accounts).values() for posting in day}
    reversals = [posting for posting in postings.values() if posting.reverses]
    assert len(reversals) == 3
    for reversal in reversals:
        payment = postings[reversal.reverses or ""]
        assert (payment.account, payment.amount) == (reversal.account, reversal.amount)
        assert payment.paid_at < reversal.paid_at


def test_payments_stand_under_their_day_at_noon_in_bogota(accounts: list[Account]) -> None:
    for day, postings in postings_by_day("demo", accounts).items():
        assert {posting.paid_at for posting in postings} == {noon(day)}
    assert noon(FIRST_DAY).isoformat() == "2026-02-02T12:00:00-05:00"
