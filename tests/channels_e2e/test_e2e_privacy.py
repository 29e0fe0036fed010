"""Nobody's name, number, address, document or words in a log, in the engine, or in an address of ours."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client

from senda.stack import Endpoints
from tests.api.calls import payload_keys
from tests.api.test_api_privacy import payloads_of
from tests.channels_e2e.driving import STEP_1, STEP_2, Debtor, Person, World, around, calling_us, minutes_after
from tests.channels_e2e.posting import Providers
from workflows.codec import data_converter

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRETS = ("Ximeno", "ximeno", "Wurtzbach", "wurtzbach", "Kjær", "Vuelvas", "8841973", "88.419.73", "zarzamora")
"""Of names, documents, streets, mailboxes, and what people wrote; beside these the numbers."""

KINDS = {
    "sms": (["sms", "email"], "1001"),
    "whatsapp": (["whatsapp", "email"], "1001"),
    "email": (["email", "sms"], "1001"),
    "call": (["call", "email"], "1001"),
    "letter": (["letter", "email"], "1001"),
    "bounce": (["sms", "email"], "0404"),
    "dead": (["whatsapp", "sms", "email"], "0035"),
}
"""Channels, and the end of the number."""


def person(ending: str) -> Person:
    """All alike but in their number and mailbox."""
    plain = Person.failing(ending)
    return Person(
        number=plain.number,
        mail=f"ximeno.{plain.key}@wurtzbach.invalid",
        name="Ximeno Wurtzbach Kjær",
        document="88.419.739.137",
        letter="Calle Vuelvas 8841973; Bogotá; Colombia",
    )


class Lived:
    """What these people went through, and by what they would be known."""

    def __init__(self, world: World, debtors: Sequence[Debtor]) -> None:
        self.world = world
        self.debtors = debtors
        numbers = [debtor.person.number[1:] for debtor in debtors]
        national = [number[2:] for number in numbers]
        self.traces = [*SECRETS, *numbers, *national, *(debtor.person.mail for debtor in debtors)]

    def in_text(self, text: str) -> list[str]:
        return [trace for trace in self.traces if trace in text]

    def in_bytes(self, content: bytes) -> list[str]:
        forms = ((trace, trace.encode()) for trace in self.traces)
        return [trace for trace, form in forms if form in content]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lived(stack: Endpoints) -> AsyncIterator[Lived]:
    """Every channel with replies, agreements, stops, bounces, faults, and requests that are refused."""
    async with around(stack) as world:
        made = await asyncio.gather(
            *(world.debtor(*channels, person=person(ending)) for channels, ending in KINDS.values())
        )
        await live(world, dict(zip(KINDS, made, strict=True)))
        yield Lived(world, made)
        await world.sandbox.http.post("/control/reset")


async def live(world: World, by: dict[str, Debtor]) -> None:
    sms, whatsapp, call = by["sms"], by["whatsapp"], await by["call"].rings()
    words = ["soy Ximeno Wurtzbach, zarzamora", "9137", "Calle Vuelvas 8841973", "pago 50.000 el 5 de marzo", "sí"]
    for text in words:
        await asyncio.gather(sms.answers("sms", text=text), whatsapp.answers("whatsapp", text=text))
    await by["email"].writes("email", "Escríbanme a ximeno@wurtzbach.invalid, zarzamora 8841973")
    await call.answers()
    await call.presses("9137")
    await calling_us(world.sandbox, by["call"].person.number)
    await world.sandbox.does(f"/people/{by['dead'].person.number}/write", channel="sms", text="zarzamora BAJA")
    providers = Providers(world.api)
    for post in (
        providers.twilio("messages", From=sms.person.number, Body="zarzamora"),
        providers.twilio("elsewhere", From=sms.person.number, Body="zarzamora Wurtzbach"),
        providers.aggregator("messages", {"from": sms.person.number, "text": "zarzamora"}),
        providers.aggregator("status", b'{"zarzamora": "Wurtzbach'),
        providers.mail(by["email"].person.mail, "zarzamora", raw=b"\n\nzarzamora"),
        providers.meta(statuses=[{"id": "zarzamora", "status": "failed", "timestamp": "Wurtzbach"}]),
    ):
        assert (await post.to(world.api)).status_code == 400
    await world.sandbox.set("faults", "twilio", "500", count=1)
    await world.sandbox.set("faults", "meta", "drop", count=1)
    await asyncio.gather(sms.writes("sms", "Ximeno zarzamora"), whatsapp.writes("whatsapp", "Ximeno zarzamora"))
    await asyncio.gather(*(each.answered_all() for each in by.values()))
    await world.sandbox.quiet()
    for at in (minutes_after(STEP_1, 5), STEP_2):
        await asyncio.gather(*(debtor.creditor.advances(at) for debtor in by.values()))


async def test_no_log_names_anybody(lived: Lived) -> None:
    logs = {log.name: log.read_bytes() for log in (Path(lived.world.api.stack.data) / "logs").iterdir()}
    assert {name.partition(".")[0] for name in logs} >= {"api", "worker", "temporal", "postgres", "sandbox"}
    assert {name: found for name, log in logs.items() if (found := lived.in_bytes(log))} == {}


async def test_no_history_knows_anybody_not_even_sealed(lived: Lived) -> None:
    stack = lived.world.api.stack
    converter = data_converter(payload_keys(stack))
    assert converter.payload_codec is not None
    client = await Client.connect(stack.temporal)
    opened = 0
    for debtor in lived.debtors:
        (journey,) = await lived.world.api.rows("SELECT id FROM journeys WHERE creditor = %s", debtor.creditor.key)
        async for event in client.get_workflow_handle(journey["id"]).fetch_history_events():
            assert lived.in_bytes(event.SerializeToString()) == []
            for payload in payloads_of(event):
                if payload.metadata.get("encoding", b"").startswith(b"binary/senda"):
                    (plain,) = await converter.payload_codec.decode([payload])
                    opened += 1
                    assert lived.in_bytes(plain.data) == []
        assert lived.in_text(journey["id"]) == []
    assert opened > 50


async def test_no_address_that_we_give_away_names_anybody(lived: Lived) -> None:
    """Those that providers call back, those in messages, and those that the sandbox posted to."""
    found: list[str] = []
    for debtor in lived.debtors:
        for channel in ("sms", "whatsapp", "call", "email"):
            for item in await debtor.got(channel):
                found += addresses_in([item["raw"], item["text"], item["html"]])
    posted = (await lived.world.sandbox.http.get("/control/callbacks", params={"limit": "1000"})).json()["items"]
    found += [item["url"] for item in posted]
    assert len({address.partition("/v1/")[2] for address in found}) > 20
    assert [address for address in found if lived.in_text(address)] == []


async def test_neither_the_audit_trail_nor_what_journeys_remember_names_anybody(lived: Lived) -> None:
    tables = (
        *("audit", "contacts", "contact_events", "journey_events", "journeys", "outbox", "invalid_addresses", "tasks"),
        *("task_events", "preferences", "agreements", "agreement_events", "disputes", "idempotency_keys"),
    )
    for table in tables:
        (row,) = await lived.world.api.rows(f"SELECT coalesce(string_agg(t::text, ' '), '') AS whole FROM {table} t")
        assert lived.in_text(row["whole"]) == [], table


async def test_the_people_did_live(lived: Lived) -> None:
    """What is searched for is there, in the tables that are meant to hold it: the search can find it."""
    (row,) = await lived.world.api.rows("SELECT string_agg(text || address, ' ') AS whole FROM inbound")
    assert {"Ximeno", "Wurtzbach", "Vuelvas", "8841973", "zarzamora"} <= set(lived.in_text(row["whole"]))
    statuses = [(await debtor.contacts(step="aviso-1"))[0]["status"] for debtor in lived.debtors]
    assert statuses[-2:] == ["failed", "failed"]
    for debtor in lived.debtors[:2]:
        (promise,) = (await debtor.creditor.get("A", "/promises"))["items"]
        assert promise["status"] == "broken"


def addresses_in(values: Iterable[Any]) -> list[str]:
    """All addresses in texts, however deep."""
    return [address for value in values for address in re.findall(r"https?://[^\s\"'<>\\]+", str(value))]
