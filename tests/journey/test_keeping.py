"""Which payments count for which instalment, and what that makes of an agreement."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey.keeping import (
    Expected,
    Judged,
    Received,
    held_by,
    instalment_state,
    judge,
    kept_rate,
    plan_state,
    pour,
    weighted,
)
from journey.planning import status
from journey.state import Hold, JourneyState, Standing

DAY = timedelta(days=1)
START = datetime(2026, 3, 2, 5, tzinfo=UTC)
ZERO = Decimal(0)


def expected(agreement: int, day: int, amount: int | Decimal, number: int = 1, **changes: int) -> Expected:
    """An instalment of a day after the start, with a day of grace; `changes`: `after` (posting), `since` (day)."""
    return Expected(
        agreement=agreement,
        number=number,
        due_date=(START + day * DAY).date(),
        amount=Decimal(amount),
        after_posting=changes.get("after", 0),
        counts_from=START + changes.get("since", 0) * DAY,
        until=START + (day + 2) * DAY,
    )


def received(name: str, day: int, amount: int | Decimal, posting: int = 1) -> Received:
    return Received(name, posting, START + day * DAY, Decimal(amount))


def paid(poured: object, each: Expected) -> Decimal:
    return sum(poured.get((each.agreement, each.number), {}).values(), ZERO)  # type: ignore[attr-defined]


class TestPayments:
    def test_fill_what_falls_due_first_and_then_the_next(self) -> None:
        later, sooner = expected(1, 9, 50), expected(2, 3, 30)
        poured = pour([received("a", 0, 45), received("b", 1, 10)], [later, sooner])
        assert poured == {(2, 1): {"a": Decimal(30)}, (1, 1): {"a": Decimal(15), "b": Decimal(10)}}

    def test_count_in_the_order_of_their_own_dates_not_of_their_booking(self) -> None:
        first = expected(1, 1, 30)
        poured = pour([received("late", 1, 30, posting=1), received("early", 0, 30, posting=2)], [first])
        assert poured == {(1, 1): {"early": Decimal(30)}}

    @pytest.mark.parametrize(
        ("payment", "counts"),
        [
            (received("a", 2, 30), True),
            (received("a", 3, 30), True),
            (Received("a", 1, START + 4 * DAY - timedelta(microseconds=1), Decimal(30)), True),
            (received("a", 4, 30), False),
            (received("a", 0, 30), True),
            (received("a", -1, 30), False),
            (received("a", 2, 30, posting=0), False),
        ],
    )
    def test_count_from_the_day_of_the_agreement_to_the_end_of_the_grace(self, payment: Received, counts: bool) -> None:
        one = expected(1, 2, 30)
        assert (paid(pour([payment], [one]), one) == 30) == counts

    def test_of_two_processors_with_one_number_both_count(self) -> None:
        one = expected(1, 2, 30)
        assert paid(pour([received("a", 0, 10, 1), received("a", 0, 15, 2)], [one]), one) == 25

    def test_that_were_taken_back_whole_count_for_nothing(self) -> None:
        assert pour([received("a", 0, 0)], [expected(1, 2, 30)]) == {}


some_expected = st.lists(
    st.builds(
        expected,
        agreement=st.just(0),
        day=st.integers(0, 12),
        amount=st.integers(1, 100),
        after=st.integers(0, 3),
        since=st.integers(0, 4),
    ),
    max_size=5,
).map(lambda found: [Expected(**{**_fields(each), "agreement": place}) for place, each in enumerate(found)])
some_received = st.lists(st.builds(received, st.just("p"), st.integers(-1, 14), st.integers(0, 150), st.integers(1, 5)))


def _fields(each: Expected) -> dict[str, object]:
    return {name: getattr(each, name) for name in Expected.__slots__}


def _named(found: list[Received]) -> list[Received]:
    return [Received(f"p{place}", each.posting, each.at, each.amount) for place, each in enumerate(found)]


@given(some_received, some_expected)
def test_no_money_counts_twice_nor_for_more_than_is_expected(
    found: list[Received], instalments: list[Expected]
) -> None:
    named = _named(found)
    poured = pour(named, instalments)
    for each in instalments:
        assert ZERO <= paid(poured, each) <= each.amount
    for payment in named:
        assert sum((part.get(payment.payment, ZERO) for part in poured.values()), ZERO) <= payment.amount


@given(some_received, some_expected)
def test_nothing_is_left_over_while_an_instalment_that_takes_it_lacks_something(
    found: list[Received], instalments: list[Expected]
) -> None:
    named = _named(found)
    poured = pour(named, instalments)
    for payment in named:
        used = sum((part.get(payment.payment, ZERO) for part in poured.values()), ZERO)
        for each in instalments:
            if each.takes(payment) and used < payment.amount:
                assert paid(poured, each) == each.amount


@given(some_received, some_expected, st.builds(received, st.just("more"), st.integers(-1, 14), st.integers(0, 150)))
def test_one_payment_more_takes_nothing_from_any_agreement(
    found: list[Received], instalments: list[Expected], more: Received
) -> None:
    named = _named(found)
    before, after = pour(named, instalments), pour([*named, more], instalments)
    assert all(paid(after, each) >= paid(before, each) for each in instalments)


@given(some_received, some_expected, st.randoms())
def test_the_order_in_which_payments_come_does_not_matter(
    found: list[Received], instalments: list[Expected], order: object
) -> None:
    named = [Received(each.payment, place, each.at, each.amount) for place, each in enumerate(_named(found), 10)]
    shuffled = list(named)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert pour(shuffled, instalments) == pour(named, instalments)


class TestJudging:
    TWO = (expected(1, 2, 30, 1), expected(1, 9, 50, 2))

    @pytest.mark.parametrize(
        ("first", "second", "day", "judged"),
        [
            ("30", "50", 0, Judged("kept", START + 11 * DAY)),
            ("30", "49.99", 0, Judged("open", START + 11 * DAY)),
            ("29.99", "50", 3, Judged("open", START + 4 * DAY)),
            ("29.99", "50", 4, Judged("broken", START + 4 * DAY)),
            ("30", "0", 11, Judged("broken", START + 11 * DAY)),
        ],
    )
    def test_follows_the_first_instalment_that_lacks_something(
        self, first: str, second: str, day: int, judged: Judged
    ) -> None:
        poured = {(1, 1): {"a": Decimal(first)}, (1, 2): {"b": Decimal(second)}}
        assert judge(self.TWO, poured, Decimal(1), START + day * DAY) == judged

    @pytest.mark.parametrize(("amount", "found"), [("27", "kept"), ("26.99", "open")])
    def test_asks_for_the_threshold_exactly(self, amount: str, found: str) -> None:
        one = [expected(1, 2, 30)]
        assert judge(one, {(1, 1): {"a": Decimal(amount)}}, Decimal("0.9"), START).status == found


def test_holds_are_told_apart_by_their_ids() -> None:
    ids = ["promise:7", "plan:7", "dispute:7", "0f1e2d", "promises"]
    assert [held_by(Hold(id=each, starts=START)) for each in ids] == ["promise", "plan", "dispute", "pause", "pause"]


@pytest.mark.parametrize(
    ("ids", "shown"),
    [
        ([], "active"),
        (["promise:1"], "promise"),
        (["plan:1"], "plan"),
        (["promise:1", "x"], "paused"),
        (["dispute:1", "plan:1"], "paused"),
    ],
)
def test_a_journey_shows_what_holds_it_and_a_pause_by_people_first(ids: list[str], shown: str) -> None:
    holds = tuple(Hold(id=each, starts=START, ends=START + DAY) for each in ids)
    standing = Standing(seq=0, at=START, balance=Decimal(1), oldest_due=date(2026, 3, 1), holds=holds)
    state = JourneyState(standing=standing, since=START)
    assert (status(state, START), status(state, START + DAY)) == (shown, "active")


def in_days(day: int) -> datetime:
    return START + day * DAY


class TestAWarning:
    """An instalment that falls due on day 2, is missed on day 4 and can be made good until day 9."""

    ONE = replace(expected(1, 2, 30), warned_from=in_days(4), until=in_days(9))

    @pytest.mark.parametrize(
        ("day", "status", "warned"), [(3, "open", False), (4, "open", True), (8, "open", True), (9, "broken", False)]
    )
    def test_comes_after_the_grace_and_before_the_end(self, day: int, status: str, warned: bool) -> None:
        found = judge([self.ONE], {}, Decimal(1), in_days(day))
        assert (found.status, found.warned, found.until) == (status, warned, in_days(9))

    def test_is_over_once_it_is_made_good(self) -> None:
        poured = pour([received("a", 8, 30)], [self.ONE])
        assert judge([self.ONE], poured, Decimal(1), in_days(8)).status == "kept"

    @pytest.mark.parametrize(
        ("amount", "day", "state"),
        [("30", 9, "paid"), ("29.99", 2, "pending"), ("0", 3, "late"), ("0", 4, "missed"), ("29.99", 9, "missed")],
    )
    def test_shows_in_the_state_of_the_instalment(self, amount: str, day: int, state: str) -> None:
        assert instalment_state(self.ONE, Decimal(amount), in_days(3), in_days(day)) == state


@pytest.mark.parametrize(
    ("status", "states", "condition", "shown"),
    [
        ("open", ["pending", "pending"], True, "awaiting_first"),
        ("open", ["late", "pending"], True, "awaiting_first"),
        ("open", ["paid", "pending"], True, "active"),
        ("open", ["pending", "pending"], False, "active"),
        ("open", ["paid", "missed"], True, "warned"),
        ("broken", ["paid", "missed"], False, "broken"),
        ("cancelled", ["missed", "pending"], True, "cancelled"),
    ],
)
def test_a_plan_shows_what_it_waits_for(status: Any, states: Any, condition: bool, shown: str) -> None:
    assert plan_state(status, states, condition) == shown


class TestTheKeptRate:
    def test_is_the_share_of_promised_amounts_that_was_paid(self) -> None:
        pairs = [(Decimal(100), Decimal(100)), (Decimal(200), Decimal(50)), (Decimal(100), Decimal(130))]
        assert kept_rate(pairs) == Decimal(250) / Decimal(400)

    def test_rests_on_nothing_where_nothing_was_promised(self) -> None:
        assert kept_rate([]) is None

    @pytest.mark.parametrize(
        ("rate", "decimals", "expected"), [("0.625", 2, "62.50"), ("0.5555", 0, "56"), ("0", 2, "0.00")]
    )
    def test_weighs_what_is_promised(self, rate: str, decimals: int, expected: str) -> None:
        assert weighted(Decimal(100), Decimal(rate), decimals) == Decimal(expected)

    def test_never_invents_one(self) -> None:
        assert weighted(Decimal(100), None, 2) is None
