"""What open promises will bring: by due date, weighted by what was kept before, never by an invented rate."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from ledger.errors import NotFound
from ledger.projection import HISTORY, project
from policy.errors import SendaError
from tests.ledger.agreed import Agreed
from tests.ledger.given import START, Given, local, row

DAY = timedelta(days=1)
ACCOUNTS = ("A", "B", "C", "D")


@pytest.fixture
async def given(given: Given) -> Given:
    """With accounts A to D, each of which owes 100 000."""
    await given.imported(*(row(key, ("1", "2026-02-01", "100000")) for key in ACCOUNTS))
    return given


@pytest.fixture
def agreed(given: Given) -> Agreed:
    return Agreed(given)


async def days(given: Given, first: str = "2026-02-02", last: str = "2026-03-31") -> list[tuple[str, int, str, str]]:
    found = await project(given.ledger, given.key, date.fromisoformat(first), date.fromisoformat(last))
    return [(each.due_date.isoformat(), each.promises, each.promised, each.paid) for each in found.days]


async def test_open_promises_show_by_due_date_with_what_is_paid(given: Given, agreed: Agreed) -> None:
    await agreed.promises("A", "40000", "2026-02-10")
    await agreed.promises("B", "30000", "2026-02-04")
    await agreed.promises("C", "20000", "2026-02-10")
    await given.pays("C", "5000")
    assert await days(given) == [
        ("2026-02-04", 1, "30000.00", "0.00"),
        ("2026-02-10", 2, "60000.00", "5000.00"),
    ]
    assert [each[0] for each in await days(given, first="2026-02-05", last="2026-02-10")] == ["2026-02-10"]
    assert await days(given, first="2026-02-11") == []


async def test_nothing_is_expected_where_no_promise_fell_due_before(given: Given, agreed: Agreed) -> None:
    await agreed.promises("A", "40000", "2026-02-10")
    found = await project(given.ledger, given.key)
    assert (found.kept_rate, found.rests_on, [each.expected for each in found.days]) == (None, 0, [None])


async def test_promises_weigh_by_the_share_of_amounts_that_was_kept(given: Given, agreed: Agreed) -> None:
    await agreed.promises("A", "60000", "2026-02-04")
    await agreed.promises("B", "40000", "2026-02-04")
    await given.pays("A", "70000")
    await given.pays("B", "15000")
    await given.clock(local(date(2026, 2, 6), 0))
    await agreed.settles()
    await agreed.promises("C", "50000", "2026-02-20")
    found = await project(given.ledger, given.key)
    assert (found.kept_rate, found.rests_on) == (Decimal("0.75"), 2)
    assert [(each.promised, each.expected) for each in found.days] == [("50000.00", "37500.00")]


async def test_what_is_kept_but_not_due_yet_or_cancelled_tells_nothing(given: Given, agreed: Agreed) -> None:
    await agreed.promises("A", "60000", "2026-02-20")
    await given.pays("A", "60000")
    await agreed.cancels("B", "promise", await agreed.promises("B", "60000", "2026-02-04"))
    await given.clock(local(date(2026, 2, 10), 0))
    found = await project(given.ledger, given.key)
    assert (found.kept_rate, found.rests_on, found.days) == (None, 0, ())


async def test_history_goes_back_180_days(given: Given, agreed: Agreed) -> None:
    await agreed.promises("A", "60000", "2026-02-04")
    ended = local(date(2026, 2, 6), 0)
    await given.clock(ended + HISTORY - timedelta(seconds=1))
    await agreed.settles()
    assert (await project(given.ledger, given.key)).kept_rate == 0
    await given.clock(ended + HISTORY)
    assert (await project(given.ledger, given.key)).kept_rate is None


async def test_a_promise_whose_time_is_over_is_open_no_longer_before_anybody_wrote_it_down(
    given: Given, agreed: Agreed
) -> None:
    await agreed.promises("A", "60000", "2026-02-04")
    await given.clock(local(date(2026, 2, 6), 0))
    assert await days(given) == []
    assert (await project(given.ledger, given.key)).rests_on == 1


async def test_plans_and_other_creditors_stay_out(given: Given, agreed: Agreed) -> None:
    await agreed.plans("A", ("2026-02-05", "50000"), ("2026-03-05", "50000"))
    other = await Given(given.ledger).set_up()
    await other.imported(row("A", ("1", "2026-02-01", "100000")))
    await Agreed(other).promises("A", "60000", "2026-02-04")
    assert await days(given) == []


@pytest.mark.parametrize("days_long", [-1, 367])
async def test_a_range_goes_forwards_by_a_year_at_most(given: Given, days_long: int) -> None:
    first = START.date()
    with pytest.raises(SendaError) as refused:
        await project(given.ledger, given.key, first, first + days_long * DAY)
    assert refused.value.code == "projection.bad_range"


async def test_an_unknown_creditor_has_none(given: Given) -> None:
    with pytest.raises(NotFound, match="no creditor"):
        await project(given.ledger, "nobody")
