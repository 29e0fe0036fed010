"""Callbacks that are not believed are refused, recorded, and change nothing; those that come twice count once."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from api.providers import LARGEST
from senda.stack import Endpoints
from tests.api.calls import problem_of
from tests.channels_e2e.driving import STEP_2, Debtor, Person, World, around
from tests.channels_e2e.posting import Post, Providers

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACTIONS = [f"POST /v1/webhooks/providers/{address}" for address in ("{provider}", "{provider}/{path}")]
THEIRS = "JOIN contacts c ON c.id = t.contact_id WHERE c.creditor = ANY(%s)"
CHANGEABLE = {
    "contacts": "WHERE t.creditor = ANY(%s)",
    "contact_events": THEIRS,
    "inbound": THEIRS,
    "conversations": "JOIN debtors d ON d.id = t.debtor_id WHERE d.creditor = ANY(%s)",
    "preferences": "WHERE t.creditor = ANY(%s)",
    "invalid_addresses": "JOIN debtors d ON d.id = t.debtor_id WHERE d.creditor = ANY(%s)",
    "tasks": "WHERE t.creditor = ANY(%s)",
}
OLD = timedelta(minutes=10)
NOBODY = 999_999_999_999


@dataclass
class Given:
    """Somebody who got a message by each provider (`debtors`, `numbers` of the contacts), and all providers."""

    world: World
    providers: Providers
    debtors: dict[str, Debtor]
    numbers: dict[str, int]

    async def all_that_is_known(self) -> list[dict[str, Any]]:
        """Everything that a callback could change."""
        creditors = [debtor.creditor.key for debtor in self.debtors.values()]
        each = (f"SELECT '{table}' AS kind, to_jsonb(t) AS row FROM {table} t {of}" for table, of in CHANGEABLE.items())
        query = f"{' UNION ALL '.join(each)} ORDER BY 1, 2"
        return await self.world.api.rows(query, *[creditors] * len(CHANGEABLE))

    async def refuses(self, post: Post, status: int, code: str, **changed: str | None) -> None:
        """Whatever it says, it is refused with this status and code, recorded, and changes nothing."""
        before, lines = await self.all_that_is_known(), await self.refusals(post)
        assert problem_of(await post.to(self.world.api, **changed)) == (status, code)
        assert await self.all_that_is_known() == before
        assert await self.refusals(post) == [*lines, (status, code)]

    async def refusals(self, post: Post) -> list[tuple[int, str]]:
        """The lines of the audit trail about a callback's address."""
        subject = ":".join(filter(None, (post.provider, post.path)))
        rows = await self.world.api.rows(
            "SELECT status, code FROM audit WHERE action = ANY(%s) AND subject = %s ORDER BY id", ACTIONS, subject
        )
        return [(row["status"], row["code"]) for row in rows]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(stack: Endpoints) -> AsyncIterator[World]:
    """For all tests of this module."""
    async with around(stack) as opened:
        yield opened


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def manners(world: World) -> AsyncIterator[None]:
    """Whatever a test makes of the providers' manners ends with it."""
    yield
    await world.sandbox.http.post("/control/reset")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def given(world: World) -> Given:
    """Once for all tests that change nothing, with the first receipts in."""
    ways = {"sms": ("sms", ""), "whatsapp": ("whatsapp", ""), "correo": ("email", ""), "llamadas": ("call", "")}
    ways |= {"sms-local": ("sms", "-agregador")}
    made = await asyncio.gather(*(world.debtor(channel, suffix=suffix) for channel, suffix in ways.values()))
    debtors = dict(zip(ways, made, strict=True))
    await world.sandbox.quiet()
    numbers = {key: (await debtor.contact(step="aviso-1"))["id"] for key, debtor in debtors.items()}
    return Given(world, Providers(world.api), debtors, numbers)


async def test_a_signature_that_is_missing_or_wrong_is_refused(given: Given) -> None:
    providers, number = given.providers, given.numbers
    said = {"MessageSid": "SM1", "From": given.debtors["sms"].person.number, "Body": "BAJA"}
    posts = {
        "x-twilio-signature": [
            providers.sms_status(number["sms"], "failed"),
            providers.twilio("messages", **said),
            providers.twilio(f"answer/{number['llamadas']}", "llamadas", CallSid="CA1", To="+573000000001"),
        ],
        "x-hub-signature-256": [providers.meta_status(number["whatsapp"], "read")],
        "webhook-signature": [
            providers.aggregator_status(number["sms-local"], "failed"),
            providers.mail(given.debtors["correo"].person.mail, "BAJA"),
        ],
    }
    for header, each in posts.items():
        for post in each:
            name = header.replace("-", "_")
            right = post.headers[header]
            await given.refuses(post, 403, "callback.signature_missing", **{name: None})
            await given.refuses(post, 403, "callback.signature_invalid", **{name: right[:-3] + "AA="})
    # What was signed for one address, or by one provider, is not believed at another.
    status = providers.sms_status(number["sms"])
    moved = Post("sms", f"status/{number['sms-local']}", status.body, status.headers)
    await given.refuses(moved, 403, "callback.signature_invalid")
    told = providers.aggregator_status(number["sms-local"])
    elsewhere = Post("correo", "messages", told.body, {**told.headers, "content-type": "message/rfc822"})
    await given.refuses(elsewhere, 403, "callback.signature_invalid")
    letter = Post("cartas", "status", told.body, told.headers)
    await given.refuses(letter, 403, "callback.signature_missing")


async def test_what_is_old_is_refused_however_well_it_is_signed(given: Given) -> None:
    providers, number = given.providers, given.numbers
    await given.refuses(providers.aggregator_status(number["sms-local"], ago=OLD), 403, "callback.too_old")
    await given.refuses(providers.aggregator_status(number["sms-local"], ago=-OLD), 403, "callback.too_old")
    mail = providers.mail(given.debtors["correo"].person.mail, "BAJA", ago=OLD)
    await given.refuses(mail, 403, "callback.too_old")
    await given.refuses(providers.meta_status(number["whatsapp"], "read", timedelta(days=8)), 403, "callback.too_old")
    other_number = providers.meta("5", statuses=[{"id": "w", "status": "read", "timestamp": "1"}])
    await given.refuses(other_number, 403, "callback.not_ours")


async def test_receipts_of_nothing_and_of_others_contacts_are_refused(given: Given) -> None:
    providers, number = given.providers, given.numbers
    unknown = [
        providers.sms_status(NOBODY),
        providers.twilio("status", MessageSid="SMnobody", MessageStatus="delivered"),
        providers.sms_status("9" * 40),
        providers.meta_status(NOBODY, "read"),
        providers.aggregator_status(NOBODY, "failed"),
        providers.twilio(f"status/{NOBODY}", "llamadas", CallSid="CA1", CallStatus="completed"),
        providers.twilio(f"answer/{NOBODY}", "llamadas", CallSid="CA1", To="+573000000001"),
        providers.twilio(f"answer/{number['sms']}", "llamadas", CallSid="CA1", To="+573000000001", Digits="4567"),
    ]
    for post in unknown:
        await given.refuses(post, 404, "receipt.unknown_reference")
    others = [
        providers.sms_status(number["sms-local"], "failed"),
        providers.aggregator_status(number["sms"], "failed"),
        providers.meta_status(number["correo"], "read"),
        providers.twilio(f"status/{number['sms']}", "llamadas", CallSid="CA1", CallStatus="busy"),
    ]
    for post in others:
        await given.refuses(post, 409, "receipt.of_another_provider")


async def test_what_nobody_can_read_is_refused(given: Given) -> None:
    providers = given.providers
    unreadable = [
        providers.twilio("elsewhere", MessageSid="SM1"),
        providers.twilio("status/1", MessageSid="SM1"),
        providers.twilio("messages", Body="BAJA"),
        providers.twilio("status/1", "llamadas", CallSid="CA1", CallStatus="singing"),
        providers.meta_raw(b"[]"),
        providers.meta_raw(b'{"entry": [{"changes": [{"field": "messages", "value": {"statuses": [{}]}}]}]}'),
        providers.aggregator("status", b"not json"),
        providers.aggregator("status", {"id": "1", "status": "sung"}),
        providers.aggregator("messages", {"text": "BAJA"}),
        providers.mail("", "", raw=b"\n\n"),
    ]
    for post in unreadable:
        await given.refuses(post, 400, "callback.unreadable")
    await given.refuses(Post("nobody", "status", b""), 404, "provider.unknown")
    await given.refuses(Post("sms", "status/1", b"a" * (LARGEST + 1)), 413, "callback.too_large")


async def test_of_several_events_the_good_ones_are_kept_and_the_others_recorded(given: Given) -> None:
    debtor = given.debtors["whatsapp"]
    posts = [given.providers.meta_status(reference, "read") for reference in (NOBODY, given.numbers["whatsapp"])]
    told = [json.loads(post.body)["entry"][0]["changes"][0]["value"]["statuses"][0] for post in posts]
    both = given.providers.meta(statuses=told)
    lines = await given.refusals(both)
    assert (await both.to(given.world.api)).status_code == 200
    assert (await debtor.contact(step="aviso-1"))["status"] == "read"
    assert await given.refusals(both) == [*lines, (404, "receipt.unknown_reference")]


async def test_meta_may_ask_whether_the_address_is_ours(world: World) -> None:
    providers = Providers(world.api)
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": providers.verify_token()}
    path = "/v1/webhooks/providers/whatsapp"
    right = await world.api.http.get(path, params=query)
    assert (right.status_code, right.text) == (200, "1158201444")
    wrong = await world.api.http.get(path, params={**query, "hub.verify_token": "guessed"})
    assert problem_of(wrong) == (403, "callback.signature_invalid")


async def test_receipts_that_come_twice_late_or_in_the_wrong_order_count_once(world: World) -> None:
    ways = {"repeat": ("sms", "twilio"), "reorder": ("whatsapp", "meta"), "hold": ("sms", "aggregator")}
    for mode, (_, provider) in ways.items():
        await world.sandbox.set("callbacks", provider, mode)
    repeated, reordered, held = await asyncio.gather(
        *(
            world.debtor(channel, suffix="-agregador" if provider == "aggregator" else "")
            for channel, provider in ways.values()
        )
    )
    for debtor in (repeated, reordered):
        await debtor.becomes("delivered", step="aviso-1")
    await world.sandbox.quiet()
    assert (await held.contact(step="aviso-1"))["status"] == "sent"
    released = (await world.sandbox.http.post("/control/callbacks/aggregator/release")).json()["items"]
    assert {(each["outcome"], each["status"]) for each in released} == {("delivered", 200)}
    message = await reordered.message("whatsapp")
    for status in ("read", "delivered", "failed", "sent"):
        done = await world.sandbox.does(f"/inbox/{message['id']}/report", status=status)
        assert done["status"] == 200
    for debtor, status in ((repeated, "delivered"), (held, "delivered"), (reordered, "read")):
        contact = await debtor.contact(step="aviso-1")
        assert contact["status"] == status
        told = await world.api.rows(
            "SELECT status FROM contact_events WHERE contact_id = %s ORDER BY status", contact["id"]
        )
        expected = ["delivered", "read", "sent"] if status == "read" else ["delivered", "sent"]
        assert [event["status"] for event in told] == expected
        receipts = [fact["data"]["status"] for fact in await debtor.facts("receipt")]
        assert sorted(receipts) == [each for each in expected if each != "sent"]


async def test_what_is_written_once_is_answered_once_however_often_it_is_told(world: World) -> None:
    for provider in ("twilio", "meta"):
        await world.sandbox.set("callbacks", provider, "repeat")
    texting, chatting = await asyncio.gather(world.debtor("sms"), world.debtor("whatsapp"))
    for debtor, channel in ((texting, "sms"), (chatting, "whatsapp")):
        await debtor.answers(channel, text="hola")
        await debtor.answered_all()
        assert len(await debtor.contacts(direction="inbound")) == 1
        assert len(await debtor.got(channel)) == 2


async def test_a_number_in_the_files_of_two_creditors_is_heard_for_the_last_that_wrote(world: World) -> None:
    person = Person()
    (first,) = (await world.written_to(["sms"], person))[1]
    creditor = await world.creditor(["sms"], name="Otro Crédito")
    await creditor.imports(person.row("A", ["sms"], due="2026-03-09"))
    await creditor.advances(STEP_2)
    second = Debtor(world, creditor, "A", person)
    assert "le escribe Otro Crédito" in (await second.answers("sms", text="hola"))["text"]
    assert [len(await each.contacts(direction="inbound")) for each in (first, second)] == [0, 1]
