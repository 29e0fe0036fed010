"""A permit is given once for each occurrence of a step, only by the policy's leave, and the decision is kept whole."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from journey.planning import Contact
from ledger.failing import Failure, record_failure
from ledger.outcomes import record_outcome
from ledger.permits import Overtaken, Permit, Refusal, Settled
from ledger.record import ClockBehind
from ledger.views import list_contacts
from policy import decide, load_pack, parse_case
from tests.ledger.given import MAIL, Given, local, playbook, row

PAST_DUE = ("1", "2026-02-01", "100000")
"""Its first notice is due on Monday 2 February 2026 at nine, Bogotá."""
LATER = ("1", "2026-02-05", "100000")
"""Its reminder is due then, too: of another stage, so that no message speaks of both."""
FIRST = local(date(2026, 2, 2), 9)


async def sent(given: Given, permit: Permit) -> None:
    await record_outcome(given.ledger, permit.contact_id, "sent", provider_ref="<ref>", content_sha256="ab" * 32)


@pytest.fixture
async def contact(given: Given) -> Contact:
    """Account A's first notice, due now."""
    await given.imported(row("A", PAST_DUE))
    return await given.due_contact(given.journey("A"))


async def test_a_permit_says_what_the_message_needs(given: Given, contact: Contact) -> None:
    assert contact.due == FIRST
    permit = await given.asks(given.journey("A"), contact)
    assert isinstance(permit, Permit)
    assert permit.key == f"{given.journey('A')}:aviso-1:2026-02-01"
    assert (permit.channel, permit.account, permit.stage) == ("email", "A", "administrative")
    assert (permit.balance, permit.past_due, permit.days_past_due) == (100000, 100000, 1)


class TestOneOccurrence:
    async def test_asked_for_many_times_at_once_gets_one_permit(self, given: Given, contact: Contact) -> None:
        answers = await asyncio.gather(*(given.asks(given.journey("A"), contact) for _ in range(8)))
        assert sum(isinstance(answer, Permit) for answer in answers) == 1
        assert [each["decision"] for each in await given.decisions("A")] == ["permitted"]

    async def test_that_was_sent_is_not_sent_by_a_retry(self, given: Given, contact: Contact) -> None:
        permit = await given.asks(given.journey("A"), contact)
        assert isinstance(permit, Permit)
        await sent(given, permit)
        again = await given.asks(given.journey("A"), contact)
        assert isinstance(again, Settled)
        assert (again.contact_id, again.status) == (permit.contact_id, "sent")

    async def test_whose_process_died_after_the_permit_ends_as_unknown(self, given: Given, contact: Contact) -> None:
        first = await given.asks(given.journey("A"), contact)
        assert isinstance(first, Permit)
        answers = [await given.asks(given.journey("A"), contact) for _ in range(2)]
        assert [isinstance(answer, Settled) and answer.status for answer in answers] == ["unknown", "unknown"]
        shown = await list_contacts(given.ledger, given.key, "A")
        assert [each["status"] for each in shown if each["step"] == "aviso-1"] == ["unknown"]

    async def test_that_is_unknown_is_told_with_its_step_and_channel(self, given: Given, contact: Contact) -> None:
        for _ in range(2):
            await given.asks(given.journey("A"), contact)
        told = [event["data"] for event in await given.events("A") if event["kind"] == "contact"]
        assert [(data["step"], data["channel"], data["status"]) for data in told] == [
            ("aviso-1", "email", "permitted"),
            ("aviso-1", "email", "unknown"),
        ]

    async def test_that_is_unknown_counts_as_a_contact(self, given: Given) -> None:
        await given.imported(row("A", PAST_DUE, person=f"{given.key}-p"), row("B", LATER, person=f"{given.key}-p"))
        contact = await given.due_contact(given.journey("A"))
        for _ in range(2):
            await given.asks(given.journey("A"), contact)
        refused = await given.asks(given.journey("B"), await given.due_contact(given.journey("B")))
        assert isinstance(refused, Refusal)
        assert "CO-03" in (await given.decisions("B"))[-1]["rules"]

    async def test_that_failed_for_good_does_not_count_as_a_contact(self, given: Given) -> None:
        await given.imported(row("A", PAST_DUE, person=f"{given.key}-p"), row("B", LATER, person=f"{given.key}-p"))
        permit = await given.asks(given.journey("A"), await given.due_contact(given.journey("A")))
        assert isinstance(permit, Permit)
        await record_failure(given.ledger, permit.contact_id, Failure("smtp_550"), connected=MAIL, others=())
        contact = await given.due_contact(given.journey("B"))
        assert contact.due == FIRST
        assert isinstance(await given.asks(given.journey("B"), contact), Permit)


class TestARefusal:
    async def test_names_its_rules_and_the_next_instant(self, given: Given) -> None:
        await given.imported(row("A", PAST_DUE, person=f"{given.key}-p"), row("B", LATER, person=f"{given.key}-p"))
        await given.asks(given.journey("A"), await given.due_contact(given.journey("A")))
        refused = await given.asks(given.journey("B"), await given.due_contact(given.journey("B")))
        assert isinstance(refused, Refusal)
        tomorrow = local(date(2026, 2, 3), 7)
        assert refused.until == tomorrow
        kept = (await given.decisions("B"))[-1]
        assert (kept["decision"], kept["rules"], kept["next_allowed_at"]) == ("refused", ["CO-03"], tomorrow)

    async def test_is_tried_again_at_that_instant(self, given: Given) -> None:
        await given.imported(row("A", PAST_DUE, person=f"{given.key}-p"), row("B", LATER, person=f"{given.key}-p"))
        permits = await given.lives(local(date(2026, 2, 3), 12))
        assert [permit.account for permit in permits] == ["A", "B"]
        decisions = [(each["decision"], each["decided_at"]) for each in await given.decisions("B")]
        assert decisions == [("refused", FIRST), ("permitted", local(date(2026, 2, 3), 7))]

    async def test_for_good_ends_the_step(self, given: Given) -> None:
        """Nobody authorised e-mail: CO-05 will never allow it."""
        await given.imported(row("A", PAST_DUE, authorised_channels=["sms"]))
        contact = await given.due_contact(given.journey("A"))
        refused = await given.asks(given.journey("A"), contact)
        assert isinstance(refused, Refusal)
        assert (refused.until, refused.skipped) == (None, False)
        assert (await given.decisions("A"))[-1]["rules"] == ["CO-05"]
        assert await given.asks(given.journey("A"), contact) == refused, "a retry after a lost answer hears the same"

    async def test_for_want_of_a_channel_is_a_skip_with_its_reason(self, given: Given) -> None:
        await given.imported(row("A", PAST_DUE, addresses={"sms": "+573991234567"}))
        refused = await given.asks(given.journey("A"), await given.due_contact(given.journey("A")))
        assert isinstance(refused, Refusal)
        assert refused.skipped
        kept = (await given.decisions("A"))[-1]
        assert (kept["decision"], kept["reason"]) == ("skipped", "no_channel")


async def test_every_decision_is_kept_with_what_it_rests_on(given: Given) -> None:
    await given.imported(row("A", PAST_DUE, person=f"{given.key}-p"), row("B", LATER, person=f"{given.key}-p"))
    await given.lives(FIRST)
    pack = load_pack("CO")
    for account, allowed in (("A", True), ("B", False)):
        basis = (await given.decisions(account))[-1]["basis"]
        verdict = basis["verdicts"]["email"]
        assert basis["case"]["zones"] == ["America/Bogota"]
        assert len(basis["case"]["contacts"]) == (0 if allowed else 1)
        packs, query = parse_case(basis["case"])
        assert decide(packs, query).as_record() == verdict, "the case can be judged again as it stands"
        assert verdict["allowed"] is allowed
        assert verdict["basis"] == [{"pack": "CO", "version": pack.version, "content_hash": pack.content_hash}]
        assert verdict["holidays_version"]
        assert verdict["tzdata_version"]


async def test_no_permit_is_given_outside_the_hours_though_the_step_is_due(given: Given, contact: Contact) -> None:
    await given.clock(local(date(2026, 2, 2), 19, 30))
    refused = await given.asks(given.journey("A"), contact)
    assert isinstance(refused, Refusal)
    assert refused.until == local(date(2026, 2, 3), 7)


class TestAStepThatTheRecordNoLongerWants:
    async def test_after_a_pause(self, given: Given, contact: Contact) -> None:
        await given.pauses("A")
        answer = await given.asks(given.journey("A"), contact)
        assert isinstance(answer, Overtaken)
        assert answer.standing.holds

    async def test_after_a_clearing_payment(self, given: Given, contact: Contact) -> None:
        await given.pays("A", "100000")
        answer = await given.asks(given.journey("A"), contact)
        assert isinstance(answer, Overtaken)
        assert answer.standing.outcome == "paid"

    async def test_after_a_close(self, given: Given, contact: Contact) -> None:
        await given.closes("A", "withdrawn")
        answer = await given.asks(given.journey("A"), contact)
        assert isinstance(answer, Overtaken)
        assert answer.standing.outcome == "withdrawn"

    async def test_with_an_end_tells_a_standing_newer_than_any_heard_before(
        self, given: Given, contact: Contact
    ) -> None:
        before = (await given.record(given.journey("A"))).state.standing.seq
        await given.closes("A", "withdrawn")
        answer = await given.asks(given.journey("A"), contact)
        assert isinstance(answer, Overtaken)
        assert answer.standing.seq > before

    async def test_while_it_wants_another(self, given: Given, contact: Contact) -> None:
        other = replace(contact, occurrence="aviso-1@2026-01-01")
        assert isinstance(await given.asks(given.journey("A"), other), Overtaken)
        assert await given.decisions("A") == []

    async def test_because_the_oldest_due_moved(self, given: Given) -> None:
        await given.imported(row("A", ("0", "2026-01-05", "100000"), PAST_DUE))
        contact = await given.due_contact(given.journey("A"))
        await given.pays("A", "100000")
        assert isinstance(await given.asks(given.journey("A"), contact), Overtaken)


async def test_an_engine_that_runs_far_ahead_of_the_records_clock_must_ask_again(
    given: Given, contact: Contact
) -> None:
    early = replace(contact, due=contact.due + timedelta(minutes=1))
    with pytest.raises(ClockBehind):
        await given.asks(given.journey("A"), early)
    assert await given.decisions("A") == []


class TestTheChannel:
    @pytest.fixture
    async def given(self, given: Given) -> Given:
        channels = ["sms", "whatsapp", "email"]
        step = {"key": "aviso", "day": 1, "channels": channels, "template": "overdue", "at": "09:00"}
        stages = [{"stage": "administrative", "from_day": 1, "steps": [step]}]
        return await Given(given.ledger).set_up(playbook(f"{given.key}-many", stages=stages))

    async def asked(self, given: Given, **debtor: Any) -> Permit:
        addresses = {"sms": "+573991234567", "whatsapp": "+573991234567", "email": "a@correo.invalid"}
        await given.imported(row("A", PAST_DUE, addresses=addresses, **debtor))
        contact = await given.due_contact(given.journey("A"))
        answer = await given.asks(given.journey("A"), contact, frozenset(addresses))
        assert isinstance(answer, Permit)
        return answer

    async def test_is_the_one_that_the_person_prefers(self, given: Given) -> None:
        both = ["sms", "whatsapp", "email"]
        permit = await self.asked(given, authorised_channels=both, preferred_channel="whatsapp")
        assert (permit.channel, permit.address) == ("whatsapp", "+573991234567")

    async def test_is_otherwise_the_steps_first(self, given: Given) -> None:
        assert (await self.asked(given, authorised_channels=["email", "sms"])).channel == "sms"

    async def test_is_never_one_without_authorisation(self, given: Given) -> None:
        assert (await self.asked(given, authorised_channels=["email"], preferred_channel="sms")).channel == "email"


async def test_a_decision_on_the_real_clock_carries_the_real_instant(given: Given) -> None:
    """Without a test clock, `now` is the database's."""
    real = await Given(given.ledger).set_up(at=None)
    today = datetime.now(UTC).date()
    await real.imported(row("A", ("1", (today - timedelta(days=3)).isoformat(), "100000")))
    (journey,) = await real.journeys("A")
    assert abs(journey["opened_at"] - datetime.now(UTC)) < timedelta(minutes=1)
