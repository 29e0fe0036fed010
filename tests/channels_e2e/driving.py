"""People of the tests' own, and the sandbox that takes the part of their telephones and mailboxes."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from senda.stack import Endpoints
from tests.api.calls import Api, Creditor, calling, plain
from tests.eventually import assert_eventually

START = datetime(2026, 2, 25, 13, tzinfo=UTC)
"""Wednesday 25 February 2026, eight in the morning in Bogotá."""

DUE = "2026-03-01"
STEP_1 = datetime(2026, 3, 2, 17, tzinfo=UTC)
"""Noon of the due date's morrow: the first step was at nine."""
STEP_2 = datetime(2026, 3, 10, 17, tzinfo=UTC)
"""Noon of the ninth day past due: the second step was at ten."""

DOCUMENT = "79.554.567"
LAST4 = "4567"
NAME = "Ana Gómez"


def digits(count: int) -> str:
    """Random digits."""
    return str(uuid4().int)[-count:]


@dataclass(frozen=True)
class Person:
    """Somebody with a telephone and a mailbox. `ending`: the number's last digits, by which the sandbox fails."""

    key: str = field(default_factory=lambda: f"persona-{uuid4().hex[:12]}")
    number: str = field(default_factory=lambda: f"+57300{digits(6)}1")
    mail: str = field(default_factory=lambda: f"ana.{uuid4().hex[:12]}@correo.invalid")
    name: str = NAME
    document: str = DOCUMENT
    letter: str = "Calle 10 # 5-51; Bogotá; Colombia"

    @classmethod
    def failing(cls, ending: str) -> "Person":
        """Somebody whose number the sandbox treats as its last four digits say."""
        return cls(number=f"+57310{digits(3)}{ending}")

    def address(self, channel: str) -> str:
        return {"email": self.mail, "letter": self.letter}.get(channel, self.number)

    def row(
        self, account: str, channels: list[str], amount: str = "125000.00", due: str = DUE, **debtor: Any
    ) -> dict[str, Any]:
        """An account of theirs that a creditor may write about by these channels."""
        return {
            "account": account,
            "debtor": {
                "key": self.key,
                "name": self.name,
                "language": "es",
                "time_zones": ["America/Bogota"],
                "addresses": {channel: self.address(channel) for channel in channels},
                "authorised_channels": channels,
                "document": self.document,
                **debtor,
            },
            "dues": [{"key": "1", "due_date": due, "amount": amount}],
        }


class Sandbox:
    """All the providers' other side."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def got(self, address: str, channel: str = "") -> list[dict[str, Any]]:
        """What arrived at an address, oldest first."""
        only = {"channel": channel} if channel else {}
        answer = await self.http.get("/inbox", params={"address": address, "limit": "100", **only})
        return answer.json()["items"][::-1]

    async def does(self, path: str, **order: Any) -> dict[str, Any]:
        """Something in a person's place; the answer of every action."""
        answer = await self.http.post(path, json=order)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def set(self, what: str, provider: str, mode: str, **more: Any) -> None:
        """A provider's fault (`faults`), or the manner of its callbacks (`callbacks`)."""
        answer = await self.http.put(f"/control/{what}/{provider}", json={"mode": mode, **more})
        assert answer.status_code == 200, answer.text

    async def quiet(self) -> None:
        """Wait until no callback is under way."""

        async def none_pending() -> None:
            assert (await self.http.get("/control/callbacks")).json()["pending"] == 0

        await assert_eventually(none_pending)


@dataclass
class Call:
    """A telephone call as the person hears it."""

    sandbox: Sandbox
    sid: str
    said: str = ""

    async def answers(self) -> str:
        """Take the call; what is said."""
        return await self._after("answer")

    async def presses(self, keys: str) -> str:
        """Press keys ("" is silence); what is said then."""
        return await self._after("press", keys=keys)

    async def chooses(self, words: str) -> str:
        """Press the key that the last menu names for these words; what is said then."""
        (key,) = re.findall(rf"Para {re.escape(words)}, marque (\d)", self.said)
        return await self.presses(key)

    async def hangs_up(self) -> None:
        await self.sandbox.does(f"/calls/{self.sid}/hangup")

    async def is_over(self) -> bool:
        return (await self.sandbox.http.get(f"/calls/{self.sid}")).json()["status"] == "completed"

    async def _after(self, what: str, **order: str) -> str:
        done = await self.sandbox.does(f"/calls/{self.sid}/{what}", **order)
        self.said = " ".join(done["said"])
        return self.said


async def calling_us(sandbox: Sandbox, number: str) -> Call:
    """Somebody calls us from a number."""
    done = await sandbox.does(f"/people/{number}/call")
    return Call(sandbox, done["call"]["sid"], " ".join(done["said"]))


@dataclass
class World:
    """The product, and the sandbox around it."""

    api: Api
    sandbox: Sandbox

    async def creditor(self, channels: list[str], suffix: str = "", **changes: Any) -> Creditor:
        """A creditor whose playbook has a friendly step on day 1 at nine and a firm one on day 9 at ten, by these
        channels; the end of its key, `suffix`, decides about its providers."""
        key = f"acreedor-{uuid4().hex[:12]}{suffix}"
        steps = [
            {
                "key": "aviso-1",
                "day": 1,
                "channels": channels,
                "template": "overdue",
                "tone": "friendly",
                "at": "09:00",
            },
            {"key": "aviso-9", "day": 9, "channels": channels, "template": "overdue", "tone": "firm", "at": "10:00"},
        ]
        book = {
            "key": f"libro-{key}",
            "stages": [
                {"stage": "preventive", "from_day": -5, "steps": []},
                {"stage": "administrative", "from_day": 1, "steps": steps},
            ],
            "ends": {"day": 120, "outcome": "referred"},
        }
        assert (await self.api.http.put(f"/v1/playbooks/{book['key']}", json=book)).status_code == 200
        body = {
            "name": "Crédito Amable",
            "pack": "CO",
            "currency": "COP",
            "playbook": book["key"],
            "test_clock": START.isoformat(),
            "time_zone": "America/Bogota",
            "pay_url": "https://pagos.example/{reference}",
            **changes,
        }
        answer = await self.api.http.put(f"/v1/creditors/{key}", json=body)
        assert answer.status_code == 200, answer.text
        return Creditor(self.api, key)

    async def written_to(
        self, channels: list[str], *people: Person, suffix: str = "", **debtor: Any
    ) -> tuple[Creditor, list["Debtor"]]:
        """A creditor, and people who each got its first step: account A is the first one's, B the second's, …"""
        creditor = await self.creditor(channels, suffix)
        debtors = [Debtor(self, creditor, chr(ord("A") + place), person) for place, person in enumerate(people)]
        await creditor.imports(*(each.person.row(each.account, channels, **debtor) for each in debtors))
        await creditor.advances(STEP_1)
        return creditor, debtors

    async def debtor(self, *channels: str, person: Person | None = None, suffix: str = "", **debtor: Any) -> "Debtor":
        """Somebody who got a creditor's first step."""
        _, (only,) = await self.written_to(list(channels), person or Person(), suffix=suffix, **debtor)
        return only


@dataclass
class Debtor:
    """One person with one account at one creditor."""

    world: World
    creditor: Creditor
    account: str
    person: Person

    async def contacts(self, **fields: Any) -> list[dict[str, Any]]:
        """The contacts of the account that have these values, in order; none that were skipped as past."""
        found = await self.creditor.get(self.account, "/contacts")
        wanted = [each for each in found if each["status"] != "skipped" or each["reason"] != "past"]
        return [each for each in wanted if all(each[name] == value for name, value in fields.items())]

    async def contact(self, **fields: Any) -> dict[str, Any]:
        """The only contact with these values."""
        (found,) = await self.contacts(**fields)
        return found

    async def becomes(self, status: str, **fields: Any) -> dict[str, Any]:
        """The only contact with these fields, once it has this status."""

        async def has() -> dict[str, Any]:
            found = await self.contacts(**fields)
            assert [each["status"] for each in found] == [status]
            return found[0]

        return await assert_eventually(has)

    async def journey(self) -> dict[str, Any]:
        return await self.creditor.get(self.account)

    async def facts(self, kind: str) -> list[dict[str, Any]]:
        """What happened of a kind, in order."""
        return [each for each in (await self.creditor.get(self.account, "/events"))["items"] if each["kind"] == kind]

    async def got(self, channel: str = "") -> list[dict[str, Any]]:
        """What arrived at the person, oldest first; `channel` none: at the telephone."""
        return await self.world.sandbox.got(self.person.address(channel), channel)

    async def message(self, channel: str = "") -> dict[str, Any]:
        """The only message."""
        (found,) = await self.got(channel)
        return found

    async def answers(self, channel: str, **said: str) -> dict[str, Any]:
        """Reply to the last message, by `text` or by the key of a `choice`, and wait for what is said back."""
        before = await self.got(channel)
        done = await self.world.sandbox.does(f"/inbox/{before[-1]['id']}/reply", **said)
        assert done["status"] == 200, done

        async def more() -> dict[str, Any]:
            now = await self.got(channel)
            assert len(now) > len(before)
            return now[len(before)]

        return await assert_eventually(more)

    async def chooses(self, channel: str, label: str) -> dict[str, Any]:
        """Take a choice of the last message by its label: a button, or what the text says to reply for it."""
        last = (await self.got(channel))[-1]
        if last["choices"]:
            (key,) = (choice["key"] for choice in last["choices"] if choice["label"] == label)
            return await self.answers(channel, choice=key)
        (token,) = re.findall(rf"^(\S+) {re.escape(label)}$", last["text"], re.MULTILINE)
        return await self.answers(channel, text=token)

    async def writes(self, channel: str, text: str) -> dict[str, Any]:
        """Reply to the last message, whatever follows."""
        last = (await self.got(channel))[-1]
        done = await self.world.sandbox.does(f"/inbox/{last['id']}/reply", text=text)
        assert done["status"] == 200, done
        return done

    async def rings(self) -> Call:
        """The call that the person gets."""
        return Call(self.world.sandbox, (await self.message("call"))["provider_ref"])

    async def calls(self) -> Call:
        """The person calls us, and hears what is said."""
        return await calling_us(self.world.sandbox, self.person.number)

    async def authorised(self) -> list[str]:
        """The channels that may be used by now."""
        return (await self._preferences())["creditors"][0]["authorised_channels"]

    async def said(self) -> list[dict[str, Any]]:
        """What the person said about being contacted, newest first."""
        return [entry for entry in (await self._preferences())["history"] if entry["subject"] != "file"]

    async def _preferences(self) -> dict[str, Any]:
        return (await self.world.api.http.get(f"/v1/debtors/{self.person.key}/preferences")).json()

    async def tasks(self, count: int = 1, **query: str) -> list[dict[str, Any]]:
        """The tasks about the account, once there are so many."""

        async def has() -> list[dict[str, Any]]:
            answer = await self.world.api.http.get("/v1/tasks", params={"creditor": self.creditor.key, **query})
            found = [each for each in answer.json()["items"] if each["account"] == self.account]
            assert len(found) == count, found
            return found

        return await assert_eventually(has)

    async def answered_all(self) -> None:
        """Wait until nothing that the person wrote waits for the bot."""

        async def nothing_waits() -> None:
            rows = await self.world.api.rows(
                "SELECT FROM inbound_waiting w JOIN inbound i ON i.id = w.inbound_id WHERE i.address = ANY(%s)",
                [self.person.number, self.person.mail],
            )
            assert rows == []

        await assert_eventually(nothing_waits)

    async def invalid(self) -> list[tuple[str, str]]:
        """Channel and code of each address at which nobody is."""
        rows = await self.world.api.rows(
            "SELECT i.channel, i.code FROM invalid_addresses i JOIN debtors d ON d.id = i.debtor_id"
            " JOIN people p ON p.id = d.person_id WHERE d.creditor = %s AND p.key = %s ORDER BY i.id",
            self.creditor.key,
            self.person.key,
        )
        return [(row["channel"], row["code"]) for row in rows]


@asynccontextmanager
async def around(stack: Endpoints) -> AsyncGenerator[World]:
    """The product of a running stack, and its sandbox."""
    async with (
        calling(stack) as api,
        httpx.AsyncClient(base_url=stack.sandbox, timeout=30, transport=plain()) as http,
    ):
        yield World(api, Sandbox(http))


def minutes_after(at: datetime, minutes: int) -> datetime:
    return at + timedelta(minutes=minutes)
