"""What people said about being contacted: recorded with its evidence, and heeded from the next permit on."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as for_any
from hypothesis import strategies as st
from psycopg import errors

from ledger.database import Ledger
from ledger.errors import Conflict, NotFound
from ledger.permits import Answer, Permit, Refusal
from ledger.preferences import About, Shown, show
from policy.errors import SendaError
from tests.ledger.given import START, Given, local, playbook, row

PAST_DUE = ("1", "2026-02-01", "100000")
MONDAY, TUESDAY, SUNDAY = date(2026, 2, 2), date(2026, 2, 3), date(2026, 2, 8)
ADDRESSES = {
    "email": "ana@correo.invalid",
    "sms": "+573991234567",
    "whatsapp": "+573991234567",
    "call": "+573991234567",
}
SENDABLE = frozenset({"email", "sms", "whatsapp"})
PROOF = "rad-2026-0117"

CEASE: dict[About, Any] = {("cease", None): True}
NO_EMAIL: dict[About, Any] = {("channel", "email"): "revoked"}
EMAIL: dict[About, Any] = {("channel", "email"): "authorised"}
SMS: dict[About, Any] = {("channel", "sms"): "authorised"}
TO_ALL: dict[str, Any] = {"creditor": None}


def debtor(account: str, person: str, *authorised: str, **changes: Any) -> dict[str, Any]:
    """An account whose debtor has every address; by the file, e-mail is authorised where nothing else is said."""
    channels = list(authorised or ("email",))
    return row(account, PAST_DUE, person=person, addresses=ADDRESSES, authorised_channels=channels, **changes)


async def creditor(ledger: Ledger) -> Given:
    """A creditor whose notices on days 1, 5 and 12 go by e-mail, otherwise by SMS, otherwise by WhatsApp."""
    steps = [
        {"key": f"aviso-{day}", "day": day, "template": "overdue", "channels": ["email", "sms", "whatsapp"], "at": at}
        for day, at in ((1, "09:00"), (5, "09:00"), (12, "09:00"))
    ]
    stages = [{"stage": "administrative", "from_day": 1, "steps": steps}]
    return await Given(ledger).set_up(playbook(f"libro-{uuid4().hex[:12]}", stages=stages))


@pytest.fixture
async def given(ledger: Ledger) -> Given:
    return await creditor(ledger)


@pytest.fixture
def person(given: Given) -> str:
    return f"{given.key}-p"


async def next_answer(given: Given, account: str = "A") -> Answer:
    """What the permit transaction answers to the account's next contact, at its time."""
    journey = given.journey(account)
    return await given.asks(journey, await given.due_contact(journey), SENDABLE)


async def last_rules(given: Given, account: str = "A") -> list[str]:
    """The rules of the last decision."""
    return (await given.decisions(account))[-1]["rules"]


def heeds(shown: Shown) -> dict[str, set[str]]:
    """The channels that each creditor may use."""
    return {
        each.file["creditor"]: set(each.said.authorised(each.file["authorised_channels"])) for each in shown.creditors
    }


class TestARevokedChannel:
    async def test_is_refused_from_the_next_permit_on(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person))
        assert isinstance(await next_answer(given), Permit)
        await given.says(person, NO_EMAIL)
        refused = await next_answer(given)
        assert isinstance(refused, Refusal)
        assert refused.until is None
        assert await last_rules(given) == ["CO-05"]

    async def test_gives_way_to_another_that_is_authorised(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person, "email", "sms"))
        await given.says(person, NO_EMAIL)
        permit = await next_answer(given)
        assert isinstance(permit, Permit)
        assert permit.channel == "sms"

    @pytest.mark.parametrize("nightly", [("email",), ("email", "sms")])
    async def test_stays_revoked_when_the_nightly_import_says_otherwise(
        self, given: Given, person: str, nightly: tuple[str, ...]
    ) -> None:
        await given.imported(debtor("A", person))
        await given.says(person, NO_EMAIL)
        await given.imported(debtor("A", person, *nightly))
        assert heeds(await show(given.ledger, person, None)) == {given.key: set(nightly) - {"email"}}

    async def test_may_be_used_again_once_the_person_authorised_it_anew(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person))
        await given.says(person, NO_EMAIL)
        await given.says(person, EMAIL, document=PROOF)
        assert isinstance(await next_answer(given), Permit)

    async def test_is_revoked_for_the_creditor_that_was_told_only(self, given: Given, person: str) -> None:
        other = await creditor(given.ledger)
        for each in (given, other):
            await each.imported(debtor("A", person))
        await given.says(person, NO_EMAIL)
        assert isinstance(await next_answer(given), Refusal)
        assert isinstance(await next_answer(other), Permit)

    async def test_is_revoked_for_every_creditor_where_all_were_told(self, given: Given, person: str) -> None:
        other = await creditor(given.ledger)
        for each in (given, other):
            await each.imported(debtor("A", person))
        await given.says(person, NO_EMAIL, **TO_ALL)
        for each in (given, other):
            assert isinstance(await next_answer(each), Refusal)


class TestAnAuthorisation:
    async def test_adds_a_channel_that_the_file_lacks(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person, "whatsapp"))
        await given.says(person, {**SMS, ("preferred_channel", None): "sms"}, document=PROOF)
        permit = await next_answer(given)
        assert isinstance(permit, Permit)
        assert permit.channel == "sms"

    async def test_outlives_an_import_that_lacks_it(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person))
        await given.says(person, SMS, document=PROOF)
        await given.imported(debtor("A", person))
        assert heeds(await show(given.ledger, person, None)) == {given.key: {"email", "sms"}}

    async def test_takes_a_proof(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person))
        with pytest.raises(SendaError) as fault:
            await given.says(person, {**NO_EMAIL, **SMS})
        assert (fault.value.code, fault.value.field) == ("preferences.proof_missing", "evidence.document")
        assert heeds(await show(given.ledger, person, None)) == {given.key: {"email"}}, "nothing of it was recorded"

    async def test_that_is_older_than_a_no_changes_nothing(self, given: Given, person: str) -> None:
        """A form signed in January is recorded after February's revocation: the no came later."""
        await given.imported(debtor("A", person))
        await given.says(person, NO_EMAIL, stated_at=START - timedelta(days=1))
        with pytest.raises(Conflict) as fault:
            await given.says(person, EMAIL, document=PROOF, stated_at=START - timedelta(days=2))
        assert (fault.value.code, fault.value.field) == ("preferences.no_since", "evidence.stated_at")
        assert isinstance(await next_answer(given), Refusal)

    async def test_to_all_is_older_than_a_no_to_one(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person))
        await given.says(person, NO_EMAIL, stated_at=START - timedelta(days=1))
        with pytest.raises(Conflict):
            await given.says(person, EMAIL, document=PROOF, stated_at=START - timedelta(days=2), **TO_ALL)

    async def test_is_not_held_up_by_a_no_to_another_creditor(self, given: Given, person: str) -> None:
        other = await creditor(given.ledger)
        for each in (given, other):
            await each.imported(debtor("A", person))
        await other.says(person, NO_EMAIL, stated_at=START - timedelta(days=1))
        assert await given.says(person, EMAIL, document=PROOF, stated_at=START - timedelta(days=2)) == 1


Said = Literal["authorised", "revoked"]
Word = tuple[Literal["all", "one", "other"], str, Said]
"""A word: to whom, about which channel, and what."""

WORDS = st.tuples(
    st.sampled_from(("all", "one", "other")),
    st.sampled_from(("email", "sms")),
    st.sampled_from(("authorised", "revoked")),
)
FILES = st.tuples(st.sampled_from(("one", "other")), st.sets(st.sampled_from(("email", "sms", "whatsapp"))))


def holding(words: list[Word], filed: dict[str, set[str]], name: str) -> set[str]:
    """A naive reading of who said what last: the channels that a creditor may use."""
    channels = set(filed[name])
    for to, channel, said in words:
        if to in ("all", name):
            channels = channels | {channel} if said == "authorised" else channels - {channel}
        # What the file says of a channel no longer matters once the person spoke of it.
    return channels


@for_any(happens=st.lists(st.one_of(WORDS, FILES), max_size=12))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_last_word_holds_whoever_it_was_said_to(ledger: Ledger, happens: list[Any]) -> None:
    one = await creditor(ledger)
    other = await creditor(ledger)
    creditors = {"one": one, "other": other}
    person = f"{one.key}-p"
    filed = {"one": {"email"}, "other": {"email"}}
    for each in creditors.values():
        await each.imported(debtor("A", person))
    words: list[Word] = []
    for event in happens:
        if len(event) == 2:
            name, channels = event
            filed[name] = channels
            await creditors[name].imported(row("A", PAST_DUE, person=person, authorised_channels=sorted(channels)))
        else:
            to, channel, said = event
            words.append(event)
            whom = None if to == "all" else creditors[to].key
            await one.says(person, {("channel", channel): said}, creditor=whom, document=PROOF)
    assert heeds(await show(ledger, person, None)) == {
        each.key: holding(words, filed, name) for name, each in creditors.items()
    }


@pytest.mark.parametrize(
    ("subject", "rule"),
    [("do_not_contact", "person-do-not-contact"), ("cease", "person-cease"), ("attorney", "person-attorney")],
)
class TestANo:
    async def test_needs_no_proof_and_refuses_steps_for_good(
        self, given: Given, person: str, subject: Any, rule: str
    ) -> None:
        await given.imported(debtor("A", person))
        await given.says(person, {(subject, None): True})
        refused = await next_answer(given)
        assert isinstance(refused, Refusal)
        assert refused.until is None
        assert await last_rules(given) == [rule]

    async def test_is_heeded_when_an_agent_wants_to_call(
        self, given: Given, person: str, subject: Any, rule: str
    ) -> None:
        await given.imported(debtor("A", person, "call"))
        await given.says(person, {(subject, None): True}, **TO_ALL)
        await given.clock(local(MONDAY, 10))
        verdict = await given.dials("A")
        assert (verdict.allowed, verdict.rules, verdict.next_allowed_at) == (False, (rule,), None)

    async def test_is_taken_back_only_with_a_proof(self, given: Given, person: str, subject: Any, rule: str) -> None:
        await given.imported(debtor("A", person))
        await given.says(person, {(subject, None): True})
        with pytest.raises(SendaError) as fault:
            await given.says(person, {(subject, None): False})
        assert (fault.value.code, fault.value.field) == ("preferences.proof_missing", "evidence.document")
        assert isinstance(await next_answer(given), Refusal)
        await given.says(person, {(subject, None): False}, document=PROOF)
        assert isinstance(await next_answer(given), Permit), f"{rule} no longer holds for the next step"

    async def test_is_not_taken_back_by_an_import(self, given: Given, person: str, subject: Any, rule: str) -> None:
        await given.imported(debtor("A", person))
        await given.says(person, {(subject, None): True})
        await given.imported(debtor("A", person, "email", "sms"))
        await next_answer(given)
        assert await last_rules(given) == [rule]


EVENINGS: dict[About, Any] = {
    ("preferred_hours", None): [{"days": ["mon", "tue", "wed"], "opens": "17:00", "closes": "19:00"}]
}


class TestPreferredHours:
    async def test_put_a_step_off_into_them(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person))
        await given.says(person, EVENINGS)
        refused = await next_answer(given)
        assert isinstance(refused, Refusal)
        assert refused.until == local(MONDAY, 17)
        assert await last_rules(given) == ["person-hours"]
        permit = await next_answer(given)
        assert isinstance(permit, Permit)
        assert (await given.decisions("A"))[-1]["decided_at"] == local(MONDAY, 17)

    async def test_are_given_up_by_an_empty_list(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person))
        await given.says(person, EVENINGS)
        await given.says(person, {("preferred_hours", None): []})
        assert isinstance(await next_answer(given), Permit)


def asked_for(**changes: Any) -> dict[About, Any]:
    """The person's own request for Sundays from ten to twelve, by telephone, in February."""
    request = {
        "hours": [{"days": ["sun"], "opens": "10:00", "closes": "12:00"}],
        "channels": ["call"],
        "since": "2026-02-01",
        "until": "2026-02-28",
        "separate": True,
        "solicited": False,
        "document": PROOF,
        "dated": "2026-01-31",
    }
    return {("requests", None): [{**request, **changes}]}


class TestAnOwnRequest:
    @pytest.fixture
    async def called(self, given: Given, person: str) -> Given:
        await given.imported(debtor("A", person, "call", "email"))
        await given.clock(local(SUNDAY, 11))
        return given

    async def test_opens_a_sunday_that_is_closed_without_it(self, called: Given, person: str) -> None:
        refused = await called.dials("A")
        assert (refused.allowed, refused.rules) == (False, ("CO-02",))
        await called.says(person, asked_for())
        assert (await called.dials("A")).allowed

    async def test_opens_it_to_every_channel_where_it_names_none(self, called: Given, person: str) -> None:
        await called.says(person, asked_for(channels=None))
        assert (await called.dials("A", "email")).allowed

    async def test_opens_its_own_channels_only(self, called: Given, person: str) -> None:
        await called.says(person, asked_for())
        assert (await called.dials("A", "email")).rules == ("CO-02",)

    @pytest.mark.parametrize("hour", [9, 12])
    async def test_opens_its_own_hours_only(self, called: Given, person: str, hour: int) -> None:
        await called.says(person, asked_for())
        await called.clock(local(SUNDAY + timedelta(days=7), hour))
        assert not (await called.dials("A")).allowed

    @pytest.mark.parametrize("changes", [{"since": "2026-02-09"}, {"until": "2026-02-07"}])
    async def test_opens_its_own_dates_only(self, called: Given, person: str, changes: dict[str, str]) -> None:
        await called.says(person, asked_for(**changes))
        assert (await called.dials("A")).rules == ("CO-02",)

    @pytest.mark.parametrize("changes", [{"solicited": True}, {"separate": False}])
    async def test_that_the_law_does_not_count_is_kept_as_evidence_only(
        self, called: Given, person: str, changes: dict[str, bool]
    ) -> None:
        await called.says(person, asked_for(**changes))
        assert (await called.dials("A")).rules == ("CO-02",)
        shown = await show(called.ledger, person, called.key)
        assert shown.history[0]["value"] == shown.holds.requests == asked_for(**changes)["requests", None]

    async def test_is_given_up_by_an_empty_list(self, called: Given, person: str) -> None:
        await called.says(person, asked_for())
        await called.says(person, {("requests", None): []})
        assert not (await called.dials("A")).allowed


class TestAWish:
    async def test_for_a_channel_comes_before_the_steps_own_order(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person, "email", "whatsapp", preferred_channel="email"))
        await given.says(person, {("preferred_channel", None): "whatsapp"})
        permit = await next_answer(given)
        assert isinstance(permit, Permit)
        assert permit.channel == "whatsapp"

    async def test_for_a_language_is_the_messages_language(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person, language="es"))
        await given.says(person, {("language", None): "pt"})
        permit = await next_answer(given)
        assert isinstance(permit, Permit)
        assert permit.language == "pt"

    async def test_that_is_given_up_leaves_what_the_file_says(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person, "email", "whatsapp", language="en", preferred_channel="whatsapp"))
        await given.says(person, {("language", None): "pt", ("preferred_channel", None): "email"})
        await given.says(person, {("language", None): None, ("preferred_channel", None): None})
        permit = await next_answer(given)
        assert isinstance(permit, Permit)
        assert (permit.language, permit.channel) == ("en", "whatsapp")


class TestAnEntry:
    async def test_says_who_recorded_it_and_when_and_where_it_came_from(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person))
        before = datetime.now(UTC)
        said = START - timedelta(hours=3)
        await given.says(person, SMS, origin="branch", document=PROOF, stated_at=said, actor="Luisa")
        entry = (await show(given.ledger, person, None)).history[0]
        assert before <= entry.pop("recorded_at") <= datetime.now(UTC)
        assert entry.pop("id")
        assert entry == {
            "creditor": given.key,
            "subject": "channel",
            "channel": "sms",
            "value": "authorised",
            "origin": "branch",
            "document": PROOF,
            "stated_at": said,
            "actor": "Luisa",
        }

    @pytest.mark.parametrize("change", ["UPDATE preferences SET value = 'null'", "DELETE FROM preferences"])
    async def test_is_never_changed(self, given: Given, person: str, change: str) -> None:
        await given.imported(debtor("A", person))
        await given.says(person, NO_EMAIL)
        entry = (await show(given.ledger, person, None)).history[0]
        with pytest.raises(errors.RestrictViolation, match="append-only"):
            await given.all(f"{change} WHERE id = %s", entry["id"])

    async def test_is_not_repeated_by_the_same_word_with_the_same_evidence(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person))
        words = {**NO_EMAIL, **SMS, **CEASE, **EVENINGS, **asked_for(), ("language", None): "en"}
        assert await given.says(person, words, document=PROOF) == len(words)
        assert await given.says(person, words, document=PROOF) == 0
        await given.clock(START + timedelta(hours=1))
        assert await given.says(person, words, document=PROOF) == 0, "nor an hour later"

    async def test_is_added_for_a_new_proof_of_the_same_word(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person))
        assert await given.says(person, NO_EMAIL) == 1
        assert await given.says(person, NO_EMAIL, origin="letter", document=PROOF) == 1

    async def test_to_all_takes_the_place_of_a_later_one_to_a_creditor(self, given: Given, person: str) -> None:
        """No to all, yes to one, and no to all again: nobody may."""
        await given.imported(debtor("A", person))
        await given.says(person, NO_EMAIL, **TO_ALL)
        await given.says(person, EMAIL, document=PROOF)
        assert await given.says(person, NO_EMAIL, **TO_ALL) == 1
        assert heeds(await show(given.ledger, person, None)) == {given.key: set()}
        assert await given.says(person, NO_EMAIL, **TO_ALL) == 0

    async def test_holds_from_the_creditors_own_now_where_no_time_is_said(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person))
        await given.says(person, NO_EMAIL)
        await given.says(person, CEASE, **TO_ALL)
        history = (await show(given.ledger, person, None)).history
        assert [entry["stated_at"] for entry in history[:2]] == [START, START]

    async def test_cannot_have_been_said_later_than_now(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person))
        for whom in ({}, TO_ALL):
            with pytest.raises(SendaError) as fault:
                await given.says(person, NO_EMAIL, stated_at=START + timedelta(hours=1), **whom)
            assert (fault.value.code, fault.value.field) == ("preferences.in_future", "evidence.stated_at")

    async def test_may_come_from_a_clock_a_little_ahead(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person))
        assert await given.says(person, NO_EMAIL, stated_at=START + timedelta(seconds=30)) == 1

    async def test_says_something(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person))
        with pytest.raises(SendaError) as fault:
            await given.says(person, {}, document=PROOF)
        assert fault.value.code == "preferences.empty"

    async def test_is_about_somebody_known(self, given: Given, person: str) -> None:
        with pytest.raises(NotFound) as fault:
            await given.says(person, NO_EMAIL)
        assert fault.value.code == "debtor.unknown"
        with pytest.raises(NotFound) as fault:
            await show(given.ledger, person, None)
        assert fault.value.code == "debtor.unknown"

    async def test_is_said_to_a_creditor_that_knows_the_person(self, given: Given, person: str) -> None:
        stranger = await creditor(given.ledger)
        await given.imported(debtor("A", person))
        with pytest.raises(NotFound) as fault:
            await stranger.says(person, NO_EMAIL)
        assert fault.value.code == "creditor.unknown"
        with pytest.raises(NotFound) as fault:
            await show(given.ledger, person, stranger.key)
        assert fault.value.code == "creditor.unknown"


class TestWhatIsShown:
    async def test_is_what_it_means_for_each_creditor(self, given: Given, person: str) -> None:
        other = await creditor(given.ledger)
        for each in (given, other):
            await each.imported(debtor("A", person))
        await given.says(person, {**CEASE, **SMS}, document=PROOF)
        await given.says(person, {("attorney", None): True}, **TO_ALL)
        shown = await show(given.ledger, person, None)
        assert shown.holds.person.attorney
        assert not shown.holds.person.cease, "that was said to one only"
        assert heeds(shown) == {given.key: {"email", "sms"}, other.key: {"email"}}
        said = {each.file["creditor"]: each.said.person for each in shown.creditors}
        assert {key: (each.cease, each.attorney) for key, each in said.items()} == {
            given.key: (True, True),
            other.key: (False, True),
        }

    async def test_for_one_creditor_is_nobody_elses(self, given: Given, person: str) -> None:
        other = await creditor(given.ledger)
        for each in (given, other):
            await each.imported(debtor("A", person))
        await other.says(person, CEASE)
        shown = await show(given.ledger, person, given.key)
        assert not shown.holds.person.cease
        assert [each.file["creditor"] for each in shown.creditors] == [given.key]
        assert {entry["creditor"] for entry in shown.history} == {given.key}


class TestTheFilesEntries:
    async def filed(self, given: Given, person: str) -> list[dict[str, Any]]:
        history = (await show(given.ledger, person, given.key)).history
        return [entry for entry in reversed(history) if entry["subject"] == "file"]

    async def test_say_what_the_first_import_said_and_since_when(self, given: Given, person: str) -> None:
        import_id = await given.imported(debtor("A", person, "email", "sms", preferred_channel="sms"))
        (entry,) = await self.filed(given, person)
        assert entry["value"] == {
            "language": "es",
            "authorised_channels": ["email", "sms"],
            "preferred_channel": "sms",
        }
        assert (entry["origin"], entry["document"], entry["stated_at"]) == ("import", import_id, START)

    async def test_are_added_only_where_the_file_says_something_new(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person, "email", "sms"), debtor("B", person, "email", "sms"))
        await given.imported(debtor("A", person, "email", "sms"))
        await given.imported(debtor("A", person, "sms", "email"))
        assert len(await self.filed(given, person)) == 1
        for number, changes in enumerate(({"preferred_channel": "sms"}, {"language": "en"}), start=2):
            await given.imported(debtor("A", person, "email", "sms", **{"preferred_channel": "sms", **changes}))
            assert len(await self.filed(given, person)) == number
        await given.imported(debtor("A", person, "email", language="en", preferred_channel="sms"))
        newest = (await self.filed(given, person))[-1]
        assert newest["value"]["authorised_channels"] == ["email"]


class TestTheJourneys:
    async def told(self, given: Given, account: str) -> list[dict[str, Any]]:
        return [event for event in await given.events(account) if event["kind"] == "preferences_changed"]

    async def test_that_are_open_note_it_with_whoever_recorded_it(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person), debtor("B", person))
        await given.says(person, NO_EMAIL)
        for account in ("A", "B"):
            (event,) = await self.told(given, account)
            assert (event["actor"], event["at"]) == ("Luisa", START)
            assert event["data"] == {"subject": "channel", "channel": "email", "value": "revoked", "origin": "call"}

    async def test_that_are_closed_do_not(self, given: Given, person: str) -> None:
        await given.imported(debtor("A", person), debtor("B", person))
        await given.closes("A", "withdrawn")
        await given.says(person, NO_EMAIL)
        assert await self.told(given, "A") == []
        assert len(await self.told(given, "B")) == 1

    async def test_of_another_creditor_note_what_was_said_to_all(self, given: Given, person: str) -> None:
        other = await creditor(given.ledger)
        for each in (given, other):
            await each.imported(debtor("A", person))
        await given.says(person, NO_EMAIL)
        await given.says(person, CEASE, **TO_ALL)
        assert [event["data"]["subject"] for event in await self.told(given, "A")] == ["channel", "cease"]
        assert [event["data"]["subject"] for event in await self.told(other, "A")] == ["cease"]


ROUNDS = 30

_ORDER = """
SELECT coalesce(e.data->>'subject', e.kind) AS what FROM journey_events e
WHERE e.journey_id = %s AND e.kind IN ('contact', 'preferences_changed') ORDER BY e.id"""


async def test_of_two_words_and_a_permit_at_once_the_permit_heeds_what_came_before_it(given: Given) -> None:
    people = {f"A-{number}": f"{given.key}-{number}" for number in range(ROUNDS)}
    await given.imported(*(debtor(account, person) for account, person in people.items()))
    contacts = {account: await given.due_contact(given.journey(account)) for account in people}
    came_first = {"contact": 0, "word": 0}
    for number, (account, person) in enumerate(people.items()):
        asking = given.asks(given.journey(account), contacts[account], SENDABLE)
        revoking = given.says(person, NO_EMAIL)
        ceasing = given.says(person, CEASE, **TO_ALL)
        racing = (asking, revoking, ceasing) if number % 2 else (revoking, ceasing, asking)
        answers = await asyncio.wait_for(asyncio.gather(*racing), timeout=20)
        (answer,) = [each for each in answers if not isinstance(each, int)]
        order = [each["what"] for each in await given.all(_ORDER, given.journey(account))]
        assert sorted(order) == ["cease", "channel", "contact"]
        before = order[: order.index("contact")]
        expected = [rule for word, rule in (("channel", "CO-05"), ("cease", "person-cease")) if word in before]
        assert await last_rules(given, account) == expected
        assert isinstance(answer, Refusal if before else Permit)
        came_first["word" if before else "contact"] += 1
    assert all(came_first.values()), "each side must come first in some rounds, or nothing raced"
