"""The sandbox's real ports, real adapters, a real ledger and the product's own webhooks, all in one process."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast
from uuid import uuid4

import httpx
import uvicorn
from fastapi import FastAPI
from temporalio.testing import ActivityEnvironment

from activities.contacting import Contacting
from activities.conversing import Conversing
from api import providers as webhooks
from api.context import Parts
from api.problems import install
from channels.aggregator import Aggregator
from channels.aggregator_config import AggregatorConfig
from channels.callbacks import Provider
from channels.mail import Mail
from channels.message import Unreachable
from channels.meta import WhatsApp
from channels.processors.kinds import Processors
from channels.providers import Providers
from channels.twilio_sms import TwilioSms
from channels.voice import Voice
from ledger.creditors import put_creditor
from ledger.database import Ledger
from ledger.following import Told
from ledger.views import list_contacts
from senda.sandbox.accounts import Accounts
from senda.sandbox.callbacks import Manner
from senda.sandbox.entries import Entry, ProviderName
from senda.sandbox.faults import Fault
from senda.sandbox.serve import Ports, Running, running
from tests.eventually import assert_eventually
from tests.ledger.given import Given, playbook, row
from workflows.contract import ATTEMPTS, ContactAnswer, ContactOrder

PATIENT = 8.0
"""Seconds that an adapter waits where its provider is to answer: longer than any pause of a busy machine."""

HASTY = 0.6
"""Where it is not to answer."""

PATHS = "/v1/webhooks/providers"


@dataclass(frozen=True)
class Way:
    """A way to reach people: the channel, the product's key of its provider, and who that is in the sandbox."""

    name: str
    channel: Literal["sms", "whatsapp", "call", "email"]
    provider: str
    carrier: ProviderName

    def __str__(self) -> str:
        return self.name


SMS = Way("twilio", "sms", "sms", "twilio")
LOCAL_SMS = Way("aggregator", "sms", "sms-local", "aggregator")
WHATSAPP = Way("meta", "whatsapp", "whatsapp", "meta")
VOICE = Way("voice", "call", "llamadas", "twilio")
EMAIL = Way("smtp", "email", "correo", "smtp")

OVER_HTTP = (SMS, LOCAL_SMS, WHATSAPP, VOICE)
WAYS = (*OVER_HTTP, EMAIL)


class Engine:
    """The engine's double: takes what it is told."""

    def __init__(self) -> None:
        self.told: list[Told] = []

    async def tell(self, told: Told) -> bool:
        self.told.append(told)
        return True


@dataclass
class Step:
    """One account's step that is due: whose it is, where the messages would arrive, and its order."""

    given: Given
    addresses: Mapping[str, str]
    order: ContactOrder

    async def statuses(self) -> list[tuple[str, str]]:
        """Channel and status of each decision on the step, in order."""
        found = await list_contacts(self.given.ledger, self.given.key, "A")
        return [(each["channel"], each["status"]) for each in found if each["step"] == "aviso-1"]

    async def contact(self) -> dict[str, Any]:
        """The step's only contact."""
        (found,) = [
            each for each in await list_contacts(self.given.ledger, self.given.key, "A") if each["step"] == "aviso-1"
        ]
        return found

    async def becomes(self, status: str) -> None:
        """Wait until the step's only contact has this status."""

        async def has() -> None:
            assert (await self.contact())["status"] == status

        await assert_eventually(has)

    async def told_of(self, contact_id: int) -> list[str]:
        """All that was told of a contact, sorted."""
        rows = await self.given.all("SELECT status FROM contact_events WHERE contact_id = %s", contact_id)
        return sorted({each["status"] for each in rows})


@dataclass
class World:
    """A sandbox, the product's webhooks, and the adapters between them."""

    ledger: Ledger
    sandbox: Running
    accounts: Accounts
    url: str
    engine: Engine
    web: httpx.AsyncClient
    before: int = 0
    """The number of the last message that people wrote in other tests on this ledger."""
    providers: Providers = field(default_factory=lambda: Providers({}, {}))
    adapters: dict[tuple[Way, float], Provider] = field(default_factory=dict[tuple[Way, float], Provider])

    def adapter(self, way: Way, timeout: float = PATIENT) -> Provider:
        """The real adapter, at the sandbox's own port for this provider."""
        if (way, timeout) not in self.adapters:
            self.adapters[way, timeout] = self._adapter(way, timeout)
        return self.adapters[way, timeout]

    def _adapter(self, way: Way, timeout: float) -> Provider:
        ports = self.sandbox.ports
        base = f"http://127.0.0.1:{ports.doors.get(way.carrier)}"
        callback_url = f"{self.url}{PATHS}/{way.provider}"
        if way is EMAIL:
            secret = self.accounts.mail.secret
            return Mail(f"smtp://127.0.0.1:{ports.smtp}", "x <no@senda.invalid>", key=way.provider, secret=secret)
        if way is WHATSAPP:
            meta = self.accounts.meta
            assert meta is not None
            return WhatsApp(
                way.provider,
                phone_number_id=meta.phone_number_id,
                token=meta.token,
                app_secret=meta.app_secret,
                verify_token="una-palabra",
                base_url=f"{base}/meta/v23.0",
                timeout=timeout,
            )
        if way is LOCAL_SMS:
            local = self.accounts.aggregator
            assert local is not None
            return Aggregator(
                way.provider,
                aggregator_config(f"{base}/aggregator/messages"),
                secrets={"TOKEN": local.token, "SIGNING": local.secret},
                callback_url=callback_url,
                sender="+576015550102",
                timeout=timeout,
            )
        twilio = self.accounts.twilio
        assert twilio is not None
        return (TwilioSms if way is SMS else Voice)(
            way.provider,
            account_sid=twilio.account_sid,
            auth_token=twilio.auth_token,
            sender=twilio.number,
            callback_url=callback_url,
            base_url=f"{base}/twilio",
            timeout=timeout,
        )

    async def fault(self, way: Way, mode: str, **more: Any) -> None:
        """From now on this provider fails so."""
        fault = Fault.model_validate({"mode": mode, **more})
        await self.sandbox.sandbox.faults.set(way.carrier, fault)

    async def callbacks(self, way: Way, mode: str) -> None:
        """From now on this provider calls back so."""
        await self.sandbox.sandbox.callbacks.set(way.carrier, Manner.model_validate({"mode": mode}))

    async def release(self, way: Way) -> None:
        """Post what is held back, once it is all there."""
        await self.quiet()
        await self.sandbox.sandbox.callbacks.release(way.carrier)

    async def quiet(self) -> None:
        """Wait until no callback is under way."""

        async def none_pending() -> None:
            assert self.sandbox.sandbox.callbacks.pending == 0

        await assert_eventually(none_pending)

    def refused(self) -> list[str]:
        """What the product answered to the callbacks that it did not take."""
        log = self.sandbox.sandbox.callbacks.log("", 1000)
        return [f"{each.post.kind}: {each.status} {each.body}" for each in log if each.outcome == "failed"]

    def kept(self, step: Step) -> list[Entry]:
        """All messages that the providers have for this person, oldest first."""
        entries = self.sandbox.sandbox.store.entries
        found = [each for to in set(step.addresses.values()) for each in entries.page(address=to, limit=100)]
        return sorted((each for each in found if each.direction == "out"), key=lambda each: each.id)

    async def does(self, path: str, **order: Any) -> dict[str, Any]:
        """Something in a person's or a provider's place."""
        answer = await self.web.post(path, json=order)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def bot(self) -> Conversing:
        """One worker's bot."""
        return Conversing(self.ledger, cast("Any", self.engine), self.providers)

    async def answered(self, *bots: Conversing) -> None:
        """Let these bots work until nothing waits for an answer."""

        async def nothing_waits() -> None:
            await asyncio.gather(*(bot.answer_waiting() for bot in bots))
            await asyncio.gather(*(bot.sent() for bot in bots))
            async with self.ledger.transaction() as tx:
                query = "SELECT count(*) AS n FROM inbound_waiting WHERE inbound_id > %s"
                left = await (await tx.execute(query, [self.before])).fetchone()
            assert left == {"n": 0}

        await assert_eventually(nothing_waits)

    async def due(self, *ways: Way, creditor: Given | None = None, ending: str = "0001") -> Step:
        """A step that is due, by these channels in this order; by default of a creditor under a test clock.

        `ending`: the last digits of the person's number, by which the sandbox may fail."""
        channels = [way.channel for way in ways]
        tag = uuid4()
        suffix = "-agregador" if LOCAL_SMS in ways else ""
        given = creditor or await Given(self.ledger, f"creditor-{tag.hex[:12]}{suffix}").set_up(book(channels))
        number = f"+573{tag.int % 10**5:05}{ending}"
        addresses = {channel: f"{tag.hex}@correo.invalid" if channel == "email" else number for channel in channels}
        (due_date, zone) = (yesterday(), noon_zone()) if creditor else ("2026-02-01", "America/Bogota")
        debtor = {
            "addresses": addresses,
            "authorised_channels": channels,
            "time_zones": [zone],
            "document": "1.234.567",
        }
        await given.imported(row("A", ("1", due_date, "100000"), **debtor))
        contact = await given.due_contact(given.journey("A"))
        order = ContactOrder(
            journey_id=given.journey("A"),
            occurrence=contact.occurrence,
            due=contact.due,
            channels=contact.step.channels,
        )
        return Step(given, addresses, order)

    async def on_the_real_clock(self, *ways: Way) -> Step:
        """A step that is due in real time, at noon of its place, where every day is a day of contact."""
        given = Given(self.ledger)
        channels = [way.channel for way in ways]
        await given.set_up(book(channels), at=None)
        about = {"name": "Amable", "pack": "US", "currency": "USD", "time_zone": noon_zone(), "test_clock": None}
        await put_creditor(self.ledger, given.key, playbook=f"libro-{'-'.join(channels)}", **about)
        return await self.due(*ways, creditor=given)


def book(channels: list[str]) -> Any:
    """A playbook of one step on the day after the due date, at nine, by these channels."""
    step = {"key": "aviso-1", "day": 1, "template": "overdue", "channels": channels, "at": "09:00"}
    stages = [{"stage": "administrative", "from_day": 1, "steps": [step]}]
    return playbook(f"libro-{'-'.join(channels)}", stages=stages)


def noon_zone() -> str:
    """Where the clocks stand between noon and one at this moment."""
    ahead = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-ahead:+d}"


def yesterday() -> str:
    """The day before today, there."""
    ahead = 12 - datetime.now(UTC).hour
    return ((datetime.now(UTC) + timedelta(hours=ahead)).date() - timedelta(days=1)).isoformat()


def aggregator_config(url: str) -> AggregatorConfig:
    """How the sandbox's aggregator is spoken to."""
    config = {
        "url": url,
        "headers": {"Authorization": "Bearer {secret:TOKEN}"},
        "fields": {"to": "{to}", "text": "{text}", "reference": "{reference}", "callback": "{callback_url}/status"},
        "idempotency_header": "Idempotency-Key",
        "answer": {"reference": "id", "statuses": [202], "outcome": "status", "success": ["accepted"]},
        "signature": {"kind": "standard-webhooks", "secret": "SIGNING"},
        "status": {
            "reference": "reference",
            "provider_id": "id",
            "status": "status",
            "error": "error",
            "words": {"sent": "sent", "delivered": "delivered", "failed": "failed"},
            "errors": {"unknown_number": "bad_address"},
        },
        "replies": {"id": "id", "sender": "from", "text": "text", "time": "at"},
        "country": "CO",
    }
    return AggregatorConfig.model_validate(config)


async def attempt(contacting: Contacting, order: ContactOrder, number: int = 1) -> ContactAnswer:
    """The activity as the engine runs it, for so manieth time."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=number)
    return await environment.run(contacting.contact, order)


async def perform(contacting: Contacting, order: ContactOrder, attempts: int = ATTEMPTS) -> ContactAnswer:
    """What the workflow does with an order: each channel on its own queue, each so often. Raises `Unreachable`."""
    order = order.model_copy(update={"channel": order.channels[0]})
    while True:
        answer = await _tried(contacting, order, attempts)
        if answer.elsewhere is None:
            return answer
        order = order.model_copy(update={"channel": answer.elsewhere, "tried": answer.tried})


async def _tried(contacting: Contacting, order: ContactOrder, attempts: int) -> ContactAnswer:
    for number in range(1, attempts):
        with suppress(Unreachable):
            return await attempt(contacting, order, number)
    return await attempt(contacting, order, attempts)


@asynccontextmanager
async def world_of(ledger: Ledger, folder: Path) -> AsyncGenerator[World]:
    """The sandbox and the webhooks on free ports; everything is closed at the end."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    accounts = _with_addresses(url)
    doors: dict[ProviderName, int] = {"twilio": 0, "meta": 0, "aggregator": 0}
    async with (
        running(folder, accounts, "127.0.0.1", Ports(0, 0, doors)) as sandbox,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{sandbox.ports.http}", timeout=30) as web,
    ):
        async with ledger.transaction() as tx:
            last = await (await tx.execute("SELECT coalesce(max(id), 0) AS id FROM inbound")).fetchone()
        assert last is not None
        world = World(ledger, sandbox, accounts, url, Engine(), web, last["id"])
        routes = {"*": {"sms": "sms", "whatsapp": "whatsapp", "call": "llamadas", "email": "correo"}}
        keys = {way.provider: world.adapter(way) for way in WAYS}
        world.providers = Providers(keys, {**routes, "*-agregador": {"sms": "sms-local"}})
        async with _webhooks(world, listening):
            yield world
        for provider in world.adapters.values():
            await provider.close()


@asynccontextmanager
async def _webhooks(world: World, listening: socket.socket) -> AsyncGenerator[None]:
    app = FastAPI()
    install(app)
    app.include_router(webhooks.router)
    app.state.parts = Parts(world.ledger, cast("Any", world.engine), Processors({}), world.providers, None, world.url)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", access_log=False))
    serving = asyncio.create_task(server._serve([listening]))
    try:
        yield
    finally:
        await asyncio.gather(*app.state.parts.running)
        server.should_exit = True
        await serving


def _with_addresses(url: str) -> Accounts:
    """Fresh accounts that post to the product."""
    at = f"{url}{PATHS}"
    told = {
        "twilio": {"messages_url": f"{at}/sms/messages", "voice_url": f"{at}/llamadas/incoming"},
        "meta": {"webhook_url": f"{at}/whatsapp"},
        "aggregator": {"status_url": f"{at}/sms-local/status", "messages_url": f"{at}/sms-local/messages"},
        "mail": {"webhook_url": f"{at}/correo/messages"},
    }
    invented = Accounts.invented().model_dump()
    return Accounts.model_validate({name: invented[name] | urls for name, urls in told.items()})
