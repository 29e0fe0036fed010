"""When an instalment is debited and for how much: on days on which banks work, never too much; no card numbers."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from journey.debiting import (
    ASKED_FOR,
    DebitRules,
    amount_to_take,
    ask_again,
    first_try,
    next_look,
    next_try,
    refuse_cards,
)
from policy import holiday_name, load_pack, local_date
from policy.calendar import start_of_day
from policy.errors import SendaError

ZONE = "America/Bogota"
DAY = timedelta(days=1)
CO = load_pack("CO")
NOW = datetime(2026, 2, 10, 14, tzinfo=UTC)

days = st.dates(date(2026, 1, 1), date(2027, 12, 31))
amounts = st.decimals(Decimal(0), Decimal(10**9), places=2)


def nine(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 14, tzinfo=UTC)


def end_of(day: date) -> datetime:
    return start_of_day(day + DAY, ZONE)


def is_working(day: date) -> bool:
    return day.weekday() != 6 and holiday_name(CO, day) is None


class TestTheFirstTry:
    def test_is_at_nine_on_the_day(self) -> None:
        assert first_try(CO, ZONE, date(2026, 2, 10), end_of(date(2026, 2, 15))) == nine(date(2026, 2, 10))

    @pytest.mark.parametrize(
        ("due", "day"),
        [
            (date(2026, 2, 8), date(2026, 2, 9)),  # a Sunday
            (date(2026, 3, 23), date(2026, 3, 24)),  # Saint Joseph's
            (date(2026, 3, 22), date(2026, 3, 24)),  # the Sunday before it
            (date(2026, 2, 14), date(2026, 2, 14)),  # a Saturday
        ],
    )
    def test_waits_for_a_day_on_which_banks_work(self, due: date, day: date) -> None:
        assert first_try(CO, ZONE, due, end_of(due + 5 * DAY)) == nine(day)

    def test_is_on_its_own_day_where_the_next_working_one_is_too_late(self) -> None:
        sunday = date(2026, 2, 8)
        assert first_try(CO, ZONE, sunday, end_of(sunday)) == nine(sunday)

    @given(days, st.integers(0, 10))
    def test_is_never_before_its_day_nor_after_its_end(self, due: date, grace: int) -> None:
        until = end_of(due + grace * DAY)
        at = first_try(CO, ZONE, due, until)
        assert nine(due) <= at < until


class TestANextTry:
    @given(days, st.integers(1, 12), st.integers(1, 10), st.integers(1, 30), st.integers(0, 60))
    def test_is_some_days_after_the_failure_within_the_end_and_the_number_of_tries(
        self, failed_on: date, tried: int, tries: int, every: int, left: int
    ) -> None:
        until = end_of(failed_on + left * DAY)
        at = next_try(DebitRules(tries=tries, every_days=every), CO, ZONE, failed_on, tried, until)
        wanted = failed_on + every * DAY
        if at is None:
            assert tried >= tries or not any(
                is_working(wanted + ahead * DAY) and nine(wanted + ahead * DAY) < until for ahead in range(70)
            )
            return
        day = local_date(at, ZONE)
        assert tried < tries
        assert wanted <= day
        assert is_working(day)
        assert not any(is_working(wanted + ahead * DAY) for ahead in range((day - wanted).days))
        assert at < until

    def test_of_three_every_two_days_the_third_is_the_last(self) -> None:
        rules, until = DebitRules(), end_of(date(2026, 3, 1))
        assert next_try(rules, CO, ZONE, date(2026, 2, 10), 1, until) == nine(date(2026, 2, 12))
        assert next_try(rules, CO, ZONE, date(2026, 2, 12), 2, until) == nine(date(2026, 2, 14))
        assert next_try(rules, CO, ZONE, date(2026, 2, 14), 3, until) is None

    def test_what_is_held_is_looked_at_each_working_day(self) -> None:
        assert next_look(CO, ZONE, date(2026, 2, 7), end_of(date(2026, 2, 20))) == nine(date(2026, 2, 9))
        assert next_look(CO, ZONE, date(2026, 2, 7), end_of(date(2026, 2, 8))) is None


class TestAskingAgain:
    @given(st.integers(1, 50), st.timedeltas(timedelta(), timedelta(days=2)))
    def test_ends_before_a_processor_forgets_its_key(self, asked: int, after: timedelta) -> None:
        again = ask_again(asked, NOW - after, NOW)
        assert again is None or NOW < again < NOW - after + ASKED_FOR

    def test_pauses_grow(self) -> None:
        pauses = [(again - NOW) for asked in range(1, 7) if (again := ask_again(asked, NOW, NOW))]
        assert pauses == sorted(pauses)
        assert (pauses[0], pauses[-1]) == (timedelta(minutes=15), timedelta(hours=4))


class TestTheAmount:
    @given(amounts, amounts, st.none() | amounts, st.sampled_from([0, 2, 3]))
    def test_is_what_is_lacking_and_never_more_than_is_owed_or_allowed(
        self, lacking: Decimal, owed: Decimal, most: Decimal | None, decimals: int
    ) -> None:
        amount = amount_to_take(lacking, owed, most, decimals)
        bounds = [lacking, owed, *([most] if most is not None else [])]
        assert 0 <= amount <= min(bounds)
        assert min(bounds) - amount < Decimal(1).scaleb(-decimals)

    def test_is_nothing_where_nothing_is_owed(self) -> None:
        assert amount_to_take(Decimal(60), Decimal(-5), None, 2) == 0


def card(digits: str) -> str:
    """These digits with the check digit that makes them a card's number."""
    [check] = [last for last in "0123456789" if _luhn(digits + last)]
    return digits + check


def _luhn(number: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


class TestCards:
    @given(st.text("0123456789", min_size=12, max_size=18), st.sampled_from(["", " ", "-"]))
    def test_a_card_number_is_refused_however_it_is_written(self, digits: str, between: str) -> None:
        number = card(digits)
        for text in (between.join(number), f"pm_{number}", f"card {number}, 12/29", f"12/29 {number}"):
            with pytest.raises(SendaError) as refused:
                refuse_cards(text, "reference")
            assert (refused.value.code, refused.value.field) == ("mandate.looks_like_card", "reference")
            assert number not in refused.value.message

    @given(st.text("0123456789", min_size=13, max_size=19))
    def test_a_number_whose_check_digit_does_not_fit_is_none(self, digits: str) -> None:
        assume(not _luhn(digits))
        refuse_cards(digits, "reference")

    @pytest.mark.parametrize(
        "token", ["25841", "cus_Nf1/pm_1Mq9xT2e", "550e8400-e29b-41d4-a716-446655440000", "4111x1111x1111x1111", ""]
    )
    def test_tokens_are_none(self, token: str) -> None:
        refuse_cards(token, "reference")
