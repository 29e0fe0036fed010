"""Somebody who writes to the bot, and a provider whose line breaks as a test wants."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

from activities.conversing import Conversing
from activities.engine import Engine
from channels.callbacks import Callback, Heard
from channels.message import Line, Message, Unreachable
from channels.providers import Providers
from ledger import inbound
from ledger.following import Told
from tests.ledger.given import Given, playbook, row

DOCUMENT = "1.234.567"
LAST4 = "4567"


class Double:
    """A provider at the edge of the network: takes every message, but for what `failing` says of the next ones."""

    channel = "sms"

    def __init__(self) -> None:
        self.key = f"sms-{uuid4().hex[:12]}"
        self.sent: list[Message] = []
        self.failing: list[Exception] = []
        self.tries = 0
        self.open = asyncio.Event()
        self.open.set()

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.sent]

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[Line]:
        if self.failing and isinstance(self.failing[0], Unreachable):
            self.tries += 1
            raise self.failing.pop(0)
        yield self

    async def send(self, message: Message) -> str:
        self.tries += 1
        if self.failing:
            raise self.failing.pop(0)
        await self.open.wait()
        self.sent.append(message)
        return f"SM-{len(self.sent)}"

    def read(self, callback: Callback) -> Heard:
        return Heard()

    async def close(self) -> None:
        """Nothing to let go of."""


class Listener:
    """The engine's double: takes what it is told."""

    def __init__(self) -> None:
        self.told: list[Told] = []

    async def tell(self, told: Told) -> bool:
        self.told.append(told)
        return True


@dataclass
class Somebody:
    """A person who owes on account A, and writes; `number` is theirs."""

    given: Given
    provider: Double
    number: str
    person: str
    engine: Listener = field(default_factory=Listener)
    written: int = 0
    bot: Conversing = field(init=False)

    def __post_init__(self) -> None:
        self.bot = self.worker()

    @classmethod
    async def owing(cls, given: Given, *, channels: tuple[str, ...] = ("sms",), **debtor: Any) -> "Somebody":
        """Whose first notice is due."""
        step = {"key": "aviso-1", "day": 1, "template": "overdue", "channels": list(channels), "at": "09:00"}
        stages = [{"stage": "administrative", "from_day": 1, "steps": [step]}]
        await given.set_up(playbook(f"{given.key}-book", stages=stages))
        number, person = f"+573{uuid4().int % 10**9:09}", f"persona-{uuid4().hex}"
        addresses = dict.fromkeys(channels, number)
        about = {"addresses": addresses, "authorised_channels": list(channels), "document": DOCUMENT, **debtor}
        await given.imported(row("A", ("1", "2026-02-01", "100000"), person=person, **about))
        await given.due_contact(given.journey("A"))
        return cls(given, Double(), number, person)

    def worker(self) -> Conversing:
        """One worker's bot."""
        providers = Providers({self.provider.key: self.provider}, {"*": {"sms": self.provider.key}})
        return Conversing(self.given.ledger, cast("Engine", self.engine), providers)

    async def writes(self, text: str, choice: str | None = None, *, number: str | None = None) -> int:
        """A message comes in; its number."""
        self.written += 1
        ref = f"{self.given.key}-{self.written}"
        address = number or self.number
        message = inbound.Written(self.provider.key, ref, "sms", address, text, choice, None, None, is_stop=False)
        taken = await inbound.take(self.given.ledger, message, lambda creditor: creditor == self.given.key)
        assert taken is not None
        return taken

    async def says(self, text: str, choice: str | None = None) -> str | None:
        """A message, and the bot's answer to it; none where nothing leaves."""
        before = len(self.provider.sent)
        await self.bot.answer(await self.writes(text, choice))
        await self.bot.sent()
        after = self.provider.sent[before:]
        assert len(after) <= 1
        return after[0].text if after else None

    async def identified(self) -> None:
        """Who it is, is known."""
        await self.says("hola")
        answer = await self.says(LAST4)
        assert answer is not None
        assert "Ana" in answer

    async def replies(self) -> list[tuple[str, str | None, str | None]]:
        """Of each answer, in order: the decision, what came of it, and its detail."""
        rows = await self.given.all(
            """SELECT c.decision, e.status, e.detail FROM contacts c LEFT JOIN contact_events e ON e.contact_id = c.id
            WHERE c.creditor = %s AND c.actor = 'bot' ORDER BY c.id, e.id""",
            self.given.key,
        )
        return [(each["decision"], each["status"], each["detail"]) for each in rows]

    async def tasks(self) -> list[str]:
        """Why people were asked, in order."""
        rows = await self.given.all("SELECT reason FROM tasks WHERE creditor = %s ORDER BY id", self.given.key)
        return [each["reason"] for each in rows]
