"""The contact activity with a real ledger and a real mail server: what its answer, the record and the inbox say."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from activities.contacting import Contacting
from channels.callbacks import Callback, Heard
from channels.mail import Mail
from channels.message import Message, Rejected, Unreachable
from journey.planning import Contact
from ledger.database import Ledger
from ledger.views import list_contacts
from tests.channels.conftest import Server
from tests.ledger.given import Given, row
from tests.ledger.ways import creditor, debt, notice
from workflows.contract import ContactAnswer, ContactOrder

SENDER = "Cobranza <no-responder@senda.invalid>"
PAST_DUE = ("1", "2026-02-01", "100000")


@pytest.fixture
async def mail(server: Server) -> AsyncIterator[Mail]:
    opened = Mail(server.url, SENDER)
    yield opened
    await opened.close()


@pytest.fixture
async def given(ledger: Ledger) -> Given:
    return await Given(ledger).set_up()


async def due(given: Given, address: str) -> ContactOrder:
    """The order of an account's first notice, whose debtor reads mail at this address."""
    await given.imported(row("A", PAST_DUE, person=f"{given.key}-p", addresses={"email": address}))
    contact: Contact = await given.due_contact(given.journey("A"))
    return ContactOrder(
        journey_id=given.journey("A"),
        occurrence=contact.occurrence,
        due=contact.due,
        channels=contact.step.channels,
    )


async def shown(given: Given) -> list[str]:
    found = await list_contacts(given.ledger, given.key, "A")
    return [each["status"] for each in found if each["step"] == "aviso-1"]


async def perform(given: Given, mail: Mail, order: ContactOrder) -> ContactAnswer:
    return await Contacting(given.ledger, lambda _: {"email": mail}).contact(order)


@pytest.mark.parametrize(
    ("domain", "status", "arrived"),
    [("correo", "sent", 1), ("reject", "failed", 0), ("lost", "unknown", 1)],
)
async def test_the_answer_and_the_record_say_what_came_of_it(
    given: Given, mail: Mail, server: Server, domain: str, status: str, arrived: int
) -> None:
    answer = await perform(given, mail, await due(given, f"ana@{domain}.invalid"))
    assert (answer.status, answer.until) == (status, None)
    assert await shown(given) == [status]
    assert len(server.arrived()) == arrived


@pytest.mark.parametrize("domain", ["correo", "reject", "lost"])
async def test_performed_again_it_sends_nothing_and_answers_the_same(
    given: Given, mail: Mail, server: Server, domain: str
) -> None:
    order = await due(given, f"ana@{domain}.invalid")
    first = await perform(given, mail, order)
    before = len(server.arrived())
    again = await perform(given, mail, order)
    assert (again.status, len(server.arrived())) == (first.status, before)


async def test_a_server_that_takes_nothing_now_is_asked_again_and_the_step_is_not_given_up(
    given: Given, mail: Mail, server: Server
) -> None:
    order = await due(given, "ana@tempfail.invalid")
    with pytest.raises(Unreachable):
        await perform(given, mail, order)
    assert (await shown(given), server.arrived()) == (["failed"], [])
    move = (await given.record(given.journey("A"))).move
    assert isinstance(move, Contact)
    assert move.occurrence == order.occurrence

    await given.imported(row("A", PAST_DUE, person=f"{given.key}-p", addresses={"email": "ana@correo.invalid"}))
    answer = await perform(given, mail, order)
    assert (answer.status, await shown(given), len(server.arrived())) == ("sent", ["failed", "sent"], 1)


async def test_without_a_mail_server_no_permit_is_wasted(given: Given, unused_port: int) -> None:
    order = await due(given, "ana@correo.invalid")
    with pytest.raises(Unreachable):
        await perform(given, Mail(f"smtp://127.0.0.1:{unused_port}", SENDER), order)
    assert await shown(given) == []


async def test_a_channel_that_is_not_here_is_a_skip(given: Given) -> None:
    order = await due(given, "ana@correo.invalid")
    answer = await Contacting(given.ledger, lambda _: {}).contact(order)
    assert (answer.status, answer.until) == ("skipped", None)


async def test_a_refusal_tells_when_to_come_again(given: Given, mail: Mail, server: Server) -> None:
    person = f"{given.key}-person"
    reminded = row("B", ("1", "2026-02-05", "100000"), person=person)  # another stage: a message of its own
    await given.imported(row("A", PAST_DUE, person=person), reminded)
    await given.asks(given.journey("B"), await given.due_contact(given.journey("B")))
    contact = await given.due_contact(given.journey("A"))
    order = ContactOrder(
        journey_id=given.journey("A"), occurrence=contact.occurrence, due=contact.due, channels=("email",)
    )
    answer = await perform(given, mail, order)
    assert answer.status == "refused"
    assert answer.until is not None
    assert server.arrived() == []


@dataclass
class Refuses:
    """A provider of text messages that will never take this one."""

    key: str = "aggregator"
    channel: str = "sms"
    asked: int = 0

    @asynccontextmanager
    async def line(self) -> AsyncGenerator["Refuses"]:
        yield self

    async def send(self, message: Message) -> str:
        self.asked += 1
        raise Rejected("message_refused")

    def read(self, callback: Callback) -> Heard:
        raise AssertionError(callback)

    async def close(self) -> None:
        """Nothing to let go of."""


class TestAMessageThatIsRefusedForGood:
    @pytest.fixture
    async def given(self, ledger: Ledger) -> Given:
        return await creditor(ledger, notice(1, "sms", "email"))

    async def performed(self, given: Given, mail: Mail, authorised: list[str]) -> tuple[ContactAnswer, int]:
        """What is answered, and how often the provider of text messages was asked."""
        await given.imported(debt(given, authorised_channels=authorised))
        contact = await given.due_contact(given.journey("A"))
        order = ContactOrder(
            journey_id=given.journey("A"), occurrence=contact.occurrence, due=contact.due, channels=("sms", "email")
        )
        sms = Refuses()
        answer = await Contacting(given.ledger, lambda _: {"sms": sms, "email": mail}).contact(order)
        return answer, sms.asked

    async def test_leaves_by_the_steps_next_channel_at_once(self, given: Given, mail: Mail, server: Server) -> None:
        answer, asked = await self.performed(given, mail, ["sms", "email"])
        assert (answer.status, asked, len(server.arrived())) == ("sent", 1, 1)

    async def test_is_not_offered_again_where_the_policy_allows_no_other(self, given: Given, mail: Mail) -> None:
        answer, asked = await self.performed(given, mail, ["sms"])
        assert (answer.status, answer.until, asked) == ("refused", None, 1)
