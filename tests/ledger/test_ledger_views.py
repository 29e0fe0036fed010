"""What clients read: a journey's projection at the creditor's own instant, pages, lists, sums."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from ledger.summary import summary
from ledger.views import Page, journey, list_contacts, list_events, list_journeys, list_payments, money, plain
from policy.errors import SendaError
from tests.ledger.given import START, Given, local, row

PAST_DUE = ("1", "2026-02-01", "100000")
LATER = ("1", "2026-02-05", "100000")
"""Its reminder is due with the first notice of the other, and is of another stage: one message each."""
DAY = timedelta(days=1)


async def test_a_journey_shows_where_it_stands(given: Given) -> None:
    await given.imported(row("A", PAST_DUE))
    found = await journey(given.ledger, given.key, "A")
    assert found is not None
    assert (found["status"], found["stage"], found["outcome"], found["days_past_due"]) == (
        "active", "administrative", None, 1,
    )  # fmt: skip
    assert found["balance"] == {"amount": "100000.00", "currency": "COP"}
    assert found["next_step"] == {"key": "aviso-1", "due_at": local(date(2026, 2, 2), 9)}


async def test_an_account_without_a_journey_shows_none(given: Given) -> None:
    await given.imported(row("A"))
    assert await journey(given.ledger, given.key, "A") is None


async def test_the_stage_shown_is_the_one_of_this_moment_though_nothing_woke_the_journey(given: Given) -> None:
    await given.imported(row("A", PAST_DUE))
    await given.clock(START + 62 * DAY)
    found = await journey(given.ledger, given.key, "A")
    assert found is not None
    assert found["stage"] == "prejuridical"
    assert [item["account"] for item in (await journeys(given, stage="prejuridical")).items] == ["A"]
    assert (await journeys(given, stage="administrative")).items == []


async def test_a_pause_shows_for_as_long_as_it_holds(given: Given) -> None:
    await given.imported(row("A", PAST_DUE))
    await given.pauses("A", starts=START + DAY, ends=START + 2 * DAY)
    seen: list[tuple[str, list[str]]] = []
    for day in range(3):
        await given.clock(START + day * DAY)
        found = await journey(given.ledger, given.key, "A")
        assert found is not None
        listed = [status for status in ("active", "paused") if (await journeys(given, status=status)).items]
        seen.append((found["status"], listed))
    assert seen == [("active", ["active"]), ("paused", ["paused"]), ("active", ["active"])]


async def test_a_closed_journey_shows_when_it_closed_and_how_late_that_was(given: Given) -> None:
    await given.imported(row("A", PAST_DUE))
    await given.clock(START + 3 * DAY)
    await given.pays("A", "100000")
    found = await journey(given.ledger, given.key, "A")
    assert found is not None
    assert (found["status"], found["outcome"], found["closed_at"]) == ("closed", "paid", START + 3 * DAY)
    assert (found["closed_days_past_due"], found["days_past_due"], found["next_step"]) == (4, 0, None)


async def journeys(given: Given, **filters: str) -> Page:
    return await list_journeys(given.ledger, creditor=given.key, limit=100, cursor=None, **filters)


class TestPages:
    @pytest.fixture
    async def given(self, given: Given) -> Given:
        await given.imported(*(row(f"A-{number}", PAST_DUE) for number in range(7)))
        return given

    async def test_of_journeys_hold_each_once(self, given: Given) -> None:
        cursor, seen = None, list[str]()
        while True:
            page = await list_journeys(given.ledger, creditor=given.key, cursor=cursor, limit=3)
            seen += [item["account"] for item in page.items]
            if page.next_cursor is None:
                break
            assert len(page.items) == 3
            cursor = page.next_cursor
        assert seen == [f"A-{number}" for number in range(7)]

    async def test_of_events_hold_each_once_in_order(self, given: Given) -> None:
        await given.lives(START + 20 * DAY)
        whole = (await list_events(given.ledger, given.key, "A-0", None, 500)).items
        cursor, seen = None, list[int]()
        while True:
            page = await list_events(given.ledger, given.key, "A-0", cursor, 2)
            seen += [item["seq"] for item in page.items]
            if page.next_cursor is None:
                break
            cursor = page.next_cursor
        assert seen == [item["seq"] for item in whole] == sorted(seen)

    async def test_of_payments_tell_the_applied_from_the_unapplied(self, given: Given) -> None:
        for account in ("A-0", "A-1", "NOBODY"):
            await given.pays(account, "1000.50")
        applied = await list_payments(given.ledger, given.key, "applied", None, 1)
        assert [item["account"] for item in applied.items] == ["A-0"]
        more = await list_payments(given.ledger, given.key, "applied", applied.next_cursor, 1)
        assert ([item["account"] for item in more.items], more.next_cursor) == (["A-1"], None)
        unapplied = await list_payments(given.ledger, given.key, "unapplied", None, 10)
        assert [(item["account"], item["amount"], item["status"]) for item in unapplied.items] == [
            ("NOBODY", "1000.50", "unapplied")
        ]

    @pytest.mark.parametrize("cursor", ["x", "!!!", "w6k=", "wrI=", "LTE="])
    async def test_with_a_made_up_cursor_are_refused(self, given: Given, cursor: str) -> None:
        with pytest.raises(SendaError) as refused:
            await list_events(given.ledger, given.key, "A-0", cursor, 2)
        assert refused.value.code == "cursor.invalid"


async def test_contacts_show_what_came_of_each_decision(given: Given) -> None:
    person = f"{given.key}-person"
    await given.imported(row("A", PAST_DUE, person=person), row("B", LATER, person=person))
    await given.lives(local(date(2026, 2, 2), 12))
    (reminder, notice) = await list_contacts(given.ledger, given.key, "A")
    assert (reminder["step"], reminder["status"], reminder["reason"]) == ("recordatorio", "skipped", "stage_over")
    assert (notice["status"], notice["sent_at"], notice["content_sha256"]) == (
        "sent", local(date(2026, 2, 2), 9), "0" * 64,
    )  # fmt: skip
    refused = (await list_contacts(given.ledger, given.key, "B"))[-1]
    assert (refused["status"], refused["rules"], refused["sent_at"]) == ("refused", ["CO-03"], None)


async def test_the_summary_counts_everything_once(given: Given) -> None:
    person = f"{given.key}-person"
    await given.imported(
        row("A", PAST_DUE, person=person),
        row("B", LATER, person=person),
        row("C", PAST_DUE),
        row("D", ("1", "2026-08-01", "7000")),
    )
    await given.lives(local(date(2026, 2, 2), 12))
    await given.pays("C", "100000", id=f"{given.key}:c")
    await given.pays("A", "40000", id=f"{given.key}:a")
    await given.reverses("A", f"{given.key}:a", "40000")
    await given.pays("NOBODY", "500")
    await given.pauses("B")
    found = await summary(given.ledger, given.key)
    assert found is not None
    assert found["accounts"] == 4
    assert found["balance"] == {"amount": "207000.00", "currency": "COP"}
    assert found["journeys"] == {
        "total": 3,
        "by_status": {"active": 1, "paused": 1, "closed": 1},
        "by_stage": {"administrative": 1, "preventive": 1},
        "by_outcome": {"paid": 1},
    }
    assert found["contacts"]["sent"] == 2
    assert found["contacts"]["refusals"] == {"CO-03": 1}
    assert found["contacts"]["by_stage"]["administrative"] == {"sent": 2}
    assert found["contacts"]["by_stage"]["preventive"] == {"refused": 1, "skipped": 2}
    assert found["payments"] == {
        "count": 3,
        "amount": {"amount": "140500.00", "currency": "COP"},
        "reversals": 1,
        "unapplied": 1,
    }
    assert found["now"] == local(date(2026, 2, 2), 12)


async def test_the_summary_of_nobody_is_none(given: Given) -> None:
    assert await summary(given.ledger, "nobody") is None


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [("1000", "COP", "1000.00"), ("1000.5000", "COP", "1000.50"), ("1000.0000", "CLP", "1000"), ("0", "COP", "0.00")],
)
def test_amounts_show_their_currencys_decimals(amount: str, currency: str, shown: str) -> None:
    assert plain(Decimal(amount), currency) == shown
    assert money(Decimal(amount), currency) == {"amount": shown, "currency": currency}


async def test_without_a_test_clock_now_is_the_real_instant(given: Given) -> None:
    real = await Given(given.ledger).set_up(at=None)
    found = await summary(given.ledger, real.key)
    assert found is not None
    assert abs(found["now"] - datetime.now(UTC)) < timedelta(minutes=1)
