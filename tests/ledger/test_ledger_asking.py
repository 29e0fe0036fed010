"""People ask before they dial: each answer is decided under the person's lock, kept whole, and counts for everybody."""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as whatever
from hypothesis import strategies as st

from ledger.asking import PERMIT_LIFE, SKEW, Disposition, Outcome, Reported, Verdict, report, status_of
from ledger.creditors import put_creditor
from ledger.database import Ledger
from ledger.errors import Conflict, NotFound
from ledger.permits import Permit, Refusal
from ledger.views import list_contacts, list_events
from policy import LoggedContact, Query, decide, load_pack, parse_case
from policy.errors import SendaError
from tests.ledger.given import ZONE, Given, local, row

PAST_DUE = ("1", "2026-02-01", "100000")
"""Its first notice is due by e-mail on Monday 2 February 2026 at nine, Bogotá."""
MONDAY = date(2026, 2, 2)
FIRST = local(MONDAY, 9)
CHANNELS = ["email", "call", "sms"]
RELEASING = ("not_dialled", "invalid_number", "failed")
COUNTING = sorted(set(get_args(Disposition)) - set(RELEASING))


async def reported(given: Given, contact: Verdict, disposition: Disposition, at: datetime | None = None) -> Outcome:
    """Somebody says what came of a contact."""
    return await report(given.ledger, Reported(contact.contact_id, disposition, at, "Pedro"))


def debt(account: str, person: str) -> dict[str, Any]:
    """An account past due, whose debtor authorised several channels."""
    return row(account, PAST_DUE, person=person, authorised_channels=CHANNELS)


@pytest.fixture
async def given(given: Given) -> Given:
    """Account A on Monday at eight, an hour before its first notice."""
    await given.imported(debt("A", f"{given.key}-p"))
    await given.clock(local(MONDAY, 8))
    return given


@pytest.fixture
async def other(given: Given) -> Given:
    """Another creditor to whom the same person owes account B."""
    other = await Given(given.ledger).set_up(at=local(MONDAY, 8))
    await other.imported(debt("B", f"{given.key}-p"))
    return other


class TestAPermit:
    async def test_lasts_five_minutes(self, given: Given) -> None:
        verdict = await given.dials("A")
        assert (verdict.allowed, verdict.rules, verdict.reason, verdict.next_allowed_at) == (True, (), None, None)
        assert (verdict.decided_at, verdict.expires_at) == (local(MONDAY, 8), local(MONDAY, 8, 5))

    async def test_never_outlasts_the_contact_hours(self, given: Given) -> None:
        await given.clock(local(MONDAY, 18, 58))
        assert (await given.dials("A")).expires_at == local(MONDAY, 19)

    async def test_ends_where_a_pause_begins(self, given: Given) -> None:
        await given.pauses("A", starts=local(MONDAY, 8, 2), ends=local(MONDAY, 12))
        assert (await given.dials("A")).expires_at == local(MONDAY, 8, 2)

    async def test_for_another_purpose_outlasts_the_beginning_of_a_pause(self, given: Given) -> None:
        await given.pauses("A", starts=local(MONDAY, 8, 2))
        assert (await given.dials("A", purpose="fraud_alert")).expires_at == local(MONDAY, 8, 5)

    async def test_is_given_where_no_journey_is_open(self, given: Given) -> None:
        await given.closes("A", "withdrawn")
        verdict = await given.dials("A")
        assert verdict.allowed
        kept = await given.one("SELECT journey_id FROM contacts WHERE id = %s", verdict.contact_id)
        assert kept["journey_id"] is None

    async def test_does_not_hinder_the_next_journey(self, given: Given) -> None:
        """What an account's steps have said is carried into its next episode; calls are no steps."""
        await given.imported(row("LATER", ("1", "2026-03-10", "90000"), authorised_channels=["call"]))
        assert (await given.dials("LATER")).allowed
        await given.lives(local(date(2026, 3, 6), 12))
        (journey,) = await given.journeys("LATER")
        assert journey["closed"] is False

    async def test_of_an_unknown_account_is_an_error(self, given: Given) -> None:
        with pytest.raises(NotFound) as error:
            await given.dials("NOBODY")
        assert (error.value.code, error.value.field) == ("account.unknown", "account")


class TestADecision:
    @pytest.mark.parametrize(("hour", "decision"), [(8, "permitted"), (20, "refused")])
    async def test_is_kept_with_whoever_asked_and_what_it_rests_on(
        self, given: Given, hour: int, decision: str
    ) -> None:
        await given.clock(local(MONDAY, hour))
        verdict = await given.dials("A", "sms", actor="Marta", role="codebtor")
        (kept,) = await given.decisions("A")
        assert (kept["id"], kept["decision"], kept["actor"]) == (verdict.contact_id, decision, "Marta")
        assert (kept["channel"], kept["purpose"], kept["role"]) == ("sms", "collection", "codebtor")
        assert (kept["step"], kept["occurrence"], kept["stage"], kept["attempt"]) == (None, None, None, None)
        assert (tuple(kept["rules"]), kept["next_allowed_at"]) == (verdict.rules, verdict.next_allowed_at)
        packs, query = parse_case(kept["basis"]["case"])
        assert (query.at, query.channel, query.role) == (local(MONDAY, hour), "sms", "codebtor")
        judged = decide(packs, query)
        assert judged.allowed is (decision == "permitted")
        assert judged.as_record() == kept["basis"]["verdicts"]["sms"], "the case can be judged again as it stands"

    @pytest.mark.parametrize(("hour", "decision"), [(8, "permitted"), (20, "refused")])
    async def test_is_an_event_of_the_journey_and_a_line_of_its_contacts(
        self, given: Given, hour: int, decision: str
    ) -> None:
        await given.clock(local(MONDAY, hour))
        verdict = await given.dials("A", actor="Marta")
        event = (await list_events(given.ledger, given.key, "A", None, 500)).items[-1]
        assert (event["kind"], event["actor"], event["at"]) == ("contact", "Marta", verdict.decided_at)
        about = {name: event["data"][name] for name in ("step", "contact_id", "channel", "status", "rules")}
        assert about == {
            "step": None, "contact_id": verdict.contact_id, "channel": "call", "status": decision,
            "rules": list(verdict.rules),
        }  # fmt: skip
        shown = (await list_contacts(given.ledger, given.key, "A"))[-1]
        assert (shown["id"], shown["step"], shown["stage"]) == (verdict.contact_id, None, None)
        assert (shown["status"], shown["actor"], shown["purpose"]) == (decision, "Marta", "collection")

    async def test_holds_no_name_or_address(self, given: Given) -> None:
        await given.dials("A")
        (kept,) = await given.decisions("A")
        assert "Gómez" not in str(kept)
        assert "@" not in str(kept)


class TestARequestSentAgain:
    @pytest.mark.parametrize("hour", [8, 20])
    async def test_after_a_crash_gets_the_same_answer_and_no_second_decision(self, given: Given, hour: int) -> None:
        await given.clock(local(MONDAY, hour))
        first = await given.dials("A", request="r1" + given.key)
        await given.clock(local(MONDAY, hour, 30))
        await given.pays("A", "100000")
        again = await given.dials("A", request="r1" + given.key)
        assert again == first
        assert again.sentence("es") == first.sentence("es")
        assert len(await given.decisions("A")) == 1

    async def test_under_another_name_is_another_request(self, given: Given) -> None:
        first, second = await given.dials("A"), await given.dials("A")
        assert (first.allowed, second.allowed, second.rules) == (True, False, ("CO-03",))

    async def test_many_times_at_once_is_one_decision(self, given: Given) -> None:
        answers = await asyncio.gather(*(given.dials("A", request="r2" + given.key) for _ in range(6)))
        assert all(answer == answers[0] for answer in answers)
        assert len(await given.decisions("A")) == 1

    async def test_after_a_pause_still_says_that_it_was_paused(self, given: Given) -> None:
        await given.pauses("A", ends=local(MONDAY, 12))
        first = await given.dials("A", request="r3" + given.key)
        await given.clock(local(MONDAY, 12))
        assert await given.dials("A", request="r3" + given.key) == first


class TestThePurpose:
    async def test_that_is_exempt_passes_on_a_sunday(self, given: Given) -> None:
        await given.clock(local(date(2026, 2, 8), 11))
        assert (await given.dials("A")).rules == ("CO-02",)
        for purpose in ("payment_confirmation", "fraud_alert", "requested_information"):
            assert (await given.dials("A", purpose=purpose)).allowed

    async def test_that_is_exempt_does_not_block_what_follows(self, given: Given, other: Given) -> None:
        assert (await given.dials("A", "sms", purpose="payment_confirmation")).allowed
        assert (await given.dials("A", "call")).allowed
        assert (await given.dials("A", "email", purpose="requested_information")).allowed
        assert not (await other.dials("B", "call")).allowed

    async def test_that_is_exempt_needs_an_authorised_channel_all_the_same(self, given: Given) -> None:
        assert (await given.dials("A", "whatsapp", purpose="fraud_alert")).rules == ("CO-05",)


@pytest.mark.parametrize(
    ("asked", "rules"),
    [
        ({"role": "reference"}, ("CO-06",)),
        ({"role": "other"}, ("CO-06",)),
        ({"channel": "whatsapp"}, ("CO-05",)),
        ({"channel": "visit"}, ("CO-05", "CO-08")),
    ],
)
async def test_what_the_law_never_allows_is_refused_without_a_next_time(
    given: Given, asked: dict[str, Any], rules: tuple[str, ...]
) -> None:
    verdict = await given.dials("A", **asked)
    assert (verdict.allowed, verdict.rules, verdict.next_allowed_at, verdict.expires_at) == (False, rules, None, None)


async def test_what_the_person_said_is_heeded(given: Given) -> None:
    await given.says(f"{given.key}-p", {("cease", None): True})
    assert (await given.dials("A")).rules == ("person-cease",)


class TestAPermitCountsForThePerson:
    async def test_so_that_a_step_for_another_creditor_is_refused_right_after(self, given: Given, other: Given) -> None:
        await given.clock(FIRST)
        assert (await given.dials("A", "email")).allowed
        refused = await other.asks(other.journey("B"), await other.due_contact(other.journey("B")))
        assert isinstance(refused, Refusal)
        assert (await other.decisions("B"))[-1]["rules"] == ["CO-03"]

    async def test_so_that_a_call_is_refused_right_after_a_step_for_another_creditor(
        self, given: Given, other: Given
    ) -> None:
        permit = await other.asks(other.journey("B"), await other.due_contact(other.journey("B")))
        assert isinstance(permit, Permit)
        await given.clock(FIRST + timedelta(minutes=1))
        refused = await given.dials("A")
        assert (refused.rules, refused.next_allowed_at) == (("CO-03", "CO-04"), local(date(2026, 2, 9), 7))

    async def test_so_that_of_many_asked_at_once_one_is_allowed(self, given: Given, other: Given) -> None:
        verdicts = await asyncio.gather(
            *(given.dials("A", channel) for channel in CHANNELS), *(other.dials("B", channel) for channel in CHANNELS)
        )
        assert sum(verdict.allowed for verdict in verdicts) == 1

    @pytest.mark.parametrize("disposition", RELEASING)
    async def test_until_it_is_said_that_no_contact_happened(
        self, given: Given, other: Given, disposition: Disposition
    ) -> None:
        await reported(given, await given.dials("A"), disposition)
        assert isinstance(await other.asks(other.journey("B"), await other.due_contact(other.journey("B"))), Permit)

    @pytest.mark.parametrize("disposition", COUNTING)
    async def test_whatever_else_came_of_it(self, given: Given, other: Given, disposition: Disposition) -> None:
        await reported(given, await given.dials("A"), disposition)
        refused = await other.asks(other.journey("B"), await other.due_contact(other.journey("B")))
        assert isinstance(refused, Refusal)


class TestAConversation:
    """US-03: seven days without a call, which begin with the day of the conversation."""

    @pytest.fixture
    async def states(self, ledger: Ledger) -> Given:
        given = await Given(ledger).set_up()
        (book,) = await given.all("SELECT playbook FROM creditors WHERE key = %s", given.key)
        await put_creditor(
            ledger,
            given.key,
            name="Loans",
            pack="US",
            currency="USD",
            playbook=book["playbook"],
            test_clock=datetime.fromisoformat("2026-03-02T10:00-05:00"),
            time_zone="America/New_York",
        )
        await given.imported(row("A", ("1", "2026-05-01", "100"), time_zones=["America/New_York"]))
        return given

    @pytest.mark.parametrize("disposition", ["right_party_contact", "callback_requested", "hung_up", "answered"])
    async def test_forbids_calls_for_a_week(self, states: Given, disposition: Disposition) -> None:
        await reported(states, await states.dials("A"), disposition)
        refused = await states.dials("A")
        assert refused.rules == ("US-03",)
        assert refused.next_allowed_at == datetime.fromisoformat("2026-03-09T08:00-04:00"), "the clocks have changed"
        assert (await states.dials("A", "sms")).allowed, "it is calls that rest"

    @pytest.mark.parametrize("disposition", ["no_answer", "busy", "voicemail", "wrong_number", "third_party"])
    async def test_is_none_where_the_person_did_not_answer(self, states: Given, disposition: Disposition) -> None:
        await reported(states, await states.dials("A"), disposition)
        assert (await states.dials("A")).allowed


class TestAnAccountThatOwesNothing:
    async def test_is_not_to_be_collected_at_any_time(self, given: Given) -> None:
        await given.pays("A", "100000")
        verdict = await given.dials("A")
        assert (verdict.allowed, verdict.reason, verdict.rules) == (False, "nothing_owed", ())
        assert verdict.next_allowed_at is None
        (kept,) = await given.decisions("A")
        assert (kept["decision"], kept["reason"]) == ("refused", "nothing_owed")

    async def test_may_be_told_that_its_payment_came(self, given: Given) -> None:
        await given.pays("A", "100000")
        assert (await given.dials("A", purpose="payment_confirmation")).allowed

    async def test_is_one_that_was_overpaid_too(self, given: Given) -> None:
        await given.pays("A", "100000.01")
        assert (await given.dials("A")).reason == "nothing_owed"

    async def test_is_not_one_that_paid_a_part(self, given: Given) -> None:
        await given.pays("A", "99999.99")
        assert (await given.dials("A")).allowed


class TestAPause:
    async def test_puts_collection_off_to_its_end(self, given: Given) -> None:
        await given.pauses("A", ends=local(MONDAY, 15))
        verdict = await given.dials("A")
        assert (verdict.reason, verdict.rules, verdict.next_allowed_at) == ("paused", (), local(MONDAY, 15))

    async def test_that_ends_at_night_puts_it_off_to_the_morning(self, given: Given) -> None:
        await given.pauses("A", ends=local(MONDAY, 22))
        assert (await given.dials("A")).next_allowed_at == local(date(2026, 2, 3), 7)

    async def test_that_joins_another_puts_it_off_to_the_end_of_both(self, given: Given) -> None:
        await given.pauses("A", ends=local(MONDAY, 12))
        await given.pauses("A", starts=local(MONDAY, 12), ends=local(MONDAY, 16))
        assert (await given.dials("A")).next_allowed_at == local(MONDAY, 16)

    async def test_that_covers_the_time_at_which_the_law_would_allow_it_counts_too(self, given: Given) -> None:
        await given.clock(local(MONDAY, 20))
        await given.pauses("A", starts=local(date(2026, 2, 3), 0), ends=local(date(2026, 2, 3), 10))
        verdict = await given.dials("A")
        assert (verdict.reason, verdict.rules) == (None, ("CO-01",))
        assert verdict.next_allowed_at == local(date(2026, 2, 3), 10)

    @pytest.mark.parametrize("starts", [None, local(MONDAY, 21)])
    async def test_without_an_end_leaves_no_next_time(self, given: Given, starts: datetime | None) -> None:
        await given.pauses("A", starts=starts)
        await given.clock(local(MONDAY, 20))
        assert (await given.dials("A")).next_allowed_at is None

    async def test_that_is_over_hinders_nothing(self, given: Given) -> None:
        await given.pauses("A")
        await given.resumes("A")
        assert (await given.dials("A")).allowed

    async def test_does_not_concern_other_purposes(self, given: Given) -> None:
        await given.pauses("A")
        assert (await given.dials("A", purpose="requested_information")).allowed

    async def test_does_not_concern_the_persons_other_accounts(self, given: Given, other: Given) -> None:
        await given.pauses("A")
        assert (await other.dials("B")).allowed


class TestAnOutcome:
    @pytest.fixture
    async def call(self, given: Given) -> Verdict:
        """A call that was permitted at eight; it is three minutes past now."""
        verdict = await given.dials("A")
        await given.clock(local(MONDAY, 8, 3))
        return verdict

    @pytest.mark.parametrize("disposition", get_args(Disposition))
    async def test_is_shown_with_the_contact(self, given: Given, call: Verdict, disposition: Disposition) -> None:
        outcome = await reported(given, call, disposition)
        assert outcome == Outcome(call.contact_id, status_of(disposition), disposition, local(MONDAY, 8, 3), late=False)
        shown = (await list_contacts(given.ledger, given.key, "A"))[-1]
        assert (shown["status"], shown["disposition"]) == (status_of(disposition), disposition)

    async def test_is_an_event_with_whoever_told_it(self, given: Given, call: Verdict) -> None:
        await reported(given, call, "no_answer", local(MONDAY, 8, 1))
        event = (await given.events("A"))[-1]
        assert (event["kind"], event["actor"], event["at"]) == ("contact", "Pedro", local(MONDAY, 8, 3))
        assert event["data"] == {
            "step": None, "contact_id": call.contact_id, "channel": "call", "status": "sent", "detail": "no_answer",
            "happened_at": "2026-02-02T13:01:00+00:00", "late": False,
        }  # fmt: skip
        (told,) = await given.all("SELECT actor FROM contact_events WHERE contact_id = %s", call.contact_id)
        assert told["actor"] == "Pedro"

    async def test_told_again_is_the_same(self, given: Given, call: Verdict) -> None:
        first = await reported(given, call, "voicemail", local(MONDAY, 8, 1))
        await given.clock(local(MONDAY, 9))
        assert await reported(given, call, "voicemail") == first
        assert len(await given.all("SELECT FROM contact_events WHERE contact_id = %s", call.contact_id)) == 1

    async def test_told_many_times_at_once_is_kept_once(self, given: Given, call: Verdict) -> None:
        told = await asyncio.gather(*(reported(given, call, "busy") for _ in range(5)))
        assert all(outcome == told[0] for outcome in told)
        assert len(await given.all("SELECT FROM contact_events WHERE contact_id = %s", call.contact_id)) == 1

    async def test_that_is_another_than_the_first_is_refused(self, given: Given, call: Verdict) -> None:
        await reported(given, call, "right_party_contact")
        with pytest.raises(Conflict) as error:
            await reported(given, call, "not_dialled")
        assert (error.value.code, error.value.field) == ("contact.outcome_known", "disposition")

    async def test_of_a_contact_that_was_refused_is_refused(self, given: Given, call: Verdict) -> None:
        with pytest.raises(Conflict) as error:
            await reported(given, await given.dials("A"), "no_answer")
        assert error.value.code == "contact.not_permitted"

    async def test_of_a_steps_message_is_refused(self, given: Given) -> None:
        permit = await given.asks(given.journey("A"), await given.due_contact(given.journey("A")))
        assert isinstance(permit, Permit)
        with pytest.raises(Conflict) as error:
            await report(given.ledger, Reported(permit.contact_id, "answered", None, "Pedro"))
        assert error.value.code == "contact.of_a_step"

    @pytest.mark.parametrize("number", [0, -1, 10**12, 10**30])
    async def test_of_an_unknown_contact_is_an_error(self, given: Given, number: int) -> None:
        with pytest.raises(NotFound) as error:
            await report(given.ledger, Reported(number, "answered", None, "Pedro"))
        assert error.value.code == "contact.unknown"

    @pytest.mark.parametrize("minutes", [-2, 5])
    async def test_before_the_permit_or_after_now_is_impossible(
        self, given: Given, call: Verdict, minutes: int
    ) -> None:
        with pytest.raises(SendaError) as error:
            await reported(given, call, "no_answer", local(MONDAY, 8) + timedelta(minutes=minutes))
        assert (error.value.code, error.value.field) == ("contact.at_impossible", "at")

    @pytest.mark.parametrize("at", [local(MONDAY, 8) - SKEW, local(MONDAY, 8, 3) + SKEW])
    async def test_may_be_told_by_a_clock_that_differs_a_little(
        self, given: Given, call: Verdict, at: datetime
    ) -> None:
        assert (await reported(given, call, "no_answer", at)).at == at

    @pytest.mark.parametrize(
        ("seconds", "disposition", "late"),
        [(300, "no_answer", False), (301, "no_answer", True), (301, "answered", True), (301, "not_dialled", False)],
    )
    async def test_is_late_where_the_contact_was_made_after_the_permit_had_expired(
        self, given: Given, call: Verdict, seconds: int, disposition: Disposition, late: bool
    ) -> None:
        await given.clock(local(MONDAY, 8, 30))
        at = local(MONDAY, 8) + timedelta(seconds=seconds)
        assert (await reported(given, call, disposition, at)).late is late
        assert (await given.events("A"))[-1]["data"]["late"] is late
        assert (await reported(given, call, disposition)).late is late, "told again it says the same"

    async def test_after_the_journeys_end_is_kept_with_that_journey(self, given: Given, call: Verdict) -> None:
        await given.closes("A", "withdrawn")
        await reported(given, call, "hung_up")
        assert (await given.events("A"))[-1]["data"]["detail"] == "hung_up"


@dataclass
class Made:
    """A contact that was permitted, as the test itself remembers it."""

    verdict: Verdict
    told: Disposition | None = None

    @property
    def counts(self) -> bool:
        return self.told not in RELEASING

    @property
    def logged(self) -> LoggedContact:
        """As the policy counts it."""
        verdict, two_way = self.verdict, self.told is not None and status_of(self.told) == "answered"
        return LoggedContact(verdict.decided_at, verdict.channel, "outbound", verdict.purpose, two_way)


ASK = st.tuples(
    st.sampled_from(("A1", "A2", "B")),
    st.sampled_from((*CHANNELS, "whatsapp")),
    st.sampled_from(("collection", "collection", "collection", "fraud_alert")),
    st.sampled_from(("debtor", "debtor", "debtor", "reference")),
)
TELL = st.tuples(st.integers(0, 2), st.sampled_from((*RELEASING, *get_args(Disposition))))
"""What came of the last contact, or of one before."""
HOURS = st.sampled_from((0, 0, 0, 1, 11, 24, 24, 72, 7 * 24))
HAPPENS = st.lists(st.tuples(HOURS, st.one_of(ASK, TELL)), min_size=8, max_size=20)
"""What is asked and told, each thing so many hours after the one before."""


@whatever(happens=HAPPENS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_asked_and_told_each_answer_follows_from_all_that_was_permitted_before(
    ledger: Ledger, happens: list[tuple[int, tuple[Any, ...]]]
) -> None:
    """One person, three accounts, two creditors. No journey is open: people alone make contacts."""
    at = local(MONDAY, 8)
    one, two = await Given(ledger).set_up(at=at), await Given(ledger).set_up(at=at)
    accounts = {
        name: row(name, ("1", "2027-06-01", "100000"), person=f"{one.key}-p", authorised_channels=CHANNELS)
        for name in ("A1", "A2", "B")
    }
    await one.imported(accounts["A1"], accounts["A2"])
    await two.imported(accounts["B"])
    law = [load_pack("CO")]
    made: list[Made] = []
    for hours, what in happens:
        at += timedelta(hours=hours)
        await one.clock(at)
        await two.clock(at)
        if len(what) == 4:
            account, channel, purpose, role = what
            log = tuple(each.logged for each in made if each.counts)
            judged = decide(law, Query((ZONE,), at, channel, purpose, role, CHANNELS, log))
            verdict = await (two if account == "B" else one).dials(account, channel, purpose=purpose, role=role)
            assert (verdict.allowed, verdict.rules) == (judged.allowed, judged.rules)
            assert verdict.next_allowed_at == judged.next_allowed_at
            if verdict.allowed:
                assert verdict.expires_at is not None
                assert at < verdict.expires_at <= at + PERMIT_LIFE
                made.append(Made(verdict))
        else:
            before, disposition = what
            for contact in made[::-1][before : before + 1]:
                await _told(one, contact, disposition)
    counting = [each.logged for each in made if each.counts]
    for number, contact in enumerate(counting):
        log = tuple(counting[:number])
        query = Query((ZONE,), contact.at, contact.channel, contact.purpose, "debtor", CHANNELS, log)
        assert decide(law, query).allowed


async def _told(given: Given, contact: Made, disposition: Disposition) -> None:
    if contact.told in (None, disposition):
        await reported(given, contact.verdict, disposition)
        contact.told = disposition
    else:
        with pytest.raises(Conflict, match=contact.told):
            await reported(given, contact.verdict, disposition)
