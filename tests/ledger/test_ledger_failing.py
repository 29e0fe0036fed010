"""A message that did not leave, or came back: its address, its step's other channels, and what it had put off."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from psycopg.errors import UniqueViolation

from journey.planning import Contact
from ledger.creditors import creditor as find
from ledger.creditors import put_creditor
from ledger.database import Ledger
from ledger.failing import OUTAGE_PAUSE, put_off
from ledger.permits import Down, Elsewhere, Permit, Reach, Refusal, Settled
from tests.ledger.given import ZONE, Given, local
from tests.ledger.ways import (
    FIRST,
    MAILBOX,
    NUMBER,
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
    told,
)

OCCURRENCE = "notice-1@2026-02-01"
OTHER_NUMBER = "+573000000002"


@pytest.fixture
async def given(ledger: Ledger) -> Given:
    """Account A, whose notices of days 1 and 8 go by text message or else by e-mail."""
    given = await creditor(ledger, notice(1, "sms", "email"), notice(8, "sms", "email"))
    await given.imported(debt(given))
    return given


async def step_now(given: Given, account: str = "A") -> str | None:
    """The occurrence that the record asks for now."""
    move = (await given.record(given.journey(account))).move
    return move.occurrence if isinstance(move, Contact) else None


def left(*channels: str, **changes: Any) -> Reach:
    """Only these channels are still to be tried."""
    return Reach(frozenset(channels), {**PROVIDERS, "whatsapp": "chat"}, **changes)


class TestABadAddress:
    async def test_is_not_written_to_again(self, given: Given) -> None:
        await failed(given, await permitted(given), bad_address=True)
        permit = await permitted(given)
        assert (permit.days_past_due, permit.channel, permit.address) == (8, "email", MAILBOX)

    async def test_is_kept_by_its_hash_with_the_contact_that_found_it_out(self, given: Given) -> None:
        permit = await permitted(given)
        await failed(given, permit, bad_address=True, code="unknown_subscriber")
        row = await given.one("SELECT * FROM invalid_addresses WHERE contact_id = %s", permit.contact_id)
        assert (row["channel"], row["code"]) == ("sms", "unknown_subscriber")
        assert NUMBER not in str(row)

    async def test_that_a_file_corrects_is_usable_again(self, given: Given) -> None:
        await failed(given, await permitted(given), bad_address=True)
        await given.imported(debt(given, addresses={"sms": OTHER_NUMBER, "email": MAILBOX}))
        permit = await permitted(given)
        assert (permit.channel, permit.address) == ("sms", OTHER_NUMBER)

    async def test_that_a_file_repeats_stays_bad(self, given: Given) -> None:
        await failed(given, await permitted(given), bad_address=True)
        await given.imported(debt(given))
        assert (await permitted(given)).channel == "email"

    async def test_is_bad_for_its_channel_alone(self, ledger: Ledger) -> None:
        given = await creditor(ledger, notice(1, "sms"), notice(8, "sms", "whatsapp"))
        both = {"addresses": {"sms": NUMBER, "whatsapp": NUMBER}, "authorised_channels": ["sms", "whatsapp"]}
        await given.imported(debt(given, **both))
        await failed(given, await permitted(given), bad_address=True)
        answer = await asked(given, reach=Reach(frozenset({"sms", "whatsapp"})))
        assert isinstance(answer, Permit)
        assert answer.channel == "whatsapp"

    async def test_is_bad_for_its_creditor_alone(self, given: Given, ledger: Ledger) -> None:
        await failed(given, await permitted(given), bad_address=True)
        other = await creditor(ledger, notice(1, "sms"))
        await other.imported(debt(other, person=f"{given.key}-p"))
        assert (await permitted(other)).address == NUMBER

    async def test_is_not_what_another_refusal_means(self, given: Given) -> None:
        await failed(given, await permitted(given), code="message_refused")
        assert (await permitted(given)).channel == "sms"


class TestAMessageThatDidNotLeave:
    async def test_goes_by_the_steps_next_channel_at_once(self, given: Given) -> None:
        first = await permitted(given)
        after = await failed(given, first, others=["email"], bad_address=True)
        assert after.is_open
        assert await step_now(given) == OCCURRENCE
        second = await permitted(given, reach=left("email"))
        assert (first.channel, second.channel) == ("sms", "email")
        assert first.key != second.key, "another message: another name at the provider"
        rows = await contacts(given)
        assert [(row["occurrence"], row["attempt"], row["decided_at"]) for row in rows] == [
            (OCCURRENCE, 0, FIRST),
            (OCCURRENCE, 1, FIRST),
        ]

    async def test_whose_other_channels_cannot_reach_the_person_ends_its_step(self, given: Given) -> None:
        await given.imported(debt(given, addresses={"sms": NUMBER}))
        after = await failed(given, await permitted(given), others=["email"])
        assert not after.is_open
        assert await step_now(given) is None
        assert OCCURRENCE in (await given.record(given.journey("A"))).state.done

    async def test_goes_by_the_next_channel_also_on_a_day_to_which_its_step_was_put_off(self, given: Given) -> None:
        await given.clock(local(date(2026, 2, 2), 8))
        assert (await given.dials("A", "sms")).allowed
        assert isinstance(await asked(given), Refusal)
        first = await permitted(given)
        assert first.days_past_due == 2
        assert (await failed(given, first, others=["email"], is_over=False)).is_open
        second = await permitted(given)
        assert (second.key, second.days_past_due) == (f"{given.journey('A')}:notice-1:2026-02-01:2", 2)

    async def test_because_the_provider_takes_none_now_leaves_its_step_open(self, given: Given) -> None:
        after = await failed(given, await permitted(given), is_over=False)
        assert after.is_open
        assert await step_now(given) == OCCURRENCE

    async def test_counts_as_no_contact_of_the_person(self, given: Given) -> None:
        await failed(given, await permitted(given), is_over=False)
        for _ in range(3):  # CO-03 allows one a day
            permit = await permitted(given)
            await failed(given, permit, is_over=False)

    async def test_of_which_the_engine_heard_that_nobody_knows_stays_so(self, given: Given) -> None:
        contact = await given.due_contact(given.journey("A"))
        permit = await permitted(given)
        answer = await asked_again(given, contact)
        assert isinstance(answer, Settled)
        assert answer.status == "unknown"
        assert not (await failed(given, permit, others=["email"])).is_open
        assert await step_now(given) is None

    async def test_by_two_channels_leaves_nothing_of_what_either_put_off(self, ledger: Ledger) -> None:
        """Either message alone would put the e-mail of day 5 off: none of them left."""
        given = await creditor(ledger, notice(1, "sms", "whatsapp"), notice(5, "email"), notice(12, "sms"))
        addresses = {"sms": NUMBER, "whatsapp": NUMBER, "email": MAILBOX}
        await given.imported(debt(given, addresses=addresses, authorised_channels=list(addresses)))
        first = await permitted(given, reach=left("sms", "whatsapp", "email"))
        assert first.then is not None
        assert (await failed(given, first, others=["whatsapp"])).is_open
        second = await permitted(given, reach=left("whatsapp", "email"))
        assert second.then == first.then
        assert (await failed(given, second)).then is None
        contact = await given.due_contact(given.journey("A"))
        assert contact.due == local(date(2026, 2, 6), 9)


async def asked_again(given: Given, contact: Contact, reach: Reach | None = None) -> Any:
    """The engine asks again for a contact that it had asked for before."""
    return await given.asks(given.journey("A"), contact, reach.available if reach else PROVIDERS)


class TestAChannel:
    """Of the step's channels the one that can send, and no other, is permitted."""

    async def test_that_did_not_ask_is_named_and_nothing_is_written(self, given: Given) -> None:
        answer = await asked(given, reach=left("email", by="sms"))
        assert isinstance(answer, Elsewhere)
        assert (answer.channel, await contacts(given)) == ("email", [])

    async def test_that_may_not_be_used_is_not_waited_for(self, given: Given) -> None:
        await given.imported(debt(given, authorised_channels=["sms"]))
        answer = await asked(given, reach=left("sms"))
        assert isinstance(answer, Permit)

    async def test_that_is_down_is_waited_for_where_no_other_may_be_used(self, given: Given) -> None:
        await given.imported(debt(given, authorised_channels=["sms"]))
        answer = await asked(given, reach=left("email"))
        assert isinstance(answer, Down)
        assert await contacts(given) == []

    async def test_that_refused_the_message_for_good_is_not_waited_for(self, given: Given) -> None:
        """The other one is not authorised: nothing would come of trying again."""
        await given.imported(debt(given, authorised_channels=["sms"]))
        assert (await failed(given, await permitted(given), others=["email"])).is_open
        answer = await asked(given, reach=left("email", refused=frozenset({"sms"})))
        assert isinstance(answer, Refusal)
        assert (answer.until, [row["rules"] for row in await contacts(given)]) == (None, [[], ["CO-05"]])

    async def test_has_its_provider_and_the_hash_of_its_address_on_record(self, given: Given) -> None:
        permit = await permitted(given)
        (row,) = await contacts(given)
        assert (row["provider"], len(row["address_sha256"])) == ("aggregator", 64)
        assert permit.address not in str(row)


class TestAStepWhoseProvidersTakeNothing:
    @pytest.fixture
    async def given(self, ledger: Ledger) -> Given:
        """On the real clock, at about noon where the person lives, a step that is due since seven."""
        given = await creditor(ledger, notice(1, "sms", "email", at="07:00"), at=None)
        book = (await find(ledger, given.key)).playbook
        await put_creditor(
            ledger, given.key, name="Crédito", pack="MX", currency="COP", playbook=book, test_clock=None, time_zone=ZONE
        )
        zone, yesterday = noon_somewhere()
        await given.imported(debt(given, "A", ("1", yesterday.isoformat(), "100000"), time_zones=[zone]))
        return given

    async def put_off(self, given: Given) -> timedelta | None:
        """For how long the step is put off."""
        before = datetime.now(UTC)
        move = (await given.record(given.journey("A"))).move
        assert isinstance(move, Contact)
        answer = await put_off(given.ledger, given.journey("A"), move.occurrence, before)
        assert isinstance(answer, Refusal)
        return answer.until - before if answer.until is not None else None

    async def test_waits_and_the_record_knows_it(self, given: Given) -> None:
        pause = await self.put_off(given)
        assert pause is not None
        assert timedelta(0) <= pause - OUTAGE_PAUSE < timedelta(seconds=10)
        deferral = (await given.record(given.journey("A"))).state.deferral
        assert deferral is not None
        (fact,) = await facts(given, "step_put_off")
        assert (fact["step"], fact["until"]) == ("notice-1", deferral.until.isoformat())

    async def test_waits_twice_as_long_each_further_time_and_is_given_up_in_the_end(self, given: Given) -> None:
        pauses: list[int] = []
        while (pause := await self.put_off(given)) is not None:
            pauses.append(round(pause / OUTAGE_PAUSE))
            await forget_deferral(given)
        assert pauses == [1, 2, 4, 8, 16, 32]
        assert [fact["step"] for fact in await facts(given, "step_given_up")] == ["notice-1"]
        assert await step_now(given) is None

    async def test_that_was_done_meanwhile_is_not_put_off(self, given: Given) -> None:
        move = (await given.record(given.journey("A"))).move
        assert isinstance(move, Contact)
        await given.pauses("A")
        assert await put_off(given.ledger, given.journey("A"), move.occurrence, datetime.now(UTC)) is None

    async def test_after_the_journeys_end_is_not_put_off(self, given: Given) -> None:
        await given.pays("A", "100000")
        assert await put_off(given.ledger, given.journey("A"), "notice-1@2026-01-01", datetime.now(UTC)) is None


async def forget_deferral(given: Given) -> None:
    """The time until which the step was put off has passed."""
    async with given.ledger.transaction() as tx:
        await tx.execute(
            "UPDATE journeys SET state = jsonb_set(state, '{deferral}', 'null') WHERE id = %s", [given.journey("A")]
        )


def noon_somewhere() -> tuple[str, date]:
    """A time zone where it is between twelve and two, and yesterday's date there."""
    now = datetime.now(UTC)
    ahead = 12 - now.hour if now.hour > 0 else 12
    zone = f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
    return zone, (now + timedelta(hours=ahead)).date() - timedelta(days=1)


async def test_under_a_test_clock_a_step_whose_providers_take_nothing_is_tried_on(given: Given) -> None:
    contact = await given.due_contact(given.journey("A"))
    assert await put_off(given.ledger, given.journey("A"), contact.occurrence, contact.due) is None
    assert await step_now(given) == OCCURRENCE


class TestAMessageThatCameBack:
    async def test_to_a_bad_address_is_tried_again_the_same_day_by_another_channel(self, given: Given) -> None:
        first = await sent(given)
        back = await bounced(given, first)
        assert back is not None
        assert (back.kind, back.standing.again) == ("again", (OCCURRENCE,))
        assert await step_now(given) == f"{OCCURRENCE}~2"
        second = await permitted(given)
        assert (second.channel, second.key) == ("email", f"{first.key}~2")

    async def test_is_told_to_the_engine_even_if_whoever_heard_of_it_dies(self, given: Given) -> None:
        back = await bounced(given, await sent(given))
        assert back is not None
        (row,) = await given.all("SELECT id, kind FROM outbox WHERE journey_id = %s", given.journey("A"))
        assert row == {"id": back.outbox_id, "kind": "again"}

    async def test_the_day_after_is_not_tried_again(self, given: Given) -> None:
        permit = await sent(given)
        await given.clock(local(date(2026, 2, 3), 8))
        assert await bounced(given, permit) is None
        assert (await given.record(given.journey("A"))).state.standing.again == ()
        assert (await permitted(given)).channel == "email", "the address is bad all the same"

    async def test_to_a_good_address_is_not_tried_again(self, given: Given) -> None:
        assert await told(given, await sent(given), "failed", code="carrier_refused") is None
        assert await step_now(given) is None

    async def test_is_tried_again_twice_at_most(self, ledger: Ledger) -> None:
        channels = ("sms", "whatsapp", "call", "email")
        addresses = {"sms": NUMBER, "whatsapp": NUMBER, "call": NUMBER, "email": MAILBOX}
        given = await creditor(ledger, notice(1, *channels))
        await given.imported(debt(given, addresses=addresses, authorised_channels=list(channels)))
        used: list[str] = []
        for _ in range(4):
            answer = await asked(given, reach=Reach(frozenset(channels), dict.fromkeys(channels, "all")))
            assert isinstance(answer, Permit)
            used.append(answer.channel)
            if await told(given, answer, "failed", provider="all", bad_address=True) is None:
                break
        assert used == ["sms", "whatsapp", "call"]

    async def test_under_one_due_date_does_not_use_up_the_tries_under_the_next(self, ledger: Ledger) -> None:
        """The oldest due is paid: the notices of the next one are steps of their own."""
        given = await creditor(ledger, notice(1, "sms", "email"))
        await given.imported(debt(given, "A", PAST_DUE, ("2", "2026-02-10", "100000")))
        for number in ("+573000000002", "+573000000003"):
            await bounced(given, await sent(given))
            addresses = {"sms": number, "email": MAILBOX}
            await given.imported(debt(given, "A", PAST_DUE, ("2", "2026-02-10", "100000"), addresses=addresses))
        await sent(given)
        await given.clock(local(date(2026, 2, 11), 8))
        await given.pays("A", "100000")
        permit = await sent(given)
        assert (permit.due_date, permit.channel) == (date(2026, 2, 10), "sms")
        assert await bounced(given, permit) is not None

    async def test_that_came_back_is_said_once(self, given: Given) -> None:
        permit = await sent(given)
        assert await bounced(given, permit) is not None
        assert await bounced(given, permit) is None
        assert len(await facts(given, "step_reopened")) == 1

    async def test_after_the_journeys_end_changes_nothing(self, given: Given) -> None:
        permit = await sent(given)
        await given.pays("A", "100000")
        assert await bounced(given, permit) is None
        assert await given.all("SELECT FROM invalid_addresses WHERE contact_id = %s", permit.contact_id) != []

    async def test_during_a_pause_waits_for_its_end(self, given: Given) -> None:
        permit = await sent(given)
        await given.pauses("A", ends=local(date(2026, 2, 2), 12))
        assert await bounced(given, permit) is not None
        assert await step_now(given) is None
        await given.clock(local(date(2026, 2, 2), 12))
        assert await step_now(given) == f"{OCCURRENCE}~2"

    async def test_leaves_the_next_step_where_the_engine_knows_it(self, ledger: Ledger) -> None:
        """What the engine was told of a step that was put off cannot be taken back: it sleeps until then."""
        given = await creditor(ledger, notice(1, "sms"), notice(5, "email"))
        await given.imported(debt(given))
        permit = await sent(given)
        assert permit.then is not None
        await told(given, permit, "failed", code="carrier_refused")
        record = await given.record(given.journey("A"))
        assert record.state.deferral == permit.then
        contact = await given.due_contact(given.journey("A"))
        assert (contact.occurrence, contact.due) == (permit.then.occurrence, permit.then.until)


class TestTheDatabase:
    async def second(self, given: Given, occurrence: str) -> None:
        """A second permit of a step, as no code of ours would write it."""
        async with given.ledger.transaction() as tx:
            await tx.execute(
                """INSERT INTO contacts (journey_id, person_id, creditor, account_id, step, occurrence, stage, attempt,
                    channel, decision, rules, basis, decided_at)
                SELECT journey_id, person_id, creditor, account_id, step, occurrence, stage, 99, 'email', 'permitted',
                    '{}', '{}', decided_at FROM contacts WHERE journey_id = %s AND occurrence = %s LIMIT 1""",
                [given.journey("A"), occurrence],
            )

    @pytest.mark.parametrize("status", [None, "sent", "unknown", "delivered"])
    async def test_refuses_a_second_message_of_a_step(self, given: Given, status: str | None) -> None:
        permit = await permitted(given)
        if status is not None:
            await told(given, permit, status)
        with pytest.raises(UniqueViolation, match="one message a step"):
            await self.second(given, OCCURRENCE)

    async def test_lets_another_leave_once_the_first_failed(self, given: Given) -> None:
        await failed(given, await permitted(given))
        await self.second(given, OCCURRENCE)
        with pytest.raises(UniqueViolation, match="one message a step"):
            await self.second(given, OCCURRENCE)
