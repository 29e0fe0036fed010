"""A step that the law would refuse at its time is put off beforehand: shown, explained, and not refused."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from journey.planning import Contact
from journey.playbook import Playbook
from journey.state import Deferral
from ledger.database import Ledger
from ledger.failing import Failed, Failure, record_failure
from ledger.opening import Launch, launch_of, open_journeys
from ledger.outcomes import record_outcome
from ledger.permits import Answer, Permit, Refusal, Settled
from ledger.views import journey
from tests.ledger.given import Given, local, ndjson, playbook, row

BOTH = frozenset({"sms", "email"})
PAST_DUE = ("1", "2026-02-01", "100000")
"""Day 1 is Monday 2 February 2026, day 5 a Friday, day 8 the next Monday."""
EVENINGS = [{"days": ["mon", "tue", "wed", "thu", "fri"], "opens": "17:00", "closes": "19:00"}]
FIRST = local(date(2026, 2, 2), 9)
FIFTH = local(date(2026, 2, 6), 10)
EIGHTH = local(date(2026, 2, 9), 10)


def step(key: str, day: int, *channels: str, at: str | None = "10:00", **changes: Any) -> dict[str, Any]:
    """A notice on a day past due."""
    return {"key": key, "day": day, "channels": channels, "template": "overdue", "at": at, **changes}


def book(key: str, *steps: dict[str, Any], **changes: Any) -> Playbook:
    """A text message on day 1 at nine, the steps given, and an e-mail on day 30."""
    notices = [step("sms-1", 1, "sms", at="09:00"), *steps, step("email-30", 30, "email")]
    return playbook(key, stages=[{"stage": "administrative", "from_day": 1, "steps": notices}], **changes)


def debt(account: str, *dues: tuple[str, str, str], person: str | None = None, **debtor: Any) -> dict[str, Any]:
    """An account whose debtor can be reached by text message and e-mail."""
    addresses = {"sms": "+573991234567", "email": f"{account.lower()}@correo.invalid"}
    authorised = {"addresses": addresses, "authorised_channels": ["sms", "email"]}
    return row(account, *(dues or (PAST_DUE,)), person=person, **{**authorised, **debtor})


async def under(ledger: Ledger, *steps: dict[str, Any]) -> Given:
    """A creditor with these steps between days 1 and 30, and account A."""
    given = Given(ledger)
    await given.set_up(book(f"{given.key}-book", *steps))
    await given.imported(debt("A", person=f"{given.key}-p"))
    return given


async def performs(given: Given, account: str = "A", channels: Collection[str] = BOTH) -> Permit:
    """The next contact leaves at its time."""
    permit = await given.asks(given.journey(account), await given.due_contact(given.journey(account)), channels)
    assert isinstance(permit, Permit)
    await record_outcome(given.ledger, permit.contact_id, "sent", provider_ref="<1@x>", content_sha256="0" * 64)
    return permit


async def fails(given: Given) -> tuple[Permit, Deferral | None]:
    """The next contact does not leave; what is put off then."""
    permit = await given.asks(given.journey("A"), await given.due_contact(given.journey("A")), BOTH)
    assert isinstance(permit, Permit)
    return permit, (await failed(given, permit)).then


async def failed(given: Given, permit: Permit) -> Failed:
    """It did not leave, and no other channel can take it."""
    return await record_failure(given.ledger, permit.contact_id, Failure("rejected"), connected=BOTH, others=())


async def asked_for(given: Given, key: str, at: datetime) -> Answer:
    """What an engine hears that asks for a step at an instant, whatever the record plans."""
    found = (await given.record(given.journey("A"))).terms.playbook.step(key)
    await given.clock(at)
    return await given.asks(given.journey("A"), Contact(found, "administrative", f"{key}@2026-02-01", at), BOTH)


async def shown(given: Given, account: str = "A") -> tuple[str, datetime]:
    """The step that comes next, and when, as the API shows it."""
    found = await journey(given.ledger, given.key, account)
    assert found is not None
    assert found["next_step"] is not None
    return found["next_step"]["key"], found["next_step"]["due_at"]


async def facts(given: Given, kind: str, account: str = "A") -> list[dict[str, Any]]:
    """What the journey's events of a kind say."""
    return [event["data"] for event in await given.events(account) if event["kind"] == kind]


async def skips(given: Given) -> list[tuple[str, str]]:
    """The steps that were given up, with the reason."""
    rows = await given.all(
        "SELECT step, reason FROM contacts WHERE account_id = %s AND decision = 'skipped' ORDER BY id",
        await given.number("A"),
    )
    return [(each["step"], each["reason"]) for each in rows]


class TestAStepByAnotherChannelWithinTheWeek:
    """After a text message on day 1, CO-04 leaves no e-mail before day 8."""

    @pytest.fixture
    async def given(self, ledger: Ledger) -> Given:
        return await under(ledger, step("email-5", 5, "email"))

    async def test_is_shown_on_the_first_day_allowed_at_its_own_time(self, given: Given) -> None:
        assert await shown(given) == ("sms-1", FIRST)
        await performs(given)
        assert await shown(given) == ("email-5", EIGHTH)

    async def test_is_told_to_the_engine_with_the_permit(self, given: Given) -> None:
        permit = await performs(given)
        assert permit.then == Deferral(occurrence="email-5@2026-02-01", until=EIGHTH)

    async def test_is_explained_by_an_event(self, given: Given) -> None:
        permit = await performs(given)
        (event,) = [event for event in await given.events("A") if event["kind"] == "step_deferred"]
        assert (event["actor"], event["at"]) == ("senda", FIRST)
        assert event["data"] == {
            "step": "email-5",
            "channel": "email",
            "planned_at": FIFTH.isoformat(),
            "until": EIGHTH.isoformat(),
            "rules": ["CO-04"],
            "contact_id": permit.contact_id,
        }

    async def test_leaves_then_and_was_never_refused(self, given: Given) -> None:
        await performs(given)
        contact = await given.due_contact(given.journey("A"))
        assert (contact.step.key, contact.due) == ("email-5", EIGHTH)
        await performs(given)
        decided = [(each["step"], each["decision"], each["decided_at"]) for each in await given.decisions("A")]
        assert decided == [("sms-1", "permitted", FIRST), ("email-5", "permitted", EIGHTH)]

    async def test_wakes_the_journey_then(self, given: Given) -> None:
        await performs(given)
        (found,) = await given.journeys("A")
        assert found["wake_at"] == EIGHTH

    async def test_is_told_again_to_an_engine_that_missed_the_answer(self, given: Given) -> None:
        contact = await given.due_contact(given.journey("A"))
        permit = await given.asks(given.journey("A"), contact, BOTH)
        assert isinstance(permit, Permit)
        again = await given.asks(given.journey("A"), contact, BOTH)
        assert isinstance(again, Settled)
        assert again.then == permit.then == Deferral(occurrence="email-5@2026-02-01", until=EIGHTH)

    async def test_asked_for_at_its_old_time_is_answered_with_the_new_one_and_not_refused(self, given: Given) -> None:
        """An engine that never heard of it."""
        await performs(given)
        answer = await asked_for(given, "email-5", FIFTH)
        assert isinstance(answer, Refusal)
        assert answer.until == EIGHTH
        assert [each["decision"] for each in await given.decisions("A")] == ["permitted"]

    async def test_that_is_refused_at_its_new_time_waits_on(self, given: Given) -> None:
        """What is foreseen is what is known: somebody else's contact may come between."""
        await performs(given)
        await given.clock(local(date(2026, 2, 7), 9))
        await given.imported(debt("B", ("1", "2026-06-01", "5000"), person=f"{given.key}-p"))
        assert (await given.dials("B", "sms")).allowed
        answer = await given.asks(given.journey("A"), await given.due_contact(given.journey("A")), BOTH)
        assert isinstance(answer, Refusal)
        assert answer.until == local(date(2026, 2, 14), 8)


@pytest.mark.parametrize(
    ("following", "at"),
    [
        (step("next", 5, "sms"), FIFTH),
        (step("next", 5, "email", "sms"), FIFTH),
        (step("next", 9, "email"), local(date(2026, 2, 10), 10)),
    ],
    ids=["by the same channel", "by either channel", "after the week"],
)
async def test_a_step_that_is_allowed_at_its_time_stays_there(
    ledger: Ledger, following: dict[str, Any], at: datetime
) -> None:
    given = await under(ledger, following)
    permit = await performs(given)
    assert permit.then is None
    assert await shown(given) == ("next", at)
    assert await facts(given, "step_deferred") == []


async def test_a_step_that_nothing_will_allow_is_refused_at_its_time_which_says_why(ledger: Ledger) -> None:
    given = Given(ledger)
    await given.set_up(book(f"{given.key}-book", step("email-5", 5, "email")))
    await given.imported(debt("A", authorised_channels=["sms"]))
    assert (await performs(given)).then is None
    refused = await given.asks(given.journey("A"), await given.due_contact(given.journey("A")), BOTH)
    assert isinstance(refused, Refusal)
    assert refused.until is None
    assert (await given.decisions("A"))[-1]["rules"] == ["CO-04", "CO-05"]


async def test_a_second_step_on_the_same_day_is_put_off_to_the_next(ledger: Ledger) -> None:
    given = await under(ledger, step("afternoon", 1, "sms", at="15:00"))
    await performs(given)
    assert await shown(given) == ("afternoon", local(date(2026, 2, 3), 15))
    assert (await facts(given, "step_deferred"))[0]["rules"] == ["CO-03"]


async def test_of_two_steps_that_a_weekend_brings_together_the_second_is_put_off(ledger: Ledger) -> None:
    """Saturday's hours end before four: that notice falls due on Monday, with Monday's own."""
    given = await under(ledger, step("sms-6", 6, "sms", at="16:00"), step("sms-8", 8, "sms", at="16:00"))
    for key, day in (("sms-1", 2), ("sms-6", 9), ("sms-8", 10)):
        due = local(date(2026, 2, day), 9 if day == 2 else 16)
        assert await shown(given) == (key, due)
        await performs(given)
    assert [each["decision"] for each in await given.decisions("A")] == ["permitted"] * 3


async def test_a_step_without_a_time_of_its_own_takes_its_slot_of_that_day(ledger: Ledger) -> None:
    """Not all at the first minute."""
    given = await under(ledger, step("spread", 5, "email", at=None))
    await performs(given)
    _, due = await shown(given)
    assert local(date(2026, 2, 9), 7) <= due < local(date(2026, 2, 9), 19)
    assert (due - local(date(2026, 2, 9), 7)) % timedelta(minutes=30) == timedelta(0)


class TestAStepThatGivesWay:
    """Put off past the step that follows, a step is given up, as it is after a refusal."""

    async def test_is_given_up_at_once(self, ledger: Ledger) -> None:
        given = await under(ledger, step("email-5", 5, "email"), step("sms-6", 6, "sms"))
        permit = await performs(given)
        assert await shown(given) == ("sms-6", local(date(2026, 2, 7), 10))
        assert await skips(given) == [("email-5", "overtaken")]
        assert [fact["step"] for fact in await facts(given, "step_deferred")] == ["email-5"]
        assert permit.then is None

    async def test_is_followed_by_one_that_is_put_off_itself(self, ledger: Ledger) -> None:
        given = await under(ledger, step("email-5", 5, "email"), step("email-6", 6, "email"))
        permit = await performs(given)
        assert permit.then == Deferral(occurrence="email-6@2026-02-01", until=EIGHTH)
        assert await shown(given) == ("email-6", EIGHTH)
        assert [fact["step"] for fact in await facts(given, "step_deferred")] == ["email-5", "email-6"]

    async def test_after_a_refusal_lets_the_next_be_put_off_instead_of_refused(self, ledger: Ledger) -> None:
        """Somebody e-mailed the person for another account at eight, so that no text message may leave for a week."""
        given = await under(ledger, step("sms-5", 5, "sms"))
        await given.imported(debt("B", ("1", "2026-09-01", "5000"), person=f"{given.key}-p"))
        await given.clock(local(date(2026, 2, 2), 8))
        assert (await given.dials("B", "email")).allowed
        contact = await given.due_contact(given.journey("A"))
        answer = await given.asks(given.journey("A"), contact, BOTH)
        assert isinstance(answer, Refusal)
        assert answer.until is None
        assert answer.then == Deferral(occurrence="sms-5@2026-02-01", until=EIGHTH)
        assert (await given.asks(given.journey("A"), contact, BOTH)) == answer, "a lost answer is told again"
        assert await shown(given) == ("sms-5", EIGHTH)
        await performs(given)
        decided = [(each["step"], each["decision"]) for each in await given.decisions("A")]
        assert decided == [("sms-1", "refused"), ("sms-5", "permitted")]

    async def test_is_refused_to_an_engine_that_still_asks_for_it(self, ledger: Ledger) -> None:
        given = await under(ledger, step("email-5", 5, "email"), step("email-6", 6, "email"))
        permit = await performs(given)
        answer = await asked_for(given, "email-5", FIFTH)
        assert isinstance(answer, Refusal)
        assert (answer.until, answer.then) == (None, permit.then)


class TestAContactThatFailed:
    async def test_puts_nothing_off(self, ledger: Ledger) -> None:
        given = await under(ledger, step("email-5", 5, "email"))
        permit, then = await fails(given)
        assert then is None
        assert await shown(given) == ("email-5", FIFTH)
        assert await facts(given, "step_restored") == [{"step": "email-5", "contact_id": permit.contact_id}]
        await performs(given)
        assert [each["decision"] for each in await given.decisions("A")] == ["permitted", "permitted"]

    async def test_makes_no_step_give_way(self, ledger: Ledger) -> None:
        given = await under(ledger, step("email-5", 5, "email"), step("email-6", 6, "email"))
        await fails(given)
        assert await shown(given) == ("email-5", FIFTH)
        assert [fact["step"] for fact in await facts(given, "step_restored")] == ["email-5", "email-6"]
        await performs(given)
        assert await shown(given) == ("email-6", local(date(2026, 2, 7), 10))

    async def test_leaves_what_is_put_off_for_another_cause(self, ledger: Ledger) -> None:
        given = await under(ledger, step("email-5", 5, "email", at="08:00"))
        evening = [{"days": ["mon", "tue", "wed", "thu", "fri"], "opens": "09:00", "closes": "19:00"}]
        await given.says(f"{given.key}-p", {("preferred_hours", None): evening})
        _, then = await fails(given)
        assert then == Deferral(occurrence="email-5@2026-02-01", until=local(date(2026, 2, 6), 9))
        assert await facts(given, "step_restored") == []

    async def test_of_which_nobody_knew_before_changes_nothing_any_more(self, ledger: Ledger) -> None:
        """A retry was told that it is unknown, and the engine goes by that."""
        given = await under(ledger, step("email-5", 5, "email"))
        contact = await given.due_contact(given.journey("A"))
        permit = await given.asks(given.journey("A"), contact, BOTH)
        assert isinstance(permit, Permit)
        await given.asks(given.journey("A"), contact, BOTH)
        assert (await failed(given, permit)).then == permit.then
        assert await shown(given) == ("email-5", EIGHTH)

    async def test_after_the_journeys_end_is_kept(self, ledger: Ledger) -> None:
        given = await under(ledger, step("email-5", 5, "email"))
        permit = await given.asks(given.journey("A"), await given.due_contact(given.journey("A")), BOTH)
        assert isinstance(permit, Permit)
        await given.pays("A", "100000")
        told = await failed(given, permit)
        assert (told.standing.outcome, told.then) == ("paid", None)


class TestAStepThatDidNotLeave:
    """The step after it is looked at all the same."""

    async def test_for_want_of_a_channel(self, ledger: Ledger) -> None:
        given = Given(ledger)
        await given.set_up(book(f"{given.key}-book", step("email-5", 5, "email")))
        await given.imported(debt("A", person=f"{given.key}-p", addresses={"email": "a@correo.invalid"}))
        await given.says(f"{given.key}-p", {("preferred_hours", None): EVENINGS})
        answer = await given.asks(given.journey("A"), await given.due_contact(given.journey("A")), BOTH)
        assert isinstance(answer, Refusal)
        assert answer.skipped
        assert answer.then == Deferral(occurrence="email-5@2026-02-01", until=local(date(2026, 2, 6), 17))

    async def test_because_nothing_will_ever_allow_it(self, ledger: Ledger) -> None:
        given = Given(ledger)
        await given.set_up(book(f"{given.key}-book", step("email-5", 5, "email")))
        await given.imported(debt("A", person=f"{given.key}-p", authorised_channels=["email"]))
        await given.says(f"{given.key}-p", {("preferred_hours", None): EVENINGS})
        answer = await given.asks(given.journey("A"), await given.due_contact(given.journey("A")), BOTH)
        assert isinstance(answer, Refusal)
        assert (answer.until, answer.skipped) == (None, False)
        assert answer.then == Deferral(occurrence="email-5@2026-02-01", until=local(date(2026, 2, 6), 17))


class TestAJourneyThatOpens:
    @pytest.fixture
    async def given(self, ledger: Ledger) -> Given:
        """The person owes another account, too, which is not due."""
        given = Given(ledger)
        await given.set_up(book(f"{given.key}-book", step("email-5", 5, "email")))
        await given.imported(debt("OTHER", ("1", "2026-09-01", "5000"), person=f"{given.key}-p"))
        return given

    async def opens(self, given: Given) -> Launch:
        """Account A comes in and its journey starts: what the engine is given."""
        await given.merged(await given.received(ndjson([debt("A", person=f"{given.key}-p")])))
        (launch,) = await open_journeys(given.ledger, [await given.number("A")])
        return launch

    async def test_for_a_person_who_was_contacted_that_day_waits_from_the_start(self, given: Given) -> None:
        await given.clock(local(date(2026, 2, 2), 8))
        assert (await given.dials("OTHER", "sms")).allowed
        launch = await self.opens(given)
        tomorrow = local(date(2026, 2, 3), 9)
        assert launch.state.deferral == Deferral(occurrence="sms-1@2026-02-01", until=tomorrow)
        assert await shown(given) == ("sms-1", tomorrow)

    async def test_for_a_person_who_was_contacted_by_another_channel_gives_way_to_the_next(self, given: Given) -> None:
        await given.clock(local(date(2026, 2, 2), 8))
        assert (await given.dials("OTHER", "email")).allowed
        launch = await self.opens(given)
        assert launch.state.done == ("sms-1@2026-02-01",)
        assert await skips(given) == [("sms-1", "overtaken")]
        assert await shown(given) == ("email-5", FIFTH)

    async def test_for_a_person_with_hours_of_their_own_waits_for_them(self, given: Given) -> None:
        await given.says(f"{given.key}-p", {("preferred_hours", None): EVENINGS})
        launch = await self.opens(given)
        evening = local(date(2026, 2, 2), 17)
        assert launch.state.deferral == Deferral(occurrence="sms-1@2026-02-01", until=evening)
        assert await shown(given) == ("sms-1", evening)
        assert (await facts(given, "step_deferred"))[0] == {
            "step": "sms-1", "channel": "sms", "planned_at": FIRST.isoformat(), "until": evening.isoformat(),
            "rules": ["person-hours"], "contact_id": None,
        }  # fmt: skip
        await performs(given)
        assert [each["decision"] for each in await given.decisions("A")] == ["permitted"]

    async def test_for_a_person_of_whom_nothing_is_known_begins_at_its_time(self, given: Given) -> None:
        launch = await self.opens(given)
        assert launch.state.deferral is None
        assert await shown(given) == ("sms-1", FIRST)

    async def test_again_from_the_record_is_put_off_as_the_first_time(self, given: Given) -> None:
        await given.says(f"{given.key}-p", {("preferred_hours", None): EVENINGS})
        launch = await self.opens(given)
        async with given.ledger.transaction() as tx:
            again = await launch_of(tx, launch.terms.journey_id)
        assert again is not None
        assert again.state == launch.state


class TestAPayment:
    @pytest.fixture
    async def given(self, ledger: Ledger) -> Given:
        """Two instalments are past due; the notice of day 5 was put off. It is Tuesday, day 2."""
        given = Given(ledger)
        await given.set_up(book(f"{given.key}-book", step("email-5", 5, "email")))
        await given.imported(debt("A", PAST_DUE, ("2", "2026-02-02", "50000")))
        await performs(given)
        await given.clock(local(date(2026, 2, 3), 12))
        return given

    async def test_that_changes_the_oldest_due_date_forgets_it(self, given: Given) -> None:
        """The steps count from 2 February now."""
        await given.pays("A", "100000")
        assert await shown(given) == ("sms-1", local(date(2026, 2, 3), 9))
        await performs(given)
        assert await shown(given) == ("email-5", local(date(2026, 2, 10), 10))

    async def test_of_a_part_leaves_it(self, given: Given) -> None:
        await given.pays("A", "10000")
        assert await shown(given) == ("email-5", EIGHTH)

    async def test_that_is_reversed_brings_it_back(self, given: Given) -> None:
        await given.pays("A", "100000", id=f"{given.key}:p")
        await given.reverses("A", f"{given.key}:p", "100000")
        assert await shown(given) == ("email-5", EIGHTH)
