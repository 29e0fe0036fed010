"""Reminders of instalments: on their day, by the policy's leave, once at most, never where nothing is owed."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from activities import reminding
from activities.reminding import Reminding
from channels.links import Links
from channels.message import NotNow, Rejected, Uncertain, Unreachable
from channels.people import People
from channels.providers import Providers
from journey.limits import AgreementRules, PlanRules, PromiseRules
from ledger import reminders
from ledger.database import Ledger
from ledger.deadlines import next_deadline
from ledger.reminders import due_reminders, next_reminder, request_reminder
from tests.channels.talking import Double
from tests.ledger.agreed import Agreed, with_rules
from tests.ledger.given import START, Given, local, playbook, row

DAY = timedelta(days=1)
REMINDED = local(date(2026, 2, 9), 9)
"""One day before the promise for Tuesday 10 February."""
REMINDING = AgreementRules(promise=PromiseRules(remind_days_before=1))


class Channelled(Double):
    """A provider of any channel."""

    def __init__(self, channel: str) -> None:
        super().__init__()
        self.channel = channel


class Desk:
    """Account A, what it agreed, and the providers that remind its debtor."""

    def __init__(self, given: Given, *channels: str) -> None:
        self.given = given
        self.agreed = Agreed(given)
        self.doubles = {channel: Channelled(channel) for channel in channels}

    def worker(self, links: Links | None = None) -> Reminding:
        providers: dict[str, Any] = {each.key: each for each in self.doubles.values()}
        routes = {channel: each.key for channel, each in self.doubles.items()}
        return Reminding(self.given.ledger, Providers(providers, {"*": routes}), links)

    async def lives(self, to: datetime) -> None:
        """What a test clock does of reminders and agreements until an instant."""
        worker = self.worker()
        while True:
            instants = [
                await next_reminder(self.given.ledger, self.given.key),
                await next_deadline(self.given.ledger, self.given.key),
            ]
            at = min((each for each in instants if each is not None), default=None)
            if at is None or at > to:
                break
            await self.given.clock(at)
            await self.agreed.settles()
            await worker.remind(self.given.key)
        await self.given.clock(to)

    async def made(self) -> list[tuple[str, str | None, str | None, datetime]]:
        """Each decision on a reminder: its request's end, the channel, what came of it, when."""
        rows = await self.given.all(
            """SELECT c.request, c.channel, c.decided_at, coalesce((SELECT string_agg(e.status, ',' ORDER BY e.id)
                FROM contact_events e WHERE e.contact_id = c.id), c.decision) AS status
            FROM contacts c WHERE c.creditor = %s AND c.request LIKE 'reminder:%%' ORDER BY c.id""",
            self.given.key,
        )
        names = [each["request"].split(":", 2)[2] for each in rows]
        return [
            (name, each["channel"], each["status"], each["decided_at"]) for name, each in zip(names, rows, strict=True)
        ]

    async def waiting(self) -> int:
        found = await self.given.one("SELECT count(*) AS n FROM reminders WHERE creditor = %s", self.given.key)
        return found["n"]

    @property
    def texts(self) -> list[str]:
        return [message.text for each in self.doubles.values() for message in each.sent]


def account(key: str = "A", channels: Collection[str] = ("sms",), **debtor: Any) -> dict[str, Any]:
    number = f"+5730000{uuid4().int % 10**5:05}"
    addresses = {channel: "ana@correo.invalid" if channel == "email" else number for channel in channels}
    about = {"addresses": addresses, "authorised_channels": list(channels), **debtor}
    return row(key, ("1", "2026-02-01", "100000"), **about)


@pytest.fixture
async def desk(given: Given) -> Desk:
    """Account A owes 100 000, past due since 2 February; its debtor has a telephone for text messages.

    The creditor has people reminded of promises, too.
    """
    await with_rules(given, REMINDING)
    await given.imported(account())
    return Desk(given, "sms")


class TestAReminder:
    async def test_leaves_at_nine_the_day_before_a_promise_and_says_what_was_agreed(self, desk: Desk) -> None:
        number = await desk.agreed.promises("A", "60000", "2026-02-10")
        await desk.lives(START + 20 * DAY)
        assert await desk.made() == [("1", "sms", "sent", REMINDED)]
        (message,) = desk.doubles["sms"].sent
        assert message.key == f"reminder:{number}:1"
        for said in ("60.000", "10/02/2026", "cuenta A", "BAJA", "Crédito Amable"):
            assert said in message.text

    async def test_leaves_two_days_before_each_instalment_of_a_plan(self, desk: Desk) -> None:
        await desk.agreed.plans("A", ("2026-02-10", "60000"), ("2026-03-10", "40000"))
        await desk.given.clock(START + DAY)
        await desk.lives(local(date(2026, 2, 10), 12))
        await desk.given.pays("A", "60000", paid_at=local(date(2026, 2, 10), 12))
        await desk.lives(START + 60 * DAY)
        # Sundays 8 February and 8 March are closed: the Mondays after them.
        assert [(name, at) for name, _, _, at in await desk.made()] == [
            ("1", REMINDED), ("2", local(date(2026, 3, 9), 9)),
        ]  # fmt: skip

    async def test_asks_for_what_is_lacking(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        await desk.given.pays("A", "25000")
        await desk.lives(REMINDED)
        (text,) = desk.texts
        assert "35.000" in text

    async def test_is_a_contact_for_collection_that_its_journey_knows(self, desk: Desk) -> None:
        number = await desk.agreed.promises("A", "60000", "2026-02-10")
        await desk.lives(REMINDED)
        contact = await desk.given.one(
            "SELECT purpose, role, actor, journey_id, step, provider FROM contacts WHERE request = %s",
            f"reminder:{number}:1",
        )
        assert contact == {
            "purpose": "collection",
            "role": "debtor",
            "actor": "senda",
            "journey_id": desk.given.journey("A"),
            "step": None,
            "provider": desk.doubles["sms"].key,
        }
        facts = [each["data"]["status"] for each in await desk.given.events("A") if each["kind"] == "contact"]
        assert facts == ["permitted", "sent"]

    async def test_has_a_link_to_stop_where_there_are_links(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        await desk.given.clock(REMINDED)
        await desk.worker(Links("https://senda.example", "k" * 32)).remind(desk.given.key)
        (message,) = desk.doubles["sms"].sent
        assert (message.stop_link or "").startswith("https://senda.example/v1/stop/")

    async def test_goes_on_where_the_journey_was_cured_while_the_plan_runs(self, desk: Desk) -> None:
        person = (await desk.given.one("SELECT key FROM people ORDER BY id DESC LIMIT 1"))["key"]
        more = account(person=person)
        more["dues"].append({"key": "2", "due_date": "2026-03-20", "amount": "50000"})
        await desk.given.imported(more)
        await desk.agreed.plans("A", ("2026-02-05", "100000"), ("2026-03-10", "50000"))
        await desk.given.pays("A", "100000")
        assert (await desk.given.journeys("A"))[0]["outcome"] == "cured"
        await desk.lives(START + 60 * DAY)
        assert [name for name, *_ in await desk.made()] == ["2"]


class TestNothingLeaves:
    async def check(self, desk: Desk) -> None:
        await desk.lives(START + 20 * DAY)
        assert (desk.texts, await desk.waiting()) == ([], 0)

    async def test_for_what_is_paid(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        await desk.given.pays("A", "60000")
        await self.check(desk)

    async def test_where_nothing_is_owed_any_more(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        await desk.given.pays("A", "100000")
        await self.check(desk)

    async def test_where_the_creditor_takes_off_all_that_is_owed(self, ledger: Ledger) -> None:
        given = await Given(ledger).set_up(playbook("sin-minimo", minimum_balance="0"))
        person = f"persona-{uuid4().hex}"
        await with_rules(given, REMINDING)
        await given.imported(account(person=person))
        desk = Desk(given, "sms")
        await desk.agreed.promises("A", "60000", "2026-02-10")
        await given.pays("A", "30000")
        lower = account(person=person)
        lower["dues"] = [{"key": "1", "due_date": "2026-02-01", "amount": "30000"}]
        await given.imported(lower)
        assert await given.balance("A") == 0
        await self.check(desk)

    async def test_below_the_minimum_that_the_playbook_treats(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "100000", "2026-02-10")
        await desk.given.pays("A", "99500")
        await self.check(desk)

    async def test_for_a_cancelled_promise(self, desk: Desk) -> None:
        await desk.agreed.cancels("A", "promise", await desk.agreed.promises("A", "60000", "2026-02-10"))
        await self.check(desk)

    async def test_for_a_broken_plan(self, desk: Desk) -> None:
        await desk.agreed.plans("A", ("2026-02-03", "60000"), ("2026-02-20", "40000"))
        await self.check(desk)

    async def test_once_people_took_the_account_out(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        await desk.given.closes("A", "withdrawn")
        await self.check(desk)

    async def test_where_the_creditor_wants_none(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        none = AgreementRules(promise=PromiseRules(remind_days_before=None), plan=PlanRules(remind_days_before=None))
        await with_rules(desk.given, none)
        await self.check(desk)
        await desk.agreed.plans("A", ("2026-03-10", "60000"), ("2026-03-20", "40000"))
        assert await desk.waiting() == 0

    async def test_on_the_day_on_which_people_agree(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-03")
        await self.check(desk)

    async def test_after_its_day(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        await desk.given.clock(REMINDED + DAY)
        await self.check(desk)
        skipped = [
            each["data"]["reason"] for each in await desk.given.events("A") if each["kind"] == "reminder_skipped"
        ]
        assert skipped == ["day_passed"]

    async def test_without_an_address_or_a_provider(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        desk.doubles = {"email": Channelled("email")}
        await self.check(desk)

    async def test_by_people(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        by_people = Providers({"desk": People("desk", "sms")}, {"*": {"sms": "desk"}})
        await desk.given.clock(REMINDED)
        await Reminding(desk.given.ledger, by_people).remind(desk.given.key)
        assert (await desk.made(), await desk.waiting()) == ([], 0)


class TestThePolicyDecides:
    async def test_a_revoked_channel_is_refused_for_good(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        person = (await desk.given.one("SELECT key FROM people ORDER BY id DESC LIMIT 1"))["key"]
        await desk.given.says(person, {("channel", "sms"): "revoked"})
        await desk.lives(START + 20 * DAY)
        assert [(name, status) for name, _, status, _ in await desk.made()] == [("1", "refused")]
        assert (desk.texts, await desk.waiting()) == ([], 0)

    async def test_a_contact_of_before_that_fills_the_cap_refuses_it(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        other = await Given(desk.given.ledger).set_up(at=REMINDED - timedelta(hours=1))
        person = (await desk.given.one("SELECT key FROM people ORDER BY id DESC LIMIT 1"))["key"]
        await other.imported(account("Z", person=person))
        assert (await other.dials("Z", "sms")).allowed
        await desk.lives(REMINDED)
        ((_, _, status, _),) = await desk.made()
        assert (status, desk.texts) == ("refused", [])

    async def test_a_pause_by_people_holds_it_and_its_end_on_that_day_lets_it_go(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        until = REMINDED + timedelta(hours=3)
        await desk.given.pauses("A", ends=until)
        await desk.lives(START + 20 * DAY)
        assert await desk.made() == [("1", "sms", "refused", REMINDED), ("1:2", "sms", "sent", until)]

    async def test_a_pause_over_its_day_drops_it(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        await desk.given.pauses("A", ends=REMINDED + DAY)
        await desk.lives(START + 20 * DAY)
        assert [(name, status) for name, _, status, _ in await desk.made()] == [("1", "refused")]
        assert await desk.waiting() == 0

    async def test_a_dispute_drops_it(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        await desk.agreed.disputes("A")
        await desk.lives(START + 20 * DAY)
        assert desk.texts == []

    async def test_the_persons_own_channel_comes_first(self, given: Given) -> None:
        await with_rules(given, REMINDING)
        await given.imported(account(channels=("sms", "email"), preferred_channel="email"))
        desk = Desk(given, "sms", "email")
        await desk.agreed.promises("A", "60000", "2026-02-10")
        await desk.lives(REMINDED)
        assert [channel for _, channel, _, _ in await desk.made()] == ["email"]


class TestAtMostOnce:
    async def test_however_often_and_by_however_many_it_is_asked_for(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        await desk.given.clock(REMINDED)
        (due,) = await due_reminders(desk.given.ledger, desk.given.key, 10)
        connected = {"sms": desk.doubles["sms"].key}
        first = await request_reminder(desk.given.ledger, due, connected)
        assert first not in ("done", "exhausted")
        assert await request_reminder(desk.given.ledger, due, connected) == "done"
        for _ in range(2):
            await desk.worker().remind(desk.given.key)
        assert desk.texts == []

    async def test_a_process_that_died_leaves_one_of_which_nobody_knows(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        await desk.given.clock(REMINDED)
        (due,) = await due_reminders(desk.given.ledger, desk.given.key, 10)
        await request_reminder(desk.given.ledger, due, {"sms": desk.doubles["sms"].key})
        monkeypatch.setattr(reminding, "FORGOTTEN", timedelta(0))
        for _ in range(2):
            await desk.worker().remind(desk.given.key)
        assert [(name, status) for name, _, status, _ in await desk.made()] == [("1", "unknown")]
        assert (desk.texts, await desk.waiting()) == ([], 0)

    async def test_a_line_that_breaks_leaves_one_of_which_nobody_knows(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        desk.doubles["sms"].failing = [Uncertain()]
        await desk.lives(START + 20 * DAY)
        assert [(name, status) for name, _, status, _ in await desk.made()] == [("1", "unknown")]

    async def test_what_one_channel_does_not_take_another_does(self, given: Given) -> None:
        await with_rules(given, REMINDING)
        await given.imported(account(channels=("sms", "email")))
        desk = Desk(given, "sms", "email")
        await desk.agreed.promises("A", "60000", "2026-02-10")
        desk.doubles["sms"].failing = [Rejected("no_such_number")]
        await desk.lives(START + 20 * DAY)
        assert [each[:3] for each in await desk.made()] == [("1", "sms", "failed"), ("1:2", "email", "sent")]

    async def test_what_no_channel_takes_for_good_is_given_up(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        desk.doubles["sms"].failing = [Rejected("no_such_number")]
        await desk.lives(START + 20 * DAY)
        assert [each[:3] for each in await desk.made()] == [("1", "sms", "failed")]
        assert await desk.waiting() == 0

    @pytest.mark.parametrize("error", [NotNow("too_many"), Unreachable("nobody there")])
    async def test_a_provider_that_is_down_is_tried_again_on_that_day(self, desk: Desk, error: Exception) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        desk.doubles["sms"].failing = [error, error]
        await desk.lives(START + 20 * DAY)
        minutes = [(at - REMINDED) // timedelta(minutes=1) for *_, at in await desk.made()]
        assert (minutes, len(desk.texts)) == ([0, 15, 45], 1)

    async def test_a_provider_that_stays_down_is_given_up_with_the_day(self, desk: Desk) -> None:
        await desk.agreed.promises("A", "60000", "2026-02-10")
        desk.doubles["sms"].failing = [Unreachable("nobody there")] * 50
        await desk.lives(START + 20 * DAY)
        assert await desk.waiting() == 0
        assert {at.date() for *_, at in await desk.made()} == {REMINDED.date()}

    async def test_a_mistake_of_ours_stops_nobody_elses(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        await desk.given.imported(account("B"))
        for key in ("A", "B"):
            await desk.agreed.promises(key, "60000", "2026-02-10")
        await desk.given.clock(REMINDED)
        asked, broken = request_reminder, await due_reminders(desk.given.ledger, desk.given.key, 1)

        async def breaks(ledger: Any, due: Any, *rest: Any) -> Any:
            if due.agreement == broken[0].agreement:
                raise OSError("the line to the database")
            return await asked(ledger, due, *rest)

        monkeypatch.setattr(reminders, "request_reminder", breaks)
        await desk.worker().remind(desk.given.key)
        assert (len(desk.texts), await desk.waiting()) == (1, 1)


async def test_each_creditors_clock_has_its_own_reminders(desk: Desk) -> None:
    await desk.agreed.promises("A", "60000", "2026-02-10")
    await desk.given.clock(REMINDED)
    await desk.worker().remind(None)
    assert desk.texts == []
    assert await next_reminder(desk.given.ledger, desk.given.key) == REMINDED
    await desk.worker().remind(desk.given.key)
    assert len(desk.texts) == 1
    assert await next_reminder(desk.given.ledger, desk.given.key) is None


async def test_a_permit_is_replaced_by_none_that_is_not_due(desk: Desk) -> None:
    await desk.agreed.promises("A", "60000", "2026-02-10")
    await desk.given.clock(REMINDED)
    (due,) = await due_reminders(desk.given.ledger, desk.given.key, 10)
    assert await request_reminder(desk.given.ledger, replace(due, number=2), {"sms": "x"}) == "done"
