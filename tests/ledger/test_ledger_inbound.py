"""What people write to us: kept once, as a contact of theirs and an answer to ours; a no holds at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.database import Ledger
from ledger.inbound import not_this_person
from ledger.permits import Refusal
from ledger.views import list_contacts
from tests.ledger.given import Given
from tests.ledger.ways import (
    FIRST,
    PAST_DUE,
    asked,
    bounced,
    contacts,
    creditor,
    debt,
    facts,
    notice,
    permitted,
    sent,
    statuses,
    wrote,
)

LATER = ("1", "2026-09-01", "5000")


@pytest.fixture
async def given(ledger: Ledger) -> Given:
    """Account A, whose notices of days 1, 3 and 12 go by text message or else by e-mail; a number of its own."""
    given = await creditor(ledger, *(notice(day, "sms", "email") for day in (1, 3, 12)))
    await given.imported(debt(given, addresses=mine(given)))
    return given


def mine(given: Given) -> dict[str, str]:
    """Addresses that nobody else in the database has."""
    return {"sms": number(given), "email": f"{given.key}@correo.invalid"}


def number(given: Given) -> str:
    return f"+57300{int(given.key.removeprefix('creditor-'), 16) % 10**7:07d}"


async def writes(given: Given, text: str = "Hola", **changes: Any) -> dict[str, Any]:
    """What is kept of a message of the person."""
    kept = await wrote(given, text, **{"address": number(given), **changes})
    assert kept is not None
    return await given.one("SELECT * FROM inbound WHERE id = %s", kept)


async def revoked(given: Given) -> list[str]:
    """The channels that the person revoked for this creditor."""
    rows = await given.all(
        "SELECT channel FROM preferences WHERE creditor = %s AND value = '\"revoked\"' ORDER BY id", given.key
    )
    return [row["channel"] for row in rows]


class TestAMessage:
    async def test_is_a_contact_that_the_person_began(self, given: Given) -> None:
        kept = await writes(given, "¿Cuánto debo?")
        row = await given.one("SELECT * FROM contacts WHERE id = %s", kept["contact_id"])
        assert (row["direction"], row["purpose"], row["actor"]) == ("inbound", "requested_information", "debtor")
        assert await statuses(given, row["id"]) == ["answered"]

    async def test_answers_ours_of_the_last_week(self, given: Given) -> None:
        permit = await sent(given)
        kept = await writes(given)
        assert kept["answers"] == permit.contact_id
        assert await statuses(given, permit.contact_id) == ["sent", "answered"]
        assert (await list_contacts(given.ledger, given.key, "A"))[0]["status"] == "answered"

    async def test_answers_nothing_that_is_older(self, given: Given) -> None:
        await sent(given)
        await given.clock(FIRST + timedelta(days=7, minutes=1))
        assert (await writes(given))["answers"] is None

    async def test_answers_the_one_that_it_names(self, given: Given) -> None:
        first = await sent(given)
        second = await sent(given)
        assert (await writes(given))["answers"] == second.contact_id
        for name in (str(first.contact_id), f"ref-{first.contact_id}"):
            assert (await writes(given, answers=name))["answers"] == first.contact_id

    async def test_is_noted_in_the_journey(self, given: Given) -> None:
        kept = await writes(given)
        (fact,) = await facts(given, "replied")
        assert (fact["contact_id"], fact["channel"], fact["is_stop"]) == (kept["contact_id"], "sms", False)
        assert "Hola" not in str(await given.events("A"))

    async def test_that_comes_twice_is_kept_once(self, given: Given) -> None:
        await writes(given, provider_ref=f"{given.key}-twice")
        assert await wrote(given, provider_ref=f"{given.key}-twice", address=number(given)) is None
        assert len(await contacts(given)) == 1

    async def test_that_comes_many_times_at_once_is_kept_once(self, given: Given) -> None:
        same = {"provider_ref": f"{given.key}-once", "address": number(given)}
        kept = await asyncio.gather(*(wrote(given, **same) for _ in range(6)))
        assert sum(each is not None for each in kept) == 1

    async def test_of_two_providers_may_have_one_name(self, given: Given) -> None:
        for provider in ("aggregator", "other"):
            await writes(given, provider_ref=f"{given.key}-same", provider=provider)

    async def test_waits_for_the_bot(self, given: Given) -> None:
        kept = await writes(given)
        assert len(await given.all("SELECT FROM inbound_waiting WHERE inbound_id = %s", kept["id"])) == 1

    async def test_by_mail_is_a_case_for_people(self, given: Given) -> None:
        kept = await writes(given, provider="mail", channel="email", address=mine(given)["email"])
        assert await given.all("SELECT FROM inbound_waiting WHERE inbound_id = %s", kept["id"]) == []
        (task,) = await given.all("SELECT reason, account_id FROM tasks WHERE creditor = %s", given.key)
        assert task == {"reason": "email_reply", "account_id": await given.number("A")}

    async def test_happened_when_the_provider_says_but_not_in_the_future(self, ledger: Ledger) -> None:
        real = await creditor(ledger, notice(1, "sms"), at=None)
        await real.imported(debt(real, "A", LATER, addresses=mine(real)))
        now = datetime.now(UTC)
        for told, kept in ((now - timedelta(hours=1), now - timedelta(hours=1)), (now + timedelta(days=1), now)):
            assert abs((await writes(real, at=told))["at"] - kept) < timedelta(seconds=10)

    async def test_under_a_test_clock_happened_now(self, given: Given) -> None:
        await given.clock(FIRST)
        assert (await writes(given, at=datetime.now(UTC)))["at"] == FIRST


class TestThePolicy:
    async def test_counts_both_as_a_conversation(self, given: Given) -> None:
        await sent(given)
        await writes(given)
        await given.dials("A", "sms")
        log = (await contacts(given))[-1]["basis"]["case"]["contacts"]
        assert [(each["direction"], each["two_way"]) for each in log] == [("outbound", True), ("inbound", True)]


class TestAStop:
    async def test_revokes_its_channel_at_once(self, given: Given) -> None:
        await given.due_contact(given.journey("A"))
        await writes(given, "BAJA", is_stop=True)
        assert await revoked(given) == ["sms"]
        assert (await permitted(given)).channel == "email"

    async def test_leaves_no_channel_where_it_was_the_only_one(self, given: Given) -> None:
        await given.imported(debt(given, addresses={"sms": number(given)}, authorised_channels=["sms"]))
        await writes(given, "BAJA", is_stop=True)
        answer = await asked(given)
        assert isinstance(answer, Refusal)
        assert (answer.until, (await contacts(given))[-1]["rules"]) == (None, ["CO-05"])

    async def test_names_the_message_as_its_proof(self, given: Given) -> None:
        kept = await writes(given, "BAJA", is_stop=True)
        row = await given.one(
            "SELECT origin, document FROM preferences WHERE creditor = %s AND subject = 'channel'", given.key
        )
        assert row == {"origin": "sms", "document": f"inbound-{kept['id']}"}

    async def test_holds_for_each_creditor_that_writes_by_this_way(self, given: Given, ledger: Ledger) -> None:
        other, third = await creditor(ledger, notice(1, "sms")), await creditor(ledger, notice(1, "sms"))
        for each in (other, third):
            await each.imported(debt(each, person=f"{given.key}-p", addresses=mine(given)))
        await writes(given, "BAJA", is_stop=True, serves=lambda key: key in (given.key, other.key))
        assert [await revoked(each) for each in (given, other, third)] == [["sms"], ["sms"], []]

    async def test_holds_for_everybody_at_that_number(self, given: Given) -> None:
        await given.imported(debt(given, "B", person=f"{given.key}-q", addresses=mine(given)))
        kept = await writes(given, "BAJA", is_stop=True)
        assert (kept["contact_id"], await revoked(given)) == (None, ["sms", "sms"])

    async def test_by_mail_makes_no_work(self, given: Given) -> None:
        await writes(given, "BAJA", is_stop=True, provider="mail", channel="email", address=mine(given)["email"])
        assert await given.all("SELECT FROM tasks WHERE creditor = %s", given.key) == []
        assert await revoked(given) == ["email"]


class TestAStranger:
    async def test_is_kept_and_nothing_is_done(self, given: Given) -> None:
        kept = await writes(given, address="+573009999999")
        assert (kept["contact_id"], kept["answers"]) == (None, None)
        assert await given.all("SELECT FROM inbound_waiting WHERE inbound_id = %s", kept["id"]) == []

    async def test_is_whoever_has_a_number_of_two_people(self, given: Given) -> None:
        await given.imported(debt(given, "B", person=f"{given.key}-q", addresses=mine(given)))
        assert (await writes(given))["contact_id"] is None

    async def test_is_whoever_writes_to_a_provider_of_others(self, given: Given) -> None:
        assert (await writes(given, serves=lambda _: False))["contact_id"] is None

    async def test_is_whoever_writes_by_a_channel_that_is_not_on_file(self, given: Given) -> None:
        kept = await writes(given, channel="whatsapp", provider="meta")
        assert kept["contact_id"] is None

    async def test_may_stop_what_is_not_there(self, given: Given) -> None:
        await writes(given, "BAJA", is_stop=True, address="+573009999999")
        assert await revoked(given) == []


class TestTheAccountThatItIsAbout:
    async def of(self, given: Given, kept: dict[str, Any]) -> tuple[str, str]:
        query = """SELECT a.creditor, a.key FROM contacts c JOIN accounts a ON a.id = c.account_id WHERE c.id = %s"""
        row = await given.one(query, kept["contact_id"])
        return row["creditor"], row["key"]

    async def test_is_the_one_written_to_last(self, given: Given) -> None:
        await given.imported(debt(given, "B", addresses=mine(given)))
        await sent(given, "A")
        assert await self.of(given, await writes(given)) == (given.key, "A")
        await sent(given, "B")
        assert await self.of(given, await writes(given)) == (given.key, "B")

    async def test_is_otherwise_one_with_a_journey(self, given: Given) -> None:
        await given.pays("A", "100000")
        await given.imported(debt(given, "B", PAST_DUE, addresses=mine(given)))
        assert await self.of(given, await writes(given)) == (given.key, "B")

    async def test_is_of_the_creditor_that_wrote_last(self, given: Given, ledger: Ledger) -> None:
        other = await creditor(ledger, notice(8, "sms"))
        await other.imported(debt(other, "X", person=f"{given.key}-p", addresses=mine(given)))
        both = {"serves": lambda key: key in (given.key, other.key)}
        await sent(given)
        assert await self.of(given, await writes(given, **both)) == (given.key, "A")
        await sent(other, "X")
        assert await self.of(given, await writes(given, **both)) == (other.key, "X")

    async def test_without_a_journey_is_kept_all_the_same(self, given: Given) -> None:
        await given.pays("A", "100000")
        kept = await writes(given)
        row = await given.one("SELECT journey_id FROM contacts WHERE id = %s", kept["contact_id"])
        assert row["journey_id"] is None


async def test_an_address_of_somebody_else_is_not_used_for_the_debtor_again(given: Given) -> None:
    await given.imported(debt(given, addresses={**mine(given), "whatsapp": number(given)}))
    debtor = await given.one("SELECT debtor_id FROM accounts WHERE id = %s", await given.number("A"))
    async with given.ledger.transaction() as tx:
        await not_this_person(tx, debtor["debtor_id"], "sms", number(given))
    rows = await given.all(
        "SELECT channel FROM invalid_addresses WHERE debtor_id = %s ORDER BY channel", debtor["debtor_id"]
    )
    assert [row["channel"] for row in rows] == ["call", "sms", "whatsapp"]
    assert (await permitted(given)).channel == "email"


async def test_an_answer_does_not_hinder_a_bounce_that_was_on_its_way(given: Given) -> None:
    """Somebody answers from there, so that somebody is there: the bounce is not believed."""
    permit = await sent(given)
    await writes(given)
    assert await bounced(given, permit) is None
    assert await statuses(given, permit.contact_id) == ["sent", "answered"]
