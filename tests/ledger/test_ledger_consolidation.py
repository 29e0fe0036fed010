"""One message about all of a person's accounts at a creditor whose steps fall on the same day."""

from datetime import date
from typing import Any

import pytest

from journey.planning import Contact
from ledger.database import Ledger
from ledger.outbox import bring_up_to_date
from ledger.permits import Permit, Refusal
from ledger.views import list_contacts
from tests.ledger.given import Given, local
from tests.ledger.ways import (
    FIRST,
    MONDAY,
    PAST_DUE,
    PROVIDERS,
    asked,
    bounced,
    contacts,
    creditor,
    debt,
    facts,
    failed,
    notice,
    permitted,
    sent,
    statuses,
    told,
)

OCCURRENCE = "notice-1@2026-02-01"
FRIDAY = ("1", "2026-01-30", "50000")
"""Its day 3 is Monday 2 February; the days before it have passed."""


@pytest.fixture
async def given(ledger: Ledger) -> Given:
    """A person's accounts A and B, whose first notice is due on Monday at nine, by text message or e-mail."""
    given = await creditor(ledger, notice(1, "sms", "email"), notice(5, "sms", "email"))
    await given.imported(debt(given, "A"), debt(given, "B", ("1", "2026-02-01", "250000")))
    return given


async def covered(given: Given, account: str = "B") -> list[dict[str, Any]]:
    """The account's contacts that another account's message stands for."""
    return [row for row in await contacts(given, account) if row["covered_by"] is not None]


async def others(
    ledger: Ledger, *steps: dict[str, Any], due: tuple[str, str, str] = PAST_DUE, **debtor: Any
) -> list[str]:
    """The accounts of which A's message of Monday speaks, too; account B has this due date and debtor."""
    given = await creditor(ledger, *(steps or (notice(1, "sms", "email"),)))
    await given.imported(debt(given, "A"), debt(given, "B", due, **debtor))
    return [each.account for each in (await permitted(given)).others]


class TestOneMessage:
    async def test_speaks_of_each_account_with_its_own_amounts(self, given: Given) -> None:
        permit = await permitted(given)
        assert permit.account == "A"
        (other,) = permit.others
        assert (other.account, other.past_due, other.balance) == ("B", 250000, 250000)
        assert (other.due_date, other.days_past_due) == (date(2026, 2, 1), 1)

    async def test_does_each_accounts_step_once(self, given: Given) -> None:
        permit = await sent(given)
        (row,) = await covered(given)
        assert (row["decision"], row["reason"], row["covered_by"]) == ("skipped", "consolidated", permit.contact_id)
        assert (row["occurrence"], row["channel"], row["decided_at"]) == (OCCURRENCE, "sms", FIRST)
        assert OCCURRENCE in (await given.record(given.journey("B"))).state.done

    async def test_is_what_the_other_engine_hears_of_when_it_asks(self, given: Given) -> None:
        """It goes on to its next step: nothing is to be done, and nothing to be waited for."""
        move = (await given.record(given.journey("B"))).move
        contact = await given.due_contact(given.journey("B"))
        assert not isinstance(move, Contact)
        await sent(given)
        answer = await given.asks(given.journey("B"), contact, PROVIDERS)
        assert isinstance(answer, Refusal)
        assert answer.until is None
        assert len(await contacts(given, "B")) == 1

    async def test_is_one_contact_in_the_persons_log(self, given: Given) -> None:
        await sent(given)
        query = "SELECT channel FROM contacts WHERE person_id = (SELECT person_id FROM accounts WHERE id = %s) "
        rows = await given.all(query + "AND decision = 'permitted'", await given.number("B"))
        assert rows == [{"channel": "sms"}]
        refused = await given.dials("B", "sms")
        assert refused.rules == ("CO-03",)
        basis = (await contacts(given, "B"))[-1]["basis"]
        assert len(basis["case"]["contacts"]) == 1

    async def test_shows_what_came_of_it_at_each_account(self, given: Given) -> None:
        permit = await sent(given)
        await told(given, permit, "delivered")
        for account in ("A", "B"):
            (shown,) = await list_contacts(given.ledger, given.key, account)
            assert shown["status"] == "delivered"
        assert await statuses(given, (await covered(given))[0]["id"]) == []

    async def test_may_speak_of_many(self, given: Given) -> None:
        await given.imported(debt(given, "C"), debt(given, "D"))
        permit = await permitted(given)
        assert [other.account for other in permit.others] == ["B", "C", "D"]

    async def test_takes_along_a_step_of_later_that_day(self, ledger: Ledger) -> None:
        """B is further: its notice of day 3 would come in the afternoon."""
        given = await creditor(ledger, notice(1, "sms"), notice(3, "sms", at="16:00"))
        await given.imported(debt(given, "A"), debt(given, "B", FRIDAY))
        permit = await permitted(given)
        assert [(other.account, other.days_past_due) for other in permit.others] == [("B", 3)]
        (row,) = await covered(given)
        assert row["step"] == "notice-3"

    async def test_wakes_the_other_journey_at_its_own_time_all_the_same(self, ledger: Ledger) -> None:
        """Its engine asks then, and hears what was put off meanwhile."""
        steps = (notice(1, "sms"), notice(3, "sms", at="16:00"), notice(5, "email"))
        given = await creditor(ledger, *steps)
        await given.imported(debt(given, "A"), debt(given, "B", FRIDAY))
        contact = await given.due_contact(given.journey("A"))
        await sent(given)
        (journey,) = await given.journeys("B")
        assert (contact.due, journey["wake_at"]) == (FIRST, local(MONDAY, 16))
        await given.clock(local(MONDAY, 16))
        await bring_up_to_date(ledger, given.journey("B"), local(MONDAY, 16))
        (journey,) = await given.journeys("B")
        assert journey["wake_at"] > local(MONDAY, 16)

    async def test_is_followed_by_the_other_accounts_next_step_at_its_time(self, given: Given) -> None:
        await sent(given)
        contact = await given.due_contact(given.journey("B"))
        assert (contact.step.key, contact.due) == ("notice-5", local(date(2026, 2, 6), 9))

    async def test_is_asked_for_by_whichever_account_comes_first(self, given: Given) -> None:
        answer = await asked(given, "B")
        assert isinstance(answer, Permit)
        assert [other.account for other in answer.others] == ["A"]


class TestAnAccountIsLeftOut:
    """It gets a message of its own, on a day that the policy allows."""

    async def test_unless_it_is_the_same_in_all(self, ledger: Ledger) -> None:
        assert await others(ledger) == ["B"]

    async def test_of_another_stage(self, ledger: Ledger) -> None:
        """Day 20 of B, on which its formal notice goes by the same channel, is day 1 of A."""
        given = await creditor(ledger, notice(1, "email"))
        await given.imported(debt(given, "A"), debt(given, "B", ("1", "2026-01-13", "100000")))
        contact = await given.due_contact(given.journey("B"))
        assert (contact.step.key, contact.due) == ("formal", FIRST)
        assert (await permitted(given)).others == ()

    async def test_whose_step_is_of_another_day(self, ledger: Ledger) -> None:
        assert await others(ledger, notice(1, "sms"), notice(4, "sms"), due=FRIDAY) == []

    async def test_whose_step_goes_by_another_channel(self, ledger: Ledger) -> None:
        assert await others(ledger, notice(1, "sms"), notice(3, "email"), due=FRIDAY) == []

    async def test_whose_steps_condition_does_not_hold(self, ledger: Ledger) -> None:
        for least, found in (("50001", []), ("50000", ["B"])):
            steps = (notice(1, "sms"), notice(3, "sms", at="16:00", when={"balance_at_least": least}))
            assert await others(ledger, *steps, due=FRIDAY) == found

    async def test_of_another_person(self, ledger: Ledger) -> None:
        assert await others(ledger, person="somebody-else") == []

    async def test_under_a_pause(self, given: Given) -> None:
        await given.pauses("B")
        assert (await permitted(given)).others == ()
        assert await covered(given) == []

    async def test_that_was_paid(self, given: Given) -> None:
        await given.pays("B", "250000")
        assert (await permitted(given)).others == ()

    async def test_of_another_creditor(self, given: Given, ledger: Ledger) -> None:
        other = await creditor(ledger, notice(1, "sms", "email"))
        await other.imported(debt(other, "X", person=f"{given.key}-p"))
        permit = await permitted(given)
        assert [each.account for each in permit.others] == ["B"]
        assert await contacts(other, "X") == []

    async def test_in_another_currency(self, given: Given) -> None:
        journeys = await given.journeys("A")
        async with given.ledger.transaction() as tx:
            await tx.execute("UPDATE journeys SET currency = 'USD' WHERE id = %s", [given.journey("B")])
        assert journeys[0]["currency"] == "COP"
        assert (await permitted(given)).others == ()

    async def test_whose_own_message_failed_today(self, given: Given) -> None:
        await given.imported(debt(given, "C"))
        await failed(given, await permitted(given, "C"), bad_address=True)
        assert [other.account for other in (await permitted(given, "B")).others] == ["A"]
        assert [row["decision"] for row in await contacts(given, "C")] == ["permitted"]


class TestAMessageThatFailed:
    async def test_leaves_the_other_accounts_step_to_be_tried_by_itself(self, given: Given) -> None:
        await failed(given, await permitted(given), bad_address=True)
        contact = await given.due_contact(given.journey("B"))
        assert (contact.occurrence, contact.due) == (f"{OCCURRENCE}~2", FIRST)
        permit = await permitted(given, "B")
        assert (permit.account, permit.channel, permit.others) == ("B", "email", ())

    async def test_is_told_to_the_other_engine(self, given: Given) -> None:
        """It may have heard already that its step is done."""
        await failed(given, await permitted(given))
        (row,) = await given.all("SELECT kind, message FROM outbox WHERE journey_id = %s", given.journey("B"))
        assert (row["kind"], row["message"]["again"]) == ("again", [OCCURRENCE])

    async def test_and_goes_by_another_channel_speaks_of_them_again(self, given: Given) -> None:
        await failed(given, await permitted(given), others=["email"], bad_address=True)
        permit = await permitted(given)
        assert (permit.account, permit.channel) == ("A", "email")
        assert [other.account for other in permit.others] == ["B"]
        assert [row["occurrence"] for row in await covered(given)] == [OCCURRENCE, f"{OCCURRENCE}~2"]

    async def test_again_and_again_loses_nobodys_step(self, given: Given) -> None:
        """The provider takes nothing for a while."""
        for _ in range(5):
            permit = await permitted(given)
            assert [other.account for other in permit.others] == ["B"]
            await failed(given, permit, is_over=False)
        permit = await sent(given)
        assert [other.account for other in permit.others] == ["B"]
        assert (await covered(given))[-1]["covered_by"] == permit.contact_id

    async def test_after_it_had_left_opens_the_other_accounts_step_again(self, given: Given) -> None:
        permit = await sent(given)
        await bounced(given, permit)
        assert [fact["occurrence"] for fact in await facts(given, "step_reopened", "B")] == [OCCURRENCE]
        assert [fact["occurrence"] for fact in await facts(given, "step_reopened", "A")] == [OCCURRENCE]
        permit = await permitted(given)
        assert (permit.channel, [other.account for other in permit.others]) == ("email", ["B"])

    async def test_on_a_later_day_does_not_send_late(self, given: Given) -> None:
        permit = await sent(given)
        await given.clock(local(date(2026, 2, 3), 8))
        await bounced(given, permit)
        contact = await given.due_contact(given.journey("B"))
        assert contact.step.key == "notice-5"

    async def test_of_a_journey_that_has_ended_is_of_no_concern(self, given: Given) -> None:
        permit = await permitted(given)
        await given.pays("B", "250000")
        await failed(given, permit)
        assert await facts(given, "step_reopened", "B") == []


async def test_an_account_that_is_alone_has_no_others(ledger: Ledger) -> None:
    given = await creditor(ledger, notice(1, "sms"))
    await given.imported(debt(given, "A", PAST_DUE))
    assert (await permitted(given)).others == ()


async def test_the_others_steps_are_done_though_the_clock_stands_at_their_time(given: Given) -> None:
    """Under a test clock both journeys are woken at the same instant."""
    left = await given.lives(local(MONDAY, 12))
    assert [(permit.account, [other.account for other in permit.others]) for permit in left] == [("A", ["B"])]


async def test_a_person_of_two_creditors_hears_from_each_within_the_caps(given: Given, ledger: Ledger) -> None:
    other = await creditor(ledger, notice(1, "sms"))
    await other.imported(debt(other, "X", person=f"{given.key}-p"))
    await sent(given)
    answer = await asked(other, "X")
    assert isinstance(answer, Refusal)
    assert answer.until == local(date(2026, 2, 3), 7)
