"""What the benchmarks share: the site that they run on, and a figure beside its floor."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import httpx
from temporalio.client import Client

from journey.playbook import parse_playbook
from senda.client import SendaClient
from senda.stack import Endpoints

AT_ONCE = 24
TODAY = date(2026, 3, 3)
"""A Tuesday without a holiday near; the test clocks stand on it."""

BOOK: dict[str, Any] = {
    "key": "bench",
    "stages": [
        {
            "stage": "administrative",
            "from_day": 1,
            "steps": [
                {"key": "notice", "day": 1, "channels": ["email"], "template": "overdue", "at": "09:00"},
                {"key": "second", "day": 8, "channels": ["email"], "template": "overdue", "at": "09:00"},
            ],
        }
    ],
    "ends": {"day": 90, "outcome": "referred"},
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A measurement; `floor` in the same unit, none where nothing stands under it. A ratio of 1 is the floor itself."""

    name: str
    value: float
    unit: str
    floor: float | None = None
    ratio: float | None = None

    def as_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Site:
    """A running stack, its engine's bare client and one that opens sealed payloads, and the product's client."""

    endpoints: Endpoints
    engine: Client
    sealed: Client
    client: SendaClient

    async def creditor(self, name: str) -> str:
        """A fresh creditor on a test clock at 08:00 in Bogotá."""
        key = f"{name}-{secrets.token_hex(4)}"
        await self.client.put_playbook("bench", parse_playbook(BOOK).model_dump(mode="json"))
        await self.client.put_creditor(
            key,
            {
                "name": "Bench",
                "pack": "CO",
                "currency": "COP",
                "playbook": "bench",
                "test_clock": f"{TODAY.isoformat()}T08:00:00-05:00",
            },
        )
        return key

    async def load(self, creditor: str, accounts: int) -> float:
        """Import accounts that are one day past due; returns the seconds that the start of their journeys took."""
        lines = "\n".join(json.dumps(_account(creditor, number)) for number in range(accounts))
        headers = {"authorization": f"Bearer {self.endpoints.api_key}", "content-type": "application/x-ndjson"}
        clock = asyncio.get_running_loop().time
        began: float | None = None
        async with httpx.AsyncClient(base_url=self.endpoints.api, headers=headers, timeout=60) as http:
            answer = await http.post("/v1/imports", params={"creditor": creditor}, content=lines)
            path = f"/v1/imports/{answer.raise_for_status().json()['import_id']}"
            while True:
                status = (await http.get(path)).raise_for_status().json()["status"]
                if status != "applying" and began is None:
                    began = clock()
                if status == "done" and began is not None:
                    return clock() - began
                await asyncio.sleep(0.005)


def _account(creditor: str, number: int) -> dict[str, Any]:
    return {
        "account": f"a{number}",
        "debtor": {
            "key": f"{creditor}-{number}",
            "addresses": {"email": f"d{number}@bench.invalid"},
            "authorised_channels": ["email"],
        },
        "dues": [{"key": "1", "due_date": (TODAY - timedelta(days=1)).isoformat(), "amount": "100000"}],
    }


def at(hour: int) -> datetime:
    """An hour of the test clock's day in Bogotá."""
    return datetime.fromisoformat(f"{TODAY.isoformat()}T{hour:02}:00:00-05:00")


async def side_by_side(work: Callable[[int], Awaitable[None]], numbers: Iterable[int]) -> None:
    """Do something for each number, `AT_ONCE` at a time."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with free:
            await work(number)

    async with asyncio.TaskGroup() as group:
        for number in numbers:
            group.create_task(one(number))
