"""What providers say came of a message: it may come twice, late and out of order, and be about nothing of ours."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as whatever
from hypothesis import strategies as st

from ledger.database import Ledger
from ledger.errors import Conflict, NotFound
from ledger.outcomes import record_outcome
from ledger.permits import Permit
from ledger.receipts import Receipt, record_receipt
from ledger.views import list_contacts
from tests.eventually import assert_eventually
from tests.ledger.given import Given, local
from tests.ledger.ways import (
    FIRST,
    bounced,
    creditor,
    debt,
    facts,
    notice,
    permitted,
    sent,
    statuses,
    told,
)

HOUR = timedelta(hours=1)
STORABLE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
"""What adapters hand over."""


@pytest.fixture
async def given(ledger: Ledger) -> Given:
    """Account A, whose notices of days 1 and 2 go by text message or else by e-mail."""
    given = await creditor(ledger, notice(1, "sms", "email"), notice(2, "sms", "email"))
    await given.imported(debt(given))
    return given


async def shown(given: Given) -> str:
    """The status of account A's first contact as clients see it."""
    return (await list_contacts(given.ledger, given.key, "A"))[0]["status"]


class TestAReceipt:
    async def test_is_kept_with_its_provider_and_noted_in_the_journey(self, given: Given) -> None:
        permit = await sent(given)
        await told(given, permit, "delivered")
        assert await statuses(given, permit.contact_id) == ["sent", "delivered"]
        rows = await given.all("SELECT actor FROM contact_events WHERE contact_id = %s ORDER BY id", permit.contact_id)
        assert [row["actor"] for row in rows] == ["senda", "provider:aggregator"]
        (fact,) = await facts(given, "receipt")
        assert (fact["contact_id"], fact["status"], fact["step"]) == (permit.contact_id, "delivered", "notice-1")

    async def test_that_comes_twice_is_kept_once(self, given: Given) -> None:
        permit = await sent(given)
        for _ in range(3):
            await told(given, permit, "delivered")
        assert await statuses(given, permit.contact_id) == ["sent", "delivered"]
        assert len(await facts(given, "receipt")) == 1

    async def test_that_says_what_we_know_is_not_kept_again(self, given: Given) -> None:
        permit = await sent(given)
        await told(given, permit, "sent", provider_ref=f"ref-{permit.contact_id}")
        assert await statuses(given, permit.contact_id) == ["sent"]

    async def test_that_comes_many_times_at_once_is_kept_once(self, given: Given) -> None:
        permit = await sent(given)
        answers = await asyncio.gather(*(bounced(given, permit) for _ in range(6)))
        assert sum(answer is not None for answer in answers) == 1
        assert await statuses(given, permit.contact_id) == ["sent", "failed"]

    async def test_finds_its_contact_by_the_providers_name_of_it(self, given: Given) -> None:
        permit = await sent(given)
        await told(given, permit, "read", reference=None, provider_ref=f"ref-{permit.contact_id}")
        assert await statuses(given, permit.contact_id) == ["sent", "read"]

    async def test_finds_its_contact_though_the_providers_answer_was_lost(self, given: Given) -> None:
        permit = await permitted(given)
        await record_outcome(given.ledger, permit.contact_id, "unknown", detail="line_broke")
        await told(given, permit, "delivered", provider_ref="never-heard-of")
        assert await shown(given) == "delivered"

    async def test_that_overtakes_our_own_word_costs_nothing_of_it(self, given: Given) -> None:
        """The provider calls back before its answer has arrived."""
        permit = await permitted(given)
        await told(given, permit, "sent", provider_ref="m-1")
        await record_outcome(
            given.ledger,
            permit.contact_id,
            "sent",
            provider_ref="m-1",
            content_sha256="ab" * 32,
            template="overdue.es@1",
        )
        (contact,) = await list_contacts(given.ledger, given.key, "A")
        assert (contact["status"], contact["content_sha256"], contact["template"]) == (
            "sent",
            "ab" * 32,
            "overdue.es@1",
        )

    async def test_that_says_sent_makes_an_unknown_contact_a_known_one(self, given: Given) -> None:
        permit = await permitted(given)
        await record_outcome(given.ledger, permit.contact_id, "unknown", detail="line_broke")
        await told(given, permit, "sent")
        assert await shown(given) == "sent"

    @pytest.mark.parametrize("order", list(permutations(("sent", "delivered", "read"))))
    async def test_of_any_order_comes_to_the_same(self, given: Given, order: tuple[str, ...]) -> None:
        permit = await permitted(given)
        for status in order:
            await told(given, permit, status)
        assert await shown(given) == "read"

    async def test_after_the_journeys_end_is_kept(self, given: Given) -> None:
        permit = await sent(given)
        await given.pays("A", "100000")
        await told(given, permit, "delivered")
        assert await shown(given) == "delivered"


class TestAFailure:
    async def test_after_it_arrived_is_not_believed(self, given: Given) -> None:
        permit = await sent(given)
        await told(given, permit, "delivered")
        assert await bounced(given, permit) is None
        assert (await shown(given), await facts(given, "step_reopened")) == ("delivered", [])
        assert await given.all("SELECT FROM invalid_addresses WHERE contact_id = %s", permit.contact_id) == []

    async def test_before_it_arrived_gives_way_to_what_arrived(self, given: Given) -> None:
        permit = await sent(given)
        await told(given, permit, "failed", code="expired")
        await told(given, permit, "delivered")
        assert await shown(given) == "delivered"

    async def test_that_arrived_after_all_counts_as_a_contact(self, given: Given) -> None:
        permit = await sent(given)
        await told(given, permit, "failed", code="expired")
        assert (await given.dials("A", "sms", request=f"{given.key}-1")).allowed
        await told(given, permit, "delivered")
        assert not (await given.dials("A", "sms", request=f"{given.key}-2")).allowed

    async def test_frees_the_person_for_another_contact_that_day(self, given: Given) -> None:
        permit = await sent(given)
        assert not (await given.dials("A", "sms", request=f"{given.key}-1")).allowed
        await told(given, permit, "failed", code="expired")
        assert (await given.dials("A", "sms", request=f"{given.key}-2")).allowed

    async def test_and_delivery_at_once_never_lead_to_a_second_message(self, given: Given) -> None:
        """Whichever is first: what arrived is not made up for."""
        permit = await sent(given)
        async with given.ledger.transaction() as tx:  # both wait for the person, and see what the other wrote
            person = "SELECT FROM people WHERE id = (SELECT person_id FROM contacts WHERE id = %s) FOR UPDATE"
            await tx.execute(person, [permit.contact_id])
            delivered = asyncio.create_task(told(given, permit, "delivered"))
            await waiting(given, 1)
            failed = asyncio.create_task(bounced(given, permit))
            await waiting(given, 2)
        await delivered
        assert await failed is None
        assert await statuses(given, permit.contact_id) == ["sent", "delivered"]

    async def test_of_what_people_asked_for_is_kept_and_reopens_nothing(self, given: Given) -> None:
        await given.clock(FIRST)
        verdict = await given.dials("A", "sms", provider="aggregator")
        receipt = Receipt("aggregator", "failed", str(verdict.contact_id), None, None, None, bad_address=False)
        assert await record_receipt(given.ledger, receipt) is None
        assert await statuses(given, verdict.contact_id) == ["failed"]


async def waiting(given: Given, number: int) -> None:
    """Until so many transactions wait for a lock."""

    async def check() -> None:
        rows = await given.all(
            "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%people%%'"
        )
        assert len(rows) >= number

    await assert_eventually(check)


async def delivered_at(given: Given, permit: Permit) -> datetime:
    """When the message was delivered."""
    query = "SELECT at FROM contact_events WHERE status = 'delivered' AND contact_id = %s"
    return (await given.one(query, permit.contact_id))["at"]


class TestTheInstant:
    async def test_is_business_time_under_a_test_clock(self, given: Given) -> None:
        permit = await sent(given)
        await given.clock(local(date(2026, 2, 2), 11))
        await told(given, permit, "delivered", at=datetime(2031, 1, 1, tzinfo=UTC))
        assert await delivered_at(given, permit) == local(date(2026, 2, 2), 11)

    async def test_is_the_providers_where_it_can_be_true(self, given: Given) -> None:
        """On the real clock: not before the permit, not after now."""
        now = datetime.now(UTC)
        for told_at, kept in ((now - HOUR, now - HOUR), (FIRST - HOUR, FIRST), (now + HOUR, now), (None, now)):
            other = await creditor(given.ledger, notice(1, "sms"))
            await other.imported(debt(other))
            permit = await sent(other)
            async with given.ledger.transaction() as tx:
                await tx.execute("UPDATE creditors SET test_clock = NULL WHERE key = %s", [other.key])
            await told(other, permit, "delivered", at=told_at)
            assert abs(await delivered_at(other, permit) - kept) < timedelta(seconds=10)


class TestOfNothingOfOurs:
    @pytest.mark.parametrize(
        "reference",
        [
            "999999999999",
            "0",
            "-1",
            "9" * 18,
            "9" * 19,
            "9" * 5000,
            "1e3",
            "٣",
            "",
            " 7",
            "7; DROP TABLE people",
            "x" * 9000,
        ],
    )
    async def test_is_refused_whatever_it_looks_like(self, ledger: Ledger, reference: str) -> None:
        receipt = Receipt("aggregator", "delivered", reference, None, None, None, bad_address=False)
        with pytest.raises(NotFound) as refused:
            await record_receipt(ledger, receipt)
        assert refused.value.code == "receipt.unknown_reference"

    async def test_without_any_reference_is_refused(self, ledger: Ledger) -> None:
        receipt = Receipt("aggregator", "delivered", None, None, None, None, bad_address=False)
        with pytest.raises(NotFound):
            await record_receipt(ledger, receipt)

    @whatever(STORABLE, STORABLE)
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    async def test_is_never_more_than_refused(self, ledger: Ledger, reference: str, provider_ref: str) -> None:
        receipt = Receipt("nobody", "failed", reference, provider_ref, None, None, bad_address=True)
        with pytest.raises((NotFound, Conflict)):
            await record_receipt(ledger, receipt)

    async def test_by_another_provider_is_refused_and_changes_nothing(self, given: Given) -> None:
        permit = await sent(given)
        with pytest.raises(Conflict) as refused:
            await told(given, permit, "delivered", provider="mail")
        assert refused.value.code == "receipt.of_another_provider"
        with pytest.raises(NotFound):
            await told(
                given, permit, "failed", provider="mail", reference=None, provider_ref=f"ref-{permit.contact_id}"
            )
        assert await statuses(given, permit.contact_id) == ["sent"]

    async def test_about_a_contact_that_was_refused_is_refused(self, given: Given) -> None:
        await sent(given)
        refused = await given.dials("A", "sms")
        assert not refused.allowed
        receipt = Receipt("aggregator", "delivered", str(refused.contact_id), None, None, None, bad_address=False)
        with pytest.raises(Conflict):
            await record_receipt(given.ledger, receipt)
